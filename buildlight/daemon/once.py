"""One poll of every feed: each lamp shows the result, and keeps it when the process ends.

The same daemon does it, with lamps that nobody darkens. Nothing moves on them, because nobody will
be there to move it.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from buildlight.daemon.daemon import Daemon, time_of_day
from buildlight.daemon.loader import Load
from buildlight.daemon.settings import Settings
from buildlight.daemon.state_file import StateFile
from buildlight.lamps.lamp import Lamp
from buildlight.lamps.settings import LampSettings
from buildlight.lamps.thread import LampThread
from buildlight.lamps.timing import OPENING
from buildlight.network.resolver import ResolverLoop
from buildlight.patterns.pattern import STEADY, Channel, Pattern
from buildlight.report.report import Report
from buildlight.report.update import Update
from buildlight.system.folder_lock import lock_folder
from buildlight.system.paths import state_folder
from buildlight.system.posix_signals import ending_signals

LOOKING = 0.02
"""Seconds between two looks whether the lights show the result."""


def run_once(load: Load) -> Report | None:
    """Poll every feed of the settings once, and return the report that the lamps show now.

    ``None`` if a signal came before. The process has to end without the exit handlers of
    libraries, some of which darken their lights. Raises what :func:`daemon.run` raises.
    """
    settings = _at_rest(load())
    folder = state_folder()
    lock_folder(folder)
    state = StateFile(folder)
    state.start()
    with asyncio.Runner(loop_factory=ResolverLoop) as runner:
        return runner.run(_run(settings, state))


async def _run(settings: Settings, state: StateFile) -> Report | None:
    stop = asyncio.Event()
    for number in ending_signals():
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    end = _End()
    daemon = Daemon(
        settings, state=state, publishers=[end], make_player=end.make_player, clock=time_of_day
    )
    await daemon.run(stop)
    return end.report


def _at_rest(settings: Settings) -> Settings:
    """Return *settings* without what only a daemon can keep up: motion, a page, a broker."""
    lamps = tuple(
        replace(
            lamp,
            patterns={signal: _steady(pattern) for signal, pattern in lamp.patterns.items()},
            events={},
        )
        for lamp in settings.lamps
    )
    return Settings(feeds=settings.feeds, lamps=lamps)


def _steady(pattern: Pattern) -> Pattern:
    """Return *pattern* without motion, and without what ends by itself or makes noise."""
    strokes = tuple(
        replace(stroke, rhythm=STEADY)
        for stroke in pattern.strokes
        if stroke.lasts is None and stroke.channel is not Channel.BUZZER
    )
    return replace(pattern, strokes=strokes)


class _StayingLamp(LampThread):
    """A lamp that stays as it is: its thread ends with the process."""

    def stop(self) -> None:
        """Do nothing."""

    def join(self, timeout: float) -> bool:  # noqa: ARG002 - there is nothing to wait for
        """Return at once."""
        return True


class _End:
    """A publisher that ends the daemon when every light shows the result of one poll."""

    def __init__(self) -> None:
        self.report: Report | None = None
        self._ready = asyncio.Event()
        self._players: dict[str, _StayingLamp] = {}

    def make_player(self, lamp: LampSettings, on_light: Callable[[], None]) -> LampThread:
        player = _StayingLamp(lamp.name, Lamp(lamp.open_light), on_light=on_light)
        self._players[lamp.name] = player
        return player

    def publish(self, update: Update) -> None:
        if update.ready:
            self.report = update.report
            self._ready.set()

    async def run(self) -> None:
        """Return when all is shown: the end of any task ends the daemon."""
        await self._ready.wait()
        end = time.monotonic() + OPENING
        while not self._shown() and time.monotonic() < end:  # noqa: ASYNC110 - threads set no event
            await asyncio.sleep(LOOKING)

    def _shown(self) -> bool:
        report = self.report
        return report is not None and all(
            self._players[lamp.name].wait_played(lamp.pattern, 0) for lamp in report.lamps
        )

    def close(self, timeout: float) -> None:
        """There is nothing to finish."""
