"""A light with an address: a plug, a bulb, a gadget; a request for each state."""

import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import ClassVar
from urllib.parse import urlsplit

import h11

from buildlight.drivers import DriverOptions, Known
from buildlight.drivers.http.options import HttpLightOptions
from buildlight.drivers.http.request import SECRET, LightRequest
from buildlight.drivers.states import Lit, spell
from buildlight.errors import LightUnavailable
from buildlight.network.light_http import Call, LightConnection
from buildlight.patterns.pattern import Channel, Frame

TIMEOUT = 5.0
"""Seconds for a whole request and its answer."""
PAUSE = 0.25
"""Seconds before a request that failed is sent once more."""
PACE = 1.0
"""Seconds between two changes, at least: these are relays, bulbs and other people's networks."""
REPEAT = 25.0
"""Seconds after which a state is sent again."""


class HttpLight:
    """A light with an address: a smart plug, a bulb, or any gadget that obeys a URL.

    Nothing is sent before the first frame.
    """

    Options: ClassVar[type[DriverOptions]] = HttpLightOptions
    # It may have lost its power, or somebody switched it by hand.
    refresh: ClassVar[float | None] = 30.0
    patience: ClassVar[float] = 4 * TIMEOUT

    def __init__(self, options: HttpLightOptions) -> None:
        self.known = Known.TOLD
        """What stands behind the last state."""
        self._options = options
        self._connections: dict[str, LightConnection] = {}
        self._lit: Lit | None = None
        self._sent_at = -REPEAT
        self._touched = self._closed = False

    @property
    def wiring(self) -> Mapping[Channel, str]:
        """The host, for every channel."""
        request = self._options.requests(frozenset())[0]
        return dict.fromkeys(self._options.channels, _host(request))

    def show(self, frame: Frame) -> None:
        """Send the requests of the state, unless they were sent lately."""
        if self._closed:
            raise LightUnavailable("the light is closed")
        requests = self._options.requests(frame.lit)
        if not requests:
            raise LightUnavailable(f"states has no request for {spell(frame.lit)}; add it")
        now = time.monotonic()
        if frame.lit == self._lit and now < self._sent_at + REPEAT:
            return
        time.sleep(max(self._sent_at + PACE - now, 0.0))
        self._lit, self._touched, self._sent_at = None, True, time.monotonic()
        for request in requests:
            self._send_twice(request)
        self._lit = frame.lit
        self.known = Known.CONFIRMED if all(each.expect for each in requests) else Known.TOLD

    def close(self) -> None:
        """Send what switches the light off, if anything was sent, and hang up."""
        if self._touched and not self._closed:
            for request in self._options.requests(frozenset()):
                with suppress(LightUnavailable):
                    self._send_twice(request)
        self._closed = True
        for connection in self._connections.values():
            connection.close()

    def _send_twice(self, request: LightRequest) -> None:
        """Send *request*; one that fails is sent once more before the light is lost."""
        try:
            return self._send(request)
        except _RefusedError:
            raise
        except LightUnavailable:
            time.sleep(PAUSE)
        return self._send(request)

    def _send(self, request: LightRequest) -> None:
        host = _host(request)
        try:
            status, answer = self._connection(request).call(self._call(request), seconds=TIMEOUT)
        except (OSError, ValueError, h11.ProtocolError) as exc:
            raise LightUnavailable(_unreachable(host, exc)) from exc
        if not HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
            kind = _RefusedError if status < HTTPStatus.INTERNAL_SERVER_ERROR else LightUnavailable
            raise kind(f"{host} answered with status {status}; {_remedy(status)}")
        if not _contains(answer, request.expect):
            raise LightUnavailable(
                f"{host} answered something else than expected; is it the right light?"
            )

    def _call(self, request: LightRequest) -> Call:
        secret = self._options.secret_value
        headers = {**self._options.headers, **request.headers}
        url = urlsplit(request.url.replace(SECRET, secret))
        return Call(
            request.verb,
            (url.path or "/") + (f"?{url.query}" if url.query else ""),
            {name: text.replace(SECRET, secret) for name, text in headers.items()},
            request.body.replace(SECRET, secret).encode(),
        )

    def _connection(self, request: LightRequest) -> LightConnection:
        parts = urlsplit(request.url)
        origin = f"{parts.scheme}://{parts.netloc}"
        if origin not in self._connections:
            self._connections[origin] = LightConnection(
                origin, tls=self._options.tls, server_name=self._options.server_name
            )
        return self._connections[origin]


class _RefusedError(LightUnavailable):
    """A light that answered, and would answer the same once more."""


def _host(request: LightRequest) -> str:
    return urlsplit(request.url).netloc


def _contains(answer: bytes, expected: str) -> bool:
    """Return whether *expected* is in *answer*, spaces aside: not all write JSON alike."""
    text = answer.decode(errors="replace")
    return "".join(expected.split()) in "".join(text.split())


def _remedy(status: int) -> str:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return "it rejected the credentials; check secret and headers"
    if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return "it redirects; write the final address as url"
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return "is it busy?"
    return "check url, method and body"


def _unreachable(host: str, exc: Exception) -> str:
    match exc:
        case TimeoutError():
            return f"{host} timed out; check its power and network"
        case socket.gaierror():
            return f"cannot resolve {host}; check the host, or use its address"
        case ssl.SSLError():
            return f"{host}: {_tls_fault(exc)}"
        case ConnectionRefusedError():
            return f"connection to {host} refused; check the host"
    network = isinstance(exc, OSError)
    why = "cannot reach {}; check its power and network" if network else _NO_HTTP
    return why.format(host)


def _tls_fault(exc: ssl.SSLError) -> str:
    if isinstance(exc, ssl.SSLCertVerificationError):
        return f"the certificate is not trusted ({exc.verify_message}); check ca_file"
    return "does not speak TLS; is its address http?"


_NO_HTTP = "{} does not answer in HTTP; check the address"
