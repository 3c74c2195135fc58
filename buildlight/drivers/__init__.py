"""Lights: one module a kind of light, behind one small contract.

A driver is a name in the entry-point group ``buildlight.drivers`` that leads to a class. The
built-in drivers are found in the same way as plug-ins. A driver's library is imported only when
a lamp is configured for it. ``conformance.check_driver`` tests whether a driver keeps the
contract. A plug-in finds here everything else that it imports.
"""

import logging
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import ClassVar, Protocol, cast, runtime_checkable

from pydantic import BaseModel, ConfigDict

from buildlight.errors import ConfigError, DriverNotFound, LightUnavailable
from buildlight.patterns.pattern import Channel, Frame, Pattern, frame_at

__all__ = [
    "Channel",
    "Driver",
    "DriverOptions",
    "Frame",
    "LightUnavailable",
    "Pattern",
    "PatternDriver",
    "Wired",
    "frame_at",
    "installed",
    "load_driver",
]

GROUP = "buildlight.drivers"

log = logging.getLogger(__name__)


class DriverOptions(BaseModel):
    """The keys of a ``[[lamps]]`` table that only one driver knows.

    A driver derives its own from this. Unknown keys are mistakes; a mistake is told with its
    key and never with its value.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    wait_for_light: bool = False
    """Whether the daemon waits for a light that is missing at start, or says so and stops."""
    relay: bool = False
    """Whether a mechanical relay switches the light: nothing then moves faster than 1 Hz."""

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


def installed() -> tuple[str, ...]:
    """Return the names of all drivers there are."""
    return tuple(sorted(entry_points(group=GROUP).names))


def load_driver(name: str) -> type[Driver]:
    """Return the class of the driver called *name*.

    Raises :class:`DriverNotFound`, or :class:`ConfigError` if it is there but does not import, is
    no driver, or is offered more than once: none is guessed, but a built-in one is never replaced.
    """
    offers = {each.value: each for each in entry_points(group=GROUP, name=name)}
    if not offers:
        raise DriverNotFound(name, installed=installed())
    ours = {value: each for value, each in offers.items() if value.startswith(f"{__name__}.")}
    if len(offers) > 1:
        sentence = f"driver {name!r} is offered by {' and '.join(map(_giver, offers.values()))}"
        if not ours:
            raise ConfigError(f"{sentence}; uninstall all but one")
        log.warning("%s; the built-in one is used", sentence)
    return _loaded(name, next(iter((ours or offers).values())))


def _giver(offer: EntryPoint) -> str:
    return f"{offer.dist.name} {offer.dist.version}" if offer.dist else offer.value


def _loaded(name: str, offer: EntryPoint) -> type[Driver]:
    try:
        driver = offer.load()
    except Exception as exc:  # a driver may be anybody's, and its mistakes of any kind
        reason = str(exc) or type(exc).__name__
        raise ConfigError(f"driver {name!r} is installed but does not import: {reason}") from exc
    options = getattr(driver, "Options", None)
    if not isinstance(options, type) or not issubclass(options, DriverOptions):
        raise ConfigError(
            f"driver {name!r} is no driver: its Options do not derive from DriverOptions; its "
            "author finds out more with buildlight.drivers.conformance.check_driver"
        )
    return cast("type[Driver]", driver)
