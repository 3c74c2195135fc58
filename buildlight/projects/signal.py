"""The signal of a lamp: the sum of the projects that count for it. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from buildlight.projects.verdict import WORST_FIRST, ProjectState, Verdict


@dataclass(frozen=True, slots=True)
class Signal:
    """The state that a lamp shows.

    If the verdict is broken, *building* means that every broken project is being built; otherwise
    that any project is. *stale* means that the news is too old, or missing, for a green.
    """

    verdict: Verdict
    building: bool = False
    stale: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """A reason why green is forbidden; the kinds are in ``report.doubts``."""


B, P, N = Verdict.BROKEN, Verdict.PASSING, Verdict.NONE

# Worst first, with the names that the configuration uses. CCTray's ranks
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


def aggregate(watched: Iterable[ProjectState], *, doubts: Collection[Doubt]) -> Signal:
    """Return the signal of *watched*; without any project it is stale, never green.

    A passing project outranks one without a verdict, but the building of both shows.
    """
    watched = tuple(watched)
    verdict = min((known.verdict for known in watched), key=WORST_FIRST.index, default=N)
    broken = [known for known in watched if known.verdict is B]
    building = [known.building for known in broken or watched]
    return Signal(
        verdict=verdict,
        building=all(building) if broken else any(building),
        stale=bool(doubts) or not watched,
    )
