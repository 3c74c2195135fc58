"""A light that can be made to fail in every way: a Jambel on a pseudo-terminal, or on TCP.

It speaks the Jambel's protocol (a line, and ``OK``), for that is one that answers.
"""

import ctypes
import os
import select
import socket
import threading
import tty
from collections.abc import Callable
from contextlib import suppress
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Self

from buildlight.drivers import Driver, DriverOptions
from buildlight.patterns.pattern import Frame


class Mood(Enum):
    """How the light takes what it is told."""

    WELL = auto()
    SILENT = auto()  # reads, and says nothing
    DEAF = auto()  # reads nothing
    SLOW = auto()  # answers after a while
    NONSENSE = auto()  # answers with noise
    REFUSING = auto()  # answers that it will not


ANSWERS = {Mood.WELL: b"OK\n", Mood.SLOW: b"OK\n", Mood.NONSENSE: b"\xff\x00?\n"}
ANSWERS[Mood.REFUSING] = b"ERR\n"
SLOWNESS = 0.3
"""Seconds that a slow light takes for an answer: less than the second that it is given."""
NOBODY = 65_534
LONGEST = 100.0
"""Seconds after which a light that blocks gives up, so that no test stands for ever."""
MODULES = ("red", "amber", "green")


class Gate(Driver):
    """A driver whose calls wait at a gate: those of the kernel may take for ever, too."""

    Options = DriverOptions

    def __init__(self, driver: Driver, gate: threading.Event) -> None:
        self._driver = driver
        self._gate = gate

    @property
    def refresh(self) -> float | None:  # type: ignore[override]
        """As often as its driver wants."""
        return self._driver.refresh

    def show(self, frame: Frame) -> None:
        """Show *frame*, once the gate is open."""
        assert self._gate.wait(LONGEST)
        self._driver.show(frame)

    def close(self) -> None:
        """Go dark."""
        self._driver.close()


class FaultLight:
    """A light at :attr:`port`; *lit* is what it shows, *lines* all that it was ever told.

    Clear *opening* to have it block while it is opened, or *calls*, if *gated*, in each call.
    """

    def __init__(self, folder: Path, *, tcp: bool = False, gated: bool = False) -> None:
        self.mood = Mood.WELL
        self.lit: frozenset[str] = frozenset()
        self.lines: list[str] = []
        self._tcp = tcp
        self._link = folder / "light"
        self._ends: list[int] = []
        self._listening: socket.socket | None = None
        self._number = 0
        self._forbidden = False
        self._gated = gated
        self.opening, self.calls = threading.Event(), threading.Event()
        self.opening.set()
        self.calls.set()
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="light", daemon=True)

    def __enter__(self) -> Self:
        self.plug()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.opening.set()
        self.calls.set()
        self._stop.set()
        self._thread.join(timeout=10)
        self.unplug()

    @property
    def port(self) -> str:
        """What to write into the configuration."""
        return f"socket://127.0.0.1:{self._number}" if self._tcp else str(self._link)

    def plug(self) -> None:
        """Bring it, at the same place as before."""
        with self._lock:
            self.lit = frozenset()
            if self._tcp:
                self._listening = socket.create_server(("127.0.0.1", self._number))
                self._number = self._listening.getsockname()[1]
                return
            ours, theirs = os.openpty()
            tty.setraw(theirs)
            self._ends = [ours, theirs]
            self._link.unlink(missing_ok=True)
            self._link.symlink_to(os.ttyname(theirs))

    def unplug(self) -> None:
        """Take it away."""
        with self._lock:
            for end in self._ends:
                os.close(end)
            self._ends.clear()
            if self._listening is not None:
                self._listening.close()
            self._listening = None
            if not self._tcp:
                self._link.unlink(missing_ok=True)

    def forbid(self) -> None:
        """Take it from everybody but root."""
        self.device.chmod(0)
        self._forbidden = True

    def allow(self) -> None:
        """Give it back."""
        self._forbidden = False
        self.device.chmod(0o600)

    def opened(self, open_light: Callable[[], Driver]) -> Driver:
        """Call *open_light*; where it is forbidden and root runs the tests, as nobody.

        setfsuid(2) is for the one thread that calls it: the daemon reads its files as before.
        """
        assert self.opening.wait(LONGEST)
        if not (self._forbidden and os.geteuid() == 0):
            driver = open_light()
            return Gate(driver, self.calls) if self._gated else driver
        libc = ctypes.CDLL(None)
        libc.setfsuid(NOBODY)
        try:
            return open_light()
        finally:
            libc.setfsuid(0)

    @property
    def device(self) -> Path:
        """The device that the port leads to."""
        return self._link.resolve()

    def _run(self) -> None:
        heard = b""
        while not self._stop.wait(0.002):
            with self._lock, suppress(OSError):
                if self.mood is not Mood.DEAF:
                    heard = self._hear(heard)

    def _hear(self, heard: bytes) -> bytes:
        """Take what came, answer the lines of it, and return what is no whole line yet."""
        if self._listening is not None and select.select([self._listening], [], [], 0)[0]:
            connection, _ = self._listening.accept()
            for end in self._ends:
                os.close(end)
            self._ends = [connection.detach()]
        if not self._ends or not select.select(self._ends[:1], [], [], 0)[0]:
            return heard
        *lines, rest = (heard + os.read(self._ends[0], 4096)).split(b"\n")
        for line in lines:
            self._obey(line.decode("ascii", "replace"))
        return rest

    def _obey(self, line: str) -> None:
        self.lines.append(line)
        if self.mood in (Mood.WELL, Mood.SLOW) and line.startswith("set_all="):
            modes = line.removeprefix("set_all=").split(",")
            self.lit = frozenset(
                name for name, mode in zip(MODULES, modes, strict=False) if mode != "0"
            )
        if self.mood is Mood.SLOW:
            self._stop.wait(SLOWNESS)
        if self.mood in ANSWERS:
            os.write(self._ends[0], ANSWERS[self.mood])
