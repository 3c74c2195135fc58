"""HTTP for lights in the network: one connection kept alive, one deadline for a whole call.

No proxy: a light is in this network. No redirect is followed, and no answer is trusted.
"""

import contextlib
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import SplitResult, urlsplit

import h11

from buildlight import __version__
from buildlight.network.deadline import Deadline, connect

MAX_BYTES = 64 * 1024
"""Largest answer; the whole state of a WLED with 32 segments is about 12 kB."""
PIECE = 16_384
"""Bytes that are read at once."""
IDLE = 10.0
"""Seconds after which a connection that lay idle is made anew: most lights close it then."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request to a light: *target* is path and query."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class LightConnection:
    """The connection to the light at *url*, made when it is needed, from one thread.

    *tls* is for ``https``, *server_name* the name in the certificate if it is not the host.
    :meth:`call` raises OSError (:class:`TimeoutError` after the deadline),
    :class:`h11.ProtocolError` or :class:`ValueError`.
    """

    def __init__(
        self, url: str, *, tls: ssl.SSLContext | None = None, server_name: str | None = None
    ) -> None:
        self._place: SplitResult = urlsplit(url)
        self._tls = tls
        self._server_name = server_name
        self._wire: socket.socket | None = None
        self._http = h11.Connection(h11.CLIENT)
        self._used_at = 0.0

    def call(self, call: Call, *, seconds: float) -> tuple[int, bytes]:
        """Return the status and the body of the answer, all of it within *seconds*."""
        deadline = Deadline(seconds)
        if time.monotonic() >= self._used_at + IDLE:
            self.close()
        try:
            if self._wire is not None:
                # A kept connection that the light has closed meanwhile says nothing of the light.
                with contextlib.suppress(ConnectionError, h11.RemoteProtocolError):
                    return self._call(call, deadline)
                self.close()
            return self._call(call, deadline)
        except BaseException:  # Whatever ended it, half an answer may lie on the connection.
            self.close()
            raise

    def _call(self, call: Call, deadline: Deadline) -> tuple[int, bytes]:
        wire = self._wire or self._connected(deadline)
        events = (self._request(call), h11.Data(call.body), h11.EndOfMessage())
        sent = b"".join(self._http.send(event) or b"" for event in events)
        wire.settimeout(deadline.left())
        wire.sendall(sent)
        answer = self._answer(wire, deadline)
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            self._used_at = time.monotonic()
        else:
            self.close()
        return answer

    def _connected(self, deadline: Deadline) -> socket.socket:
        host = self._place.hostname or ""
        secure = self._place.scheme == "https"
        wire = connect(host, self._place.port or (443 if secure else 80), deadline)
        try:
            wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if secure:
                context = self._tls or ssl.create_default_context()
                wire.settimeout(deadline.left())
                wire = context.wrap_socket(wire, server_hostname=self._server_name or host)
        except BaseException:  # Also of an interruption: nothing else knows this socket yet.
            wire.close()
            raise
        self._wire, self._http = wire, h11.Connection(h11.CLIENT)
        return wire

    def _request(self, call: Call) -> h11.Request:
        names = {name.lower() for name in call.headers}
        usual = {
            "Host": self._place.netloc.rpartition("@")[2],
            "User-Agent": f"buildlight/{__version__}",
            "Accept-Encoding": "identity",
            "Content-Length": str(len(call.body)),
        }
        headers = [(name, text) for name, text in usual.items() if name.lower() not in names]
        return h11.Request(
            method=call.method, target=call.target, headers=[*headers, *call.headers.items()]
        )

    def _answer(self, wire: socket.socket, deadline: Deadline) -> tuple[int, bytes]:
        status, body = 0, b""
        while not isinstance(event := self._http.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                wire.settimeout(deadline.left())
                self._http.receive_data(wire.recv(PIECE))
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > MAX_BYTES:
                    raise ValueError("the answer is too long")
        return status, body

    def close(self) -> None:
        """Hang up. Never raises."""
        wire, self._wire = self._wire, None
        if wire is not None:
            with contextlib.suppress(OSError):
                wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
