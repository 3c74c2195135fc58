"""One connection for all feeds of a broker, made and ended with those who listen."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from buildlight.errors import FeedError
from buildlight.feeds.mqtt import listener as listening
from buildlight.feeds.mqtt.feed import MqttFeed, MqttFeedOptions
from buildlight.feeds.mqtt.listener import BrokerListener, Heard
from buildlight.feeds.sharing import Network
from buildlight.network.broker import Broker, BrokerError, connected
from support.mosquitto import Mosquitto, mosquitto
from support.mqtt import a_poller, quicken, settings
from support.reports import a_feed, a_report, broken, known

REPORT = a_report(a_feed(known(), name="web"), a_feed(broken(), name="app"))


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mosquitto]:
    """Run a broker; everything timed is quick."""
    quicken(monkeypatch)
    with mosquitto(tmp_path) as running:
        yield running


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[Broker]:
    """Return every connection that a listener makes."""
    made: list[Broker] = []

    @asynccontextmanager
    async def counted(broker: Broker, **more: Any) -> AsyncIterator[Any]:
        made.append(broker)
        async with connected(broker, **more) as client:
            yield client

    monkeypatch.setattr(listening, "connected", counted)
    return made


async def status(feed: MqttFeed, wanted: str) -> None:
    """Read *feed* until its project has the status *wanted*."""
    async with asyncio.timeout(10), aclosing(feed.readings()) as readings:
        async for given in readings:
            if not isinstance(given, FeedError):
                assert isinstance(given, tuple)
                assert given[0].last_build_status == wanted
                return


def test_feeds_of_one_broker_share_a_connection(
    broker: Mosquitto, connections: list[Broker]
) -> None:
    """Each gets its own news, and the connection ends with the last of them."""

    async def story() -> None:
        network = Network()
        feeds = [
            MqttFeed.open(
                MqttFeedOptions(address=broker.address, topic=f"buildlight/office/feed/{name}"),
                network=network,
            )
            for name in ("web", "app")
        ]
        async with a_poller(settings(broker.address), REPORT):
            await asyncio.gather(status(feeds[0], "Success"), status(feeds[1], "Failure"))

    asyncio.run(story())
    assert len(connections) == 1


def at_listener(
    broker: Mosquitto, story: Callable[[BrokerListener], Awaitable[None]]
) -> BrokerListener:
    """Play *story* with a listener."""
    listener = BrokerListener(Broker("127.0.0.1", broker.port))

    async def play() -> None:
        async with asyncio.timeout(10):
            await story(listener)

    asyncio.run(play())
    return listener


async def until(heard: Heard, topic: str) -> None:
    """Wait for a message at *topic*."""
    while True:
        said = await heard.get()
        if said is not None and not isinstance(said, BrokerError) and str(said.topic) == topic:
            return


def test_who_joins_later_hears_what_is_kept(broker: Mosquitto, connections: list[Broker]) -> None:
    """And is told that the connection is there."""
    web, app = ({f"buildlight/office/feed/{name}": 1} for name in ("web", "app"))

    async def story(listener: BrokerListener) -> None:
        async with a_poller(settings(broker.address), REPORT), listener.joined(web) as first:
            await until(first, *web)
            async with listener.joined(app) as second:
                assert await second.get() is None
                await until(second, *app)
            listener.ask(web)
            await until(first, *web)

    at_listener(broker, story)
    assert len(connections) == 1


def test_a_fault_of_the_library_is_told_and_tried_again(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a connection that is never made."""
    faults = [ValueError("odd")]

    @asynccontextmanager
    async def faulty(broker: Broker) -> AsyncIterator[Any]:
        if faults:
            raise faults.pop()
        async with connected(broker) as client:
            yield client

    monkeypatch.setattr(listening, "connected", faulty)

    async def story(listener: BrokerListener) -> None:
        async with listener.joined({"topic": 1}) as heard:
            assert "the connection failed (ValueError)" in str(await heard.get())
            assert await heard.get() is None

    at_listener(broker, story)


def test_who_does_not_read_loses_messages_and_no_memory(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong is heard all the same."""
    monkeypatch.setattr(listening, "MOST_WAITING", 3)

    async def story(listener: BrokerListener) -> None:
        async with listener.joined({"buildlight/office/beat": 0}) as heard:
            async with a_poller(settings(broker.address), REPORT):
                seen: set[int] = set()
                while len(seen) < 3:  # It fills, and is emptied when it is full.
                    seen.add(heard.qsize())
                    await asyncio.sleep(0.01)
            broker.kill()
            while not isinstance(await heard.get(), BrokerError):
                pass

    at_listener(broker, story)
