"""The page and what programs read beside it, as answers to requests. On microdot.

Everything here is read, nothing can be changed.
"""

import asyncio
import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from microdot import Microdot
from microdot import Request as DotRequest
from microdot import Response as DotResponse

from buildlight import __version__
from buildlight.projects import ccxml
from buildlight.publish.web.event_stream import MOST, Followers
from buildlight.publish.web.html import document, rest
from buildlight.publish.web.http_server import Asked, Reply, refusal
from buildlight.publish.web.merged_feed import joined
from buildlight.publish.web.metrics import CONTENT_TYPE, exposition
from buildlight.publish.web.svg import icon_svg
from buildlight.report.as_json import to_json
from buildlight.report.poll_stats import PollStats
from buildlight.report.report import Report

ASSETS = Path(__file__).with_name("assets")
HTML, XML, JSON = "text/html", "application/xml", "application/json"

WORTH = 1_000
"""Bytes from which on an answer is worth packing."""

NOBODY = ("", 0)
"""Who asked, as microdot wants to know it; no answer depends on that."""

SURPLUS = "too many have the page open; this one has to ask"
STARTING = "it is starting"


@dataclass(frozen=True, slots=True)
class _Written:
    """A document, its tag, and packed."""

    plain: bytes
    packed: bytes
    tag: str

    @classmethod
    def of(cls, plain: bytes) -> "_Written":
        packed = gzip.compress(plain, 6, mtime=0) if len(plain) >= WORTH else plain
        return cls(plain, packed, blake2b(plain, digest_size=12).hexdigest())


class Page:
    """Answers with what it was told last.

    *tally* counts polls; *ailment* returns what is wrong with the daemon, if anything is.
    """

    def __init__(self, *, tally: PollStats, ailment: Callable[[], str | None]) -> None:
        self.names: frozenset[str] = frozenset()
        """Host names that it answers to, besides localhost and the address at which it is asked."""
        self._tally = tally
        self._ailment = ailment
        self._followers: Followers | None = None
        self._written: dict[str, tuple[object, asyncio.Future[_Written]]] = {}
        self._assets = {path.name: _Written.of(path.read_bytes()) for path in ASSETS.iterdir()}
        self._app = Microdot()
        for path, answer in self._routes().items():
            self._app.get(path)(answer)

    def tell(self, report: Report) -> None:
        """Answer with *report* from now on."""
        if self._followers is None:
            self._followers = Followers(report, self._tally)
        else:
            self._followers.tell(report)

    async def respond(self, asked: Asked) -> Reply:
        """Answer a request."""
        if not self._is_meant(asked):
            return MISDIRECTED
        try:
            request = DotRequest(
                self._app, NOBODY, asked.method, asked.target, "1.1", dict(asked.headers)
            )
        except ValueError:
            return NO_QUERY
        request.g.asked = asked
        answer = await self._app.dispatch_request(request)
        answer.complete()
        headers = {name: str(value) for name, value in answer.headers.items()}
        headers.pop("Content-Length", None)
        return Reply(answer.status_code, answer.body, headers)

    def _is_meant(self, asked: Asked) -> bool:
        """Return whether the host that was asked for is this one.

        A stranger's page can make its own name lead here, and would then read what it likes; it
        cannot make a browser call this machine by its address or by a name that we know.
        """
        named = asked.headers.get("host", "")
        try:
            host = urlsplit(f"//{named}").hostname or ""
        except ValueError:
            return False
        if _NO_HOST & {*named}:
            return False
        host = host.removesuffix(".")
        return host in self.names or host == "localhost" or _same_address(host, asked.here)

    def _routes(self) -> Mapping[str, Callable[..., object]]:
        return {
            "/": self._document,
            "/rest": self._rest,
            "/parts": self._parts,
            "/events": self._events,
            "/page.css": self._asset("page.css", "text/css"),
            "/page.js": self._asset("page.js", "text/javascript"),
            "/icon.svg": self._icon,
            "/favicon.ico": self._icon,  # What browsers ask for beside the feed and the report.
            "/cc.xml": self._cc_xml,
            "/api/report": self._report,
            "/healthz": self._health,
            "/metrics": self._metrics,
        }

    async def _document(self, request: DotRequest) -> DotResponse:
        followers = self._followers
        if followers is None:
            return _no(STARTING, HTTPStatus.SERVICE_UNAVAILABLE)
        report, shown = followers.report, followers.look()
        version, ages = followers.version, followers.ages()

        def make() -> bytes:
            return document(report, shown, version=version, ages=ages).encode()

        # A second later it has other ages.
        key = version, int(followers.elapsed), id(report)
        written = await self._kept("document", key, make)
        return _sent(request, written, HTML)

    async def _rest(self, request: DotRequest) -> DotResponse:
        followers = self._followers
        if followers is None:
            return _no(STARTING, HTTPStatus.SERVICE_UNAVAILABLE)
        report, shown = followers.report, followers.look()
        written = await self._kept("rest", followers.version, lambda: rest(shown, report).encode())
        return _sent(request, written, HTML)

    async def _parts(self, request: DotRequest) -> DotResponse:
        if self._followers is None:
            return _no(STARTING, HTTPStatus.SERVICE_UNAVAILABLE)
        told = self._followers.everything()
        return _sent(request, await self._kept("parts", told, lambda: told), JSON)

    async def _events(self, request: DotRequest) -> DotResponse:
        followers = self._followers
        if followers is None or followers.count >= MOST:
            why = STARTING if followers is None else SURPLUS
            return _no(why, HTTPStatus.SERVICE_UNAVAILABLE)
        headers = {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # nginx would keep the news until it has enough of it.
        }
        # Not among microdot's types, but among its bodies.
        pieces: Any = followers.follow(request.args.get("since", ""))
        return DotResponse(pieces, headers=headers)

    async def _icon(self, request: DotRequest) -> DotResponse:
        report = self._followers.report if self._followers else None
        return _sent(request, _Written.of(icon_svg(report).encode()), "image/svg+xml")

    async def _cc_xml(self, request: DotRequest) -> DotResponse:
        if self._followers is None:
            return _no(STARTING, HTTPStatus.SERVICE_UNAVAILABLE)
        report = self._followers.report
        name = request.args.get("lamp")
        lamp = next((each for each in report.lamps if each.name == name), None)
        if name is not None and lamp is None:
            names = ", ".join(each.name for each in report.lamps)
            return _no(f"no lamp has this name; there are: {names}", HTTPStatus.NOT_FOUND)
        written = await self._kept(
            f"cc.xml {name}", report, lambda: ccxml.write(joined(report, lamp))
        )
        return _sent(request, written, XML)

    async def _report(self, request: DotRequest) -> DotResponse:
        if self._followers is None:
            return _no(STARTING, HTTPStatus.SERVICE_UNAVAILABLE)
        report = self._followers.report
        written = await self._kept("report", report, lambda: json.dumps(to_json(report)).encode())
        return _sent(request, written, JSON)

    async def _health(self, _request: DotRequest) -> DotResponse:
        why = STARTING if self._followers is None else self._ailment()
        if why is not None:
            return _no(why, HTTPStatus.SERVICE_UNAVAILABLE)
        return DotResponse("ok\n", headers={"Cache-Control": "no-store"})

    async def _metrics(self, request: DotRequest) -> DotResponse:
        followers = self._followers
        if followers is None:
            return _no(STARTING, HTTPStatus.SERVICE_UNAVAILABLE)
        report, ages, tally = followers.report, followers.ages(), self._tally.copy()

        def make() -> bytes:
            return exposition(report, tally, version=__version__, ages=ages).encode()

        written = await self._kept("metrics", (int(followers.elapsed), id(report)), make)
        return _sent(request, written, CONTENT_TYPE)

    def _asset(self, name: str, kind: str) -> Callable[..., object]:
        async def asset(request: DotRequest) -> DotResponse:
            return _sent(request, self._assets[name], kind)

        return asset

    async def _kept(self, what: str, key: object, make: Callable[[], bytes]) -> _Written:
        """Return what *make* makes, or made before of the very same *key*; others wait for it.

        On a thread: 50,000 projects take their time, and polls must not wait for whoever asks.
        """
        before = self._written.get(what)
        if before is None or (before[0] is not key and before[0] != key):
            making = asyncio.ensure_future(asyncio.to_thread(lambda: _Written.of(make())))
            before = self._written[what] = (key, making)
        return await asyncio.shield(before[1])


_NO_HOST = frozenset("@/?#\\")
"""Letters of an address that no Host has."""


def _same_address(host: str, here: str) -> bool:
    try:
        there, own = ip_address(host), ip_address(here.partition("%")[0])
    except ValueError:
        return False
    # An IPv4 address is seen as ::ffff:192.0.2.1 by who listens everywhere.
    return there == (getattr(own, "ipv4_mapped", None) or own)


def _sent(request: DotRequest, written: _Written, kind: str) -> DotResponse:
    """Return *written*, packed if that is wanted, or that it is the same as before."""
    packed = (
        "gzip" in request.headers.get("accept-encoding", "") and written.packed is not written.plain
    )
    tag = f'W/"{written.tag}"' if packed else f'"{written.tag}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    known = request.headers.get("if-none-match", "")
    if written.tag in [each.strip().removeprefix("W/").strip('"') for each in known.split(",")]:
        return DotResponse(b"", HTTPStatus.NOT_MODIFIED, headers)
    headers["Content-Type"] = kind if "charset" in kind else f"{kind}; charset=utf-8"
    if packed:
        headers["Content-Encoding"] = "gzip"
    return DotResponse(written.packed if packed else written.plain, 200, headers)


def _no(sentence: str, status: HTTPStatus) -> DotResponse:
    return DotResponse(f"{sentence}\n", status, {"Cache-Control": "no-store"})


MISDIRECTED = refusal(
    HTTPStatus.MISDIRECTED_REQUEST,
    "this page does not answer to that name; add it to names in [page]",
)
NO_QUERY = refusal(HTTPStatus.BAD_REQUEST, "that is no address of this page")
