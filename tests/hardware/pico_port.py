"""A Pico's whole program at the other end of a pseudo-terminal, its machine made up."""

import os
import subprocess
import sys
import tty
from pathlib import Path

from hardware.conftest import FIRMWARE, HERE, pico
from hardware.lead import CHANNELS

PINS = {10: "red", 11: "amber", 12: "green", 13: "buzzer"}


class Pico:
    """A running main.py, and what it did to its pins."""

    def __init__(self, folder: Path) -> None:
        pico()  # It says so if the firmware is not there.
        self._told = folder / "pins"
        self._told.touch()
        # Both ends stay open: USB does not hang up when nobody holds the port.
        self._end, self._held = os.openpty()
        tty.setraw(self._held)
        self.name = os.ttyname(self._held)
        self._log = (folder / "log").open("w")
        self.process = subprocess.Popen(
            [sys.executable, HERE / "pico_on_a_port.py", FIRMWARE / "pico"],
            stdin=self._end,
            stdout=self._end,
            stderr=self._log,
            env={**os.environ, "PICO_PINS": str(self._told)},
        )

    def close(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait()
        self._log.close()
        os.close(self._end)
        os.close(self._held)

    def told(self) -> list[list[str]]:
        """Return all that happened, each as words, the milliseconds first."""
        return [line.split() for line in self._told.read_text().splitlines()]

    def changes(self, channel: str) -> list[tuple[float, int]]:
        """Return when the channel changed, in seconds, and to what per cent."""
        found = (words for words in self.told() if words[1] == "pin")
        return [
            (int(at) / 1000, int(level)) for at, _, pin, level in found if PINS[int(pin)] == channel
        ]

    def lit(self) -> dict[str, int]:
        """Return the channels that are lit, and how much."""
        return {
            channel: changes[-1][1]
            for channel in CHANNELS
            if (changes := self.changes(channel)) and changes[-1][1]
        }
