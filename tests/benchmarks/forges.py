"""GitHub: requests and reaction with one token for many repositories, and what a poll costs.

The daemon, its schedule and its feeds are real, the time is virtual, and the GitHub is that of the
tests: each repository builds for two minutes of every twenty, at moments of its own.
"""

import asyncio
import gc
import os
import random
import time
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from statistics import mean
from sys import path

path.insert(0, str(Path(__file__).parents[1]))

import httpx

from buildlight.config.settings import check_settings
from buildlight.feeds.github.feed import GitHubFeed
from buildlight.feeds.github.options import GitHubOptions
from buildlight.feeds.sharing import Network
from support.fake_github import FakeGitHub, Quota
from support.world import Server, World
from table import Row

COUNTS = (1, 10, 40, 100)
LIMIT, RESERVE = 5_000, 500
WARM, MEASURED = 300.0, 1_800.0
BUILD, ROUND = 120.0, 1_200.0
POLLS = 300


class Forges(World):
    """A daemon that follows *count* repositories with one token."""

    def __init__(self, count: int) -> None:
        os.environ["BUILDLIGHT_SECRET_GITHUB"] = "ghp_0123456789abcdef0123456789abcdef"
        super().__init__(ci=Server())
        self.quota = Quota(LIMIT, LIMIT)
        self.hubs = {f"r{n}": self._hub(f"acme/r{n}") for n in range(count)}
        auth = {"kind": "bearer", "secret": "github"}
        feeds = [{"url": f"https://github.com/acme/{name}", "auth": auth} for name in self.hubs]
        self.document = {**self.document, "feeds": feeds}
        self.settings = check_settings(self.document)
        self.polls: list[tuple[float, str]] = []
        self.waits: list[float] = []
        self._ended: dict[str, float] = {}

    def _hub(self, full_name: str) -> FakeGitHub:
        hub = FakeGitHub(full_name=full_name, quota=self.quota)
        hub.end(hub.push())
        return hub

    async def _route(self, request: httpx.Request) -> httpx.Response:
        name, now = request.url.path.split("/")[3], asyncio.get_running_loop().time()
        hub = self.hubs[name]
        hub.clock = self.clock()
        if request.url.path.endswith("/actions/runs"):
            self.polls.append((now, name))
            if name in self._ended:
                self.waits.append(now - self._ended.pop(name))
        return await hub.handle_async_request(request)

    async def build(self, name: str, dice: random.Random) -> None:
        """Build again and again."""
        hub = self.hubs[name]
        await asyncio.sleep(dice.uniform(0, ROUND - BUILD))
        while True:
            hub.clock = self.clock()
            run = hub.push()
            hub.start(run)
            await asyncio.sleep(BUILD)
            hub.clock = self.clock()
            hub.end(run, dice.choice(("success", "failure")))
            self._ended[name] = asyncio.get_running_loop().time()
            await asyncio.sleep(ROUND - BUILD)


def rows() -> Iterator[Row]:
    """Yield the rows of the table."""
    for count in COUNTS:
        yield from _paced(count)
    yield _unchanged()
    yield _memory()


def _paced(count: int) -> Iterator[Row]:
    world = Forges(count)
    told: dict[str, float] = {}

    async def story(_: World) -> None:
        dice = random.Random(count)
        builds = [asyncio.create_task(world.build(name, dice)) for name in world.hubs]
        await asyncio.sleep(WARM)
        before, asked = world.quota.remaining, len(world.polls)
        world.waits.clear()
        await asyncio.sleep(MEASURED)
        told["counted"] = (before - world.quota.remaining) * 3600 / MEASURED
        told["asked"] = (len(world.polls) - asked) * 3600 / MEASURED
        for each in builds:
            each.cancel()

    world.run(story)
    within = told["counted"] <= LIMIT - RESERVE
    yield Row(
        f"one token, repositories: {count}; requests an hour that count",
        f"{told['counted']:.0f}",
        f"≤ {LIMIT - RESERVE:,}",
        met=within,
        shown=f"{told['asked']:.0f} polls an hour, most answered 304",
    )
    waits = sorted(world.waits)
    yield Row(
        "… end of a build to the poll that tells it, longest",
        f"{waits[-1]:.1f} s",
        "≤ 12 s",
        met=waits[-1] <= 12,
        shown=f"mean {mean(waits):.1f} s of {len(waits)}",
    )


def _a_feed(workflows: int) -> tuple[FakeGitHub, GitHubFeed]:
    hub = FakeGitHub(workflows={n: f"w{n}.yml" for n in range(5, 5 + workflows)})
    for number in hub.workflows:
        for _ in range(3):
            hub.end(hub.push(workflow=number))
    options = GitHubOptions(url="https://github.com/acme/shop")
    return hub, GitHubFeed.open(options, network=Network(transport=hub))


class Unchanged(httpx.AsyncBaseTransport):
    """Answers as *forge* until *frozen*, then 304."""

    def __init__(self, forge: FakeGitHub) -> None:
        self.forge, self.frozen = forge, False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        etag = request.headers.get("If-None-Match")
        if not self.frozen or etag is None:
            return await self.forge.handle_async_request(request)
        headers = {"ETag": etag, "Date": format_datetime(self.forge.clock, usegmt=True)}
        return httpx.Response(304, headers=headers)


def _unchanged() -> Row:
    hub, _ = _a_feed(10)
    server = Unchanged(hub)
    options = GitHubOptions(url="https://github.com/acme/shop")
    feed = GitHubFeed.open(options, network=Network(transport=server))

    async def poll() -> float:
        await feed.read()
        server.frozen = True
        began = time.process_time()
        for _ in range(POLLS):
            hub.clock += timedelta(seconds=1)
            await feed.read()
        return (time.process_time() - began) / POLLS

    seconds = asyncio.run(poll())
    return Row(
        "a poll answered 304, 10 workflows (no socket): CPU",
        f"{seconds * 1000:.2f} ms",
        "≤ 2 ms",
        met=seconds <= 0.002,
    )


def _memory() -> Row:
    kept = []

    async def read() -> None:
        tracemalloc.start()
        for _ in range(4):
            hub, feed = _a_feed(10)
            gc.collect()
            before = tracemalloc.get_traced_memory()[0]
            await feed.read()
            hub.answers.clear()
            gc.collect()
            kept.append(tracemalloc.get_traced_memory()[0] - before)
        tracemalloc.stop()

    asyncio.run(read())
    size = sorted(kept)[len(kept) // 2] / 1000
    return Row(
        "a GitHub feed with 10 workflows, after a poll: memory",
        f"{size:.0f} kB",
        "< 300 kB",
        met=size < 300,
    )
