"""Why a lamp looks as it does, in sentences for whoever asks. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from buildlight.projects.feed_state import Freshness
from buildlight.projects.selection import Selection, required
from buildlight.projects.signal import Signal
from buildlight.projects.verdict import Verdict
from buildlight.redaction import printable
from buildlight.report.rows import Row, Watched, names_of

RULES: Mapping[str, str] = {
    "broken": "one project that counts is enough: it is broken until a build of it passes",
    "broken-building": "a running build never hides that its project is broken; the lamp is in "
    "motion while every broken project is being built",
    "broken-stale": "what is broken outranks all else; on top of it stands the mark of not knowing",
    "broken-building-stale": "what is broken outranks all else, every bit of it is being built, "
    "and on top of it stands the mark of not knowing",
    "stale": "unknown or old news is never shown as passing",
    "passing": "every project that counts passed its last completed build, and every watched feed "
    "has answered lately",
    "passing-building": "the verdict of the last completed build stands while the next one runs",
    "none": "a project that never completed a build neither passes nor is broken",
    "none-building": "a project that never completed a build neither passes nor is broken; its "
    "first one runs",
}
"""What each signal means, by its name in :data:`signal.RANKS`."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """*why* the feed called *name* forbids green, and what it does once it allows it again."""

    name: str
    why: str
    end: str


def endings(
    signal: Signal, rows: Sequence[Row], feeds: Sequence[Watched], doubtful: Iterable[Doubt]
) -> Iterable[str]:
    """Say what would change *signal*; any one of it does.

    *rows* is what counts for the lamp, *doubtful* what is known of those of its *feeds* that
    forbid green.
    """
    if signal.verdict is Verdict.BROKEN:
        broken = [row for row in rows if row.known.verdict is Verdict.BROKEN]
        yield f"{'a build' if len(broken) == 1 else 'one build each'} of {names_of(broken)} passes"
    if signal.stale:
        told = " and ".join(f"{doubt.name} {doubt.end}" for doubt in doubtful)
        yield told or "what is missing is there"
        return
    if signal.building:
        yield "a build that runs is over"
    if signal.verdict is Verdict.NONE:
        yield "a build is completed"
    if signal.verdict is not Verdict.BROKEN:
        yield "a build fails"
        names = " or ".join(feed.name for feed in feeds)
        age = span(min(feed.rules.max_age for feed in feeds))
        polls = min(feed.rules.max_failures for feed in feeds)
        yield f"{names} gives no good answer for {age}, or {polls} times in a row"


def doubts(feed: Watched, rows: Sequence[Row], *, now: float) -> Iterable[Doubt]:
    """Say why *feed* forbids green, if it does; *rows* are those of it that count for the lamp.

    *now* is seconds as in :class:`feed_state.Reading`.
    """
    name, feed_state = feed.name, feed.state
    state = feed_state.freshness(feed.rules, now=now)
    error = f": {feed_state.error}" if feed_state.error else ""
    if feed_state.answered is None:
        yield Doubt(name, f"{name} has not answered yet{error}", _ANSWERS)
    elif state is Freshness.STALE:
        age = span(now - feed_state.answered)
        yield Doubt(name, f"{name} gave no good answer for {age}{error}", _ANSWERS)
    else:
        old, unwritten = feed_state.doubtful(feed.rules, now=now), feed_state.unwritten(feed.rules)
        # Seldom any: 50,000 names need not be gathered for each report.
        counting = {row.known.project.name for row in rows} if old or unwritten else set()
        if which := _listed(old & counting):
            silence = f"has not confirmed for {span(feed.rules.expiry)} how {which} stands"
            yield Doubt(name, f"{name} {silence}", f"confirms how {which} stands")
        if which := _listed(unwritten & counting):
            silence = f"has not said since the restart how {which} stands"
            yield Doubt(name, f"{name} {silence}", f"says how {which} stands")


_ANSWERS = "gives a good answer"


def _listed(names: Iterable[str]) -> str:
    return printable(", ".join(sorted(names)))


def absences(
    watched: Sequence[tuple[Watched, Sequence[Row]]], selection: Selection, rows: Sequence[Row]
) -> Iterable[str]:
    """Say what ought to be there and is not: a project by name, or any at all.

    *watched* are the lamp's feeds with all of their rows, *rows* what counts for the lamp.
    """
    if not watched:
        yield "it watches no feed"
    for feed, all_of_them in watched:
        if all(row.left_out for row in all_of_them):
            yield f"{feed.name} answers, but no project of it counts"
    feeds = ", ".join(feed.name for feed, _ in watched)
    names = sorted(required(selection.include) - {row.name for row in rows})
    if names:
        yield f"no project named {printable(', '.join(names))} in {feeds}"
    elif watched and not rows:
        yield f"no project of {feeds} matches"


def closed_until(opens: datetime | None, *, clock: datetime) -> str:
    """Say that the office is closed, and until when."""
    if opens is None:
        return "the office is closed for good"
    local = opens.astimezone(clock.tzinfo)
    day = "" if local.date() == clock.date() else f"{local:%a %Y-%m-%d} "
    return f"the office is closed until {day}{local:%H:%M}"


def verdict_reasons(rows: Sequence[Row], signal: Signal, *, clock: datetime) -> Iterable[str]:
    """Say what the projects say: the broken ones, else the ones being built, else all."""
    broken = [row for row in rows if row.known.verdict is Verdict.BROKEN]
    building = [row for row in rows if row.known.building]
    if broken:
        yield _broken(broken, signal, clock=clock)
        return
    if signal.stale:
        return
    if building:
        yield f"{names_of(building)} {_is(building)} being built"
    if signal.verdict is Verdict.PASSING:
        passing = sum(row.known.verdict is Verdict.PASSING for row in rows)
        yield f"{_count(passing)} {'passes' if passing == 1 else 'pass'}"
    else:
        yield "no completed build of any project is known"


def _broken(broken: Sequence[Row], signal: Signal, *, clock: datetime) -> str:
    broken = sorted(broken, key=lambda row: row.known.since or clock)
    since = broken[0].known.since
    when = f" since {time_of(since, clock=clock)}" if since else ""
    building = f" and {_is(broken)} being built" if signal.building else ""
    if len(broken) == 1:
        return f"{broken[0]} is broken{when}{building}"
    return f"{names_of(broken)} are broken{building}" + (f", the first{when}" if when else "")


def _is(rows: Sequence[Row]) -> str:
    return "is" if len(rows) == 1 else "are"


def _count(projects: int) -> str:
    return "1 project" if projects == 1 else f"{projects} projects"


def time_of(moment: datetime, *, clock: datetime) -> str:
    """Return *moment* as a sentence tells it at *clock*: the day too, if it was not today."""
    local = moment.astimezone(clock.tzinfo)
    if clock - local < timedelta(hours=20):
        return f"{local:%H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def span(seconds: float) -> str:
    """Return so many *seconds* in words: the largest unit of which there are two."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
