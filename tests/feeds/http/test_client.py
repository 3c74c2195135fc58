"""One careful GET: what it sends, and that each has a connection of its own."""

import asyncio
import socket

import pytest
import trustme

from buildlight.errors import FeedUnreachable
from buildlight.feeds.http.client import HttpClient
from buildlight.feeds.http.messages import Request
from support.fetching import a_certificate, failure, get, got, visit
from support.servers import (
    FEED,
    HANGS,
    Answer,
    FeedServer,
    redirect,
    until,
)


def test_a_good_answer_is_its_body(server: FeedServer) -> None:
    """The document comes as the server sent it, to the byte."""
    body = get(server.url())

    assert body == FEED


def test_the_request_says_who_asks_for_what(server: FeedServer) -> None:
    """The server's log names buildlight, and a server with several formats sends XML."""
    get(server.url("/cc.xml?branch=main"))

    (request,) = server.requests
    assert request.path == "/cc.xml?branch=main"
    assert request.headers["user-agent"].startswith("buildlight/")
    assert request.headers["accept"].startswith("application/xml")
    assert request.headers["accept-encoding"] == "gzip"


def test_user_and_password_of_an_address_are_sent(server: FeedServer) -> None:
    """A server behind a password can be read with the user in the address."""
    get(server.url().replace("http://", "http://lamp:secret@"))

    assert server.requests[0].headers["authorization"] == "Basic bGFtcDpzZWNyZXQ="


def test_extra_headers_are_sent_to_the_feeds_own_server_only(server: FeedServer) -> None:
    """A header that a server needs goes to no other server."""
    headers = (("X-Tenant", "shop"),)
    with FeedServer() as other:
        server.answer = redirect(other.url())

        visit(lambda client: client.get(Request(server.url(), headers=headers)))

        assert "x-tenant" not in other.requests[0].headers
    assert server.requests[0].headers["x-tenant"] == "shop"


def test_status_and_headers_of_an_answer_can_be_read(server: FeedServer) -> None:
    """A kind of feed sees what the server says beside the document."""
    server.answer = Answer(headers={"X-RateLimit-Remaining": "7"})

    response = visit(lambda client: client.get(Request(server.url())))

    assert response.status == 200
    assert response.headers["x-ratelimit-remaining"] == "7"


def ipv6() -> bool:
    """Return whether this machine has it."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not ipv6(), reason="this machine has no IPv6, not even ::1")


@needs_ipv6
def test_an_address_of_ipv6_is_read() -> None:
    """A server that has no name is read at `http://[::1]:8080/`."""
    with FeedServer(host="::1") as server:
        body = get(server.url())

    assert body == FEED
    assert server.requests[0].headers["host"] == f"[::1]:{server.port}"


@needs_ipv6
def test_a_certificate_for_an_address_of_ipv6_is_good(authority: trustme.CA) -> None:
    """And one for another address is not."""
    with FeedServer(host="::1", tls=a_certificate(authority, "::1")) as server:
        assert get(server.url()) == FEED
    with FeedServer(host="::1", tls=a_certificate(authority, "::2")) as server:
        assert "belongs to another name" in str(failure(server.url()))


@needs_ipv6
def test_a_name_with_both_kinds_of_address_is_reached_at_the_one_that_answers(
    server: FeedServer,
) -> None:
    """A server that listens on IPv4 only is found although its name has an IPv6 address, too."""

    def resolve(_host: object, port: object, *_rest: object) -> list[object]:
        kind = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [
            (socket.AF_INET6, *kind, ("::1", port, 0, 0)),
            (socket.AF_INET, *kind, ("127.0.0.1", port)),
        ]

    body = get(f"http://ci.example:{server.port}/cc.xml", resolve=resolve)

    assert body == FEED


def test_cookies_are_not_kept(server: FeedServer) -> None:
    """A lamp has no session: what a server wants remembered is forgotten."""
    server.answer = Answer(headers={"Set-Cookie": "session=1; Path=/"})
    server.answers = {"/old": redirect("/cc.xml")}

    async def twice(client: HttpClient) -> None:
        await got(client, server.url("/old"))
        await got(client, server.url())

    visit(twice)

    assert len(server.requests) == 3
    assert all("cookie" not in request.headers for request in server.requests)


class Echo(FeedServer):
    """A server that answers each request with the same 60 answers at once."""

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await reader.readuntil(b"\r\n\r\n")
        if self.connections > 1:
            await asyncio.Event().wait()
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(FEED)}\r\n\r\n".encode()
        writer.write((head + FEED) * 60)
        await writer.drain()
        return True


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_no_answer_is_taken_for_that_to_the_next_request(
    authority: trustme.CA, scheme: str
) -> None:
    """A server that sends 60 answers and falls silent is silent at the next poll."""
    tls = a_certificate(authority, "127.0.0.1") if scheme == "https" else None

    async def polls(client: HttpClient, url: str) -> None:
        assert await got(client, url) == FEED
        with pytest.raises(FeedUnreachable, match="timed out"):
            await client.get(Request(url, timeout=0.5))

    with Echo(tls=tls) as server:
        visit(lambda client: polls(client, server.url()))


def test_each_poll_has_a_connection_of_its_own(server: FeedServer) -> None:
    """A server that moves or is replaced is found by the next poll."""

    async def twice(client: HttpClient) -> None:
        await got(client, server.url())
        await got(client, server.url())

    visit(twice)

    assert server.connections == 2
    assert server.requests[0].headers["connection"] == "close"


def test_hanging_servers_do_not_delay_the_others(server: FeedServer) -> None:
    """150 feeds that hang leave the 151st as quick as ever."""
    server.answers = {"/hang": HANGS}

    async def crowd(client: HttpClient) -> bytes:
        hanging = [asyncio.create_task(got(client, server.url("/hang"))) for _ in range(150)]
        await until(lambda: len(server.requests) == 150)
        body = await got(client, server.url())
        still_hanging = sum(not task.done() for task in hanging)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        assert still_hanging == 150
        return body

    assert visit(crowd) == FEED
