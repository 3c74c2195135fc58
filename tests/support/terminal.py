"""A terminal of its own for the program, and a person who answers what it asks."""

import fcntl
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from pathlib import Path

BUILDLIGHT = Path(sys.executable).with_name("buildlight")
PATIENCE = 20.0
CTRL_C, CTRL_D = b"\x03", b"\x04"


def _take_terminal() -> None:
    """Make standard input the terminal of this session, so that Ctrl-C and getpass work."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Talk:
    """The program on a terminal of its own, and a person who answers it."""

    def __init__(self, *arguments: str, program: Sequence[str | Path] = (BUILDLIGHT,)) -> None:
        self._end, terminal = pty.openpty()
        self._process = subprocess.Popen(
            [*program, *arguments],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - one system call, and no lock
            env={**os.environ, "TERM": "dumb"},
        )
        os.close(terminal)
        self.said = ""
        self._heard = 0

    def answer(self, question: str, text: str) -> None:
        """Wait for *question*, and answer with *text*."""
        while not (found := self.said.find(question, self._heard)) >= 0:
            assert self._listen(), self.said
        self._heard = found + len(question)
        os.write(self._end, f"{text}\n".encode())

    def press(self, question: str, key: bytes) -> None:
        """Wait for *question*, and press *key*: Ctrl-C or Ctrl-D, for instance."""
        while not (found := self.said.find(question, self._heard)) >= 0:
            assert self._listen(), self.said
        self._heard = found + len(question)
        time.sleep(0.1)  # Nobody is faster, and Python loses a signal that comes before it reads.
        os.write(self._end, key)

    def close(self) -> int:
        """Hear the rest, and return the status."""
        while self._listen():
            pass
        os.close(self._end)
        return self._process.wait(timeout=PATIENCE)

    def _listen(self) -> bool:
        assert select.select([self._end], [], [], PATIENCE)[0], self.said
        try:
            heard = os.read(self._end, 65_536)
        except OSError:  # The program has ended.
            return False
        self.said += heard.decode().replace("\r\n", "\n")
        return bool(heard)
