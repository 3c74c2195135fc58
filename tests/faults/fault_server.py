"""A CI server that can be made to fail in every way: real sockets on 127.0.0.1."""

import asyncio
import math
import socket
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from support.servers import Answer, FeedServer

Play = Callable[[asyncio.StreamWriter], Awaitable[None]]
"""What a server does instead of an answer, once it has read a request."""


class FaultServer(FeedServer):
    """A :class:`FeedServer` that fails on demand, and is well again on demand."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self._play: Play | None = None
        self._left = math.inf
        self._more = asyncio.Event()
        self._hole: list[socket.socket] = []

    def fail(self, fault: Answer | Play) -> None:
        """Give this answer, or do this, to everybody who asks from now on."""
        self._call(self._exchange_for(fault))

    def stop(self) -> None:
        """Listen no more, as a server that is down."""
        self._call(self._close())

    def swallow(self) -> None:
        """Answer no connection, as behind a firewall: the kernel drops what it has no room for."""
        self.stop()
        hole = socket.create_server((self._host, self.port), backlog=0)
        self._hole.append(hole)
        for _ in range(4):
            each = socket.socket()
            each.settimeout(0)
            each.connect_ex(("127.0.0.1", self.port))
            self._hole.append(each)

    def recover(self, answer: Answer, *, times: float = math.inf) -> None:
        """Be well again, and say *answer*; after so many *times* hold it back until :meth:`go_on`.

        What was under way is dropped, and does not count.
        """
        for each in self._hole:
            each.close()
        self._hole.clear()
        self._call(self._recover(answer, times))

    def go_on(self) -> None:
        """Say what was held back, and hold nothing back any more."""
        self._call(self._go_on())

    async def _exchange_for(self, fault: Answer | Play) -> None:
        if isinstance(fault, Answer):
            self.answer = fault
        else:
            self._play = fault
        await self._drop()

    async def _recover(self, answer: Answer, times: float) -> None:
        self._play, self.answer = None, answer
        await self._drop()
        self._left = times
        self._more.clear()
        if self._server is None or not self._server.is_serving():
            await self._listen()

    async def _go_on(self) -> None:
        self._left = math.inf
        self._more.set()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        if self._play is None:
            return await super()._exchange(reader, writer)
        await reader.readuntil(b"\r\n\r\n")
        play = self._play
        if play is not None:
            await play(writer)
        return False

    async def _send_body(self, answer: Answer, writer: asyncio.StreamWriter) -> None:
        self._left -= 1
        if self._left < 0:
            await self._more.wait()
        await super()._send_body(answer, writer)

    def _call(self, what: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(timeout=10)


def says(sent: bytes) -> Play:
    """Say these very bytes, and hang up."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        with suppress(ConnectionError):
            await writer.drain()
            await asyncio.sleep(0.001)  # The daemon shares this process, and its time.

    return play


def once(sent: bytes) -> Play:
    """Say *sent* to whoever asks first, and nothing any more to anybody."""
    left = [sent]

    async def play(writer: asyncio.StreamWriter) -> None:
        if left:
            writer.write(left.pop())
            await writer.drain()
        await asyncio.Event().wait()

    return play


def resets(sent: bytes) -> Play:
    """Say *sent*, and reset the connection."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        await asyncio.sleep(0.02)  # Real: a reset overtakes what was said just before.
        connection = writer.get_extra_info("socket")
        connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
        )
        writer.transport.abort()

    return play


def drips(sent: bytes) -> Play:
    """Say *sent* one byte a second."""

    async def play(writer: asyncio.StreamWriter) -> None:
        for byte in sent:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(1)

    return play


def never_ends(sent: bytes, again: bytes) -> Play:
    """Say *sent*, and then *again* for as long as somebody listens."""

    async def play(writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        while True:
            writer.write(again)
            await writer.drain()

    return play
