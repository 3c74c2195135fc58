"""Gitea and Forgejo: each workflow of one repository on one branch is a project."""

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import quote, urlsplit

from pydantic import Field

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.feed import FeedAnswer, FeedOptions
from buildlight.feeds.forge.api import open_api
from buildlight.feeds.forge.options import ForgeOptions
from buildlight.feeds.forge.rows import text
from buildlight.feeds.forge.runs import (
    Runs,
    WorkflowRun,
    needs_jobs,
    project_of,
    runs_since_verdict,
    undecided,
)
from buildlight.feeds.gitea.runs import are_jobs_broken, counts, parse_run, parse_runs, taken
from buildlight.projects.project import Project

if TYPE_CHECKING:
    from buildlight.feeds.sharing import Network

PAGE, MORE_PAGES = 50, 4
"""Rows of a page, which is the most that both servers give, and pages read at most."""
FOLLOWED = 10
"""Runs asked for by their id in one poll, in turn."""
GONE = 404


class GiteaOptions(ForgeOptions):
    """A repository, and which of its workflows count."""

    forge: ClassVar[str] = "gitea"
    example: ClassVar[str] = "https://gitea.example/OWNER/REPO"

    workflows: tuple[str, ...] = Field(
        default=(), description="files of the workflows that count (`ci.yml`); all unless set"
    )

    @property
    def base(self) -> str:
        """The address of the repository in the API."""
        parts = urlsplit(self.url)
        root = (self.api or f"{parts.scheme}://{parts.netloc}/api/v1").rstrip("/")
        return f"{root}/repos/{quote(self.full_name)}"


class ForgejoOptions(GiteaOptions):
    """The same keys; a bare ``OWNER/NAME`` is on Codeberg."""

    forge: ClassVar[str] = "forgejo"
    home: ClassVar[str] = "https://codeberg.org"
    example: ClassVar[str] = "https://codeberg.org/OWNER/REPO"


class GiteaFeed:
    """The workflows of one repository on one branch."""

    Options: ClassVar[type[FeedOptions]] = GiteaOptions
    counts_attempts: ClassVar[bool] = True

    def __init__(self, options: GiteaOptions, network: "Network") -> None:
        self._options = options
        self._api = open_api(
            options, network, headers=(("Accept", "application/json"),), sentence=self._sentence
        )
        self._branch = ""
        self._runs: dict[str, Runs] = {}
        self._turn = 0
        self._projects: tuple[Project, ...] = ()

    @classmethod
    def open(cls, options: GiteaOptions, *, network: "Network") -> Self:
        """Return the feed of the repository that *options* describe."""
        return cls(options, network)

    async def close(self) -> None:
        """Leave the limit of the token to the other feeds."""
        await self._api.close()

    async def read(self) -> FeedAnswer:
        """Return a project for each workflow that ran on the branch; raises :class:`FeedError`."""
        self._api.begin()
        about = await self._api.get("")
        branch = self._options.branch or (
            text(about, "default_branch") if isinstance(about, dict) else ""
        )
        if not branch:
            raise FeedMalformed("the repository has no default branch; set branch")
        if branch != self._branch:
            self._branch, self._runs = branch, {}
        await self._follow(await self._list())
        for file in self._runs:
            for _ in range(2):  # First the jobs, then the attempt before.
                for run in undecided(self._runs[file]):
                    told = await self._asked_about(run)
                    self._runs[file] = {**self._runs[file], run.number: told}
        projects = tuple(self._told())
        if projects != self._projects:
            self._projects = projects
        return FeedAnswer(self._projects, rest=self._api.rest())

    async def _list(self) -> frozenset[int]:
        """Read the newest runs, all pages at first; returns the ids of those that were shown."""
        is_first = not self._runs
        last = max((number for runs in self._runs.values() for number in runs), default=0)
        shown: set[int] = set()
        for page in range(1, MORE_PAGES + 1):
            found = parse_runs(await self._api.get("/actions/runs", limit=PAGE, page=page))
            for run in found:
                if counts(run, branch=self._branch):
                    # Whether it is run again, and how it ended, is not said: it decides nothing.
                    unsure = is_first and not run.finished and not self.counts_attempts
                    told = replace(run, attempt=2, previous="none") if unsure else run
                    self._runs[run.path] = taken(self._runs.get(run.path, {}), [told])
            shown |= {run.id for run in found}
            if len(found) < PAGE or min(run.number for run in found) <= last:
                break
        return frozenset(shown)

    async def _follow(self, shown: frozenset[int]) -> None:
        """Read the run that decides, and those after it, by id.

        One that the list showed as ended needs no second look; another may have ended meanwhile,
        as a list may lag behind.
        """
        unseen = [
            run
            for runs in self._runs.values()
            for run in runs_since_verdict(runs)
            if run.id not in shown or not run.finished
        ]
        turn = self._turn % max(len(unseen), 1)
        self._turn += FOLLOWED
        for run in [*unseen[turn:], *unseen[:turn]][:FOLLOWED]:
            try:
                found = parse_run(await self._api.get(f"/actions/runs/{run.id}"))
            except FeedRefused as refused:
                if refused.status != GONE:
                    raise
                # It was deleted, and so were all before it that the list lacks.
                left = self._runs[run.path].items()
                kept = {n: each for n, each in left if n > run.number or each.id in shown}
                self._runs[run.path] = kept
            else:
                if found is not None and found.path == run.path:
                    self._runs[run.path] = taken(self._runs[run.path], [found])

    async def _asked_about(self, run: WorkflowRun) -> WorkflowRun:
        """Return *run* with what the jobs of a cancelled one say, or the attempt before."""
        path = f"/actions/runs/{run.id}"
        path += "/jobs" if needs_jobs(run) else f"/attempts/{run.attempt - 1}"
        try:
            document = await self._api.get(path)
        except FeedRefused as refused:
            if refused.status != GONE:
                raise
            document = None  # The server is too old to tell.
        if needs_jobs(run):
            return replace(run, jobs_broken=are_jobs_broken(document))
        before = parse_run(document)
        return replace(run, previous=(before.decided if before else "") or "none")

    def _told(self) -> Iterator[Project]:
        named = self._options.workflows
        branch = f" ({self._branch})" if self._options.branch else ""
        for file in named or sorted(self._runs):
            short = file.rpartition("/")[2].removesuffix(".yml").removesuffix(".yaml")
            name = f"{self._options.full_name.partition('/')[2]}: {short}{branch}"
            runs = self._runs.get(file.rpartition("/")[2], {})
            yield project_of(name, runs, now=self._api.now)

    def _sentence(self, refused: FeedRefused) -> str:
        unseen = "or the token cannot see it" if self._options.auth else "or it is private"
        return {
            401: "401 Unauthorized: the token is wrong or revoked; make a new one",
            403: "403 Forbidden: the token lacks the permission repository: read; grant it",
            404: f"404 Not Found: no repository {self._options.full_name}, {unseen}, or Actions "
            "are disabled, or the server is too old for its API; check url and the server",
        }.get(refused.status or 0, "")


class ForgejoFeed(GiteaFeed):
    """The same on Forgejo, whose rows have another shape."""

    Options: ClassVar[type[FeedOptions]] = ForgejoOptions
    counts_attempts: ClassVar[bool] = False
