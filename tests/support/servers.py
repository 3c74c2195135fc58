"""Servers that feeds are tested against: real sockets on 127.0.0.1, in a thread of their own."""

import asyncio
import gzip
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

MEBIBYTE = 2**20
TLS_HELLO = b"\x16"

FEED = (
    b'<?xml version="1.0"?>\n<Projects>'
    b'<Project name="shop" activity="Sleeping" lastBuildStatus="Success" lastBuildLabel="7"'
    b' lastBuildTime="2026-11-20T11:00:00Z" webUrl="https://ci.example/shop"/>'
    b"</Projects>\n"
)
"""A small feed: one project, shop, which passes."""

BROKEN_FEED = FEED.replace(b"Success", b"Failure").replace(b'"7"', b'"8"')
"""The same feed, one build later: shop is broken."""


async def until(condition: Callable[[], object], *, seconds: float = 10) -> None:
    """Wait for something that other threads bring about; a failure after *seconds*."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - threads set no asyncio.Event
            await asyncio.sleep(0.005)


class Mode(Enum):
    """How a server sends its answer."""

    WHOLE = auto()
    HANG = auto()  # reads the request and says nothing
    DRIP = auto()  # the body, one byte a second
    RESET = auto()  # reads the request and resets the connection
    CUT = auto()  # closes in the middle of the body
    ENDLESS = auto()  # the body again and again, for as long as somebody reads


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server says. Without a Content-Length among the *headers* it says the true one."""

    body: bytes = FEED
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    mode: Mode = Mode.WHOLE

    def gzipped(self) -> "Answer":
        """Return the same answer as a server sends it that compresses."""
        headers = {**self.headers, "Content-Encoding": "gzip"}
        return replace(self, body=gzip.compress(self.body), headers=headers)


HANGS = Answer(mode=Mode.HANG)
DRIPS = Answer(mode=Mode.DRIP)
RESETS = Answer(mode=Mode.RESET)
BREAKS_OFF = Answer(mode=Mode.CUT)
ENDLESS = Answer(b"<Projects>".ljust(MEBIBYTE), mode=Mode.ENDLESS)


def redirect(location: str, *, status: int = 302, body: bytes = b"") -> Answer:
    """Return an answer that sends the reader to *location*."""
    return Answer(body, status=status, headers={"Location": location})


def gzip_bomb(mebibytes: int) -> Answer:
    """Return an answer of a thousandth of the size that it has once it is unpacked."""
    packer = zlib.compressobj(wbits=31)
    packed = [packer.compress(bytes(MEBIBYTE)) for _ in range(mebibytes)]
    return Answer(b"".join([*packed, packer.flush()]), headers={"Content-Encoding": "gzip"})


@dataclass(frozen=True, slots=True)
class Request:
    """What a server was asked; names of headers in lower case."""

    path: str
    headers: Mapping[str, str]
    method: str = "GET"


class FeedServer:
    """An HTTP server whose answers can be set at any time, for all paths or for one.

    ``with FeedServer() as server: …``; *tls* makes it speak https. *respond* may be set to what
    makes an answer of the request.
    """

    def __init__(
        self,
        answer: Answer | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
    ) -> None:
        self.answer = answer or Answer()
        self.respond: Callable[[Request], Answer] | None = None
        self.answers: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self.connections = 0
        self.sent = 0
        """Bytes of bodies that went out."""
        self.port = 0
        self._host = host
        self._tls = tls
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._stop = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="feed server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(timeout=10)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=10)
        assert not self._thread.is_alive()

    def url(self, path: str = "/cc.xml") -> str:
        """Return the address of *path*."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}{path}"

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        await self._listen()
        self._up.set()
        await self._stop.wait()
        await self._close()

    async def _listen(self) -> None:
        # A small send buffer, so that what was sent tells what was read.
        family = socket.AF_INET6 if ":" in self._host else socket.AF_INET
        listening = socket.create_server((self._host, self.port), family=family, backlog=256)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
        self.port = listening.getsockname()[1]
        self._server = await asyncio.start_server(self._noted, sock=listening, ssl=self._tls)

    async def _close(self) -> None:
        """Listen no more, and drop every connection."""
        if self._server is not None:
            self._server.close()
        await asyncio.sleep(0)  # What was accepted at this moment gets its transport only now.
        await self._drop()

    async def _drop(self) -> None:
        """Drop every connection: what comes next is one of its own."""
        for task in self._talks:
            task.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)
        # Who is still in a handshake has no talk, and would go on as if nothing had happened.
        for transport in [*self._loop._transports.values()]:  # type: ignore[attr-defined]
            with suppress(AttributeError):  # One that has just ended has no loop any more.
                transport.abort()
        await asyncio.sleep(0)

    async def _noted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        task.add_done_callback(self._talks.discard)
        await self._talk(reader, writer)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            # ConnectionError and IncompleteReadError: the reader has gone, as it may.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._exchange(reader, writer):
                    pass
        finally:
            writer.close()

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; return whether the connection is good for another."""
        start = await reader.readexactly(1)
        if start == TLS_HELLO:  # https on a port for http: what nginx says to it
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            await writer.drain()
            return False
        head = start + await reader.readuntil(b"\r\n\r\n")
        request = _read(head)
        self.requests.append(request)
        otherwise = self.answers.get(request.path, self.answer)
        answer = self.respond(request) if self.respond else otherwise
        if answer.mode is Mode.HANG:
            await asyncio.Event().wait()
        if answer.mode is Mode.RESET:
            _reset(writer)
            return False
        writer.write(_head(answer))
        await self._send_body(answer, writer)
        if answer.mode is Mode.WHOLE and "Content-Length" not in answer.headers:
            return True
        writer.close()
        await writer.wait_closed()
        return False

    async def _send_body(self, answer: Answer, writer: asyncio.StreamWriter) -> None:
        if answer.mode is Mode.DRIP:
            for byte in answer.body:
                await self._send(bytes([byte]), writer)
                await asyncio.sleep(1)
        elif answer.mode is Mode.CUT:
            await self._send(answer.body[: len(answer.body) // 2], writer)
        elif answer.mode is Mode.ENDLESS:
            while True:
                await self._send(answer.body, writer)
        else:
            await self._send(answer.body, writer)

    async def _send(self, part: bytes, writer: asyncio.StreamWriter) -> None:
        for start in range(0, len(part), 16 * 1024):
            piece = part[start : start + 16 * 1024]
            writer.write(piece)
            await writer.drain()
            self.sent += len(piece)


class Proxy(FeedServer):
    """A forward proxy, for plain requests and for CONNECT; set *refuses* to turn people away."""

    refuses = False

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        request = _read(head)
        self.requests.append(request)
        if self.refuses:
            writer.write(b"HTTP/1.1 407 Who are you?\r\nContent-Length: 0\r\n\r\n")
            await writer.drain()
            return False
        tunnel = request.method == "CONNECT"
        target = urlsplit(f"//{request.path}" if tunnel else request.path)
        from_there, there = await asyncio.open_connection(target.hostname, target.port)
        if tunnel:
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            there.write(head.replace(request.path.encode(), target.path.encode(), 1))
        await asyncio.gather(_pour(reader, there), _pour(from_there, writer))
        return False


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while part := await reader.read(64 * 1024):
            writer.write(part)
            await writer.drain()
    finally:
        writer.close()


def _read(head: bytes) -> Request:
    first, *lines = head.decode("ascii").strip().split("\r\n")
    method, path, _ = first.split(" ")
    named = (line.partition(":") for line in lines)
    return Request(path, {name.lower(): value.strip() for name, _, value in named}, method)


def _head(answer: Answer) -> bytes:
    headers = {"Content-Type": "application/xml", **answer.headers}
    if answer.mode is not Mode.ENDLESS:
        headers.setdefault("Content-Length", str(len(answer.body)))
    lines = [f"HTTP/1.1 {answer.status} As set", *(f"{n}: {v}" for n, v in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
