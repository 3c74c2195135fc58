"""Whatever happens in a repository, and however its lists lag: no green while it is broken."""

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from buildlight.feeds.github.feed import GitHubFeed
from buildlight.feeds.github.options import GitHubOptions
from support.busy_github import BusyGitHub
from support.never_green import follow

OPTIONS = GitHubOptions(url="https://github.com/acme/shop")


def greens(seed: int, steps: int) -> int:
    """Follow a repository; returns how many polls said that something passes."""
    dice = random.Random(seed)
    world = BusyGitHub(dice)
    opened = follow(
        lambda network: GitHubFeed.open(OPTIONS, network=network),
        world,
        dice,
        steps=steps,
        of=f"seed {seed}",
    )
    return asyncio.run(opened)


@settings(max_examples=40, derandomize=True)
@given(st.integers(0, 2**32))
def test_the_lamp_is_never_green_while_the_newest_finished_attempt_is_broken(seed: int) -> None:
    """Re-runs, cancels, deletions, retention, forks, crowds, failures, old lists: any order."""
    greens(seed, 25)


def test_it_is_green_sometimes() -> None:
    """Or the test above would prove nothing."""
    assert sum(greens(seed, 40) for seed in range(6)) > 10
