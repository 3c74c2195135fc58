"""The page as server-sent events: its parts when they change, otherwise ages of the news.

An event is made once for all browsers, and only if a browser is connected. There is no queue: a
browser that was too slow for a change gets the next state.
"""

import asyncio
import json
import math
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress

from buildlight.publish.web.html import Parts, parts
from buildlight.report.poll_stats import PollStats
from buildlight.report.report import Report

MOST = 224
"""Most browsers that may follow; the other connections are for single requests."""
ALIVE = 2.0
"""Seconds between two events with the age of each feed's news."""
RETRY = 3000
"""Milliseconds after which a browser reconnects."""


class EventStream:
    """The current page, for up to *count* browsers that follow it. Made in a running loop."""

    def __init__(self, report: Report, polls: PollStats) -> None:
        self.count = 0
        self.polls = polls
        self._loop = asyncio.get_running_loop()
        # Random, so that a version from before a restart never matches.
        self._boot = secrets.token_hex(4)
        self._number = 0
        self._changed = asyncio.Event()
        self._written: dict[str, tuple[object, bytes]] = {}
        self._shown: Parts | None = None
        self._seen: Report | None = None
        self.show(report)

    @property
    def elapsed(self) -> float:
        """Seconds since the report was made."""
        return self._loop.time() - self._at

    @property
    def made(self) -> float:
        """When the report was made, in seconds as in :class:`feed_state.Reading`."""
        return self._at

    @property
    def now(self) -> float:
        """The Unix time by the clock of the report, so that a browser's clock may be wrong."""
        return round(self.report.at.timestamp() + self.elapsed, 1)

    @property
    def version(self) -> str:
        """The version of the page."""
        return f"{self._boot}-{self._number}"

    def show(self, report: Report) -> None:
        """Show *report* from now on; the parts are made when a browser needs them."""
        self._at = self._loop.time()
        self.report = report
        self._changed.set()
        self._changed = asyncio.Event()

    def look(self) -> Parts:
        """Return the current parts of the page; the version changes with them."""
        if self._shown is None or self._seen is not self.report:
            shown = parts(self.report, now=self._at)
            if shown != self._shown:
                self._number += 1
            self._shown, self._seen = shown, self.report
        return self._shown

    def everything(self) -> bytes:
        """Return the state of the page as JSON."""
        shown = self.look()
        return self._kept(
            "everything",
            lambda: news(self.state(), shown.title, shown.icon, shown.said, shown.parts),
        )

    def state(self) -> Mapping[str, object]:
        """Return the current version, the ages of the news, and the time."""
        self.look()
        return {"version": self.version, "ages": self.ages(), "now": self.now}

    async def follow(self, version: str) -> AsyncGenerator[bytes, None]:
        """Yield server-sent events for a browser that shows *version*."""
        self.count += 1
        try:
            yield f"retry: {RETRY}\n\n".encode()
            self.look()
            if version == self.version:
                yield self._alive()
            while True:
                await self._wait_for_another(version)
                if version == self.version:
                    yield self._alive()
                else:
                    version = self.version
                    yield _event("news", self.everything())
        finally:
            self.count -= 1

    async def _wait_for_another(self, version: str) -> None:
        """Wait until the page differs from *version*, or until the ages are due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ALIVE):
                while self.look() and version == self.version:
                    await self._changed.wait()

    def _alive(self) -> bytes:
        return self._kept(
            "alive", lambda: _event("alive", _json({"ages": self.ages(), "now": self.now}))
        )

    def ages(self) -> list[float | None]:
        """Return the current age of each feed's news, in seconds.

        It differs from the report: a poll without news makes no new report.
        """
        now = self._loop.time()
        return [
            None
            if each.age is None
            else round(now - max(self._at - each.age, self._answered(each.name)), 1)
            for each in self.report.feeds
        ]

    def _answered(self, feed: str) -> float:
        answered = self.polls.of(feed).answered
        return -math.inf if answered is None else answered

    def _kept(self, what: str, make: Callable[[], bytes]) -> bytes:
        """Return the result of *make*, cached for a second: 200 browsers get the same bytes."""
        key = self._number, int(self._loop.time())
        if self._written.get(what, (None, b""))[0] != key:
            self._written[what] = (key, make())
        return self._written[what][1]


def news(
    state: Mapping[str, object], title: str, icon: str, said: str, parts: Mapping[str, str]
) -> bytes:
    """Return *parts* as JSON, with the *state* of the stream for which they were made."""
    return _json({**state, "title": title, "icon": icon, "said": said, "parts": dict(parts)})


def _json(state: Mapping[str, object]) -> bytes:
    return json.dumps(state, ensure_ascii=False, separators=(",", ":")).encode()


def _event(kind: str, message: bytes) -> bytes:
    # JSON is one line: a line break within a text becomes \n.
    return b"event: " + kind.encode() + b"\ndata: " + message + b"\n\n"
