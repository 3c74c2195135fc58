"""How polls went since the daemon started: how many, which failed how, how long they took."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field

from buildlight.errors import FeedError, FeedMalformed, FeedRefused, FeedUnreachable

KINDS: Mapping[type[FeedError], str] = {
    FeedUnreachable: "unreachable",
    FeedRefused: "refused",
    FeedMalformed: "malformed",
}
OTHER = "other"
"""The kind of a failure for which nobody has a name: a feed's own reader, for instance."""

BOUNDS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Seconds up to which polls are counted apart; none takes much longer than 20."""


@dataclass(slots=True)
class Polls:
    """One feed's polls; *durations* counts those up to each of :data:`BOUNDS`, and the rest."""

    failures: Counter[str] = field(default_factory=Counter)
    durations: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    @property
    def count(self) -> int:
        """How many there were."""
        return sum(self.durations)


class Tally:
    """The polls of every feed, by its name."""

    def __init__(self) -> None:
        self._feeds: dict[str, Polls] = {}

    def count(self, feed: str, error: FeedError | None, seconds: float) -> None:
        """Remember one poll of *feed* that took *seconds*, and its *error* if it failed."""
        polls = self._feeds.setdefault(feed, Polls())
        polls.durations[bisect_left(BOUNDS, seconds)] += 1
        polls.seconds += seconds
        if error is not None:
            polls.failures[KINDS.get(type(error), OTHER)] += 1

    def of(self, feed: str) -> Polls:
        """Return the polls of *feed* until now."""
        return self._feeds.get(feed, Polls())

    def copy(self) -> "Tally":
        """Return the polls as they are now, for somebody who takes his time."""
        return deepcopy(self)
