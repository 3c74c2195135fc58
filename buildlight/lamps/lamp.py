"""One lamp: plays its pattern on its light, on a thread of its own, and reopens a lost light.

:class:`Lamp` decides what is due and has no clock; :class:`LampThread` gives it one. Nobody
else calls a driver. Not a thread of asyncio's pool: there, a cancelled ``show`` would still run
while ``close`` is called, and one that blocks would hold the exit.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from typing import cast

from buildlight.drivers import Driver, PatternDriver
from buildlight.errors import LightUnavailable
from buildlight.patterns.pattern import (
    OFF,
    Frame,
    Pattern,
    flashes,
    frame_at,
    length,
    next_change,
    overlaid,
    stilled,
)
from buildlight.report.report import Light

RETRIES = (0.25, 0.5, 1.0, 1.5)
"""Seconds before a light is tried again, and again; the last goes on."""

OPENING = 5.0
"""Seconds that a light may take to open: a board starts, a host is looked for."""

log = logging.getLogger(__name__)


class Lamp:
    """What a lamp's light has to show, step by step.

    *open_light* opens the light and raises :class:`LightUnavailable`. Times are seconds of any
    clock that never goes back.
    """

    def __init__(self, open_light: Callable[[], Driver]) -> None:
        self._open_light = open_light
        self._driver: Driver | None = None
        self._pattern = OFF
        self._start = 0.0
        self._shown: Frame | None = None
        self._shown_at = 0.0
        self._once: tuple[Pattern, float] | None = None
        self._tries = 0
        self._retry_at = 0.0
        self._failure = ""
        self._close_failed = False
        self.light: Light | None = None
        """How the light is; ``None`` until it was tried."""
        self.trouble: LightUnavailable | None = None
        """Why the light is not ok."""
        self.on_open: Callable[[], None] = lambda: None
        """Called when the light has been opened, before it is shown anything."""

    @property
    def driver(self) -> Driver | None:
        """The open light."""
        return self._driver

    def step(self, pattern: Pattern, *, now: float, once: Pattern | None = None) -> float | None:
        """Bring the light to what *pattern* shows at *now*.

        *once* is played over it from now until it ends, or until another pattern comes: what
        was a reason to cheer may be none any more.

        Returns the seconds until the next step is due, ``None`` if only another pattern can
        make one. Never raises: a light that is lost is tried again in later steps.
        """
        if pattern != self._pattern:
            self._pattern, self._start, self._shown = pattern, now, None
            self._once = None
        if once is not None:
            self._once = (once, now)
        if self._driver is None and now < self._retry_at:
            return self._retry_at - now
        try:
            driver = self._driver or self._opened()
            return self._show(driver, now=now)
        except Exception as exc:  # noqa: BLE001 - a driver may be anybody's, a lamp must not freeze
            return self._lose(exc, now=now)

    def close(self) -> None:
        """Make the light dark and let go of it. Never raises."""
        driver, self._driver = self._driver, None
        if driver is None:
            return
        try:
            driver.close()
        except Exception as exc:  # noqa: BLE001 - a driver may be anybody's, and this one is done with
            if not self._close_failed:
                log.warning("a driver failed to close its light: %s: %s", type(exc).__name__, exc)
            self._close_failed = True

    def _opened(self) -> Driver:
        driver = self._open_light()
        self.on_open()
        self._driver, self._shown = driver, None
        return driver

    def _show(self, driver: Driver, *, now: float) -> float | None:
        elapsed = now - self._start
        refresh = driver.refresh
        due = refresh is not None and now >= self._shown_at + refresh
        over, over_ends = self._overlay(now)
        # What flashes over something that flashes could flash more than three times a second.
        beneath = (
            stilled(self._pattern) if any(flashes(each) for each, _ in over) else self._pattern
        )
        native = not over and isinstance(driver, PatternDriver) and driver.plays(self._pattern)
        frame = frame_at(beneath, 0.0 if native else elapsed)
        for pattern, since in over:
            frame = overlaid(frame, pattern, now - since)
        if frame != self._shown or due:
            if native:
                cast("PatternDriver", driver).play(self._pattern)
            else:
                driver.show(frame)
            self._shown, self._shown_at = frame, now
        self.light, self.trouble, self._tries = Light.OK, None, 0
        self._failure, self._close_failed = "", False
        waits = [over_ends, None if native else next_change(beneath, elapsed)]
        waits.append(None if refresh is None else self._shown_at + refresh - now)
        return min((wait for wait in waits if wait is not None), default=None)

    def _overlay(self, now: float) -> tuple[list[tuple[Pattern, float]], float | None]:
        """Return what is played over the pattern, and in how many seconds that changes."""
        if self._once is None:
            return [], None
        pattern, since = self._once
        if now - since >= length(pattern):
            self._once = None
            self._shown = None  # A light with a rhythm of its own has to be told it again.
            return [], None
        return [self._once], next_change(pattern, now - since)

    def _lose(self, exc: Exception, *, now: float) -> float:
        if not isinstance(exc, LightUnavailable):
            failure = f"{type(exc).__name__}: {exc}"
            if failure != self._failure:  # It is tried again for ever, and told once.
                log.error("a driver failed: %s", failure)
            self._failure = failure
            exc = LightUnavailable(f"its driver failed ({type(exc).__name__})")
        self.close()
        was_there = self.light in (Light.OK, Light.LOST)
        self.light = Light.LOST if was_there else Light.WAITING
        self.trouble = exc
        delay = RETRIES[min(self._tries, len(RETRIES) - 1)]
        self._tries += 1
        self._retry_at = now + delay
        return delay


class LampThread:
    """The thread that plays one lamp; all of its methods may be called from any other thread.

    *on_light* is called on this thread whenever the light becomes ok, waiting or lost.
    """

    def __init__(
        self,
        name: str,
        lamp: Lamp,
        *,
        on_light: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lamp = lamp
        self._on_light = on_light
        self._clock = clock
        self._changed = threading.Condition()
        self._wanted = OFF
        self._once: Pattern | None = None
        self._played: Pattern | None = None
        self._stopping = False
        self._called_at: float | None = None
        lamp.on_open = self._note_call
        self._next_call = -math.inf
        # A daemon thread: one that a light blocks must not hold the exit.
        self._thread = threading.Thread(target=self._run, name=f"lamp {name}", daemon=True)

    def start(self, pattern: Pattern) -> None:
        """Open the light, and play *pattern* until told otherwise."""
        self._wanted = pattern
        self._thread.start()

    def play(self, pattern: Pattern) -> None:
        """Play *pattern*; the one that plays already goes on without a break."""
        with self._changed:
            if pattern != self._wanted:
                self._wanted = pattern
                self._once = None  # It was a reason to cheer before this.
                self._next_call = -math.inf
                self._changed.notify_all()

    def play_once(self, pattern: Pattern) -> None:
        """Play *pattern*, which has an end, over the one that plays."""
        with self._changed:
            self._once = pattern
            self._next_call = -math.inf
            self._changed.notify_all()

    def stop(self) -> None:
        """Ask for darkness and the thread's end; does not wait for either."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, timeout: float) -> bool:
        """Wait up to *timeout* seconds for the end; returns whether it came."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def wait_tried(self, timeout: float) -> bool:
        """Wait up to *timeout* seconds until the light was tried; returns whether it is there."""
        with self._changed:
            self._changed.wait_for(lambda: self._lamp.light is not None, timeout)
            return self._lamp.light is Light.OK

    def wait_played(self, pattern: Pattern, timeout: float) -> bool:
        """Wait up to *timeout* seconds until the light shows *pattern*; returns whether it does."""
        with self._changed:
            return self._changed.wait_for(lambda: self._played == pattern, timeout)

    @property
    def light(self) -> Light | None:
        """How the light is; ``None`` until it was tried."""
        return self._lamp.light

    @property
    def trouble(self) -> LightUnavailable | None:
        """Why the light is not ok."""
        return self._lamp.trouble

    @property
    def driver(self) -> Driver | None:
        """The open light, to be asked and not to be called."""
        return self._lamp.driver

    @property
    def called_in(self) -> float:
        """The seconds until the driver is called again, 0 while it is; infinite while all is still.

        Before then no light can begin to hang.
        """
        return max(self._next_call - self._clock(), 0.0)

    def blocked_for(self) -> float:
        """Return for how many seconds the driver should have come back from its present call.

        At once from any but the opening, which has :data:`OPENING` seconds. Infinite for a thread
        that has ended though nobody asked it to.
        """
        if self._thread.ident is not None and not self._thread.is_alive() and not self._stopping:
            return math.inf
        called_at = self._called_at
        if called_at is None:
            return 0.0
        patience = OPENING if self._lamp.driver is None else 0.0
        return max(self._clock() - called_at - patience, 0.0)

    def _note_call(self) -> None:
        self._called_at = self._clock()

    def _run(self) -> None:
        while True:
            with self._changed:
                wanted = self._wanted
                once, self._once = self._once, None
                if self._stopping:
                    break
            wait = self._step(wanted, once)
            with self._changed:
                if self._wanted == wanted and self._once is None and not self._stopping:
                    self._changed.wait(wait)
        self._lamp.close()

    def _step(self, wanted: Pattern, once: Pattern | None) -> float | None:
        before = self._lamp.light
        self._called_at = now = self._clock()
        self._next_call = now
        wait = self._lamp.step(wanted, now=now, once=once)
        self._next_call = math.inf if wait is None else self._clock() + wait
        self._called_at = None
        if self._lamp.light is not before:
            self._on_light()
        with self._changed:
            self._played = wanted if self._lamp.light is Light.OK else None
            self._changed.notify_all()
        return wait
