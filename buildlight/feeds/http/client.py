"""One careful GET: streamed, within a deadline and a size, and told in a sentence when it fails.

Everything that is HTTP ends here; nothing of what a document means is known.
"""

import asyncio
import logging
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from email.utils import formatdate
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpx

from buildlight import __version__
from buildlight.errors import FeedMalformed, FeedRefused, FeedUnreachable
from buildlight.feeds.http.errors import NO_ANSWER, TOO_SLOW, refusal, seconds_between, translated
from buildlight.feeds.schedule import DEADLINE
from buildlight.network.connections import Connections
from buildlight.redaction import scrub

MAX_BYTES = 16 * 2**20
"""Largest body, as it comes and decoded."""
KEEPALIVE = 120.0
"""Seconds for which a connection is kept between polls; httpx keeps it 5 s, less than a wait."""
MAX_REDIRECTS = 5
LAST_PORT = 65_535

_NO_PROXY = "the proxy in the environment cannot be used; check HTTP_PROXY and HTTPS_PROXY"
_NO_ADDRESS = "leads to what is no address; check it, and where it redirects"

# httpx logs every URL at INFO and httpcore every header at DEBUG, and they may hold a token.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)
    # Not even if somebody sets every logger to DEBUG.
    logging.getLogger(_name).propagate = False
    logging.getLogger(_name).addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust: the system's store, and *ca_file*; or, with *verify* false, anybody."""

    ca_file: str | None = None
    verify: bool = True

    def context(self) -> ssl.SSLContext:
        """Return the settings for Python's ``ssl``; raises OSError if *ca_file* is none."""
        # The system's store, not certifi's: an office's own authority is installed there.
        context = ssl.create_default_context()
        if self.ca_file is not None:
            context.load_verify_locations(self.ca_file)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


@dataclass(frozen=True, slots=True)
class Asked:
    """What to get: *dress* puts the secret into an address of the *url*'s own origin.

    No other server learns any of *secrets*. *etag* and *last_modified* are what the server at
    the address *said_by* said of the document that is already here; no other is told them.
    """

    url: str
    dress: Callable[[str], tuple[str, dict[str, str]]] = lambda url: (url, {})
    secrets: frozenset[str] = frozenset()
    tls: Tls = Tls()
    etag: str | None = None
    last_modified: str | None = None
    said_by: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A document, or with *body* ``None`` the news that it has not changed.

    The *body* is the very buffer that it was received into: mostly it is what is known already, and
    a copy of it would cost as much as to hash it.

    *etag*, *last_modified* and *said_by* are for the next :class:`Asked`; *host* is who sent it,
    if that is another than was asked.
    """

    body: bytearray | None
    etag: str | None = None
    last_modified: str | None = None
    said_by: str | None = None
    host: str | None = None


class Web:
    """The way to the network, shared by all feeds over HTTP.

    *transport* takes the place of the network in tests.
    """

    def __init__(self, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._contexts: dict[Tls | None, ssl.SSLContext] = {}
        # One for each address: the work of httpcore's pool for one request grows with the square
        # of the connections in it, and a thousand feeds would stand still.
        self._clients: dict[tuple[Tls | None, str], httpx.AsyncClient] = {}
        self._connections = Connections()

    async def get(self, asked: Asked) -> Answer:
        """Return what *asked* leads to.

        Raises :class:`FeedError` for everything else, within :data:`schedule.DEADLINE` seconds:
        look-up, connection, redirects and the last byte taken together.
        """
        begun = asyncio.Event()
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._follow(asked, begun)
        except TimeoutError as exc:
            sentence = TOO_SLOW if begun.is_set() else NO_ANSWER
            raise FeedUnreachable(sentence.format(DEADLINE)) from exc
        except httpx.InvalidURL as exc:
            raise FeedRefused(_NO_ADDRESS) from exc
        except (httpx.HTTPError, OSError, UnicodeError) as exc:
            raise translated(exc) from exc

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    async def _follow(self, asked: Asked, begun: asyncio.Event) -> Answer:
        """Return the answer at the end of all redirects; sets *begun* at its first bytes."""
        # Not httpx's follow_redirects: it reads the body of a redirect whole, even a gzip bomb.
        url = asked.url
        for _ in range(1 + MAX_REDIRECTS):
            client = self._client(asked, secure=httpx.URL(url).scheme == "https")
            request = _request(client, asked, url)
            async with self._response(client, request) as response:
                if not response.has_redirect_location:
                    begun.set()
                    return await _answer(response, asked, url)
                url = _next(response, asked)
        raise FeedRefused(f"redirects more than {MAX_REDIRECTS} times; check the address")

    @asynccontextmanager
    async def _response(
        self, client: httpx.AsyncClient, request: httpx.Request
    ) -> AsyncIterator[httpx.Response]:
        """Send *request*; what nobody asked for is closed unread, and its connection with it."""
        while True:
            async with aclosing(await _sent(client, request)) as response:
                if self._connections.answers(response):
                    try:
                        yield response
                    finally:
                        await self._connections.end(response)
                    return

    def _client(self, asked: Asked, *, secure: bool) -> httpx.AsyncClient:
        tls = asked.tls if secure else None
        if (tls, asked.url) not in self._clients:
            context = self._context(tls)
            try:
                self._clients[tls, asked.url] = _new_client(context, self._transport)
            except (httpx.InvalidURL, ValueError, ImportError) as exc:
                raise FeedUnreachable(_NO_PROXY) from exc
        return self._clients[tls, asked.url]

    def _context(self, tls: Tls | None) -> ssl.SSLContext:
        """Return whom to trust; with ``None``, for http, nobody.

        To read the system's store takes a Pi Zero most of a second, and more than a megabyte.
        """
        if tls not in self._contexts:
            bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._contexts[tls] = bare if tls is None else tls.context()
        return self._contexts[tls]


def _new_client(
    verify: ssl.SSLContext, transport: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=transport,
        # A lamp has no session, and a jar filled for years would not fit its memory.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        verify=verify,
        timeout=None,  # noqa: S113 - Web.get has a deadline for all of it
        limits=httpx.Limits(
            max_connections=None,  # A limit would let hanging feeds starve the others.
            max_keepalive_connections=None,
            keepalive_expiry=KEEPALIVE,
        ),
        headers={
            "User-Agent": f"buildlight/{__version__}",
            "Accept": "application/xml, text/xml;q=0.9, */*;q=0.1",
            "Accept-Encoding": "gzip",
            "Cache-Control": "no-cache",  # A proxy's old news would be new to us.
        },
    )


def _request(client: httpx.AsyncClient, asked: Asked, url: str) -> httpx.Request:
    """Return the request for *url*; only the configured origin learns the secret."""
    if not 0 <= (httpx.URL(url).port or 0) <= LAST_PORT:
        raise FeedRefused(_NO_ADDRESS)  # anyio would raise an ExceptionGroup.
    headers = _condition(asked, url)
    if _origin(url) == _origin(asked.url):
        url, secret = asked.dress(url)
        headers |= secret
    return client.build_request("GET", url, headers=headers)


async def _sent(client: httpx.AsyncClient, request: httpx.Request) -> httpx.Response:
    """Send *request*, and once more for every kept connection that turns out to be closed.

    A server may close one at the very moment at which it is used again (RFC 9112, section 9.3.1):
    that is no fault of the feed.
    """
    while True:
        happened: list[str] = []

        async def note(event: str, _details: Mapping[str, Any], into: list[str] = happened) -> None:
            into.append(event)

        request.extensions["trace"] = note
        try:
            return await client.send(request, stream=True)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError) as exc:
            if _HEADERS in happened:  # All has come; httpx looks where they redirect, already here.
                raise FeedRefused(_NO_ADDRESS) from exc
            layers = {event.partition(".")[0] for event in happened}
            if "connection" in layers or "http11" not in layers:
                raise


_HEADERS = "http11.receive_response_headers.complete"
"""What httpcore calls it when a response has begun."""


def _condition(asked: Asked, url: str) -> dict[str, str]:
    """Return the headers for *url* that ask for a document only if it has changed."""
    if url != (asked.said_by or asked.url):
        return {}  # What one server said is nothing to another: an ETag may echo a token.
    known = {"If-None-Match": asked.etag, "If-Modified-Since": asked.last_modified}
    return {name: value for name, value in known.items() if value is not None}


def _next(response: httpx.Response, asked: Asked) -> str:
    """Return where a redirect leads; raises :class:`FeedRefused` for where nobody should go."""
    before = response.request.url
    try:
        following = before.join(response.headers["Location"])
    except (httpx.InvalidURL, ValueError) as exc:
        raise FeedRefused(_NO_ADDRESS) from exc
    if following.scheme not in ("http", "https") or not following.host:
        raise FeedRefused("redirects to what is neither http nor https")
    if before.scheme == "https" and following.scheme == "http":
        raise FeedRefused("redirects from https to http, where anybody can read and change it")
    if _origin(str(following)) == _origin(asked.url):
        # A password in the address belongs to the whole server.
        return str(following.copy_with(userinfo=httpx.URL(asked.url).userinfo))
    if scrub(str(following), asked.secrets) != str(following):
        raise FeedRefused("redirects to another server and hands it the token; check the address")
    return str(following.copy_with(userinfo=b""))


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = httpx.URL(url)
    return (parts.scheme, parts.host, parts.port or {"http": 80, "https": 443}.get(parts.scheme))


async def _answer(response: httpx.Response, asked: Asked, url: str) -> Answer:
    if response.status_code == httpx.codes.NOT_MODIFIED and _condition(asked, url):
        _refuse_old(response)
        # It has no body, but httpcore closes a connection on which nobody looked for its end.
        await response.aread()
        return Answer(None, etag=asked.etag, last_modified=asked.last_modified, said_by=url)
    elsewhere = _origin(url) != _origin(asked.url)
    body = await _body(response)
    _refuse_old(response)
    settled = _is_settled(response)
    return Answer(
        body,
        etag=_kept(response, "ETag") if settled else None,
        last_modified=_kept(response, "Last-Modified") if settled else None,
        said_by=url,
        host=response.url.host if elsewhere else None,
    )


def _kept(response: httpx.Response, name: str) -> str | None:
    """Return the header *name*, if it is one that can be sent back."""
    told: str = response.headers.get(name, "")
    return told if told and told.isascii() else None


def _is_settled(response: httpx.Response) -> bool:
    """Return whether the document was old enough that its next change will be seen.

    Last-Modified has whole seconds, and so have the files behind many an ETag: what changes twice
    within one would stay unseen until it changes again (RFC 9110, section 8.8.2.2).
    """
    modified = response.headers.get("Last-Modified")
    # A server without a clock sends no date; then ours has to do.
    age = seconds_between(modified, response.headers.get("Date") or formatdate(usegmt=True))
    return modified is None or (age is not None and age >= SETTLED)


SETTLED = 2.0
"""Seconds after its last change from which on a document can be told from its next."""


def _refuse_old(response: httpx.Response) -> None:
    """Raise :class:`FeedRefused` for what a cache on the way kept, although it was told not to."""
    # Several caches may have told theirs; a server that does not know says what is no number.
    told = (each.strip() for each in response.headers.get("Age", "").split(","))
    age = max((int(each[:12]) for each in told if each.isdecimal()), default=0)
    if age > OLDEST:
        raise FeedRefused(
            f"a cache on the way answers with news that is {age} seconds old; "
            "let this address pass it by"
        )


OLDEST = 60
"""Seconds that an answer may have lain in a cache."""


async def _body(response: httpx.Response) -> bytearray:
    if response.status_code != httpx.codes.OK:
        raise refusal(response)
    # Not aiter_bytes: it would inflate a whole chunk of a gzip bomb at once.
    decode = _decoder(response.headers.get("Content-Encoding", "").strip().lower())
    # In one piece, which the C library gives back: parts of it would be kept for long.
    body = bytearray()
    async for part in _decoded(response, decode):
        body += part
        _refuse_large(len(body))
    return body


async def _decoded(
    response: httpx.Response, decode: Callable[[bytes], Iterator[bytes]]
) -> AsyncIterator[bytes]:
    async for chunk in response.aiter_raw():
        # Much may come of which nothing is left once it is decoded.
        _refuse_large(response.num_bytes_downloaded)
        for part in decode(chunk):
            yield part


def _refuse_large(size: int) -> None:
    if size > MAX_BYTES:
        raise FeedMalformed(f"larger than {MAX_BYTES // 2**20} MiB; is it a feed?")


def _decoder(encoding: str) -> Callable[[bytes], Iterator[bytes]]:
    if encoding in ("", "identity"):
        return lambda chunk: iter((chunk,))
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise FeedMalformed("encoded in a way that was not asked for (Content-Encoding)")
    inflater = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib, whichever it is

    def inflate(chunk: bytes) -> Iterator[bytes]:
        try:
            # What follows the end is not the document, as in browsers: zlib would collect it. If
            # it was more of the document, the parser misses that.
            while chunk and not inflater.eof:
                yield inflater.decompress(chunk, INFLATED)
                chunk = inflater.unconsumed_tail
        except zlib.error as exc:
            raise FeedMalformed("damaged on the way (it does not decompress)") from exc

    return inflate


INFLATED = 2**20
"""Most bytes to inflate at a time."""
