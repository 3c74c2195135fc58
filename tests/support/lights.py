"""Lights that drivers are tested on: a kernel's LEDs in a folder. Others: ``fake_wled``."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from buildlight.drivers import sysfs

TRIGGERS = ("none", "timer", "heartbeat")


class Kernel:
    """A folder that behaves as /sys/class/leds does, and keeps what was written to it.

    The files are real; what the kernel does when they are written is done here.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.written: list[str] = []
        self.delay_mode = 0o644
        """The permissions of the files that a timer brings."""
        self._write = os.write
        monkeypatch.setattr(sysfs, "LEDS", folder)
        monkeypatch.setattr(os, "write", self._written)

    def add(self, *names: str, most: int = 1, triggers: tuple[str, ...] = TRIGGERS) -> None:
        """Plug LEDs in; they are dark."""
        for name in names:
            led = self.folder / name
            led.mkdir()
            (led / "brightness").write_text("0\n")
            (led / "max_brightness").write_text(f"{most}\n")
            (led / "trigger").write_text(_bracketed("none", triggers))

    def state(self, name: str) -> tuple[int, str]:
        """Return the brightness and the trigger of an LED."""
        led = self.folder / name
        (trigger,) = [each for each in (led / "trigger").read_text().split() if each[0] == "["]
        return int((led / "brightness").read_text()), trigger[1:-1]

    def news(self) -> list[str]:
        """Return what was written since the last time."""
        news, self.written[:] = [*self.written], []
        return news

    def set_trigger(self, name: str, trigger: str) -> None:
        """Do what the kernel does for a word that is written to a trigger."""
        led = self.folder / name
        known = [each.strip("[]") for each in (led / "trigger").read_text().split()]
        if f"[{trigger}]" not in (led / "trigger").read_text().split():
            if trigger == "none":
                (led / "brightness").write_text("0\n")
            for each in ("delay_on", "delay_off"):
                (led / each).unlink(missing_ok=True)
        (led / "trigger").write_text(_bracketed(trigger, tuple(known)))
        if trigger == "timer":
            for each in ("delay_on", "delay_off"):
                if not (led / each).exists():
                    (led / each).write_text("500\n")
                    (led / each).chmod(self.delay_mode)

    def _written(self, file: int, text: bytes) -> int:
        path = Path(f"/proc/self/fd/{file}").readlink()
        if not path.is_relative_to(self.folder):
            return self._write(file, text)
        led, attribute, word = path.parent.name, path.name, text.decode()
        self.written.append(f"{led}/{attribute} {word}")
        if attribute == "trigger":
            self._write(file, self._before_truncation(led).encode())
            self.set_trigger(led, word)
            return len(text)
        return self._write(file, text)

    def _before_truncation(self, led: str) -> str:
        # Opening emptied the plain file, which a file of sysfs does not mind.
        delays = (self.folder / led / "delay_on").exists()
        return _bracketed("timer" if delays else "none", TRIGGERS)


def _bracketed(active: str, triggers: tuple[str, ...]) -> str:
    return " ".join(f"[{each}]" if each == active else each for each in triggers) + "\n"


@contextmanager
def as_nobody() -> Iterator[Path]:
    """Be a user without rights for a while; gives a folder that this user can look into."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o777)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65_534)
        try:
            yield Path(name)
        finally:
            if root:
                os.seteuid(0)
