"""Everything that is known now, as one value, and the sentences that explain it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from buildlight.aggregate import RANKS, Signal, aggregate, required, select
from buildlight.memory import Remembered, Verdict
from buildlight.pattern import Pattern
from buildlight.reading import Rules, Standing, State
from buildlight.redaction import printable


class Light(Enum):
    """Whether a lamp's light can be reached."""

    OK = "ok"
    WAITING = "waiting"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which names count: patterns as in :func:`aggregate.select`."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def of(self, names: Iterable[str]) -> frozenset[str]:
        """Return those of *names* that count."""
        return select(names, include=self.include, exclude=self.exclude)


@dataclass(frozen=True, slots=True)
class Watched:
    """A feed as the report sees it; *url* is free of secrets."""

    name: str
    url: str
    standing: Standing
    rules: Rules
    choice: Choice = Choice()


@dataclass(frozen=True, slots=True)
class Shown:
    """A lamp as the report sees it; *feeds* are names, *patterns* are by signal's name."""

    name: str
    driver: str
    feeds: frozenset[str]
    patterns: Mapping[str, Pattern]
    light: Light = Light.OK
    choice: Choice = Choice()


@dataclass(frozen=True, slots=True)
class FeedReport:
    """How a feed stands; *age* is seconds since its last good answer, ``None`` without one."""

    name: str
    url: str
    state: State
    age: float | None
    error: str | None
    projects: int


@dataclass(frozen=True, slots=True)
class ProjectReport:
    """What is held of one project; *counted* means that at least one lamp heeds it."""

    feed: str
    name: str
    verdict: Verdict
    building: bool
    since: datetime | None
    label: str
    web_url: str
    counted: bool
    not_counted_because: str | None


@dataclass(frozen=True, slots=True)
class LampReport:
    """What a lamp has to say, how it says it, and why; *blame* names the broken projects."""

    name: str
    driver: str
    light: Light
    signal: Signal
    pattern: Pattern
    because: str
    blame: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything known at *at*."""

    at: datetime
    feeds: tuple[FeedReport, ...]
    projects: tuple[ProjectReport, ...]
    lamps: tuple[LampReport, ...]


def make_report(
    feeds: Sequence[Watched], lamps: Sequence[Shown], *, now: float, clock: datetime
) -> Report:
    """Return everything known of *feeds*, and what *lamps* have to say of it.

    *now* is seconds as in :class:`reading.Reading`, *clock* the time of day with the zone in
    which the sentences tell it.
    """
    return Report(
        at=clock,
        feeds=tuple(_feed(feed, now=now) for feed in feeds),
        projects=tuple(row for feed in feeds for row in _projects(feed, lamps)),
        lamps=tuple(_lamp(lamp, feeds, now=now, clock=clock) for lamp in lamps),
    )


def _feed(feed: Watched, *, now: float) -> FeedReport:
    standing = feed.standing
    return FeedReport(
        name=feed.name,
        url=feed.url,
        state=standing.state(feed.rules, now=now),
        age=_age(standing, now=now),
        error=str(standing.error) if standing.error else None,
        projects=len(standing.projects),
    )


def _age(standing: Standing, *, now: float) -> float | None:
    return None if standing.answered is None else round(now - standing.answered, 1)


def _projects(feed: Watched, lamps: Sequence[Shown]) -> Iterable[ProjectReport]:
    names = {name for name, _ in feed.standing.projects}
    chosen = feed.choice.of(names)
    heeded: set[str] = set()
    for lamp in lamps:
        if feed.name in lamp.feeds:
            heeded |= lamp.choice.of(chosen)
    for (name, _), known in feed.standing.projects.items():
        why = None
        if name not in chosen:
            why = f"feed {feed.name} leaves it out"
        elif name not in heeded:
            why = "no lamp watches it"
        yield ProjectReport(
            feed=feed.name,
            name=name,
            verdict=known.verdict,
            building=known.building,
            since=known.since,
            label=known.project.last_build_label,
            web_url=known.project.web_url,
            counted=why is None,
            not_counted_because=why,
        )


def _lamp(lamp: Shown, feeds: Sequence[Watched], *, now: float, clock: datetime) -> LampReport:
    watched = [feed for feed in feeds if feed.name in lamp.feeds]
    rows = [row for feed in watched for row in _counted(feed, lamp)]
    doubts = [doubt for feed in watched for doubt in _doubts(feed, lamp, now=now)]
    doubts += _missing(lamp, watched, rows) if not doubts else []
    signal = aggregate((row.known for row in rows), stale=bool(doubts))
    blamed = [row for row in rows if row.known.verdict is Verdict.BROKEN]
    return LampReport(
        name=lamp.name,
        driver=lamp.driver,
        light=lamp.light,
        signal=signal,
        pattern=lamp.patterns[RANKS[signal]],
        because="; ".join([*_verdict_reasons(rows, signal, clock=clock), *doubts]),
        blame=tuple(row.plain_name for row in blamed) or tuple(doubts),
    )


@dataclass(frozen=True, slots=True)
class _Row:
    feed: str
    name: str
    known: Remembered

    @property
    def plain_name(self) -> str:
        """The name as a terminal may show it."""
        return printable(self.name) or "(no name)"

    def __str__(self) -> str:
        return f"{self.plain_name} ({self.feed})"


def _counted(feed: Watched, lamp: Shown) -> Iterable[_Row]:
    chosen = lamp.choice.of(feed.choice.of(name for name, _ in feed.standing.projects))
    for (name, _), known in feed.standing.projects.items():
        if name in chosen:
            yield _Row(feed.name, name, known)


def _doubts(feed: Watched, lamp: Shown, *, now: float) -> Iterable[str]:
    """Say why this feed forbids green, if it does."""
    standing = feed.standing
    state = standing.state(feed.rules, now=now)
    error = f": {standing.error}" if standing.error else ""
    if state is State.NEVER:
        yield f"{feed.name} has not answered yet{error}"
    elif state is State.STALE:
        yield f"{feed.name} gave no good answer for {_span(_age(standing, now=now) or 0)}{error}"
    elif not feed.choice.of(name for name, _ in standing.projects):
        yield f"{feed.name} answers, but no project of it matches"
    doubtful = lamp.choice.of(feed.choice.of(standing.doubtful(feed.rules, now=now)))
    if doubtful and state is State.FRESH:
        names = printable(", ".join(sorted(doubtful)))
        yield f"{feed.name} has not confirmed for {_span(feed.rules.expiry)} how {names} stands"


def _missing(lamp: Shown, watched: Sequence[Watched], rows: Sequence[_Row]) -> list[str]:
    if not watched:
        return ["it watches no feed"]
    names = sorted(required(lamp.choice.include) - {row.name for row in rows})
    if names:
        return [f"no project named {printable(', '.join(names))} in {_all(watched)}"]
    return [] if rows else [f"no project of {_all(watched)} matches"]


def _all(watched: Sequence[Watched]) -> str:
    return ", ".join(feed.name for feed in watched)


def _verdict_reasons(rows: Sequence[_Row], signal: Signal, *, clock: datetime) -> Iterable[str]:
    """Say what the projects say: the broken ones, else the ones being built, else all."""
    broken = [row for row in rows if row.known.verdict is Verdict.BROKEN]
    building = [row for row in rows if row.known.building]
    if broken:
        yield _broken(broken, signal, clock=clock)
        return
    if signal.stale:
        return
    if building:
        yield f"{_some(building)} {_is(building)} being built"
    if signal.verdict is Verdict.PASSING:
        passing = sum(row.known.verdict is Verdict.PASSING for row in rows)
        yield f"{_count(passing)} {'passes' if passing == 1 else 'pass'}"
    else:
        yield "no project has completed a build yet"


def _broken(broken: Sequence[_Row], signal: Signal, *, clock: datetime) -> str:
    broken = sorted(broken, key=lambda row: row.known.since or clock)
    since = broken[0].known.since
    when = f" since {_clock(since, clock=clock)}" if since else ""
    building = f" and {_is(broken)} being built" if signal.building else ""
    if len(broken) == 1:
        return f"{broken[0]} is broken{when}{building}"
    return f"{_some(broken)} are broken{building}" + (f", the first{when}" if when else "")


def _some(rows: Sequence[_Row]) -> str:
    named = ", ".join(str(row) for row in rows[:NAMED])
    more = len(rows) - NAMED
    return f"{named} and {more} more" if more > 0 else named


NAMED = 3
"""How many projects a sentence names before it counts the rest."""


def _is(rows: Sequence[_Row]) -> str:
    return "is" if len(rows) == 1 else "are"


def _count(projects: int) -> str:
    return "1 project" if projects == 1 else f"{projects} projects"


def _clock(moment: datetime, *, clock: datetime) -> str:
    local = moment.astimezone(clock.tzinfo)
    if clock - local < timedelta(hours=20):
        return f"{local:%H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def to_json(report: Report) -> dict[str, Any]:
    """Return *report* in the shape that every place where it is told as JSON shares."""
    return {
        "version": 1,
        "at": _iso(report.at),
        "feeds": [
            {
                "name": feed.name,
                "url": feed.url,
                "state": feed.state.value,
                "age": feed.age,
                "error": feed.error,
                "projects": feed.projects,
            }
            for feed in report.feeds
        ],
        "projects": [
            {
                "feed": project.feed,
                "name": project.name,
                "verdict": project.verdict.value,
                "building": project.building,
                "since": _iso(project.since) if project.since else None,
                "label": project.label,
                "web_url": project.web_url,
                "counted": project.counted,
                "not_counted_because": project.not_counted_because,
            }
            for project in report.projects
        ],
        "lamps": [
            {
                "name": lamp.name,
                "driver": lamp.driver,
                "light": lamp.light.value,
                "signal": {
                    "verdict": lamp.signal.verdict.value,
                    "building": lamp.signal.building,
                    "stale": lamp.signal.stale,
                },
                "pattern": lamp.pattern.text,
                "because": lamp.because,
            }
            for lamp in report.lamps
        ],
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
