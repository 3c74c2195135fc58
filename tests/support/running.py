"""`buildlight run` as a process, and a tower on a pseudo-terminal that it lights."""

import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

BUILDLIGHT = Path(sys.executable).with_name("buildlight")
PATIENCE = 20.0
DARK = bytes([0x21, 0x22, 0x24, 0x28])
GREEN = bytes([0x21, 0x22, 0x14, 0x28])
RED = bytes([0x11, 0x22, 0x24, 0x28])
STALE = bytes([0x21, 0x12, 0x24, 0x28])
"""The lit half of the double blink in amber."""


class Tower:
    """A pseudo-terminal that plays the light's side, and keeps what it was told."""

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._slave)
        self.port = os.ttyname(self._slave)
        self.told = b""
        self._woken, self._wake = os.pipe()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        while self._woken not in select.select([self._master, self._woken], [], [])[0]:
            self.told += os.read(self._master, 1024)

    def close(self) -> None:
        """Pull the plug."""
        # First: a read that still waits keeps the device, and would go on with whatever gets its
        # number next, as another test's tower.
        os.write(self._wake, b"!")
        self._listener.join()
        for end in (self._slave, self._master, self._woken, self._wake):
            os.close(end)


@pytest.fixture
def tower() -> Iterator[Tower]:
    """Plug a tower in."""
    light = Tower()
    yield light
    light.close()


class Daemon:
    """A running `buildlight run`."""

    def __init__(
        self,
        folder: Path,
        configuration: str,
        *,
        at_terminal: Callable[[], None] | None = None,
        **environment: str,
    ) -> None:
        file = folder / "buildlight.toml"
        file.write_text(configuration)
        self.log = folder / "log"
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [BUILDLIGHT, "run", "--config", file],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "XDG_STATE_HOME": str(folder / "state"), **environment},
                start_new_session=True,  # Whoever runs the tests may have a terminal.
                preexec_fn=at_terminal,  # noqa: PLW1509 - one system call, and no lock
            )

    def said(self) -> str:
        """Return everything that it wrote."""
        return self.log.read_text()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal and return the exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    """Start daemons, and see that none is left."""
    daemons: list[Daemon] = []

    def start(configuration: str, **more: Any) -> Daemon:
        daemons.append(Daemon(tmp_path, configuration, **more))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.process.kill()
        daemon.process.wait()


def until(condition: Callable[[], object], daemon: Daemon) -> None:
    """Wait for something that the daemon brings about."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, daemon.said()
        time.sleep(0.01)


def configuration(*urls: str, port: str, interval: float = 0.2) -> str:
    """Return a configuration with feeds at *urls* and a tower at *port*."""
    feeds = "\n".join(
        f'[[feeds]]\nname = "feed {number}"\nurl = "{url}"' for number, url in enumerate(urls)
    )
    lamp = f'[[lamps]]\ndriver = "serial"\nprotocol = "adafruit-tower"\nport = "{port}"'
    return f"interval = {interval}\nbuilding_interval = {interval}\n{feeds}\n{lamp}\n"
