"""One careful GET: what it brings, how it fails, and what it never does."""

import asyncio
import gzip
import logging
import re
import socket
import ssl
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
import trustme
from servers import (
    BREAKS_OFF,
    DRIPS,
    ENDLESS,
    FEED,
    HANGS,
    MEBIBYTE,
    RESETS,
    Answer,
    FeedServer,
    gzip_bomb,
    redirect,
    until,
)

from buildlight.errors import FeedError, FeedMalformed, FeedRefused, FeedUnreachable
from buildlight.feeds import fetch
from buildlight.feeds.fetch import Asked, Web
from buildlight.feeds.lookup import LookupLoop

T = TypeVar("T")

BROKE_OFF = "the connection broke off before the answer was whole"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's proxy, if it has one, is not asked for 127.0.0.1."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server that gives a good feed until it is told otherwise."""
    with FeedServer() as running:
        yield running


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second is the deadline."""
    monkeypatch.setattr(fetch, "DEADLINE", 0.5)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mebibyte is the most that a feed may have."""
    monkeypatch.setattr(fetch, "MAX_BYTES", MEBIBYTE)


async def got(web: Web, url: str) -> bytes:
    """Return the document at *url*."""
    answer = await web.get(Asked(url))
    assert answer.body is not None
    return answer.body


def visit(
    act: Callable[[Web], Awaitable[T]], *, resolve: Callable[..., Any] = socket.getaddrinfo
) -> T:
    """Return what *act* does with the network, on the daemon's own kind of loop."""

    async def visiting() -> T:
        web = Web()
        try:
            return await act(web)
        finally:
            await web.close()

    with asyncio.Runner(loop_factory=lambda: LookupLoop(resolve)) as runner:
        return runner.run(visiting())


def get(url: str, *, resolve: Callable[..., Any] = socket.getaddrinfo) -> bytes:
    """Return the body that *url* answers with."""
    return visit(lambda web: got(web, url), resolve=resolve)


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


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "deflate", "GZIP"])
def test_a_compressed_answer_is_unpacked(server: FeedServer, encoding: str) -> None:
    """A server that compresses is read like any other."""
    packed = gzip.compress(FEED)
    server.answer = Answer(packed, headers={"Content-Encoding": encoding})

    body = get(server.url())

    assert body == FEED


def test_a_large_compressed_answer_arrives_whole(server: FeedServer) -> None:
    """A feed of several mebibytes loses nothing on the way through the unpacker."""
    body = b"".join(b'<Project name="shop-%d"/>\n' % number for number in range(200_000))
    server.answer = Answer(body).gzipped()

    assert get(server.url()) == body


def test_damaged_compression_is_malformed(server: FeedServer) -> None:
    """A proxy that breaks the compression is told from a feed that is broken."""
    server.answer = Answer(FEED, headers={"Content-Encoding": "gzip"})

    error = failure(server.url())

    assert type(error) is FeedMalformed
    assert str(error) == "damaged on the way (it does not decompress)"


def test_an_encoding_that_was_not_asked_for_is_malformed(server: FeedServer) -> None:
    """Brotli is not guessed at."""
    server.answer = Answer(FEED, headers={"Content-Encoding": "br"})

    error = failure(server.url())

    assert type(error) is FeedMalformed
    assert str(error) == "encoded in a way that was not asked for (Content-Encoding)"


@pytest.mark.parametrize(
    ("status", "sentence"),
    [
        (204, "refused with 204; check the address"),
        (304, "refused with 304; check the address"),
        (400, "refused with 400; check the address"),
        (401, "refused with 401; it wants a user or a token"),
        (403, "refused with 403; this user or token may not see it"),
        (404, "refused with 404; no such page; check the address"),
        (407, "refused with 407; the proxy wants a user"),
        (410, "refused with 410; no such page any more; check the address"),
        (429, "refused with 429; asked too often; raise interval"),
        (500, "refused with 500; the server is in trouble"),
        (503, "refused with 503; the server is in trouble"),
    ],
)
def test_every_status_but_200_is_refused(server: FeedServer, status: int, sentence: str) -> None:
    """The sentence names the status and what to do about it."""
    server.answer = Answer(b"", status=status)

    error = failure(server.url())

    assert isinstance(error, FeedRefused)
    assert error.status == status
    assert str(error) == sentence


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


def test_a_redirect_to_another_scheme_is_refused(server: FeedServer) -> None:
    """No redirect leads to a file or an FTP server."""
    server.answer = redirect("ftp://127.0.0.1/cc.xml")

    error = failure(server.url())

    assert type(error) is FeedRefused
    assert str(error) == "redirects to what is neither http nor https"


@pytest.mark.parametrize(
    "location",
    [
        "mailto:someone",
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
    assert str(error) == "leads to what is no address; check it, and where it redirects"


@pytest.mark.usefixtures("small")
def test_the_body_of_a_redirect_is_not_read(server: FeedServer) -> None:
    """A redirect with a bomb in its body costs no memory."""
    bomb = gzip_bomb(64)
    headers = {**bomb.headers, "Location": "/cc.xml"}
    server.answers = {"/old": Answer(bomb.body, status=302, headers=headers)}

    body, peak = with_peak(lambda: get(server.url("/old")))

    assert body == FEED
    assert peak < 8 * MEBIBYTE


def test_nobody_listening_is_said() -> None:
    """A server that is down is told from a network that is down."""
    error = failure(f"http://127.0.0.1:{unused_port()}/cc.xml")

    assert type(error) is FeedUnreachable
    assert str(error) == "refused the connection; is the server up, and the port right?"


def test_a_name_that_nobody_knows_is_said() -> None:
    """A slip in the host is found from the sentence."""

    def resolve(*_question: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    error = failure("http://ci.invalid/cc.xml", resolve=resolve)

    assert type(error) is FeedUnreachable
    assert str(error) == "name not found; check the address and the network"


def test_a_name_too_long_for_any_server_is_not_found() -> None:
    """A host that no look-up accepts fails as one that nobody knows."""
    error = failure(f"http://{'x' * 64}.invalid/cc.xml")

    assert type(error) is FeedUnreachable
    assert str(error) == "name not found; check the address and the network"


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("answer", [HANGS, DRIPS], ids=["hangs", "drips"])
def test_a_slow_answer_ends_at_the_deadline(server: FeedServer, answer: Answer) -> None:
    """A server that says nothing, or a byte a second, is given up."""
    server.answer = answer

    error = failure(server.url())

    assert type(error) is FeedUnreachable
    assert str(error) == "no whole answer within 0 seconds"


@pytest.mark.usefixtures("hurry")
def test_a_server_that_accepts_nobody_ends_at_the_deadline() -> None:
    """A host whose connections hang, as behind a firewall, is given up."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        address = listening.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:  # They fill the queue that nobody empties.
            each.settimeout(0)
            each.connect_ex(address)

        error = failure(f"http://127.0.0.1:{address[1]}/cc.xml")

        for each in waiting:
            each.close()

    assert type(error) is FeedUnreachable
    assert str(error) == "no whole answer within 0 seconds"


@pytest.mark.usefixtures("hurry")
def test_a_chain_of_redirects_shares_one_deadline(server: FeedServer) -> None:
    """Redirects buy no time."""
    server.answers = {"/old": redirect("/slow"), "/slow": DRIPS}

    error = failure(server.url("/old"))

    assert type(error) is FeedUnreachable
    assert str(error) == "no whole answer within 0 seconds"


@pytest.mark.parametrize(
    "answer",
    [RESETS, BREAKS_OFF, Answer(headers={"Content-Length": "100000"})],
    ids=["reset", "closed in the middle", "shorter than it said"],
)
def test_an_answer_that_breaks_off_is_no_answer(server: FeedServer, answer: Answer) -> None:
    """Half a feed is not taken for a whole one."""
    server.answer = answer

    error = failure(server.url())

    assert type(error) is FeedUnreachable
    assert str(error) == BROKE_OFF


def test_an_answer_longer_than_it_says_is_cut_there(server: FeedServer) -> None:
    """What comes behind the end is not part of the feed, nor of the next answer."""
    server.answer = Answer(FEED + b"more", headers={"Content-Length": str(len(FEED))})

    async def twice(web: Web) -> list[bytes]:
        return [await got(web, server.url()), await got(web, server.url())]

    bodies = visit(twice)

    assert bodies == [FEED, FEED]


def test_what_is_no_http_is_said() -> None:
    """A port on which something else answers gives a sentence, not a crash."""

    async def greeting(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example ESMTP ready\r\n")
        await writer.drain()
        writer.close()

    async def ask(web: Web) -> str:
        async with await asyncio.start_server(greeting, "127.0.0.1", 0) as mail:
            port = mail.sockets[0].getsockname()[1]
            with pytest.raises(FeedUnreachable) as caught:
                await got(web, f"http://127.0.0.1:{port}/cc.xml")
        return str(caught.value)

    assert visit(ask) == BROKE_OFF


def with_peak(act: Callable[[], T]) -> tuple[T, int]:
    """Return what *act* does, and the most memory in bytes that it took."""
    tracemalloc.start()
    try:
        done = act()
        return done, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.usefixtures("small")
def test_an_endless_answer_stops_at_the_limit(server: FeedServer) -> None:
    """A server that never ends fills neither the memory nor the network."""
    server.answer = ENDLESS

    error, peak = with_peak(lambda: failure(server.url()))

    assert type(error) is FeedMalformed
    assert str(error) == "larger than 1 MiB; is it a feed?"
    assert server.sent < 16 * MEBIBYTE  # The sockets' buffers hold some of it.
    assert peak < 8 * MEBIBYTE


@pytest.mark.usefixtures("small")
def test_a_gzip_bomb_stops_at_the_limit(server: FeedServer) -> None:
    """64 KiB that unpack to 64 MiB do not take 64 MiB."""
    server.answer = gzip_bomb(64)

    error, peak = with_peak(lambda: failure(server.url()))

    assert type(error) is FeedMalformed
    assert str(error) == "larger than 1 MiB; is it a feed?"
    assert peak < 8 * MEBIBYTE


@pytest.mark.usefixtures("small")
def test_a_body_of_exactly_the_limit_is_taken(server: FeedServer) -> None:
    """The limit itself is allowed, one byte more is not."""
    server.answers = {"/full": Answer(bytes(MEBIBYTE)), "/over": Answer(bytes(MEBIBYTE + 1))}

    body = get(server.url("/full"))
    error = failure(server.url("/over"))

    assert len(body) == MEBIBYTE
    assert str(error) == "larger than 1 MiB; is it a feed?"


def a_certificate(authority: trustme.CA, host: str) -> ssl.SSLContext:
    """Return what a server of *host* needs for https."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(host).configure_cert(context)
    return context


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """The office's own authority, installed in the system's store."""
    made = trustme.CA()
    made.cert_pem.write_to_path(str(tmp_path / "office.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "office.pem"))
    return made


def test_the_systems_authorities_are_trusted(authority: trustme.CA) -> None:
    """A server with a certificate of the office's own authority is read."""
    with FeedServer(tls=a_certificate(authority, "127.0.0.1")) as server:
        body = get(server.url())

    assert body == FEED


@pytest.mark.usefixtures("authority")
def test_a_certificate_of_nobody_is_not_trusted() -> None:
    """A stranger in the network cannot turn the lamp green."""
    with FeedServer(tls=a_certificate(trustme.CA(), "127.0.0.1")) as server:
        error = failure(server.url())

        assert server.requests == []

    assert type(error) is FeedUnreachable
    assert str(error) == (
        "its certificate is not trusted: unable to get local issuer certificate; "
        "set ca_file for an authority of your own"
    )


def test_a_certificate_of_another_name_is_not_trusted(authority: trustme.CA) -> None:
    """A certificate for another host is refused, and the sentence says why."""
    with FeedServer(tls=a_certificate(authority, "ci.example")) as server:
        error = failure(server.url())

        assert server.requests == []

    assert type(error) is FeedUnreachable
    assert str(error) == "its certificate belongs to another name; check the address"


def test_https_on_a_port_without_tls_is_said(server: FeedServer) -> None:
    """An s too many in the address is found from the sentence."""
    error = failure(server.url().replace("http://", "https://"))

    assert type(error) is FeedUnreachable
    assert str(error) == "no TLS there; is it http, not https?"


FAILING: list[Answer] = [
    Answer(),
    Answer(b"", status=401),
    Answer(b"", status=500),
    HANGS,
    RESETS,
    BREAKS_OFF,
    redirect("/cc.xml?token=t0psecret"),
    redirect("ftp://t0psecret/"),
    redirect("http://127.0.0.1:99999/?token=t0psecret"),
    Answer(headers={"Content-Encoding": "gzip"}),
    Answer(headers={"Content-Encoding": "t0psecret"}),
    Answer(headers={"Content-Length": "t0psecret"}),
]


@pytest.mark.usefixtures("hurry")
@pytest.mark.parametrize("answer", FAILING)
def test_a_token_is_never_told(
    server: FeedServer, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither the sentence nor any log, however chatty, holds what the address keeps secret."""
    server.answer = answer
    url = server.url("/cc.xml?token=t0psecret").replace("http://", "http://lamp:t0psecret@")
    caplog.set_level(logging.DEBUG)

    try:
        get(url)
    except FeedError as error:
        sentence = str(error)
    else:
        sentence = ""

    assert server.requests[0].path.endswith("t0psecret")
    assert "t0psecret" not in sentence
    assert "t0psecret" not in caplog.text
    assert not [record for record in caplog.records if re.match("http", record.name)]


def test_cookies_are_not_kept(server: FeedServer) -> None:
    """A lamp has no session: what a server wants remembered is forgotten."""
    server.answer = Answer(headers={"Set-Cookie": "session=1; Path=/"})
    server.answers = {"/old": redirect("/cc.xml")}

    async def twice(web: Web) -> None:
        await got(web, server.url("/old"))
        await got(web, server.url())

    visit(twice)

    assert len(server.requests) == 3
    assert all("cookie" not in request.headers for request in server.requests)


def test_two_polls_use_one_connection(server: FeedServer) -> None:
    """A server is not greeted anew for every poll."""

    async def twice(web: Web) -> None:
        await got(web, server.url())
        await got(web, server.url())

    visit(twice)

    assert len(server.requests) == 2
    assert server.connections == 1


def test_a_failed_poll_does_not_spoil_the_next(server: FeedServer) -> None:
    """After an answer that broke off, the next poll starts on a connection of its own."""

    async def bad_then_good(web: Web) -> bytes:
        server.answer = BREAKS_OFF
        with pytest.raises(FeedUnreachable):
            await got(web, server.url())
        server.answer = Answer()
        return await got(web, server.url())

    assert visit(bad_then_good) == FEED


def test_hanging_servers_do_not_delay_the_others(server: FeedServer) -> None:
    """150 feeds that hang leave the 151st as quick as ever."""
    server.answers = {"/hang": HANGS}

    async def crowd(web: Web) -> bytes:
        hanging = [asyncio.create_task(got(web, server.url("/hang"))) for _ in range(150)]
        await until(lambda: len(server.requests) == 150)
        body = await got(web, server.url())
        still_hanging = sum(not task.done() for task in hanging)
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)
        assert still_hanging == 150
        return body

    assert visit(crowd) == FEED
