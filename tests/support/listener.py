"""Systemd's end of the notify protocol: a real datagram socket."""

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Listener:
    """The socket of a service manager at *address*, which may begin with ``@``."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.heard: list[str] = []
        """Every message until now, as :meth:`hear` found it."""
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def hear(self) -> list[str]:
        """Return what was said since the last time; does not wait."""
        self.socket.settimeout(None)
        news = []
        while True:
            try:
                news.append(self.socket.recv(65_536, socket.MSG_DONTWAIT).decode())
            except BlockingIOError:
                self.heard += news
                return news

    def wait(self, seconds: float) -> str | None:
        """Return the next message, ``None`` if there is none within *seconds*."""
        self.socket.settimeout(seconds)
        try:
            message = self.socket.recv(65_536).decode()
        except TimeoutError:
            return None
        self.heard.append(message)
        return message

    def wait_for(self, wanted: str, seconds: float = 20.0) -> list[str]:
        """Return all messages up to the first that begins with *wanted*."""
        before = len(self.heard)
        while (message := self.wait(seconds)) is not None:
            if message.startswith(wanted):
                return self.heard[before:]
        raise AssertionError(f"no {wanted} among {self.heard}")


@contextmanager
def listening() -> Iterator[Listener]:
    """Listen at a path that is short enough for a socket, wherever tests are run."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        listener = Listener(str(Path(folder, "notify")))
        try:
            yield listener
        finally:
            listener.socket.close()


@contextmanager
def listening_abstractly() -> Iterator[Listener]:
    """Listen at an address that is in no folder."""
    listener = Listener(f"@buildlight-test-{os.getpid()}")
    try:
        yield listener
    finally:
        listener.socket.close()
