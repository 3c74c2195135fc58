"""What many projects add up to: which of them count, and the signal of a lamp. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from buildlight.projects.verdict import Remembered, Verdict


@dataclass(frozen=True, slots=True)
class Signal:
    """What a lamp has to say.

    *building* means, if the verdict is broken, that every broken project is being built; else
    that any project is. *stale* means that green cannot be vouched for.
    """

    verdict: Verdict
    building: bool = False
    stale: bool = False


B, P, N = Verdict.BROKEN, Verdict.PASSING, Verdict.NONE

# Worst first, and what each is called where somebody chooses a pattern for it. CCTray's ranks
# (CCTrayLib/Monitoring/ProjectState.cs) with two changes: stale outranks another feed's
# building, and a project without a verdict is not broken.
RANKS: Mapping[Signal, str] = {
    Signal(B, building=False, stale=False): "broken",
    Signal(B, building=False, stale=True): "broken-stale",
    Signal(B, building=True, stale=False): "broken-building",
    Signal(B, building=True, stale=True): "broken-building-stale",
    Signal(P, building=False, stale=True): "stale",
    Signal(P, building=True, stale=True): "stale",
    Signal(N, building=False, stale=True): "stale",
    Signal(N, building=True, stale=True): "stale",
    Signal(P, building=True, stale=False): "passing-building",
    Signal(N, building=True, stale=False): "none-building",
    Signal(P, building=False, stale=False): "passing",
    Signal(N, building=False, stale=False): "none",
}


def aggregate(watched: Iterable[Remembered], *, stale: bool) -> Signal:
    """Return what *watched* add up to; nothing watched is a stale signal, never a green one.

    A project without a verdict does not outweigh one that passes, but its building shows.
    """
    watched = tuple(watched)
    verdict = min((known.verdict for known in watched), key=_WORST.index, default=N)
    broken = [known for known in watched if known.verdict is B]
    building = [known.building for known in broken or watched]
    return Signal(
        verdict=verdict,
        building=all(building) if broken else any(building),
        stale=stale or not watched,
    )


_WORST = (B, P, N)


def roll_up(projects: Iterable[Remembered]) -> tuple[Remembered, ...]:
    """Return one for each pipeline of *projects*: the worst of its stages and jobs.

    GoCD, Concourse and TeamCity list a pipeline's parts beside each other, and a stage can be
    green while a job of it is red. A pipeline is being built if any part of it is.
    """
    pipelines: dict[str, list[Remembered]] = {}
    for known in projects:
        pipelines.setdefault(pipeline_of(known.project.name), []).append(known)
    return tuple(_rolled(name, parts) for name, parts in pipelines.items())


def pipeline_of(name: str) -> str:
    """Return the part of *name* before the first separator: `` :: ``, `` / `` or ``/``."""
    for separator in (" :: ", " / ", "/"):
        head, found, _ = name.partition(separator)
        if found and head:
            return head
    return name


def _rolled(name: str, parts: Sequence[Remembered]) -> Remembered:
    worst = min(parts, key=lambda part: _WORST.index(part.verdict))
    since = [part.since for part in parts if part.since and part.verdict is worst.verdict]
    return replace(
        worst,
        project=replace(worst.project, name=name),
        building=any(part.building for part in parts),
        since=min(since, default=None),
    )


def select(
    names: Iterable[str], *, include: Collection[str] = (), exclude: Collection[str] = ()
) -> frozenset[str]:
    """Return those of *names* that count: all, unless *include* names some, less *exclude*.

    Patterns are globs that match a whole name, or regular expressions behind ``re:`` that match
    anywhere in its first :data:`LOOKED_AT` letters. Both tell upper from lower case.
    """
    return frozenset(
        name
        for name in frozenset(names)
        if (not include or _matches(name, include)) and not _matches(name, exclude)
    )


def required(include: Iterable[str]) -> frozenset[str]:
    """Return the patterns of *include* that are plain names: their project has to exist."""
    return frozenset(
        pattern for pattern in include if not pattern.startswith("re:") and not _GLOB & {*pattern}
    )


_GLOB = frozenset("*?[")

LOOKED_AT = 500
"""Letters of a name at which a regular expression looks. Most that hold ``.*`` take time with the
square of a name's length, which a server may make 100,000; a glob does not."""


def idle(include: Sequence[str], names: Collection[str]) -> tuple[int, ...]:
    """Return which patterns of *include*, counted from 1, match none of *names*.

    Plain names are not told: they are :func:`required`, and missed elsewhere.
    """
    plain = required(include)
    return tuple(
        number
        for number, pattern in enumerate(include, start=1)
        if pattern not in plain and not any(_matches(name, (pattern,)) for name in names)
    )


def _matches(name: str, patterns: Iterable[str]) -> bool:
    for pattern in patterns:
        if pattern.startswith("re:"):
            if re.search(pattern.removeprefix("re:"), name[:LOOKED_AT]):
                return True
        elif fnmatchcase(name, pattern):
            return True
    return False
