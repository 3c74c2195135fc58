"""A real browser, driven through its own DevTools protocol."""

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from itertools import count
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import ClientConnection, connect

PATIENCE = 20.0
PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")


class Chromium:
    """A headless Chromium with a profile of its own in *folder*."""

    def __init__(self, folder: Path) -> None:
        assert PROGRAM is not None
        self._process = subprocess.Popen(
            [
                PROGRAM,
                "--headless=new",
                "--no-sandbox",  # Tests may run as root, in a container.
                "--disable-gpu",
                "--hide-scrollbars",
                "--disable-dev-shm-usage",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
                "--remote-debugging-port=0",
                f"--user-data-dir={folder}",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        told = folder / "DevToolsActivePort"
        _until(lambda: told.exists() and len(told.read_text().split()) == 2)
        port, path = told.read_text().split()
        address = f"ws://127.0.0.1:{port}{path}"
        self._open = ExitStack()
        # Its pings would come from a thread that throws the dice of every test in between.
        connected = connect(address, max_size=None, proxy=None, ping_interval=None)
        self._wire = _Wire(self._open.enter_context(connected))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError, EOFError):
            self._wire.call("Browser.close")
        self._open.close()
        self._process.wait(PATIENCE)

    def tab(self, *, width: int = 1100, height: int = 900, script: bool = True) -> "Tab":
        """Open a tab; without *script* no page runs any."""
        target = self._wire.call("Target.createTarget", url="about:blank")["targetId"]
        session = self._wire.call("Target.attachToTarget", targetId=target, flatten=True)
        return Tab(self._wire, session["sessionId"], target, (width, height), script=script)


class Tab:
    """One page, and everything that happened on it."""

    def __init__(
        self, wire: "_Wire", session: str, target: str, size: tuple[int, int], *, script: bool
    ) -> None:
        self._wire, self._session, self._target = wire, session, target
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")
        self.resize(*size)
        self.call("Emulation.setScriptExecutionDisabled", value=not script)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call the browser."""
        return self._wire.call(method, session=self._session, **parameters)

    def resize(self, width: int, height: int) -> None:
        """Be as large as a window, or as small as a phone."""
        mobile = width < 600
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )

    def prefer(self, **features: str) -> None:
        """Have the user wish something: ``color_scheme="dark"``."""
        told = [
            {"name": f"prefers-{name.replace('_', '-')}", "value": value}
            for name, value in features.items()
        ]
        self.call("Emulation.setEmulatedMedia", features=told)

    def open(self, url: str) -> None:
        """Go to *url*, and wait until it is there."""
        before = len(self.events("Page.loadEventFired"))
        self.call("Page.navigate", url=url)
        _until(lambda: len(self.events("Page.loadEventFired")) > before, self._wire.listen)

    def js(self, expression: str) -> Any:
        """Return what *expression* is on the page."""
        told = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, expression: str, *, seconds: float = PATIENCE) -> None:
        """Wait until *expression* is true on the page."""
        _until(lambda: self.js(expression), seconds=seconds)

    def press(self, key: str, *, code: int, text: str = "") -> None:
        """Press a key, and let it go."""
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                code=key,
                windowsVirtualKeyCode=code,
                **typed,
            )

    def screenshot(self, file: Path, *, whole: bool = True) -> None:
        """Write all of the page to *file*, or what fits the window."""
        size = self.call("Page.getLayoutMetrics")[
            "cssContentSize" if whole else "cssLayoutViewport"
        ]
        if not whole:
            size = {"width": size["clientWidth"], "height": size["clientHeight"]}
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        told = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        file.write_bytes(base64.b64decode(told["data"]))

    def events(self, method: str) -> list[dict[str, Any]]:
        """Return what the browser told of this tab."""
        self._wire.listen()
        return self._wire.told(self._session, method)

    @property
    def requests(self) -> list[str]:
        """The addresses that were asked for."""
        return [each["request"]["url"] for each in self.events("Network.requestWillBeSent")]

    @property
    def complaints(self) -> list[str]:
        """What the console says: errors, warnings, what the security policy forbade."""
        logged = [each["entry"]["text"] for each in self.events("Log.entryAdded")]
        thrown = [
            each["exceptionDetails"]["text"] for each in self.events("Runtime.exceptionThrown")
        ]
        printed = [str(each["args"]) for each in self.events("Runtime.consoleAPICalled")]
        return logged + thrown + printed

    def close(self) -> None:
        """Close it."""
        self._wire.call("Target.closeTarget", targetId=self._target)


class _Wire:
    """The connection to the browser."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = count(1)
        self._told: list[dict[str, Any]] = []

    def call(self, method: str, *, session: str | None = None, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        asked = {"id": number, "method": method, "params": parameters}
        self._connection.send(json.dumps(asked | ({"sessionId": session} if session else {})))
        while True:
            told = json.loads(self._connection.recv(timeout=PATIENCE))
            if told.get("id") == number:
                assert "error" not in told, told
                return dict(told["result"])
            self._told.append(told)

    def listen(self) -> None:
        """Take what has arrived."""
        with suppress(TimeoutError):
            while True:
                self._told.append(json.loads(self._connection.recv(timeout=0)))

    def told(self, session: str, method: str) -> list[dict[str, Any]]:
        return [
            each["params"]
            for each in self._told
            if each.get("method") == method and each.get("sessionId") == session
        ]


def _until(
    condition: Callable[[], object],
    between: Callable[[], None] = lambda: None,
    *,
    seconds: float = PATIENCE,
) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.01)
        between()
