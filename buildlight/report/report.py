"""Everything that is known now, as one value. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum
from itertools import chain
from typing import Any

from buildlight.hours import Hours, is_open, next_switch
from buildlight.patterns.pattern import Channel, Pattern, dimmed
from buildlight.projects.feed_state import Freshness
from buildlight.projects.project import Project
from buildlight.projects.selection import Selection
from buildlight.projects.signal import RANKS, Signal, aggregate
from buildlight.projects.verdict import Verdict
from buildlight.redaction import printable
from buildlight.report.reasons import (
    RULES,
    absences,
    closed_until,
    doubts,
    endings,
    verdict_reasons,
)
from buildlight.report.rows import NAMELESS, Row, Watched, counted, rows_of


class Light(Enum):
    """Whether a lamp's light can be reached."""

    OK = "ok"
    WAITING = "waiting"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Shown:
    """A lamp as the report sees it; *feeds* are names, *patterns* are by signal's name.

    Outside of its *hours*, if it has any, *closed* (0..1) is what is left of a pattern.
    """

    name: str
    driver: str
    feeds: frozenset[str]
    patterns: Mapping[str, Pattern]
    light: Light = Light.OK
    selection: Selection = field(default_factory=Selection)
    hours: Hours | None = None
    closed: float = 0.0


@dataclass(frozen=True, slots=True)
class FeedReport:
    """How a feed stands; *age* is seconds since its last good answer, ``None`` without one."""

    name: str
    url: str
    state: Freshness
    age: float | None
    error: str | None
    projects: int


@dataclass(frozen=True, slots=True)
class ProjectReport:
    """What is held of one project; *counted* means that at least one lamp heeds it.

    *lamps* are the names of those that do. *last_build_time* is as the server told it, perhaps
    without a zone; *breakers* is whom it blames.
    """

    feed: str
    name: str
    verdict: Verdict
    building: bool
    since: datetime | None
    label: str
    web_url: str
    counted: bool
    not_counted_because: str | None
    lamps: tuple[str, ...] = ()
    last_build_time: datetime | None = None
    breakers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LampReport:
    """What a lamp has to say, how it says it, and why.

    *feeds* are those it watches, *broken* the broken projects, each with its feed. *channels* are
    what its patterns light, from the top of a lamp to its foot. *began* is
    since when it has its signal, in seconds as in :class:`feed_state.Reading`, and *since* the same
    as a time of day. *rule* says what the signal means, *until* what would end it.
    """

    name: str
    driver: str
    light: Light
    feeds: tuple[str, ...]
    signal: Signal
    pattern: Pattern
    began: float
    since: datetime
    because: str
    rule: str
    until: str
    broken: tuple[tuple[str, str], ...] = ()
    channels: tuple[Channel, ...] = ()

    @property
    def blame(self) -> tuple[str, ...]:
        """The names of the broken projects, as a terminal may show them."""
        return tuple(sorted(printable(name) or NAMELESS for _, name in self.broken))


Watchers = tuple[tuple[str, Selection], ...]
"""The lamps that watch a feed, and what of it counts for each."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one feed brings to a report; *chosen* is what counts, by the selection of a lamp."""

    feed: Watched
    watchers: Watchers
    rows: Sequence[Row]
    chosen: Mapping[Selection, Sequence[Row]]
    projects: Sequence[ProjectReport]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything known at *at*; *parts* are for the next report, which may need them again."""

    at: datetime
    feeds: tuple[FeedReport, ...]
    projects: tuple[ProjectReport, ...]
    lamps: tuple[LampReport, ...]
    parts: Mapping[str, Part] = field(default_factory=dict, repr=False, compare=False)


def make_report(
    feeds: Sequence[Watched],
    lamps: Sequence[Shown],
    *,
    now: float,
    clock: datetime,
    before: Report | None = None,
) -> Report:
    """Return everything known of *feeds*, and what *lamps* have to say of it.

    *now* is seconds as in :class:`feed_state.Reading`, *clock* the time of day with the zone in
    which the sentences tell it. *before* is the report before this one: a lamp of it, by its
    name, whose signal is the same has had it since then, and a feed whose projects are the very
    same brings what it brought.
    """
    old = {lamp.name: lamp for lamp in before.lamps} if before else {}
    known = before.parts if before else {}
    parts = {feed.name: _part(feed, lamps, known.get(feed.name), clock=clock) for feed in feeds}
    return Report(
        at=clock,
        feeds=tuple(_feed(part.feed, len(part.rows), now=now) for part in parts.values()),
        projects=tuple(chain.from_iterable(part.projects for part in parts.values())),
        lamps=tuple(
            _lamp(lamp, [*parts.values()], old.get(lamp.name), now=now, clock=clock)
            for lamp in lamps
        ),
        parts=parts,
    )


def _part(feed: Watched, lamps: Iterable[Shown], before: Part | None, *, clock: datetime) -> Part:
    watchers = tuple((lamp.name, lamp.selection) for lamp in lamps if feed.name in lamp.feeds)
    if before is not None and _same(before, feed, watchers):
        return replace(before, feed=feed)
    rows = rows_of(feed, clock=clock)
    # Once for all lamps with the same selection: there may be 50,000 projects.
    chosen = {
        selection: counted(rows, selection)
        for selection in {selection for _, selection in watchers}
    }
    projects = tuple(_projects(feed, rows, watchers, chosen))
    return Part(feed, watchers, rows, chosen, projects)


def _same(before: Part, feed: Watched, watchers: Watchers) -> bool:
    """Return whether *feed* brings what it brought *before*, without a look at its projects."""
    return (
        feed.state.projects is before.feed.state.projects
        and (feed.rules, feed.selection) == (before.feed.rules, before.feed.selection)
        and feed.rules.ignore_older_than is None  # Else time alone changes it.
        and watchers == before.watchers
    )


def _feed(feed: Watched, projects: int, *, now: float) -> FeedReport:
    feed_state = feed.state
    return FeedReport(
        name=feed.name,
        url=feed.url,
        state=feed_state.freshness(feed.rules, now=now),
        age=None if feed_state.answered is None else round(now - feed_state.answered, 1),
        error=str(feed_state.error) if feed_state.error else None,
        projects=projects,
    )


def _projects(
    feed: Watched,
    rows: Sequence[Row],
    watchers: Watchers,
    chosen: Mapping[Selection, Sequence[Row]],
) -> Iterable[ProjectReport]:
    heeded: dict[str, tuple[str, ...]] = {}
    for selection, counting in chosen.items():
        by = tuple(name for name, its_choice in watchers if its_choice == selection)
        for name in {row.name for row in counting}:
            heeded[name] = heeded.get(name, ()) + by
    for row in rows:
        by = () if row.left_out else heeded.get(row.name, ())
        why = row.left_out or (None if by else "no lamp watches it")
        yield ProjectReport(
            feed=feed.name,
            name=row.name,
            verdict=row.known.verdict,
            building=row.known.building,
            since=row.known.since,
            label=row.known.project.last_build_label,
            web_url=row.known.project.web_url,
            counted=why is None,
            not_counted_because=why,
            lamps=by,
            last_build_time=row.known.project.last_build_time,
            breakers=breakers_of(row.known.project),
        )


def breakers_of(project: Project) -> tuple[str, ...]:
    """Return the people whom the server blames for the last build of *project*."""
    told = (each.text.strip() for each in project.messages if each.kind == BREAKERS)
    return tuple(text for text in told if text)


BREAKERS = "Breakers"
"""The kind of message in which CruiseControl.NET and GoCD name people."""


def _lamp(
    lamp: Shown,
    parts: Iterable[Part],
    before: LampReport | None,
    *,
    now: float,
    clock: datetime,
) -> LampReport:
    watching = [part for part in parts if part.feed.name in lamp.feeds]
    watched = [(part.feed, part.rows) for part in watching]
    by_feed = [(part.feed, part.chosen[lamp.selection]) for part in watching]
    rows = [row for _, counting in by_feed for row in counting]
    doubtful = [each for feed, counting in by_feed for each in doubts(feed, counting, now=now)]
    reasons = [each.why for each in doubtful] or [*absences(watched, lamp.selection, rows)]
    signal = aggregate((row.known for row in rows), stale=bool(reasons))
    pattern = lamp.patterns[RANKS[signal]]
    because = [*verdict_reasons(rows, signal, clock=clock), *reasons]
    ends = [*endings(signal, rows, [feed for feed, _ in watched], doubtful)]
    if lamp.hours is not None and not is_open(lamp.hours, clock):
        pattern = dimmed(pattern, lamp.closed)
        because.insert(0, closed_until(next_switch(lamp.hours, clock), clock=clock))
        ends.insert(0, "the office opens")
    began = before.began if before is not None and before.signal == signal else now
    return LampReport(
        name=lamp.name,
        driver=lamp.driver,
        light=lamp.light,
        feeds=tuple(feed.name for feed, _ in watched),
        signal=signal,
        pattern=pattern,
        began=began,
        since=clock - timedelta(seconds=now - began),
        because="; ".join(because),
        rule=RULES[RANKS[signal]],
        until=" or ".join(ends),
        broken=tuple((row.feed, row.name) for row in rows if row.known.verdict is Verdict.BROKEN),
        channels=_channels(lamp.patterns.values()),
    )


def _channels(patterns: Iterable[Pattern]) -> tuple[Channel, ...]:
    lit = {stroke.channel for pattern in patterns for stroke in pattern.strokes}
    return tuple(channel for channel in Channel if channel in lit)


def sentence(report: Report) -> str:
    """Return the report in one line: what each lamp says and why."""
    return "; ".join(
        f"{lamp.name}: {RANKS[lamp.signal]}: {lamp.because}"
        + ("" if lamp.light is Light.OK else f" (its light is {lamp.light.value})")
        for lamp in report.lamps
    )


def to_json(report: Report) -> dict[str, Any]:
    """Return *report* in the shape that every place where it is told as JSON shares."""
    document = to_json_by_rows(report)
    return {**document, "projects": [*document["projects"]]}


def to_json_by_rows(report: Report) -> dict[str, Any]:
    """Return the same, with its projects made one after the other, by whoever iterates them.

    All of 100,000 at once need 60 MB.
    """
    return {
        "version": 1,
        "at": _iso(report.at),
        "feeds": [_feed_json(feed) for feed in report.feeds],
        "projects": (_project_json(project) for project in report.projects),
        "lamps": [_lamp_json(lamp) for lamp in report.lamps],
    }


def _feed_json(feed: FeedReport) -> dict[str, Any]:
    return {
        "name": feed.name,
        "url": feed.url,
        "state": feed.state.value,
        "age": feed.age,
        "error": feed.error,
        "projects": feed.projects,
    }


def _project_json(project: ProjectReport) -> dict[str, Any]:
    return {
        "feed": project.feed,
        "name": project.name,
        "verdict": project.verdict.value,
        "building": project.building,
        "since": _iso(project.since) if project.since else None,
        "label": project.label,
        "web_url": project.web_url,
        "counted": project.counted,
        "not_counted_because": project.not_counted_because,
        "lamps": [*project.lamps],
        "last_build_time": _told(project.last_build_time),
        "breakers": [*project.breakers],
    }


def _lamp_json(lamp: LampReport) -> dict[str, Any]:
    signal = lamp.signal
    return {
        "name": lamp.name,
        "driver": lamp.driver,
        "light": lamp.light.value,
        "feeds": [*lamp.feeds],
        "signal": {
            "verdict": signal.verdict.value,
            "building": signal.building,
            "stale": signal.stale,
        },
        "pattern": lamp.pattern.text,
        "since": _iso(lamp.since),
        "because": lamp.because,
        "rule": lamp.rule,
        "until": lamp.until,
        "broken": [{"feed": feed, "name": name} for feed, name in lamp.broken],
    }


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _told(moment: datetime | None) -> str | None:
    """Return *moment* as a server told it: nobody knows which zone one without it means."""
    return moment.isoformat(timespec="seconds") if moment else None
