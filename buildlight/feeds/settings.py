"""What the configuration says of one feed, checked."""

from collections.abc import Callable
from dataclasses import dataclass

from buildlight.feeds import Feed, FeedOptions
from buildlight.projects.feed_state import Rules
from buildlight.projects.selection import Selection


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """One feed, checked; *interval* and *building_interval* are seconds between polls."""

    name: str
    kind: Callable[..., Feed]
    options: FeedOptions
    rules: Rules
    selection: Selection
    interval: float
    building_interval: float
