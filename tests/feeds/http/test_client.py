"""One careful GET: what it brings, how it fails, and what it never does."""

import asyncio
import gzip
import logging
import re
import socket
import ssl
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import httpx
import pytest
import trustme

from buildlight.errors import FeedError, FeedMalformed, FeedRefused, FeedUnreachable
from buildlight.feeds.http import client
from buildlight.feeds.http.client import Asked, Tls, Web
from buildlight.network.resolver import ResolverLoop
from support.servers import (
    BREAKS_OFF,
    BROKEN_FEED,
    DRIPS,
    ENDLESS,
    FEED,
    HANGS,
    MEBIBYTE,
    RESETS,
    Answer,
    FeedServer,
    Proxy,
    gzip_bomb,
    redirect,
    until,
)

T = TypeVar("T")

BROKE_OFF = (
    "the connection broke off before the answer was whole; is the server or a proxy overloaded?"
)
NO_ANSWER = "no answer within 0 seconds; is the server up, and no firewall in the way?"
TOO_SLOW = "too slow: no whole answer within 0 seconds; ask for a view with fewer projects"


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
    monkeypatch.setattr(client, "DEADLINE", 0.5)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A mebibyte is the most that a feed may have."""
    monkeypatch.setattr(client, "MAX_BYTES", MEBIBYTE)


async def got(web: Web, url: str) -> bytes:
    """Return the document at *url*."""
    answer = await web.get(Asked(url))
    assert answer.body is not None
    return bytes(answer.body)


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

    with asyncio.Runner(loop_factory=lambda: ResolverLoop(resolve)) as runner:
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
        (401, "refused with 401; it wants a user or a token, or another; check auth"),
        (403, "refused with 403; this user or token may not see it; give it the right to"),
        (404, "refused with 404; no such page; check the address"),
        (407, "refused with 407; the proxy wants a user"),
        (410, "refused with 410; no such page any more; check the address"),
        (429, "refused with 429; asked too often; raise interval"),
        (500, "refused with 500; the server is in trouble; look at its log"),
        (503, "refused with 503; the server is in trouble; look at its log"),
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
@pytest.mark.parametrize(
    ("answer", "sentence"), [(HANGS, NO_ANSWER), (DRIPS, TOO_SLOW)], ids=["hangs", "drips"]
)
def test_a_slow_answer_ends_at_the_deadline(
    server: FeedServer, answer: Answer, sentence: str
) -> None:
    """A server that says nothing, or a byte a second, is given up, and told from the other."""
    server.answer = answer

    error = failure(server.url())

    assert type(error) is FeedUnreachable
    assert str(error) == sentence


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
    assert str(error) == NO_ANSWER


class Leaping(ResolverLoop):
    """A loop whose clock can be put forward by *ahead* seconds."""

    ahead = 0.0

    def time(self) -> float:
        """Return the seconds of a clock that goes on by itself, too."""
        return super().time() + self.ahead


def test_a_chain_of_redirects_shares_one_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Redirects buy no time: neither leg takes as long as the deadline, and both together do."""
    monkeypatch.setattr(client, "DEADLINE", 1000.0)
    with asyncio.Runner(loop_factory=Leaping) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Leaping)

        async def drips() -> AsyncIterator[bytes]:
            for byte in range(9):
                yield FEED[byte : byte + 1]
                loop.ahead += 100
                await asyncio.sleep(0)

        async def respond(request: httpx.Request) -> httpx.Response:
            if request.url.path == "/slow":
                return httpx.Response(200, content=drips())
            loop.ahead += 750
            return httpx.Response(302, headers={"Location": "/slow"})

        web = Web(transport=httpx.MockTransport(respond))
        with pytest.raises(FeedUnreachable) as caught:
            runner.run(web.get(Asked("http://ci.example/old")))

    assert str(caught.value) == TOO_SLOW.replace("0 seconds", "1000 seconds")


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
@pytest.mark.parametrize(
    ("start", "endless"),
    [
        (gzip.compress(FEED), b"x" * MEBIBYTE),
        (gzip.compress(FEED), gzip.compress(FEED)),
        (gzip.compress(FEED)[:10], b"\x00\x00\x00\xff\xff" * 4096),
    ],
    ids=["no gzip", "gzip again", "empty blocks"],
)
def test_what_decompresses_to_nothing_stops_at_the_limit(
    server: FeedServer, start: bytes, endless: bytes
) -> None:
    """Neither behind the end of the compressed data nor before it can a server send for ever."""
    much = endless * (64 * MEBIBYTE // len(endless))
    server.answer = Answer(start + much, headers={"Content-Encoding": "gzip"})

    error, peak = with_peak(lambda: failure(server.url()))

    assert type(error) is FeedMalformed
    assert str(error) == "larger than 1 MiB; is it a feed?"
    assert server.sent < 16 * MEBIBYTE  # The sockets' buffers hold some of it.
    assert peak < 8 * MEBIBYTE


@pytest.mark.parametrize("behind", [b"\n", bytes(512), gzip.compress(FEED)])
def test_what_follows_compressed_data_is_not_the_document(
    server: FeedServer, behind: bytes
) -> None:
    """Padding behind a good feed does no harm, and the connection is kept."""
    server.answer = Answer(gzip.compress(FEED) + behind, headers={"Content-Encoding": "gzip"})

    async def twice(web: Web) -> list[bytes]:
        return [await got(web, server.url()), await got(web, server.url())]

    assert visit(twice) == [FEED, FEED]
    assert server.connections == 1


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


TRUST = "; set ca_file for an authority of your own"


def test_an_authority_of_ones_own_is_trusted_by_the_feed_that_names_it(tmp_path: Path) -> None:
    """`ca_file` opens one feed, and leaves the other as careful as it was."""
    office = trustme.CA()
    file = tmp_path / "office.pem"
    office.cert_pem.write_to_path(str(file))

    async def both(web: Web, url: str) -> tuple[bytearray | None, str]:
        named = await web.get(Asked(url, tls=Tls(ca_file=str(file))))
        with pytest.raises(FeedUnreachable) as caught:
            await web.get(Asked(url))
        return named.body, str(caught.value)

    with FeedServer(tls=a_certificate(office, "127.0.0.1")) as server:
        body, other = visit(lambda web: both(web, server.url()))

    assert body == bytearray(FEED)
    assert other.startswith("its certificate is not trusted: ")


def test_ca_file_is_trusted_besides_the_system(authority: trustme.CA, tmp_path: Path) -> None:
    """A feed with an authority of its own may redirect to a server of the system's."""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
    tls = Tls(ca_file=str(tmp_path / "other.pem"))

    with FeedServer(tls=a_certificate(authority, "127.0.0.1")) as server:
        answer = visit(lambda web: web.get(Asked(server.url(), tls=tls)))

    assert answer.body == bytearray(FEED)


def test_ca_file_trusts_no_other_name(tmp_path: Path) -> None:
    """An authority of one's own is no reason to believe any name."""
    office = trustme.CA()
    office.cert_pem.write_to_path(str(tmp_path / "office.pem"))
    tls = Tls(ca_file=str(tmp_path / "office.pem"))

    with (
        FeedServer(tls=a_certificate(office, "ci.example")) as server,
        pytest.raises(FeedUnreachable, match="belongs to another name"),
    ):
        visit(lambda web: web.get(Asked(server.url(), tls=tls)))


def test_verify_false_trusts_anybody_for_one_feed_only() -> None:
    """A feed that was told to trust anybody makes no other feed careless, on one server even."""

    async def both(web: Web, url: str) -> bytearray | None:
        careless = await web.get(Asked(url, tls=Tls(verify=False)))
        with pytest.raises(FeedUnreachable, match="not trusted"):
            await web.get(Asked(url))
        return careless.body

    with FeedServer(tls=a_certificate(trustme.CA(), "ci.example")) as server:
        body = visit(lambda web: both(web, server.url()))

    assert body == bytearray(FEED)


def test_a_certificate_that_signed_itself_is_not_trusted(tmp_path: Path) -> None:
    """What a router or a NAS brings along is told, with what to do."""
    lone = trustme.CA()
    lone.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    lone.cert_pem.write_to_path(str(tmp_path / "cert.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")

    with FeedServer(tls=context) as server:
        error = failure(server.url())

    assert str(error) == f"its certificate is not trusted: self-signed certificate{TRUST}"


@pytest.mark.parametrize(
    ("begin", "end", "when"), [(-20, -10, "expired"), (10, 20, "not valid yet")]
)
def test_a_certificate_out_of_its_time_may_be_a_wrong_clock(
    authority: trustme.CA, begin: int, end: int, when: str
) -> None:
    """A Pi starts without knowing the time: the sentence says which day it takes this for."""
    today = datetime.now(tz=UTC)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(
        "127.0.0.1",
        not_before=today + timedelta(days=begin),
        not_after=today + timedelta(days=end),
    ).configure_cert(context)

    with FeedServer(tls=context) as server:
        error = failure(server.url())

    days = {f"{day:%Y-%m-%d}" for day in (today, datetime.now(tz=UTC))}
    assert str(error) in {
        f"its certificate is {when}; or is this machine's clock wrong? It says {day}"
        for day in days
    }


def test_no_redirect_leads_from_https_to_http(authority: trustme.CA, server: FeedServer) -> None:
    """Whoever could read and change the answer is not asked, not even on the same host."""
    with FeedServer(tls=a_certificate(authority, "127.0.0.1")) as safe:
        safe.answer = redirect(server.url())

        error = failure(safe.url())

    assert type(error) is FeedRefused
    assert str(error) == "redirects from https to http, where anybody can read and change it"
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


# Proxies.


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A proxy that the environment names for everything."""
    with Proxy() as running:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, running.url(""))
            monkeypatch.delenv(name.upper(), raising=False)
        for name in ("NO_PROXY", "no_proxy", "all_proxy", "ALL_PROXY"):
            monkeypatch.delenv(name, raising=False)
        yield running


def test_a_proxy_in_the_environment_is_used(server: FeedServer, proxy: Proxy) -> None:
    """A lamp behind an office's proxy reads feeds outside."""
    body = get(server.url())

    assert body == FEED
    assert [request.path for request in proxy.requests] == [server.url()]
    assert [request.path for request in server.requests] == ["/cc.xml"]


def test_https_goes_through_a_proxy_unseen(authority: trustme.CA, proxy: Proxy) -> None:
    """The proxy learns the host, and neither the address nor the token; the server is verified."""
    with FeedServer(tls=a_certificate(authority, "127.0.0.1")) as server:
        url = server.url("/cc.xml?token=t0psecret").replace("https://", "https://lamp:s3cret@")

        body = get(url)

        assert body == FEED
        assert server.requests[0].path == "/cc.xml?token=t0psecret"
        (request,) = proxy.requests
        assert (request.method, request.path) == ("CONNECT", f"127.0.0.1:{server.port}")
        assert "authorization" not in request.headers


@pytest.mark.usefixtures("proxy", "authority")
def test_a_proxy_cannot_pass_for_the_server() -> None:
    """Through a proxy, a certificate of nobody is no better."""
    with FeedServer(tls=a_certificate(trustme.CA(), "127.0.0.1")) as server:
        error = failure(server.url())

    assert str(error).startswith("its certificate is not trusted: ")


def test_no_proxy_is_heeded(
    server: FeedServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Servers of the office itself are reached directly."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")

    assert get(server.url()) == FEED
    assert proxy.requests == []


def test_a_user_for_the_proxy_is_for_the_proxy_only(
    server: FeedServer, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proxy's password in the environment is not sent to the server."""
    monkeypatch.setenv("http_proxy", proxy.url("").replace("http://", "http://me:pr0xy@"))

    get(server.url())

    assert proxy.requests[0].headers["proxy-authorization"] == "Basic bWU6cHIweHk="
    assert "authorization" not in server.requests[0].headers


def test_a_proxy_that_refuses_is_told_from_a_server_that_does(
    server: FeedServer, proxy: Proxy
) -> None:
    """Whoever set the feed up looks at the proxy, not at the server."""
    proxy.refuses = True

    plain = failure(server.url())
    safe = failure("https://127.0.0.1:1/cc.xml")

    assert str(plain) == "refused with 407; the proxy wants a user"
    assert str(safe) == "the proxy refused; check HTTPS_PROXY, and the user it wants"


@pytest.mark.parametrize("written", ["gopher://127.0.0.1:1", "socks5://127.0.0.1:1", "http://[::1"])
def test_a_proxy_that_cannot_be_used_is_told(
    server: FeedServer, proxy: Proxy, written: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slip in the environment is no crash of the feed's reader."""
    monkeypatch.setenv("http_proxy", written)

    error = failure(server.url())

    assert type(error) is FeedUnreachable
    assert str(error) == (
        "the proxy in the environment cannot be used; check HTTP_PROXY and HTTPS_PROXY"
    )


# IPv6.


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


def test_an_answer_that_nothing_has_changed_keeps_the_connection(server: FeedServer) -> None:
    """A lamp on a slow machine does not shake hands anew at every poll of a quiet server."""

    async def polls(web: Web) -> None:
        answer = await web.get(Asked(server.url()))
        server.answer = Answer(b"", status=304)
        for _ in range(3):
            again = Asked(server.url(), etag=answer.etag, said_by=answer.said_by)
            assert (await web.get(again)).body is None

    server.answer = Answer(headers={"ETag": '"1"'})
    visit(polls)

    assert len(server.requests) == 4
    assert server.connections == 1


def test_a_connection_is_kept_until_the_next_poll(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two polls a minute apart use one connection; the library itself would keep it for 5 s."""
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + 60)

    async def twice(web: Web) -> None:
        await got(web, server.url())
        monkeypatch.setattr("httpcore._async.http11.time", later)
        await got(web, server.url())

    visit(twice)

    assert len(server.requests) == 2
    assert server.connections == 1


def test_a_connection_that_the_server_has_closed_costs_no_poll(server: FeedServer) -> None:
    """Servers close idle connections when they like: the next poll opens another."""
    server.answer = Answer(headers={"Content-Length": str(len(FEED))})  # It closes after that.

    async def twice(web: Web) -> list[bytes]:
        bodies = [await got(web, server.url())]
        return [*bodies, await got(web, server.url())]

    assert visit(twice) == [FEED, FEED]
    assert server.connections == 2


class Hasty(FeedServer):
    """A server that hangs up at the second question on a connection."""

    hung_up = 0

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await super()._exchange(reader, writer)
        await reader.readuntil(b"\r\n\r\n")
        self.hung_up += 1
        return False


def test_a_connection_that_closes_as_it_is_used_again_costs_no_poll() -> None:
    """A server that hangs up at the very moment of the second question is asked once more."""

    async def twice(web: Web, url: str) -> list[bytes]:
        return [await got(web, url), await got(web, url)]

    with Hasty() as server:
        bodies = visit(lambda web: twice(web, server.url()))

    assert bodies == [FEED, FEED]
    assert (server.connections, server.hung_up) == (2, 1)


def test_a_new_connection_that_closes_is_a_failure_at_once(server: FeedServer) -> None:
    """A server that hangs up on everybody is not asked again before the next poll."""
    server.answer = RESETS

    assert str(failure(server.url())) == BROKE_OFF
    assert len(server.requests) == 1


def test_a_failed_poll_does_not_spoil_the_next(server: FeedServer) -> None:
    """After an answer that broke off, the next poll starts on a connection of its own."""

    async def bad_then_good(web: Web) -> bytes:
        server.answer = BREAKS_OFF
        with pytest.raises(FeedUnreachable):
            await got(web, server.url())
        server.answer = Answer()
        return await got(web, server.url())

    assert visit(bad_then_good) == FEED


# What nobody asked for.


def whole(document: bytes, *, size: int = 0, status: str = "200 OK", more: str = "") -> bytes:
    """Return an answer as it is sent, filled up to *size* bytes by a header."""
    start = f"HTTP/1.1 {status}\r\n{more}Content-Length: {len(document)}\r\nX-Fill: "
    return (start.encode().ljust(size - len(document) - 4, b"x") + b"\r\n\r\n") + document


class Scripted(FeedServer):
    """A server that says each of *said* once, all of it at a time, and then nothing any more."""

    def __init__(self, *said: bytes, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls=tls)
        self._said = [*said]
        self.asked = 0

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        if not self._said:
            await asyncio.Event().wait()
        writer.write(self._said.pop(0))
        await writer.drain()
        return True


TLS_RECORD = 16 * 1024


@pytest.mark.parametrize(
    ("scheme", "way", "answers"),
    [
        ("http", "direct", whole(FEED) * 60),
        ("http", "proxy", whole(FEED) * 60),
        ("https", "direct", whole(FEED) * 60),
        ("https", "proxy", whole(FEED) * 60),
        # Below httpcore's buffer there is that of TLS, which it reads record by record.
        ("https", "direct", whole(FEED, size=TLS_RECORD) * 3),
        ("https", "proxy", whole(FEED, size=TLS_RECORD) * 3),
    ],
    ids=["http", "http, proxy", "https", "https, proxy", "records", "records, proxy"],
)
def test_answers_to_nothing_keep_no_lamp_green(
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    authority: trustme.CA,
    *,
    scheme: str,
    way: str,
    answers: bytes,
) -> None:
    """A server that answers 60 times at once, and falls silent, is silent at the next poll."""
    if way == "proxy":
        request.getfixturevalue("proxy")
    tls = a_certificate(authority, "127.0.0.1") if scheme == "https" else None

    async def polls(web: Web, url: str) -> FeedError:
        assert await got(web, url) == FEED
        monkeypatch.setattr(client, "DEADLINE", 0.5)
        with pytest.raises(FeedUnreachable) as caught:
            await got(web, url)
        return caught.value

    with Scripted(answers, tls=tls) as server:
        error = visit(lambda web: polls(web, server.url()))

    assert str(error) == NO_ANSWER


def test_a_whole_answer_in_an_answer_without_a_body_is_none() -> None:
    """A server that sends a body where none may be is asked again, and its truth is shown."""
    unchanged = whole(whole(FEED), status="304 Not Modified")

    async def polls(web: Web, url: str) -> list[bytes | bytearray | None]:
        first = await web.get(Asked(url))
        known = Asked(url, etag=first.etag, said_by=first.said_by)
        return [first.body, (await web.get(known)).body, (await web.get(known)).body]

    said = (whole(FEED, more='ETag: "1"\r\n'), unchanged, whole(BROKEN_FEED), whole(BROKEN_FEED))
    with Scripted(*said) as server:
        bodies = visit(lambda web: polls(web, server.url()))

        assert bodies == [FEED, None, BROKEN_FEED]
        assert server.connections == 2


def test_an_answer_behind_one_that_was_refused_is_none() -> None:
    """A connection whose last answer was no good is no better."""
    refused = whole(FEED, more="Age: 86400\r\n")

    async def polls(web: Web, url: str) -> bytes:
        with pytest.raises(FeedRefused):
            await got(web, url)
        return await got(web, url)

    with Scripted(refused + whole(FEED), whole(BROKEN_FEED), whole(BROKEN_FEED)) as server:
        assert visit(lambda web: polls(web, server.url())) == BROKEN_FEED


@pytest.mark.usefixtures("authority")
@pytest.mark.parametrize("way", ["direct", "a proxy"])
def test_many_polls_over_tls_use_one_connection(
    request: pytest.FixtureRequest, authority: trustme.CA, way: str
) -> None:
    """A handshake costs a slow machine much: there is one, also through a proxy."""
    if way == "a proxy":
        request.getfixturevalue("proxy")

    async def polls(web: Web, url: str) -> list[bytes]:
        return [await got(web, url) for _ in range(20)]

    with FeedServer(tls=a_certificate(authority, "127.0.0.1")) as server:
        assert visit(lambda web: polls(web, server.url())) == [FEED] * 20
        assert server.connections == 1


def test_a_connection_is_not_used_for_longer_than_an_hour(server: FeedServer) -> None:
    """When a server has moved, its old address is not asked for ever, however well it answers."""

    async def polls(web: Web, minutes: list[int]) -> list[int]:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, Leaping)
        connections = []
        for minute in minutes:
            loop.ahead = minute * 60
            assert await got(web, server.url()) == FEED
            connections.append(server.connections)
        await web.close()
        return connections

    with asyncio.Runner(loop_factory=Leaping) as runner:
        connections = runner.run(polls(Web(), [0, 1, 59, 61, 62, 120, 123, 124]))

    # The poll that finds a connection too old is its last.
    assert connections == [1, 1, 1, 1, 2, 2, 2, 3]


def test_a_connection_whose_bytes_nobody_counts_is_not_used_again(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the kernel's count a server could not be told from what it once said."""
    monkeypatch.setattr(socket, "TCP_INFO", -1)

    async def twice(web: Web) -> list[bytes]:
        return [await got(web, server.url()), await got(web, server.url())]

    assert visit(twice) == [FEED, FEED]
    assert server.connections == 2


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


@pytest.mark.parametrize(
    ("modified", "kept"),
    [
        ("Fri, 20 Nov 2026 11:59:58 GMT", True),
        ("Fri, 20 Nov 2026 11:59:59 GMT", False),
        ("Fri, 20 Nov 2026 12:00:00 GMT", False),
        ("nonsense", False),
        (None, True),
    ],
)
def test_a_document_that_changed_just_now_is_asked_for_whole_next_time(
    server: FeedServer, modified: str | None, *, kept: bool
) -> None:
    """A second change within the second would have the same date: it would stay unseen."""
    headers = {"Date": "Fri, 20 Nov 2026 12:00:00 GMT", "ETag": '"1"'}
    told = {"Last-Modified": modified} if modified else {}
    server.answer = Answer(headers={**headers, **told})

    answer = visit(lambda web: web.get(Asked(server.url())))

    assert (answer.etag is not None) is kept


@pytest.mark.parametrize(
    ("age", "good"),
    [
        ("0", True),
        ("60", True),
        ("61", False),
        ("x", True),
        ("", True),
        ("0, 61", False),
        ("61,x", False),
        ("60, 0", True),
    ],
)
def test_old_news_from_a_cache_are_refused(server: FeedServer, age: str, *, good: bool) -> None:
    """A proxy that keeps answers for days would keep a lamp green for days."""
    server.answer = Answer(headers={"Age": age})

    if good:
        assert get(server.url()) == FEED
        return
    error = failure(server.url())

    assert type(error) is FeedRefused
    assert str(error) == (
        "a cache on the way answers with news that is 61 seconds old; let this address pass it by"
    )


def test_caches_are_asked_to_ask_again(server: FeedServer) -> None:
    """Every request says that it wants the news of now."""
    get(server.url())

    assert server.requests[0].headers["cache-control"] == "no-cache"
