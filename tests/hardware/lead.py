"""A board on a lead: what it is told, what it says, and what is on its pins, in its own time.

The programs that are the boards (``chip.c``, ``pico_on_a_lead.py``) take commands line by line,
and tell what happens with the time at which it happens: no test waits for a clock on the wall.
"""

import queue
import subprocess
import threading
import time
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Self

CHANNELS = ("red", "amber", "green", "buzzer")
PATIENCE = 60.0
"""Seconds that a board may think."""
ANSWERED = 0.1
"""Seconds that are more than the longest line and the longest answer take on the wire."""
ROUND = 0.005
"""Seconds in which the AVR goes once through its steps of brightness."""


@dataclass(slots=True)
class Trace:
    """What was on one pin: its level (0 to 1) from each moment on, in seconds."""

    times: list[float] = field(default_factory=lambda: [0.0])
    levels: list[float] = field(default_factory=lambda: [0.0])

    def add(self, at: float, level: float) -> None:
        """Note that the pin is at *level* from *at* on."""
        self.times.append(at)
        self.levels.append(level)

    def forget(self) -> None:
        """Forget all but the present level."""
        del self.times[:-1], self.levels[:-1]

    def share(self, begin: float, end: float) -> float:
        """Return how bright it was between *begin* and *end*."""
        sum_, at, index = 0.0, begin, bisect_right(self.times, begin) - 1
        while at < end:
            until = self.times[index + 1] if index + 1 < len(self.times) else end
            sum_ += (min(until, end) - at) * self.levels[index]
            at, index = min(until, end), index + 1
        return sum_ / (end - begin)

    def edges(self, begin: float, end: float) -> list[tuple[float, float]]:
        """Return when the level changed after *begin*, in seconds from then on, and to what."""
        pairs = zip(self.times, self.levels, strict=True)
        return [(at - begin, level) for at, level in pairs if begin < at < end]


@dataclass(frozen=True, slots=True)
class Kind:
    """How to run a board: its *command*, its clock's *hertz*, and what it calls its *pins*.

    *full* is what it says of a pin that is all on.
    """

    name: str
    command: Sequence[str]
    hertz: float
    pins: Mapping[str, str]
    full: float


class Board:
    """A running board. ``with Board(kind) as board: …``."""

    def __init__(self, kind: Kind) -> None:
        self.name = kind.name
        self.now = 0.0
        """Seconds since the board started."""
        self.traces: Mapping[str, Trace] = {channel: Trace() for channel in CHANNELS}
        self.began = 0.0
        """When it last started."""
        self.opened = 0
        """How often somebody opened its port."""
        self._kind = kind
        self._heard: list[tuple[float, bytes]] = []
        self._taken = 0
        self._done: queue.SimpleQueue[float | None] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._kind.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            bufsize=1,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.wait(ANSWERED)  # It begins with saying what it is.
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe
            with suppress(BrokenPipeError):
                pipe.close()

    # What it is told.

    def say(self, text: str | bytes) -> None:
        """Send *text* as a host does that does not wait for answers."""
        data = text.encode() if isinstance(text, str) else text
        self._order(f"say {data.hex()}")

    def spoil(self, data: bytes) -> None:
        """Send bytes that end too early, as those of another speed do."""
        self._order(f"spoil {data.hex()}")

    def wait(self, seconds: float) -> None:
        """Let time pass, as fast as can be."""
        self._order(f"wait {round(seconds * 1000)}")

    def answers(self, text: str | bytes, *, seconds: float = ANSWERED) -> list[str]:
        """Send *text*, and return the lines that are said to it."""
        self.heard()
        self.say(text)
        self.wait(seconds)
        return self.heard()

    def show(self, words: str, *, ttl: int = 300) -> float:
        """Tell it what to show; returns when it began to."""
        return self.obeys(f"SET {words} ttl={ttl}\n")

    def obeys(self, line: str | bytes) -> float:
        """Send a line that is obeyed; returns when it was."""
        assert self.answers(line) == ["OK"]
        return self.answered

    def hang(self) -> None:
        """Let the program run into an endless loop."""
        self._order("hang")

    def unplug(self) -> None:
        """Take its power away, and give it back."""
        self._order("unplug")

    def restart(self) -> None:
        """Take its power away, give it back, and forget what was before."""
        self._heard.clear()
        self._taken = 0
        self.unplug()
        self.began = self.now
        for trace in self.traces.values():
            trace.forget()
        self.wait(ANSWERED)

    @contextmanager
    def pacing(self) -> Iterator[None]:
        """Let time pass as it does for people, meanwhile."""
        self._tell("pace")
        try:
            yield
        finally:
            self._tell("stop")
            self._finish()
            self._finish()

    # What it says and shows.

    @property
    def answered(self) -> float:
        """When it last said OK."""
        return next(
            at
            for (at, first), (_, second) in reversed([*pairwise(self._heard)])
            if first + second == b"OK"
        )

    def heard(self) -> list[str]:
        """Return the lines that it said since the last time."""
        new = self._heard[self._taken :]
        self._taken = len(self._heard)
        return b"".join(data for _, data in new).decode("ascii").splitlines()

    def share(self, channel: str, begin: float, end: float) -> float:
        """Return how bright *channel* was between two moments, 0 to 1."""
        return self.traces[channel].share(begin, end)

    def edges(self, channel: str, begin: float, end: float) -> list[tuple[float, float]]:
        """Return when *channel* changed after *begin*, counted from then, and to what."""
        return self.traces[channel].edges(begin, end)

    def lit(self, begin: float | None = None, end: float | None = None) -> set[str]:
        """Return the channels that were lit at all between two moments: now, unless told."""
        end = self.now if end is None else end
        begin = end - ROUND if begin is None else begin
        return {channel for channel in CHANNELS if self.share(channel, begin, end) > 0}

    def _order(self, command: str) -> None:
        self._tell(command)
        self._finish()

    def _tell(self, command: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()

    def _finish(self) -> None:
        now = self._done.get(timeout=PATIENCE)
        assert now is not None, f"{self.name}: the board is gone: {self._last}"
        self.now = now

    def _read(self) -> None:
        assert self._process.stdout
        self._last = ""
        for line in self._process.stdout:
            self._last = line
            match line.split():
                case ["pin", at, pin, level]:
                    trace = self.traces[self._kind.pins[pin]]
                    trace.add(self._seconds(at), float(level) / self._kind.full)
                case ["heard", at, data]:
                    self._heard += [
                        (self._seconds(at), bytes([byte])) for byte in bytes.fromhex(data)
                    ]
                case ["opened", _]:
                    self.opened += 1
                case ["time", at]:
                    self.now = self._seconds(at)
                case ["now", at]:
                    self._done.put(self._seconds(at))
        self._done.put(None)

    def _seconds(self, at: str) -> float:
        return int(at) / self._kind.hertz


def until(condition: Callable[[], object], told: Callable[[], object] = str) -> None:
    """Wait for something that another program brings about; *told* helps if it does not come."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(0.005)
