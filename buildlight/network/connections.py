"""Connections that are kept from poll to poll, and what on one of them answers nobody's question.

httpcore drops a kept connection on which something came while nobody asked. But what came together
with an answer lies behind it in buffers that it does not look into, and would pass for the answer
to the next question, and the next, although the server says nothing any more.
"""

import asyncio
import fcntl
import socket
import struct
import sys
import termios
from typing import Any
from weakref import WeakKeyDictionary

import httpx

LONGEST = 3600.0
"""Seconds after which a connection is not used again: the name may lead elsewhere by now."""

_RECEIVED_AT = 128
"""Where ``tcpi_bytes_received`` is in ``struct tcp_info`` (linux/tcp.h, since Linux 4.1)."""


class Connections:
    """How much of every connection was read when its last answer ended, and since when it is used.

    The kernel is asked, as TLS and asyncio have buffers of their own below httpcore's.
    """

    def __init__(self) -> None:
        # By the stream that httpcore gives with a response: the same for all of one connection.
        self._known: WeakKeyDictionary[Any, tuple[float, int]] = WeakKeyDictionary()

    def answers(self, response: httpx.Response) -> bool:
        """Return whether anything was read for *response* since the answer before it ended."""
        stream = _stream(response)
        if stream is None or stream not in self._known:
            return True
        _, read = self._known[stream]
        return _read(stream) != read

    async def end(self, response: httpx.Response) -> None:
        """Know where *response* ends; the connection is closed if it must not be used again."""
        stream = _stream(response)
        if stream is None:
            return
        now = asyncio.get_running_loop().time()
        since, _ = self._known.get(stream, (now, 0))
        read = _read(stream)
        self._known[stream] = (since, read)
        # Where the kernel does not count, what follows could not be told from an answer.
        if not read or now - since >= LONGEST:
            await stream.aclose()


def _stream(response: httpx.Response) -> Any:
    """Return the connection's own stream, ``None`` for an answer that no network gave."""
    return response.extensions.get("network_stream")


def _read(stream: Any) -> int:
    """Return how many bytes of the connection were read; 0 if it is closed, or nobody knows."""
    connection = stream.get_extra_info("socket")
    try:
        received = _received(connection)
        while True:
            waiting = fcntl.ioctl(connection.fileno(), termios.FIONREAD, bytes(4))
            before, received = received, _received(connection)
            if received == before:  # Otherwise some came in between.
                return received - int.from_bytes(waiting, sys.byteorder)
    except (OSError, AttributeError, struct.error):  # Linux alone tells.
        return 0


def _received(connection: Any) -> int:
    told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED_AT + 8)
    (received,) = struct.unpack_from("=Q", told, _RECEIVED_AT)
    return int(received)
