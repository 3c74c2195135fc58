"""Whatever happens in a repository, and however its lists lag: no green while it is broken."""

import asyncio
import random
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buildlight.errors import FeedError, FeedRefused
from buildlight.feeds.github.feed import GitHubFeed
from buildlight.feeds.github.options import GitHubOptions
from buildlight.feeds.sharing import Network
from buildlight.projects.feed_state import FeedState, Freshness, Reading, Rules, absorb
from buildlight.projects.project import STATUS_WORDS, Project
from buildlight.projects.verdict import Verdict
from support.fake_github import FORK, FakeGitHub, FakeRun

CONCLUSIONS = (
    *("success", "failure", "cancelled", "skipped", "timed_out", "startup_failure"),
    *("neutral", "stale", "action_required"),
)
RULES = Rules(max_age=110.0, words=STATUS_WORDS, forget_missing=10_000.0)


class Repository:
    """A repository in which anything happens, as *dice* fall."""

    def __init__(self, dice: random.Random) -> None:
        self.github = FakeGitHub(workflows={5: "ci.yml", 6: "busy.yml"})
        self.dice = dice

    def act(self) -> None:
        """Let one thing happen."""
        github, dice = self.github, self.dice
        github.clock += timedelta(seconds=dice.choice((1, 5, 30, 300)))
        unfinished = [run for run in github.runs if run.last.conclusion is None]
        ended = [run for run in github.runs if run.last.conclusion is not None]
        match dice.randrange(9):
            case 0 | 1:
                self._push()
            case 2 if unfinished:
                github.start(dice.choice(unfinished))
            case 3 | 4 if unfinished:
                conclusion = dice.choice(CONCLUSIONS)
                broken = conclusion == "cancelled" and dice.random() < 0.5
                github.end(dice.choice(unfinished), conclusion, broken_job=broken)
            case 5 if ended:
                github.rerun(dice.choice(ended))
            case 6 if ended:
                github.delete(dice.choice(ended))
            case 7:
                for _ in range(dice.choice((1, 35, 70))):
                    github.end(github.push(workflow=6))
            case 8:
                github.indexed = [*github.runs] if dice.random() < 0.5 else None

    def _push(self) -> FakeRun:
        kind = self.dice.randrange(4)
        if kind == 0:
            return self.github.push(repository=FORK, event="pull_request")
        if kind == 1:
            return self.github.push(branch="topic")
        return self.github.push(event=self.dice.choice(("push", "schedule")))


async def follow(seed: int, steps: int) -> int:
    """Follow a repository; returns how many polls said that ci passes."""
    dice = random.Random(seed)
    repository = Repository(dice)
    feed = GitHubFeed.open(
        GitHubOptions(url="https://github.com/acme/shop"),
        network=Network(transport=repository.github),
    )
    state, passed = FeedState(), 0
    for number in range(steps):
        for _ in range(dice.choice((0, 1, 1, 3))):
            repository.act()
        outcome: tuple[Project, ...] | FeedError
        try:
            outcome = (await feed.read()).projects
        except FeedRefused as refused:  # Nothing is left in it.
            outcome = refused
        clock = repository.github.clock
        state, _ = absorb(state, Reading(30.0 * number, clock, outcome), rules=RULES)
        known = state.projects.get(("shop: ci", 0))
        silent = state.freshness(RULES, now=30.0 * number) is not Freshness.FRESH
        green = known is not None and known.verdict is Verdict.PASSING and not silent
        if green and repository.github.truth() == "broken":
            pytest.fail(f"seed {seed}, step {number}: green while it is broken")
        passed += green
    return passed


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_the_lamp_is_never_green_while_the_newest_finished_attempt_is_broken(seed: int) -> None:
    """Re-runs, deletions, forks, crowds and an index that lags, in any order."""
    asyncio.run(follow(seed, 25))


def test_it_is_green_sometimes() -> None:
    """Or the test above would prove nothing."""
    assert sum(asyncio.run(follow(seed, 40)) for seed in range(8)) > 5
