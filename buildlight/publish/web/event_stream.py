"""What is told to those who have the page open: what has changed, and that nothing has.

What goes out is made once for all of them, and not at all while nobody looks. Nobody has a queue:
who was too slow for a change gets everything that stands now.
"""

import asyncio
import json
import math
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

from buildlight.publish.web.html import Parts, parts
from buildlight.report.poll_stats import PollStats
from buildlight.report.report import Report

MOST = 224
"""Followers at a time, so that connections are left for everybody else; others have to ask."""
ALIVE = 10.0
"""Seconds after which a follower hears that nothing has changed, and how old the news is."""
RETRY = 3000
"""Milliseconds after which a browser that lost its connection makes another."""


class Followers:
    """The page as it was told last, and who waits for the next.

    Made and used in a running loop.
    """

    def __init__(self, report: Report, polls: PollStats) -> None:
        self.count = 0
        self._polls = polls
        self._loop = asyncio.get_running_loop()
        self._boot = secrets.token_hex(4)  # A version from before a restart says nothing.
        self._number = 0
        self._since: dict[str, tuple[float, datetime]] = {}
        self._news = asyncio.Event()
        self._written: dict[str, tuple[object, bytes]] = {}
        self._difference: Mapping[str, str] = {}
        self._shown: Parts | None = None
        self._seen: Report | None = None
        self.tell(report)

    @property
    def report(self) -> Report:
        """What was told last; since when a lamp has its signal never moves by a hair's breadth."""
        return self._report

    @property
    def elapsed(self) -> float:
        """Seconds since the report was made."""
        return self._loop.time() - self._told

    @property
    def version(self) -> str:
        """What that which stands now is called."""
        return self._version(self._number)

    def tell(self, report: Report) -> None:
        """Have everybody see *report*.

        Not made into a page here: whatever went wrong with that, the daemon would end of it.
        """
        self._told = self._loop.time()
        self._since = {
            lamp.name: self._since[lamp.name]
            if self._since.get(lamp.name, (None,))[0] == lamp.began
            else (lamp.began, lamp.since)
            for lamp in report.lamps
        }
        lamps = (replace(lamp, since=self._since[lamp.name][1]) for lamp in report.lamps)
        self._report = replace(report, lamps=tuple(lamps))
        self._news.set()
        self._news = asyncio.Event()

    def look(self) -> Parts:
        """Return the parts of the page as they stand now, a new version if they have changed."""
        if self._shown is not None and self._seen is self._report:
            return self._shown
        shown = parts(self._report, now=self._told)
        before = self._shown.parts if self._shown is not None else {}
        if shown != self._shown:
            self._number += 1
            self._difference = {
                part: html for part, html in shown.parts.items() if before.get(part) != html
            }
        self._shown, self._seen = shown, self._report
        return shown

    def everything(self) -> bytes:
        """Return all parts as JSON, for whoever asks."""
        shown = self.look()
        return self._kept("everything", lambda: self._told_as_json(shown, shown.parts))

    async def follow(self, version: str) -> AsyncGenerator[bytes, None]:
        """Yield what somebody has to be told who has *version*, as server-sent events."""
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
                    behind = version == self._version(self._number - 1)
                    version = self.version
                    yield self._difference_only() if behind else _event("news", self.everything())
        finally:
            self.count -= 1

    async def _wait_for_another(self, version: str) -> None:
        """Wait until another than *version* stands, or until a sign of life is due."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ALIVE):
                while self.look() and version == self.version:
                    await self._news.wait()

    def _version(self, number: int) -> str:
        return f"{self._boot}-{number}"

    def _alive(self) -> bytes:
        return self._kept("alive", lambda: _event("alive", _json({"ages": self.ages()})))

    def _difference_only(self) -> bytes:
        shown = self.look()
        return self._kept(
            "news", lambda: _event("news", self._told_as_json(shown, self._difference))
        )

    def _told_as_json(self, shown: Parts, changed: Mapping[str, str]) -> bytes:
        return _json(
            {
                "version": self.version,
                "title": shown.title,
                "icon": shown.icon,
                "said": shown.said,
                "ages": self.ages(),
                "parts": dict(changed),
            }
        )

    def ages(self) -> list[float | None]:
        """Return how old the news of each feed is by now, in seconds.

        No report is made of a poll that told nothing new, and yet its feed has answered.
        """
        now = self._loop.time()
        return [
            None
            if each.age is None
            else round(now - max(self._told - each.age, self._answered(each.name)), 1)
            for each in self._report.feeds
        ]

    def _answered(self, feed: str) -> float:
        answered = self._polls.of(feed).answered
        return -math.inf if answered is None else answered

    def _kept(self, what: str, make: Callable[[], bytes]) -> bytes:
        """Return what *make* makes, or made within this second: 200 want the same bytes."""
        key = self._number, int(self._loop.time())
        if self._written.get(what, (None, b""))[0] != key:
            self._written[what] = (key, make())
        return self._written[what][1]


def _json(told: Mapping[str, object]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _event(kind: str, message: bytes) -> bytes:
    # JSON is one line: it writes every line break within a text as \n.
    return b"event: " + kind.encode() + b"\ndata: " + message + b"\n\n"
