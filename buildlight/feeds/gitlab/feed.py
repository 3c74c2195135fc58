"""Reads the pipelines of one project; what they mean is decided in ``pipelines``."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.feed import FeedAnswer, FeedOptions
from buildlight.feeds.forge.api import open_api
from buildlight.feeds.forge.rows import newest
from buildlight.feeds.gitlab.options import GitLabOptions
from buildlight.feeds.gitlab.pipelines import (
    Pipeline,
    Pipelines,
    counts,
    decisive,
    merge,
    parse_pipelines,
    project_of,
)
from buildlight.feeds.gitlab.refusals import sentence_of
from buildlight.projects.project import Project

if TYPE_CHECKING:
    from buildlight.feeds.sharing import Network

HEADERS = (("Accept", "application/json"),)
PAGES = (20, 100)
"""Rows of the listing, and of the one that is read once if the first decides nothing."""
DEFAULT_BRANCH_EVERY = 3600.0
"""Seconds between two looks at the project's default branch."""
_GONE = 404


class GitLabFeed:
    """The pipelines of one project on one branch."""

    Options: ClassVar[type[FeedOptions]] = GitLabOptions

    def __init__(self, options: GitLabOptions, network: "Network") -> None:
        self._options = options
        self._api = open_api(
            options,
            network,
            headers=HEADERS,
            sentence=partial(
                sentence_of, project=options.full_name, has_token=options.auth is not None
            ),
        )
        self._branch = options.branch or ""
        self._branch_read_at: datetime | None = None
        self._pipelines: Pipelines = {}
        self._looked_back: set[str] = set()
        self._asked: set[int] = set()
        self._projects: tuple[Project, ...] = ()

    @classmethod
    def open(cls, options: GitLabOptions, *, network: "Network") -> Self:
        """Return the feed of the project that *options* describe."""
        return cls(options, network)

    async def close(self) -> None:
        """Release nothing; the connections belong to the network."""

    async def read(self) -> FeedAnswer:
        """Return the project, and its schedules beside it; raises :class:`FeedError`."""
        self._api.begin()
        await self._find_branch()
        shown = await self._list(per_page=PAGES[0])
        await self._look_back()
        await self._follow(shown)
        await self._ask_about_retries()
        if self._api.changed or not self._projects:
            self._projects = self._told()
        return FeedAnswer(self._projects, rest=self._api.rest())

    async def _find_branch(self) -> None:
        if self._options.branch:
            return
        if self._branch_read_at is not None:
            age = (self._api.now - self._branch_read_at).total_seconds()
            if age < DEFAULT_BRANCH_EVERY:
                return
        about = await self._api.get("")
        branch = about.get("default_branch") if isinstance(about, dict) else None
        if not isinstance(branch, str) or not branch:
            raise FeedMalformed("the default branch is not shown to this token; set branch")
        if branch != self._branch:
            self._branch, self._pipelines, self._looked_back = branch, {}, set()
        self._branch_read_at = self._api.now

    async def _list(self, **query: str | int) -> frozenset[int]:
        """Read a listing; returns the ids that it shows."""
        document = await self._api.get("/pipelines", ref=self._branch, **query)
        rows = [each for each in parse_pipelines(document) if counts(each, branch=self._branch)]
        self._pipelines = merge(self._pipelines, rows)
        return frozenset(each.id for each in rows)

    async def _look_back(self) -> None:
        """Read further back, once, where the listing decides nothing."""
        for source, pipelines in self._parts():
            if source not in self._looked_back and decisive(pipelines) is None:
                self._looked_back.add(source)
                query = {"source": source} if source else {}
                await self._list(per_page=PAGES[1], **query)

    async def _follow(self, shown: frozenset[int]) -> None:
        """Read the newest pipeline by its id if the listing lacks it; it may be deleted."""
        for _, pipelines in self._parts():
            last = newest(pipelines)
            if last is None or last.id in shown:
                continue
            try:
                row = await self._api.get(f"/pipelines/{last.id}")
            except FeedRefused as refused:
                if refused.status != _GONE:
                    raise
                self._pipelines = {
                    number: each for number, each in self._pipelines.items() if number != last.id
                }
            else:
                self._pipelines = merge(self._pipelines, parse_pipelines([row]))

    async def _ask_about_retries(self) -> None:
        """Read, once, whether a running pipeline that is seen for the first time was red before."""
        for _, pipelines in self._parts():
            last = newest(pipelines)
            if last is None or last.finished or last.previous or last.id in self._asked:
                continue
            self._asked.add(last.id)
            jobs = await self._api.get(
                f"/pipelines/{last.id}/jobs", include_retried="true", per_page=100
            )
            if isinstance(jobs, list) and any(map(_was_retried, jobs)):
                red = replace(last, previous="failed")
                self._pipelines = {**self._pipelines, last.id: red}

    def _parts(self) -> tuple[tuple[str, Pipelines], ...]:
        """Return what becomes a project each: everything, and the schedules where they count."""
        if self._options.schedules == "together":
            return (("", self._pipelines),)
        scheduled = _by_id(p for p in self._pipelines.values() if p.scheduled)
        others = _by_id(p for p in self._pipelines.values() if not p.scheduled)
        if self._options.schedules == "ignore":
            return (("", others),)
        return (("", others), ("schedule", scheduled))

    def _told(self) -> tuple[Project, ...]:
        projects = []
        for source, pipelines in self._parts():
            if source and not pipelines:
                continue
            name = self._options.full_name + (f" ({source})" if source else "")
            passes = self._options.manual == "success"
            projects.append(project_of(name, pipelines, now=self._api.now, manual_passes=passes))
        return tuple(projects)


def _by_id(some: Iterable[Pipeline]) -> Pipelines:
    return {each.id: each for each in some}


def _was_retried(job: object) -> bool:
    return (
        isinstance(job, dict)
        and job.get("status") == "failed"
        and not job.get("allow_failure")
        and job.get("retried") is not False
    )
