"""Workflow runs of GitHub Actions: what their JSON says, and what it means for a lamp. Pure.

Facts about rows and words: https://docs.github.com/rest/actions/workflow-runs and GitHub's OpenAPI
description. A listing may lag behind, so nothing here trusts the order of rows: runs are merged by
their number, which only grows within one workflow.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from buildlight.errors import FeedMalformed
from buildlight.feeds.forge.rows import activity, bounded, newest, newest_decisive, number, text
from buildlight.projects.ccxml import parse_time
from buildlight.projects.project import Project, Run

DECISIVE = frozenset({"success", "failure", "timed_out", "startup_failure"})
"""Conclusions that make a verdict."""
KEEPING = frozenset({"cancelled", "skipped", "neutral", "stale", "action_required"})
"""Conclusions that keep the verdict of the run before."""
IN_MOTION = frozenset({"in_progress", "queued", "requested", "pending", "waiting"})
"""Statuses of a run that works, or has not started."""

EVENTS = frozenset({"push", "schedule", "workflow_dispatch", "repository_dispatch"})
"""Events whose runs count unless the configuration names others: the rest are chores of bots, which
GitHub lists under the default branch, or pull requests of strangers."""


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """One workflow run. *jobs_broken* is set once the jobs of a cancelled run have been read.

    *previous* is how the attempt before this one ended, once that is known.
    """

    id: int
    workflow: int
    path: str
    number: int
    attempt: int
    event: str
    status: str
    conclusion: str
    branch: str
    own: bool
    started: datetime | None
    updated: datetime | None
    url: str
    commit: str = ""
    author: str = ""
    jobs_broken: bool | None = None
    previous: str = ""

    @property
    def finished(self) -> bool:
        """Whether this attempt has ended."""
        return self.status == "completed"

    @property
    def word(self) -> str:
        """The conclusion, or ``failure`` for a cancelled run of which a job is broken."""
        return "failure" if self.conclusion == "cancelled" and self.jobs_broken else self.conclusion

    @property
    def decided(self) -> str:
        """The word that makes the verdict, of the last attempt that has one; else empty."""
        if self.finished and self.word in DECISIVE:
            return self.word
        return self.previous if self.previous in DECISIVE else ""

    @property
    def passed(self) -> bool:
        """Whether it ended, and its verdict is green."""
        return self.finished and self.decided == "success"


def labelled(number: int, attempt: int) -> str:
    """Return how people call an attempt of a run: ``174``, ``174.2``."""
    return f"{number}" if attempt <= 1 else f"{number}.{attempt}"


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


Runs = Mapping[int, WorkflowRun]
"""The runs of one workflow that count, by their number."""


def merge(known: Runs, seen: Iterable[WorkflowRun]) -> Runs:
    """Return *known* with what *seen* tells anew; an answer that lags behind changes nothing.

    What was found out about an attempt stays with it, and how an attempt ended is kept for the
    next one: a listing holds no trace of the red that is being re-run.
    """
    merged = dict(known)
    for run in seen:
        before = merged.get(run.number)
        if before is None or before.id != run.id:
            merged[run.number] = run
        elif run.attempt > before.attempt:
            # An attempt in between was not seen: it has to be read.
            previous = before.decided if run.attempt == before.attempt + 1 else ""
            merged[run.number] = replace(run, previous=previous)
        elif run.attempt == before.attempt and not (before.finished and not run.finished):
            merged[run.number] = replace(
                run, jobs_broken=before.jobs_broken, previous=before.previous or run.previous
            )
    return bounded(merged, decisive=[_decided(merged)])


def decisive(runs: Runs) -> WorkflowRun | None:
    """Return the run with the highest number that has a verdict, whichever of them ended last."""
    return runs.get(_decided(runs))


def _decided(runs: Runs) -> int:
    return newest_decisive(runs, lambda run: run.decided)


def runs_since_verdict(runs: Runs) -> tuple[WorkflowRun, ...]:
    """Return the run that decides, and those after it, newest first: what they do next matters."""
    decided = _decided(runs)
    return tuple(run for each, run in sorted(runs.items(), reverse=True) if each >= decided)


def undecided(runs: Runs) -> tuple[WorkflowRun, ...]:
    """Return the runs, newest first, of which one more question would tell the verdict.

    A cancelled run may hide a job that failed; a first sight of a second attempt hides how the
    first one ended.
    """
    found = []
    for _, run in sorted(runs.items(), reverse=True):
        if run.decided and not needs_jobs(run):
            break
        if needs_jobs(run) or needs_previous(run):
            found.append(run)
    return tuple(found)


def needs_jobs(run: WorkflowRun) -> bool:
    """Return whether the jobs of *run* have to be read: it was cancelled, perhaps by a failure."""
    return run.finished and run.conclusion == "cancelled" and run.jobs_broken is None


def needs_previous(run: WorkflowRun) -> bool:
    """Return whether the attempts before have to be read: this one has no verdict of its own."""
    return run.attempt > 1 and not run.decided and not run.previous


def project_of(name: str, runs: Runs, *, now: datetime) -> Project:
    """Return the project called *name* that *runs* of its workflow add up to at *now*.

    Its status is the word of the newest decisive run; ``Unknown``, which keeps the verdict, while a
    newer run could still decide otherwise; the word itself if the newest run ended with an
    unknown one.
    """
    last = newest(runs)
    if last is None:
        return Project(name=name, activity="Sleeping", last_build_status="Unknown")
    decided = decisive(runs)
    odd = last.finished and last.conclusion not in DECISIVE | KEEPING
    shown = last if odd or decided is None else decided
    return Project(
        name=name,
        activity=_activity(runs, now=now),
        last_build_status=_status(last, decided, runs) if not odd else last.conclusion or "null",
        last_build_label=labelled(shown.number, _attempt(shown)),
        last_build_time=shown.started,
        web_url=last.url if not last.finished else shown.url,
        run=_run(shown),
    )


def _run(shown: WorkflowRun) -> Run:
    """Return what is known of *shown*; nobody starts a run of a schedule."""
    author = "" if shown.event == "schedule" else shown.author
    return Run(shown.branch, shown.commit, _attempt(shown), author, shown.started)


def _attempt(run: WorkflowRun) -> int:
    """Return the attempt that the verdict is of: that before, while *run* runs again."""
    return run.attempt if run.finished or not run.previous else run.attempt - 1


def _status(last: WorkflowRun, decided: WorkflowRun | None, runs: Runs) -> str:
    if decided is None or undecided(runs):
        return "Unknown"
    if not last.finished and last.attempt > 1 and decided.number != last.number:
        return "Unknown"
    return decided.decided


def _activity(runs: Runs, *, now: datetime) -> str:
    unfinished = (run for run in runs.values() if run.status in IN_MOTION)
    return activity(
        ((run.status, run.updated or run.started) for run in unfinished),
        running="in_progress",
        now=now,
    )
