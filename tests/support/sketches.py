"""Lights that people built from an Arduino, as sketches of public repositories do it.

Each is a pseudo-terminal with the sketch's side of it: what is lit follows from what was read, and
nothing else. A sketch knows nothing of the driver.
"""

import os
import pty
import select
import threading
import time
import tty
from collections.abc import Mapping
from typing import ClassVar, Self


class Sketch:
    """A board with red, amber (yellow) and green; *lit* is what a person sees."""

    greeting = b""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self.lit: frozenset[str] = frozenset()
        self.seen: list[frozenset[str]] = []
        self.heard = b""
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._loop, daemon=True)

    def __enter__(self) -> Self:
        if self.greeting:
            os.write(self._master, self.greeting)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        os.write(self._wake, b"!")
        self._thread.join()
        for end in (self._slave, self._master, self._woken, self._wake):
            os.close(end)

    def _loop(self) -> None:
        while self._woken not in select.select([self._master, self._woken], [], [])[0]:
            self.read(os.read(self._master, 1024))

    def read(self, sent: bytes) -> None:
        """Do what the sketch does with what has arrived."""
        for byte in sent:
            self.heard += bytes([byte])
            self.step(byte)

    def step(self, byte: int) -> None:
        """Do what the sketch does with one byte."""

    def light(self, *lit: str) -> None:
        """Light these and no others."""
        self.lit = frozenset(lit)
        if not self.seen or self.seen[-1] != self.lit:
            self.seen.append(self.lit)

    def say(self, text: bytes) -> None:
        """Answer."""
        os.write(self._master, text)


class Letters(Sketch):
    """r, y, g, b(oth), o(ff): digitalWrite of all three for each letter."""

    STATES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "r": ("red",),
        "y": ("amber",),
        "g": ("green",),
        "b": ("red", "amber"),
        "o": (),
    }

    def step(self, byte: int) -> None:
        """Switch the others off."""
        if chr(byte) in self.STATES:
            self.light(*self.STATES[chr(byte)])


class Digits(Sketch):
    """Serial.parseInt() of a line: a bit mask of the three pins, and println("OK")."""

    PINS = ("green", "amber", "red")

    def step(self, byte: int) -> None:
        """Read to the end of the line."""
        if byte != ord("\n"):
            return
        line, self.heard = self.heard.strip(), b""
        if line.isdigit():
            mask = int(line)
            self.light(*(pin for bit, pin in enumerate(self.PINS) if mask >> bit & 1))
            self.say(b"OK\r\n")


class Words(Sketch):
    """readStringUntil: success, failure, building, off. It says when it is ready."""

    greeting = b"Traffic light ready\r\n"
    STATES: ClassVar[Mapping[bytes, tuple[str, ...]]] = {
        b"success": ("green",),
        b"failure": ("red",),
        b"building": ("amber",),
        b"off": (),
    }

    def step(self, byte: int) -> None:
        """Read to the end of the line."""
        if byte == ord("\n"):
            line, self.heard = self.heard.strip(), b""
            if line in self.STATES:
                self.light(*self.STATES[line])


class Nibbles(Sketch):
    """Two bytes of RGB nibbles: 0x0R 0xGB, as Christmas lights with a strip do."""

    COLOURS: ClassVar[Mapping[bytes, tuple[str, ...]]] = {
        b"\x0f\x00": ("red",),
        b"\x0f\x80": ("amber",),
        b"\x00\xf0": ("green",),
    }

    def step(self, _byte: int) -> None:
        """Take two bytes at a time."""
        if len(self.heard) == 2:
            self.light(*self.COLOURS.get(self.heard, ()))
            self.heard = b""


class Frames(Sketch):
    """0x06 0x85 length payload xor: answered with !ok, or with ?error."""

    STATES: ClassVar[Mapping[int, tuple[str, ...]]] = {
        0: (),
        1: ("red",),
        2: ("amber",),
        3: ("red", "amber"),
        4: ("green",),
    }

    def step(self, _byte: int) -> None:
        """Check the sum of a whole frame."""
        frame = self.heard
        if len(frame) < 3 or len(frame) < 4 + frame[2]:
            return
        self.heard = b""
        total = 0
        for each in frame[:-1]:
            total ^= each
        if frame[:2] != b"\x06\x85" or total != frame[-1]:
            self.say(b"?error\n")
            return
        self.light(*self.STATES[frame[3]])
        self.say(b"!ok\n")


class Modbus(Sketch):
    """A relay board with Modbus RTU: 3.5 characters of silence end a frame, and none is joined."""

    SILENCE = 0.004
    RELAYS = ("red", "amber", "green")

    def __init__(self) -> None:
        super().__init__()
        self.lost = 0

    def read(self, sent: bytes) -> None:
        """Take what comes within the silence as one frame."""
        while select.select([self._master], [], [], self.SILENCE)[0]:
            sent += os.read(self._master, 1024)
        if len(sent) != 8 or sent[:2] != b"\x01\x05" or sent[2:4][1] >= len(self.RELAYS):
            self.lost += 1
            return
        relay = {self.RELAYS[sent[3]]}
        self.light(*(self.lit | relay if sent[4] else self.lit - relay))


def settled(sketch: Sketch, *lit: str, seconds: float = 5.0) -> bool:
    """Return whether *sketch* comes to show *lit*."""
    end = time.monotonic() + seconds
    while sketch.lit != frozenset(lit):
        if time.monotonic() > end:
            return False
        time.sleep(0.002)
    return True
