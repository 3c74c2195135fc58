"""The settings of one feed, checked."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from buildlight.feeds.feed import FeedKind, FeedOptions
from buildlight.projects.feed_state import Rules
from buildlight.projects.selection import Selection


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """One ``[[feeds]]`` table; *interval* and *building_interval* are seconds between polls.

    *raised* are sentences about those that the file wants shorter than the server allows.
    """

    name: str
    kind: type[FeedKind]
    options: FeedOptions
    rules: Rules
    selection: Selection
    interval: float
    building_interval: float
    raised: tuple[str, ...] = ()


def warnings_of(feeds: Iterable[FeedSettings]) -> Iterator[tuple[str, str]]:
    """Yield what is unwise about *feeds*, each with a name; of one feed twice it is said once."""
    seen: dict[tuple[object, FeedOptions], list[FeedSettings]] = {}
    told: dict[str, list[str]] = {}
    for feed in feeds:
        for sentence in feed.raised:
            told.setdefault(sentence, []).append(feed.name)
        seen.setdefault((feed.kind, feed.options), []).append(feed)
    for (_, options), same in seen.items():
        if options.warning is not None:
            yield ", ".join(feed.name for feed in same), options.warning
        for number, feed in enumerate(same):
            before = same[:number]
            twin = next((each for each in before if _alike(each, feed)), None)
            if twin is not None:
                yield feed.name, f"is the same feed as {twin.name}; remove one of the two tables"
    for sentence, names in told.items():
        yield ", ".join(names), sentence


def _alike(one: FeedSettings, other: FeedSettings) -> bool:
    return (one.selection, one.rules) == (other.selection, other.rules)
