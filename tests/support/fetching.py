"""Requests as the daemon makes them, and what comes of them."""

import asyncio
import socket
import ssl
import threading
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

import pytest
import trustme

from buildlight.errors import FeedError
from buildlight.feeds.http.client import HttpClient
from buildlight.feeds.http.messages import Request
from buildlight.network.resolver import ResolverLoop

T = TypeVar("T")


class Leaping(ResolverLoop):
    """A loop whose clock can be put forward by *ahead* seconds."""

    ahead = 0.0

    def time(self) -> float:
        """Return the seconds of a clock that goes on by itself, too."""
        return super().time() + self.ahead


async def got(client: HttpClient, url: str) -> bytes:
    """Return the document at *url*."""
    answer = await client.get(Request(url))
    assert answer.body is not None
    return bytes(answer.body)


def visit(
    act: Callable[[HttpClient], Awaitable[T]], *, resolve: Callable[..., Any] = socket.getaddrinfo
) -> T:
    """Return what *act* does with the network, on the daemon's own kind of loop."""

    async def visiting() -> T:
        return await act(HttpClient())

    with asyncio.Runner(loop_factory=lambda: ResolverLoop(resolve)) as runner:
        return runner.run(visiting())


def get(url: str, *, resolve: Callable[..., Any] = socket.getaddrinfo) -> bytes:
    """Return the body that *url* answers with."""
    return visit(lambda client: got(client, url), resolve=resolve)


def failure(url: str, *, resolve: Callable[..., Any] = socket.getaddrinfo) -> FeedError:
    """Return the error that *url* ends in."""
    with pytest.raises(FeedError) as caught:
        get(url, resolve=resolve)
    return caught.value


def unused_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def with_peak(act: Callable[[], T]) -> tuple[T, int]:
    """Return what *act* does, and the most memory in bytes that it took."""
    tracemalloc.start()
    try:
        done = act()
        return done, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def a_certificate(authority: trustme.CA, host: str) -> ssl.SSLContext:
    """Return what a server of *host* needs for https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


@contextmanager
def answering(reply: bytes, *, scheme: str = "https") -> Iterator[str]:
    """Listen, and send *reply* to whatever each connection sends first; yield the address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):  # Not listening any more.
                while True:
                    connection, _ = listening.accept()
                    with suppress(ConnectionError), closing(connection):
                        connection.recv(65_536)
                        connection.sendall(reply)
                        connection.shutdown(socket.SHUT_WR)
                        while connection.recv(65_536):
                            pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/"
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=10)
