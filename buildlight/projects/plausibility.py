"""Finds faults in answers with status 200, which may still be wrong. Pure.

An answer is believed if it continues the one before. Otherwise its new names are believed only
after they have stayed for a while, each with a definite word.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from buildlight.errors import FeedMalformed
from buildlight.projects.project import Project, status_of
from buildlight.projects.verdict import DEFINITE

if TYPE_CHECKING:
    from buildlight.projects.feed_state import FeedState, Rules

NAMED = 3
"""How many names a sentence lists before it counts the rest."""


@dataclass(frozen=True, slots=True)
class Newcomers:
    """Names of an answer that is not believed yet, and the second at which each first appeared."""

    names: frozenset[str]
    since: float


def find_fault(
    state: "FeedState", projects: Collection[Project], rules: "Rules", *, at: float
) -> tuple[FeedMalformed | None, Newcomers | None]:
    """Return what is wrong with an answer, if anything, and the names that are not believed yet.

    *at* is seconds as in :class:`feed_state.Reading`.
    """
    names = {rules.name_of(project.name) for project in projects}
    known = {rules.name_of(key[0]) for key in state.projects}
    required = rules.required | (rules.exact & known)
    if missing := required - names:
        return _fault(f"no project named {_listed(missing)}; was it renamed, or is access missing?")
    if not projects and state.projects:
        return _fault(
            f"answers with no project, but had {len(state.projects)}; does the server still "
            "accept the token?"
        )
    present = {
        rules.name_of(key[0])
        for key, each in state.projects.items()
        if each.missing_since is None and not each.project.stand_in
    }
    lost, new = present - names, names - known
    definite = {
        rules.name_of(project.name)
        for project in projects
        if DEFINITE.get(status_of(project, rules.words)) is not None
    }
    goes_on = len(lost) < len(present) and not new.isdisjoint(definite)
    if not lost or not new or goes_on:
        return None, None
    newcomers, since = frozenset(new), at
    if state.newcomers is not None and state.newcomers.names == newcomers:
        since = state.newcomers.since
    if newcomers <= definite and at - since >= rules.max_age:
        return None, None
    fault = FeedMalformed(
        f"{_listed(lost)} {'is' if len(lost) == 1 else 'are'} gone, and {_listed(new)} "
        f"{'has' if len(new) == 1 else 'have'} come instead; renamed, or a stand-in? "
        "It counts after its next build"
    )
    return fault, Newcomers(newcomers, since)


def _fault(sentence: str) -> tuple[FeedMalformed, None]:
    return FeedMalformed(sentence), None


def _listed(names: Collection[str]) -> str:
    shown = sorted(names)
    more = len(shown) - NAMED
    return ", ".join(shown[:NAMED]) + (f" and {more} more" if more > 0 else "")
