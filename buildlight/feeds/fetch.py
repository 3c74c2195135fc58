"""One careful GET: streamed, within a deadline and a size, and told in a sentence when it fails.

Everything that is HTTP ends here; nothing of what a document means is known.
"""

import asyncio
import logging
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from urllib.parse import unquote

import httpx

from buildlight import __version__
from buildlight.errors import FeedMalformed, FeedRefused, FeedUnreachable
from buildlight.feeds.faults import refusal, translated
from buildlight.feeds.pace import DEADLINE

MAX_BYTES = 16 * 2**20
"""Largest body, decoded."""
KEEPALIVE = 120.0
"""Seconds for which a connection is kept between polls; httpx keeps it 5 s, less than a wait."""
MAX_REDIRECTS = 5
LAST_PORT = 65_535

_NO_ADDRESS = "leads to what is no address; check it, and where it redirects"

# httpx logs every URL at INFO, and a URL may hold a token.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)


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

    No other server learns any of *secrets*. *etag* and *last_modified* are what the server said
    of the document that is already here.
    """

    url: str
    dress: Callable[[str], tuple[str, dict[str, str]]] = lambda url: (url, {})
    secrets: frozenset[str] = frozenset()
    tls: Tls = Tls()
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """A document, or with *body* ``None`` the news that it has not changed.

    *host* is who sent it, if that is another than was asked.
    """

    body: bytes | None
    etag: str | None = None
    last_modified: str | None = None
    host: str | None = None


class Web:
    """The way to the network, shared by all feeds over HTTP.

    *transport* takes the place of the network in tests.
    """

    def __init__(self, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._clients: dict[Tls, httpx.AsyncClient] = {}

    async def get(self, asked: Asked) -> Answer:
        """Return what *asked* leads to.

        Raises :class:`FeedError` for everything else, within :data:`pace.DEADLINE` seconds:
        look-up, connection, redirects and the last byte taken together.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._follow(asked)
        except TimeoutError as exc:
            raise FeedUnreachable(f"no whole answer within {DEADLINE:.0f} seconds") from exc
        except httpx.InvalidURL as exc:
            raise FeedRefused(_NO_ADDRESS) from exc
        except (httpx.HTTPError, OSError, UnicodeError) as exc:
            raise translated(exc) from exc

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    async def _follow(self, asked: Asked) -> Answer:
        # Not httpx's follow_redirects: it reads the body of a redirect whole, even a gzip bomb.
        client = self._client(asked.tls)
        url = asked.url
        for _ in range(1 + MAX_REDIRECTS):
            request = _request(client, asked, url)
            async with aclosing(await client.send(request, stream=True)) as response:
                if not response.has_redirect_location:
                    return await _answer(response, asked)
                url = _next(response, asked)
        raise FeedRefused(f"redirects more than {MAX_REDIRECTS} times; check the address")

    def _client(self, tls: Tls) -> httpx.AsyncClient:
        if tls not in self._clients:
            self._clients[tls] = httpx.AsyncClient(
                transport=self._transport,
                # A lamp has no session, and a jar filled for years would not fit its memory.
                cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
                verify=tls.context(),
                timeout=DEADLINE,
                limits=httpx.Limits(
                    max_connections=None,  # A limit would let hanging feeds starve the others.
                    max_keepalive_connections=None,
                    keepalive_expiry=KEEPALIVE,
                ),
                headers={
                    "User-Agent": f"buildlight/{__version__}",
                    "Accept": "application/xml, text/xml;q=0.9, */*;q=0.1",
                    "Accept-Encoding": "gzip",
                },
            )
        return self._clients[tls]


def _request(client: httpx.AsyncClient, asked: Asked, url: str) -> httpx.Request:
    """Return the request for *url*; only the configured origin learns the secret."""
    if not 0 <= (httpx.URL(url).port or 0) <= LAST_PORT:
        raise FeedRefused(_NO_ADDRESS)  # anyio would raise an ExceptionGroup.
    known = {"If-None-Match": asked.etag, "If-Modified-Since": asked.last_modified}
    headers = {name: value for name, value in known.items() if value is not None}
    if _origin(url) == _origin(asked.url):
        url, secret = asked.dress(url)
        headers |= secret
    return client.build_request("GET", url, headers=headers)


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
    if any(secret in unquote(str(following)) for secret in asked.secrets):
        raise FeedRefused("redirects to another server and hands it the token; check the address")
    return str(following.copy_with(userinfo=b""))


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = httpx.URL(url)
    return (parts.scheme, parts.host, parts.port or {"http": 80, "https": 443}.get(parts.scheme))


async def _answer(response: httpx.Response, asked: Asked) -> Answer:
    conditional = asked.etag is not None or asked.last_modified is not None
    if response.status_code == httpx.codes.NOT_MODIFIED and conditional:
        return Answer(None, etag=asked.etag, last_modified=asked.last_modified)
    elsewhere = _origin(str(response.url)) != _origin(asked.url)
    return Answer(
        await _body(response),
        etag=response.headers.get("ETag"),
        last_modified=response.headers.get("Last-Modified"),
        host=response.url.host if elsewhere else None,
    )


async def _body(response: httpx.Response) -> bytes:
    if response.status_code != httpx.codes.OK:
        raise refusal(response)
    # Not aiter_bytes: it would inflate a whole chunk of a gzip bomb at once.
    decode = _decoder(response.headers.get("Content-Encoding", "").strip().lower())
    body = bytearray()
    async for part in _decoded(response.aiter_raw(), decode):
        body += part
        if len(body) > MAX_BYTES:
            raise FeedMalformed(f"larger than {MAX_BYTES // 2**20} MiB; is it a feed?")
    return bytes(body)


async def _decoded(
    chunks: AsyncIterator[bytes], decode: Callable[[bytes], Iterator[bytes]]
) -> AsyncIterator[bytes]:
    async for chunk in chunks:
        for part in decode(chunk):
            yield part


def _decoder(encoding: str) -> Callable[[bytes], Iterator[bytes]]:
    if encoding in ("", "identity"):
        return lambda chunk: iter((chunk,))
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise FeedMalformed("encoded in a way that was not asked for (Content-Encoding)")
    inflater = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib, whichever it is

    def inflate(chunk: bytes) -> Iterator[bytes]:
        try:
            while chunk:
                yield inflater.decompress(chunk, INFLATED)
                chunk = inflater.unconsumed_tail
        except zlib.error as exc:
            raise FeedMalformed("damaged on the way (it does not decompress)") from exc

    return inflate


INFLATED = 2**20
"""Most bytes to inflate at a time."""
