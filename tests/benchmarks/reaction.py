"""Reaction: how long a lamp takes to show the end of a build, at equally many requests a day.

Plays :mod:`traces` against ``pace.wait`` itself, as the monitor calls it, and against a fixed
interval that makes as many requests. Answers take no time and never fail. Three things are
measured, all from what happens on the server to the poll that tells it: the end of a build, its
start, and the start of one while nothing else is being built, which is when a still lamp moves.

Two cleverer ways are played, too, to know what they would be worth: to slow down as a feed stays
quiet, and to learn how long each project usually takes.
"""

import math
import random
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import mean, median

from buildlight.config.tables import Top
from buildlight.feeds.schedule import CLOSEST, JITTER, wait
from table import Row, times
from traces import DAY, WORLDS, Build, World, trace

DAYS = 56
SEEDS = range(5)
GOALS = {"quiet": 5.0, "office": 3.0, "busy": 1.8}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a poll tells a pace: the builds that run, and for how long nothing has changed."""

    running: Sequence[Build]
    usual: Callable[[Build], float | None]
    now: float
    quiet: float
    chance: float


Pace = Callable[[Seen], float]


def ours(seen: Seen) -> float:
    """Return the wait of the defaults."""
    top = Top()
    return wait(
        interval=top.interval,
        building_interval=top.building_interval,
        building=bool(seen.running),
        failures=0,
        tolerated=top.max_failures,
        chance=seen.chance,
    )


def slowing(seen: Seen) -> float:
    """Return a wait that grows from 10 seconds to 60 in two hours of silence."""
    calm = 5.0 if seen.running else min(max(seen.quiet / 120, 10.0), 60.0)
    return max(calm * (1 - JITTER * seen.chance), CLOSEST)


def learning(seen: Seen) -> float:
    """Return a wait that is short only around the usual end of a build that runs."""
    calm = min((_around_the_end(each, seen) for each in seen.running), default=30.0)
    return max(calm * (1 - JITTER * seen.chance), CLOSEST)


def _around_the_end(build: Build, seen: Seen) -> float:
    usual = seen.usual(build)
    near = usual is None or 0.6 * usual <= seen.now - build.start <= 1.5 * usual
    return 5.0 if near else 10.0


def fixed(interval: float) -> Pace:
    """Return the pace that knows nothing."""
    return lambda _seen: interval


@dataclass(slots=True)
class Server:
    """A trace as polls see it, in order of time."""

    builds: Sequence[Build]
    running: list[Build] = field(default_factory=list)
    durations: dict[tuple[int, int], list[float]] = field(default_factory=lambda: defaultdict(list))
    changed: float = -math.inf
    _next: int = 0

    def seen(self, now: float, chance: float) -> Seen:
        """Return what a poll at *now* tells."""
        started = bisect_right(self.builds, now, self._next, key=lambda build: build.start)
        ended = [each for each in self.running if each.end <= now]
        if started > self._next or ended:
            self.changed = now
        self.running += self.builds[self._next : started]
        self._next = started
        for each in self.running:
            if each.end <= now:
                self.durations[each.stage].append(each.end - each.start)
        self.running = [each for each in self.running if each.end > now]
        return Seen(self.running, self._usual, now, now - self.changed, chance)

    def _usual(self, build: Build) -> float | None:
        known = self.durations.get(build.stage)
        return median(known[-7:]) if known else None


def polls(builds: Sequence[Build], pace: Pace, *, seed: int) -> Iterator[float]:
    """Yield when *pace* polls."""
    dice = random.Random(seed)
    server = Server(builds)
    now = dice.uniform(0.0, 30.0)
    while now < DAYS * DAY:
        yield now
        now += pace(server.seen(now, dice.random()))


@dataclass(frozen=True, slots=True)
class Played:
    """How a pace did on one trace; seconds."""

    requests: float
    closest: float
    ends: Sequence[float]
    starts: Sequence[float]
    still: Sequence[float]


def played(builds: Sequence[Build], pace: Pace, *, seed: int) -> Played:
    """Play *pace* on *builds*."""
    at = [*polls(builds, pace, seed=seed)]
    return Played(
        requests=len(at) / DAYS,
        closest=min(after - before for before, after in pairwise(at)),
        ends=_waits(at, [build.end for build in builds]),
        starts=_waits(at, [build.start for build in builds]),
        still=_waits(at, [*_from_standstill(builds)]),
    )


def _waits(at: Sequence[float], moments: Sequence[float]) -> Sequence[float]:
    found = [(bisect_left(at, moment), moment) for moment in moments]
    return sorted(at[number] - moment for number, moment in found if number < len(at))


def _from_standstill(builds: Sequence[Build]) -> Iterator[float]:
    until = -math.inf
    for build in builds:
        if build.start > until:
            yield build.start
        until = max(until, build.end)


def _late(seconds: Sequence[float]) -> float:
    return seconds[math.ceil(0.99 * len(seconds)) - 1]


@dataclass(frozen=True, slots=True)
class Compared:
    """A pace against the fixed interval that makes as many requests; medians of all seeds."""

    requests: float
    interval: float
    closest: float
    mean: float
    quicker: float
    late: float
    start: float
    still: float


def compare(world: World, pace: Pace) -> Compared:
    """Compare *pace* in *world*."""
    rows = []
    for seed in SEEDS:
        builds = trace(world, days=DAYS, seed=seed)
        one = played(builds, pace, seed=seed)
        interval = DAY / one.requests
        other = played(builds, fixed(interval), seed=seed)
        rows.append(
            (
                one.requests,
                interval,
                one.closest,
                mean(one.ends),
                mean(other.ends) / mean(one.ends),
                _late(one.ends) / _late(other.ends),
                mean(one.starts) / mean(other.starts),
                mean(one.still) / mean(other.still),
            )
        )
    return Compared(*(median(column) for column in zip(*rows, strict=True)))


def rows() -> Iterator[Row]:
    """Yield the rows of the table."""
    for world in WORLDS:
        found, goal = compare(world, ours), GOALS[world.name]
        name = f"{world.name}: {found.requests:,.0f} requests a day"
        yield Row(
            f"{name}, end of a build, mean",
            times(found.quicker, "quicker"),
            f"≥ {goal:g} times",
            met=found.quicker >= goal,
            shown=f"{found.mean:.1f} s; fixed: {found.interval / 2:.1f} s",
        )
        yield Row("… 99th percentile", times(found.late), "≤ 1 times", met=found.late <= 1)
        yield Row("… start of a build", times(found.start), "≤ 1 times", met=found.start <= 1)
        yield Row(
            "… start while nothing else builds",
            times(found.still),
            "≤ 1 times",
            met=found.still <= 1,
        )
        yield Row(
            "… seconds between two polls, least",
            f"{found.closest:.1f}",
            f"≥ {CLOSEST:g}",
            met=found.closest >= CLOSEST - 1e-6,
        )


def worth() -> Iterator[str]:
    """Yield what the cleverer ways are worth, a line each."""
    for way in (slowing, learning):
        for world in WORLDS:
            found = compare(world, way)
            yield (
                f"{way.__name__} in {world.name}: ends {found.quicker:.2f} times quicker, "
                f"starts {found.start:.2f} times, starts while nothing else "
                f"builds {found.still:.2f} times, {found.requests:,.0f} requests"
            )
