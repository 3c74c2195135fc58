"""A small HTTP server for the page: GET and HEAD only, with limits. h11 parses the requests.

There are limits for the number of connections, the size of a request, the time to send it, and
the time to read the answer, so that no client can delay the lamp.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from http import HTTPStatus

import h11

MOST_CONNECTIONS = 256
HEADERS_WITHIN = 5.0
"""Seconds that the headers of a request may take to arrive."""
MOST_HEADERS = 32 * 1024
"""Most bytes of a request line and its headers."""
READ_WITHIN = 20.0
"""Seconds that a client may take to read an answer; the kernel's buffer counts as read."""
BUFFERED = 64 * 1024
"""Bytes that are buffered for a client before the server waits for it."""

BACKLOG = 128
"""Connections that the kernel holds until they are accepted."""
PAUSE = 1.0
"""Seconds to wait when a connection cannot be accepted (too many open files)."""

METHODS = frozenset({"GET", "HEAD"})

ALWAYS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Connection": "close",
}
"""Headers of every reply: a browser loads nothing from elsewhere and shows the page in no frame.

`data:` is for the icon that the page shows when the connection is lost.
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PageRequest:
    """A request; *headers* by lower-case name, *local_address* is where it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    local_address: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer to a request; a *body* in pieces is sent as long as the client listens."""

    status: int
    body: bytes | AsyncGenerator[bytes, None] = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def plain_reply(status: HTTPStatus, sentence: str, **headers: str) -> Reply:
    """Return a *sentence* as a reply that no cache stores."""
    plain = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    return Reply(status, f"{sentence}\n".encode(), {**plain, **headers})


class HttpServer:
    """Listens at an address; *respond* answers the requests. Made in a running loop."""

    def __init__(self, respond: Callable[[PageRequest], Awaitable[Reply]]) -> None:
        self._respond = respond
        self._loop = asyncio.get_running_loop()
        self._listening: socket.socket | None = None
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def count(self) -> int:
        """The number of connections."""
        return len(self._connections)

    def open(self, host: str, port: int) -> int:
        """Listen at *host*, an IP address, and return the port; raises :class:`OSError`."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listening = socket.create_server(
            (host, port), family=family, backlog=BACKLOG, dualstack_ipv6=host == "::"
        )
        listening.settimeout(0.0)
        self._listening = listening
        self._loop.add_reader(listening, self._accept, listening)
        return int(listening.getsockname()[1])

    def close(self) -> None:
        """Stop listening and end every connection."""
        if self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        for serving in self._connections:
            serving.cancel()

    def _accept(self, listening: socket.socket) -> None:
        # Not asyncio's server: it fails on a connection that arrives while it is being closed.
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as exc:  # Too many open files: trying again at once would be a busy loop.
            log.warning("page: cannot accept connections for %g s: %s", PAUSE, exc.strerror)
            self._loop.remove_reader(listening)
            self._loop.call_later(PAUSE, self._resume, listening)
            return
        connection.settimeout(0.0)
        if self.count >= MOST_CONNECTIONS:
            with connection, suppress(OSError):
                connection.send(BUSY_BYTES)
            return
        serving = self._loop.create_task(self._serve(connection))
        self._connections.add(serving)
        serving.add_done_callback(self._connections.discard)
        # A task that is cancelled before its first step has not closed its connection.
        serving.add_done_callback(lambda _: connection.close())

    def _resume(self, listening: socket.socket) -> None:
        if listening is self._listening:
            self._loop.add_reader(listening, self._accept, listening)

    async def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):  # The client is gone.
            # abort, because close would wait 15 minutes for a phone that has left the network.
            patience = int(READ_WITHIN * 1000)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)
            reader, writer = await asyncio.open_connection(sock=connection, limit=MOST_HEADERS)
            writer.transport.set_write_buffer_limits(high=BUFFERED)
            try:
                request = await _receive(reader, writer)
                if isinstance(request, PageRequest):
                    reply = await self._respond(request)
                    await _send(reply, reader, writer, headless=request.method == "HEAD")
                elif request is not None:
                    await _send(request, reader, writer, headless=False)
            finally:
                writer.transport.abort()


async def _receive(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> PageRequest | Reply | None:
    """Return a request, an error reply, or ``None`` if nothing arrived."""
    parser, left = h11.Connection(h11.SERVER, MOST_HEADERS), MOST_HEADERS
    try:
        async with asyncio.timeout(HEADERS_WITHIN):
            while (event := parser.next_event()) is h11.NEED_DATA:
                if not left:
                    return LONG
                received = await reader.read(left)
                if not received:
                    return None
                left -= len(received)
                parser.receive_data(received)
    except TimeoutError:
        return LATE
    except h11.RemoteProtocolError:
        return UNREADABLE
    if not isinstance(event, h11.Request):
        return None
    return _checked(event, local_address=writer.get_extra_info("sockname")[0])


def _checked(event: h11.Request, *, local_address: str) -> PageRequest | Reply:
    """Return the request of *event*, or an error reply."""
    target = event.target.decode("ascii")
    if event.http_version not in (b"1.0", b"1.1") or not target.startswith("/"):
        return UNREADABLE
    method = event.method.decode("ascii")
    if method not in METHODS:
        return READ_ONLY
    headers = {name.decode("ascii"): value.decode("latin-1") for name, value in event.headers}
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        return NO_BODIES
    return PageRequest(method, target, headers, local_address)


async def _send(
    reply: Reply,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    headless: bool,
) -> None:
    writer.write(_head(reply))
    if isinstance(reply.body, bytes):
        if not headless:
            writer.write(reply.body)
        with suppress(TimeoutError):
            async with asyncio.timeout(READ_WITHIN):
                writer.close()
                await writer.wait_closed()
    elif not headless:
        await _send_pieces(reply.body, reader, writer)


async def _send_pieces(
    pieces: AsyncGenerator[bytes, None], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Send *pieces* until the client sends anything, goes away, or reads too slowly."""

    async def send() -> None:
        async with aclosing(pieces):
            async for piece in pieces:
                writer.write(piece)
                async with asyncio.timeout(READ_WITHIN):
                    await writer.drain()

    sending = asyncio.ensure_future(send())
    leaving = asyncio.ensure_future(reader.read(1))
    try:
        await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (sending, leaving):
            task.cancel()
        ended, _ = await asyncio.gather(sending, leaving, return_exceptions=True)
    if isinstance(ended, Exception):
        raise ended


def _head(reply: Reply) -> bytes:
    headers = {**ALWAYS, **reply.headers}
    if isinstance(reply.body, bytes):
        headers["Content-Length"] = str(len(reply.body))
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


_BUSY = plain_reply(
    HTTPStatus.SERVICE_UNAVAILABLE, "too many connections; try again in 5 s", **{"Retry-After": "5"}
)
BUSY_BYTES = _head(_BUSY) + b"too many connections; try again in 5 s\n"
LATE = plain_reply(
    HTTPStatus.REQUEST_TIMEOUT, f"the headers did not arrive within {HEADERS_WITHIN:.0f} s"
)
LONG = plain_reply(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"the headers are longer than {MOST_HEADERS // 1024} KiB",
)
UNREADABLE = plain_reply(HTTPStatus.BAD_REQUEST, "not an HTTP request")
READ_ONLY = plain_reply(HTTPStatus.METHOD_NOT_ALLOWED, "read-only; use GET", Allow="GET, HEAD")
NO_BODIES = plain_reply(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a request may not have a body here")
