"""The daemon's event loop, whose clock goes on while the machine sleeps."""

import os
import sys
import time
from contextlib import suppress

from buildlight.network.resolver import ResolverLoop

FAR = 2.0**31
"""Seconds since 1970 of a moment that is not waited for, but for being told of a set clock."""
BOOTTIME = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux' own; elsewhere the monotonic clock itself goes on during a sleep."""


def seconds_since_boot() -> float:
    """Return the seconds since the machine booted, including those in which it slept."""
    return time.clock_gettime(BOOTTIME)


class DaemonLoop(ResolverLoop):
    """An event loop for a lamp that must not show yesterday's news after a sleep.

    asyncio's own clock stops while a laptop is closed or a virtual machine is suspended: what was
    green then would stay green. From Python 3.13 on, the loop also wakes at once with the machine;
    before, at its next timer: the daemon has one at least every 30 seconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self._alarm: int | None = None
        if sys.platform == "linux" and sys.version_info >= (3, 13):
            with suppress(OSError):  # Then it wakes at its next timer.
                self._alarm = os.timerfd_create(time.CLOCK_REALTIME, flags=os.TFD_NONBLOCK)
                flags = os.TFD_TIMER_ABSTIME | os.TFD_TIMER_CANCEL_ON_SET
                os.timerfd_settime(self._alarm, flags=flags, initial=FAR)
                self.add_reader(self._alarm, _acknowledge, self._alarm)

    def time(self) -> float:
        """Return :func:`seconds_since_boot`."""
        return seconds_since_boot()

    def close(self) -> None:
        """Close the loop."""
        if self._alarm is not None:
            self.remove_reader(self._alarm)
            os.close(self._alarm)
            self._alarm = None
        super().close()


def _acknowledge(alarm: int) -> None:
    """Take note that the machine has slept or its clock was set: the loop is awake by that."""
    with suppress(OSError):  # ECANCELED is how the kernel says so.
        os.read(alarm, 8)
