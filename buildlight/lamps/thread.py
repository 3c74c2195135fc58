"""The thread that plays one lamp. Only this thread calls the driver.

Not a thread of asyncio's pool: there, a cancelled ``show`` would still run while ``close`` is
called, and a blocked call would prevent the exit.
"""

import math
import threading
import time
from collections.abc import Callable

from buildlight.drivers import Driver, Patient
from buildlight.errors import LightUnavailable
from buildlight.lamps.lamp import Lamp, LampStatus
from buildlight.lamps.timing import BLOCKED, OPENING
from buildlight.patterns.pattern import OFF, Pattern
from buildlight.report.shown import Light


class LampThread:
    """Plays one lamp on a thread; its methods may be called from any other thread.

    *on_light* is called on this thread whenever the light becomes ok, waiting or lost, or whenever
    something else is known of it.
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
        # A daemon thread, so that a blocked light cannot prevent the exit.
        self._thread = threading.Thread(target=self._run, name=f"lamp {name}", daemon=True)

    def start(self, pattern: Pattern) -> None:
        """Open the light, and play *pattern* until the next call.

        Raises :class:`LightUnavailable` if no thread can be started.
        """
        self._wanted = pattern
        try:
            self._thread.start()
        except RuntimeError as exc:
            raise LightUnavailable("this machine cannot start another thread") from exc

    def play(self, pattern: Pattern) -> None:
        """Play *pattern*; if it plays already, it goes on without a jump."""
        with self._changed:
            if pattern != self._wanted:
                self._wanted = pattern
                self._once = None  # The event is older than this pattern.
                self._next_call = -math.inf
                self._changed.notify_all()

    def play_once(self, pattern: Pattern) -> None:
        """Play *pattern*, which has an end, over the current one."""
        with self._changed:
            self._once = pattern
            self._next_call = -math.inf
            self._changed.notify_all()

    def stop(self) -> None:
        """Ask the thread to darken the light and end; does not wait."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def join(self, timeout: float) -> bool:
        """Wait up to *timeout* seconds for the end; returns whether the thread has ended."""
        if self._thread.ident is not None:  # It was started.
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def wait_tried(self, timeout: float) -> bool:
        """Wait up to *timeout* seconds for the first attempt to open; returns whether it worked."""
        with self._changed:
            self._changed.wait_for(lambda: self._lamp.light is not None, timeout)
            return self._lamp.light is Light.OK

    def wait_played(self, pattern: Pattern, timeout: float) -> bool:
        """Wait up to *timeout* seconds until the light shows *pattern*; returns whether it does."""
        with self._changed:
            return self._changed.wait_for(lambda: self._played == pattern, timeout)

    @property
    def driver(self) -> Driver | None:
        """The open light, for questions about it; its methods must not be called."""
        return self._lamp.driver

    def status(self) -> LampStatus:
        """Return the state of the light now."""
        lamp = self._lamp
        called_in = max(self._next_call - self._clock(), 0.0)
        return LampStatus(lamp.light, lamp.trouble, self._blocked(), called_in, lamp.known)

    def _blocked(self) -> float:
        # Infinite if the thread has ended without a request.
        if self._thread.ident is not None and not self._thread.is_alive() and not self._stopping:
            return math.inf
        called_at = self._called_at
        if called_at is None:
            return 0.0
        patience = OPENING if self._lamp.driver is None else patience_of(self._lamp.driver)
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
        before = self._lamp.light, self._lamp.known
        self._called_at = now = self._clock()
        self._next_call = now
        wait = self._lamp.step(wanted, now=now, once=once)
        self._next_call = math.inf if wait is None else self._clock() + wait
        self._called_at = None
        if (self._lamp.light, self._lamp.known) != before:
            self._on_light()
        with self._changed:
            self._played = wanted if self._lamp.light is Light.OK else None
            self._changed.notify_all()
        return wait


def patience_of(driver: Driver) -> float:
    """Return the seconds that a call of *driver* may take beyond what every light may."""
    patience = driver.patience if isinstance(driver, Patient) else 0.0
    return max(patience - BLOCKED, 0.0) if isinstance(patience, (int, float)) else 0.0
