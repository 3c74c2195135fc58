"""GitLab CI: the pipelines of one project on one branch, and its schedules beside them.

What pipelines mean is decided in ``pipelines``.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.feed import FeedAnswer, FeedOptions
from buildlight.feeds.forge.api import open_api
from buildlight.feeds.forge.rows import newest, text
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
from buildlight.feeds.gitlab.token import Token
from buildlight.projects.project import Project
from buildlight.redaction import printable

if TYPE_CHECKING:
    from buildlight.feeds.sharing import Network

HEADERS = (("Accept", "application/json"),)
PAGE, HISTORY = 20, 100
"""Rows of the listing, and of the one that is read where that is not enough."""
ABOUT_EVERY = 3600.0
"""Seconds between two looks at what the project is called and its default branch."""
FOLLOWED = 10
"""Pipelines asked for by their id in one poll; those that are then left have been deleted, too."""
GONE = 404


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
        self._branch = ""
        self._default_branch = ""
        self._called = options.full_name
        self._token = Token(self._api, f"{options.root}/personal_access_tokens/self")
        self._about_at: datetime | None = None
        self._pipelines: Pipelines = {}
        self._shown: frozenset[int] = frozenset()
        self._last_row = 0
        self._looked_back: set[str] = set()
        self._asked: set[int] = set()
        self._projects: tuple[Project, ...] = ()

    @classmethod
    def open(cls, options: GitLabOptions, *, network: "Network") -> Self:
        """Return the feed of the project that *options* describe."""
        return cls(options, network)

    async def close(self) -> None:
        """Leave the limit of the token to the other feeds."""
        await self._api.close()

    async def read(self) -> FeedAnswer:
        """Return the project, and its schedules beside it; raises :class:`FeedError`."""
        self._api.begin()
        await self._ask_about_project()
        if self._options.auth is not None:
            await self._token.ask()
        await self._read_newest()
        await self._look_back()
        await self._follow()
        await self._ask_about_retries()
        projects = tuple(self._told())
        if projects != self._projects:
            self._projects = projects
        return FeedAnswer(self._projects, rest=self._api.rest(), notices=tuple(self._notices()))

    async def _ask_about_project(self) -> None:
        """Read what the project is called, and its default branch, now and then."""
        if self._about_at is not None:
            age = (self._api.now - self._about_at).total_seconds()
            if age < ABOUT_EVERY:
                return
        about = await self._api.get("")
        if not isinstance(about, dict):
            raise FeedMalformed("not a project; is this GitLab's API? check api")
        self._default_branch = text(about, "default_branch")
        self._called = text(about, "path_with_namespace") or self._called
        branch = self._options.branch or self._default_branch
        if not branch:
            raise FeedMalformed("the default branch is not shown to this token; set branch")
        if branch != self._branch:
            self._branch, self._pipelines, self._looked_back = branch, {}, set()
        self._about_at = self._api.now

    async def _read_newest(self) -> None:
        """Read the listing, and more of it if a page was not enough."""
        before = self._last_row
        rows = await self._list(per_page=PAGE)
        if before and len(rows) >= PAGE and rows[-1].id > before:
            await self._list(per_page=HISTORY)
            self._looked_back.clear()
            await self._read_schedules()
        if before and not rows:
            raise FeedRefused(
                "GitLab lists no pipeline any more: CI/CD was disabled or hidden from the token, "
                "or every pipeline was deleted; check the project's settings"
            )
        self._shown = frozenset(each.id for each in rows)
        self._last_row = max((each.id for each in rows), default=before)

    async def _list(self, **query: str | int) -> tuple[Pipeline, ...]:
        """Read a listing; returns its rows, whether they count or not."""
        rows = parse_pipelines(await self._api.get("/pipelines", ref=self._branch, **query))
        counted = (each for each in rows if counts(each, branch=self._branch))
        self._pipelines = merge(self._pipelines, counted)
        return rows

    async def _read_schedules(self) -> None:
        if self._options.schedules == "separate":
            await self._list(per_page=PAGE, source="schedule")

    async def _look_back(self) -> None:
        """Read further back, once, where the listing decides nothing."""
        for source, pipelines in self._parts():
            if source not in self._looked_back and decisive(pipelines) is None:
                query = {"source": source} if source else {}
                await self._list(per_page=HISTORY, **query)
                self._looked_back.add(source)

    async def _follow(self) -> None:
        """Read the newest pipeline, and the one that decides, if the listing lacks them.

        They may be deleted, or their jobs run again. Where one was deleted, the next takes its
        place and has to prove that it exists.
        """
        proved = set(self._shown)
        while unseen := self._unproved(proved):
            for pipeline in unseen:
                proved.add(pipeline.id)
                await self._ask_for(pipeline)
            if len(proved) > len(self._shown) + FOLLOWED:
                self._pipelines = _by_id(p for p in self._pipelines.values() if p.id in proved)

    def _unproved(self, proved: set[int]) -> tuple[Pipeline, ...]:
        found = {
            each.id: each
            for _, pipelines in self._parts()
            for each in (newest(pipelines), decisive(pipelines))
            if each is not None and each.id not in proved
        }
        return tuple(found.values())

    async def _ask_for(self, pipeline: Pipeline) -> None:
        try:
            row = await self._api.get(f"/pipelines/{pipeline.id}")
        except FeedRefused as refused:
            if refused.status != GONE:
                raise
            self._pipelines = {
                key: each for key, each in self._pipelines.items() if key != pipeline.id
            }
        else:
            self._pipelines = merge(self._pipelines, parse_pipelines([row]))

    async def _ask_about_retries(self) -> None:
        """Read, once, whether a running pipeline that is seen for the first time was red before."""
        for _, pipelines in self._parts():
            last = newest(pipelines)
            if last is None or last.finished or last.previous or last.id in self._asked:
                continue
            jobs = await self._api.get(
                f"/pipelines/{last.id}/jobs", include_retried="true", per_page=100
            )
            self._asked.add(last.id)
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

    def _told(self) -> Iterator[Project]:
        other = self._branch != self._default_branch and self._default_branch
        branch = f" ({self._branch})" if other else ""
        for source, pipelines in self._parts():
            if source and not pipelines:
                continue
            called = self._called if self._options.by_number else self._options.full_name
            name = called + branch + (f" ({source})" if source else "")
            passes = self._options.manual == "success"
            yield project_of(name, pipelines, now=self._api.now, manual_passes=passes)

    def _notices(self) -> Iterator[str]:
        renamed = self._called.lower() != self._options.full_name.lower()
        if renamed and not self._options.by_number:
            yield f"the project is called {printable(self._called, limit=200)} now; correct url"
        yield from self._token.notices()


def _by_id(some: Iterable[Pipeline]) -> Pipelines:
    return {each.id: each for each in some}


def _was_retried(job: object) -> bool:
    return (
        isinstance(job, dict)
        and job.get("status") == "failed"
        and not job.get("allow_failure")
        and job.get("retried") is not False
    )
