"""One configuration at work: its feeds are followed, and every report goes to lamps, log and file.

A shift takes over how feeds stand from the one before it, and hands it to the next.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypedDict

from buildlight.daemon.monitor import Monitor
from buildlight.daemon.settings import Settings
from buildlight.daemon.state_file import StateFile, feed_key
from buildlight.feeds.settings import FeedSettings
from buildlight.feeds.sources import Source
from buildlight.hours import is_open, next_switch
from buildlight.lamps.group import LampGroup
from buildlight.projects.feed_state import FeedState, News
from buildlight.publish.change_log import ChangeLog
from buildlight.report.report import Report, make_report

LEAVING = 0.3
"""Seconds to wait at the end for what is cancelled, connections among it."""
DARKENING = 1.2
"""Seconds to wait at stop for lights to go dark."""
WRITING = 0.3
"""Seconds to wait at stop for verdicts to be written, while lights go dark."""
LOOKING = 1.0
"""Seconds after a light is told something until a look whether it came back."""
LOOKING_AGAIN = 60.0
"""The same for a light that merely goes on to blink: it can show nothing that is not true.

Every report looks as well, and for the status file there is one every 30 seconds.
"""
OFTEN = 5.0
"""Seconds between two calls of a light that blinks, at most; others are looked at after each."""

NO_NEWS = News()

OpenSources = Callable[[Iterable[FeedSettings]], AbstractAsyncContextManager[Sequence[Source]]]


class Times(TypedDict):
    """The two clocks of :class:`feed_state.Reading`, at one moment."""

    now: float
    clock: datetime


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What all shifts of a daemon share.

    *state* keeps verdicts across restarts, if there is one. *on_report* is called with every new
    report, *on_poll* with how a feed stands after a poll and how many seconds it took, *on_ready*
    once every light and every feed of the shift was tried.
    """

    lamps: LampGroup
    journal: ChangeLog
    state: StateFile | None
    open_sources: OpenSources
    clock: Callable[[], datetime]
    on_report: Callable[[Report], None]
    on_poll: Callable[[str, FeedState, float], None]
    on_ready: Callable[[], None]

    def times(self) -> Times:
        """Return what the clocks show now."""
        return {"now": asyncio.get_running_loop().time(), "clock": self.clock()}


class Session:
    """*settings* at work, until *stop* is set or *relief* comes.

    *kept* is how feeds stand that are known already, by name; *before* is the last report.
    """

    def __init__(
        self,
        settings: Settings,
        around: Surroundings,
        *,
        stop: asyncio.Event,
        relief: asyncio.Event,
        kept: Mapping[str, FeedState],
        before: Report | None,
    ) -> None:
        self._settings = settings
        self._around = around
        self._stop = stop
        self._relief = relief
        self._kept = kept
        self._keys = {feed.name: feed_key(feed.name, feed.options) for feed in settings.feeds}
        self._monitor: Monitor | None = None
        self._report = before
        self._ready = False
        self._over = False
        self._wanted = asyncio.Event()
        self._switch: asyncio.TimerHandle | None = None
        self._news: list[tuple[FeedSettings, News]] = []
        self._hours = [lamp.hours for lamp in settings.lamps if lamp.hours is not None]
        self._open: list[bool] = []

    @property
    def report(self) -> Report | None:
        """What was told last."""
        return self._report

    def late_feeds(self) -> tuple[str, ...]:
        """Return the names of feeds whose poller hangs."""
        return self._monitor.overdue() if self._monitor and not self._over else ()

    async def run(self) -> None:
        """Follow the feeds; lamps are asked to go dark at the end, unless it is a relief."""
        async with self._around.open_sources(self._settings.feeds) as sources:
            self._monitor = Monitor(
                sources,
                clock=self._around.clock,
                on_change=self.tell_soon,
                on_poll=self._hear,
                kept=self._kept,
            )
            self._tell()
            try:
                await first(
                    self._monitor.run(),
                    self._heed_lights(),
                    self._tell_when_wanted(),
                    self._stop.wait(),
                    self._relief.wait(),
                )
            finally:
                if not self._relieved:
                    self._around.lamps.darken(DARKENING)  # First: what follows may take its time.
                self._end()

    def tell_soon(self) -> None:
        """Tell once, in the loop's next turn, however many things happen until then.

        Later, if the last time has just been, and took long.
        """
        self._wanted.set()

    def feed_states(self) -> dict[str, FeedState]:
        """Return how each feed stands, by name."""
        feeds = self._monitor.watched() if self._monitor else ()
        return {feed.name: feed.state for feed in feeds}

    @property
    def _relieved(self) -> bool:
        return self._relief.is_set() and not self._stop.is_set()

    def _end(self) -> None:
        if self._relieved and self._wanted.is_set():
            self._tell()  # What has just happened is not for the next shift to tell.
        self._over = True
        if self._switch is not None:
            self._switch.cancel()
        state = self._around.state
        if state is not None and not self._relieved:
            state.refresh(self._by_key(), **self._around.times())
            state.close(WRITING)

    def _by_key(self) -> dict[str, FeedState]:
        """Return how feeds stand, as the state file calls them."""
        return {self._keys[name]: feed_state for name, feed_state in self.feed_states().items()}

    def _hear(self, feed: FeedSettings, feed_state: FeedState, news: News, seconds: float) -> None:
        self._around.journal.count_poll(feed.name, failed=feed_state.error is not None)
        self._around.on_poll(feed.name, feed_state, seconds)
        if news != NO_NEWS:
            self._news.append((feed, news))
        # Whether or not there is news: the clock may have been set right meanwhile.
        self._tell_at_next_switch()
        if self._open != self._offices():
            self.tell_soon()

    async def _heed_lights(self) -> None:
        """Tell of lights that come and go and hang. No wake-up while every lamp is still."""
        lamps = self._around.lamps
        told = lamps.lights()
        patience = LOOKING
        while True:
            wait = lamps.called_in + patience
            with suppress(TimeoutError):
                async with asyncio.timeout(wait if wait < math.inf else None):
                    await lamps.changed.wait()
            # Soon, too, while a light is called, as it may be on its way to hang.
            soon = lamps.changed.is_set() or not 0.0 < lamps.called_in < OFTEN
            patience = LOOKING if soon else LOOKING_AGAIN
            lamps.changed.clear()
            now = lamps.lights()
            if now != told:
                told = now
                self.tell_soon()

    async def _tell_when_wanted(self) -> None:
        """Tell whenever it is asked for.

        Not a callback of the loop: a failure there would be logged and survived, and the lamp
        would go on to show what was true before it. Here it ends the daemon, and the lamp is dark.
        """
        loop = asyncio.get_running_loop()
        again_at = -math.inf
        while True:
            await self._wanted.wait()
            if loop.time() < again_at:
                await asyncio.sleep(again_at - loop.time())
            begun = loop.time()
            self._tell()
            # As long as that took belongs to the polls: a thousand may answer at once.
            again_at = loop.time() + (loop.time() - begun)

    def _tell(self) -> None:
        """Make a report of what is known now, and tell it to the lamps and the log.

        Nothing is told once the end was asked for: with 50,000 projects it takes its time.
        """
        self._wanted.clear()
        if self._monitor is None or self._stop.is_set() or self._over:
            return
        around, before, times = self._around, self._report, self._around.times()
        report = make_report(self._monitor.watched(), around.lamps.rows(), **times, before=before)
        self._report = report
        around.lamps.tell(report)
        told, self._news = self._news, []
        around.lamps.tell_news(told, report)
        # Not before every lamp was told: the log may be slow.
        around.journal.tell(before, report, around.lamps.troubles())
        self._open = self._offices()
        self._tell_at_next_switch()
        if around.state is not None:
            around.state.save(self._by_key(), **times)
        around.on_report(report)
        if not self._ready and self._monitor.tried and around.lamps.tried:
            self._ready = True
            around.on_ready()

    def _offices(self) -> list[bool]:
        """Return which offices are open, of the lamps that have one."""
        return [is_open(each, self._around.clock()) for each in self._hours]

    def _tell_at_next_switch(self) -> None:
        """Look again when an office opens or closes, if no feed makes us look before."""
        clock = self._around.clock()
        nexts = [moment for each in self._hours if (moment := next_switch(each, clock)) is not None]
        if self._switch is not None:
            self._switch.cancel()
        if nexts:
            wait = (min(nexts) - clock).total_seconds()
            self._switch = asyncio.get_running_loop().call_later(wait, self.tell_soon)


def handed_over(
    before: Iterable[FeedSettings],
    feed_states: Mapping[str, FeedState],
    after: Iterable[FeedSettings],
) -> dict[str, FeedState]:
    """Return how the feeds of a new configuration stand, as far as the one *before* it knew.

    A feed with the same address and secret goes on as it was. Where only its secret is another,
    or what its words mean, or its name and that, its verdicts are kept and its last answer proves
    nothing any more. One that becomes two is known to both.
    """
    found = {}
    by_key: dict[str, FeedSettings] = {}
    by_place: dict[object, list[FeedSettings]] = {}
    for feed in before:
        if feed.name in feed_states:
            by_key.setdefault(_key(feed), feed)
            by_place.setdefault((feed.kind, feed.options), []).append(feed)
    for feed in after:
        there = by_place.get((feed.kind, feed.options), ())
        same = next((each for each in there if _judged_alike(each, feed)), None)
        near = by_key.get(_key(feed)) or next(iter(there), None)
        if same is not None:
            found[feed.name] = feed_states[same.name]
        elif near is not None:
            known = feed_states[near.name]
            found[feed.name] = FeedState(
                projects=known.projects, confirmed=known.confirmed, doubted=known.doubted
            )
    return found


def _judged_alike(before: FeedSettings, after: FeedSettings) -> bool:
    return before.rules.words == after.rules.words and before.rules.required == after.rules.required


def _key(feed: FeedSettings) -> str:
    return feed_key(feed.name, feed.options)


async def first(*awaited: Coroutine[Any, Any, object]) -> None:
    """Wait until the first of *awaited* ends, and end the others; what it raised is raised."""
    tasks = [asyncio.ensure_future(each) for each in awaited]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=LEAVING)
