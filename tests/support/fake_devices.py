"""Smart plugs and bulbs on loopback, after their makers' own documents: Shelly, Tasmota, Hue."""

import json
import re
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

HUE_ID = "1a2b3c4d-0000-4000-8000-000000000001"
HUE_KEY = "s3cret-application-key"


class Gadget:
    """A server that obeys URLs; *lit* is what it lights, *asked* what it was asked for."""

    def __init__(self, *, tls: ssl.SSLContext | None = None) -> None:
        self.lit: Any = frozenset()
        self.asked: list[tuple[str, str]] = []
        self.answers: list[tuple[int, bytes]] = []
        """What it answers next, instead of obeying."""
        self.stuck = False
        """Answers as always, and does nothing."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = False
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Pull the plug."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def obey(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        """Light what is the last part of the path; a gadget of somebody's own."""
        del method, headers, body
        name = urlsplit(target).path.rpartition("/")[2]
        self.lit = frozenset({name} - {"off"})
        return 200, {"state": name}


class Shelly(Gadget):
    """Relays: /relay/N?turn=on, answered with what the relay then is."""

    RELAYS = 3

    def obey(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        """Switch a relay."""
        del method, headers, body
        parts = urlsplit(target)
        match = re.fullmatch(r"/relay/([0-9]+)", parts.path)
        if match is None or int(match[1]) >= self.RELAYS:
            return 404, {}
        relay = {int(match[1])}
        on = parse_qs(parts.query).get("turn") == ["on"]
        if not self.stuck:
            self.lit = self.lit | relay if on else self.lit - relay
        return 200, {"ison": relay <= self.lit, "has_timer": False, "timer_started": 0}


class Tasmota(Gadget):
    """/cm?cmnd=Power1 ON is {"POWER1":"ON"}; Color has a bulb's six digits and two for white."""

    def obey(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        """Carry one command out."""
        del method, headers, body
        command = unquote(urlsplit(target).query.removeprefix("cmnd="))
        if match := re.fullmatch(r"Power([0-9]*) (ON|OFF)", command):
            relay = {int(match[1] or 1)}
            self.lit = self.lit | relay if match[2] == "ON" else frozenset(self.lit - relay)
            return 200, {f"POWER{match[1]}": match[2]}
        if match := re.fullmatch(r"Color ([0-9A-F]{6})", command):
            self.lit = frozenset({match[1]})
            return 200, {"POWER": "ON", "Dimmer": 100, "Color": f"{match[1]}0000"}
        return 200, {"Command": "Unknown"}


class Hue(Gadget):
    """A bridge: PUT /clip/v2/resource/light/ID with the application key."""

    def obey(self, method: str, target: str, headers: Any, body: bytes) -> tuple[int, Any]:
        """Change the bulb."""
        if headers.get("hue-application-key") != HUE_KEY:
            return 403, {"errors": [{"description": "unauthorized user"}]}
        if method != "PUT" or target != f"/clip/v2/resource/light/{HUE_ID}":
            return 404, {"errors": [{"description": "Not Found"}], "data": []}
        told = json.loads(body)
        self.lit = (told.get("color") or {}).get("xy") if told["on"]["on"] else frozenset()
        return 200, {"data": [{"rid": HUE_ID, "rtype": "light"}], "errors": []}


def _handler(device: Gadget) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            device.asked.append((self.command, self.path))
            if device.answers:
                status, answer = device.answers.pop(0)
            else:
                status, said = device.obey(self.command, self.path, self.headers, body)
                answer = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_POST = do_PUT = do_GET  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    return Handler
