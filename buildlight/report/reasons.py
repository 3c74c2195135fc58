"""Why a lamp looks as it does, in sentences. Pure.

Sentences are made from values and decide nothing: what a lamp shows is in ``doubts`` and
``projects.signal``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from buildlight.projects.selection import Selection
from buildlight.projects.signal import Doubt, Signal
from buildlight.projects.verdict import Verdict
from buildlight.redaction import printable
from buildlight.report.doubts import (
    FeedRows,
    Missing,
    NeverAnswered,
    NothingCounts,
    NothingMatches,
    Silent,
    Unconfirmed,
    UnknownWord,
    Unwritten,
    Vanished,
)
from buildlight.report.rows import LeftOut, Row, Tally, TooOld, Watched, aged_out, oldest_first
from buildlight.wording import count, span, time_of

RULES: Mapping[str, str] = {
    "broken": "one broken project is enough; it stays broken until a build of it passes",
    "broken-building": "a running build never hides a broken project; the lamp moves while every "
    "broken project is being built",
    "broken-stale": "broken outranks everything; the amber double blink says that other projects "
    "are unknown",
    "broken-building-stale": "broken outranks everything, and every broken project is being "
    "built; the amber double blink says that other projects are unknown",
    "stale": "unknown or old results are never shown as passing",
    "passing": "every project with a known result passes, and every feed answered recently",
    "passing-building": "the result of the last completed build stands while the next one runs",
    "none": "a project without a completed build neither passes nor is broken",
    "none-building": "a project without a completed build neither passes nor is broken; its "
    "first build is running",
}
"""What each signal means, by its name in :data:`signal.RANKS`."""


@dataclass(frozen=True, slots=True)
class Naming:
    """How sentences name feeds and projects; the name of an only feed is left out."""

    several: bool

    def feed(self, name: str) -> str:
        """Return how a sentence calls the feed *name*."""
        return name if self.several else "the feed"

    def project(self, row: Row) -> str:
        """Return how a sentence calls the project of *row*."""
        return str(row) if self.several else row.plain_name

    def projects(self, rows: Sequence[Row]) -> str:
        """Return the names of *rows*: a few of them, and how many more there are."""
        named = ", ".join(map(self.project, rows[:NAMED]))
        more = len(rows) - NAMED
        return f"{named} and {more} more" if more > 0 else named


NAMED = 3
"""Most projects that a sentence names; the rest is counted."""
SEVERAL = Naming(several=True)


def why(doubt: Doubt, naming: Naming = SEVERAL) -> str:
    """Say why *doubt* forbids green."""
    feed = naming.feed
    match doubt:
        case NeverAnswered(name, error):
            return f"{feed(name)} has not answered yet{_after(error)}"
        case Silent(name, age, error):
            return f"{feed(name)} gave no good answer for {span(age)}{_after(error)}"
        case NothingCounts(name):
            return f"{feed(name)} answers, but none of its projects counts"
        case Missing(names, feeds):
            return f"no project named {_listed(names)} in {', '.join(map(feed, feeds))}"
        case NothingMatches(feeds):
            of = ", ".join(map(feed, feeds))
            return f"no project of {of} matches" if feeds else "it watches no feed"
    return _why_of_projects(doubt, feed)


def _why_of_projects(doubt: Doubt, feed: Callable[[str], str]) -> str:
    match doubt:
        case Unconfirmed(name, names, age):
            return f"{feed(name)} gave no definite result of {_listed(names)} for {span(age)}"
        case Unwritten(name, names):
            return f"{feed(name)} has not confirmed {_listed(names)} since the restart"
        case UnknownWord(name, names):
            told = f"{feed(name)} sends a word for {_listed(names)}"
            return f"{told} that is not known; add it to words"
        case Vanished(name, names):
            return f"{feed(name)} no longer has {_listed(names)}, broken when last seen"
    raise NotImplementedError(type(doubt).__name__)


def remedy(doubt: Doubt, naming: Naming = SEVERAL) -> str | None:
    """Say what ends *doubt*; ``None`` if :func:`why` says it already."""
    feed = naming.feed
    match doubt:
        case NeverAnswered(name) | Silent(name):
            return f"{feed(name)} gives a good answer"
        case Unconfirmed(name, names) | Unwritten(name, names) | UnknownWord(name, names):
            return f"{feed(name)} confirms {_listed(names)}"
        case Vanished(name, names):
            return f"{feed(name)} has {_listed(names)} again, or it is forgotten (forget_missing)"
    return None


def _after(error: str | None) -> str:
    return f": {error}" if error else ""


def _listed(names: Iterable[str]) -> str:
    return printable(", ".join(names))


def not_counted(left_out: LeftOut) -> str:
    """Say why a project does not count."""
    if isinstance(left_out, TooOld):
        return f"its last build is {count(left_out.days, 'day')} old"
    return "excluded by its feed"


def unmatched(pattern: str) -> str:
    """Say that *pattern* of an include list matches nothing."""
    return f"no project matches {printable(pattern)!r} in include"


def too_old(
    watched: Iterable[FeedRows], selection: Selection, naming: Naming = SEVERAL
) -> Iterable[str]:
    """Say which broken projects of *watched* are too old to count for a lamp."""
    old = (row for each in watched for row in aged_out(each.feed, each.rows, selection))
    if rows := oldest_first(old):
        names = naming.projects(rows)
        yield f"{names} {_is(rows)} broken, but too old to count (ignore_older_than)"


def clock_warnings(feed: Watched, *, now: float, clock: datetime) -> Iterable[str]:
    """Warn of a clock that would make projects of *feed* too old."""
    if feed.rules.ignore_older_than is None:
        return
    if clock - feed.state.time_of_day(clock, now=now) > AHEAD:
        yield "this machine's clock is ahead of the server's; ignore_older_than uses the server's"


AHEAD = timedelta(hours=1)
"""How much a clock may be ahead of a server's before it is worth a warning."""

NOT_WATCHED = "no lamp watches it"


def endings(
    signal: Signal,
    tally: Tally,
    feeds: Sequence[Watched],
    doubts: Iterable[Doubt],
    naming: Naming = SEVERAL,
) -> Iterable[str]:
    """Say what would change *signal*; each sentence alone is enough.

    *tally* is what counts for the lamp, *feeds* what it watches, *doubts* what forbids green.
    """
    if broken := tally.broken:
        builds = "a build" if len(broken) == 1 else "one build each"
        yield f"{builds} of {naming.projects(broken)} passes"
    if signal.stale:
        remedies = [said for doubt in doubts if (said := remedy(doubt, naming))]
        yield " and ".join(remedies) or "the missing projects appear"
        return
    if signal.building:
        yield "a running build ends"
    if signal.verdict is Verdict.NONE:
        yield "a build completes"
    if signal.verdict is not Verdict.BROKEN:
        yield "a build fails"
        names = " or ".join(naming.feed(feed.name) for feed in feeds)
        age = span(min(feed.rules.max_age for feed in feeds))
        polls = min(feed.rules.max_failures for feed in feeds)
        yield f"{names} gives no good answer for {age}, or {polls} times in a row"


def closed_until(opens: datetime | None, *, clock: datetime) -> str:
    """Say that the office is closed, and until when."""
    if opens is None:
        return "the office is closed for good"
    local = opens.astimezone(clock.tzinfo)
    day = "" if local.date() == clock.date() else f"{local:%a %Y-%m-%d} "
    return f"the office is closed until {day}{local:%H:%M}"


def verdict_reasons(
    tally: Tally, signal: Signal, *, clock: datetime, naming: Naming = SEVERAL
) -> Iterable[str]:
    """Say which projects are broken; if none is, which are being built and how many pass."""
    if tally.broken:
        yield _broken(tally.broken, signal, clock=clock, naming=naming)
        return
    if signal.stale:
        return
    if tally.building:
        yield f"{naming.projects(tally.building)} {_is(tally.building)} being built"
    if tally.passing:
        yield f"{count(tally.passing, 'project')} {'passes' if tally.passing == 1 else 'pass'}"
    else:
        yield "no project has a completed build"


def _broken(broken: Sequence[Row], signal: Signal, *, clock: datetime, naming: Naming) -> str:
    since = broken[0].since
    when = f" since {time_of(since, clock=clock)}" if since else ""
    building = f" and {_is(broken)} being built" if signal.building else ""
    if len(broken) == 1:
        return f"{naming.project(broken[0])} is broken{when}{building}"
    return f"{naming.projects(broken)} are broken{building}" + (
        f", the first{when}" if when else ""
    )


def _is(rows: Sequence[Row]) -> str:
    return "is" if len(rows) == 1 else "are"


NO_LIGHT: Mapping[str, str] = {
    "waiting": "it has not been opened yet",
    "lost": "it does not respond",
}
"""Why a light is not ok where its driver does not say so."""
