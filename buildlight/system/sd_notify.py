"""Messages of a service to systemd: sd_notify(3), without a library.

Outside of systemd nothing is sent.
"""

import logging
import os
import socket
import time
from typing import Self

LONGEST_STATUS = 500
"""Most characters of the sentence for ``systemctl status``."""
PATIENCE = 0.2
"""Seconds to wait until systemd has room for a message; it reads hundreds at a time."""

log = logging.getLogger(__name__)


class Systemd:
    """The socket of systemd at *address*; with an empty address nothing is sent.

    *watchdog* is the number of seconds within which systemd requires a ping, ``None`` if it
    requires none. A message that cannot be sent is logged once: no lamp waits for it.
    """

    def __init__(self, address: str = "", *, watchdog: float | None = None) -> None:
        self.watchdog = watchdog
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._status = ""
        self._warned = False

    @classmethod
    def from_environment(cls) -> Self:
        """Return the systemd that started this process (``NOTIFY_SOCKET``, ``WATCHDOG_USEC``)."""
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        ours = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        wanted = microseconds.isdecimal() and int(microseconds) > 0 and ours
        return cls(
            os.environ.get("NOTIFY_SOCKET", ""),
            watchdog=int(microseconds) / 1e6 if wanted else None,
        )

    def ready(self) -> None:
        """Say that the start or a reload has ended."""
        self._send("READY=1")

    def reloading(self) -> None:
        """Say that a new configuration is being read; :meth:`ready` ends it."""
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={now}")

    def stopping(self) -> None:
        """Say that the daemon is stopping."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Send a watchdog ping."""
        self._send("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """Let ``systemctl status`` show *sentence*, one line of text."""
        cut = " ".join(sentence.split())[:LONGEST_STATUS]
        if cut != self._status:
            self._status = cut
            self._send(f"STATUS={cut}")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
                wire.settimeout(PATIENCE)
                wire.connect(self._address)  # Without this, waiting for room would be busy waiting.
                wire.send(message.encode(errors="replace"))
        except OSError as exc:
            if not self._warned:
                log.warning("systemd cannot be told how things are: %s", exc.strerror or exc)
            self._warned = True
        else:
            self._warned = False
