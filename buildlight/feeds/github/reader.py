"""Reads the runs of one repository, with as few requests as their truth allows.

The unfiltered list of runs is the heartbeat, since GitHub's filtered lists come from a search index
that has been days late. Everything else is asked for seldom, or only once.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.forge.runs import (
    DECISIVE,
    Runs,
    WorkflowRun,
    decisive,
    merge,
    needs_jobs,
    runs_since_verdict,
    undecided,
)
from buildlight.feeds.github.runs import counts, parse_run, parse_runs, row_count
from buildlight.feeds.json_api import JsonApi

PAGE = 30
"""Rows of the heartbeat: 100 would be more than a megabyte."""
MORE_PAGES = 3
"""Pages read at most if more than one page of runs has begun since the last poll."""
HISTORY = ((20, False), (100, False), (100, True))
"""What is read of a workflow's own list while the heartbeat does not decide it: so many rows, of
any branch or filtered. Last the filtered one, as it may lag behind."""
FOLLOWED = 10
"""Runs asked for by their id in one poll, in turn."""
ATTEMPTS = 5
"""Attempts read at most before a re-run."""
GONE = 404


class RunReader:
    """The runs of one repository on one branch whose *events* count.

    *runs* are by workflow. *seen* are the workflows that had a run that counts, even if GitHub has
    deleted it since. *tried* is how much of :data:`HISTORY` was read, by workflow.
    """

    def __init__(self, api: JsonApi, *, branch: str, events: Collection[str]) -> None:
        self.runs: dict[int, Runs] = {}
        self.seen: set[int] = set()
        self.tried: dict[int, int] = {}
        self.branch = branch
        self._api = api
        self._events = events
        self._last_row = 0
        self._oldest = 0
        self._shown: frozenset[int] = frozenset()
        self._turn = 0
        self._gaps: dict[int, int] = {}

    async def read(self, workflows: Collection[int], *, until: float) -> None:
        """Bring the runs of *workflows* up to date; begin no history after *until* (loop time)."""
        await self._read_newest(workflows)
        await self._close_gap()
        await self._follow(workflows)
        for workflow in workflows:
            await self._look_back(workflow, until=until)
            await self._ask_about_undecided(workflow)

    async def _read_newest(self, workflows: Collection[int]) -> None:
        """Read the newest runs of all workflows, and more if a page was not enough."""
        seen: list[WorkflowRun] = []
        for page in range(1, MORE_PAGES + 1):
            more = {"page": page} if page > 1 else {}
            rows = await self._api.read(
                "/actions/runs", parse_runs, per_page=PAGE, exclude_pull_requests="true", **more
            )
            seen += rows
            if len(rows) < PAGE or not self._last_row or rows[-1].id <= self._last_row:
                break
        else:
            self._gaps = dict.fromkeys(workflows, self._last_row)
        if self._last_row and not seen:
            raise FeedRefused(
                "GitHub lists no run any more: Actions were disabled, or every run was deleted; "
                "check the repository's settings"
            )
        self._take(seen)
        self._last_row = max((run.id for run in seen), default=self._last_row)
        self._oldest = min((run.id for run in seen), default=0)
        self._shown = frozenset(run.id for run in seen)

    async def _close_gap(self) -> None:
        """Read the own list of each workflow, after more runs than those pages hold."""
        for workflow, since in [*self._gaps.items()]:
            for rows in (20, 100):
                document = await self._api.get_once(
                    f"/actions/workflows/{workflow}/runs",
                    per_page=rows,
                    exclude_pull_requests="true",
                )
                found = parse_runs(document)
                self._take(found)
                if row_count(document) < rows or found[-1].id <= since:
                    break
            del self._gaps[workflow]

    def _take(self, runs: Iterable[WorkflowRun]) -> None:
        counted: dict[int, list[WorkflowRun]] = {}
        for run in runs:
            if counts(run, branch=self.branch, events=self._events):
                counted.setdefault(run.workflow, []).append(run)
        for workflow, its in counted.items():
            self.runs[workflow] = merge(self.runs.get(workflow, {}), its)
            self.seen.add(workflow)

    async def _follow(self, workflows: Collection[int]) -> None:
        """Read runs by their id that the newest ones may no longer show.

        Unfinished and red ones change, and one that should be on the page may be deleted. A green
        one changes only if somebody runs it again, so of those it is one at each poll.
        """
        unseen = [
            run
            for workflow in workflows
            for run in runs_since_verdict(self.runs.get(workflow, {}))
            if run.id not in self._shown
        ]
        calm = [run for run in unseen if run.passed and run.id < self._oldest]
        urgent = [run for run in unseen if run not in calm]
        for run in (*self._in_turn(urgent, FOLLOWED), *self._in_turn(calm, 1)):
            await self._ask_for(run)
        self._turn += 1

    def _in_turn(self, runs: Sequence[WorkflowRun], many: int) -> Sequence[WorkflowRun]:
        start = self._turn * many % max(len(runs), 1)
        return [*runs[start:], *runs[:start]][:many]

    async def _ask_for(self, run: WorkflowRun) -> None:
        """Read *run*; if it was deleted, the verdict before it has to prove that it exists."""
        following: WorkflowRun | None = run
        while following is not None and not await self._exists(following):
            self._forget(following)
            following = decisive(self.runs[following.workflow])
            if following is not None and following.id in self._shown:
                return

    async def _exists(self, run: WorkflowRun) -> bool:
        try:
            found = await self._api.read(f"/actions/runs/{run.id}", parse_run)
        except FeedRefused as refused:
            if refused.status != GONE:
                raise
            return False
        self._take([] if found is None else [found])
        return True

    async def _look_back(self, workflow: int, *, until: float) -> None:
        """Read the own list of a workflow that the newest runs do not decide: history only."""
        while not self._is_decided(workflow) and asyncio.get_running_loop().time() < until:
            tried = self.tried.get(workflow, 0)
            if tried >= len(HISTORY):
                return
            rows, filtered = HISTORY[tried]
            document = await self._api.get_once(
                f"/actions/workflows/{workflow}/runs",
                per_page=rows,
                exclude_pull_requests="true",
                **({"branch": self.branch} if filtered else {}),
            )
            self._take(parse_runs(document))
            # A list that is shorter than its page holds everything there is.
            self.tried[workflow] = tried + 1 if row_count(document) >= rows else len(HISTORY)

    async def _ask_about_undecided(self, workflow: int) -> None:
        """Read the jobs of cancelled runs, and how the attempt before a re-run ended; once each."""
        for run in undecided(self.runs.get(workflow, {}))[:FOLLOWED]:
            ask = self._with_jobs if needs_jobs(run) else self._with_previous
            try:
                told = await ask(run)
            except FeedRefused as refused:
                if refused.status != GONE:
                    raise
                self._forget(run)  # It was deleted since it was listed.
            else:
                self.runs[workflow] = {**self.runs[workflow], run.number: told}

    def _forget(self, run: WorkflowRun) -> None:
        runs = self.runs[run.workflow]
        self.runs[run.workflow] = {n: each for n, each in runs.items() if n != run.number}

    async def _with_jobs(self, run: WorkflowRun) -> WorkflowRun:
        return replace(run, jobs_broken=await self._are_jobs_broken(run, run.attempt))

    async def _are_jobs_broken(self, run: WorkflowRun, attempt: int) -> bool:
        document = await self._api.get_once(
            f"/actions/runs/{run.id}/attempts/{attempt}/jobs", per_page=100
        )
        jobs = document.get("jobs") if isinstance(document, dict) else None
        if not isinstance(jobs, list):
            raise FeedMalformed("not a list of jobs; is this GitHub's API? check api")
        ended = [job.get("conclusion") for job in jobs if isinstance(job, dict)]
        return "failure" in ended or "timed_out" in ended

    async def _with_previous(self, run: WorkflowRun) -> WorkflowRun:
        """Return *run* with the word of the last attempt before it that has one."""
        for attempt in range(run.attempt - 1, max(run.attempt - 1 - ATTEMPTS, 0), -1):
            row = await self._api.get_once(f"/actions/runs/{run.id}/attempts/{attempt}")
            before = parse_run(row)
            word = before.conclusion if before else ""
            if word == "cancelled" and await self._are_jobs_broken(run, attempt):
                word = "failure"
            if word in DECISIVE:
                return replace(run, previous=word)
        return replace(run, previous="none")

    def _is_decided(self, workflow: int) -> bool:
        runs = self.runs.get(workflow, {})
        return bool(runs) and not undecided(runs) and any(run.decided for run in runs.values())
