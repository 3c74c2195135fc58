"""One careful GET: streamed, within a deadline and a size; every failure is a sentence.

Everything that is HTTP stays in this folder; nothing here knows what a document means.

Each request has a connection of its own. A kept one costs less (a TLS handshake takes a processor
1.5 times as long as the rest of a poll), but may lead to a server that has been replaced, may be
closed by the server at any time, and may hold a second answer that would pass for the next one.
"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from http.cookiejar import CookieJar, DefaultCookiePolicy

from buildlight import __version__
from buildlight.errors import FeedError, FeedUnreachable
from buildlight.feeds.http.body import read_body, read_reason
from buildlight.feeds.http.errors import refusal, timed_out, translated
from buildlight.feeds.http.freshness import refuse_old, with_cache_buster
from buildlight.feeds.http.large import Room, Share
from buildlight.feeds.http.messages import Request, Response
from buildlight.feeds.http.redirects import (
    MAX_REDIRECTS,
    explained,
    is_own_origin,
    target,
    too_many,
)
from buildlight.network.http_library import httpx
from buildlight.network.tls import Tls

# httpx logs every URL at INFO and httpcore every header at DEBUG, and they may contain a token.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)
    # Not even if somebody sets every logger to DEBUG.
    logging.getLogger(_name).propagate = False
    logging.getLogger(_name).addHandler(logging.NullHandler())

_HEADERS = {
    "User-Agent": f"buildlight/{__version__}",
    "Accept": "application/xml, text/xml;q=0.9, */*;q=0.1",
    "Accept-Encoding": "gzip",
    "Cache-Control": "no-cache",
    "Connection": "close",
}


LONGEST = 120.0
"""Most seconds for one request, whatever a kind of feed asks for."""


class HttpClient:
    """The way to the network, shared by all feeds over HTTP.

    *transport* takes the place of the network in tests.
    """

    def __init__(self, *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._transport = transport
        self._room = Room()
        self._contexts: dict[Tls | None, ssl.SSLContext] = {}

    async def get(self, request: Request) -> Response:
        """Return the answer to *request*, after all redirects; raises :class:`FeedError`."""
        async with self.answer(request) as response:
            return response

    @asynccontextmanager
    async def answer(self, request: Request) -> AsyncIterator[Response]:
        """Return what :meth:`get` does; a large body keeps its room until the end of the block.

        Parse it there: the memory of all feeds is limited in sum.
        """
        async with self._room.share() as share:
            yield await self._get(request, share)

    async def _get(self, request: Request, share: Share) -> Response:
        visit = _Visit(request, share)
        seconds = min(request.timeout, LONGEST)
        try:
            async with asyncio.timeout(seconds):
                # Not httpx's follow_redirects: it reads the body of a redirect, even a gzip bomb.
                for _ in range(1 + MAX_REDIRECTS):
                    async with aclosing(await self._send(visit)) as response:
                        if not response.has_redirect_location:
                            return await visit.read(response)
                visit.url = request.url
                raise too_many(response)
        except FeedError as error:
            raise explained(error, visit.url, request) from error.__cause__
        except TimeoutError as exc:
            late = timed_out(seconds, answered=visit.answered)
            raise explained(late, visit.url, request) from exc
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as exc:
            failure = translated(exc, visit.url, has_secret=bool(request.secrets))
            raise explained(failure, visit.url, request) from exc

    async def _send(self, visit: "_Visit") -> httpx.Response:
        secure = httpx.URL(visit.url).scheme == "https"
        context = self._context(visit.request.tls if secure else None)
        # Not closed in the end: "Connection: close" leaves no connection in it.
        client = _new_client(context, self._transport)
        client.event_hooks = {"response": [visit.arrive]}
        return await client.send(visit.outgoing(client), stream=True)

    def _context(self, tls: Tls | None) -> ssl.SSLContext:
        """Return the context for *tls*; ``None`` is for http and trusts nobody.

        Reading the system's store takes a Pi Zero most of a second, and more than a megabyte.
        """
        if tls not in self._contexts:
            bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._contexts[tls] = bare if tls is None else tls.context()
        return self._contexts[tls]


def _new_client(
    context: ssl.SSLContext, transport: httpx.AsyncBaseTransport | None
) -> httpx.AsyncClient:
    try:
        return httpx.AsyncClient(
            transport=transport,
            # A lamp has no session, and cookies of years would fill its memory.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            verify=context,
            timeout=None,
            headers=_HEADERS,
        )
    except (httpx.InvalidURL, ValueError, ImportError) as exc:
        raise FeedUnreachable(
            "the proxy in the environment is not usable; check HTTP_PROXY and HTTPS_PROXY"
        ) from exc


class _Visit:
    """One request on its way: *url* is the current address, *answered* whether it is the last."""

    def __init__(self, request: Request, share: Share) -> None:
        self.request = request
        self._share = share
        self.url = request.url
        self.answered = False
        self._now = asyncio.get_running_loop().time()

    def outgoing(self, client: httpx.AsyncClient) -> httpx.Request:
        """Return the message for the current address; only the own origin gets the secret."""
        url, headers = self.url, self.request.validators.condition(self.url, now=self._now)
        if is_own_origin(url, self.request):
            url, secret = self.request.authorize(url)
            headers = {**dict(self.request.headers), **headers, **secret}
        if self.request.cache_buster:
            url = with_cache_buster(url)
        return client.build_request("GET", url, headers=headers)

    async def arrive(self, response: httpx.Response) -> None:
        """Note that *response* has begun, before httpx reads the Location of a redirect."""
        if response.has_redirect_location:
            self.url = target(response, self.request)
        else:
            self.answered = True

    async def read(self, response: httpx.Response) -> Response:
        """Return what *response* says; raises :class:`FeedError` unless it is a good answer."""
        known, is_own = self.request.validators, is_own_origin(self.url, self.request)
        body: bytearray | None = None
        if response.status_code == httpx.codes.OK:
            body = await read_body(response, self._share)
        elif response.status_code != httpx.codes.NOT_MODIFIED or not self._is_conditional(response):
            reason = await read_reason(response) if self.request.reads_refusals else ""
            has_secret = bool(self.request.secrets) and is_own
            raise refusal(response, has_secret=has_secret, reason=reason)
        refuse_old(response, known, now=self._now)
        return Response(
            body,
            response.status_code,
            response.headers,
            known.after(response, self.url, whole=body is not None, now=self._now),
            redirected_to=None if is_own else response.url.host,
        )

    @staticmethod
    def _is_conditional(response: httpx.Response) -> bool:
        sent = response.request.headers
        return "If-None-Match" in sent or "If-Modified-Since" in sent
