"""Runs one configuration: polls its feeds and publishes an update in every turn of the loop.

A turn first decides, without an ``await``: it makes an :class:`update.Update` of everything
known. Then it acts: it passes the update to a list of publishers, lamps first.
"""

import asyncio
import math
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from buildlight.daemon.monitor import Monitor
from buildlight.daemon.settings import Settings
from buildlight.feeds.settings import FeedSettings
from buildlight.feeds.sources import Source
from buildlight.hours import next_switch
from buildlight.lamps.group import LampGroup
from buildlight.lamps.timing import DARKENING
from buildlight.projects.feed_state import FeedState, unanswered
from buildlight.report.poll_stats import PollStats
from buildlight.report.report import Report, make_report
from buildlight.report.update import HEARTBEAT, Publisher, Update, build_events

LEAVING = 0.3
"""Seconds that cancelled tasks may take to end, including their connections."""

OpenSources = Callable[[Iterable[FeedSettings]], AbstractAsyncContextManager[Sequence[Source]]]


class Session:
    """Runs *settings* until the next reload.

    *publishers* receive every update, *lamps* first. *polls* counts across sessions, *kept* are
    the known states of feeds by name, *before* is the last report.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        lamps: LampGroup,
        publishers: Sequence[Publisher],
        polls: PollStats,
        open_sources: OpenSources,
        clock: Callable[[], datetime],
        kept: Mapping[str, FeedState],
        before: Report | None,
    ) -> None:
        self.report = before
        self._settings = settings
        self._lamps = lamps
        self._publishers = publishers
        self._polls = polls
        self._open_sources = open_sources
        self._clock = clock
        self._kept = kept
        self._monitor: Monitor | None = None
        self._wanted = asyncio.Event()

    def late_feeds(self) -> tuple[str, ...]:
        """Return the names of feeds whose poller hangs."""
        return self._monitor.overdue() if self._monitor else ()

    def feed_states(self) -> dict[str, FeedState]:
        """Return the state of each feed, by name."""
        feeds = self._monitor.watched() if self._monitor else ()
        return {feed.name: feed.state for feed in feeds}

    async def run(self, *, stop: asyncio.Event, replaced: asyncio.Event) -> None:
        """Run until *stop* or *replaced* is set; after *stop* the lamps go dark."""
        async with self._open_sources(self._settings.feeds) as sources:
            monitor = self._monitor = Monitor(
                sources,
                clock=self._clock,
                polls=self._polls,
                wake=self._wanted,
                kept=self._kept,
            )
            self._publish(monitor)
            try:
                await race(
                    monitor.run(),
                    self._watch_lights(),
                    self._publish_turns(monitor, stop),
                    stop.wait(),
                    replaced.wait(),
                )
            finally:
                monitor.stop()
                if replaced.is_set() and not stop.is_set():
                    if self._wanted.is_set():
                        self._publish(monitor)  # The next session cannot report these events.
                else:
                    self._lamps.darken(DARKENING)  # Lamps first, because the rest may be slow.
                    self._publish_states(monitor)

    async def _watch_lights(self) -> None:
        while True:
            await self._lamps.watch()
            self._wanted.set()

    async def _publish_turns(self, monitor: Monitor, stop: asyncio.Event) -> None:
        """Publish whenever something changed, an office opens or closes, or a heartbeat is due.

        Not a callback of the loop: asyncio only logs a failure in a callback, and the lamp would
        go on showing an old state. A failure here ends the daemon, and the lamp goes dark.
        """
        loop = asyncio.get_running_loop()
        beat, again_at = loop.time() + HEARTBEAT, -math.inf
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(min(beat, loop.time() + self._next_switch())):
                    await self._wanted.wait()
            if loop.time() < again_at:
                await asyncio.sleep(again_at - loop.time())
            if stop.is_set():  # With 50,000 projects a turn is slow.
                return
            begun = loop.time()
            due = begun >= beat
            self._publish(monitor, heartbeat=due)
            beat = begun + HEARTBEAT if due else beat
            # Rest as long as the turn took: a thousand feeds may answer at once and need the loop.
            again_at = loop.time() + (loop.time() - begun)

    def _publish(self, monitor: Monitor, *, heartbeat: bool = False) -> None:
        self._wanted.clear()
        now, before, lamps = asyncio.get_running_loop().time(), self.report, self._lamps.rows()
        feeds = monitor.watched()
        self.report = make_report(feeds, lamps, now=now, clock=self._clock(), before=before)
        update = Update(
            report=self.report,
            before=before,
            feeds=feeds,
            polls=self._polls,
            now=now,
            events=build_events(monitor.take_news(), lamps),
            ready=monitor.tried and self._lamps.tried,
            heartbeat=heartbeat,
        )
        for publisher in self._publishers:
            publisher.publish(update)

    def _publish_states(self, monitor: Monitor) -> None:
        """Publish the last states with the previous report; making a new one may take too long."""
        if self.report is not None:
            now, feeds = asyncio.get_running_loop().time(), monitor.watched()
            report = replace(self.report, at=self._clock())  # The clock may have been set since.
            last = Update(report, report, feeds, self._polls, now)
            for publisher in self._publishers:
                publisher.publish(last)

    def _next_switch(self) -> float:
        """Return the seconds until an office opens or closes; infinite if none does.

        Computed again at every heartbeat, because the clock may have been set meanwhile.
        """
        clock = self._clock()
        offices = {lamp.hours for lamp in self._settings.lamps if lamp.hours is not None}
        switches = [at for hours in offices if (at := next_switch(hours, clock)) is not None]
        return min(((at - clock).total_seconds() for at in switches), default=math.inf)


def handed_over(
    before: Iterable[FeedSettings],
    feed_states: Mapping[str, FeedState],
    after: Iterable[FeedSettings],
) -> dict[str, FeedState]:
    """Return the known states for the feeds of a new configuration.

    A feed with the same address and secret keeps its state. If its secret, its words or its name
    changed, it keeps its verdicts, but its last answer no longer counts. If one table became
    two, both get the state.
    """
    found = {}
    by_key: dict[tuple[str, str], FeedSettings] = {}
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
            found[feed.name] = unanswered(feed_states[near.name])
    return found


def _judged_alike(before: FeedSettings, after: FeedSettings) -> bool:
    return before.rules.words == after.rules.words and before.rules.required == after.rules.required


def _key(feed: FeedSettings) -> tuple[str, str]:
    return feed.name, feed.options.identity


async def race(*awaited: Coroutine[Any, Any, object]) -> None:
    """Wait until one of *awaited* ends, cancel the others, and raise what that one raised."""
    tasks = [asyncio.ensure_future(each) for each in awaited]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=LEAVING)
