"""A real mosquitto on loopback, and what others would publish there."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass
class Mosquitto:
    """A broker at *port*; :meth:`kill` and :meth:`start` take it away and bring it back."""

    port: int
    folder: Path
    settings: str = "allow_anonymous true\n"
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """The broker's address, as it stands in a configuration."""
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        file = self.folder / "mosquitto.conf"
        # Started by root it would become a user who cannot read the files of a test.
        file.write_text(f"user root\nlistener {self.port} 127.0.0.1\n{self.settings}")
        self.process = subprocess.Popen(
            [program(), "-c", file], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        for _ in range(500):
            with socket.socket() as caller:
                if caller.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.01)
        raise AssertionError("mosquitto does not listen")

    def kill(self) -> None:
        """End it without a farewell."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def program() -> str:
    """Return mosquitto's path; without it, a test is skipped, but not in CI."""
    found = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None and not os.environ.get("CI"):
        pytest.skip("mosquitto is not installed")
    assert found is not None, "mosquitto is not installed"
    return found


def free_port() -> int:
    """Return a port where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def mosquitto(folder: Path, settings: str = "allow_anonymous true\n") -> Iterator[Mosquitto]:
    """Run a broker in *folder*."""
    broker = Mosquitto(free_port(), folder, settings)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()
