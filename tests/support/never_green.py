"""Follows a feed of a forge in which anything happens: no green while the newest result is red.

Things also happen in the middle of a poll, answers fail, and lists lag behind.
"""

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

import httpx
import pytest

from buildlight.errors import FeedError, FeedRefused, FeedUnreachable
from buildlight.feeds.feed import FeedAnswer, PolledFeed
from buildlight.feeds.sharing import Network
from buildlight.projects.feed_state import FeedState, Reading, Rules, absorb
from buildlight.projects.project import STATUS_WORDS, Project
from buildlight.projects.verdict import Verdict

RULES = Rules(max_age=110.0, words=STATUS_WORDS, forget_missing=1e9)


class Forge(Protocol):
    """A fake forge."""

    clock: datetime

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""


class World(Protocol):
    """A forge with people in it."""

    @property
    def forge(self) -> Forge:
        """The forge."""

    def act(self) -> None:
        """Let one thing happen."""

    @property
    def lags(self) -> bool:
        """Whether lists are old."""

    def truths(self) -> Mapping[str, str | None]:
        """Return how each project stands, by its name: ``broken``, ``passing``, or unknown."""


class Disturbed(httpx.AsyncBaseTransport):
    """The forge of *world*, in which things happen between two requests, and which may fail."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.world, self.dice = world, dice
        self.seen: list[Mapping[str, str | None]] = [world.truths()]
        """What was true, one after the other, since the last good answer."""
        self.begun = 0
        self.lagged = False

    def begin(self) -> None:
        """Begin a poll."""
        self.begun = len(self.seen) - 1
        self.lagged = self.world.lags

    def act(self) -> None:
        """Let one thing happen."""
        self.world.act()
        self.seen.append(self.world.truths())
        self.lagged |= self.world.lags

    def is_broken(self, name: str) -> bool:
        """Return whether *name* was broken all the time that the answers can be about."""
        return all(
            each.get(name) == "broken" for each in self.seen[0 if self.lagged else self.begun :]
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, most of the time."""
        if self.dice.random() < 0.05:
            self.act()
        if self.dice.random() < 0.03:
            raise httpx.ConnectError("refused")
        return await self.world.forge.handle_async_request(request)


async def follow(
    open_feed: Callable[[Network], PolledFeed],
    world: World,
    dice: random.Random,
    *,
    steps: int,
    of: str,
) -> int:
    """Follow *world*; returns how many polls said that something passes. *of* names the seed."""
    forge = Disturbed(world, dice)
    feed = open_feed(Network(transport=forge))
    state, passed = FeedState(), 0
    for number in range(steps):
        for _ in range(dice.choice((0, 1, 1, 3))):
            forge.act()
        if not world.lags and dice.random() < 0.05:
            feed = open_feed(Network(transport=forge))  # A restart: what is known is in *state*.
        before, outcome = _names(state, Verdict.BROKEN), await _read(feed, forge)
        reading = Reading(30.0 * number, world.forge.clock, outcome)
        state, _ = absorb(state, reading, rules=RULES)
        if isinstance(outcome, FeedError):
            continue
        # What an answer leaves open is green for 110 seconds more at most.
        undecided = {each.name for each in outcome if each.last_build_status == "Unknown"}
        green = _names(state, Verdict.PASSING) - undecided
        # Nobody can know what an old list lacks; but it mends nothing that is known to be red.
        for name in green & before if forge.lagged else green:
            if forge.is_broken(name):
                pytest.fail(f"{of}, step {number}: {name} is green while it is broken")
        passed += len(green)
        del forge.seen[:-1]
    return passed


async def _read(feed: PolledFeed, forge: Disturbed) -> tuple[Project, ...] | FeedError:
    forge.begin()
    try:
        given = await feed.read()
    except FeedError as error:
        if not isinstance(error, FeedUnreachable | FeedRefused):
            pytest.fail(str(error))
        return error
    return given.projects if isinstance(given, FeedAnswer) else given


def _names(state: FeedState, verdict: Verdict) -> frozenset[str]:
    return frozenset(key[0] for key, known in state.projects.items() if known.verdict is verdict)
