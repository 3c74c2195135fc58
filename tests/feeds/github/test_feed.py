"""The feed of a GitHub repository, against a GitHub that behaves as the real one was seen to."""

import asyncio
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from buildlight.errors import FeedError, FeedMalformed, FeedRefused
from buildlight.feeds.feed import FeedAnswer
from buildlight.feeds.github.feed import GitHubFeed
from buildlight.feeds.github.options import GitHubOptions
from buildlight.feeds.sharing import Network
from support.fake_github import FORK, FakeGitHub, FakeRun

TOKEN = "ghp_0123456789abcdef0123456789abcdef"


class Follower:
    """A feed of *github* and what it said last."""

    def __init__(self, github: httpx.AsyncBaseTransport, **keys: Any) -> None:
        options = GitHubOptions.model_validate({"url": "https://github.com/acme/shop", **keys})
        self.network = Network(transport=github)
        self.feed = GitHubFeed.open(options, network=self.network)
        self.answer: FeedAnswer | None = None

    async def poll(self) -> dict[str, tuple[str, str]]:
        """Read once; returns activity and word by name."""
        self.answer = await self.feed.read()
        return {each.name: (each.activity, each.last_build_status) for each in self.answer.projects}


def shown(github: FakeGitHub, *steps: Callable[[], object], **keys: Any) -> dict[str, Any]:
    """Return what a feed says after *steps*, with a poll before the first and after each."""

    async def follow() -> dict[str, Any]:
        follower = Follower(github, **keys)
        said = await follower.poll()
        for step in steps:
            github.clock += timedelta(seconds=30)
            step()
            said = await follower.poll()
        return said

    return asyncio.run(follow())


def ended(github: FakeGitHub, conclusion: str = "success", **changes: Any) -> FakeRun:
    """Return a run that has ended."""
    run = github.push(**changes)
    github.end(run, conclusion)
    return run


def test_a_public_repository_needs_nothing_but_its_address() -> None:
    """Each workflow that runs on the default branch is a project."""
    github = FakeGitHub(workflows={5: "ci.yml", 6: "nightly.yaml", 7: "never.yml"})
    ended(github)
    ended(github, "failure", workflow=6, event="schedule")

    assert shown(github) == {
        "shop: ci": ("Sleeping", "success"),
        "shop: nightly": ("Sleeping", "failure"),
    }


def test_a_strangers_main_turns_nothing() -> None:
    """A fork's pull request from its main is listed under main."""
    github = FakeGitHub()
    ended(github, "failure")

    said = shown(
        github, lambda: ended(github, branch="main", repository=FORK, event="pull_request")
    )

    assert said == {"shop: ci": ("Sleeping", "failure")}


def test_a_rerun_of_a_red_run_stays_red_at_first_sight_too() -> None:
    """The run before it was green, and the list shows no red any more."""
    github = FakeGitHub()
    ended(github)
    red = ended(github, "failure")
    github.rerun(red)

    assert shown(github) == {"shop: ci": ("Building", "failure")}
    assert shown(github, lambda: github.end(red)) == {"shop: ci": ("Sleeping", "success")}


def test_a_cancelled_run_with_a_failed_job_is_broken() -> None:
    """A workflow that cancels itself when a job fails; one that was superseded keeps."""
    github = FakeGitHub()
    ended(github)
    run = github.push()
    github.end(run, "cancelled", broken_job=True)

    assert shown(github) == {"shop: ci": ("Sleeping", "failure")}
    assert shown(github, lambda: ended(github, "cancelled")) == {
        "shop: ci": ("Sleeping", "failure")
    }
    assert [path for path in github.requests if "/jobs" in path] != []


def test_a_filtered_list_that_lags_behind_is_no_news() -> None:
    """It began with a run of last month, and the newest were missing."""
    github = FakeGitHub(workflows={5: "ci.yml", 6: "busy.yml"})
    ended(github)
    github.indexed = [*github.runs]
    ended(github, "failure")
    for _ in range(40):
        ended(github, workflow=6)

    assert shown(github)["shop: ci"] == ("Sleeping", "failure")


def test_a_deleted_run_is_no_longer_the_newest() -> None:
    """A clean-up action removed it: asked for by its id, it is gone."""
    github = FakeGitHub()
    ended(github)
    red = ended(github, "failure")

    assert shown(github, lambda: github.delete(red)) == {"shop: ci": ("Sleeping", "success")}


def test_a_red_run_is_followed_after_the_page_has_left_it() -> None:
    """A re-run makes no new row at the top."""
    github = FakeGitHub(workflows={5: "ci.yml", 6: "busy.yml"})
    red = ended(github, "failure")

    def crowd() -> None:
        for _ in range(31):
            ended(github, workflow=6)

    def mend() -> None:
        github.rerun(red)
        github.end(red)

    assert shown(github, crowd)["shop: ci"] == ("Sleeping", "failure")
    assert shown(github, crowd, mend)["shop: ci"] == ("Sleeping", "success")


def test_more_runs_than_a_page_between_two_polls_hide_none() -> None:
    """The next pages are read."""
    github = FakeGitHub(workflows={5: "ci.yml", 6: "busy.yml"})
    ended(github)
    ended(github, workflow=6)

    def crowd() -> None:
        ended(github, "failure")
        for _ in range(50):
            ended(github, workflow=6)

    assert shown(github, crowd)["shop: ci"] == ("Sleeping", "failure")


def test_a_disabled_workflow_is_no_project_and_a_fault_if_it_is_named() -> None:
    """GitHub stops schedules after sixty days without activity."""
    github = FakeGitHub(workflows={5: "ci.yml", 6: "nightly.yml"})
    ended(github)
    ended(github, workflow=6)
    github.states[6] = "disabled_inactivity"

    assert [*shown(github)] == ["shop: ci"]
    with pytest.raises(FeedRefused, match=r"workflow nightly\.yml is disabled_inactivity"):
        shown(github, workflows=["nightly.yml"])
    with pytest.raises(FeedRefused, match=r"no workflow file cd\.yml .* ci\.yml, nightly\.yml"):
        shown(github, workflows=["cd.yml"])


def test_a_default_branch_that_is_renamed_is_followed() -> None:
    """What ran on the old one says nothing about the new one."""
    github = FakeGitHub()
    ended(github)

    def rename() -> None:
        github.default_branch = "trunk"
        github.clock += timedelta(seconds=601)
        ended(github, "failure", branch="trunk")

    assert shown(github, rename, lambda: None) == {"shop: ci": ("Sleeping", "failure")}


def test_a_repository_without_a_counted_run_has_no_project() -> None:
    """Nothing counts, which is told by the report; it is not green."""
    github = FakeGitHub()
    ended(github, branch="topic")

    assert shown(github) == {}
    with pytest.raises(FeedRefused, match=r"workflow ci\.yml never ran on main"):
        shown(github, workflows=["ci.yml"])


def test_an_unchanged_repository_costs_one_free_request() -> None:
    """304, the same tuple, and nothing of the limit."""
    github = FakeGitHub()
    ended(github)

    async def follow() -> None:
        follower = Follower(github, auth=None)
        await follower.poll()
        assert follower.answer is not None
        first, left = follower.answer.projects, github.remaining
        github.requests.clear()
        for _ in range(10):
            github.clock += timedelta(seconds=30)
            await follower.poll()
        assert follower.answer.projects is first
        assert github.remaining == left
        assert len(github.requests) == 10

    asyncio.run(follow())


@pytest.mark.parametrize(
    ("status", "headers", "sentence"),
    [
        (403, {"x-ratelimit-remaining": "0"}, "rate limit reached; next request in 3600 s"),
        (403, {"retry-after": "30"}, "rate limit reached; next request in 30 s"),
        (429, {}, "rate limit reached; next request in"),
        (404, {}, "no repository acme/shop, or it is private"),
        (451, {}, "legal reasons"),
    ],
)
def test_each_refusal_has_a_sentence_of_its_own(
    status: int, headers: dict[str, str], sentence: str
) -> None:
    """With the remedy."""
    github = FakeGitHub()
    github.refusal = (status, headers)

    with pytest.raises(FeedRefused, match=sentence) as refused:
        shown(github)

    assert refused.value.status == status


def test_a_limit_is_shared_by_all_feeds_of_a_token() -> None:
    """One that was refused keeps the other from asking."""
    github = FakeGitHub()

    async def follow() -> None:
        one = Follower(github)
        two = GitHubFeed.open(
            GitHubOptions(url="https://github.com/acme/shop"), network=one.network
        )
        github.refusal = (403, {"retry-after": "60"})
        with pytest.raises(FeedRefused):
            await one.poll()
        github.refusal = None
        asked = len(github.requests)
        with pytest.raises(FeedRefused, match="rate limit reached") as refused:
            await two.read()
        assert len(github.requests) == asked
        assert refused.value.retry_after == pytest.approx(60, abs=2)

    asyncio.run(follow())


def test_a_tenth_of_the_limit_is_left_to_its_owner() -> None:
    """The rest asked for grows as the limit shrinks."""
    github = FakeGitHub(limit=5000)
    ended(github)

    async def rest(remaining: int) -> float:
        github.remaining = remaining
        follower = Follower(github)
        await follower.poll()
        assert follower.answer is not None
        assert follower.answer.rest is not None
        return follower.answer.rest

    assert asyncio.run(rest(5000)) < 5
    assert 10 < asyncio.run(rest(800)) < 60
    assert asyncio.run(rest(510)) == 300
    with pytest.raises(FeedRefused, match="requests are left to the token's owner") as refused:
        asyncio.run(rest(400))
    assert refused.value.retry_after == pytest.approx(3600, abs=2)


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["id", "workflow_id", "path", "run_number", "run_attempt", "event", "status", "conclusion"]
KEYS += ["head_branch", "repository", "head_repository", "run_started_at", "updated_at", "html_url"]
KEYS += ["workflow_runs", "workflows", "default_branch", "jobs", "state", "actor", "head_sha"]


class Mangling(FakeGitHub):
    """Answers in which one field has another type."""

    def __init__(self, key: str, value: object) -> None:
        super().__init__()
        self.key, self.value = key, value

    def _document(self, path: str, query: Any) -> object:
        try:
            document = super()._document(path, query)
        except IndexError:  # An attempt that there is not.
            return None
        return json.loads(json.dumps(document), object_hook=self._mangle)

    def _mangle(self, found: dict[str, object]) -> dict[str, object]:
        return {**found, self.key: self.value} if self.key in found else found


@given(key=st.sampled_from(KEYS), value=SHAPES)
def test_no_field_of_another_type_is_more_than_a_fault(key: str, value: object) -> None:
    """One sentence, or a row that is left out; never a traceback."""
    github = Mangling(key, value)
    ended(github, "cancelled")

    try:
        shown(github)
    except FeedError as error:
        assert str(error)  # noqa: PT017 - any answer may be read, or be a fault


@pytest.mark.parametrize(
    "body", [b"<html></html>", b"", b"{", b'{"workflows": ', b"[" * 100_000, b"\xff\xfe"]
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    """A proxy's page, or an answer cut short."""

    async def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(body))

    async def follow() -> None:
        await Follower(httpx.MockTransport(answer)).poll()

    with pytest.raises(FeedMalformed):
        asyncio.run(follow())


@pytest.mark.parametrize(
    ("keys", "mistake"),
    [
        ({"url": "https://github.com/acme"}, "is not a repository"),
        ({"url": f"https://{TOKEN}@github.com/acme/shop"}, "has a token"),
        ({"url": f"https://github.com/acme/shop?token={TOKEN}"}, "has a token"),
        (
            {"url": "http://git.example/a/b", "auth": {"kind": "bearer", "secret": "github"}},
            "in the clear",
        ),
        (
            {
                "url": "https://git.example/a/b",
                "api": "http://git.example/api/v3",
                "auth": {"kind": "bearer", "secret": "github"},
            },
            "in the clear",
        ),
        ({"branch": ""}, "at least 1 character"),
    ],
)
def test_each_mistake_in_the_table_is_told(
    keys: dict[str, Any], mistake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And none is told with its value."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_GITHUB", TOKEN)

    with pytest.raises(ValidationError, match=mistake) as wrong:
        GitHubOptions.model_validate({"url": "https://github.com/acme/shop", **keys})

    assert TOKEN not in str(wrong.value)


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://github.com/acme/shop", "https://api.github.com/repos/acme/shop"),
        ("https://github.com/acme/shop.git", "https://api.github.com/repos/acme/shop"),
        (
            "https://github.com/acme/shop/actions/workflows/ci.yml",
            "https://api.github.com/repos/acme/shop",
        ),
        ("https://git.acme.example/acme/shop", "https://git.acme.example/api/v3/repos/acme/shop"),
        ("https://acme.ghe.com/acme/shop", "https://api.acme.ghe.com/repos/acme/shop"),
    ],
)
def test_the_address_of_the_api_is_derived(url: str, base: str) -> None:
    """From the address in the browser."""
    assert GitHubOptions(url=url).base == base


def test_a_poll_that_failed_half_way_hides_no_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list was taken in, the rest failed; the next answer is 304."""
    github = FakeGitHub()
    ended(github)

    async def follow() -> str:
        follower = Follower(github, auth=None)
        await follower.poll()
        ended(github, "failure")
        github.rerun(github.runs[0])
        failing = ended(github, "cancelled")
        with monkeypatch.context() as patched:
            patched.setattr(github, "_jobs", lambda *_: "no jobs")
            with pytest.raises(FeedMalformed):
                await follower.poll()
        assert failing in github.runs
        return (await follower.poll())["shop: ci"][1]

    assert asyncio.run(follow()) == "failure"


def test_a_green_run_that_left_the_page_and_is_run_again_is_followed() -> None:
    """Of those that may change seldom, one is asked for at each poll."""
    github = FakeGitHub(workflows={5: "ci.yml", 6: "busy.yml"})
    green = ended(github)

    def crowd() -> None:
        for _ in range(31):
            ended(github, workflow=6)

    def spoil() -> None:
        github.rerun(green)
        github.end(green, "failure")

    assert shown(github, crowd, spoil)["shop: ci"] == ("Sleeping", "failure")


def test_a_deleted_red_gives_way_to_no_green_that_is_deleted_too() -> None:
    """Retention takes old runs first; the workflow stays, without a word of its own."""
    github = FakeGitHub(workflows={5: "ci.yml", 6: "busy.yml"})
    green, red = ended(github), ended(github, "failure")

    def crowd() -> None:
        for _ in range(31):
            ended(github, workflow=6)

    def retain() -> None:
        github.delete(green)
        github.delete(red)

    assert shown(github, crowd, retain)["shop: ci"] == ("Sleeping", "Unknown")


def notices(github: httpx.AsyncBaseTransport, **keys: Any) -> str:
    """Return what one poll tells a person."""

    async def once() -> tuple[str, ...]:
        follower = Follower(github, **keys)
        await follower.poll()
        assert follower.answer is not None
        return follower.answer.notices

    return "; ".join(asyncio.run(once()))


class Headed(httpx.AsyncBaseTransport):
    """A GitHub that tells when the token ends."""

    def __init__(self, github: FakeGitHub, end: str) -> None:
        self.github, self.end = github, end

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer with one more header."""
        answer = await self.github.handle_async_request(request)
        answer.headers["GitHub-Authentication-Token-Expiration"] = self.end
        return answer


@pytest.mark.parametrize(
    ("end", "notice"),
    [
        ("2026-11-26 11:00:00 UTC", "the token expires in 5 days (2026-11-26); make a new one"),
        ("2026-11-22 01:00:00 +0200", "the token expires in one day"),
        ("2026-11-20 13:00:00 UTC", "the token expires within a day"),
        ("2026-11-27 12:00:00 UTC", ""),
        ("soon", ""),
    ],
)
def test_a_token_that_ends_within_six_days_is_told(end: str, notice: str) -> None:
    """Each day with another number, so that the log has a line a day."""
    github = FakeGitHub()
    ended(github)

    told = notices(Headed(github, end))

    assert told.startswith(notice)
    assert bool(told) == bool(notice)


def test_a_workflow_that_a_person_disabled_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its project is missing for a reason."""
    caplog.set_level("INFO")
    github = FakeGitHub(workflows={5: "ci.yml", 6: "old.yml", 7: "gone.yml"})
    ended(github)
    github.states[6], github.states[7] = "disabled_manually", "deleted"

    def later() -> None:
        github.clock += timedelta(minutes=11)

    assert [*shown(github, later, later)] == ["shop: ci"]
    assert caplog.messages == [
        "acme/shop: workflow old.yml is disabled_manually; it does not count"
    ]
