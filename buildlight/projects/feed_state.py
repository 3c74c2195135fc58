"""What one poll of a feed gave, and how the feed stands after it. Pure.

A feed's feed_state is its memory, its last good answer and its failures since. Every rule about
a *whole* feed is here: when it is stale, what makes a 200 answer a fault, when a missing project
is given up. What one project's words mean is in ``memory``.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from buildlight.errors import FeedError, FeedMalformed
from buildlight.projects.matching import Key, paired
from buildlight.projects.pipelines import pipeline_of, roll_up
from buildlight.projects.project import STATUS_WORDS, BuildStatus, Project, unknown_words
from buildlight.projects.verdict import ProjectEvent, ProjectState, Verdict, event, update


class Freshness(Enum):
    """How old the news of a feed is; only ``FRESH`` can make a lamp green."""

    FRESH = "fresh"
    STALE = "stale"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Rules:
    """How one feed is judged.

    *max_age* (seconds) is how old the last good answer may get, *max_failures* how many polls
    in a row may fail, before the feed is stale. A project that is missing from good answers is
    given up after *max_age*, too. *expiry* (seconds) is how long a verdict may stand that no
    answer confirms. *required* are names that every good answer must hold. With *roll_up* the
    stages and jobs of a pipeline are one; *ignore_older_than* (seconds) is the age of its last
    build from which on a project does not count.
    """

    max_age: float
    max_failures: int = 3
    expiry: float = 86_400.0
    required: frozenset[str] = frozenset()
    words: Mapping[str, BuildStatus] = field(default_factory=lambda: STATUS_WORDS)
    roll_up: bool = False
    ignore_older_than: float | None = None

    def dead(self, known: ProjectState, *, clock: datetime) -> bool:
        """Return whether the last build of *known* is too old to count, at the time *clock*."""
        return (
            self.ignore_older_than is not None and known.age(clock=clock) > self.ignore_older_than
        )

    def name_of(self, name: str) -> str:
        """Return what the project called *name* counts as: itself, or its pipeline."""
        return pipeline_of(name) if self.roll_up else name


@dataclass(frozen=True, slots=True)
class Reading:
    """What one poll gave: the projects, or the fault; and when it was over.

    *at* is seconds of a clock that never jumps, *clock* the time of day that a person reads:
    a Pi has no clock of its own, and its time of day may leap by years when the network comes.
    """

    at: float
    clock: datetime
    outcome: tuple[Project, ...] | FeedError


@dataclass(frozen=True, slots=True)
class FeedState:
    """How a feed stands: what is remembered of it, and how it answered lately.

    *answered*, *seen* and *confirmed* are seconds as in :class:`Reading`: when the last good
    answer came, when each project was last in one, and when one last held a definite word of it.
    *doubted* are those of which a daemon before knew more than it could write down.
    *answer* is that answer; *settled* says that the same one again would tell nothing new.
    """

    projects: Mapping[Key, ProjectState] = field(default_factory=dict)
    seen: Mapping[Key, float] = field(default_factory=dict)
    confirmed: Mapping[Key, float] = field(default_factory=dict)
    doubted: frozenset[Key] = frozenset()
    answered: float | None = None
    failures: int = 0
    error: FeedError | None = None
    answer: tuple[Project, ...] | None = None
    settled: bool = False

    @property
    def building(self) -> bool:
        """Whether one of the feed's projects is being built."""
        return any(remembered.building for remembered in self.projects.values())

    def doubtful(self, rules: Rules, *, now: float) -> frozenset[str]:
        """Return the names of what is broken, while nothing has confirmed it for too long."""
        return frozenset(
            rules.name_of(key[0])
            for key, at in self.confirmed.items()
            if now - at >= rules.expiry and self.projects[key].verdict is Verdict.BROKEN
        )

    def unwritten(self, rules: Rules) -> frozenset[str]:
        """Return the names of what is doubted since a restart."""
        return frozenset(rules.name_of(key[0]) for key in self.doubted)

    def freshness(self, rules: Rules, *, now: float) -> Freshness:
        """Return how old the feed's news is at *now* (seconds as in :class:`Reading`)."""
        if self.answered is None:
            return Freshness.NEVER
        if self.failures >= rules.max_failures or now >= self.answered + rules.max_age:
            return Freshness.STALE
        return Freshness.FRESH


@dataclass(frozen=True, slots=True)
class News:
    """What a reading told that was not known: events by project, names given up, odd words."""

    events: tuple[ProjectEvent, ...] = ()
    dropped: tuple[str, ...] = ()
    unknown_words: frozenset[str] = frozenset()


def absorb(feed_state: FeedState, reading: Reading, *, rules: Rules) -> tuple[FeedState, News]:
    """Return how the feed stands after *reading*, and what was new in it.

    An answer with a fault in it counts as a failed poll, and what it told is not believed. The
    first good reading brings no events.
    """
    if isinstance(reading.outcome, FeedError):
        return _fail(feed_state, reading.outcome), News()
    if feed_state.settled and reading.outcome is feed_state.answer:
        return _again(feed_state, reading), News()
    fault = _fault(feed_state, reading.outcome, rules)
    if fault is not None:
        return _fail(feed_state, fault), News()
    read = _remember_all(feed_state, reading, reading.outcome, rules)
    missing = {key: at for key, at in _seen(feed_state, reading, rules).items() if key not in read}
    seen = _latest(missing) | dict.fromkeys(read, reading.at)
    confirmed = {
        key: reading.at if key in read and read[key].definite else feed_state.confirmed.get(key, at)
        for key, at in seen.items()
    }
    known = {key: each for key, each in feed_state.projects.items() if key in seen} | read
    after = FeedState(
        projects={
            key: _expired(each, reading.at - confirmed[key], rules) for key, each in known.items()
        },
        seen=seen,
        confirmed=confirmed,
        doubted=_doubted(feed_state, read, confirmed, now=reading.at, rules=rules),
        answered=reading.at,
        answer=reading.outcome,
    )
    if reading.outcome is feed_state.answer and after.projects == feed_state.projects:
        # The very same mapping: whoever made something of it need not make it again.
        settled = _is_settled(after, read.keys())
        after = replace(after, projects=feed_state.projects, settled=settled)
    return after, _news(feed_state, after, reading.outcome, rules, clock=reading.clock)


def in_doubt(feed_state: FeedState) -> FeedState:
    """Return *feed_state* as outdated news: what passed may be broken by now, or be fixed again.

    No green comes of it, and no red is forgotten. What never had a verdict is no worse than it was.
    """
    had = {key for key, known in feed_state.projects.items() if known.verdict is not Verdict.NONE}
    return replace(
        feed_state,
        projects={key: _forgotten(known) for key, known in feed_state.projects.items()},
        doubted=feed_state.doubted | had,
    )


def _doubted(
    feed_state: FeedState,
    read: Mapping[Key, ProjectState],
    confirmed: Mapping[Key, float],
    *,
    now: float,
    rules: Rules,
) -> frozenset[Key]:
    """Return what no definite word in *read* tells of, and is not as old as :func:`_expired`."""
    return frozenset(
        key
        for key in feed_state.doubted & confirmed.keys()
        if not (key in read and read[key].definite) and now - confirmed[key] < rules.expiry
    )


def _again(feed_state: FeedState, reading: Reading) -> FeedState:
    """Return *feed_state* after an answer that told once more what is known: it is confirmed."""
    now = dict.fromkeys(feed_state.projects, reading.at)
    return replace(feed_state, seen=now, confirmed=now, answered=reading.at, failures=0, error=None)


def _is_settled(feed_state: FeedState, read: Collection[Key]) -> bool:
    """Return whether an answer that changed nothing leaves nothing to time alone.

    What is missing has a grace that ends, and what no definite word confirms is forgotten.
    """
    return len(read) == len(feed_state.projects) and all(
        each.definite for each in feed_state.projects.values()
    )


def nothing_new(before: FeedState, after: FeedState, rules: Rules) -> bool:
    """Return whether a report of *after* would say what one of *before* said, but for ages."""
    return (
        after.settled
        and after.projects is before.projects
        and after.error is before.error is None
        and after.answered is not None
        and before.freshness(rules, now=after.answered) is Freshness.FRESH
        and rules.ignore_older_than is None
    )


def _seen(feed_state: FeedState, reading: Reading, rules: Rules) -> dict[Key, float]:
    """Return when each project was last seen, of those whose grace has not run out.

    What nobody could see before a restart, or while the feed was silent for long, has its grace
    from now on, if it is broken. Yesterday's green has none.
    """
    blind = feed_state.answered is None or reading.at >= feed_state.answered + rules.max_age
    seen = {
        key: reading.at
        if blind and known.verdict is Verdict.BROKEN
        else feed_state.seen.get(key, -math.inf)
        for key, known in feed_state.projects.items()
    }
    return {key: at for key, at in seen.items() if at + rules.max_age > reading.at}


def _latest(missing: Mapping[Key, float]) -> dict[Key, float]:
    """Return those that were seen last, so many that a server of new names fills no memory."""
    latest = sorted(missing, key=missing.__getitem__, reverse=True)[:MOST_MISSING]
    return {key: missing[key] for key in latest}


MOST_MISSING = 50_000
"""Most projects that are kept though an answer does not hold them: as many as one may hold."""


def _expired(known: ProjectState, age: float, rules: Rules) -> ProjectState:
    """Forget a passing verdict that nothing confirms; a broken one is only doubted.

    Forgetting a red could turn a lamp green.
    """
    return known if age < rules.expiry else _forgotten(known)


def _forgotten(known: ProjectState) -> ProjectState:
    """Return *known* without its verdict, if that is passing."""
    if known.verdict is not Verdict.PASSING:
        return known
    return replace(known, verdict=Verdict.NONE, since=None)


def _fail(feed_state: FeedState, fault: FeedError) -> FeedState:
    return replace(feed_state, failures=feed_state.failures + 1, error=fault)


def _fault(feed_state: FeedState, projects: tuple[Project, ...], rules: Rules) -> FeedError | None:
    """Return what is wrong with a good-looking answer, which proves nothing by itself."""
    missing = rules.required - {rules.name_of(project.name) for project in projects}
    if missing:
        names = ", ".join(sorted(missing))
        return FeedMalformed(f"no project named {names}; was it renamed, or may we not see it?")
    if not projects and feed_state.projects:
        return FeedMalformed(
            f"answers with no project, but had {len(feed_state.projects)}; "
            "does the server still know who asks?"
        )
    return None


def _remember_all(
    feed_state: FeedState, reading: Reading, projects: Iterable[Project], rules: Rules
) -> dict[Key, ProjectState]:
    return {
        key: update(before, project, now=reading.clock, words=rules.words)
        for key, before, project in paired(feed_state.projects, projects, words=rules.words)
    }


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
    return News(
        events=tuple(happened),
        dropped=tuple(sorted(key[0] for key in before.projects.keys() - after.projects.keys())),
        unknown_words=unknown_words(projects, rules.words),
    )


def _by_name(feed_state: FeedState, rules: Rules, *, clock: datetime) -> Mapping[Key, ProjectState]:
    """Return what news are told about: each project or, rolled up, what lives of each pipeline."""
    if not rules.roll_up:
        return feed_state.projects
    living = (each for each in feed_state.projects.values() if not rules.dead(each, clock=clock))
    return {(known.project.name, 0): known for known in roll_up(living)}
