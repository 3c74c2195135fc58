"""The report: everything that is known now, as one value. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import chain

from buildlight.hours import is_open, next_switch
from buildlight.patterns.known import Known
from buildlight.patterns.pattern import Channel, Pattern, dim, lit_by
from buildlight.projects.feed_state import Freshness
from buildlight.projects.project import Run
from buildlight.projects.selection import Selection, idle
from buildlight.projects.signal import RANKS, Signal, aggregate
from buildlight.projects.verdict import Verdict
from buildlight.redaction import printable
from buildlight.report.doubts import FeedRows, doubts_of
from buildlight.report.reasons import (
    NO_LIGHT,
    NOT_WATCHED,
    RULES,
    Naming,
    clock_warnings,
    closed_until,
    endings,
    not_counted,
    too_old,
    unmatched,
    verdict_reasons,
    why,
)
from buildlight.report.rows import (
    NAMELESS,
    Excluded,
    Row,
    Tally,
    Watched,
    counted,
    rows_of,
)
from buildlight.report.shown import Light, Shown


@dataclass(frozen=True, slots=True)
class FeedReport:
    """The state of a feed; *age* is seconds since its last good answer, ``None`` without one.

    *doubted* are names of projects whose last result may be outdated though it answers;
    *warnings* are sentences about its configuration, *notices* what its server tells a person.
    """

    name: str
    url: str
    state: Freshness
    age: float | None
    error: str | None
    projects: int
    warnings: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    doubted: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ProjectReport:
    """What is known of one project; *counted* means that it counts for at least one lamp.

    *lamps* are the names of those. *last_build_time* is as the server sent it, perhaps without a
    zone; *breakers* are those whom it blames; *marks* and *run* are as in :class:`Project`.
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
    marks: tuple[str, ...] = ()
    run: Run | None = None


@dataclass(frozen=True, slots=True)
class LampReport:
    """A lamp's signal, its pattern, and why.

    *feeds* are those it watches, *broken* the broken projects, each with its feed. *channels* are
    what its patterns light, from top to foot. *began* is the start of its signal, in seconds as
    in :class:`feed_state.Reading`, and *since* the same as a time of day. *rule* says what the
    signal means, *until* what would end it. *reasons* are the parts of *because* about builds and
    feeds, of which the first tells *broken_since*, if anything is broken; *closed* says that the
    office is, and *opens* when that ends. *trouble* says why its light is not ok, *known* what
    stands behind one that is;
    *warnings* are sentences about its configuration.
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
    trouble: str | None = None
    warnings: tuple[str, ...] = ()
    known: Known | None = None
    reasons: tuple[str, ...] = ()
    broken_since: datetime | None = None
    closed: bool = False
    opens: datetime | None = None

    @property
    def light_because(self) -> str | None:
        """Why the light is not ok; ``None`` if it is."""
        return None if self.light is Light.OK else self.trouble or NO_LIGHT[self.light.value]

    @property
    def blame(self) -> tuple[str, ...]:
        """The names of the broken projects in a printable form, oldest first."""
        return tuple(printable(name) or NAMELESS for _, name in self.broken)


MOMENT = timedelta(seconds=1)
"""Largest difference of two clocks that does not change the start of a signal."""

Watchers = tuple[tuple[str, Selection], ...]
"""The lamps that watch a feed, and their selections."""


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a report about one feed; *chosen* are the rows that count, by selection.

    *tallies* are their sums. *idle* are the patterns without a match, by selection. *certain*
    says that each project was in the last answer, with a definite word.
    """

    feed: Watched
    watchers: Watchers
    rows: Sequence[Row]
    chosen: Mapping[Selection, Sequence[Row]]
    tallies: Mapping[Selection, Tally]
    projects: Sequence[ProjectReport]
    idle: Mapping[Selection, frozenset[int]]
    certain: bool


@dataclass(frozen=True, slots=True)
class Report:
    """Everything known at *at*; the next report reuses unchanged *parts*."""

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
    """Return everything known of *feeds*, and the signals of *lamps*.

    *now* is seconds as in :class:`feed_state.Reading`, *clock* the time of day, in the zone that
    the sentences use. *before* is the previous report: a lamp with the same name and signal
    keeps its start, and a feed that has not changed keeps its rows.
    """
    old = {lamp.name: lamp for lamp in before.lamps} if before else {}
    known = before.parts if before else {}
    naming = Naming(several=len(feeds) > 1)
    parts = {
        feed.name: _part(
            feed, lamps, known.get(feed.name), clock=feed.state.time_of_day(clock, now=now)
        )
        for feed in feeds
    }
    return Report(
        at=clock,
        feeds=tuple(_feed(part, now=now, clock=clock) for part in parts.values()),
        projects=tuple(chain.from_iterable(part.projects for part in parts.values())),
        lamps=tuple(
            _lamp(lamp, [*parts.values()], old.get(lamp.name), now=now, clock=clock, naming=naming)
            for lamp in lamps
        ),
        parts=parts,
    )


def _part(feed: Watched, lamps: Iterable[Shown], before: Part | None, *, clock: datetime) -> Part:
    watchers = tuple((lamp.name, lamp.selection) for lamp in lamps if feed.name in lamp.feeds)
    if before is not None and _same(before, feed, watchers):
        known = feed.state.projects is before.feed.state.projects
        return replace(before, feed=feed, certain=before.certain if known else _is_certain(feed))
    rows = rows_of(feed, clock=clock)
    # Once for all lamps with the same selection, because there may be 50,000 projects.
    chosen = {
        selection: counted(rows, selection)
        for selection in {selection for _, selection in watchers}
    }
    projects = tuple(_projects(feed, rows, watchers, chosen))
    return Part(
        feed=feed,
        watchers=watchers,
        rows=rows,
        chosen=chosen,
        tallies={selection: Tally.of(counting) for selection, counting in chosen.items()},
        projects=projects,
        idle=_idle(feed, rows, chosen),
        certain=_is_certain(feed),
    )


def _is_certain(feed: Watched) -> bool:
    return not any(
        known.doubted or known.unconfirmed_since is not None or known.missing_since is not None
        for known in feed.state.projects.values()
    )


def _idle(
    feed: Watched, rows: Sequence[Row], selections: Iterable[Selection]
) -> Mapping[Selection, frozenset[int]]:
    """Return the include patterns that match nothing of *feed*, after its first answer."""
    if feed.state.answered is None:
        return {}
    names = {row.name for row in rows}
    of_feed = {row.name for row in rows if not isinstance(row.left_out, Excluded)}
    return {
        **{each: frozenset(idle(each.include, of_feed)) for each in selections},
        # Last: a lamp with the same patterns has the same matches.
        feed.selection: frozenset(idle(feed.selection.include, names)),
    }


def _same(before: Part, feed: Watched, watchers: Watchers) -> bool:
    """Return whether the rows of *before* are still valid, without reading the projects."""
    return (
        (feed.identity, feed.state.revision) == (before.feed.identity, before.feed.state.revision)
        and (feed.state.answered is None) == (before.feed.state.answered is None)
        and (feed.rules, feed.selection) == (before.feed.rules, before.feed.selection)
        and feed.rules.ignore_older_than is None  # With an age limit, rows change as time passes.
        and watchers == before.watchers
    )


def _feed(part: Part, *, now: float, clock: datetime) -> FeedReport:
    feed, feed_state = part.feed, part.feed.state
    return FeedReport(
        name=feed.name,
        url=feed.url,
        state=feed_state.freshness(feed.rules, now=now),
        age=None if feed_state.answered is None else round(now - feed_state.answered, 1),
        error=feed.error,
        projects=len(part.rows),
        warnings=(*_warnings(feed.selection, [part]), *clock_warnings(feed, now=now, clock=clock)),
        notices=feed.notices,
        doubted=frozenset() if part.certain else _doubted(part, now=now),
    )


def _doubted(part: Part, *, now: float) -> frozenset[str]:
    state, rules = part.feed.state, part.feed.rules
    names = state.unknown(rules, now=now) | state.unwritten(rules)
    return frozenset(row.told.name for row in part.rows if row.name in names)


def _warnings(selection: Selection, parts: Sequence[Part]) -> tuple[str, ...]:
    """Return a sentence for each pattern of *selection* that matches nothing of all *parts*."""
    if not parts or any(selection not in part.idle for part in parts):
        return ()  # The missing projects may belong to a feed that has not answered.
    numbers = frozenset.intersection(*(part.idle[selection] for part in parts))
    return tuple(unmatched(selection.include[number - 1]) for number in sorted(numbers))


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
        left_out = not_counted(row.left_out) if row.left_out else None
        yield ProjectReport(
            feed=feed.name,
            name=row.told.name,
            verdict=row.known.verdict,
            building=row.known.building,
            since=row.known.since,
            label=row.told.last_build_label,
            web_url=row.told.web_url,
            counted=bool(by),
            not_counted_because=None if by else left_out or NOT_WATCHED,
            lamps=by,
            last_build_time=row.known.project.last_build_time,
            breakers=row.told.breakers,
            marks=row.told.marks,
            run=row.told.run,
        )


def _lamp(
    lamp: Shown,
    parts: Iterable[Part],
    before: LampReport | None,
    *,
    now: float,
    clock: datetime,
    naming: Naming,
) -> LampReport:
    watching = [part for part in parts if part.feed.name in lamp.feeds]
    feeds = [part.feed for part in watching]
    tally = Tally.joined([part.tallies[lamp.selection] for part in watching])
    watched = [
        FeedRows(part.feed, part.rows, part.chosen[lamp.selection], part.certain)
        for part in watching
    ]
    doubts = doubts_of(watched, lamp.selection, now=now)
    signal = aggregate(tally.voters, doubts=doubts)
    pattern = lamp.patterns[RANKS[signal]]
    reasons = (
        *verdict_reasons(tally, signal, clock=clock, naming=naming),
        *(why(doubt, naming) for doubt in doubts),
        *too_old(watched, lamp.selection, naming),
    )
    ends = [*endings(signal, tally, feeds, doubts, naming)]
    closed, opens = False, None
    office: tuple[str, ...] = ()
    if lamp.hours is not None and not is_open(lamp.hours, clock):
        closed, opens = True, next_switch(lamp.hours, clock)
        pattern = dim(pattern, lamp.closed)
        office = (closed_until(opens, clock=clock),)
        ends.insert(0, "the office opens")
    began, since = _beginning(signal, before, now=now, clock=clock)
    return LampReport(
        name=lamp.name,
        driver=lamp.driver,
        light=lamp.light,
        feeds=tuple(feed.name for feed in feeds),
        signal=signal,
        pattern=pattern,
        began=began,
        since=since,
        because="; ".join((*office, *reasons)),
        rule=RULES[RANKS[signal]],
        until=" or ".join(ends),
        broken=tuple((row.feed, row.told.name) for row in tally.broken),
        channels=lit_by(lamp.patterns.values()),
        trouble=lamp.trouble,
        known=(lamp.known or Known.TOLD) if lamp.light is Light.OK else None,
        warnings=_warnings(lamp.selection, watching),
        reasons=reasons,
        broken_since=tally.broken[0].since if tally.broken else None,
        closed=closed,
        opens=opens,
    )


def _beginning(
    signal: Signal, before: LampReport | None, *, now: float, clock: datetime
) -> tuple[float, datetime]:
    """Return when *signal* began, by both clocks: now, unless the lamp had it *before*."""
    if before is None or before.signal != signal:
        return now, clock
    since = clock - timedelta(seconds=now - before.began)
    # Two clocks differ slightly.
    return before.began, before.since if abs(since - before.since) < MOMENT else since
