"""What is told to those who have the page open: what has changed, and that nothing has.

What goes out is made once for all of them, and not at all while nobody looks. Nobody has a queue:
who was too slow for a change gets everything that stands now.
"""

import asyncio
import json
import secrets
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from datetime import datetime

from buildlight.publish.html import Parts, ages, parts
from buildlight.report import Report

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

    def __init__(self, report: Report) -> None:
        self.count = 0
        self._loop = asyncio.get_running_loop()
        self._boot = secrets.token_hex(4)  # A version from before a restart says nothing.
        self._number = 0
        self._since: dict[str, tuple[float, datetime]] = {}
        self._changed = asyncio.Event()
        self._written: dict[str, tuple[object, bytes]] = {}
        self._difference: Mapping[str, str] = {}
        self._keep(report)
        self._shown = parts(self._report, now=self._told)
        self._seen = self._report

    @property
    def report(self) -> Report:
        """What was told last; since when a lamp has its signal never moves by a hair's breadth."""
        return self._report

    @property
    def elapsed(self) -> float:
        """Seconds since the report was made."""
        return self._loop.time() - self._told

    @property
    def shown(self) -> Parts:
        """The parts of the page as they stand now."""
        if self._seen is not self._report:
            self._look()
        return self._shown

    @property
    def version(self) -> str:
        """What :attr:`shown` is called."""
        return self._version(self._number)

    def tell(self, report: Report) -> None:
        """Tell every follower what *report* changes, if it changes anything."""
        self._keep(report)
        if self.count:
            self._look()

    def everything(self) -> bytes:
        """Return all parts as JSON, for whoever asks."""
        shown = self.shown
        return self._kept("everything", self._tick, lambda: self._news(shown.parts))

    async def follow(self, version: str) -> AsyncGenerator[bytes, None]:
        """Yield what somebody has to be told who has *version*, as server-sent events."""
        self.count += 1
        try:
            yield f"retry: {RETRY}\n\n".encode()
            while True:
                if self.shown and version == self.version:
                    changed = self._changed
                    yield self._alive()
                    if await _in_time(changed):
                        continue
                behind = version == self._version(self._number - 1)
                version = self.version
                yield self._difference_only() if behind else _event("news", self.everything())
        finally:
            self.count -= 1

    def _keep(self, report: Report) -> None:
        """Keep *report*, with each lamp's time as it was when its signal began."""
        self._told = self._loop.time()
        since = {
            lamp.name: self._since[lamp.name]
            if self._since.get(lamp.name, (None,))[0] == lamp.began
            else (lamp.began, lamp.since)
            for lamp in report.lamps
        }
        self._since = since
        lamps = tuple(replace(lamp, since=since[lamp.name][1]) for lamp in report.lamps)
        self._report = replace(report, lamps=lamps)

    def _look(self) -> None:
        self._seen = self._report
        before, self._shown = self._shown, parts(self._report, now=self._told)
        if before == self._shown:
            return
        self._difference = {
            part: html for part, html in self._shown.parts.items() if before.parts.get(part) != html
        }
        self._number += 1
        self._changed.set()
        self._changed = asyncio.Event()

    def _version(self, number: int) -> str:
        return f"{self._boot}-{number}"

    @property
    def _tick(self) -> object:
        return self._number, int(self._loop.time())

    def _alive(self) -> bytes:
        return self._kept(
            "alive", self._tick, lambda: _event("alive", _json({"ages": self._ages()}))
        )

    def _difference_only(self) -> bytes:
        return self._kept("news", self._tick, lambda: _event("news", self._news(self._difference)))

    def _news(self, changed: Mapping[str, str]) -> bytes:
        return _json(
            {
                "version": self.version,
                "title": self._shown.title,
                "icon": self._shown.icon,
                "said": self._shown.said,
                "ages": self._ages(),
                "parts": dict(changed),
            }
        )

    def _ages(self) -> list[float | None]:
        return ages(self._report, elapsed=self.elapsed)

    def _kept(self, what: str, key: object, make: Callable[[], bytes]) -> bytes:
        """Return what *make* makes, or made before for the same *key*: 200 want the same bytes."""
        if self._written.get(what, (None, b""))[0] != key:
            self._written[what] = (key, make())
        return self._written[what][1]


async def _in_time(changed: asyncio.Event) -> bool:
    """Wait for a change; return whether none came for so long that a sign of life is due."""
    try:
        async with asyncio.timeout(ALIVE):
            await changed.wait()
    except TimeoutError:
        return True
    return False


def _json(told: Mapping[str, object]) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _event(kind: str, message: bytes) -> bytes:
    # JSON is one line: it writes every line break within a text as \n.
    return b"event: " + kind.encode() + b"\ndata: " + message + b"\n\n"
