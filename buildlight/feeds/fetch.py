"""One careful GET: streamed, within a deadline and a size, and told in a sentence when it fails.

Everything that is HTTP ends here; nothing of what a document means is known.
"""

import asyncio
import errno
import logging
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import aclosing
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from buildlight import __version__
from buildlight.errors import FeedError, FeedMalformed, FeedRefused, FeedUnreachable
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


class Web:
    """The way to the network, shared by all feeds over HTTP.

    *transport* takes the place of the network in tests.
    """

    def __init__(self, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._client = httpx.AsyncClient(
            transport=transport,
            # A lamp has no session, and a jar that is filled for years would not fit its memory.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            # The system's store, not certifi's: an office's own authority is installed there.
            verify=ssl.create_default_context(),
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

    async def get(self, url: str) -> bytes:
        """Return the body that *url* answers with.

        Raises :class:`FeedError` for everything else, within :data:`pace.DEADLINE` seconds:
        look-up, connection, redirects and the last byte taken together.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._follow(url)
        except TimeoutError as exc:
            raise FeedUnreachable(f"no whole answer within {DEADLINE:.0f} seconds") from exc
        except httpx.InvalidURL as exc:
            raise FeedRefused(_NO_ADDRESS) from exc
        except (httpx.HTTPError, OSError, UnicodeError) as exc:
            raise _translated(exc) from exc

    async def _follow(self, url: str) -> bytes:
        # Not httpx's follow_redirects: it reads the body of a redirect whole, even a gzip bomb.
        request: httpx.Request | None = self._client.build_request("GET", url)
        for _ in range(1 + MAX_REDIRECTS):
            if request is None or not 0 <= (request.url.port or 0) <= LAST_PORT:
                raise FeedRefused(_NO_ADDRESS)  # anyio would raise an ExceptionGroup.
            async with aclosing(await self._client.send(request, stream=True)) as response:
                if not response.has_redirect_location:
                    return await _body(response)
                request = response.next_request
        raise FeedRefused(f"redirects more than {MAX_REDIRECTS} times; check the address")

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()


async def _body(response: httpx.Response) -> bytes:
    if response.status_code != httpx.codes.OK:
        raise _refusal(response)
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


# What to do about a status, for the person who set the feed up.
_REMEDIES: Mapping[int, str] = {
    401: "it wants a user or a token",
    403: "this user or token may not see it",
    404: "no such page; check the address",
    407: "the proxy wants a user",
    410: "no such page any more; check the address",
    429: "asked too often; raise interval",
}


def _refusal(response: httpx.Response) -> FeedRefused:
    status = response.status_code
    server_side = status >= httpx.codes.INTERNAL_SERVER_ERROR
    otherwise = "the server is in trouble" if server_side else "check the address"
    remedy = _REMEDIES.get(status, otherwise)
    return FeedRefused(f"refused with {status}; {remedy}", status=status)


def _translated(exc: Exception) -> FeedError:
    """Return *exc* as a sentence. httpx's own may hold the address, so it is not repeated."""
    if isinstance(exc, httpx.TimeoutException):
        return FeedUnreachable(f"no whole answer within {DEADLINE:.0f} seconds")
    if isinstance(exc, httpx.UnsupportedProtocol):
        return FeedRefused("redirects to what is neither http nor https")
    for cause in (exc, *_causes(exc)):
        sentence = _network_sentence(cause)
        if sentence:
            return FeedUnreachable(sentence)
    if isinstance(exc, httpx.ConnectError):
        return FeedUnreachable("cannot be reached; check the address and the network")
    return FeedUnreachable("the connection broke off before the answer was whole")


def _network_sentence(cause: BaseException) -> str | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {cause.verify_message}"
    if isinstance(cause, ssl.SSLError):
        return "no TLS there; is it http, not https?"
    if isinstance(cause, socket.gaierror | UnicodeError):
        return "name not found; check the address and the network"
    return _NETWORK.get(cause.errno or 0) if isinstance(cause, OSError) else None


_NETWORK: Mapping[int, str] = {
    errno.ECONNREFUSED: "refused the connection; is the server up, and the port right?",
    errno.EHOSTUNREACH: "no way to the host; check the network",
    errno.ENETUNREACH: "no way to the network; is it up?",
}


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield everything that led to *exc*; anyio gathers attempts in an exception group."""
    cause = exc.__cause__ or exc.__context__
    if cause is not None:
        yield cause
        yield from _causes(cause)
        if isinstance(cause, BaseExceptionGroup):
            for inner in cause.exceptions:
                yield inner
                yield from _causes(inner)
