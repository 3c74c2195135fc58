"""Polls that changed nothing: 200 with identical bytes, and 304.

Measured is the way from an answer in memory (no socket) to the knowledge that nothing is new:
fetch, hash, absorb. Against parsing the same document.
"""

import asyncio
import gc
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from statistics import median

import httpx

from buildlight.feeds import FeedAnswer
from buildlight.feeds.cctray import CCTrayFeed, CCTrayOptions
from buildlight.feeds.http.client import HttpClient
from buildlight.feeds.sources import read
from buildlight.projects.ccxml import parse
from buildlight.projects.feed_state import FeedState, Reading, Rules, absorb, nothing_new
from documents import LARGE, a_feed
from table import Row, times

ROUNDS = 25
POLLS = 2_000
RULES = Rules(max_age=110.0)

Answer = Callable[[httpx.Request], httpx.Response]


def always(document: bytes) -> Answer:
    """Return a server that sends *document* whatever it is asked."""
    return lambda _request: httpx.Response(200, stream=httpx.ByteStream(document))


def only_news(document: bytes) -> Answer:
    """Return a server that sends *document* once."""

    def answer(request: httpx.Request) -> httpx.Response:
        told = {"ETag": '"1"'}
        if "If-None-Match" in request.headers:
            return httpx.Response(304, headers=told)
        return httpx.Response(200, headers=told, stream=httpx.ByteStream(document))

    return answer


class Polled:
    """One feed of a server that answers in memory, and how it stands."""

    def __init__(self, answer: Answer) -> None:
        self._client = HttpClient(transport=httpx.MockTransport(answer))
        self._options = CCTrayOptions(url="http://ci.example/cc.xml")
        self._feed = CCTrayFeed(self._options, self._client)
        self._standing = FeedState()
        self._at = 0.0

    async def poll(self) -> bool:
        """Poll once; returns whether that told nothing new."""
        self._at += 1.0
        outcome = await read(self._feed, self._options)
        assert not isinstance(outcome, FeedAnswer)
        before = self._standing
        reading = Reading(self._at, datetime.now(tz=UTC), outcome)
        self._standing, _ = absorb(before, reading, rules=RULES)
        await asyncio.sleep(0)
        return nothing_new(before, self._standing, RULES) and not self._standing.building


async def _seconds(polled: Polled) -> float:
    begun = time.process_time()
    assert await polled.poll()
    return time.process_time() - begun


async def _compared(document: bytes) -> tuple[float, float, float]:
    """Return the medians of parsing, of a poll with identical bytes, and of one with 304."""
    same, none = Polled(always(document)), Polled(only_news(document))
    for polled in (same, none):
        for _ in range(3):
            await polled.poll()
    measured = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        parse(document)
        parsing = time.process_time() - begun
        measured.append((parsing, await _seconds(same), await _seconds(none)))
    parsing, identical, unchanged = (median(column) for column in zip(*measured, strict=True))
    return parsing, identical, unchanged


async def _left_behind(document: bytes) -> float:
    """Return the bytes that stay of a poll with 304."""
    polled = Polled(only_news(document))
    tracemalloc.start()
    try:
        for _ in range(POLLS):
            await polled.poll()
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        for _ in range(POLLS):
            await polled.poll()
        gc.collect()
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return max(after - before, 0) / POLLS


def rows() -> Iterator[Row]:
    """Yield the rows of the table."""
    parsing, identical, unchanged = asyncio.run(_compared(a_feed(LARGE)))
    yield Row(
        f"200 with identical bytes (no socket), {LARGE:,} projects, against parsing them",
        times(identical / parsing),
        "≤ 0.1 times",
        met=identical <= parsing / 10,
        shown=f"{1e3 * identical:.1f} ms; parsing: {1e3 * parsing:.1f} ms",
    )
    yield Row(
        "304, the same",
        times(unchanged / parsing),
        "",
        met=True,
        shown=f"{1e3 * unchanged:.2f} ms",
    )
    left = asyncio.run(_left_behind(a_feed(50)))
    yield Row(f"bytes left behind by a 304, mean of {POLLS:,}", f"{left:.1f}", "< 8", met=left < 8)
