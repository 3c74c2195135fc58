"""A poller and a follower of one process, with a broker between them."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest

from buildlight.errors import FeedError
from buildlight.feeds.feed import Given
from buildlight.feeds.mqtt import feed as following
from buildlight.feeds.mqtt.feed import MqttFeed, MqttFeedOptions
from buildlight.feeds.sharing import Network
from buildlight.network import broker as connecting
from buildlight.publish.mqtt import connection as publishing
from buildlight.publish.mqtt.publisher import MqttPublisher
from buildlight.publish.mqtt.settings import MqttSettings
from buildlight.report.report import Report
from support.reports import a_feed, a_report, an_update, broken, known

GREEN_REPORT, RED_REPORT = a_report(a_feed(known())), a_report(a_feed(broken()))
TOPIC = "buildlight/office/feed/web"


def quicken(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time everything in tenths of a second."""
    monkeypatch.setattr(publishing, "BEAT", 0.1)
    monkeypatch.setattr(following, "LEASE", 0.6)
    monkeypatch.setattr(following, "ORIGIN", "")  # One process plays both.
    monkeypatch.setattr(connecting, "RETRIES", (0.1,))
    monkeypatch.setattr(connecting, "LONGEST_RETRY", 0.1)


def settings(address: str, **keys: Any) -> MqttSettings:
    """Return the settings of a poller called office."""
    return MqttSettings(MqttFeedOptions(address=address, topic=TOPIC, **keys).broker, "office")


@asynccontextmanager
async def a_poller(
    where: MqttSettings, report: Report, poller: MqttPublisher | None = None
) -> AsyncIterator[MqttPublisher]:
    """Publish *report* until the end."""
    poller = poller or MqttPublisher()
    poller.open(where)
    poller.publish(an_update(report))
    running = asyncio.create_task(poller.run())
    try:
        yield poller
    finally:
        await connecting.end(running)


class Follower:
    """What a follower has believed, the newest last."""

    def __init__(self, given: AsyncIterator[Given | FeedError]) -> None:
        self._given = given
        self.believed: list[str] = []

    async def until(self, word: str) -> None:
        """Read until the follower says *word*: a status, or a part of a sentence."""
        async with asyncio.timeout(10):
            while not self.believed or word not in self.believed[-1]:
                told = await anext(self._given)
                if isinstance(told, FeedError):
                    self.believed.append(str(told))
                else:
                    assert isinstance(told, tuple)
                    self.believed.append(told[0].last_build_status)


def follow(address: str, story: Callable[[Follower], Awaitable[None]], **keys: Any) -> list[str]:
    """Follow the feed through *story*; return everything that was believed."""

    async def read() -> list[str]:
        options = MqttFeedOptions(address=address, topic=TOPIC, **keys)
        feed = MqttFeed.open(options, network=Network())
        async with aclosing(feed.readings()) as readings:
            follower = Follower(readings)
            await story(follower)
        return follower.believed

    return asyncio.run(read())
