"""Starts, runs, reloads and stops the daemon: feeds, lamps, and the report between them.

Lamps start first and stop last. Whether a signal or a fault ends the daemon, the lamps are dark
afterwards, unless a light has stopped responding.
"""

import asyncio
import logging
import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from buildlight.daemon.loader import Load, Loaded, Loader, Reload, load_now
from buildlight.daemon.loop import DaemonLoop, seconds_since_boot
from buildlight.daemon.session import OpenSources, Session, handed_over, race
from buildlight.daemon.settings import Settings
from buildlight.daemon.state_file import StateFile
from buildlight.daemon.watchdog import Watchdog
from buildlight.errors import ConfigError, LightUnavailable, WorkerFailed
from buildlight.feeds.feed import FeedOptions
from buildlight.feeds.sources import open_sources
from buildlight.lamps.group import LampGroup, MakePlayer, others, threaded
from buildlight.lamps.lit_lamps import LitLampsFile
from buildlight.lamps.settings import LampSettings
from buildlight.lamps.timing import DARKENING, OPENING
from buildlight.projects.feed_state import FeedState, unanswered
from buildlight.publish.change_log import ChangeLog
from buildlight.publish.mqtt.publisher import MqttPublisher
from buildlight.publish.status_file import StatusFile
from buildlight.publish.systemd_status import SystemdStatus
from buildlight.publish.web.server import PageServer
from buildlight.report.poll_stats import PollStats
from buildlight.report.update import Publisher, Running
from buildlight.system.folder_lock import lock_folder
from buildlight.system.paths import given_run_folder, run_folder, state_folder
from buildlight.system.posix_signals import ending_signals, reloads
from buildlight.system.running_daemon import find_running_daemon
from buildlight.system.sd_notify import Systemd
from buildlight.wording import count

WRITING = 0.3
"""Seconds that a publisher may take to close, while the lights go dark."""
STARTING = 0.1
"""Seconds between two looks at whether every light was tried."""
log = logging.getLogger(__name__)


def time_of_day() -> datetime:
    """Return the time of day, in the zone of this machine."""
    return datetime.now(tz=UTC).astimezone()


def run(load: Load) -> None:
    """Run the settings that *load* returns until a signal, then make every lamp dark.

    Raises :class:`ConfigError`, :class:`FolderInUse` for a second daemon, and
    :class:`LightUnavailable` if a light with ``wait_for_light = false`` does not open.
    """
    settings = load()
    folder = state_folder()
    lock_folder(folder)
    state = StateFile(folder)
    # The disk may be slow here: no lamp is lit yet, and a signal still ends the process.
    state.load(
        _options(settings), keep=_keep(settings), now=seconds_since_boot(), clock=time_of_day()
    )
    state.start()
    reload = Loader()
    with asyncio.Runner(loop_factory=DaemonLoop) as runner:
        runner.run(_run_until_signal(settings, load, state, reload))


async def _run_until_signal(
    settings: Settings, load: Load, state: StateFile, reload: Reload = load_now
) -> None:
    folder, given = run_folder(), given_run_folder()
    daemon = Daemon(
        settings,
        state=state,
        systemd=Systemd.from_environment(),
        folder=folder,
        lit=LitLampsFile(given) if given else None,
        reload=reload,
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    threading.excepthook = partial(_end, loop, daemon)
    for number in ending_signals():
        loop.add_signal_handler(number, stop.set)
    if reloads():
        loop.add_signal_handler(signal.SIGHUP, daemon.reload, load)
    await daemon.run(stop)


def _end(loop: asyncio.AbstractEventLoop, daemon: "Daemon", args: threading.ExceptHookArgs) -> None:
    """End *daemon* if one of its threads fails: other threads may be waiting for that one."""
    name = args.thread.name if args.thread else "unknown"
    with suppress(RuntimeError):  # The loop has ended meanwhile.
        loop.call_soon_threadsafe(daemon.fail, f"{name}: {args.exc_type.__name__}")


class Daemon:
    """Runs one configuration, and the next one after a reload.

    *publishers* receive every update after the daemon's own. *state* keeps verdicts across
    restarts, if there is one. *folder*, in memory, holds the report for other programs; *lit*
    lists the lamps that are lit. Tests replace *make_player*, *open_sources* and *clock* (the
    time of day) by virtual lamps, networks and time.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        publishers: Sequence[Publisher] = (),
        state: StateFile | None = None,
        systemd: Systemd | None = None,
        folder: Path | None = None,
        lit: LitLampsFile | None = None,
        make_player: MakePlayer = threaded,
        open_sources: OpenSources = open_sources,
        clock: Callable[[], datetime] = time_of_day,
        reload: Reload = load_now,
    ) -> None:
        self._settings = settings
        self._state = state
        self._lit = lit
        self._make_player = make_player
        self._open_sources = open_sources
        self._clock = clock
        self._reload = reload
        self._failures: asyncio.Queue[str] = asyncio.Queue()
        self._systemd = systemd or Systemd()
        self._status = SystemdStatus(self._systemd)
        self._polls = PollStats()
        self._page = PageServer(polls=self._polls, ailment=self._ailment)
        self._mqtt = MqttPublisher(self._polls.broker)
        files = (state, StatusFile(folder) if folder else None)
        self._publishers: Sequence[Publisher] = (
            ChangeLog(),
            *(file for file in files if file is not None),
            self._status,
            self._page,
            self._mqtt,
            *publishers,
        )
        self._session: Session | None = None
        self._watchdog: Watchdog | None = None
        self._next: Settings | None = None
        self._replaced = asyncio.Event()

    def reload(self, load: Load) -> None:
        """Switch to the configuration that *load* returns, unless it has mistakes."""
        self._status.reloading()
        self._reload(load, self._take)

    def fail(self, reason: str) -> None:
        """Make every lamp dark and end, because a thread failed for this *reason*."""
        self._failures.put_nowait(reason)

    def _take(self, loaded: Loaded) -> None:
        if isinstance(loaded, Settings):
            self._next = loaded
            self._replaced.set()
            return
        if isinstance(loaded, ConfigError):
            for mistake in loaded.mistakes:
                sentence, *quotation = mistake.splitlines()
                stays = f"{sentence}; the old configuration stays"
                log.warning("%s", "\n".join((stays, *quotation)))
        else:  # No traceback: it may show a value that is a secret.
            name = type(loaded).__name__
            log.error("the configuration cannot be read (%s); the old one stays", name)
        self._status.reloaded()

    async def run(self, stop: asyncio.Event) -> None:
        """Run until *stop* is set.

        Raises :class:`LightUnavailable` if a light with ``wait_for_light = false`` does not open.
        """
        lamps = LampGroup(self._settings.lamps, make_player=self._make_player)
        self._watchdog = Watchdog(
            self._systemd,
            late_feeds=lambda: self._session.late_feeds() if self._session else (),
            hung_lamps=lamps.hung,
            folder=self._state.folder if self._state is not None else None,
        )
        tasks = [each.run() for each in self._publishers if isinstance(each, Running)]
        try:
            await race(
                self._work(lamps, stop),
                self._watchdog.run(),
                self._fault(),
                _share_no_light(lamps),
                *tasks,
            )
        finally:
            self._systemd.stopping()
            lamps.darken(DARKENING)
            for publisher in self._publishers:
                publisher.close(WRITING)
            lamps.close(DARKENING)

    async def _fault(self) -> None:
        raise WorkerFailed(await self._failures.get())

    async def _work(self, lamps: LampGroup, stop: asyncio.Event) -> None:
        """Run one session after the other, until *stop* is set."""
        self._write_down(self._settings.lamps)
        lamps.start(self._clock())
        await _see_lights_open(lamps, stop)
        kept = self._kept()
        while not stop.is_set():
            self._page.open(self._settings.page)
            self._mqtt.open(self._settings.mqtt)
            self._warn()
            session = self._session = Session(
                self._settings,
                lamps=lamps,
                publishers=(lamps, *self._publishers),
                polls=self._polls,
                open_sources=self._open_sources,
                clock=self._clock,
                kept=kept,
                before=self._session.report if self._session else None,
            )
            await session.run(stop=stop, replaced=self._replaced)
            if self._next is not None and not stop.is_set():
                kept = await self._exchange(lamps, session, self._next)

    async def _exchange(
        self, lamps: LampGroup, session: Session, settings: Settings
    ) -> Mapping[str, FeedState]:
        """Run a session with *settings*; returns the states of its feeds."""
        self._next = None
        self._replaced.clear()
        before = self._settings.lamps
        self._write_down((*before, *others(settings.lamps, before)))
        stuck = await lamps.exchange(settings.lamps, patience=DARKENING)
        self._write_down((*settings.lamps, *others(stuck, settings.lamps)))
        stored: Mapping[str, FeedState] = {}
        if self._state is not None:
            now = asyncio.get_running_loop().time()
            stored = self._state.claim(_options(settings), now=now, clock=self._clock())
        known = handed_over(self._settings.feeds, session.feed_states(), settings.feeds)
        kept = {**{name: unanswered(state) for name, state in stored.items()}, **known}
        self._settings = settings
        counts = count(len(settings.feeds), "feed"), count(len(settings.lamps), "lamp")
        log.info("configuration reloaded: %s, %s", *counts)
        self._status.reloaded()
        return kept

    def _write_down(self, lamps: Sequence[LampSettings]) -> None:
        if self._lit is not None:
            self._lit.tell(lamps)

    def _kept(self) -> Mapping[str, FeedState]:
        """Return the feed states that were stored before a restart, by name."""
        if self._state is None:
            return {}
        return self._state.load(
            _options(self._settings),
            keep=_keep(self._settings),
            now=asyncio.get_running_loop().time(),
            clock=self._clock(),
        )

    def _ailment(self) -> str | None:
        return self._watchdog.ailment() if self._watchdog else None

    def _warn(self) -> None:
        for name, warning in self._settings.warnings():
            log.warning("%s: %s", name, warning)


def _options(settings: Settings) -> Mapping[str, FeedOptions]:
    return {feed.name: feed.options for feed in settings.feeds}


def _keep(settings: Settings) -> float:
    return max((feed.rules.expiry for feed in settings.feeds), default=0.0)


async def _share_no_light(lamps: LampGroup) -> None:
    """Never return; raise :class:`LightUnavailable` if another daemon has a light at the start.

    That one would not let go, and two would show on one light what only one of them knows.
    """
    while not lamps.tried:  # noqa: ASYNC110 - the event of the lamps belongs to their watcher
        await asyncio.sleep(STARTING)
    for lamp, status in lamps.busy():
        daemon = find_running_daemon()
        if daemon is not None:
            raise LightUnavailable(
                f"{lamp.name}: driver {lamp.driver!r}: {status.trouble}: {daemon}"
            )
    await asyncio.get_running_loop().create_future()


async def _see_lights_open(lamps: LampGroup, stop: asyncio.Event) -> None:
    """Wait for the lights with ``wait_for_light = false``."""
    with suppress(TimeoutError):
        async with asyncio.timeout(OPENING):
            while not stop.is_set() and any(status.light is None for _, status in lamps.missing()):
                await race(lamps.changed.wait(), stop.wait())
                lamps.changed.clear()
    for lamp, status in lamps.missing():
        if not stop.is_set():
            why = status.trouble or f"does not open within {OPENING:.0f} seconds"
            raise LightUnavailable(f"{lamp.name}: driver {lamp.driver!r}: {why}")
