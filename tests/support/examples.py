"""What every test file shares: a project to start from, and a moment to be in."""

from datetime import UTC, datetime

from buildlight.projects.project import Project
from buildlight.projects.verdict import ProjectState, Verdict

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def a_project(name: str = "shop", **attributes: object) -> Project:
    """Return a sleeping project; *attributes* are the fields that matter to the test."""
    return Project(**{"name": name, "activity": "Sleeping", **attributes})  # type: ignore[arg-type]


def a_memory(name: str = "shop", **attributes: object) -> ProjectState:
    """Return what is remembered of a passing project, unless *attributes* say otherwise."""
    known = {
        "project": a_project(name),
        "verdict": Verdict.PASSING,
        "building": False,
        "since": NOON,
    }
    return ProjectState(**{**known, **attributes})  # type: ignore[arg-type]
