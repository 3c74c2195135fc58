"""GitHub Actions: each workflow of one repository on one branch is a project.

Runs are read in ``reader``; what they mean is decided in ``runs``.
"""

import asyncio
import logging
from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.feed import FeedAnswer, FeedOptions
from buildlight.feeds.forge.api import open_api
from buildlight.feeds.forge.expiry import expiry_notice
from buildlight.feeds.forge.rows import text
from buildlight.feeds.forge.runs import project_of
from buildlight.feeds.github.options import GitHubOptions
from buildlight.feeds.github.reader import HISTORY, RunReader
from buildlight.feeds.github.refusals import sentence_of
from buildlight.feeds.github.workflows import (
    ACTIVE,
    DISABLED,
    INACTIVE,
    Workflow,
    named,
    parse_workflows,
    require,
)
from buildlight.projects.project import Project
from buildlight.redaction import printable

if TYPE_CHECKING:
    from buildlight.feeds.sharing import Network

HEADERS = (
    ("Accept", "application/vnd.github+json"),
    ("X-GitHub-Api-Version", "2022-11-28"),
)
LISTING_EVERY = 600.0
"""Seconds between two looks at the repository and the list of its workflows."""

log = logging.getLogger(__name__)


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
            free_unchanged=True,
        )
        self._reader = RunReader(self._api, branch="", events=options.events)
        self._called = options.full_name
        self._default_branch = ""
        self._workflows: tuple[Workflow, ...] = ()
        self._listed_at: datetime | None = None
        self._projects: tuple[Project, ...] = ()

    @classmethod
    def open(cls, options: GitHubOptions, *, network: "Network") -> Self:
        """Return the feed of the repository that *options* describe."""
        return cls(options, network)

    @property
    def date(self) -> datetime | None:
        """The server's time of day at its last answer."""
        return self._api.date

    async def close(self) -> None:
        """Leave the limit of the token to the other feeds."""
        await self._api.close()

    async def read(self) -> FeedAnswer:
        """Return a project for each workflow that counts; raises :class:`FeedError`."""
        self._api.begin()
        until = asyncio.get_running_loop().time() + self._options.timeout / 2
        if self._is_due():
            await self._list()
        require(self._options.workflows, self._workflows)
        counted = [each.id for each in self._counted if each.state == ACTIVE]
        if not counted:
            raise FeedRefused(
                f"no active workflow in {self._options.full_name}: it has none, or Actions are "
                "disabled; enable them in the repository's settings, or remove the feed"
            )
        await self._reader.read(counted, until=until)
        self._require_runs()
        projects = tuple(self._told())
        if projects != self._projects:
            self._projects = projects
        return FeedAnswer(self._projects, rest=self._api.rest(), notices=tuple(self._notices()))

    def _is_due(self) -> bool:
        if self._listed_at is None:
            return True
        return (self._api.now - self._listed_at).total_seconds() >= LISTING_EVERY

    async def _list(self) -> None:
        """Read what the repository is called, its default branch, and its workflows."""
        about = await self._api.get_once("")
        if not isinstance(about, dict):
            raise FeedMalformed("not a repository; is this GitHub's API? check api")
        if about.get("archived") is True:
            raise FeedRefused(f"{self._options.full_name} is archived; remove the feed")
        self._default_branch = text(about, "default_branch")
        self._called = text(about, "full_name") or self._called
        branch = self._options.branch or self._default_branch
        if not branch:
            raise FeedMalformed("the repository has no default branch; set branch")
        if branch != self._reader.branch:
            self._reader = RunReader(self._api, branch=branch, events=self._options.events)
        before = {each.id: each.state for each in self._workflows}
        listed = await self._api.get_once("/actions/workflows", per_page=100)
        self._workflows = parse_workflows(listed)
        for each in self._counted:
            if each.state in DISABLED and each.state != before.get(each.id):
                name = self._options.full_name
                log.info("%s: workflow %s is %s; it does not count", name, each.file, each.state)
        self._listed_at = self._api.now

    @property
    def _counted(self) -> tuple[Workflow, ...]:
        return named(self._workflows, self._options.workflows)

    def _require_runs(self) -> None:
        """Raise :class:`FeedRefused` if a workflow that is named never ran, as far as is known."""
        for each in self._counted if self._options.workflows else ():
            tried = self._reader.tried.get(each.id, 0)
            if tried >= len(HISTORY) and each.id not in self._reader.seen:
                raise FeedRefused(
                    f"workflow {each.file} never ran on {self._reader.branch} for an event that "
                    "counts; run it once, check branch and events, or remove it from workflows"
                )

    def _told(self) -> Iterator[Project]:
        """Yield a project for each workflow that runs on the branch, or that is asked for."""
        other = self._reader.branch != self._default_branch and self._default_branch
        branch = f" ({self._reader.branch})" if other else ""
        for each in self._counted:
            shown = each.id in self._reader.seen or self._options.workflows
            if each.state == ACTIVE and shown:
                name = f"{self._options.repository}: {each.name}{branch}"
                yield project_of(name, self._reader.runs.get(each.id, {}), now=self._api.now)

    def _notices(self) -> Iterator[str]:
        if self._called.lower() != self._options.full_name.lower():
            yield f"the repository is called {printable(self._called, limit=200)} now; correct url"
        if not self._projects:
            yield f"no run on {self._reader.branch} counts; check branch and events"
        for each in self._counted:
            if each.state == INACTIVE:
                yield (
                    f"GitHub has disabled workflow {each.file} after 60 days without activity; "
                    "enable it there"
                )
            elif each.id in self._reader.seen and not self._reader.runs.get(each.id):
                yield (
                    f"GitHub has deleted every run of workflow {each.file}, perhaps after its "
                    "retention period; run it again"
                )
        yield from expiry_notice(
            self._api.headers.get("github-authentication-token-expiration", ""), now=self._api.now
        )
