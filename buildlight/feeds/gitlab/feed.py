"""GitLab CI: the pipelines of one project on one branch, and its schedules beside them.

What pipelines mean is decided in ``pipelines``.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

from buildlight.errors import FeedMalformed
from buildlight.feeds.feed import FeedAnswer, FeedOptions
from buildlight.feeds.forge.api import open_api
from buildlight.feeds.forge.rows import text
from buildlight.feeds.gitlab.options import GitLabOptions
from buildlight.feeds.gitlab.pipelines import project_of
from buildlight.feeds.gitlab.reader import PipelineReader
from buildlight.feeds.gitlab.refusals import sentence_of
from buildlight.feeds.gitlab.token import Token
from buildlight.projects.project import Project
from buildlight.redaction import printable

if TYPE_CHECKING:
    from buildlight.feeds.sharing import Network

HEADERS = (("Accept", "application/json"),)
ABOUT_EVERY = 3600.0
"""Seconds between two looks at what the project is called and its default branch."""


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
        self._reader = PipelineReader(self._api, branch="", schedules=options.schedules)
        self._default_branch = ""
        self._called = options.full_name
        self._token = Token(self._api, f"{options.root}/personal_access_tokens/self")
        self._about_at: datetime | None = None
        self._projects: tuple[Project, ...] = ()

    @classmethod
    def open(cls, options: GitLabOptions, *, network: "Network") -> Self:
        """Return the feed of the project that *options* describe."""
        return cls(options, network)

    @property
    def date(self) -> datetime | None:
        """The server's time of day at its last answer."""
        return self._api.date

    async def close(self) -> None:
        """Leave the limit of the token to the other feeds."""
        await self._api.close()

    async def read(self) -> FeedAnswer:
        """Return the project, and its schedules beside it; raises :class:`FeedError`."""
        self._api.begin()
        await self._ask_about_project()
        if self._options.auth is not None:
            await self._token.ask()
        await self._reader.read()
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
        about = await self._api.get_once("")
        if not isinstance(about, dict):
            raise FeedMalformed("not a project; is this GitLab's API? check api")
        self._default_branch = text(about, "default_branch")
        self._called = text(about, "path_with_namespace") or self._called
        branch = self._options.branch or self._default_branch
        if not branch:
            raise FeedMalformed("the default branch is not shown to this token; set branch")
        if branch != self._reader.branch:
            self._reader = PipelineReader(
                self._api, branch=branch, schedules=self._options.schedules
            )
        self._about_at = self._api.now

    def _told(self) -> Iterator[Project]:
        other = self._reader.branch != self._default_branch and self._default_branch
        branch = f" ({self._reader.branch})" if other else ""
        for source, pipelines in self._reader.parts():
            if source and not pipelines:
                continue
            called = self._called if self._options.by_number else self._options.full_name
            # Its whole path is the name of the feed; a project of that name would need another.
            name = called.rpartition("/")[2] + branch + (f" ({source})" if source else "")
            passes = self._options.manual == "success"
            yield project_of(name, pipelines, now=self._api.now, manual_passes=passes)

    def _notices(self) -> Iterator[str]:
        renamed = self._called.lower() != self._options.full_name.lower()
        if renamed and not self._options.by_number:
            yield f"the project is called {printable(self._called, limit=200)} now; correct url"
        yield from self._token.notices()
