"""All lamps of a configuration: they show a report, and a reload replaces some of them.

This module decides which lamp plays which pattern. ``report`` decides what it means, ``lamp``
plays it on one light.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from buildlight.errors import LightBusy, LightUnavailable
from buildlight.hours import is_open
from buildlight.lamps.lamp import Lamp, LampStatus
from buildlight.lamps.settings import LampSettings
from buildlight.lamps.thread import LampThread
from buildlight.lamps.timing import HUNG, LETTING_GO, LOOK, LOOK_WHILE_BLINKING, OFTEN
from buildlight.patterns.known import Known
from buildlight.patterns.pattern import Pattern, cheers, dim
from buildlight.projects.verdict import Event, Verdict
from buildlight.report.report import LampReport
from buildlight.report.shown import Light, Shown
from buildlight.report.update import Update

WORST_FIRST = (Event.BROKEN, Event.STILL_BROKEN, Event.FIXED)
"""Events by importance: if several happen at once, the first is played."""

log = logging.getLogger(__name__)


class Player(Protocol):
    """Plays one lamp; normally a :class:`thread.LampThread`, which describes each method."""

    def start(self, pattern: Pattern) -> None: ...
    def play(self, pattern: Pattern) -> None: ...
    def play_once(self, pattern: Pattern) -> None: ...
    def status(self) -> LampStatus: ...
    def stop(self) -> None: ...
    def join(self, timeout: float) -> bool: ...


MakePlayer = Callable[[LampSettings, Callable[[], None]], Player]


def threaded(lamp: LampSettings, on_light: Callable[[], None]) -> Player:
    """Return a player with its own thread."""
    return LampThread(lamp.name, Lamp(lamp.open_light), on_light=on_light)


@dataclass(slots=True)
class _Played:
    """A lamp and its player; *shows* is ``None`` until its light has been opened."""

    settings: LampSettings
    player: Player
    shows: Pattern | None = None

    @property
    def started(self) -> bool:
        return self.shows is not None

    def show(self, pattern: Pattern) -> bool:
        """Return whether that has changed."""
        before, self.shows = self.shows, pattern
        if before is None:
            self.player.start(pattern)
        elif pattern != before:
            self.player.play(pattern)
        return pattern != before


class LampGroup:
    """The lamps of a configuration, each with what *make_player* makes for it.

    Made and used in a running loop.
    """

    def __init__(self, lamps: Iterable[LampSettings], *, make_player: MakePlayer) -> None:
        self.changed = asyncio.Event()
        """Set when the state of a light may have changed, or when a lamp may have begun to move."""
        self._reported: Seen = ()
        self._make_player = make_player
        self._loop = asyncio.get_running_loop()
        self._dark_by: float | None = None
        self._played = [self._made(lamp) for lamp in lamps]

    def start(self, clock: datetime) -> None:
        """Open every light and show that nothing is known yet.

        If its office is closed at the time of day *clock*, a lamp follows its hours.
        """
        for each in self._played:
            hours, pattern = each.settings.hours, each.settings.patterns["stale"]
            closed = hours is not None and not is_open(hours, clock)
            each.show(dim(pattern, each.settings.closed) if closed else pattern)

    @property
    def tried(self) -> bool:
        """Whether every light is open, or will be opened later."""
        return all(each.player.status().tried for each in self._played)

    def rows(self) -> tuple[Shown, ...]:
        """Return the lamps for a report."""
        statuses = self._statuses()
        self._reported = _lights(statuses)
        return tuple(
            shown(each.settings, status.reported, trouble=status.trouble, known=status.known)
            for each, status in zip(self._played, statuses, strict=True)
        )

    async def watch(self) -> None:
        """Return when the state of a light differs from the report. Idle while all are steady."""
        patience = LOOK
        while _lights(statuses := self._statuses()) == self._reported:
            wait = _called_in(statuses) + patience
            with suppress(TimeoutError):
                async with asyncio.timeout(wait if wait < math.inf else None):
                    await self.changed.wait()
            # Soon as well during a call of a driver, because it may hang.
            soon = self.changed.is_set() or not 0.0 < _called_in(self._statuses()) < OFTEN
            patience = LOOK if soon else LOOK_WHILE_BLINKING
            self.changed.clear()
        self._reported = _lights(statuses)

    def missing(self) -> tuple[tuple[LampSettings, LampStatus], ...]:
        """Return the lamps with ``wait_for_light = false`` whose light is missing."""
        return tuple(
            (each.settings, status)
            for each, status in zip(self._played, self._statuses(), strict=True)
            if not each.settings.options.wait_for_light and status.light is not Light.OK
        )

    def busy(self) -> tuple[tuple[LampSettings, LampStatus], ...]:
        """Return the lamps whose light another program holds."""
        return tuple(
            (each.settings, status)
            for each, status in zip(self._played, self._statuses(), strict=True)
            if isinstance(status.trouble, LightBusy)
        )

    def hung(self) -> tuple[str, ...]:
        """Return the names of lamps whose light has hung long enough for a restart."""
        return tuple(
            each.settings.name for each in self._played if each.player.status().blocked > HUNG
        )

    def publish(self, update: Update) -> None:
        """Show the patterns of *update*, whose report was made from :meth:`rows`.

        Then each lamp plays, once, its pattern for the most important of its events. A lamp that
        is stale or broken does not play ``fixed``.
        """
        for each, row in zip(self._played, update.report.lamps, strict=True):
            if each.show(row.pattern):
                self.changed.set()
        for each, row in zip(self._played, update.report.lamps, strict=True):
            lamp = each.settings
            if lamp.hours is not None and not is_open(lamp.hours, update.report.at):
                continue
            happened = {event.event for event in update.events if lamp.name in event.lamps}
            pattern = _pattern_for(happened, lamp, row)
            if pattern is not None:
                each.player.play_once(pattern)
                self.changed.set()

    async def exchange(
        self, lamps: Sequence[LampSettings], *, patience: float
    ) -> tuple[LampSettings, ...]:
        """Switch to *lamps*: a light that stays remains lit, a removed light goes dark.

        New lights are opened when the removed ones are released, or after *patience* seconds: two
        lamps may have exchanged their pins. New lamps start with the next report. Returns the
        lamps whose lights were not released, and may still be lit.
        """
        staying, going = [], [*self._played]
        for lamp in lamps:
            same = next((each for each in going if _one_light(each.settings, lamp)), None)
            if same is not None:
                going.remove(same)
            staying.append((lamp, same))
        stuck = await _let_go([each for each in going if each.started], patience)
        self._played = [
            replace(same, settings=lamp) if same else self._made(lamp) for lamp, same in staying
        ]
        return tuple(each.settings for each in stuck)

    def darken(self, patience: float) -> None:
        """Ask every lamp to go dark; from now, :meth:`close` waits up to *patience* seconds."""
        for each in self._played:
            each.player.stop()
        if self._dark_by is None:
            self._dark_by = self._loop.time() + patience

    def close(self, timeout: float) -> None:
        """Wait until all lamps are dark, up to *timeout* seconds after that was requested."""
        self.darken(timeout)
        by = self._dark_by or 0.0
        started = [each for each in self._played if each.started]
        _tell_unanswered(
            each for each in started if not each.player.join(max(by - self._loop.time(), 0.0))
        )

    def _statuses(self) -> Sequence[LampStatus]:
        return [each.player.status() for each in self._played]

    def _made(self, lamp: LampSettings) -> _Played:
        return _Played(lamp, self._make_player(lamp, self._notice))

    def _notice(self) -> None:
        """Note that a light has changed; may be called on any thread."""
        with suppress(RuntimeError):  # The loop has ended, so the change does not matter any more.
            self._loop.call_soon_threadsafe(self.changed.set)


Seen = tuple[tuple[Light, Known | None] | None, ...]
"""What a report says of each light."""


def _lights(statuses: Iterable[LampStatus]) -> Seen:
    return tuple(status.seen for status in statuses)


def _called_in(statuses: Iterable[LampStatus]) -> float:
    return min((status.called_in for status in statuses), default=math.inf)


def shown(
    lamp: LampSettings,
    light: Light,
    *,
    trouble: LightUnavailable | None = None,
    known: Known | None = None,
) -> Shown:
    """Return a lamp for the report."""
    return Shown(
        name=lamp.name,
        driver=lamp.driver,
        feeds=lamp.feeds,
        patterns=lamp.patterns,
        light=light,
        selection=lamp.selection,
        hours=lamp.hours,
        closed=lamp.closed,
        trouble=str(trouble) if trouble else None,
        known=known,
    )


def others(
    lamps: Sequence[LampSettings], known: Sequence[LampSettings]
) -> tuple[LampSettings, ...]:
    """Return those of *lamps* whose lights are not among the lights of *known*."""
    return tuple(lamp for lamp in lamps if not any(_one_light(lamp, each) for each in known))


def _one_light(before: LampSettings, after: LampSettings) -> bool:
    """Return whether both have the same light, whatever they show on it."""
    return before.light is after.light and before.options == after.options


async def _let_go(going: Sequence[_Played], patience: float) -> Sequence[_Played]:
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    for each in going:
        each.player.stop()
    # The end of a thread cannot set an event of the loop; each check is cheap.
    while not all(each.player.join(0.0) for each in going) and loop.time() < end:  # noqa: ASYNC110
        await asyncio.sleep(LETTING_GO)
    stuck = [each for each in going if not each.player.join(0.0)]
    _tell_unanswered(stuck)
    return stuck


def _tell_unanswered(lamps: Iterable[_Played]) -> None:
    for each in lamps:
        name = each.settings.name
        log.warning("%s: the light did not respond; its last state may still be shown", name)


def _pattern_for(happened: set[Event], lamp: LampSettings, row: LampReport) -> Pattern | None:
    """Return the pattern of *lamp* for the most important event of *happened* that has one."""
    bad = row.signal.stale or row.signal.verdict is Verdict.BROKEN
    patterns = [
        lamp.events[event] for event in WORST_FIRST if event in happened & lamp.events.keys()
    ]
    return next((pattern for pattern in patterns if not (bad and cheers(pattern))), None)
