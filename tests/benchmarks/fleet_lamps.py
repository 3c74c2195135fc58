"""Many lamps of a fleet in one process: `fleet_lamps.py KIND PORT COUNT`.

KIND ``listeners``: as much MQTT as it takes to hear of a feed. They say "ready", and on a line of
standard input, for each revision, when each of them had it. KIND ``followers``: real feeds of kind
``mqtt``. They say "ready" when all are confirmed; then the broker is restarted, and they say when
each connected again, and when each was confirmed again. Times are of the monotonic clock, which
all processes share.
"""

import asyncio
import json
import re
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from buildlight.errors import FeedError
from buildlight.feeds.mqtt import listener as listening
from buildlight.feeds.mqtt.feed import MqttFeed, MqttFeedOptions
from buildlight.feeds.sharing import Network
from buildlight.network.broker import connected as connect

TOPIC = "buildlight/office/feed/web"
REVISION = re.compile(rb'"rev":(\d+)}$')
PUBLISH, PUBACK, SUBACK = 3, b"\x40\x02", 9


class Listener(asyncio.Protocol):
    """One lamp: connects, subscribes, acknowledges, and notes when it had which revision."""

    def __init__(self, number: int, heard: dict[int, list[float]], ready: asyncio.Event) -> None:
        self._name, self._heard, self._ready = f"lamp{number}".encode(), heard, ready
        self._kept = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who it is, and what it wants."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        head = b"\x00\x04MQTT\x04\x02\x00\x3c"
        transport.write(_packet(0x10, head + _text(self._name)))
        transport.write(_packet(0x82, b"\x00\x01" + _text(TOPIC.encode()) + b"\x01"))

    def data_received(self, data: bytes) -> None:
        """Take every packet that is whole."""
        self._kept += data
        while (found := _whole(self._kept)) is not None:
            kind, flags, body, self._kept = found
            if kind == SUBACK:
                self._ready.set()
            elif kind == PUBLISH:
                start = 2 + int.from_bytes(body[:2])
                if flags & 2:
                    self._transport.write(PUBACK + body[start : start + 2])
                if (revision := REVISION.search(body)) is not None:
                    self._heard[int(revision[1])].append(time.monotonic())


def _text(text: bytes) -> bytes:
    return len(text).to_bytes(2) + text


def _packet(kind: int, body: bytes) -> bytes:
    return bytes([kind, len(body)]) + body


def _whole(data: bytes) -> tuple[int, int, bytes, bytes] | None:
    size = shift = 0
    for place, byte in enumerate(data[1:5], start=2):
        size |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            end = place + size
            if len(data) < end:
                return None
            return data[0] >> 4, data[0] & 15, data[place:end], data[end:]
    return None


async def listeners(port: int, count: int) -> None:
    """Listen with *count* lamps."""
    heard: dict[int, list[float]] = defaultdict(list)
    loop = asyncio.get_running_loop()
    for number in range(count):
        ready = asyncio.Event()
        name = number + port * 1000 + time.monotonic_ns() % 10**6 * 10**9
        await loop.create_connection(
            lambda name=name, ready=ready: Listener(name, heard, ready),  # type: ignore[misc]
            "127.0.0.1",
            port,
        )
        await ready.wait()
    _say("ready")
    await loop.run_in_executor(None, sys.stdin.readline)
    _say(json.dumps(heard))


async def followers(port: int, count: int) -> None:
    """Follow with *count* feeds until all were confirmed, lost the broker, and were confirmed."""
    connected: list[float] = []

    @asynccontextmanager
    async def noted(broker: Any) -> AsyncIterator[Any]:
        async with connect(broker) as client:
            connected.append(time.monotonic())
            yield client

    listening.connected = noted  # type: ignore[attr-defined, assignment]
    options = MqttFeedOptions(address=f"mqtt://127.0.0.1:{port}", topic=TOPIC)
    confirmed, green = asyncio.Semaphore(0), list[float]()

    async def follow() -> None:
        feed, before, lost = MqttFeed.open(options, network=Network()), False, False
        async with aclosing(feed.readings()) as readings:
            async for given in readings:
                if isinstance(given, FeedError):
                    lost = before
                elif not before:
                    before = True
                    confirmed.release()
                elif lost:
                    green.append(time.monotonic())
                    return

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(_after(number * 0.005, follow()))
        for _ in range(count):
            await confirmed.acquire()
        _say("ready")
    _say(json.dumps({"connected": connected[count:], "green": green}))


async def _after(seconds: float, work: Any) -> None:
    await asyncio.sleep(seconds)
    await work


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    kind, *numbers = sys.argv[1:]
    asyncio.run({"listeners": listeners, "followers": followers}[kind](*map(int, numbers)))
