"""Why green is forbidden, as values. Pure.

The signal of a lamp depends on these values, and ``reasons`` puts them into words: a change of a
sentence cannot change a lamp.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from buildlight.projects.feed_state import Freshness
from buildlight.projects.selection import Selection, required
from buildlight.projects.signal import Doubt
from buildlight.report.rows import Row, Watched, oldest_first


@dataclass(frozen=True, slots=True)
class NeverAnswered(Doubt):
    """*feed* has given no good answer since the start; *error* is the last failure."""

    feed: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Silent(Doubt):
    """The last good answer of *feed* is *age* seconds old."""

    feed: str
    age: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Unconfirmed(Doubt):
    """*feed* answers, but without a definite word for *names* for *age* seconds or longer."""

    feed: str
    names: tuple[str, ...]
    age: float


@dataclass(frozen=True, slots=True)
class Unwritten(Doubt):
    """The stored verdicts of *names* may be outdated until *feed* confirms them."""

    feed: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UnknownWord(Doubt):
    """*feed* sends an unknown word for *names*, and their last known word is too old."""

    feed: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Vanished(Doubt):
    """*names* are missing from *feed*, and were broken when last seen."""

    feed: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NothingCounts(Doubt):
    """*feed* answers, but none of its projects counts."""

    feed: str


@dataclass(frozen=True, slots=True)
class Missing(Doubt):
    """The lamp includes names that none of *feeds* has."""

    names: tuple[str, ...]
    feeds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NothingMatches(Doubt):
    """The lamp's patterns match no project of *feeds*; without feeds it watches nothing."""

    feeds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FeedRows:
    """A feed, all its *rows*, and those that are *counting* for a lamp.

    *certain* says that no project of it is missing, unconfirmed or doubted.
    """

    feed: Watched
    rows: Sequence[Row]
    counting: Sequence[Row]
    certain: bool = False


def doubts_of(
    watched: Sequence[FeedRows],
    selection: Selection,
    *,
    now: float,
) -> tuple[Doubt, ...]:
    """Return the reasons why a lamp with this *selection* may not be green.

    *watched* are its feeds. No project counts as missing while a feed is in doubt. *now* is
    seconds as in :class:`feed_state.Reading`.
    """
    doubts = [doubt for each in watched for doubt in _of_feed(each, now=now)]
    return (*(doubts or _of_absence(watched, selection)),)


def _of_feed(watched: FeedRows, *, now: float) -> Iterable[Doubt]:
    feed, rows = watched.feed, watched.counting
    state, rules = feed.state, feed.rules
    if state.answered is None:
        yield NeverAnswered(feed.name, feed.error)
    elif state.freshness(rules, now=now) is Freshness.STALE:
        yield Silent(feed.name, now - state.answered, feed.error)
    elif not watched.certain:
        found = {
            UnknownWord: state.unknown(rules, now=now),
            Vanished: state.vanished(rules),
            Unwritten: state.unwritten(rules),
        }
        old = state.doubtful(rules, now=now)
        # Rare, so the names of 50,000 projects are not collected for each report.
        odd = old.union(*found.values())
        told = {row.name: row.told.name for row in oldest_first(rows if odd else ())}
        if names := (*(shown for name, shown in told.items() if name in old),):
            yield Unconfirmed(feed.name, names, rules.expiry)
        for doubt, which in found.items():
            if names := (*(shown for name, shown in told.items() if name in which),):
                yield doubt(feed.name, names)


def _of_absence(watched: Sequence[FeedRows], selection: Selection) -> Iterable[Doubt]:
    for each in watched:
        if all(row.left_out for row in each.rows):
            yield NothingCounts(each.feed.name)
    feeds = tuple(each.feed.name for each in watched)
    missing = required(selection.include)
    if missing:
        missing -= {row.name for each in watched for row in each.counting}
    if missing:
        yield Missing((*sorted(missing),), feeds)
    elif not any(each.counting for each in watched):
        yield NothingMatches(feeds)
