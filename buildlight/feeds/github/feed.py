"""Reads the workflow runs of one repository; what they mean is decided in ``runs``.

The unfiltered list of runs is the heartbeat, since GitHub's filtered lists come from a search index
that has been days late. Everything else is asked for seldom, or only once.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.feed import FeedAnswer, FeedOptions
from buildlight.feeds.forge.api import open_api
from buildlight.feeds.github.options import GitHubOptions
from buildlight.feeds.github.refusals import sentence_of
from buildlight.feeds.github.runs import (
    DECISIVE,
    Runs,
    WorkflowRun,
    counts,
    merge,
    needs_jobs,
    open_runs,
    parse_run,
    parse_runs,
    project_of,
    undecided,
)
from buildlight.projects.project import Project

if TYPE_CHECKING:
    from buildlight.feeds.sharing import Network

HEADERS = (
    ("Accept", "application/vnd.github+json"),
    ("X-GitHub-Api-Version", "2022-11-28"),
)
PAGE = 30
"""Rows of the heartbeat: 100 would be more than a megabyte."""
MORE_PAGES = 3
"""Pages read at most if more than one page of runs has begun since the last poll."""
HISTORY = ((20, False), (100, False), (100, True))
"""What is read of a workflow's own list, one a poll, while the heartbeat does not decide it: so
many rows, of any branch or filtered. Last the filtered one, as it may lag behind."""
FOLLOWED = 10
"""Runs asked for by their id in one poll, in turn."""
ATTEMPTS = 5
"""Attempts read at most before a re-run."""
LISTING_EVERY = 600.0
"""Seconds between two looks at the list of workflows and the default branch."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow of the repository; *file* is its path."""

    id: int
    file: str
    state: str

    @property
    def short(self) -> str:
        """The name of its file without the ending: what people call it."""
        return self.file.rpartition("/")[2].removesuffix(".yml").removesuffix(".yaml")


class GitHubFeed:
    """The workflows of one repository on one branch."""

    Options: ClassVar[type[FeedOptions]] = GitHubOptions

    def __init__(self, options: GitHubOptions, network: "Network") -> None:
        self._options = options
        self._api = open_api(
            options,
            network,
            headers=HEADERS,
            sentence=partial(
                sentence_of, repository=options.full_name, has_token=options.auth is not None
            ),
        )
        self._branch = options.branch or ""
        self._workflows: Mapping[int, Workflow] = {}
        self._listed_at: datetime | None = None
        self._histories: dict[int, int] = {}
        self._runs: dict[int, Runs] = {}
        self._last_row = 0
        self._shown: frozenset[int] = frozenset()
        self._turn = 0
        self._projects: tuple[Project, ...] = ()

    @classmethod
    def open(cls, options: GitHubOptions, *, network: "Network") -> Self:
        """Return the feed of the repository that *options* describe."""
        return cls(options, network)

    async def close(self) -> None:
        """Release nothing; the connections belong to the network."""

    async def read(self) -> FeedAnswer:
        """Return a project for each workflow that counts; raises :class:`FeedError`."""
        self._api.begin()
        await self._list()
        await self._hear()
        await self._follow()
        await self._look_back()
        await self._ask_about_undecided()
        if self._api.changed or not self._projects:
            self._projects = self._told()
        return FeedAnswer(self._projects, rest=self._api.rest())

    async def _list(self) -> None:
        """Read the workflows and the default branch, now and then."""
        if self._listed_at is not None:
            age = (self._api.now - self._listed_at).total_seconds()
            if age < LISTING_EVERY:
                return
        if not self._options.branch:
            about = await self._api.get("")
            branch = about.get("default_branch") if isinstance(about, dict) else None
            if not isinstance(branch, str) or not branch:
                raise FeedMalformed("the repository has no default branch; set branch")
            if branch != self._branch:
                self._branch, self._runs, self._histories = branch, {}, {}
        self._workflows = _workflows(await self._api.get("/actions/workflows", per_page=100))
        self._listed_at = self._api.now
        _require(self._options.workflows, self._workflows.values())

    async def _hear(self) -> None:
        """Read the newest runs of all workflows, and more if a page was not enough."""
        seen: list[WorkflowRun] = []
        for page in range(1, MORE_PAGES + 1):
            more = {"page": page} if page > 1 else {}
            document = await self._api.get(
                "/actions/runs", per_page=PAGE, exclude_pull_requests="true", **more
            )
            rows = parse_runs(document)
            seen += rows
            if len(rows) < PAGE or not self._last_row or rows[-1].id <= self._last_row:
                break
        self._last_row = max((run.id for run in seen), default=self._last_row)
        self._shown = frozenset(run.id for run in seen)
        self._take(seen)

    def _take(self, runs: Collection[WorkflowRun]) -> None:
        for run in runs:
            if counts(run, branch=self._branch, events=self._options.events):
                self._runs[run.workflow] = merge(self._runs.get(run.workflow, {}), [run])

    async def _follow(self) -> None:
        """Read runs by their id that the heartbeat may no longer show: unfinished or red ones."""
        unseen = [
            run
            for workflow, runs in self._runs.items()
            if self._is_counted(workflow)
            for run in open_runs(runs)
            if run.id not in self._shown
        ]
        turn = self._turn % max(len(unseen), 1)
        self._turn += FOLLOWED
        for run in [*unseen[turn:], *unseen[:turn]][:FOLLOWED]:
            try:
                row = await self._api.get(f"/actions/runs/{run.id}")
            except FeedRefused as refused:
                if refused.status != _GONE:
                    raise
                self._forget(run)
            else:
                self._take([found] if (found := parse_run(row)) is not None else [])

    async def _look_back(self) -> None:
        """Read the own list of a workflow that the heartbeat does not decide: history only."""
        for workflow in self._workflows.values():
            tried = self._histories.get(workflow.id, 0)
            if not self._is_counted(workflow.id) or tried >= len(HISTORY):
                continue
            if self._is_decided(workflow.id):
                continue
            rows, filtered = HISTORY[tried]
            document = await self._api.get(
                f"/actions/workflows/{workflow.id}/runs",
                per_page=rows,
                exclude_pull_requests="true",
                **({"branch": self._branch} if filtered else {}),
            )
            self._histories[workflow.id] = tried + 1
            self._take(parse_runs(document))

    async def _ask_about_undecided(self) -> None:
        """Read the jobs of cancelled runs, and how the attempt before a re-run ended; once each."""
        for workflow, runs in list(self._runs.items()):
            if not self._is_counted(workflow):
                continue
            for run in undecided(runs)[:FOLLOWED]:
                ask = self._with_jobs if needs_jobs(run) else self._with_previous
                try:
                    told = await ask(run)
                except FeedRefused as refused:
                    if refused.status != _GONE:
                        raise
                    self._forget(run)  # It was deleted since it was listed.
                else:
                    self._runs[workflow] = {**self._runs[workflow], run.number: told}

    def _forget(self, run: WorkflowRun) -> None:
        runs = self._runs[run.workflow]
        self._runs[run.workflow] = {n: each for n, each in runs.items() if n != run.number}

    async def _with_jobs(self, run: WorkflowRun) -> WorkflowRun:
        return replace(run, jobs_broken=await self._are_jobs_broken(run, run.attempt))

    async def _are_jobs_broken(self, run: WorkflowRun, attempt: int) -> bool:
        document = await self._api.get(
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
            row = await self._api.get(f"/actions/runs/{run.id}/attempts/{attempt}")
            before = parse_run(row)
            word = before.conclusion if before else ""
            if word == "cancelled" and await self._are_jobs_broken(run, attempt):
                word = "failure"
            if word in DECISIVE:
                return replace(run, previous=word)
        return replace(run, previous="none")

    def _is_counted(self, workflow: int) -> bool:
        known = self._workflows.get(workflow)
        if known is None or known.state != "active":
            return False
        return not self._options.workflows or known.file.rpartition("/")[2] in _files(
            self._options.workflows
        )

    def _is_decided(self, workflow: int) -> bool:
        runs = self._runs.get(workflow, {})
        return bool(runs) and not undecided(runs) and any(run.word for run in runs.values())

    def _told(self) -> tuple[Project, ...]:
        """Return a project for each workflow that runs on the branch, or that is asked for."""
        projects = []
        for workflow in sorted(self._workflows.values(), key=lambda each: each.file):
            runs = self._runs.get(workflow.id, {})
            if self._is_counted(workflow.id) and (runs or self._options.workflows):
                name = f"{self._options.repository}: {workflow.short}"
                projects.append(project_of(name, runs, now=self._api.now))
        return tuple(projects)


_GONE = 404


def _files(named: Collection[str]) -> frozenset[str]:
    return frozenset(name.rpartition("/")[2] for name in named)


def _workflows(document: object) -> dict[int, Workflow]:
    rows = document.get("workflows") if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise FeedMalformed("not a list of workflows; is this GitHub's API? check api")
    found = {}
    for row in rows:
        match row:
            case {"id": int(number), "path": str(path), "state": str(state)}:
                found[number] = Workflow(number, path.partition("@")[0], state)
    return found


def _require(named: Collection[str], workflows: Collection[Workflow]) -> None:
    """Raise :class:`FeedRefused` if a workflow that the configuration names cannot be followed."""
    states = {each.file.rpartition("/")[2]: each.state for each in workflows}
    for name in sorted(_files(named)):
        if name not in states:
            there = ", ".join(sorted(states)) or "none"
            raise FeedRefused(f"no workflow file {name} in this repository; there are: {there}")
        if states[name] != "active":
            raise FeedRefused(f"workflow {name} is {states[name]}; enable it, or remove it")
