"""The settings of one feed, checked."""

from dataclasses import dataclass

from buildlight.feeds.feed import FeedKind, FeedOptions
from buildlight.projects.feed_state import Rules
from buildlight.projects.selection import Selection


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """One ``[[feeds]]`` table; *interval* and *building_interval* are seconds between polls."""

    name: str
    kind: type[FeedKind]
    options: FeedOptions
    rules: Rules
    selection: Selection
    interval: float
    building_interval: float
