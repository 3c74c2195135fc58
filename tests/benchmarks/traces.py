"""Builds that never were: seeded traces of CI servers, on which paces are compared.

A trace is made in four steps, each a distribution that is written down here:

1. **Pushes** come at random (a Poisson process) whose rate follows the office: by the hour of the
   day (:data:`HOURS`), and at weekends a twentieth of it.
2. **Follow-ups**: 35 of 100 pushes are followed by another to the same pipeline, after a
   log-normal time (median 12 minutes, sigma 0.8), and so on: a review, a mended test.
3. **Builds**: a push runs the stages of one pipeline, drawn at random, in a row; each begins when
   the one before has passed and the same stage is free. A nightly run begins every pipeline at
   the same hour.
4. **Durations**: each stage has a usual one, log-normal (median 4 minutes, sigma 0.7, at least 30
   seconds and at most 40 minutes); each build takes a log-normal multiple of it (median 1, sigma
   0.2). 15 of 100 builds fail, at a moment spread evenly over the last four fifths of that time.

No trace was recorded anywhere; the numbers are round ones that look like the servers of small
and middling offices. The same seed gives the same trace.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass

HOUR = 3_600.0
DAY = 24 * HOUR
WEEKDAYS = 5

HOURS = (
    *[0.02] * 7,  # 00 to 07
    *(0.2, 0.6, 1.0, 1.2, 1.2, 0.6, 0.9, 1.2, 1.2, 1.1, 0.8, 0.3),  # 07 to 19
    *[0.08] * 5,  # 19 to 24
)
"""How many pushes come in each hour of a weekday, to one another."""
WEEKEND = 0.05
FOLLOW_UPS, FOLLOW_UP_AFTER, FOLLOW_UP_SIGMA = 0.35, 720.0, 0.8
FAILURES = 0.15
USUAL, USUAL_SIGMA, SHORTEST, LONGEST = 240.0, 0.7, 30.0, 2_400.0
SPREAD = 0.2
NIGHTLY = 2 * HOUR


@dataclass(frozen=True, slots=True)
class World:
    """An office: *pushes* are those of a weekday that follow no other."""

    name: str
    pipelines: int
    stages: int
    pushes: float
    nightly: bool


WORLDS = (
    World("quiet", pipelines=2, stages=1, pushes=4, nightly=False),
    World("office", pipelines=10, stages=2, pushes=25, nightly=True),
    World("busy", pipelines=30, stages=3, pushes=90, nightly=True),
)


@dataclass(frozen=True, slots=True, order=True)
class Build:
    """One build, in seconds since Monday, midnight; *stage* is which project it is of."""

    start: float
    end: float
    stage: tuple[int, int]


def trace(world: World, *, days: int, seed: int) -> tuple[Build, ...]:
    """Return the builds of *world*, in the order of their starts."""
    dice = random.Random(f"{world.name} {seed}")
    usual = {
        (pipeline, stage): min(
            max(dice.lognormvariate(0.0, USUAL_SIGMA) * USUAL, SHORTEST), LONGEST
        )
        for pipeline in range(world.pipelines)
        for stage in range(world.stages)
    }
    begun = sorted([*_pushes(world, days, dice), *_nightly(world, days)])
    return tuple(sorted(_builds(world, begun, usual, dice)))


def _pushes(world: World, days: int, dice: random.Random) -> Iterator[tuple[float, int]]:
    """Yield when each push comes, and to which pipeline."""
    for hour in range(24 * days):
        day, of_day = divmod(hour, 24)
        rate = world.pushes * HOURS[of_day] / sum(HOURS) / HOUR
        if day % 7 >= WEEKDAYS:
            rate *= WEEKEND
        at = dice.expovariate(rate)
        while at < HOUR:
            push, pipeline = hour * HOUR + at, dice.randrange(world.pipelines)
            yield push, pipeline
            while dice.random() < FOLLOW_UPS:
                push += dice.lognormvariate(0.0, FOLLOW_UP_SIGMA) * FOLLOW_UP_AFTER
                yield push, pipeline
            at += dice.expovariate(rate)


def _nightly(world: World, days: int) -> Iterator[tuple[float, int]]:
    for day in range(days if world.nightly else 0):
        for pipeline in range(world.pipelines):
            yield day * DAY + NIGHTLY, pipeline


def _builds(
    world: World,
    begun: list[tuple[float, int]],
    usual: dict[tuple[int, int], float],
    dice: random.Random,
) -> Iterator[Build]:
    free = dict.fromkeys(usual, 0.0)
    for push, pipeline in begun:
        ready = push
        for number in range(world.stages):
            stage = pipeline, number
            start = max(ready, free[stage])
            length = usual[stage] * dice.lognormvariate(0.0, SPREAD)
            fails = dice.random() < FAILURES
            if fails:
                length *= dice.uniform(0.2, 1.0)
            ready = free[stage] = start + length
            yield Build(start, ready, stage)
            if fails:
                break
