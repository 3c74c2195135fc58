"""The settings of one lamp, checked."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from buildlight.drivers import Driver, DriverOptions
from buildlight.hours import Hours
from buildlight.patterns.pattern import Pattern
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import Event


@dataclass(frozen=True, slots=True)
class LampSettings:
    """One lamp, checked.

    *patterns* has a pattern for every signal, *events* those that are played once; both are fitted
    to the light. *closed* (0..1) is the brightness outside of *hours*. *keys* are the driver's.
    """

    name: str
    driver: str
    light: Callable[[Any], Driver]
    options: DriverOptions
    feeds: frozenset[str]
    selection: Selection
    patterns: Mapping[str, Pattern]
    events: Mapping[Event, Pattern] = field(default_factory=dict)
    hours: Hours | None = None
    closed: float = 0.0
    keys: Mapping[str, Any] = field(default_factory=dict)

    def open_light(self) -> Driver:
        """Open the lamp's light; raises :class:`errors.LightUnavailable`."""
        # Of a light that a broker can mark as stale when this program is gone.
        willed: Callable[..., Driver] | None = getattr(self.light, "willed", None)
        if willed is not None:
            return willed(self.options, stale=self.patterns["stale"])
        return self.light(self.options)
