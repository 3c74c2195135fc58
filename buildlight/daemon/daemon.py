"""Start, run, reload, stop: feeds on one side, lamps on the other, and the report between them.

LampGroup come first and go last. Whatever ends the daemon, a signal or a fault, the lamps are dark
afterwards, as far as their lights still answer.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from buildlight.daemon.session import (
    DARKENING,
    WRITING,
    OpenSources,
    Session,
    Surroundings,
    first,
    handed_over,
)
from buildlight.daemon.settings import Settings
from buildlight.daemon.state_file import StateFile, kept_for
from buildlight.daemon.watchdog import Watchdog
from buildlight.errors import ConfigError, LightUnavailable
from buildlight.feeds.sources import open_sources
from buildlight.lamps.group import LampGroup, MakePlayer, others, threaded
from buildlight.lamps.lit_lamps import LitLampsFile
from buildlight.lamps.settings import LampSettings
from buildlight.network.resolver import ResolverLoop
from buildlight.projects.feed_state import FeedState
from buildlight.publish.change_log import DAY, ChangeLog
from buildlight.publish.status_file import StatusFile
from buildlight.publish.web.server import Door
from buildlight.report.report import Report, sentence
from buildlight.system.paths import given_run_folder, run_folder, state_folder
from buildlight.system.posix_signals import ending_signals, reloads
from buildlight.system.sd_notify import Systemd

OPENING = 5.0
"""Seconds to wait at start for lights to open; a slower one is being waited for."""

log = logging.getLogger(__name__)

Load = Callable[[], Settings]
"""Reads the configuration; raises :class:`ConfigError`."""


def time_of_day() -> datetime:
    """Return the time of day, in the zone of this machine."""
    return datetime.now(tz=UTC).astimezone()


def run(load: Load) -> None:
    """Run what *load* returns until a signal ends it, then leave every lamp dark that answers.

    Raises :class:`ConfigError`, and :class:`LightUnavailable` if a light does not open that is
    not to be waited for.
    """
    settings = load()
    with asyncio.Runner(loop_factory=ResolverLoop) as runner:
        runner.run(_run_until_signal(settings, load))


async def _run_until_signal(settings: Settings, load: Load) -> None:
    folder, given = run_folder(), given_run_folder()
    daemon = Daemon(
        settings,
        state=StateFile(state_folder()),
        systemd=Systemd.from_environment(),
        folder=folder,
        lit=LitLampsFile(given) if given else None,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in ending_signals():
        loop.add_signal_handler(number, stop.set)
    if reloads():
        loop.add_signal_handler(signal.SIGHUP, daemon.reload, load)
    await daemon.run(stop)


class Daemon:
    """One configuration at work, and the next one after a reload.

    *on_report* is called with every new report; *state* keeps verdicts across restarts, if there
    is one; *systemd* is told how things go; *folder*, in memory, is where other programs find
    the report, *lit* where the lamps are written down that are lit. *make_player*,
    *open_sources* and *clock* (the time of day) are the seams at which tests put in virtual
    lamps, networks and time.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        on_report: Callable[[Report], None] = lambda _report: None,
        state: StateFile | None = None,
        systemd: Systemd | None = None,
        folder: Path | None = None,
        lit: LitLampsFile | None = None,
        make_player: MakePlayer = threaded,
        open_sources: OpenSources = open_sources,
        clock: Callable[[], datetime] = time_of_day,
    ) -> None:
        self._settings = settings
        self._on_report = on_report
        self._state = state
        self._systemd = systemd or Systemd()
        self._status_file = StatusFile(folder, again=self.tell_soon) if folder else None
        self._lit = lit
        self._make_player = make_player
        self._open_sources = open_sources
        self._clock = clock
        self._journal = ChangeLog()
        self._shift: Session | None = None
        self._next: Settings | None = None
        self._ready = False
        self._relief = asyncio.Event()
        self._watchdog: Watchdog | None = None
        self._door = Door(ailment=self._ailment)

    def reload(self, load: Load) -> None:
        """Go on with the configuration that *load* returns; with this one, if it has mistakes."""
        if self._ready:  # Until then systemd waits for READY=1, and that must not come early.
            self._systemd.reloading()
        try:
            self._next = load()
        except ConfigError as exc:
            for mistake in exc.mistakes:
                log.warning("%s; the configuration from before goes on", mistake)
            self._end_reload()
        except Exception as exc:  # noqa: BLE001 - a driver that is asked may be anybody's
            log.error(  # noqa: TRY400 - no traceback: it may repeat a value, and a secret in it
                "reading the configuration failed (%s); the one from before goes on",
                type(exc).__name__,
            )
            self._end_reload()
        else:
            self._relief.set()

    def tell_soon(self) -> None:
        """Make a new report, and tell it to everybody."""
        if self._shift is not None:
            self._shift.tell_soon()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until *stop* is set.

        Raises :class:`LightUnavailable` if a light does not open that is not to be waited for.
        """
        lamps = LampGroup(self._settings.lamps, make_player=self._make_player)
        self._watchdog = Watchdog(
            self._systemd,
            late_feeds=lambda: self._shift.late_feeds() if self._shift else (),
            hung_lamps=lamps.hung,
            folder=self._state.folder if self._state is not None else None,
        )
        try:
            await first(self._work(lamps, stop), self._tell_days(), self._watchdog.run())
        finally:
            self._systemd.stopping()
            lamps.darken(DARKENING)
            self._door.close()
            lamps.join()
            if self._status_file is not None:
                self._status_file.close(WRITING)

    async def _work(self, lamps: LampGroup, stop: asyncio.Event) -> None:
        """Follow one configuration after the other, until *stop* is set."""
        self._write_down(self._settings.lamps)
        lamps.start(self._clock())
        await _see_lights_open(lamps, stop)
        around = Surroundings(
            lamps=lamps,
            journal=self._journal,
            state=self._state,
            open_sources=self._open_sources,
            clock=self._clock,
            on_report=self._tell,
            on_poll=self._door.count_poll,
            on_ready=self._end_start,
        )
        kept = self._kept(around)
        self._door.open(self._settings.page)
        while not stop.is_set():
            self._warn()
            self._shift = Session(
                self._settings,
                around,
                stop=stop,
                relief=self._relief,
                kept=kept,
                before=self._shift.report if self._shift else None,
            )
            await self._shift.run()
            if self._next is not None and not stop.is_set():
                kept = await self._exchange(lamps, self._shift, self._next)

    async def _exchange(
        self, lamps: LampGroup, shift: Session, settings: Settings
    ) -> Mapping[str, FeedState]:
        """Go on with *settings*; returns how its feeds stand."""
        self._next = None
        self._relief.clear()
        before = self._settings.lamps
        self._write_down((*before, *others(settings.lamps, before)))
        stuck = await lamps.exchange(settings.lamps, patience=DARKENING)
        self._write_down((*settings.lamps, *others(stuck, settings.lamps)))
        kept = handed_over(self._settings.feeds, shift.feed_states(), settings.feeds)
        self._settings = settings
        self._door.open(settings.page)
        counts = _count(len(settings.feeds), "feed"), _count(len(settings.lamps), "lamp")
        log.info("the configuration was read again: %s, %s", *counts)
        self._end_reload()
        return kept

    def _write_down(self, lamps: Sequence[LampSettings]) -> None:
        if self._lit is not None:
            self._lit.tell(lamps)

    def _end_start(self) -> None:
        if not self._ready:
            self._ready = True
            self._systemd.ready()

    def _end_reload(self) -> None:
        if self._ready:
            self._systemd.ready()

    def _kept(self, around: Surroundings) -> Mapping[str, FeedState]:
        """Return what was kept from before a restart, by the name of the feed."""
        kept = self._state.load(**around.times()) if self._state is not None else {}
        return kept_for(kept, {feed.name: feed.options for feed in self._settings.feeds})

    def _tell(self, report: Report) -> None:
        self._systemd.status(sentence(report))
        if self._status_file is not None:
            self._status_file.tell(report)
        self._door.tell(report)
        self._on_report(report)

    def _ailment(self) -> str | None:
        return self._watchdog.ailment() if self._watchdog else None

    async def _tell_days(self) -> None:
        while True:
            await asyncio.sleep(DAY)
            if self._shift is not None and self._shift.report is not None:
                self._journal.tell_day(self._shift.report)

    def _warn(self) -> None:
        for feed in self._settings.feeds:
            if feed.options.warning is not None:
                log.warning("%s: %s", feed.name, feed.options.warning)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


async def _see_lights_open(lamps: LampGroup, stop: asyncio.Event) -> None:
    """Wait for the lights that have to be there; the others delay nothing."""
    with suppress(TimeoutError):
        async with asyncio.timeout(OPENING):
            while not stop.is_set() and any(not light for _, light, _ in lamps.missing()):
                await first(lamps.changed.wait(), stop.wait())
                lamps.changed.clear()
    for lamp, _, trouble in lamps.missing():
        if not stop.is_set():
            why = trouble or f"does not open within {OPENING:.0f} seconds"
            raise LightUnavailable(f"{lamp.name}: driver {lamp.driver!r}: {why}")
