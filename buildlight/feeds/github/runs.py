"""Workflow runs of GitHub Actions: what their JSON says, and which of them count. Pure.

Facts about rows and words: https://docs.github.com/rest/actions/workflow-runs and GitHub's OpenAPI
description.
"""

from collections.abc import Collection, Mapping
from typing import Any

from buildlight.errors import FeedMalformed
from buildlight.feeds.forge.rows import number, text
from buildlight.feeds.forge.runs import WorkflowRun
from buildlight.projects.ccxml import parse_time

EVENTS = frozenset({"push", "schedule", "workflow_dispatch", "repository_dispatch"})
"""Events whose runs count unless the configuration names others: the rest are chores of bots, which
GitHub lists under the default branch, or pull requests of strangers."""


def parse_runs(document: object) -> tuple[WorkflowRun, ...]:
    """Return the runs of a listing; a row that cannot be read is left out.

    Raises :class:`FeedMalformed` if *document* is not a listing, or has rows and none is readable.
    """
    rows = document.get("workflow_runs") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise FeedMalformed("not a list of workflow runs; is this GitHub's API? check api")
    runs = tuple(run for row in rows if (run := parse_run(row)) is not None)
    if rows and not runs:
        raise FeedMalformed(
            "none of the workflow runs can be read; is this GitHub's API? check api"
        )
    return runs


def row_count(document: object) -> int:
    """Return how many rows a listing has, those included that cannot be read."""
    rows = document.get("workflow_runs") if isinstance(document, dict) else None
    return len(rows) if isinstance(rows, list) else 0


def parse_run(row: object) -> WorkflowRun | None:
    """Return the run that *row* describes, ``None`` if what identifies it is missing."""
    if not isinstance(row, dict):
        return None
    if None in (number(row, "id"), number(row, "workflow_id"), number(row, "run_number")):
        return None
    return WorkflowRun(
        id=row["id"],
        workflow=row["workflow_id"],
        path=text(row, "path"),
        number=row["run_number"],
        # Answers of before 2022 and old Enterprise servers know no attempts.
        attempt=max(number(row, "run_attempt") or 1, 1),
        event=text(row, "event"),
        status=text(row, "status").lower(),
        conclusion=text(row, "conclusion").lower(),
        branch=text(row, "head_branch"),
        own=_is_own(row),
        started=parse_time(text(row, "run_started_at") or text(row, "created_at")),
        updated=parse_time(text(row, "updated_at")),
        url=text(row, "html_url"),
        commit=text(row, "head_sha"),
        author=_login(row),
    )


def _login(row: Mapping[str, Any]) -> str:
    actor = row.get("triggering_actor") or row.get("actor")
    return text(actor, "login") if isinstance(actor, dict) else ""


def _is_own(row: Mapping[str, Any]) -> bool:
    # A fork's pull request is listed under the fork's branch, often main, and says so nowhere else.
    ids = [
        place.get("id") if isinstance(place, dict) else None
        for place in (row.get("repository"), row.get("head_repository"))
    ]
    return ids[0] is not None and ids[0] == ids[1]


def counts(run: WorkflowRun, *, branch: str, events: Collection[str]) -> bool:
    """Return whether *run* says something about *branch* of the repository itself."""
    if not run.own or run.branch != branch or run.event not in events:
        return False
    # GitHub's own chores (Dependabot, Pages, CodeQL) have no file in the repository.
    return not run.path.startswith("dynamic/") or "dynamic" in events
