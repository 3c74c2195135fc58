"""The paths of the page and of the documents for programs. Read-only."""

import asyncio
import gzip
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Protocol
from urllib.parse import parse_qs, urlsplit

from buildlight import __version__
from buildlight.network.origin import ORIGIN
from buildlight.projects import ccxml
from buildlight.publish.web.event_stream import MOST, EventStream, news
from buildlight.publish.web.html import document, rest
from buildlight.publish.web.http_server import PageRequest, Reply, plain_reply
from buildlight.publish.web.lamp_card import badge_svg
from buildlight.publish.web.merged_feed import merge
from buildlight.publish.web.metrics import CONTENT_TYPE, exposition
from buildlight.publish.web.svg import icon_svg, worst_lamp
from buildlight.publish.web.wall import wall, wall_document
from buildlight.report.as_json import to_json
from buildlight.report.report import LampReport, Report

ASSETS = Path(__file__).with_name("assets")
HTML, XML, JSON, SVG = "text/html", "application/xml", "application/json", "image/svg+xml"

KINDS: Mapping[str, str] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".png": "image/png",
}
"""The type of an asset by the end of its name."""

WORTH = 1_000
"""Smallest document, in bytes, that is compressed."""


@dataclass(frozen=True, slots=True)
class _Written:
    """A document, its compressed form, and its tag."""

    plain: bytes
    packed: bytes
    tag: str

    @classmethod
    def of(cls, plain: bytes) -> "_Written":
        packed = gzip.compress(plain, 6, mtime=0) if len(plain) >= WORTH else plain
        return cls(plain, packed, blake2b(plain, digest_size=12).hexdigest())


class Identity(Protocol):
    """What the page is called; a reload may change both."""

    names: frozenset[str]
    title: str


class Page:
    """Answers requests with the report of *stream*; *ailment* returns a fault of the daemon.

    *identity* has its host names, besides localhost and the address of the connection.
    """

    def __init__(
        self,
        stream: EventStream,
        identity: Identity,
        *,
        ailment: Callable[[], str | None],
    ) -> None:
        self._identity = identity
        self._stream = stream
        self._ailment = ailment
        self._written: dict[str, tuple[object, asyncio.Future[_Written]]] = {}
        self._assets = {path.name: _Written.of(path.read_bytes()) for path in ASSETS.iterdir()}
        self._routes: Mapping[str, Callable[[PageRequest], Awaitable[Reply]]] = {
            "/": self._document,
            "/rest": self._rest,
            "/parts": self._parts,
            "/wall": self._wall,
            "/wall/parts": self._wall_parts,
            "/events": self._events,
            **{f"/{name}": self._asset(name) for name in self._assets},
            "/icon.svg": self._icon,
            "/favicon.ico": self._icon,  # Browsers request it while feed and report are made.
            "/badge.svg": self._badge,
            "/manifest.webmanifest": self._manifest,
            "/cc.xml": self._cc_xml,
            "/api/report": self._report,
            "/healthz": self._health,
            "/metrics": self._metrics,
        }

    async def respond(self, request: PageRequest) -> Reply:
        """Answer a request."""
        if not self._is_meant(request):
            return MISDIRECTED
        route = self._routes.get(request.target.partition("?")[0])
        return NOT_FOUND if route is None else await route(request)

    def _is_meant(self, request: PageRequest) -> bool:
        """Return whether the request names this host.

        Otherwise any web page could let its own host name resolve to this machine and then read
        everything (DNS rebinding). It cannot do that with an IP address or a configured name.
        """
        named = request.headers.get("host", "")
        try:
            host = urlsplit(f"//{named}").hostname or ""
        except ValueError:
            return False
        if _NO_HOST & {*named}:
            return False
        host = host.removesuffix(".")
        return (
            host in self._identity.names
            or host == "localhost"
            or _same_address(host, request.local_address)
        )

    async def _document(self, request: PageRequest) -> Reply:
        stream, report, shown = self._stream, self._stream.report, self._stream.look()
        version, ages, now = stream.version, stream.ages(), stream.now
        title = self._identity.title
        # Its ages change every second.
        return await self._reply(
            request,
            "document",
            (version, int(stream.elapsed), id(report), title),
            lambda: document(
                report, shown, version=version, ages=ages, now=now, title=title
            ).encode(),
            HTML,
        )

    async def _rest(self, request: PageRequest) -> Reply:
        report, shown = self._stream.report, self._stream.look()
        return await self._reply(
            request, "rest", self._stream.version, lambda: rest(shown, report).encode(), HTML
        )

    async def _parts(self, request: PageRequest) -> Reply:
        everything = self._stream.everything()
        return await self._reply(request, "parts", everything, lambda: everything, JSON)

    async def _wall(self, request: PageRequest) -> Reply:
        stream, lamp = self._stream, _lamp(request, self._stream.report)
        if isinstance(lamp, Reply):
            return lamp
        # Before the thread: what is written there must not claim a newer version.
        report, made, state, title = (
            stream.report,
            stream.made,
            stream.state(),
            self._identity.title,
        )
        return await self._reply(
            request,
            f"wall {lamp and lamp.name}",
            (state["version"], int(stream.elapsed), id(report), title),
            lambda: wall_document(
                wall(report, lamp, now=made), lamp, state=state, title=title
            ).encode(),
            HTML,
        )

    async def _wall_parts(self, request: PageRequest) -> Reply:
        stream, lamp = self._stream, _lamp(request, self._stream.report)
        if isinstance(lamp, Reply):
            return lamp
        report, made, state = stream.report, stream.made, stream.state()

        def written() -> bytes:
            shown = wall(report, lamp, now=made)
            return news(state, shown.title, shown.look, shown.said, {"wall": shown.inner})

        key = state["version"], int(stream.elapsed), id(report)
        return await self._reply(request, f"wall parts {lamp and lamp.name}", key, written, JSON)

    async def _events(self, request: PageRequest) -> Reply:
        if self._stream.count >= MOST:
            return SURPLUS
        headers = {
            "Content-Type": "text/event-stream",
            "Cache-Control": "no-store",
            "X-Accel-Buffering": "no",  # nginx would buffer the events.
        }
        return Reply(HTTPStatus.OK, self._stream.follow(_query(request, "since") or ""), headers)

    async def _icon(self, request: PageRequest) -> Reply:
        return _sent(request, _Written.of(icon_svg(self._stream.report).encode()), SVG)

    async def _badge(self, request: PageRequest) -> Reply:
        lamp = _lamp(request, self._stream.report)
        if isinstance(lamp, Reply):
            return lamp
        badge = badge_svg(lamp or worst_lamp(self._stream.report.lamps))
        reply = _sent(request, _Written.of(badge.encode()), SVG)
        # Other pages may show it; as a picture, which their scripts cannot read.
        anywhere = {"Cross-Origin-Resource-Policy": "cross-origin"}
        return replace(reply, headers={**reply.headers, **anywhere})

    async def _manifest(self, request: PageRequest) -> Reply:
        title = self._identity.title
        manifest = {
            "name": title,
            "short_name": title,
            "start_url": "/",
            "display": "standalone",
            "background_color": "#24272e",
            "theme_color": "#24272e",
            "icons": [{"src": "/icon.png", "sizes": "192x192", "type": "image/png"}],
        }
        written = _Written.of(json.dumps(manifest).encode())
        return _sent(request, written, "application/manifest+json")

    async def _cc_xml(self, request: PageRequest) -> Reply:
        report, lamp = self._stream.report, _lamp(request, self._stream.report)
        if isinstance(lamp, Reply):
            return lamp
        return await self._reply(
            request,
            f"cc.xml {lamp and lamp.name}",
            report,
            lambda: ccxml.write(merge(report, lamp), origin=ORIGIN),
            XML,
        )

    async def _report(self, request: PageRequest) -> Reply:
        report = self._stream.report
        return await self._reply(
            request, "report", report, lambda: json.dumps(to_json(report)).encode(), JSON
        )

    async def _health(self, _request: PageRequest) -> Reply:
        why = self._ailment()
        if why is not None:
            return plain_reply(HTTPStatus.SERVICE_UNAVAILABLE, why)
        return plain_reply(HTTPStatus.OK, "ok")

    async def _metrics(self, request: PageRequest) -> Reply:
        stream, report = self._stream, self._stream.report
        ages, polls = stream.ages(), stream.polls.copy()
        return await self._reply(
            request,
            "metrics",
            (int(stream.elapsed), id(report)),
            lambda: exposition(report, polls, version=__version__, ages=ages).encode(),
            CONTENT_TYPE,
        )

    def _asset(self, name: str) -> Callable[[PageRequest], Awaitable[Reply]]:
        async def asset(request: PageRequest) -> Reply:
            return _sent(request, self._assets[name], KINDS[Path(name).suffix])

        return asset

    async def _reply(
        self, request: PageRequest, what: str, key: object, make: Callable[[], bytes], kind: str
    ) -> Reply:
        """Return the result of *make*, cached for the *key*.

        On a thread, because 50,000 projects are slow and polls must not wait.
        """
        before = self._written.get(what)
        if before is None or (before[0] is not key and before[0] != key):
            making = asyncio.ensure_future(asyncio.to_thread(lambda: _Written.of(make())))
            before = self._written[what] = (key, making)
        try:
            written = await asyncio.shield(before[1])
        except RuntimeError:  # No thread can be started.
            self._written.pop(what, None)
            return OVERLOADED
        return _sent(request, written, kind)


_NO_HOST = frozenset("@/?#\\")
"""Characters that a Host header cannot hold."""


def _same_address(host: str, here: str) -> bool:
    try:
        there, own = ip_address(host), ip_address(here.partition("%")[0])
    except ValueError:
        return False
    # A socket that listens at :: reports an IPv4 address as ::ffff:192.0.2.1.
    return there == (getattr(own, "ipv4_mapped", None) or own)


def _query(request: PageRequest, name: str) -> str | None:
    """Return the first value of a parameter of the address, ``None`` without one."""
    query = parse_qs(request.target.partition("?")[2], keep_blank_values=True)
    return query.get(name, [None])[0]


def _lamp(request: PageRequest, report: Report) -> LampReport | Reply | None:
    """Return the lamp that the address names, ``None`` for all, or that there is none."""
    name = _query(request, "lamp")
    lamp = next((each for each in report.lamps if each.name == name), None)
    if name is None or lamp is not None:
        return lamp
    names = ", ".join(each.name for each in report.lamps)
    return plain_reply(HTTPStatus.NOT_FOUND, f"no lamp has this name; there are: {names}")


def _sent(request: PageRequest, written: _Written, kind: str) -> Reply:
    """Return *written*, compressed if the client accepts that; 304 if it has not changed."""
    packed = (
        "gzip" in request.headers.get("accept-encoding", "") and written.packed is not written.plain
    )
    tag = f'W/"{written.tag}"' if packed else f'"{written.tag}"'
    headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    known = request.headers.get("if-none-match", "")
    if written.tag in [each.strip().removeprefix("W/").strip('"') for each in known.split(",")]:
        return Reply(HTTPStatus.NOT_MODIFIED, b"", headers)
    headers["Content-Type"] = (
        kind if "charset" in kind or kind == KINDS[".png"] else f"{kind}; charset=utf-8"
    )
    if packed:
        headers["Content-Encoding"] = "gzip"
    return Reply(HTTPStatus.OK, written.packed if packed else written.plain, headers)


MISDIRECTED = plain_reply(
    HTTPStatus.MISDIRECTED_REQUEST,
    "this page does not answer to that name; add it to names in [page]",
)
NOT_FOUND = plain_reply(HTTPStatus.NOT_FOUND, "not found")
OVERLOADED = plain_reply(HTTPStatus.SERVICE_UNAVAILABLE, "out of threads; try again later")
STARTING = plain_reply(HTTPStatus.SERVICE_UNAVAILABLE, "it is starting")
SURPLUS = plain_reply(
    HTTPStatus.SERVICE_UNAVAILABLE, "too many browsers follow the page; this one has to poll"
)
