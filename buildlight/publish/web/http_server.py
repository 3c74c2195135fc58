"""A listener for the page: few connections, little patience, and GET only.

What comes in is bounded before anybody looks at it, and who reads slowly is cut off: whatever
strangers send, the lamp goes on.
"""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from http import HTTPStatus

MOST_CONNECTIONS = 256
HEADERS_WITHIN = 5.0
"""Seconds for a request's headers to arrive."""
MOST_HEADERS = 32 * 1024
"""Bytes of a request line and its headers."""
READ_WITHIN = 20.0
"""Seconds within which somebody has to read what is sent; a kernel's buffer counts as read."""
BUFFERED = 64 * 1024
"""Bytes that may wait for one slow reader before it is waited for."""

BACKLOG = 128
"""Connections that the kernel keeps until they are taken."""
PAUSE = 1.0
"""Seconds without a new connection when there can be none."""

METHODS = frozenset({"GET", "HEAD"})

ALWAYS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Connection": "close",
}
"""Headers of every answer: a browser loads nothing from elsewhere, and shows this in no frame.

A picture may come with the page, for when there is nobody to ask for one.
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A request; *headers* by their names in lower case, *here* is the address it came to."""

    method: str
    target: str
    headers: Mapping[str, str]
    here: str


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer; a *body* in pieces has no length, and lasts as long as somebody listens."""

    status: int
    body: bytes | AsyncGenerator[bytes, None] = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Respond = Callable[[Asked], Awaitable[Reply]]


def refusal(status: HTTPStatus, sentence: str, **headers: str) -> Reply:
    """Return an answer that says no, in a sentence."""
    plain = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    return Reply(status, f"{sentence}\n".encode(), {**plain, **headers})


class Listener:
    """Listens at an address; *respond* answers what was asked. Made in a running loop."""

    def __init__(self, respond: Respond) -> None:
        self._respond = respond
        self._loop = asyncio.get_running_loop()
        self._listening: socket.socket | None = None
        self._talks: set[asyncio.Task[None]] = set()

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
        """Listen no more, and end every talk."""
        if self._listening is not None:
            self._loop.remove_reader(self._listening)
            self._listening.close()
            self._listening = None
        for talk in self._talks:
            talk.cancel()

    def _accept(self, listening: socket.socket) -> None:
        # Not asyncio's server: it trips over a connection that comes while it is being closed.
        try:
            connection, _ = listening.accept()
        except (BlockingIOError, ConnectionAbortedError):
            return
        except OSError as exc:  # Too many open files: asking at once again would be a busy loop.
            log.warning("page: takes no connection for a moment: %s", exc.strerror)
            self._loop.remove_reader(listening)
            self._loop.call_later(PAUSE, self._resume, listening)
            return
        connection.settimeout(0.0)
        if len(self._talks) >= MOST_CONNECTIONS:
            with connection, suppress(OSError):
                connection.send(_head(BUSY) + _whole(BUSY))
            return
        talk = self._loop.create_task(self._meet(connection))
        self._talks.add(talk)
        talk.add_done_callback(self._talks.discard)
        # One that is ended before it began has closed nothing.
        talk.add_done_callback(lambda _: connection.close())

    def _resume(self, listening: socket.socket) -> None:
        if listening is self._listening:
            self._loop.add_reader(listening, self._accept, listening)

    async def _meet(self, connection: socket.socket) -> None:
        with suppress(OSError):  # Whoever asked has gone, as anybody may.
            # A phone that left the room says nothing: its connection would stay for 15 minutes.
            patience = int(READ_WITHIN * 1000)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, patience)
            reader, writer = await asyncio.open_connection(sock=connection, limit=MOST_HEADERS)
            writer.transport.set_write_buffer_limits(high=BUFFERED)
            try:
                await self._talk(reader, writer)
            finally:
                writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(HEADERS_WITHIN):
                head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return
        except TimeoutError:
            asked: Asked | Reply = LATE
        except asyncio.LimitOverrunError:
            asked = LONG
        else:
            asked = _asked(head, here=writer.get_extra_info("sockname")[0])
        reply = asked if isinstance(asked, Reply) else await self._respond(asked)
        headless = isinstance(asked, Asked) and asked.method == "HEAD"
        await _send(reply, reader, writer, headless=headless)


def _asked(head: bytes, *, here: str) -> Asked | Reply:
    """Return what was asked in *head*, or the answer to what cannot be asked here."""
    first, *lines = head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, _, rest = first.partition(" ")
    target, _, version = rest.partition(" ")
    named = [line.partition(":") for line in lines]
    # Two Hosts or lengths could be read in two ways, and a name with a space as another.
    names = [name.lower() for name, _, _ in named]
    odd = any(not colon or name != name.strip() or not name for name, colon, _ in named)
    twice = any(names.count(name) > 1 for name in ("host", "content-length"))
    plain = target.startswith("/") and target.isascii() and target.isprintable()
    if version not in ("HTTP/1.1", "HTTP/1.0") or not plain or odd or twice:
        return UNREADABLE
    if method not in METHODS:
        return READ_ONLY
    headers = {name.lower(): value.strip() for name, _, value in named}
    if headers.get("content-length", "0") != "0" or "transfer-encoding" in headers:
        return NO_BODIES
    return Asked(method, target, headers, here)


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
    """Send *pieces* until the other side says anything, goes away, or reads too slowly."""

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


def _whole(reply: Reply) -> bytes:
    return reply.body if isinstance(reply.body, bytes) else b""


BUSY = refusal(
    HTTPStatus.SERVICE_UNAVAILABLE, "too many connections; ask again soon", **{"Retry-After": "5"}
)
LATE = refusal(
    HTTPStatus.REQUEST_TIMEOUT, f"the headers did not arrive within {HEADERS_WITHIN:.0f} seconds"
)
LONG = refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    f"the headers are longer than {MOST_HEADERS // 1024} KiB",
)
UNREADABLE = refusal(HTTPStatus.BAD_REQUEST, "that is no request")
READ_ONLY = refusal(
    HTTPStatus.METHOD_NOT_ALLOWED, "there is nothing to change here; use GET", Allow="GET, HEAD"
)
NO_BODIES = refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "a request has no body here")
