"""Pins, PWM and watchdog of a Pico, as far as ``main.py`` knows them, for CPython.

Every change of a pin is a line in the file that ``PICO_PINS`` names: the time in milliseconds, the
GP number, and the level in per cent.
"""

import os
import time
from pathlib import Path

FULL = 65_535


def tell(*words: object) -> None:
    """Write a line of what happened."""
    with Path(os.environ["PICO_PINS"]).open("a") as file:
        file.write(" ".join(map(str, (time.monotonic_ns() // 1_000_000, *words))) + "\n")


class Pin:
    """A pin, which is an output as soon as it is asked to be."""

    OUT = "out"

    def __init__(self, number: int, mode: str = "", *, value: int = 0) -> None:
        self.number = number
        if mode == self.OUT:
            self.value(value)

    def value(self, level: int) -> None:
        """Be low or high."""
        tell("pin", self.number, 100 * level)


class PWM:
    """A pin that is high for a share of the time."""

    def __init__(self, pin: Pin, *, freq: int, duty_u16: int) -> None:
        assert 100 <= freq <= 10_000
        self._pin = pin
        self.duty_u16(duty_u16)

    def duty_u16(self, duty: int) -> None:
        """Set the share, of 65,535."""
        assert 0 <= duty <= FULL
        tell("pin", self._pin.number, round(100 * duty / FULL))


class WDT:
    """The watchdog, which wants to be fed."""

    def __init__(self, *, timeout: int) -> None:
        tell("watchdog", timeout)

    def feed(self) -> None:
        """Be quiet for another while."""


def reset() -> None:
    """Start anew, which ends this process."""
    tell("reset")
    os._exit(3)
