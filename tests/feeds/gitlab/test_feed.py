"""The feed of a GitLab project, against a GitLab that behaves as the real one was seen to."""

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
from buildlight.feeds.gitlab.feed import GitLabFeed
from buildlight.feeds.gitlab.options import GitLabOptions
from buildlight.feeds.sharing import Network
from support.fake_gitlab import FakeGitLab

URL = "https://gitlab.com/acme/tools/shop"
NAME, PATH = "shop", "acme/tools/shop"


def shown(gitlab: FakeGitLab, *steps: Callable[[], object], **keys: Any) -> dict[str, Any]:
    """Return what a feed says after *steps*, with a poll before the first and after each."""

    async def follow() -> dict[str, Any]:
        options = GitLabOptions.model_validate({"url": URL, **keys})
        feed = GitLabFeed.open(options, network=Network(transport=gitlab))
        answer = await feed.read()
        for step in steps:
            gitlab.clock += timedelta(seconds=30)
            step()
            answer = await feed.read()
        return {each.name: (each.activity, each.last_build_status) for each in answer.projects}

    return asyncio.run(follow())


def test_a_public_project_needs_nothing_but_its_address() -> None:
    """In subgroups, too; one request a poll once the branch is known."""
    gitlab = FakeGitLab()
    gitlab.pipeline("success")

    assert shown(gitlab, lambda: None) == {NAME: ("Sleeping", "success")}
    assert len(gitlab.requests) == 4  # default branch, list, schedules once, list
    assert "ref=main" in gitlab.requests[1]


def test_a_retried_pipeline_stays_red_at_first_sight_too() -> None:
    """The list shows no red any more, and the pipeline before it was green."""
    gitlab = FakeGitLab()
    gitlab.pipeline("success")
    retried = gitlab.pipeline("running", retried_red=True)

    def end() -> None:
        retried.status = "success"

    assert shown(gitlab) == {NAME: ("Building", "failed")}
    assert shown(gitlab, end) == {NAME: ("Sleeping", "success")}


def test_a_merge_request_says_nothing_about_the_branch() -> None:
    """GitLab's filter adds those whose source is the branch."""
    gitlab = FakeGitLab()
    gitlab.pipeline("failed")
    gitlab.pipeline("success", ref="refs/merge-requests/3/head", source="merge_request_event")

    assert shown(gitlab) == {NAME: ("Sleeping", "failed")}


@pytest.mark.parametrize(
    ("schedules", "expected"),
    [
        (
            "separate",
            {NAME: ("Sleeping", "success"), f"{NAME} (schedule)": ("Sleeping", "failed")},
        ),
        ("together", {NAME: ("Sleeping", "success")}),
        ("ignore", {NAME: ("Sleeping", "success")}),
    ],
)
def test_a_red_nightly_is_not_hidden_by_a_green_push(schedules: str, expected: object) -> None:
    """Both are pipelines of main: the nightly is a project of its own."""
    gitlab = FakeGitLab()
    gitlab.pipeline("failed", source="schedule")
    for _ in range(30):
        gitlab.pipeline("success")

    assert shown(gitlab, schedules=schedules) == expected


def test_a_red_behind_a_page_of_skipped_ones_is_found() -> None:
    """[ci skip] keeps the verdict of the pipeline before."""
    gitlab = FakeGitLab()
    gitlab.pipeline("failed")
    for _ in range(40):
        gitlab.pipeline("skipped")

    assert shown(gitlab) == {NAME: ("Sleeping", "failed")}


def test_a_deleted_pipeline_is_no_longer_the_newest() -> None:
    """A list that lags behind is told from a deletion by its id."""
    gitlab = FakeGitLab()
    gitlab.pipeline("success")
    red = gitlab.pipeline("failed")

    assert shown(gitlab, lambda: gitlab.pipelines.remove(red)) == {NAME: ("Sleeping", "success")}


@pytest.mark.parametrize(("manual", "word"), [("keep", "failed"), ("success", "success")])
def test_what_a_pipeline_that_waits_for_a_person_means(manual: str, word: str) -> None:
    """It keeps the verdict, unless the team says that it has passed."""
    gitlab = FakeGitLab()
    gitlab.pipeline("failed")
    gitlab.pipeline("manual")

    assert shown(gitlab, manual=manual) == {NAME: ("Sleeping", word)}


def test_an_empty_list_is_no_verdict() -> None:
    """CI was hidden from the token, or never ran."""
    assert shown(FakeGitLab()) == {NAME: ("Sleeping", "Unknown")}


@pytest.mark.parametrize(
    ("status", "headers", "sentence"),
    [
        (401, {}, "answers only with a token; set auth"),
        (403, {}, "no token for acme/tools/shop, or CI/CD is disabled there; set auth"),
        (404, {}, r"no project acme/tools/shop, or it is private; .* decodes %2F"),
        (429, {"retry-after": "17"}, "rate limit reached; next request in 17 s"),
        (429, {}, "rate limit reached; next request in 60 s"),
    ],
)
def test_each_refusal_has_a_sentence_of_its_own(
    status: int, headers: dict[str, str], sentence: str
) -> None:
    """With the remedy."""
    gitlab = FakeGitLab()
    gitlab.refusal = (status, headers)

    with pytest.raises(FeedRefused, match=sentence):
        shown(gitlab)


def test_a_hidden_default_branch_has_to_be_set() -> None:
    """Callers who may not read code do not see it."""
    gitlab = FakeGitLab()
    gitlab.default_branch = None
    gitlab.pipeline("success")

    with pytest.raises(FeedMalformed, match="set branch"):
        shown(gitlab)
    assert shown(gitlab, branch="main") == {NAME: ("Sleeping", "success")}


@pytest.mark.parametrize(
    ("keys", "base", "name"),
    [
        (
            {"url": f"{URL}/-/pipelines"},
            "https://gitlab.com/api/v4/projects/acme%2Ftools%2Fshop",
            PATH,
        ),
        (
            {"url": "https://acme.example/gitlab/a/b", "api": "https://acme.example/gitlab/api/v4"},
            "https://acme.example/gitlab/api/v4/projects/a%2Fb",
            "a/b",
        ),
    ],
)
def test_the_address_of_the_api_is_derived(keys: dict[str, str], base: str, name: str) -> None:
    """From the address in the browser; below a path, api says where."""
    options = GitLabOptions.model_validate(keys)

    assert (options.base, options.full_name) == (base, name)


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.com/acme",
        f"{URL}?private_token=glpat-1",
        "https://ada:password@gitlab.com/a/b",
    ],
)
def test_each_mistake_in_the_address_is_told(url: str) -> None:
    """A token in it is refused."""
    with pytest.raises(ValidationError, match=r"is not a project|has a token"):
        GitLabOptions(url=url)


def test_a_pipeline_that_left_the_page_and_is_run_again_is_followed() -> None:
    """The nightly of a busy project is soon behind twenty pushes."""
    gitlab = FakeGitLab()
    nightly = gitlab.pipeline("success", source="schedule")

    def crowd() -> None:
        for _ in range(70):
            gitlab.pipeline("success")

    def spoil() -> None:
        nightly.status = "failed"

    said = shown(gitlab, crowd, spoil)

    assert said[f"{NAME} (schedule)"] == ("Sleeping", "failed")


def test_more_pipelines_than_a_page_between_two_polls_hide_no_nightly() -> None:
    """As after a night without a network."""
    gitlab = FakeGitLab()
    gitlab.pipeline("success", source="schedule")
    gitlab.pipeline("success")

    def night() -> None:
        gitlab.pipeline("failed", source="schedule")
        for _ in range(130):
            gitlab.pipeline("success")

    assert shown(gitlab, night)[f"{NAME} (schedule)"] == ("Sleeping", "failed")


def test_pipelines_that_all_vanish_are_a_fault() -> None:
    """CI was hidden from the token: an empty list keeps no green."""
    gitlab = FakeGitLab()
    gitlab.pipeline("success")

    with pytest.raises(FeedRefused, match="lists no pipeline any more"):
        shown(gitlab, gitlab.pipelines.clear)


def test_a_project_by_its_number_is_called_by_its_path() -> None:
    """Some proxies decode the slashes of a path."""
    options = GitLabOptions(url="https://gitlab.com/projects/42")

    assert options.base == "https://gitlab.com/api/v4/projects/42"


class Telling(FakeGitLab):
    """Tells of its token what a person may ask, too."""

    end: str | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        if request.url.path.endswith("/personal_access_tokens/self") and self.end is not None:
            self.requests.append(request.url.path)
            body = json.dumps({"expires_at": self.end}).encode()
            return httpx.Response(200, stream=httpx.ByteStream(body))
        return await super().handle_async_request(request)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("2026-11-24", ("the token expires in 3 days (2026-11-24); make a new one",)),
        ("2027-11-24", ()),
        (None, ()),  # A token that may not ask.
    ],
)
def test_a_token_that_ends_soon_is_told(
    end: str | None, told: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitLab is asked once a day."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_GITLAB", "glpat-0123456789abcdefgh")
    gitlab = Telling()
    gitlab.end = end
    gitlab.pipeline("success")
    auth = {"kind": "header", "name": "PRIVATE-TOKEN", "secret": "gitlab"}
    options = GitLabOptions.model_validate({"url": URL, "auth": auth})

    async def poll() -> tuple[str, ...]:
        feed = GitLabFeed.open(options, network=Network(transport=gitlab))
        for _ in range(3):
            notices = (await feed.read()).notices
        return notices

    assert asyncio.run(poll()) == told
    assert sum("access_tokens" in each for each in gitlab.requests) == 1


SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["id", "iid", "ref", "status", "source", "created_at", "updated_at", "web_url", "sha"]
KEYS += ["default_branch", "path_with_namespace", "allow_failure", "retried", "name"]


class Mangling(FakeGitLab):
    """Answers in which one field has another type."""

    def __init__(self, key: str, value: object) -> None:
        super().__init__()
        self.key, self.value = key, value

    def _document(self, path: str, query: Any) -> object:
        document = json.dumps(super()._document(path, query))
        return json.loads(document, object_hook=self._mangle)

    def _mangle(self, found: dict[str, object]) -> dict[str, object]:
        return {**found, self.key: self.value} if self.key in found else found


@given(key=st.sampled_from(KEYS), value=SHAPES)
def test_no_field_of_another_type_is_more_than_a_fault(key: str, value: object) -> None:
    """One sentence, or a row that is left out; never a traceback."""
    gitlab = Mangling(key, value)
    gitlab.pipeline("failed")
    gitlab.pipeline("running", retried_red=True)

    try:
        shown(gitlab, lambda: gitlab.pipeline("canceled"))
    except FeedError as error:
        assert str(error)  # noqa: PT017 - any answer may be read, or be a fault
