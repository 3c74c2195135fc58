"""A lamp as the report sees it: what it watches, how it looks, and how its light is. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from buildlight.hours import Hours
from buildlight.patterns.known import Known
from buildlight.patterns.pattern import Pattern
from buildlight.projects.selection import Selection


class Light(Enum):
    """The state of a lamp's light."""

    OK = "ok"
    WAITING = "waiting"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Shown:
    """A lamp as the report sees it; *feeds* are names, *patterns* are by signal's name.

    Outside of its *hours*, if it has any, *closed* (0..1) is the brightness that is left.
    *trouble* says why its light is not ok, if that is known; *known* is what stands behind one
    that is.
    """

    # Not LampSettings: that holds a driver, which this pure room may not import.
    name: str
    driver: str
    feeds: frozenset[str]
    patterns: Mapping[str, Pattern]
    light: Light = Light.OK
    selection: Selection = field(default_factory=Selection)
    hours: Hours | None = None
    closed: float = 0.0
    trouble: str | None = None
    known: Known | None = None
