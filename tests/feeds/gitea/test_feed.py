"""The feeds of Gitea and Forgejo, against servers that answer in their two shapes."""

import asyncio
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from buildlight.errors import FeedError, FeedMalformed, FeedRefused
from buildlight.feeds import kind_of
from buildlight.feeds.conformance import check_feed
from buildlight.feeds.gitea.feed import ForgejoFeed, GiteaFeed
from buildlight.feeds.sharing import Network
from support.busy_github import BusyGitHub
from support.fake_gitea import FakeForgejo, FakeGitea
from support.fake_github import FORK, FakeGitHub, FakeRun
from support.mangling import KEYS, SHAPES, Mangled
from support.never_green import follow

URL = "https://gitea.example/acme/shop"
BOTH = pytest.mark.parametrize(
    ("kind", "fake"), [(GiteaFeed, FakeGitea), (ForgejoFeed, FakeForgejo)]
)
Kind = type[GiteaFeed]
Fake = type[FakeGitea]


def shown(
    kind: Kind, forge: httpx.AsyncBaseTransport, *steps: Callable[[], object], **keys: Any
) -> dict[str, Any]:
    """Return what a feed says after *steps*, with a poll before the first and after each."""

    async def read() -> dict[str, Any]:
        options = kind.Options.model_validate({"url": URL, **keys})
        feed = kind.open(options, network=Network(transport=forge))  # type: ignore[arg-type]
        answer = await feed.read()
        for step in steps:
            if isinstance(forge, FakeGitHub):
                forge.clock += timedelta(seconds=30)
            step()
            answer = await feed.read()
        return {each.name: (each.activity, each.last_build_status) for each in answer.projects}

    return asyncio.run(read())


def ended(forge: FakeGitea, conclusion: str = "success", **changes: Any) -> FakeRun:
    """Return a run that has ended."""
    run = forge.push(**changes)
    forge.end(run, conclusion)
    return run


@BOTH
def test_it_keeps_the_contract(kind: Kind, fake: Fake) -> None:
    """Of every kind of feed."""
    forge = fake()
    ended(forge)

    check_feed(kind, {"url": URL}, transport=forge)


@BOTH
@pytest.mark.parametrize(
    ("conclusion", "word"),
    [
        ("success", "success"),
        ("failure", "failure"),
        ("cancelled", "success"),
        ("skipped", "success"),
        ("of_tomorrow", "of_tomorrow"),
    ],
)
def test_each_word_after_a_pass(kind: Kind, fake: Fake, conclusion: str, word: str) -> None:
    """Two decide, two keep, an unknown one is passed on."""
    forge = fake()
    ended(forge)
    ended(forge, conclusion)

    assert shown(kind, forge) == {"shop: ci": ("Sleeping", word)}


@BOTH
@pytest.mark.parametrize(
    ("status", "activity"),
    [("in_progress", "Building"), ("queued", "Pending"), ("waiting", "Pending")],
)
def test_each_status_of_a_run_that_has_not_ended(
    kind: Kind, fake: Fake, status: str, activity: str
) -> None:
    """The verdict is that of the run before."""
    forge = fake()
    ended(forge, "failure")

    def begin() -> None:
        forge.push().last.status = status

    assert shown(kind, forge, begin) == {"shop: ci": (activity, "failure")}


@BOTH
def test_what_says_nothing_about_the_branch_is_left_out(kind: Kind, fake: Fake) -> None:
    """A fork's main, a topic, a pull request."""
    forge = fake()
    ended(forge, "failure")
    ended(forge, repository=FORK, event="pull_request")
    ended(forge, branch="topic")
    ended(forge, event="pull_request")

    assert shown(kind, forge) == {"shop: ci": ("Sleeping", "failure")}


@BOTH
def test_a_red_run_that_is_run_again_stays_red(kind: Kind, fake: Fake) -> None:
    """Though the run before it has passed; a daemon that just began may not know better."""
    forge = fake()
    ended(forge)
    red = ended(forge, "failure")

    assert shown(kind, forge, lambda: forge.rerun(red)) == {"shop: ci": ("Building", "failure")}
    first = shown(kind, forge)["shop: ci"][1]
    assert first == ("failure" if fake is FakeGitea else "Unknown")
    assert shown(kind, forge, lambda: forge.end(red)) == {"shop: ci": ("Sleeping", "success")}


@BOTH
def test_a_cancelled_run_with_a_failed_job_is_broken(kind: Kind, fake: Fake) -> None:
    """Its jobs are asked for."""
    forge = fake()
    ended(forge)
    forge.end(forge.push(), "cancelled", broken_job=True)

    assert shown(kind, forge) == {"shop: ci": ("Sleeping", "failure")}


@BOTH
def test_each_refusal_has_a_sentence_of_its_own(kind: Kind, fake: Fake) -> None:
    """With the remedy."""
    for status, sentence in (
        (401, "make a new one"),
        (403, "repository: read"),
        (404, "no repository acme/shop, or it is private"),
    ):
        forge = fake()
        forge.refusal = (status, {})
        with pytest.raises(FeedRefused, match=sentence):
            shown(kind, forge)


@BOTH
@given(
    key=st.sampled_from([*KEYS, "index_in_repo", "prettyref", "workflow_id", "updated"]),
    value=SHAPES,
)
@settings(max_examples=20)
def test_no_field_of_another_type_is_more_than_a_fault(
    kind: Kind, fake: Fake, key: str, value: object
) -> None:
    """One sentence, or a row that is left out; never a traceback."""
    forge = fake()
    ended(forge, "cancelled")

    try:
        shown(kind, Mangled(forge, key, value))
    except FeedError as error:
        assert str(error)  # noqa: PT017 - any answer may be read, or be a fault


@pytest.mark.parametrize("body", [b"<html></html>", b"", b'{"workflow_runs": ', b"[" * 100_000])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    """A proxy's page, or an answer cut short."""
    server = httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(body)))

    with pytest.raises(FeedMalformed):
        shown(GiteaFeed, server)


def test_known_hosts_need_no_kind() -> None:
    """Codeberg is a Forgejo; a token does not go there in the clear."""
    assert kind_of("https://codeberg.org/acme/shop") == "forgejo"
    assert kind_of("https://gitea.com/acme/shop") == "gitea"
    assert kind_of("https://circleci.com/cc.xml") == "cctray"
    with pytest.raises(ValidationError, match="has a token"):
        GiteaFeed.Options.model_validate({"url": f"{URL}?token=0123456789abcdef"})


class BusyGitea(BusyGitHub):
    """The same happens as at GitHub."""

    def __init__(self, dice: random.Random, fake: Fake) -> None:
        super().__init__(dice)
        self.forge = fake(workflows=self.forge.workflows)


@pytest.mark.parametrize("seed", [*range(40), 71, 534])
def test_the_lamp_is_never_green_while_the_newest_finished_attempt_is_broken(seed: int) -> None:
    """Whatever happens, and whichever answers fail.

    Not for Forgejo, which shows no earlier attempts: a failure that is run again between two polls
    cannot be known. Not for a daemon that starts after more than 200 runs that it has not seen.
    """
    greens(GiteaFeed, FakeGitea, seed, 20)


def greens(kind: Kind, fake: Fake, seed: int, steps: int) -> int:
    """Follow a repository; returns how many polls said that something passes."""
    dice = random.Random(seed)
    options = kind.Options.model_validate({"url": URL})
    opened = follow(
        lambda network: kind.open(options, network=network),  # type: ignore[arg-type]
        BusyGitea(dice, fake),
        dice,
        steps=steps,
        of=f"seed {seed}",
    )
    return asyncio.run(opened)
