"""A WLED on a loopback port, after WLED's own source (wled00/json.cpp, wled_server.cpp, 0.15).

What matters of it: a segment that is not there is passed over and answered with success, ``v``
asks for the whole state, live data hides everything unless ``lor`` is set, a night light fades
out, a busy JSON buffer is 503, and the segments are gone with the power.
"""

import json
import secrets
import threading
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

BLACK = [0, 0, 0]


def a_segment(number: int, length: int) -> dict[str, Any]:
    """Return a segment as WLED has it before anybody told it anything: orange."""
    return {
        "id": number,
        "start": number * length,
        "stop": (number + 1) * length,
        "on": True,
        "bri": 255,
        "frz": False,
        "fx": 0,
        "sx": 128,
        "ix": 128,
        "pal": 0,
        "sel": True,
        "col": [[255, 160, 0], BLACK, BLACK],
    }


class Wled:
    """A WLED light on 127.0.0.1; *told* are the states that it was sent."""

    def __init__(self, *, segments: int = 1) -> None:
        self.state: Any = {
            "on": True,
            "bri": 128,
            "lor": 0,
            "nl": {"on": False, "dur": 60},
            "seg": [a_segment(number, 20) for number in range(segments)],
        }
        self.info: Any = {"mac": secrets.token_hex(6), "live": False, "lm": "", "lip": ""}
        self.told: list[Any] = []
        self.asked = 0
        self.connections = 0
        self.old = False
        """A version that does not know ``v``."""
        self.white: int | None = None
        """The fourth number of each colour, on a strip with a white channel."""
        self.deaf = False
        """Takes everything and does nothing."""
        self.busy = 0
        """How many of the next calls are answered with 503."""
        self.answer: tuple[int, bytes] | None = None
        """What it says to everything; ``None``: what WLED would say."""
        self.headers: dict[str, str] = {}
        self.silent = threading.Event()
        """Set: it reads and says nothing until it is unset or closed."""
        self.go_on = threading.Event()
        self.seen: tuple[str, dict[str, str]] = ("", {})
        self.handler = _handler(self)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler)
        self._server.daemon_threads = False
        self.host = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def deafen(self) -> None:
        """Take everything from now on, and do nothing."""
        self.deaf = True

    def lose_power(self, *, preset: bool = False) -> None:
        """Start anew: with the whole strip as one segment unless a boot *preset* has them."""
        last = self.state["seg"][-1]["stop"]
        if not preset:
            self.state["seg"] = [{**a_segment(0, 0), "stop": last}]
        self.state["lor"] = 0

    def go_live(self) -> None:
        """Begin to show what Hyperion sends."""
        self.info |= {"live": True, "lm": "UDP", "lip": "192.168.1.9"}

    def shines(self, segment: int = 0) -> tuple[int, list[int]] | None:
        """Return effect and colour that a person sees on *segment*, ``None`` if it is dark."""
        found = {each["id"]: each for each in self.state["seg"]}.get(segment)
        if self.info["live"] and not self.state["lor"]:
            return (0, [1, 2, 3])
        if found is None or not (self.state["on"] and found["on"]):
            return None
        return found["fx"], found["col"][0]

    def take(self, told: Any) -> None:
        """Do what deserializeState does."""
        for key in ("on", "bri", "lor"):
            self.state[key] = told.get(key, self.state.get(key))
        self.state.setdefault("nl", {}).update(told.get("nl", {}))
        for segment in told.get("seg", []):
            for own in self.state["seg"]:
                if own.get("id") == segment["id"]:
                    own.update(deepcopy({k: v for k, v in segment.items() if k in own}))
                    if self.white is not None:
                        own["col"] = [[*colour[:3], self.white] for colour in own["col"]]

    def hear(self, told: Any) -> None:
        """Take a state that was sent, unless something keeps the light from it."""
        if self.answer is None and not self.silent.is_set() and not self.busy:
            self.told.append(told)
            if not self.deaf:
                self.take(told)

    def refusal(self) -> tuple[int, bytes] | None:
        """Return what is answered instead of what WLED would say."""
        if self.busy:
            self.busy -= 1
            return 503, b'{"error":3}'
        return self.answer

    def served(self, path: str) -> Any:
        """Return what serveJson gives at *path*."""
        match path:
            case "/json/state":
                return self.state
            case "/json/info":
                return self.info
            case "/json/si":
                return {"state": self.state, "info": self.info}
        return {"state": self.state, "info": self.info, "effects": [], "palettes": []}

    def close(self) -> None:
        """Pull the plug."""
        self.go_on.set()
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()


def _handler(light: Wled) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            light.connections += 1
            super().setup()

        def do_GET(self) -> None:
            light.asked += self.path != "/json/info"
            light.seen = (self.path, dict(self.headers))
            self._reply(light.served(self.path))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            light.seen = (self.path, dict(self.headers))
            light.hear(body)
            whole = body.get("v") is True and not light.old
            self._reply(light.served(self.path) if whole else {"success": True})

        def _reply(self, answer: Any) -> None:
            if light.silent.is_set():
                light.go_on.wait(10)
                return
            status, body = light.refusal() or (200, json.dumps(answer).encode())
            self.send_response(status)
            headers = {"Content-Length": str(len(body)), **light.headers}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
