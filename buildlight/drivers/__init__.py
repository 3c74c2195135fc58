"""Lights: one module a kind of light, behind one small contract.

A driver is a name in the entry-point group ``buildlight.drivers`` that leads to a class. The
built-in drivers are found in the same way as plug-ins. A driver's library is imported only when
a lamp is configured for it. ``conformance.check_driver`` tests whether a driver keeps the
contract. A plug-in finds here everything else that it imports.
"""

from collections.abc import Mapping
from typing import ClassVar, Protocol, cast, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from buildlight.errors import DriverNotFound, LightUnavailable
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
        """What the light has; patterns are fitted to it before it is opened."""
        return frozenset({Channel.RED, Channel.AMBER, Channel.GREEN})

    @property
    def dims(self) -> bool:
        """Whether the light knows levels between on and off."""
        return False

    @property
    def claims(self) -> frozenset[str]:
        """What no two lamps can have at once, as a person calls it: ``GPIO17``."""
        return frozenset()


class Driver(Protocol):
    """A light, opened by calling its class with its options.

    Plain synchronous code, called from one thread, one call at a time. Opening and
    :meth:`show` raise :class:`errors.LightUnavailable`, with a sentence; the lamp then opens
    the light anew, later.
    """

    Options: ClassVar[type[DriverOptions]]
    refresh: ClassVar[float | None]
    """Seconds after which the frame is shown again, for lights that may forget it."""

    def show(self, frame: Frame) -> None:
        """Show *frame* until the next. An on/off light lights every channel of it."""
        ...

    def close(self) -> None:
        """Go dark, then let go of the light: last of all, and not only after a success.

        Never raises; safe to call twice. Nothing is shown after it: a light that is wanted
        again is opened anew, so that what a closed one does with a frame is its own affair.
        """
        ...


@runtime_checkable
class PatternDriver(Protocol):
    """A light that can keep a rhythm by itself, so that the wire is quiet meanwhile."""

    def plays(self, pattern: Pattern) -> bool:
        """Return whether the light keeps the rhythm of *pattern*; else it is shown frames."""
        ...

    def play(self, pattern: Pattern) -> None:
        """Play *pattern* from its start, until the next."""
        ...


@runtime_checkable
class Wired(Protocol):
    """A light that can say where each of its channels is connected."""

    @property
    def wiring(self) -> Mapping[Channel, str]:
        """Where the wire of each channel goes: ``GPIO17, header pin 11``."""
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

    Raises :class:`DriverNotFound`, or :class:`ConfigError` for one that cannot be used.
    """
    driver = plugins.load_plugin(GROUP, name, what="driver", options=DriverOptions)
    if driver is None:
        raise DriverNotFound(name, installed=installed())
    return cast("type[Driver]", driver)
