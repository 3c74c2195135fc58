"""One deadline for a whole call to a light on the network: look-up, connection and answer.

The time-out of a socket starts again with each byte, so a light that sends one byte a second
would block its lamp for ever.
"""

import socket
import threading
import time
from contextlib import suppress
from typing import Any


class Deadline:
    """A moment by which everything has to be done, *seconds* from now."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        """Return the seconds that are left, more than 0; raises TimeoutError if there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        return left


def connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """Return a TCP connection to the first address of *host* that accepts one.

    Raises OSError; for an impossible name (a label of 64 characters) it is ``socket.gaierror``.
    """
    failure = OSError(f"no address for {host}")
    for family, kind, protocol, _, address in _resolve(host, port, deadline):
        try:
            connection = socket.socket(family, kind, protocol)
        except OSError as exc:  # a machine without IPv6
            failure = exc
            continue
        try:
            connection.settimeout(deadline.left())
            connection.connect(address)
        except OSError as exc:
            connection.close()
            failure = exc
        else:
            return connection
    raise failure


def _resolve(host: str, port: int, deadline: Deadline) -> list[Any]:
    """Look *host* up on a thread, because a name server may take half a minute."""
    found: list[Any] = []
    failures: list[OSError] = []

    def look_up() -> None:
        try:
            found.extend(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except OSError as exc:
            failures.append(exc)
        except UnicodeError:
            failures.append(socket.gaierror(socket.EAI_NONAME, "Name or service not known"))

    thread = threading.Thread(target=look_up, name=f"lookup {host}", daemon=True)
    try:
        thread.start()
    except RuntimeError as exc:
        raise OSError("no thread to look the name up") from exc
    thread.join(deadline.left())
    with suppress(IndexError):
        raise failures[0]
    if thread.is_alive():
        raise TimeoutError("timed out")
    return found
