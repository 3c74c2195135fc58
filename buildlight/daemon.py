"""Start, run, stop: feeds on one side, lamps on the other, and the report between them.

Lamps come first and go last. Whatever ends the daemon, a signal or a fault, the lamps are dark
afterwards, as far as their lights still answer.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from datetime import UTC, datetime
from typing import Any, Protocol, TypedDict

from buildlight.aggregate import RANKS
from buildlight.counted import Watched
from buildlight.ending import ending_signals
from buildlight.errors import LightUnavailable
from buildlight.feeds.lookup import LookupLoop
from buildlight.hours import is_open, next_switch
from buildlight.lamp import Lamp, LampThread
from buildlight.memory import Event, Verdict
from buildlight.monitor import Monitor, Source, open_sources
from buildlight.pattern import Pattern, cheers
from buildlight.places import state_folder
from buildlight.reading import News, Standing
from buildlight.redaction import printable
from buildlight.report import LampReport, Light, Report, Shown, make_report
from buildlight.settings import FeedSettings, LampSettings, Settings
from buildlight.state_file import StateFile, feed_key

OPENING = 5.0
"""Seconds to wait at start for lights to open; a slower one is being waited for."""
DARKENING = 1.2
"""Seconds to wait at stop for lights to go dark."""
LEAVING = 0.3
"""Seconds to wait at stop for connections to close."""
WRITING = 0.3
"""Seconds to wait at stop for verdicts to be written, while lights go dark."""
BLOCKED = 1.0
"""Seconds after which a light that does not come back from a call counts as lost."""

WORST_FIRST = (Event.BROKEN, Event.STILL_BROKEN, Event.FIXED)
"""Which event is played if several happen at once."""

log = logging.getLogger(__name__)


class Times(TypedDict):
    """The two clocks of :class:`reading.Reading`, at one moment."""

    now: float
    clock: datetime


class Player(Protocol):
    """What plays a lamp; in earnest a :class:`lamp.LampThread`, which explains each of these."""

    @property
    def light(self) -> Light | None: ...
    @property
    def trouble(self) -> LightUnavailable | None: ...
    @property
    def moving(self) -> bool: ...
    def start(self, pattern: Pattern) -> None: ...
    def play(self, pattern: Pattern) -> None: ...
    def play_once(self, pattern: Pattern) -> None: ...
    def stop(self) -> None: ...
    def join(self, timeout: float) -> bool: ...
    def blocked_for(self) -> float: ...


MakePlayer = Callable[[LampSettings, Callable[[], None]], Player]
OpenSources = Callable[[Settings], AbstractAsyncContextManager[Sequence[Source]]]


def threaded(lamp: LampSettings, on_light: Callable[[], None]) -> Player:
    """Return a player on a thread of its own."""
    return LampThread(lamp.name, Lamp(lamp.open_light), on_light=on_light)


def time_of_day() -> datetime:
    """Return the time of day, in the zone of this machine."""
    return datetime.now(tz=UTC).astimezone()


def run(settings: Settings) -> None:
    """Run until a signal ends it, then leave every lamp dark that still answers.

    Raises :class:`LightUnavailable` if a light does not open that is not to be waited for.
    """
    with asyncio.Runner(loop_factory=LookupLoop) as runner:
        runner.run(_run_until_signal(Daemon(settings, state=StateFile(state_folder()))))


async def _run_until_signal(daemon: "Daemon") -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ending_signals():
        loop.add_signal_handler(number, stop.set)
    await daemon.run(stop)


class Daemon:
    """One configuration at work.

    *on_report* is called with every new report; *state* keeps verdicts across restarts, if there
    is one. *make_player*, *open_sources* and *clock* (the time of day) are the seams at which
    tests put in virtual lamps, networks and time.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_report: Callable[[Report], None] = lambda _report: None,
        state: StateFile | None = None,
        make_player: MakePlayer = threaded,
        open_sources: OpenSources = open_sources,
        clock: Callable[[], datetime] = time_of_day,
    ) -> None:
        self._settings = settings
        self._on_report = on_report
        self._state = state
        self._keys = {feed.name: feed_key(feed.name, feed.options) for feed in settings.feeds}
        self._make_player = make_player
        self._open_sources = open_sources
        self._clock = clock
        self._players: list[tuple[LampSettings, Player]] = []
        self._lights_changed = asyncio.Event()
        self._monitor: Monitor | None = None
        self._dark_by: float | None = None
        self._stop = asyncio.Event()
        self._telling: asyncio.Handle | None = None
        self._news: list[tuple[FeedSettings, News]] = []
        self._switch: asyncio.TimerHandle | None = None
        self._report: Report | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Run until *stop* is set.

        Raises :class:`LightUnavailable` if a light does not open that is not to be waited for.
        """
        self._stop = stop
        for feed in self._settings.feeds:
            if feed.options.warning is not None:
                log.warning("%s: %s", feed.name, feed.options.warning)
        try:
            self._start_lamps()
            await self._see_lights_open(stop)
            async with self._open_sources(self._settings) as sources:
                await self._watch(sources, stop)
        finally:
            self._stop_lamps()

    def _start_lamps(self) -> None:
        loop = asyncio.get_running_loop()

        def on_light() -> None:
            with suppress(RuntimeError):  # The loop has ended: nobody wants to know any more.
                loop.call_soon_threadsafe(self._notice_lights)

        for lamp in self._settings.lamps:
            player = self._make_player(lamp, on_light)
            self._players.append((lamp, player))
            player.start(lamp.patterns["stale"])

    async def _see_lights_open(self, stop: asyncio.Event) -> None:
        """Wait for the lights that have to be there; the others delay nothing."""
        needed = [pair for pair in self._players if not pair[0].options.wait_for_light]
        with suppress(TimeoutError):
            async with asyncio.timeout(OPENING):
                while not stop.is_set() and any(not player.light for _, player in needed):
                    await _first(self._lights_changed.wait(), stop.wait())
                    self._lights_changed.clear()
        for lamp, player in needed:
            if player.light is not Light.OK and not stop.is_set():
                trouble = player.trouble or f"does not open within {OPENING:.0f} seconds"
                raise LightUnavailable(f"{lamp.name}: driver {lamp.driver!r}: {trouble}")

    async def _watch(self, sources: Sequence[Source], stop: asyncio.Event) -> None:
        self._monitor = Monitor(
            sources,
            clock=self._clock,
            on_change=self._tell_soon,
            on_news=lambda feed, news: self._news.append((feed, news)),
            kept=self._kept(),
        )
        self._tell()
        try:
            await _first(self._monitor.run(), self._heed_lights(), stop.wait())
        finally:
            self._darken()  # First of all: what follows may take its time.
            if self._state is not None:
                self._state.refresh(self._standings(self._monitor.watched()), **self._times())
                self._state.close(WRITING)

    def _times(self) -> Times:
        return {"now": asyncio.get_running_loop().time(), "clock": self._clock()}

    def _kept(self) -> dict[str, Standing]:
        """Return what was kept from before a restart, by the name of the feed."""
        kept = self._state.load(**self._times()) if self._state is not None else {}
        return {name: kept[key] for name, key in self._keys.items() if key in kept}

    def _standings(self, feeds: Sequence[Watched]) -> dict[str, Standing]:
        """Return how *feeds* stand, as the state file calls them."""
        return {self._keys[feed.name]: feed.standing for feed in feeds}

    def _notice_lights(self) -> None:
        self._lights_changed.set()
        self._tell_soon()

    async def _heed_lights(self) -> None:
        """See lights that hang. No wake-up while every lamp is still."""
        while True:
            await self._lights_changed.wait()
            self._lights_changed.clear()
            while any(player.moving for _, player in self._players):
                await asyncio.sleep(BLOCKED)
                if [_light(player) for _, player in self._players] != self._lights():
                    self._tell_soon()

    def _lights(self) -> list[Light]:
        return [lamp.light for lamp in self._report.lamps] if self._report else []

    def _tell_soon(self) -> None:
        """Tell once, in the loop's next turn, however many things happen until then."""
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_soon(self._tell)

    def _tell(self) -> None:
        """Make a report of what is known now, and tell it to the lamps and the log.

        Nothing is told once the end was asked for: with 50,000 projects it takes its time.
        """
        self._telling = None
        if self._monitor is None or self._stop.is_set() or self._dark_by is not None:
            return
        times, feeds = self._times(), self._monitor.watched()
        lamps = [shown(lamp, _light(player)) for lamp, player in self._players]
        report = make_report(feeds, lamps, **times)
        before, self._report = self._report, report
        for (_, player), row in zip(self._players, report.lamps, strict=True):
            player.play(row.pattern)
        self._play_news(report)
        # Not before every lamp was told: the log may be slow.
        for number, ((_, player), row) in enumerate(zip(self._players, report.lamps, strict=True)):
            _log_lamp(before.lamps[number] if before else None, row, player)
        self._lights_changed.set()
        self._tell_at_next_switch()
        if self._state is not None:
            self._state.save(self._standings(feeds), **times)
        self._on_report(report)

    def _play_news(self, report: Report) -> None:
        """Have every lamp that heeds what happened play its pattern for the worst of it.

        After the lamp was told how things stand, and never a cheer while they are bad.
        """
        told, self._news = self._news, []
        for (lamp, player), row in zip(self._players, report.lamps, strict=True):
            if lamp.hours is not None and not is_open(lamp.hours, report.at):
                continue
            happened = {event for feed, news in told for event in _heeded(lamp, feed, news)}
            bad = row.signal.stale or row.signal.verdict is Verdict.BROKEN
            for event in WORST_FIRST:
                pattern = lamp.events.get(event) if event in happened else None
                if pattern is not None and not (bad and cheers(pattern)):
                    player.play_once(pattern)
                    break

    def _tell_at_next_switch(self) -> None:
        """Look again when an office opens or closes, if no feed makes us look before."""
        clock = self._clock()
        hours = [lamp.hours for lamp, _ in self._players if lamp.hours is not None]
        nexts = [moment for each in hours if (moment := next_switch(each, clock)) is not None]
        if self._switch is not None:
            self._switch.cancel()
        if nexts:
            wait = (min(nexts) - clock).total_seconds()
            self._switch = asyncio.get_running_loop().call_later(wait, self._tell_soon)

    def _darken(self) -> float:
        """Tell every lamp to go dark; returns until when to wait for them."""
        for _, player in self._players:
            player.stop()
        if self._dark_by is None:
            self._dark_by = asyncio.get_running_loop().time() + DARKENING
        return self._dark_by

    def _stop_lamps(self) -> None:
        dark_by = self._darken()
        for lamp, player in self._players:
            left = dark_by - asyncio.get_running_loop().time()
            if not player.join(max(left, 0.0)):
                log.warning("%s: its light does not answer, and was left as it was", lamp.name)


async def _first(*awaited: Coroutine[Any, Any, object]) -> None:
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


def _heeded(lamp: LampSettings, feed: FeedSettings, news: News) -> Iterable[Event]:
    if feed.name in lamp.feeds:
        names = lamp.choice.of(feed.choice.of(name for _, name in news.events))
        yield from (event for event, name in news.events if name in names)


def _light(player: Player) -> Light:
    return Light.LOST if player.blocked_for() > BLOCKED else player.light or Light.WAITING


def shown(lamp: LampSettings, light: Light) -> Shown:
    """Return a lamp as the report sees it."""
    return Shown(
        name=lamp.name,
        driver=lamp.driver,
        feeds=lamp.feeds,
        patterns=lamp.patterns,
        light=light,
        choice=lamp.choice,
        hours=lamp.hours,
        closed=lamp.closed,
    )


def _log_lamp(before: LampReport | None, after: LampReport, player: Player) -> None:
    signal_name = RANKS[after.signal]
    was = RANKS[before.signal] if before else None
    if before is None or (was, before.blame) != (signal_name, after.blame):
        said = f" (was {was})" if was else ""
        log.info("%s: %s%s: %s", after.name, signal_name, said, _why(after))
    light = before.light if before else Light.OK
    if after.light is light:
        return
    if after.light is Light.OK:
        log.info("%s: its light is there again", after.name)
    else:
        trouble = player.trouble or "it does not come back from a call"
        log.warning("%s: its light is %s: %s", after.name, after.light.value, trouble)


def _why(lamp: LampReport) -> str:
    if lamp.signal.verdict is not Verdict.BROKEN or lamp.signal.stale:
        return lamp.because
    return printable(", ".join(lamp.blame), limit=400)
