"""Runs of workflows, of whichever forge, and what they mean for a lamp. Pure.

The words are those of GitHub Actions, to which the other forges' are translated. A listing may lag
behind, so nothing here trusts the order of rows: runs are merged by their number, which only grows
within one workflow.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from buildlight.feeds.forge.rows import activity, bounded, newest, newest_decisive
from buildlight.projects.project import Project, Run

DECISIVE = frozenset({"success", "failure", "timed_out", "startup_failure"})
"""Conclusions that make a verdict."""
KEEPING = frozenset({"cancelled", "skipped", "neutral", "stale", "action_required"})
"""Conclusions that keep the verdict of the run before."""
IN_MOTION = frozenset({"in_progress", "queued", "requested", "pending", "waiting"})
"""Statuses of a run that works, or has not started."""


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
            # How the attempt before ended has to be read, unless it was seen to end.
            seen_to_end = before.finished and run.attempt == before.attempt + 1
            previous = before.decided if seen_to_end else ""
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
    newer run could still decide otherwise; an unknown word itself, if a run after a passing one
    has it.
    """
    last = newest(runs)
    if last is None:
        return Project(name=name, activity="Sleeping", last_build_status="Unknown")
    decided = decisive(runs)
    # A word that nobody knows confirms no pass; a red before it stays as it is.
    red = decided is not None and decided.decided != "success"
    odd = None if red else next(filter(_odd_word, runs_since_verdict(runs)), None)
    shown = odd or decided or last
    return Project(
        name=name,
        activity=_activity(runs, now=now),
        last_build_status=_odd_word(odd) if odd else _status(last, decided, runs),
        last_build_label=labelled(shown.number, _attempt(shown)),
        last_build_time=shown.started,
        web_url=last.url if not last.finished else shown.url,
        run=_run(shown),
    )


def _odd_word(run: WorkflowRun) -> str:
    """Return the word of *run* that nobody knows; empty if all are known."""
    if run.finished:
        return "" if run.conclusion in DECISIVE | KEEPING else run.conclusion or "null"
    return "" if run.status in IN_MOTION else run.status or "null"


def _run(shown: WorkflowRun) -> Run:
    """Return what is known of *shown*; nobody starts a run of a schedule."""
    author = "" if shown.event == "schedule" else shown.author
    return Run(shown.branch, shown.commit, _attempt(shown), author, shown.started)


def _attempt(run: WorkflowRun) -> int:
    """Return the attempt that the verdict is of: that before, while *run* runs again."""
    return run.attempt if run.finished or not run.previous else max(run.attempt - 1, 1)


def _status(last: WorkflowRun, decided: WorkflowRun | None, runs: Runs) -> str:
    if decided is None or undecided(runs):
        return "Unknown"
    if not last.finished and last.attempt > 1 and decided.number != last.number:
        # An attempt before may have had a verdict; a red that is known is not hidden by that.
        return "Unknown" if decided.decided == "success" else decided.decided
    return decided.decided


def _activity(runs: Runs, *, now: datetime) -> str:
    unfinished = (run for run in runs.values() if run.status in IN_MOTION)
    return activity(
        ((run.status, run.updated or run.started) for run in unfinished),
        running="in_progress",
        now=now,
    )
