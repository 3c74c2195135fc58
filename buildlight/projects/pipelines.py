"""Counts a pipeline as one project, for servers that list each stage and job (roll-up). Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from buildlight.projects.verdict import WORST_FIRST, ProjectState


def roll_up(projects: Iterable[ProjectState]) -> tuple[ProjectState, ...]:
    """Return one state for each pipeline of *projects*: the worst of its stages and jobs.

    GoCD, Concourse and TeamCity list the parts of a pipeline separately, and a stage can be green
    while one of its jobs is red. A pipeline is being built if any part of it is.
    """
    pipelines: dict[str, list[ProjectState]] = {}
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


def _rolled(name: str, parts: Sequence[ProjectState]) -> ProjectState:
    worst = min(parts, key=lambda part: WORST_FIRST.index(part.verdict))
    marks = dict.fromkeys(mark for part in parts for mark in part.project.marks)
    since = [part.since for part in parts if part.since and part.verdict is worst.verdict]
    return replace(
        worst,
        project=replace(worst.project, name=name, marks=(*marks,)),
        building=any(part.building for part in parts),
        since=min(since, default=None),
    )
