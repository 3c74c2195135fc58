"""The listener before the page: whatever strangers send, the lamp goes on."""

import asyncio
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from buildlight.publish.web import http_server
from buildlight.publish.web.event_stream import MOST
from buildlight.publish.web.http_server import MOST_CONNECTIONS, MOST_HEADERS
from support.reports import a_feed, a_report, broken, many
from support.serving import Served, read_all


@pytest.fixture
def served() -> Iterator[Served]:
    """A page behind its listener."""
    with Served(a_report(a_feed(broken("till")))) as page:
        yield page


def ok(served: Served) -> bool:
    """Return whether the page answers somebody who asks as one should."""
    return httpx.get(served.url("/healthz"), trust_env=False).status_code == 200


def request(served: Served, path: str = "/", *headers: str, method: str = "GET") -> bytes:
    """Return a request as it goes over the wire."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{served.port}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


@pytest.mark.parametrize(
    "told",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET / HTTP/1.1 more\r\n\r\n",
        b"GET http://127.0.0.1/ HTTP/1.1\r\n\r\n",
        b"GET \xff HTTP/1.1\r\n\r\n",
        b"GET /\xc3\xa4 HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n",  # TLS
    ],
)
def test_what_is_no_request_is_refused(served: Served, told: bytes) -> None:
    """Nothing is guessed that could be read in two ways."""
    assert served.say(told).startswith(b"HTTP/1.1 400 ")
    assert ok(served)


@pytest.mark.parametrize("header", ["Content-Length: 5", "Transfer-Encoding: chunked"])
def test_a_body_is_refused(served: Served, header: str) -> None:
    """Nobody has anything to send, least of all 20 MB."""
    assert served.say(request(served, "/", header)).startswith(b"HTTP/1.1 413 ")


def test_headers_have_a_limit(served: Served) -> None:
    """32 KiB are more than any browser sends; no more is read."""
    fits = served.say(request(served, "/", f"X: {'x' * (MOST_HEADERS - 200)}"))
    with served.connect() as connection:
        sent = _pour(connection, 20 * 2**20)

    assert fits.startswith(b"HTTP/1.1 200 ")
    assert sent < 8 * 2**20  # What the kernel's buffers take, and not 20 MiB.
    assert ok(served)


def _pour(connection: socket.socket, count: int) -> int:
    """Send so many bytes of headers; return how many went before the other side had enough."""
    sent = 0
    try:
        while sent < count:
            sent += connection.send(b"X: " + b"x" * 16_000)
    except OSError:
        return sent
    return sent


def test_a_line_that_is_too_long_is_told(served: Served) -> None:
    """The limit is said, where the connection lasts long enough."""
    told = served.say(request(served, "/" + "x" * (MOST_HEADERS + 100)))

    assert told == b"" or told.startswith(b"HTTP/1.1 431 ")


def test_headers_have_to_come_soon(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sends half a request is told so and sent away."""
    monkeypatch.setattr(http_server, "HEADERS_WITHIN", 0.1)

    assert served.say(b"GET / HTTP/1.1\r\nHost: loc").startswith(b"HTTP/1.1 408 ")


def test_500_half_sent_requests_take_256_places(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """256 are waited for, the others turned away at once; there is room again when they go."""
    monkeypatch.setattr(http_server, "HEADERS_WITHIN", 60.0)
    with ExitStack() as open_ones:
        halves = [open_ones.enter_context(served.connect()) for _ in range(500)]
        for half in halves[:MOST_CONNECTIONS]:
            half.sendall(b"GET / HTTP/1.1\r\n")
        surplus = [read_all(half)[:12] for half in halves[MOST_CONNECTIONS:]]

        assert served.server.count == MOST_CONNECTIONS
        assert {*surplus} == {b"HTTP/1.1 503"}
    _until_gone(served)

    assert ok(served)


def test_a_slow_reader_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for much and reads nothing gets no more than a moment."""
    monkeypatch.setattr(http_server, "READ_WITHIN", 0.2)
    with Served(a_report(many(20_000))) as served, served.connect() as slow:
        slow.sendall(request(served, "/api/report"))
        _until_gone(served)
        told = len(read_all(slow))
        whole = httpx.get(served.url("/api/report"), trust_env=False)

    assert told < int(whole.headers["Content-Length"]) or "gzip" in str(whole.headers)
    assert whole.status_code == 200
    assert told < len(whole.content)


def test_a_follower_who_does_not_read_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing piles up for a phone that sleeps: neither bytes nor connections."""
    monkeypatch.setattr(http_server, "READ_WITHIN", 0.2)
    reports = [a_report(a_feed(*[broken(f"{name}{n}") for n in range(2_000)])) for name in "ab"]
    with Served(reports[0]) as served, served.connect() as slow:
        slow.sendall(request(served, "/events"))
        assert slow.recv(1)
        for number in range(100):
            served.show(reports[number % 2])
        _until_gone(served)

        assert served.page.stream is not None
        assert served.page.stream.count == 0


def _until_gone(served: Served) -> None:
    """Wait until the listener talks to nobody."""

    async def gone() -> None:
        async with asyncio.timeout(20):
            while served.server.count:  # noqa: ASYNC110 - nothing tells when a talk ends
                await asyncio.sleep(0.01)

    served.call(gone)


def test_a_follower_who_leaves_is_forgotten(served: Served) -> None:
    """A closed tab holds nothing."""
    with served.connect() as follower:
        follower.sendall(request(served, "/events"))
        assert follower.recv(1)
    _until_gone(served)

    assert served.page.stream is not None
    assert served.page.stream.count == 0


def test_followers_leave_room_for_others(served: Served) -> None:
    """However many have the page open, health can be asked for; the surplus has to ask, too."""
    with ExitStack() as open_ones:
        followers = [open_ones.enter_context(served.connect()) for _ in range(MOST)]
        for follower in followers:
            follower.sendall(request(served, "/events"))
        for follower in followers:
            assert follower.recv(12) == b"HTTP/1.1 200"
        surplus = served.say(request(served, "/events"))

        assert surplus.startswith(b"HTTP/1.1 503 ")
        assert ok(served)


def test_closing_ends_every_talk(served: Served) -> None:
    """When the page goes, nobody is left waiting, and the port is free."""

    async def close() -> None:
        served.server.close()

    with served.connect() as follower, served.connect() as half:
        follower.sendall(request(served, "/events"))
        assert follower.recv(1)
        half.sendall(b"GET /")
        served.call(close)
        read_all(follower)
        assert read_all(half) == b""

    with socket.create_server(("127.0.0.1", served.port)):
        pass


def test_too_many_open_files_are_a_pause(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the system gives no connection there is none for a second, and then there is."""
    monkeypatch.setattr(http_server, "PAUSE", 0.01)
    faults = iter([OSError(errno.EMFILE, os.strerror(errno.EMFILE))])
    real = socket.socket.accept

    def accept(self: socket.socket) -> tuple[socket.socket, Any]:
        for fault in faults:
            raise fault
        return real(self)

    monkeypatch.setattr(socket.socket, "accept", accept)

    assert ok(served)
    assert caplog.messages == ["page: cannot accept connections for 0.01 s: Too many open files"]
