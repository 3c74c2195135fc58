"""The feed of a CircleCI project, against a CircleCI that answers as its API is described."""

import asyncio
import random
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from buildlight.errors import FeedError, FeedMalformed, FeedRefused
from buildlight.feeds.circleci.feed import CircleCIFeed
from buildlight.feeds.circleci.options import CircleCIOptions
from buildlight.feeds.conformance import check_feed
from buildlight.feeds.sharing import Network
from support.fake_circleci import FakeCircleCI
from support.mangling import KEYS, SHAPES, Mangled
from support.never_green import follow

URL = "https://app.circleci.com/pipelines/github/acme/shop"


def shown(
    circle: httpx.AsyncBaseTransport, *steps: Callable[[], object], **keys: Any
) -> dict[str, Any]:
    """Return what a feed says after *steps*, with a poll before the first and after each."""

    async def read() -> dict[str, Any]:
        options = CircleCIOptions.model_validate({"url": URL, **keys})
        feed = CircleCIFeed.open(options, network=Network(transport=circle))
        answer = await feed.read()
        for step in steps:
            step()
            answer = await feed.read()
        return {
            each.name: (each.activity, each.last_build_status, each.last_build_label)
            for each in answer.projects
        }

    return asyncio.run(read())


def test_it_keeps_the_contract() -> None:
    """Of every kind of feed."""
    circle = FakeCircleCI()
    circle.push(status="success")

    check_feed(CircleCIFeed, {"url": URL}, transport=circle)


def test_each_workflow_of_the_branch_is_a_project() -> None:
    """Also one that ran last some pipelines ago."""
    circle = FakeCircleCI()
    circle.push("build", "nightly", status="failed")
    for _ in range(5):
        circle.push("build", status="success")
    circle.push("build", branch="topic", status="failed")

    assert shown(circle) == {
        "shop: build": ("Sleeping", "success", "6"),
        "shop: nightly": ("Sleeping", "failure", "1"),
    }
    assert [*shown(circle, workflows=["nightly"])] == ["shop: nightly"]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("success", ("Sleeping", "success", "2")),
        ("failed", ("Sleeping", "failure", "2")),
        ("error", ("Sleeping", "startup_failure", "2")),
        ("unauthorized", ("Sleeping", "startup_failure", "2")),
        ("canceled", ("Sleeping", "success", "1")),
        ("not_run", ("Sleeping", "success", "1")),
        ("running", ("Building", "success", "1")),
        ("failing", ("Building", "failure", "2")),
        ("on_hold", ("Pending", "success", "1")),
        ("of_tomorrow", ("Sleeping", "of_tomorrow", "2")),
    ],
)
def test_each_status_after_a_pass(status: str, expected: tuple[str, str, str]) -> None:
    """Four break, two keep, one is broken before it has ended, an unknown one is passed on."""
    circle = FakeCircleCI()
    circle.push(status="success")
    circle.push(status=status)

    assert shown(circle) == {"shop: build": expected}


def test_a_workflow_that_is_run_again_stays_red_until_it_has_passed() -> None:
    """Though the pipeline before it has passed."""
    circle = FakeCircleCI()
    circle.push(status="success")
    pipeline = circle.push(status="failed")
    again = circle.run(pipeline, "build")

    assert shown(circle)["shop: build"] == ("Building", "failure", "2")
    passed = shown(circle, lambda: circle.become(again, "success"))
    assert passed["shop: build"] == ("Sleeping", "success", "2.2")


def test_a_cancelled_workflow_with_a_failed_job_is_broken() -> None:
    """Its jobs are read once."""
    circle = FakeCircleCI()
    circle.push(status="success")
    circle.become(circle.push().workflows[0], "canceled", broken_job=True)

    assert shown(circle, lambda: None)["shop: build"] == ("Sleeping", "failure", "2")
    assert len([each for each in circle.requests if each.endswith("/job")]) == 1


def test_a_cancelled_attempt_with_a_failed_job_is_broken_while_it_runs_again() -> None:
    """Also for a lamp that starts only now, and has seen nothing of it."""
    circle = FakeCircleCI()
    circle.push(status="success")
    pipeline = circle.push()
    circle.become(pipeline.workflows[0], "canceled", broken_job=True)
    circle.run(pipeline, "build")

    assert shown(circle) == {"shop: build": ("Building", "failure", "2")}


def test_an_invalid_configuration_breaks_every_workflow() -> None:
    """The pipeline has no workflow at all."""
    circle = FakeCircleCI()
    circle.push(status="success")

    def spoil() -> None:
        circle.push(status="success").workflows.clear()
        circle.pipelines[-1].state = "errored"

    assert shown(circle, spoil)["shop: build"] == ("Sleeping", "startup_failure", "2")
    mended = shown(circle, spoil, lambda: circle.push(status="success"))
    assert mended["shop: build"] == ("Sleeping", "success", "4")


@pytest.mark.parametrize(
    ("status", "headers", "sentence"),
    [
        (401, {}, "takes only a personal token"),
        (403, {}, "no read access to gh/acme/shop"),
        (404, {}, "no project gh/acme/shop, or it is private"),
        (429, {"retry-after": "17"}, "rate limit reached; next request in 17 s"),
    ],
)
def test_each_refusal_has_a_sentence_of_its_own(
    status: int, headers: dict[str, str], sentence: str
) -> None:
    """With the remedy."""
    circle = FakeCircleCI()
    circle.refusal = (status, headers)

    with pytest.raises(FeedRefused, match=sentence):
        shown(circle)


@given(key=st.sampled_from([*KEYS, "items", "number", "vcs", "created_at"]), value=SHAPES)
def test_no_field_of_another_type_is_more_than_a_fault(key: str, value: object) -> None:
    """One sentence, or a row that is left out; never a traceback."""
    circle = FakeCircleCI()
    circle.become(circle.push().workflows[0], "canceled")

    try:
        shown(Mangled(circle, key, value))
    except FeedError as error:
        assert str(error)  # noqa: PT017 - any answer may be read, or be a fault


@pytest.mark.parametrize("body", [b"<html></html>", b"", b'{"items": ', b"[" * 100_000])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    """A proxy's page, or an answer cut short."""
    server = httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(body)))

    with pytest.raises(FeedMalformed):
        shown(server)


@pytest.mark.parametrize(
    ("url", "slug"),
    [
        (URL, "gh/acme/shop"),
        ("https://circleci.com/gh/acme/shop", "gh/acme/shop"),
        (f"{URL}/12/workflows/abc", "gh/acme/shop"),
        ("https://app.circleci.com/pipelines/circleci/ORG/PROJECT", "circleci/ORG/PROJECT"),
    ],
)
def test_the_project_is_known_from_the_address_in_the_browser(url: str, slug: str) -> None:
    """Also of a project of the GitHub App, which has no cc.xml."""
    options = CircleCIOptions(url=url)

    assert (options.full_name, options.base) == (slug, "https://circleci.com/api/v2")


def test_an_address_without_a_project_is_a_mistake() -> None:
    """Three parts name one."""
    with pytest.raises(ValidationError, match="is not a project"):
        CircleCIOptions(url="https://app.circleci.com/pipelines/github/acme")


class Busy:
    """A project in which anything happens, as *dice* fall."""

    lags = False

    def __init__(self, dice: random.Random) -> None:
        self.forge = FakeCircleCI()
        self.dice = dice

    def truths(self) -> Mapping[str, str | None]:
        """Return how each workflow stands."""
        return {f"shop: {name}": self.forge.truth(name) for name in ("build", "nightly")}

    def act(self) -> None:
        """Let one thing happen."""
        forge, dice = self.forge, self.dice
        forge.clock += timedelta(seconds=dice.choice((1, 30, 300)))
        ours = [each for each in forge.pipelines[-8:] if each.workflows]
        workflows = [each for pipeline in ours for each in pipeline.workflows]
        running = [each for each in workflows if each.stopped is None]
        match dice.randrange(6):
            case 0:
                names = dice.choice((("build",), ("build",), ("build", "nightly")))
                forge.push(*names, branch=dice.choice(("main", "main", "pull/7")))
            case 1 | 2 if running:
                statuses = ("success", "failed", "error", "canceled", "failing", "on_hold")
                status = dice.choice((*statuses, "unauthorized", "not_run"))
                broken = status == "canceled" and dice.random() < 0.5
                forge.become(dice.choice(running), status, broken_job=broken)
            case 3 if ours:
                forge.run(dice.choice(ours), "build")
            case 4:
                for _ in range(dice.choice((1, 7))):
                    forge.push(branch="topic", status="success")


@settings(max_examples=30, derandomize=True)
@given(st.integers(0, 2**32))
def test_the_lamp_is_never_green_while_the_newest_finished_attempt_is_broken(seed: int) -> None:
    """Whatever happens, and whichever answers fail."""
    greens(seed, 20)


def greens(seed: int, steps: int) -> int:
    """Follow a project; returns how many polls said that something passes."""
    dice = random.Random(seed)
    world, options = Busy(dice), CircleCIOptions(url=URL)
    opened = follow(
        lambda network: CircleCIFeed.open(options, network=network),
        world,
        dice,
        steps=steps,
        of=f"seed {seed}",
    )
    return asyncio.run(opened)
