"""Statistics since the start: of polls, and of what is published at a broker. Pure."""

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
"""The kind of any other failure, such as one of a plug-in."""

BOUNDS = (0.1, 0.3, 1.0, 3.0, 10.0)
"""Upper bounds of the duration buckets, in seconds; a poll rarely takes more than 20."""


@dataclass(slots=True)
class Polls:
    """One feed's polls; *durations* counts those up to each of :data:`BOUNDS`, and the rest.

    *answered* is when the last good answer came, in seconds as in :class:`feed_state.Reading`.
    """

    failures: Counter[str] = field(default_factory=Counter)
    durations: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0
    answered: float | None = None

    @property
    def count(self) -> int:
        """The number of polls."""
        return sum(self.durations)


@dataclass(slots=True)
class BrokerStats:
    """What was published; nothing counts before the broker is *configured*."""

    configured: bool = False
    connected: bool = False
    connections: int = 0
    messages: int = 0
    size: int = 0
    """Bytes of the payloads."""

    def count(self, payload: bytes) -> None:
        """Count one message with *payload*."""
        self.messages += 1
        self.size += len(payload)


class PollStats:
    """Counts the polls of every feed, by name, and what is published."""

    def __init__(self) -> None:
        self.broker = BrokerStats()
        self._feeds: dict[str, Polls] = {}

    def count(
        self, feed: str, error: FeedError | None, seconds: float, *, answered: float | None = None
    ) -> None:
        """Count one poll of *feed* that took *seconds*, with its *error* if it failed."""
        polls = self._feeds.setdefault(feed, Polls())
        polls.durations[bisect_left(BOUNDS, seconds)] += 1
        polls.seconds += seconds
        polls.answered = answered
        if error is not None:
            polls.failures[KINDS.get(type(error), OTHER)] += 1

    def of(self, feed: str) -> Polls:
        """Return the statistics of *feed*."""
        return self._feeds.get(feed, Polls())

    def totals(self) -> Mapping[str, tuple[int, int]]:
        """Return the number of polls and of failures of each feed."""
        return {name: (polls.count, polls.failures.total()) for name, polls in self._feeds.items()}

    def copy(self) -> "PollStats":
        """Return a copy of the statistics, for a slow reader."""
        return deepcopy(self)
