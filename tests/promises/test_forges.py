"""Never green by mistake: each way in which GitHub and GitLab have misled a monitor, by its name.

Each case ends as a lamp would show it: a signal made of everything that the feed has told.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Protocol

import httpx
import pytest

from buildlight.errors import FeedError
from buildlight.feeds.forge.options import ForgeOptions
from buildlight.feeds.github.feed import GitHubFeed
from buildlight.feeds.gitlab.feed import GitLabFeed
from buildlight.feeds.sharing import Network
from buildlight.projects.feed_state import FeedState, Reading, Rules, absorb
from buildlight.projects.project import STATUS_WORDS
from buildlight.projects.signal import RANKS
from buildlight.report.report import Report, make_report
from buildlight.report.rows import Watched
from support.fake_github import FORK, FakeGitHub
from support.fake_gitlab import FakeGitLab
from support.reports import a_lamp

RULES = Rules(max_age=110.0, words=STATUS_WORDS)
POLL = 30.0
GREEN = {"passing", "passing-building"}

Step = Callable[[], object]


class Forge(Protocol):
    """A fake forge with a clock of its own."""

    clock: datetime


class Lamp:
    """A lamp that watches one feed of a forge, polled every 30 seconds."""

    def __init__(
        self, forge: Any, kind: Any, url: str, *, through: Any = None, **keys: Any
    ) -> None:
        self._forge: Forge = forge
        self._options: ForgeOptions = kind.Options.model_validate({"url": url, **keys})
        self._feed = kind.open(self._options, network=Network(transport=through or forge))
        self._state, self._now = FeedState(), 0.0
        self._report: Report | None = None
        self.dropped_red: list[str] = []
        self.shown: list[str] = []

    async def poll(self) -> None:
        """Let 30 seconds pass, and read the feed."""
        self._now += POLL
        self._forge.clock += timedelta(seconds=POLL)
        notices: tuple[str, ...] = ()
        try:
            answer = await self._feed.read()
            outcome, notices = answer.projects, answer.notices
        except FeedError as error:
            outcome = error
        reading = Reading(self._now, self._forge.clock, outcome, notices=notices)
        self._state, news = absorb(self._state, reading, rules=RULES)
        self.dropped_red += news.dropped_red
        feed = Watched("web", self._options.shown, self._state, RULES)
        self._report = make_report(
            [feed], [a_lamp("lamp")], now=self._now, clock=self._forge.clock, before=self._report
        )
        self.shown.append(RANKS[self._report.lamps[0].signal])

    @property
    def told(self) -> str:
        """Everything that a person reads about it."""
        assert self._report is not None
        (feed,) = self._report.feeds
        return " ".join((self._report.lamps[0].because, feed.error or "", *feed.notices))


def after(lamp: Lamp, *steps: Step, polls: int = 1) -> Lamp:
    """Return *lamp* after *steps*, with a poll before the first and after each; at last *polls*."""

    async def follow() -> None:
        await lamp.poll()
        for step in steps:
            step()
            await lamp.poll()
        for _ in range(polls - 1):
            await lamp.poll()

    asyncio.run(follow())
    return lamp


def github_lamp(github: FakeGitHub, **keys: Any) -> Lamp:
    """Return a lamp for acme/shop on GitHub."""
    return Lamp(github, GitHubFeed, "https://github.com/acme/shop", **keys)


def ended(github: FakeGitHub, conclusion: str = "success", **changes: Any) -> Any:
    """Return a run that has ended."""
    run = github.push(**changes)
    github.end(run, conclusion)
    return run


def test_forks_main() -> None:
    """A stranger's pull request from a branch called main is listed under main."""
    github = FakeGitHub()
    ended(github, "failure")

    lamp = after(github_lamp(github), lambda: ended(github, repository=FORK, event="pull_request"))

    assert lamp.shown == ["broken", "broken"]


def test_stale_filtered_list() -> None:
    """The index of filtered lists lacks the newest runs."""
    github = FakeGitHub(workflows={5: "ci.yml", 6: "busy.yml"})
    ended(github)
    github.indexed = [*github.runs]
    ended(github, "failure")
    for _ in range(40):
        ended(github, workflow=6)

    assert after(github_lamp(github)).shown == ["broken"]


def test_newest_run_deleted() -> None:
    """The one before it is the newest again."""
    github = FakeGitHub()
    ended(github, "failure")
    green = ended(github)

    assert after(github_lamp(github), lambda: github.delete(green)).shown[-1] == "broken"


def test_rerun_of_red() -> None:
    """The list shows no red any more, and the run before was green."""
    github = FakeGitHub()
    ended(github)
    red = ended(github, "failure")

    def succeed() -> None:
        github.end(red)

    lamp = after(github_lamp(github), lambda: github.rerun(red), succeed)

    assert lamp.shown == ["broken", "broken-building", "passing"]


def test_cancelled_with_a_failed_job() -> None:
    """A workflow that cancels itself when a job fails."""
    github = FakeGitHub()
    ended(github)
    run = github.push()

    lamp = after(github_lamp(github), lambda: github.end(run, "cancelled", broken_job=True))

    assert lamp.shown[-1] == "broken"


def test_newest_cancelled_older_red() -> None:
    """A run that was superseded says nothing."""
    github = FakeGitHub()
    ended(github, "failure")
    ended(github, "cancelled")

    assert after(github_lamp(github)).shown == ["broken"]


def test_newest_queued() -> None:
    """It waits for a runner, and the red before it stands."""
    github = FakeGitHub()
    ended(github, "failure")
    github.push()

    assert after(github_lamp(github)).shown == ["broken"]


@pytest.mark.parametrize("conclusion", ["startup_failure", "timed_out"])
def test_startup_failure(conclusion: str) -> None:
    """A workflow file that is not valid is broken; a peer shows it as passed."""
    github = FakeGitHub()
    ended(github)

    assert after(github_lamp(github), lambda: ended(github, conclusion)).shown[-1] == "broken"


def test_unknown_conclusion() -> None:
    """A word of tomorrow keeps the green only as long as any old news."""
    github = FakeGitHub()
    ended(github)

    lamp = after(github_lamp(github), lambda: ended(github, "half_done"), polls=6)

    assert lamp.shown[0] == "passing"
    assert lamp.shown[-1] == "stale"


def test_workflow_disabled_for_inactivity() -> None:
    """Last spring's green is no green, and the reason is told."""
    github = FakeGitHub(workflows={5: "ci.yml", 6: "nightly.yml"})
    ended(github)
    ended(github, workflow=6)

    def disable() -> None:
        github.states[5] = "disabled_inactivity"
        github.clock += timedelta(minutes=11)

    one = after(github_lamp(github, workflows=["ci.yml"]), disable, polls=4)
    both = after(github_lamp(github))

    assert one.shown[-1] == "stale"
    assert "workflow ci.yml is disabled_inactivity" in one.told
    assert "GitHub has disabled workflow ci.yml after 60 days" in both.told


def test_runs_gone_by_retention() -> None:
    """Red stays, and what happened is told."""
    github = FakeGitHub(workflows={5: "ci.yml", 6: "busy.yml"})
    red = ended(github, "failure")
    for _ in range(31):
        ended(github, workflow=6)

    lamp = after(github_lamp(github), lambda: github.delete(red), polls=50)

    assert {*lamp.shown} == {"broken"}
    assert "GitHub has deleted every run of workflow ci.yml" in lamp.told


def test_empty_list_after_a_token_lost_a_right() -> None:
    """GitLab answers 200 and an empty list where CI is hidden."""
    gitlab = FakeGitLab()
    gitlab.pipeline("success")
    lamp = Lamp(gitlab, GitLabFeed, "https://gitlab.com/acme/tools/shop")

    after(lamp, gitlab.pipelines.clear, polls=4)

    assert lamp.shown[-1] == "stale"
    assert "GitLab lists no pipeline any more" in lamp.told


class Renamed(httpx.AsyncBaseTransport):
    """A GitHub on which acme/shop became acme/store."""

    def __init__(self, github: FakeGitHub) -> None:
        self.github = github

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Redirect to the number of the repository, as GitHub does."""
        path = request.url.raw_path.decode()
        if path.startswith("/repos/acme/shop"):
            there = path.replace("/repos/acme/shop", "https://api.github.com/repositories/1", 1)
            return httpx.Response(301, headers={"Location": there}, stream=httpx.ByteStream(b"{}"))
        url = request.url.copy_with(
            raw_path=path.replace("/repositories/1", "/repos/acme/shop", 1).encode()
        )
        answer = await self.github.handle_async_request(
            httpx.Request("GET", url, headers=request.headers)
        )
        body = (await answer.aread()).replace(b'"acme/shop"', b'"acme/store"')
        return httpx.Response(
            answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body)
        )


def test_renamed_repository() -> None:
    """It is followed within the server, and the new name is told."""
    github = FakeGitHub()
    ended(github, "failure")

    lamp = after(github_lamp(github, through=Renamed(github)), lambda: ended(github, "failure"))

    assert lamp.shown == ["broken", "broken"]
    assert "the repository is called acme/store now; correct url" in lamp.told


def test_default_branch_renamed() -> None:
    """What passed on the old one says nothing about the new one."""
    github = FakeGitHub()
    ended(github)

    def rename() -> None:
        github.default_branch = "trunk"
        github.clock += timedelta(minutes=11)
        ended(github, "failure", branch="trunk")

    assert after(github_lamp(github), rename, polls=2).shown[-1] == "broken"


def test_workflow_file_renamed() -> None:
    """The old red is told as gone, not dropped in silence."""
    github = FakeGitHub(workflows={5: "ci.yml", 6: "build.yml"})
    ended(github, "failure")

    def rename() -> None:
        github.states[5] = "deleted"
        github.clock += timedelta(minutes=11)
        ended(github, workflow=6)

    lamp = after(github_lamp(github), rename, polls=40)

    assert {*lamp.shown[:20]} <= {"broken", "broken-stale"}
    assert lamp.dropped_red == ["shop: ci"]


def test_default_branch_without_any_counted_run() -> None:
    """A repository whose CI runs for pull requests and the merge queue only."""
    github = FakeGitHub()
    ended(github, branch="gh-readonly-queue/main/pr-7", event="merge_group")
    ended(github, branch="topic", event="pull_request")

    lamp = after(github_lamp(github))

    assert lamp.shown == ["stale"]
    assert "no run on main counts; check branch and events" in lamp.told


@pytest.mark.parametrize("headers", [{"retry-after": "3600"}, {"x-ratelimit-remaining": "0"}])
def test_rate_limit_reached(headers: dict[str, str]) -> None:
    """Nothing is known until the limit is reset: old news is not green for long."""
    github = FakeGitHub()
    ended(github)

    def limit() -> None:
        github.refusal = (403, headers)

    lamp = after(github_lamp(github), limit, polls=3)

    assert lamp.shown[0] == "passing"
    assert lamp.shown[-1] not in GREEN
    assert "rate limit reached" in lamp.told
