"""What many projects add up to: which of them count, and the signal of a lamp. Pure."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from buildlight.memory import Remembered, Verdict


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
        building=bool(building) and (all(building) if broken else any(building)),
        stale=stale or not watched,
    )


_WORST = (B, P, N)


def select(
    names: Iterable[str], *, include: Collection[str] = (), exclude: Collection[str] = ()
) -> frozenset[str]:
    """Return those of *names* that count: all, unless *include* names some, less *exclude*.

    Patterns are globs that match a whole name, or regular expressions behind ``re:`` that match
    anywhere in it. Both tell upper from lower case.
    """
    return frozenset(
        name
        for name in names
        if (not include or _matches(name, include)) and not _matches(name, exclude)
    )


def required(include: Iterable[str]) -> frozenset[str]:
    """Return the patterns of *include* that are plain names: their project has to exist."""
    return frozenset(
        pattern for pattern in include if not pattern.startswith("re:") and not _GLOB & {*pattern}
    )


_GLOB = frozenset("*?[")


def _matches(name: str, patterns: Iterable[str]) -> bool:
    for pattern in patterns:
        if pattern.startswith("re:"):
            if re.search(pattern.removeprefix("re:"), name):
                return True
        elif fnmatchcase(name, pattern):
            return True
    return False
