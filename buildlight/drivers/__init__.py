"""Lights: one module for each kind of light, behind one small contract.

A driver is a class, registered under a name in the entry-point group ``buildlight.drivers``.
Built-in drivers are found in the same way as plug-ins. A driver's library is imported only when
a lamp uses the driver. ``conformance.check_driver`` tests whether a driver keeps the contract.
Everything else that a plug-in imports is in this module.
"""

from collections.abc import Mapping
from typing import ClassVar, Protocol, cast, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from buildlight.errors import DriverNotFound, LightUnavailable
from buildlight.patterns.fitting import SLOWER
from buildlight.patterns.known import Known
from buildlight.patterns.pattern import Channel, Frame, Pattern, frame_at
from buildlight.system import plugins

__all__ = [
    "Channel",
    "Confirming",
    "Driver",
    "DriverOptions",
    "Frame",
    "Known",
    "LightUnavailable",
    "Patient",
    "Pattern",
    "PatternDriver",
    "Wired",
    "frame_at",
    "installed",
    "load_driver",
]

GROUP = "buildlight.drivers"

WAIT = "wait for a light that is missing at start; false: report it and exit"
"""Describes ``wait_for_light`` in every driver."""


class DriverOptions(BaseModel):
    """The keys of a ``[[lamps]]`` table that belong to its driver.

    A driver derives its own from this. Unknown keys are errors; an error names the key and never
    the value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    wait_for_light: bool = Field(default=False, description=WAIT)
    relay: bool = Field(
        default=False,
        description="a mechanical relay switches the light: it blinks no faster than once a "
        "second, to save the contacts",
    )

    @property
    def channels(self) -> frozenset[Channel]:
        """The channels of the light; patterns are fitted to them before the light is opened."""
        return frozenset({Channel.RED, Channel.AMBER, Channel.GREEN})

    @property
    def dims(self) -> bool:
        """Whether the light has levels between on and off."""
        return False

    @property
    def pace(self) -> float:
        """How many times slower than written rhythms are, for the sake of the light."""
        return SLOWER if self.relay else 1.0

    def combines(self, lit: frozenset[Channel]) -> bool:
        """Return whether the light can show exactly the channels *lit* together."""
        return lit <= self.channels

    @property
    def claims(self) -> frozenset[str]:
        """What only one lamp can use, in words for a person: ``GPIO17``."""
        return frozenset()

    @property
    def warning(self) -> str | None:
        """A sentence about an unwise key; it is logged at every start."""
        return None


class Driver(Protocol):
    """A light; calling the class with its options opens it.

    Plain synchronous code, called from one thread, one call at a time. The constructor and
    :meth:`show` raise :class:`errors.LightUnavailable`, with a sentence; the lamp then opens
    the light again later.
    """

    Options: ClassVar[type[DriverOptions]]
    refresh: ClassVar[float | None]
    """Seconds after which the frame is shown again, as a light may lose it; ``None``: never."""

    def show(self, frame: Frame) -> None:
        """Show *frame* until the next one. A light without levels lights every channel in it."""
        ...

    def close(self) -> None:
        """Make the light dark, then release it. It is called at the end and after any failure.

        Never raises; safe to call twice. No frame is shown after it: the lamp opens a new
        light instead.
        """
        ...


@runtime_checkable
class PatternDriver(Protocol):
    """A light that can play a rhythm by itself, without a command for each step."""

    def plays(self, pattern: Pattern) -> bool:
        """Return whether the light can play *pattern*; otherwise it is shown frames."""
        ...

    def play(self, pattern: Pattern) -> None:
        """Play *pattern* from its start, until the next call."""
        ...


@runtime_checkable
class Wired(Protocol):
    """A light that knows where each of its channels is connected."""

    @property
    def wiring(self) -> Mapping[Channel, str]:
        """The place of each channel's wire: ``GPIO17, header pin 11``."""
        ...


@runtime_checkable
class Confirming(Protocol):
    """A light that says how far it is known to show what it was told; others are only told."""

    @property
    def known(self) -> Known:
        """What is known since the last frame or pattern that did not raise."""
        ...


@runtime_checkable
class Patient(Protocol):
    """A light that may take its time, as one in the network does."""

    @property
    def patience(self) -> float:
        """Seconds that a call may take before the light counts as lost."""
        ...


def installed() -> tuple[str, ...]:
    """Return the names of all drivers."""
    return plugins.installed(GROUP)


def load_driver(name: str) -> type[Driver]:
    """Return the class of the driver called *name*.

    Raises :class:`DriverNotFound`, or :class:`ConfigError` if the driver is not usable.
    """
    driver = plugins.load_plugin(GROUP, name, what="driver", options=DriverOptions)
    if driver is None:
        raise DriverNotFound(name, installed=installed())
    return cast("type[Driver]", driver)
