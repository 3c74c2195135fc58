"""Every answer of our fake GitHub is one that GitHub's own description allows."""

import asyncio
import json
import random
import subprocess
from pathlib import Path

import pytest

from buildlight.feeds.github.feed import GitHubFeed
from buildlight.feeds.github.options import GitHubOptions
from buildlight.feeds.sharing import Network
from support.busy_github import BusyGitHub
from support.fake_github import FakeGitHub

HERE = Path(__file__).parent
REPOSITORY = "/repos/{owner}/{repo}"
SEEDS = range(4)


def template(path: str) -> str:
    """Return *path*, below the repository, as the description writes it."""
    match path.strip("/").split("/"):
        case [""]:
            return REPOSITORY
        case ["actions", "workflows", _, "runs"]:
            return f"{REPOSITORY}/actions/workflows/{{workflow_id}}/runs"
        case ["actions", "runs", _, *rest]:
            tail = "".join(f"/{each}" for each in rest if not each.isdecimal())
            tail = tail.replace("/attempts", "/attempts/{attempt_number}")
            return f"{REPOSITORY}/actions/runs/{{run_id}}{tail}"
    return f"{REPOSITORY}{path}"


def played(seed: int) -> FakeGitHub:
    """Return a GitHub that began with a cancelled run, and that a feed has followed for a while."""
    world = BusyGitHub(random.Random(seed))
    world.forge.end(world.forge.push(), "cancelled", broken_job=True)

    async def follow() -> None:
        options = GitHubOptions(url="https://github.com/acme/shop")
        feed = GitHubFeed.open(options, network=Network(transport=world.forge))
        for _ in range(15):
            await feed.read()
            world.act()

    asyncio.run(follow())
    return world.forge


def mistakes(parts: Path, answers: list[tuple[str, object]]) -> list[str]:
    """Return what is wrong with *answers*, pairs of a path of the description and a document."""
    ended = subprocess.run(
        [parts / "readers/bin/python", HERE / "validate.py", parts / "github.json"],
        input=json.dumps(answers),
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.splitlines()


@pytest.mark.timeout(120)
def test_every_answer_of_our_github_is_one_that_github_describes(parts: Path) -> None:
    """Each path that the feed asks for, in each state that a repository can be in."""
    answers = [
        (template(path), document) for seed in SEEDS for path, document in played(seed).answers
    ]

    assert mistakes(parts, answers) == []
    described = json.loads((parts / "github.json").read_bytes())["paths"]
    assert {path for path, _ in answers} == {*described}


def test_a_wrong_answer_would_be_noticed(parts: Path) -> None:
    """Or the test above would prove nothing."""
    wrong = {"total_count": 1, "workflows": [{"id": "five"}]}

    assert len(mistakes(parts, [(f"{REPOSITORY}/actions/workflows", wrong)])) > 3
