"""One lamp: shows the steps of a pattern on its light, and reopens a lost light. No clock."""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from buildlight.drivers import Confirming, Driver, PatternDriver
from buildlight.errors import LightUnavailable
from buildlight.lamps.timing import BLOCKED, RETRIES
from buildlight.patterns.flashing import flashes, stop_flashing
from buildlight.patterns.known import Known
from buildlight.patterns.pattern import (
    OFF,
    Frame,
    Pattern,
    duration_of,
    frame_at,
    lay_over,
    next_change,
)
from buildlight.report.shown import Light

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LampStatus:
    """The state of a lamp's light; *light* is ``None`` until it was opened for the first time.

    *known* is what stands behind a light that is ok.
    *blocked* is by how many seconds the current call of the driver is late. *called_in* is the
    number of seconds until the next call: 0 during a call, infinite while the light is steady.
    """

    light: Light | None
    trouble: LightUnavailable | None = None
    blocked: float = 0.0
    called_in: float = math.inf
    known: Known | None = None

    @property
    def hangs(self) -> bool:
        """Whether the driver takes too long."""
        return self.blocked > BLOCKED

    @property
    def tried(self) -> bool:
        """Whether the state of the light is known."""
        return self.light is not None or self.hangs

    @property
    def reported(self) -> Light:
        """The state of the light for a report."""
        return Light.LOST if self.hangs else self.light or Light.WAITING

    @property
    def seen(self) -> tuple[Light, Known | None] | None:
        """What a report says of the light; ``None`` before it was tried."""
        if not self.tried:
            return None
        return self.reported, self.known if self.reported is Light.OK else None


@dataclass(frozen=True, slots=True)
class Overlay:
    """A *pattern* with an end that has covered another pattern since *start*."""

    pattern: Pattern
    start: float

    def over(self, now: float) -> bool:
        """Return whether it has ended."""
        return now - self.start >= duration_of(self.pattern)


def due(
    pattern: Pattern, overlay: Overlay | None, *, start: float, now: float
) -> tuple[Frame, float | None]:
    """Return the frame of *pattern*, which began at *start*, and its duration in seconds.

    ``None`` seconds: until the next pattern. Under an *overlay* that flashes, the pattern is
    steady: together they could flash more than three times a second.
    """
    if overlay is None:
        return frame_at(pattern, now - start), next_change(pattern, now - start)
    beneath = stop_flashing(pattern) if flashes(overlay.pattern) else pattern
    since = now - overlay.start
    frame = lay_over(frame_at(beneath, now - start), overlay.pattern, since)
    waits = next_change(beneath, now - start), next_change(overlay.pattern, since)
    return frame, min((wait for wait in waits if wait is not None), default=None)


def known_of(driver: Driver) -> Known:
    """Return what *driver* knows of its light; one that does not say so was only told."""
    known = driver.known if isinstance(driver, Confirming) else Known.TOLD
    return known if isinstance(known, Known) else Known.TOLD


class Lamp:
    """Shows patterns on a light, step by step.

    *open_light* opens the light or raises :class:`LightUnavailable`. Times are seconds of a
    monotonic clock.
    """

    def __init__(self, open_light: Callable[[], Driver]) -> None:
        self._open_light = open_light
        self._driver: Driver | None = None
        self._pattern = OFF
        self._start = 0.0
        self._told: Frame | Pattern | None = None
        self._told_at = 0.0
        self._overlay: Overlay | None = None
        self._tries = 0
        self._retry_at = 0.0
        self._failure = ""
        self._close_failed = False
        self.light: Light | None = None
        """The state of the light; ``None`` until it was opened for the first time."""
        self.trouble: LightUnavailable | None = None
        """Why the light is not ok; empty if it is."""
        self.known: Known | None = None
        """What stands behind a light that is ok."""
        self.on_open: Callable[[], None] = lambda: None
        """Called when the light has been opened, before its first frame."""

    @property
    def driver(self) -> Driver | None:
        """The open light, if any."""
        return self._driver

    def step(self, pattern: Pattern, *, now: float, once: Pattern | None = None) -> float | None:
        """Show the frame of *pattern* at *now*.

        *once* is played over it until it ends, or until another pattern comes, because the
        event may no longer matter.

        Returns the seconds until the next step, ``None`` if there is none without a new
        pattern. Never raises: a lost light is opened again in a later step.
        """
        if pattern != self._pattern:
            self._pattern, self._start, self._overlay = pattern, now, None
        if once is not None:
            self._overlay = Overlay(once, now)
        if self._driver is None and now < self._retry_at:
            return self._retry_at - now
        try:
            driver = self._driver or self._opened()
            return self._show(driver, now=now)
        except Exception as exc:  # noqa: BLE001 - a driver may be a plug-in, a lamp must not freeze
            return self._lose(exc, now=now)

    def close(self) -> None:
        """Make the light dark and release it. Never raises."""
        driver, self._driver = self._driver, None
        if driver is None:
            return
        try:
            driver.close()
        except Exception as exc:  # noqa: BLE001 - a driver may be a plug-in
            if not self._close_failed:
                log.warning("a driver failed to close its light: %s: %s", type(exc).__name__, exc)
            self._close_failed = True

    def _opened(self) -> Driver:
        driver = self._open_light()
        self.on_open()
        self._driver, self._told = driver, None
        return driver

    def _show(self, driver: Driver, *, now: float) -> float | None:
        if self._overlay is not None and self._overlay.over(now):
            self._overlay = None
        frame, wait = due(self._pattern, self._overlay, start=self._start, now=now)
        wanted: Frame | Pattern = frame
        if (
            self._overlay is None
            and isinstance(driver, PatternDriver)
            and driver.plays(self._pattern)
        ):
            wanted, wait = self._pattern, None
        refresh = math.inf if driver.refresh is None else driver.refresh
        if wanted != self._told or now >= self._told_at + refresh:
            if isinstance(wanted, Pattern):
                cast("PatternDriver", driver).play(wanted)
            else:
                driver.show(wanted)
            self._told, self._told_at = wanted, now
        self.light, self.trouble, self._tries = Light.OK, None, 0
        self.known = known_of(driver)
        self._failure, self._close_failed = "", False
        wait = min(math.inf if wait is None else wait, self._told_at + refresh - now)
        return None if wait == math.inf else wait

    def _lose(self, exc: Exception, *, now: float) -> float:
        if not isinstance(exc, LightUnavailable):
            failure = f"{type(exc).__name__}: {exc}"
            if failure != self._failure:  # Opening is repeated for ever, but logged once.
                log.error("a driver failed: %s", failure)
            self._failure = failure
            exc = LightUnavailable(f"its driver failed ({type(exc).__name__})")
        self.close()
        was_there = self.light in (Light.OK, Light.LOST)
        self.light = Light.LOST if was_there else Light.WAITING
        self.trouble, self.known = exc, None
        delay = RETRIES[min(self._tries, len(RETRIES) - 1)]
        self._tries += 1
        self._retry_at = now + delay
        return delay
