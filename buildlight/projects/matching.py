"""Matches the projects of an answer with the remembered ones. Pure.

For nearly every server the name is enough. GoCD and preview feeds repeat names, in any order; then
no mistake may turn a red project green.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from itertools import chain, count

from buildlight.projects.project import Activity, BuildStatus, Project, activity_of, status_of
from buildlight.projects.verdict import DEFINITE, ProjectState, Verdict

Key = tuple[str, int]
"""A project's name, and a number that distinguishes projects of one name."""

Pair = tuple[Key, ProjectState | None, Project]
"""A project, its key, and its remembered state."""


def paired(
    known: Mapping[Key, ProjectState],
    projects: Iterable[Project],
    *,
    words: Mapping[str, BuildStatus],
) -> Iterator[Pair]:
    """Pair *projects* with the *known* states; each key is used once."""
    keys: dict[str, list[Key]] = {}
    for key in known:
        keys.setdefault(key[0], []).append(key)
    groups: dict[str, list[Project]] = {}
    for project in projects:
        groups.setdefault(project.name, []).append(project)
    for name, group in groups.items():
        before = {key: known[key] for key in keys.get(name, ())}
        if len(group) == 1 and len(before) <= 1:
            key = next(iter(before), (name, 0))
            yield key, before.get(key), group[0]
        else:
            yield from _paired_namesakes(name, group, before, words)


def _paired_namesakes(
    name: str,
    group: Sequence[Project],
    known: Mapping[Key, ProjectState],
    words: Mapping[str, BuildStatus],
) -> Iterator[Pair]:
    """Pair projects of one name: by their address if it is unique, otherwise with caution.

    If nothing distinguishes them, one without a definite word is taken for the worst of them. If
    one is missing, the worst of them counts as missing.
    """
    # A dictionary, not a search: a server may repeat one name 50,000 times.
    at = _by_address(known)
    told = Counter(address_of(project.web_url) for project in group)
    left = dict(known)
    strangers = []
    for project in group:
        address = address_of(project.web_url)
        same = at.get(address, ())
        if address and len(same) == 1 and told[address] == 1:
            yield same[0], left.pop(same[0]), project
        else:
            strangers.append(project)
    keys = [*left]
    if len(strangers) < len(keys):
        keys.sort(key=lambda key: WORST_FIRST.index(left[key].verdict), reverse=True)
    worst = _worst(left.values(), strangers, words)
    fresh = ((name, number) for number in count() if (name, number) not in known)
    free = chain(keys, fresh)
    for project in strangers:
        key = next(free)
        yield key, left.get(key) if _word(project, words) else _as(worst, project), project


def _by_address(known: Mapping[Key, ProjectState]) -> Mapping[str, Sequence[Key]]:
    found: dict[str, list[Key]] = {}
    for key, each in known.items():
        address = each.address or address_of(each.project.web_url)
        found.setdefault(address, []).append(key)
    return found


def address_of(web_url: str) -> str:
    """Return a digest of a project's page, which distinguishes namesakes after a restart.

    Only a digest is stored, because an address may contain a secret. Empty without a page.
    """
    return blake2b(web_url.encode(errors="replace"), digest_size=6).hexdigest() if web_url else ""


def _worst(
    left: Iterable[ProjectState], strangers: Iterable[Project], words: Mapping[str, BuildStatus]
) -> ProjectState | None:
    """Return the worst state that an unmatched project may have had.

    A project that is broken now was one of the broken ones; a passing project may be any of them.
    Of two with the same verdict, the one with the older confirmation is worse.
    """
    suspects = sorted(left, key=_badness)
    broken = sum(_word(project, words) is Verdict.BROKEN for project in strangers)
    accounted = min(broken, sum(each.verdict is Verdict.BROKEN for each in suspects))
    return next(iter(suspects[accounted:]), None)


def _badness(known: ProjectState) -> tuple[int, float]:
    since = math.inf if known.unconfirmed_since is None else known.unconfirmed_since
    return WORST_FIRST.index(known.verdict), since


def _as(worst: ProjectState | None, project: Project) -> ProjectState | None:
    """Return *worst* with the build of *project*, so that their difference earns no green."""
    if worst is None:
        return None
    return replace(worst, build=(project.last_build_label, project.last_build_time))


WORST_FIRST = (Verdict.BROKEN, Verdict.NONE, Verdict.PASSING)
"""Verdicts from best to worst: unknown is worse than passing."""


def _word(project: Project, words: Mapping[str, BuildStatus]) -> Verdict | None:
    """Return the certain verdict of *project*; ``None`` if there is none."""
    building = activity_of(project) is Activity.BUILDING
    return None if building else DEFINITE.get(status_of(project, words))
