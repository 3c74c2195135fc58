"""Rows of Gitea's and Forgejo's runs, in the words of GitHub Actions. Pure.

Gitea uses GitHub's names and words. Forgejo has one word for status and conclusion, and does not
count attempts. Both call a workflow by its file.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from buildlight.errors import FeedMalformed
from buildlight.feeds.forge.rows import number, text
from buildlight.feeds.forge.runs import Runs, WorkflowRun, merge
from buildlight.projects.ccxml import parse_time

FORGEJO_WORDS: Mapping[str, tuple[str, str]] = {
    "success": ("completed", "success"),
    "failure": ("completed", "failure"),
    "cancelled": ("completed", "cancelled"),
    "skipped": ("completed", "skipped"),
    "running": ("in_progress", ""),
    "waiting": ("queued", ""),
    "blocked": ("waiting", ""),
}
"""Statuses of a run as GitHub's status and conclusion."""
EVENTS = frozenset({"push", "schedule", "workflow_dispatch"})
"""Events whose runs count: the rest are pull requests and chores."""


def parse_runs(document: object) -> tuple[WorkflowRun, ...]:
    """Return the runs of a listing; a row that cannot be read is left out.

    Raises :class:`FeedMalformed` if *document* is not a listing, or has rows and none is readable.
    """
    rows = document.get("workflow_runs") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise FeedMalformed("not a list of workflow runs; check api, and the server's version")
    runs = tuple(run for row in rows if (run := parse_run(row)) is not None)
    if rows and not runs:
        raise FeedMalformed("none of the workflow runs can be read; check api")
    return runs


def parse_run(row: object) -> WorkflowRun | None:
    """Return the run that *row* describes, ``None`` if what identifies it is missing."""
    if not isinstance(row, dict):
        return None
    return _forgejo(row) if "index_in_repo" in row else _gitea(row)


def _gitea(row: Mapping[str, Any]) -> WorkflowRun | None:
    own, head = (_id(row, key) for key in ("repository", "head_repository"))
    return _run(
        row,
        file=text(row, "path"),
        counted=number(row, "run_number"),
        event=text(row, "event"),
        words=(text(row, "status").lower(), text(row, "conclusion").lower()),
        branch=text(row, "head_branch"),
        own=head is None or own == head,
        times=(text(row, "started_at"), text(row, "completed_at")),
        commit=text(row, "head_sha"),
        actor=row.get("trigger_actor") or row.get("actor"),
    )


def _forgejo(row: Mapping[str, Any]) -> WorkflowRun | None:
    status = text(row, "status").lower()
    return _run(
        row,
        file=text(row, "workflow_id"),
        counted=number(row, "index_in_repo"),
        event=text(row, "trigger_event") or text(row, "event"),
        words=FORGEJO_WORDS.get(status, ("completed", status)),
        branch=text(row, "prettyref"),
        own=row.get("is_fork_pull_request") is not True,
        times=(text(row, "started") or text(row, "created"), text(row, "updated")),
        commit=text(row, "commit_sha"),
        actor=row.get("trigger_user"),
    )


def _run(
    row: Mapping[str, Any],
    *,
    file: str,
    counted: int | None,
    event: str,
    words: tuple[str, str],
    branch: str,
    own: bool,
    times: tuple[str, str],
    commit: str,
    actor: object,
) -> WorkflowRun | None:
    identifier, file = number(row, "id"), file.partition("@")[0].rpartition("/")[2]
    if identifier is None or counted is None or not file:
        return None
    # Go's zero time, of the year 1, means that it has not happened.
    started, updated = (
        None if moment is None or moment.year <= 1970 else moment  # noqa: PLR2004
        for moment in map(parse_time, times)
    )
    return WorkflowRun(
        id=identifier,
        workflow=0,
        path=file,
        number=counted,
        attempt=max(number(row, "run_attempt") or 1, 1),
        event=event,
        status=words[0],
        conclusion=words[1],
        branch=branch,
        own=own,
        started=started,
        updated=updated or started,
        url=text(row, "html_url"),
        commit=commit,
        author=text(actor, "login") if isinstance(actor, dict) else "",
    )


def _id(row: Mapping[str, Any], key: str) -> int | None:
    value = row.get(key)
    return number(value, "id") if isinstance(value, dict) else None


def counts(run: WorkflowRun, *, branch: str) -> bool:
    """Return whether *run* says something about *branch* of the repository itself."""
    return run.own and run.branch == branch and run.event in EVENTS


def are_jobs_broken(document: object) -> bool:
    """Return whether a job of a listing failed: Gitea's is an object, Forgejo's a list."""
    rows = document.get("jobs") if isinstance(document, dict) else document
    jobs = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return any("failure" in (text(job, "conclusion"), text(job, "status")) for job in jobs)


def taken(known: Runs, seen: Iterable[WorkflowRun]) -> Runs:
    """Return *known* with what *seen* tells; what began again after its end is another attempt."""
    for run in seen:
        before = known.get(run.number)
        if before is not None and before.id == run.id and run.attempt <= before.attempt:
            began = before.finished and not run.finished and run.updated != before.updated
            run = replace(run, attempt=before.attempt + began)  # noqa: PLW2901 - the same run
        known = merge(known, [run])
    return known
