"""Pipelines of CircleCI and their workflows: what their JSON says, and what it means. Pure.

Facts: https://circleci.com/docs/api/v2. A workflow that is run again is another row of the same
pipeline with the same name, so that the attempt before stays visible.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from buildlight.errors import FeedMalformed
from buildlight.feeds.forge.rows import number, text
from buildlight.feeds.forge.runs import DECISIVE, Runs, WorkflowRun
from buildlight.projects.ccxml import parse_time

WORDS: Mapping[str, tuple[str, str]] = {
    "success": ("completed", "success"),
    "failed": ("completed", "failure"),
    "error": ("completed", "startup_failure"),
    "unauthorized": ("completed", "startup_failure"),
    "canceled": ("completed", "cancelled"),
    "not_run": ("completed", "skipped"),
    "running": ("in_progress", ""),
    "failing": ("in_progress", ""),
    "on_hold": ("waiting", ""),
}
"""Statuses of a workflow as GitHub's status and conclusion; ``failing`` is broken already."""
BEGINNING = frozenset({"pending", "setup", "setup-pending"})
"""States of a pipeline that has no workflow yet."""
BROKEN_JOBS = frozenset({"failed", "timedout", "infrastructure_fail"})
"""Statuses of a job of which a cancelled workflow is broken."""


@dataclass(frozen=True, slots=True)
class CircleWorkflow:
    """One workflow of a pipeline."""

    id: str
    name: str
    status: str
    created: datetime | None
    stopped: datetime | None

    @property
    def finished(self) -> bool:
        """Whether it has ended."""
        return WORDS.get(self.status, ("completed", ""))[0] == "completed"


@dataclass(frozen=True, slots=True)
class CirclePipeline:
    """One pipeline; *workflows* are ``None`` until they have been read."""

    id: str
    number: int
    state: str
    branch: str
    commit: str
    author: str
    created: datetime | None
    workflows: tuple[CircleWorkflow, ...] | None = None

    @property
    def finished(self) -> bool:
        """Whether everything in it has ended, as far as is known."""
        if not self.workflows:
            return self.workflows is not None and self.state not in BEGINNING
        return all(each.finished for each in self.workflows)


def parse_pipelines(document: object) -> tuple[CirclePipeline, ...]:
    """Return the pipelines of a listing; raises :class:`FeedMalformed` if it is none."""
    return tuple(found for row in _items(document) if (found := _pipeline(row)) is not None)


def parse_workflows(document: object) -> tuple[CircleWorkflow, ...]:
    """Return the workflows of a listing, oldest first; raises :class:`FeedMalformed`."""
    found = [each for row in _items(document) if (each := _workflow(row)) is not None]
    return tuple(sorted(found, key=lambda each: each.created.isoformat() if each.created else ""))


def are_jobs_broken(document: object) -> bool:
    """Return whether one of the jobs of a listing failed."""
    return any(text(job, "status") in BROKEN_JOBS for job in _items(document))


def next_page(document: object) -> str:
    """Return the token of the next page of a listing; empty for the last one."""
    return text(document, "next_page_token") if isinstance(document, dict) else ""


def _items(document: object) -> list[dict[str, Any]]:
    rows = document.get("items") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise FeedMalformed("not a list of CircleCI; check url and api")
    found = [row for row in rows if isinstance(row, dict)]
    if rows and not found:
        raise FeedMalformed("none of the rows can be read; check url and api")
    return found


def _pipeline(row: Mapping[str, Any]) -> CirclePipeline | None:
    counted = number(row, "number")
    if counted is None or not text(row, "id"):
        return None
    vcs, trigger = _part(row, "vcs"), _part(row, "trigger")
    # Projects of the GitHub App have no vcs.
    given = _part(row, "trigger_parameters")
    git = _part(given, "git") or _part(given, "github_app")
    return CirclePipeline(
        id=text(row, "id"),
        number=counted,
        state=text(row, "state").lower(),
        branch=text(vcs, "branch") or text(git, "branch"),
        commit=text(vcs, "revision") or text(git, "checkout_sha"),
        author=text(_part(trigger, "actor"), "login"),
        created=parse_time(text(row, "created_at")),
    )


def _part(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = row.get(key)
    return value if isinstance(value, dict) else {}


def _workflow(row: Mapping[str, Any]) -> CircleWorkflow | None:
    if not text(row, "id") or not text(row, "name"):
        return None
    return CircleWorkflow(
        id=text(row, "id"),
        name=text(row, "name"),
        status=text(row, "status").lower(),
        created=parse_time(text(row, "created_at")),
        stopped=parse_time(text(row, "stopped_at")),
    )


def newer(
    known: tuple[CircleWorkflow, ...] | None, seen: tuple[CircleWorkflow, ...]
) -> tuple[CircleWorkflow, ...]:
    """Return *seen*, but nothing that has ended begins again, since an answer may lag behind."""
    ended = {each.id: each for each in known or () if each.finished}
    told = {each.id: each if each.finished else ended.get(each.id, each) for each in seen}
    return tuple((ended | told).values()) if ended.keys() - told.keys() else tuple(told.values())


def names(pipelines: Iterable[CirclePipeline]) -> frozenset[str]:
    """Return the names of all workflows of *pipelines*."""
    return frozenset(each.name for pipeline in pipelines for each in pipeline.workflows or ())


def runs_of(
    name: str, pipelines: Iterable[CirclePipeline], *, page: str, broken: Mapping[str, bool]
) -> Runs:
    """Return the runs of the workflow *name*, by the number of their pipeline.

    *page* is where a person sees the project, *broken* whether a job failed, by the id of a
    cancelled workflow. While the newest pipeline has an invalid configuration, nothing can run.
    """
    runs, last = {}, None
    for pipeline in sorted(pipelines, key=lambda each: each.number):
        last = pipeline
        attempts = [each for each in pipeline.workflows or () if each.name == name]
        if attempts:
            runs[pipeline.number] = _run(pipeline, attempts, page=page, broken=broken)
    if runs and last is not None and last.state == "errored" and last.number not in runs:
        error = CircleWorkflow("", name, "error", last.created, last.created)
        runs[last.number] = _run(last, [error], page=page, broken=broken)
    return runs


def _run(
    pipeline: CirclePipeline,
    attempts: list[CircleWorkflow],
    *,
    page: str,
    broken: Mapping[str, bool],
) -> WorkflowRun:
    *before, shown = attempts
    status, conclusion = _translated(shown, broken)
    ended = [word for each in before if (word := _verdict(each, broken)) in DECISIVE]
    previous = ended[-1] if ended else "none" if before else ""
    if any(unexplained(before, broken)):
        previous = ""  # It has to be asked for.
    return WorkflowRun(
        id=0,
        workflow=0,
        path=shown.name,
        number=pipeline.number,
        attempt=len(attempts),
        event="",
        status=status,
        conclusion="cancelled" if shown.status == "canceled" else conclusion,
        branch=pipeline.branch,
        own=True,
        started=shown.created,
        updated=shown.stopped or shown.created,
        url=f"{page}/{pipeline.number}" + (f"/workflows/{shown.id}" if shown.id else ""),
        commit=pipeline.commit,
        author=pipeline.author,
        jobs_broken=broken.get(shown.id),
        previous="failure" if shown.status == "failing" else previous,
    )


def unexplained(
    attempts: Sequence[CircleWorkflow], broken: Mapping[str, bool]
) -> Iterator[CircleWorkflow]:
    """Yield the cancelled *attempts* that may hide a failure, after the last one that decides."""
    for each in reversed(attempts):
        if each.status == "canceled" and each.id not in broken:
            yield each
        elif _verdict(each, broken) in DECISIVE:
            return


def _verdict(workflow: CircleWorkflow, broken: Mapping[str, bool]) -> str:
    return "failure" if workflow.status == "failing" else _translated(workflow, broken)[1]


def _translated(workflow: CircleWorkflow, broken: Mapping[str, bool]) -> tuple[str, str]:
    if broken.get(workflow.id):
        return "completed", "failure"
    # A word that nobody knows is passed on as the conclusion.
    return WORDS.get(workflow.status, ("completed", workflow.status))
