"""Redirects: where they may lead, and what they must not carry along."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import trustme

from buildlight.errors import FeedRefused, FeedUnreachable
from buildlight.feeds.http.client import HttpClient
from buildlight.feeds.http.messages import Request
from support.fetching import Leaping, a_certificate, failure, get, unused_port, visit, with_peak
from support.servers import (
    FEED,
    MEBIBYTE,
    Answer,
    FeedServer,
    gzip_bomb,
    redirect,
)


def test_redirects_are_followed(server: FeedServer) -> None:
    """A server that moved its feed is followed, relative addresses too."""
    server.answers = {"/old": redirect("/new"), "/new": redirect(server.url("/cc.xml"), status=301)}

    body = get(server.url("/old"))

    assert body == FEED
    assert [request.path for request in server.requests] == ["/old", "/new", "/cc.xml"]


def test_a_password_follows_a_redirect_on_the_same_server(server: FeedServer) -> None:
    """A feed behind a password may move."""
    server.answers = {"/old": redirect("/cc.xml")}

    get(server.url("/old").replace("http://", "http://lamp:secret@"))

    assert server.requests[1].headers["authorization"] == "Basic bGFtcDpzZWNyZXQ="


def test_a_password_is_not_taken_to_another_server(server: FeedServer) -> None:
    """A redirect cannot make the lamp tell its password to somebody else."""
    with FeedServer() as other:
        server.answer = redirect(other.url())

        get(server.url().replace("http://", "http://lamp:secret@"))

        assert "authorization" in server.requests[0].headers
        assert "authorization" not in other.requests[0].headers


def test_five_redirects_are_followed_and_a_sixth_is_not(server: FeedServer) -> None:
    """A loop of redirects ends, and says so."""
    server.answers = {f"/{step}": redirect(f"/{step - 1}") for step in range(1, 7)}

    five = get(server.url("/5"))
    six = failure(server.url("/6"))

    assert five == FEED
    assert type(six) is FeedRefused
    assert str(six) == "redirects more than 5 times; check the address"


@pytest.mark.parametrize("location", ["ftp://127.0.0.1/cc.xml", "mailto:someone"])
def test_a_redirect_to_another_scheme_is_refused(server: FeedServer, location: str) -> None:
    """No redirect leads to a file or an FTP server."""
    server.answer = redirect(location)

    error = failure(server.url())

    assert type(error) is FeedRefused
    assert str(error) == "redirects to an address that is neither http nor https"


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:99999/",
        "http://127.0.0.1:-5/",
        "http://localhost:99999999999999999999/",
    ],
)
def test_a_redirect_to_what_is_no_address_is_refused(server: FeedServer, location: str) -> None:
    """An impossible address is said, and does not stop the daemon."""
    server.answer = redirect(location)

    error = failure(server.url())

    assert type(error) is FeedRefused
    assert str(error) == "redirects to an invalid address; correct it on the server"


@pytest.mark.usefixtures("small")
def test_the_body_of_a_redirect_is_not_read(server: FeedServer) -> None:
    """A redirect with a bomb in its body costs no memory."""
    bomb = gzip_bomb(64)
    headers = {**bomb.headers, "Location": "/cc.xml"}
    server.answers = {"/old": Answer(bomb.body, status=302, headers=headers)}

    body, peak = with_peak(lambda: get(server.url("/old")))

    assert body == FEED
    assert peak < 8 * MEBIBYTE


def test_a_chain_of_redirects_shares_one_deadline() -> None:
    """Redirects buy no time: neither leg takes as long as the deadline, and both together do."""
    with asyncio.Runner(loop_factory=Leaping) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Leaping)

        async def drips() -> AsyncIterator[bytes]:
            for byte in range(9):
                yield FEED[byte : byte + 1]
                loop.ahead += 10
                await asyncio.sleep(0)

        async def respond(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/slow":
                return httpx.Response(200, content=drips())
            loop.ahead += 75
            return httpx.Response(302, headers={"Location": "/slow"})

        client = HttpClient(transport=httpx.MockTransport(respond))
        with pytest.raises(FeedUnreachable) as caught:
            runner.run(client.get(Request("http://ci.example/old", timeout=100.0)))

    assert str(caught.value) == (
        "a redirect leads to http://ci.example/slow: timed out after 100 s: the answer is "
        "incomplete; ask for a view with fewer projects, or raise timeout"
    )


def test_no_redirect_leads_from_https_to_http(authority: trustme.CA, server: FeedServer) -> None:
    """Whoever could read and change the answer is not asked, not even on the same host."""
    with FeedServer(tls=a_certificate(authority, "127.0.0.1")) as safe:
        safe.answer = redirect(server.url())

        error = failure(safe.url())

    assert type(error) is FeedRefused
    assert str(error) == "redirects from https to http, which is not encrypted; correct it"
    assert server.requests == []


def test_a_redirect_from_http_to_https_is_followed(
    authority: trustme.CA, server: FeedServer
) -> None:
    """A server that has learned TLS since is followed there."""
    with FeedServer(tls=a_certificate(authority, "127.0.0.1")) as safe:
        server.answer = redirect(safe.url())

        assert get(server.url()) == FEED


def test_a_password_is_sent_again_when_the_way_leads_back(server: FeedServer) -> None:
    """A gateway that sends one back has not learned the password, and the server has."""
    with FeedServer() as gateway:
        gateway.answer = redirect(server.url("/back"))
        server.answers = {"/cc.xml": redirect(gateway.url())}

        get(server.url().replace("http://", "http://lamp:secret@"))

        assert "authorization" not in gateway.requests[0].headers
    assert server.requests[1].headers["authorization"] == "Basic bGFtcDpzZWNyZXQ="


def test_a_user_in_a_redirect_is_not_believed(server: FeedServer) -> None:
    """A server cannot make the lamp log in elsewhere, nor here as somebody else."""
    with FeedServer() as other:
        server.answers = {
            "/other": redirect(other.url().replace("http://", "http://eve:x@")),
            "/here": redirect(server.url().replace("http://", "http://eve:x@")),
        }

        get(server.url("/other"))
        get(server.url("/here"))

        assert "authorization" not in other.requests[0].headers
    assert "authorization" not in server.requests[-1].headers


def test_a_failure_behind_a_redirect_says_where_it_led(server: FeedServer) -> None:
    """Who sees "connection refused" learns that it is not the address in the configuration."""
    dead = f"http://127.0.0.1:{unused_port()}/cc.xml"
    server.answer = redirect(dead)

    error = failure(server.url())

    assert type(error) is FeedUnreachable
    assert str(error).startswith(f"a redirect leads to {dead}: connection refused; ")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_secret_that_was_withheld_from_another_server_is_named_as_the_cause(
    server: FeedServer, status: int
) -> None:
    """The sentence has the address to write, and not "check auth"."""
    with FeedServer(Answer(status=status)) as other:
        server.answer = redirect(other.url())
        request = Request(server.url(), secrets=frozenset({"t0psecret"}))

        with pytest.raises(FeedRefused) as caught:
            visit(lambda client: client.get(request))

    assert caught.value.status == status
    assert str(caught.value) == (
        f"redirected to another server, which gets no secret ({status}): if {other.url()} is "
        "yours, write it in url"
    )


def test_a_redirect_that_waits_for_a_cookie_is_a_login(server: FeedServer) -> None:
    """A login page that sends its reader in a circle until the browser has its cookie."""
    server.answer = Answer(
        b"", status=302, headers={"Location": "/cc.xml", "Set-Cookie": "session=1"}
    )

    assert str(failure(server.url())) == (
        "redirects until a cookie is sent back, as login pages do; set auth, or exempt this "
        "address from the login"
    )
