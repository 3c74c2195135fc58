"""CircleCI: each workflow of one project on one branch is a project.

What pipelines mean is decided in ``pipelines``.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.circleci.options import CircleCIOptions
from buildlight.feeds.circleci.pipelines import (
    CirclePipeline,
    are_jobs_broken,
    names,
    newer,
    next_page,
    parse_pipelines,
    parse_workflows,
    runs_of,
    unexplained,
)
from buildlight.feeds.circleci.refusals import sentence_of
from buildlight.feeds.feed import FeedAnswer, FeedOptions
from buildlight.feeds.forge.api import open_api
from buildlight.feeds.forge.rows import text
from buildlight.feeds.forge.runs import Runs, decisive, project_of, undecided
from buildlight.projects.project import Project

if TYPE_CHECKING:
    from buildlight.feeds.sharing import Network

HEADERS = (("Accept", "application/json"),)
MORE_PAGES = 3
"""Pages of pipelines read at most if more than one has begun since the last poll."""
FOLLOWED = 25
"""Pipelines of which the workflows are read in one poll; the others wait for their turn."""
KEPT = 60
"""Pipelines kept of the branch."""
ABOUT_EVERY = 3600.0
"""Seconds between two looks at the project's name and default branch."""
GONE = 404


class CircleCIFeed:
    """The workflows of one project on one branch."""

    Options: ClassVar[type[FeedOptions]] = CircleCIOptions

    def __init__(self, options: CircleCIOptions, network: "Network") -> None:
        self._options = options
        self._api = open_api(
            options,
            network,
            headers=HEADERS,
            sentence=partial(
                sentence_of, project=options.full_name, has_token=options.auth is not None
            ),
        )
        self._branch = ""
        self._default_branch = ""
        self._name = options.full_name.rpartition("/")[2]
        self._about_at: datetime | None = None
        self._pipelines: dict[int, CirclePipeline] = {}
        self._broken: dict[str, bool] = {}
        self._turn = 0
        self._projects: tuple[Project, ...] = ()

    @classmethod
    def open(cls, options: CircleCIOptions, *, network: "Network") -> Self:
        """Return the feed of the project that *options* describe."""
        return cls(options, network)

    async def close(self) -> None:
        """Leave the limit of the token to the other feeds."""
        await self._api.close()

    async def read(self) -> FeedAnswer:
        """Return a project for each workflow that counts; raises :class:`FeedError`."""
        self._api.begin()
        await self._ask_about_project()
        await self._list()
        await self._read_workflows()
        await self._read_jobs()
        projects = tuple(self._told())
        if projects != self._projects:
            self._projects = projects
        return FeedAnswer(self._projects, rest=self._api.rest(), notices=tuple(self._notices()))

    async def _ask_about_project(self) -> None:
        """Read what the project is called, and its default branch, now and then."""
        now = self._api.now
        if self._about_at and (now - self._about_at).total_seconds() < ABOUT_EVERY:
            return
        about = await self._api.get(f"/project/{self._options.full_name}")
        if not isinstance(about, dict):
            raise FeedMalformed("not a project; is this CircleCI's API? check api")
        self._name = text(about, "name") or self._name
        vcs = about.get("vcs_info")
        self._default_branch = text(vcs, "default_branch") if isinstance(vcs, dict) else ""
        branch = self._options.branch or self._default_branch
        if not branch:
            raise FeedMalformed("the project has no default branch; set branch")
        if branch != self._branch:
            self._branch, self._pipelines = branch, {}
        self._about_at = self._api.now

    async def _list(self) -> None:
        """Read the newest pipelines, and more if a page was not enough."""
        last = max(self._pipelines, default=0)
        more: dict[str, str] = {}
        for _ in range(MORE_PAGES):
            path = f"/project/{self._options.full_name}/pipeline"
            document = await self._api.get(path, branch=self._branch, **more)
            rows = parse_pipelines(document)
            for row in rows:
                if row.branch == self._branch:
                    known = self._pipelines.get(row.number)
                    workflows = known.workflows if known else None
                    self._pipelines[row.number] = replace(row, workflows=workflows)
            more = {"page-token": next_page(document)}
            oldest = min((row.number for row in rows), default=0)
            if not more["page-token"] or not last or oldest <= last:
                break
        deciding = {each.number for name in self._names for each in self._deciding(name)}
        for old in sorted(self._pipelines)[:-KEPT]:
            if old not in deciding:
                del self._pipelines[old]

    async def _read_workflows(self) -> None:
        """Read the workflows of pipelines that are new, run, or may be run again."""
        least = min((run.number for name in self._names for run in self._deciding(name)), default=0)
        urgent = [each for each in self._newest_first() if not each.finished]
        calm = [each for each in self._newest_first() if each.finished and each.number >= least]
        turn = self._turn % max(len(calm), 1)
        for pipeline in [*urgent, *calm[turn:], *calm[:turn]][:FOLLOWED]:
            try:
                found = parse_workflows(await self._api.get(f"/pipeline/{pipeline.id}/workflow"))
            except FeedRefused as refused:
                if refused.status != GONE:
                    raise
                del self._pipelines[pipeline.number]
            else:
                told = replace(pipeline, workflows=newer(pipeline.workflows, found))
                self._pipelines[pipeline.number] = told
        self._turn += 1

    async def _read_jobs(self) -> None:
        """Read the jobs of cancelled workflows that may hide a failure; once each."""
        for name in self._names:
            for run in undecided(self._runs(name)):
                pipeline = self._pipelines[run.number]
                attempts = [each for each in pipeline.workflows or () if each.name == name]
                for each in unexplained(attempts, self._broken):
                    jobs = await self._api.get(f"/workflow/{each.id}/job")
                    self._broken[each.id] = are_jobs_broken(jobs)

    def _newest_first(self) -> list[CirclePipeline]:
        return [each for _, each in sorted(self._pipelines.items(), reverse=True)]

    @property
    def _names(self) -> tuple[str, ...]:
        found = names(self._pipelines.values())
        return self._options.workflows or tuple(sorted(found))

    def _runs(self, name: str) -> Runs:
        page = f"https://app.circleci.com/pipelines/{self._options.full_name}"
        return runs_of(name, self._pipelines.values(), page=page, broken=self._broken)

    def _deciding(self, name: str) -> Iterator[CirclePipeline]:
        run = decisive(self._runs(name))
        if run is not None:
            yield self._pipelines[run.number]

    def _told(self) -> Iterator[Project]:
        other = self._branch != self._default_branch and self._default_branch
        branch = f" ({self._branch})" if other else ""
        for name in self._names:
            yield project_of(f"{self._name}: {name}{branch}", self._runs(name), now=self._api.now)

    def _notices(self) -> Iterator[str]:
        newest = next(iter(self._newest_first()), None)
        if newest is None:
            yield f"no pipeline on {self._branch}; check branch"
        elif newest.state == "errored":
            yield f"the configuration of pipeline {newest.number} is invalid: nothing runs"
