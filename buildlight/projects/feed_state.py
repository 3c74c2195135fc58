"""The result of one poll of a feed, and the state of the feed after it. Pure.

This module has the rules about a *whole* feed: when it is stale (its news is too old), when a
missing project is forgotten. ``plausibility`` has the rules about suspicious answers,
``verdict`` those about the words of one project.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import Enum

from buildlight.errors import FeedError
from buildlight.projects.matching import Key, paired
from buildlight.projects.pipelines import pipeline_of, roll_up
from buildlight.projects.plausibility import Newcomers, find_fault
from buildlight.projects.project import (
    STATUS_WORDS,
    BuildStatus,
    Project,
    normalize_all,
    unknown_activities,
    unknown_words,
)
from buildlight.projects.vanished import missing_of
from buildlight.projects.verdict import (
    ProjectEvent,
    ProjectState,
    Verdict,
    event,
    forgotten,
    update,
)

LONGEST_REST = 300.0
"""Seconds of rest after a good answer that count as the interval: a feed that rests longer is
stale."""


class Freshness(Enum):
    """How old the news of a feed is; only ``FRESH`` can make a lamp green."""

    FRESH = "fresh"
    STALE = "stale"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Rules:
    """The limits and names that apply to one feed.

    The feed is stale when its last good answer is older than *max_age* (seconds), or after
    *max_failures* failed polls in a row. A project that is missing from good answers is forgotten
    after *max_age* if it is green, after *forget_missing* if it is red. An unconfirmed verdict
    is kept for *expiry* seconds. *required* are names that every good answer must contain,
    *exact* are names that it must contain once they were seen. With *roll_up* the stages and
    jobs of a pipeline count as one project. A project whose last build is older than
    *ignore_older_than* (seconds) does not count.
    """

    max_age: float
    max_failures: int = 3
    expiry: float = 86_400.0
    forget_missing: float = 900.0
    required: frozenset[str] = frozenset()
    exact: frozenset[str] = frozenset()
    words: Mapping[str, BuildStatus] = field(default_factory=lambda: STATUS_WORDS)
    roll_up: bool = False
    ignore_older_than: float | None = None

    def dead(self, known: ProjectState, *, clock: datetime) -> bool:
        """Return whether the last build of *known* is too old to count, at the time *clock*."""
        return (
            self.ignore_older_than is not None and known.age(clock=clock) > self.ignore_older_than
        )

    def name_of(self, name: str) -> str:
        """Return the name under which the project *name* counts: its own, or its pipeline's."""
        return pipeline_of(name) if self.roll_up else name


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of one poll: the projects or the fault, and when the poll ended.

    *at* is seconds of a clock that never jumps, *clock* the time of day that a person reads:
    a Pi has no clock of its own, and its time of day may leap by years when the network comes.
    *rest* is how many seconds a good answer asked to be left alone, *notices* what it told a
    person, *date* the server's own time of day.
    """

    at: float
    clock: datetime
    outcome: tuple[Project, ...] | FeedError
    rest: float = 0.0
    notices: tuple[str, ...] = ()
    date: datetime | None = None


@dataclass(frozen=True, slots=True)
class FeedState:
    """Everything known about a feed: its projects, and its last answers.

    *revision* goes up whenever a report of it would say something else, ages aside. *answered* is
    when the last good answer came, in seconds as in :class:`Reading`, *answer* that answer; *rest*
    is the rest that it asked for, *notices* what it told a person. *settled* says that the same
    answer again would change nothing. *newcomers* are names that have to prove themselves. *date*
    is the server's time of day at its last good answer, if it told one.
    """

    projects: Mapping[Key, ProjectState] = field(default_factory=dict)
    revision: int = 0
    answered: float | None = None
    failures: int = 0
    error: FeedError | None = None
    answer: tuple[Project, ...] | None = None
    settled: bool = False
    rest: float = 0.0
    notices: tuple[str, ...] = ()
    newcomers: Newcomers | None = None
    date: datetime | None = None

    def time_of_day(self, clock: datetime, *, now: float) -> datetime:
        """Return the earlier of *clock* and the server's: one that is ahead makes all old."""
        if self.date is None or self.answered is None:
            return clock
        return min(clock, self.date + timedelta(seconds=max(now - self.answered, 0.0)))

    @property
    def building(self) -> bool:
        """Whether one of the feed's projects is being built."""
        return any(known.building for known in self.projects.values())

    def doubtful(self, rules: Rules, *, now: float) -> frozenset[str]:
        """Return the names of broken projects that nothing has confirmed for *rules.expiry*."""
        return self._names(
            rules,
            lambda known: (
                known.verdict is Verdict.BROKEN and now - _confirmed(known, now) >= rules.expiry
            ),
        )

    def unknown(self, rules: Rules, *, now: float) -> frozenset[str]:
        """Return the names of projects with an unknown word, whose last known one is too old."""
        return self._names(
            rules,
            lambda known: (
                known.project.last_build_status.strip().lower() not in rules.words
                and now - _confirmed(known, now) >= rules.max_age
            ),
        )

    def vanished(self, rules: Rules) -> frozenset[str]:
        """Return the names of broken projects that the last good answer did not hold."""
        return self._names(
            rules,
            lambda known: known.verdict is Verdict.BROKEN and known.missing_since is not None,
        )

    def unwritten(self, rules: Rules) -> frozenset[str]:
        """Return the names of projects that are doubted since a restart."""
        return self._names(rules, lambda known: known.doubted)

    def _names(self, rules: Rules, applies: Callable[[ProjectState], bool]) -> frozenset[str]:
        if self.settled:
            return frozenset()  # Fast, because it runs at every report, with up to 50,000 projects.
        return frozenset(
            rules.name_of(key[0]) for key, known in self.projects.items() if applies(known)
        )

    def freshness(self, rules: Rules, *, now: float) -> Freshness:
        """Return the freshness of the feed at *now* (seconds as in :class:`Reading`)."""
        if self.answered is None:
            return Freshness.NEVER
        age = max(rules.max_age, 3 * min(self.rest, LONGEST_REST))
        if self.failures >= rules.max_failures or now >= self.answered + age:
            return Freshness.STALE
        return Freshness.FRESH


def _confirmed(known: ProjectState, now: float) -> float:
    return now if known.unconfirmed_since is None else known.unconfirmed_since


@dataclass(frozen=True, slots=True)
class News:
    """The news in a reading: events by project, forgotten names, unknown words."""

    events: tuple[ProjectEvent, ...] = ()
    dropped: tuple[str, ...] = ()
    dropped_red: tuple[str, ...] = ()
    unknown_words: frozenset[str] = frozenset()
    unknown_activities: frozenset[str] = frozenset()


def absorb(feed_state: FeedState, reading: Reading, *, rules: Rules) -> tuple[FeedState, News]:
    """Return the state of the feed after *reading*, and the news in it.

    An answer with a fault counts as a failed poll, and its projects are ignored. The first good
    reading gives no events.
    """
    if isinstance(reading.outcome, FeedError):
        return _fail(feed_state, reading.outcome), News()
    if feed_state.settled and reading.outcome is feed_state.answer:
        again = replace(
            feed_state,
            answered=reading.at,
            rest=reading.rest,
            notices=reading.notices,
            date=reading.date,
        )
        return again if feed_state.error is None else _recovered(again), News()
    answer = normalize_all(reading.outcome)
    fault, newcomers = find_fault(feed_state, answer, rules, at=reading.at)
    if fault is not None:
        return replace(_fail(feed_state, fault), newcomers=newcomers), News()
    read = _read(feed_state, reading, answer, rules)
    kept = missing_of(feed_state, read, reading, rules)
    # In the order of the state, because some servers send rows in changing order.
    known = (key for key in feed_state.projects if key in read or key in kept)
    projects = {key: read.get(key) or kept[key] for key in known}
    projects |= read
    changed = projects != feed_state.projects or feed_state.answered is None or feed_state.error
    after = FeedState(
        projects=projects,
        revision=feed_state.revision + bool(changed),
        answered=reading.at,
        answer=reading.outcome,
        settled=len(read) == len(projects)
        and all(each.definite and each.steady for each in read.values()),
        rest=reading.rest,
        notices=reading.notices,
        date=reading.date,
    )
    clock = after.time_of_day(reading.clock, now=reading.at)
    return after, _news(feed_state, after, answer, rules, clock=clock)


def in_doubt(feed_state: FeedState) -> FeedState:
    """Return *feed_state* with every verdict in doubt, because the news is outdated.

    A doubted pass cannot make a lamp green, and no red is forgotten. A project without a verdict
    does not change.
    """
    return replace(
        feed_state,
        revision=feed_state.revision + 1,
        settled=False,
        projects={
            key: replace(forgotten(known), doubted=True)
            if known.verdict is not Verdict.NONE
            else known
            for key, known in feed_state.projects.items()
        },
    )


def unanswered(feed_state: FeedState) -> FeedState:
    """Return the state of a feed whose last answer no longer counts."""
    answered = feed_state.answered
    return FeedState(
        revision=feed_state.revision + 1,
        projects={
            key: replace(known, unconfirmed_since=answered)
            if known.unconfirmed_since is None
            else known
            for key, known in feed_state.projects.items()
        },
    )


def nothing_new(before: FeedState, after: FeedState, rules: Rules) -> bool:
    """Return whether reports of *before* and *after* are equal, except for ages."""
    return (
        after.settled
        and after.revision == before.revision
        and after.error is before.error is None
        and after.notices == before.notices
        and after.answered is not None
        and before.freshness(rules, now=after.answered) is Freshness.FRESH
        and rules.ignore_older_than is None
    )


def _recovered(feed_state: FeedState) -> FeedState:
    return replace(feed_state, failures=0, error=None, newcomers=None)


def _fail(feed_state: FeedState, fault: FeedError) -> FeedState:
    return replace(feed_state, failures=feed_state.failures + 1, error=fault, newcomers=None)


def _read(
    feed_state: FeedState, reading: Reading, projects: Iterable[Project], rules: Rules
) -> dict[Key, ProjectState]:
    """Return the new state of each project of an answer."""
    found = {}
    for key, before, project in paired(feed_state.projects, projects, words=rules.words):
        known = update(before, project, now=reading.clock, words=rules.words)
        if not known.definite:
            known = _unconfirmed(known, before, feed_state, reading, rules)
        found[key] = known
    return found


def _unconfirmed(
    known: ProjectState,
    before: ProjectState | None,
    feed_state: FeedState,
    reading: Reading,
    rules: Rules,
) -> ProjectState:
    """Return *known* after an answer that did not confirm its verdict."""
    since = before.unconfirmed_since if before else reading.at
    if since is None:
        since = reading.at if feed_state.answered is None else feed_state.answered
    old = reading.at - since >= rules.expiry
    known = replace(
        known,
        unconfirmed_since=since,
        doubted=before is not None and before.doubted and not old,
    )
    # Forgetting a red could turn a lamp green, so a broken project is only doubted.
    return forgotten(known) if old else known


def _news(
    before: FeedState,
    after: FeedState,
    projects: tuple[Project, ...],
    rules: Rules,
    *,
    clock: datetime,
) -> News:
    happened: list[ProjectEvent] = []
    if before.answered is not None:
        old, new = (_by_name(each, rules, clock=clock) for each in (before, after))
        happened = [
            ProjectEvent(what, key[0], old.get(key), known)
            for key, known in new.items()
            if (what := event(old.get(key), known)) is not None
        ]
    gone = before.projects.keys() - after.projects.keys()
    red = {
        key
        for key in gone
        if before.projects[key].verdict is Verdict.BROKEN
        and not before.projects[key].project.stand_in
    }
    return News(
        events=tuple(happened),
        dropped=tuple(sorted(key[0] for key in gone - red)),
        dropped_red=tuple(sorted(key[0] for key in red)),
        unknown_words=unknown_words(projects, rules.words),
        unknown_activities=unknown_activities(projects),
    )


def _by_name(feed_state: FeedState, rules: Rules, *, clock: datetime) -> Mapping[Key, ProjectState]:
    """Return the states that events compare: projects, or pipelines without their old parts."""
    if not rules.roll_up:
        return feed_state.projects
    living = (each for each in feed_state.projects.values() if not rules.dead(each, clock=clock))
    return {(known.project.name, 0): known for known in roll_up(living)}
