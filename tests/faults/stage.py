"""Where faults are played: fault servers, and the whole daemon beside them on real time.

Three feeds and four lamps, and a fifth on a serial port where a test brings one. ``plain`` and
``secure`` (https) are the feeds that fail, ``other`` is the one that must not notice; each has a
lamp of its own, and ``all`` watches the three.
"""

import asyncio
import math
import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import trustme

from buildlight.config.settings import check_settings
from buildlight.daemon.daemon import Daemon
from buildlight.drivers import Driver, DriverOptions
from buildlight.errors import LightUnavailable
from buildlight.lamps.group import Player
from buildlight.lamps.lamp import Lamp
from buildlight.lamps.settings import LampSettings
from buildlight.lamps.thread import LampThread
from buildlight.network.resolver import ResolverLoop
from buildlight.patterns.pattern import Channel, Frame
from buildlight.projects.signal import RANKS
from buildlight.report.report import FeedReport, LampReport, Report
from buildlight.report.update import Update
from faults.fault_light import FaultLight
from faults.fault_server import FaultServer
from support.servers import BROKEN_FEED, FEED, Answer, FeedServer

TOKEN = "t0ken-0123456789abcdef"
INTERVAL = 0.05
PATIENCE = 40.0
"""Seconds that a busy machine may take for anything."""

FEEDS = ("plain", "secure", "other")
DOMAIN = "test"
"""Where every server is, by its name; looked up by :meth:`Stage.resolve`."""

TRUTHS = {"passing": FEED, "broken": BROKEN_FEED}
COLOURS = ("red", "amber", "green")


class Recorder:
    """A light that writes down what it showed."""

    Options: ClassVar[type[DriverOptions]] = DriverOptions
    refresh: ClassVar[float | None] = None

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def show(self, frame: Frame) -> None:
        """Write *frame* down."""
        self.frames.append(frame)

    def close(self) -> None:
        """Go dark, which nobody looks at."""

    @property
    def lit(self) -> frozenset[Channel]:
        """What is lit now."""
        return self.frames[-1].lit if self.frames else frozenset()

    def lit_since(self, number: int) -> frozenset[Channel]:
        """Return every channel that was lit at any time since frame *number*."""
        return frozenset(channel for frame in self.frames[number:] for channel in frame.lit)


class Stage:
    """Servers, and a daemon once it is started; ``with Stage(folder) as stage: …``."""

    def __init__(self, folder: Path, *, serial_light: FaultLight | None = None) -> None:
        self.report: Report | None = None
        """What the daemon told last."""
        self.lights: dict[str, Recorder] = {}
        self.nameless = ""
        """The feed whose server's name cannot be looked up."""
        self.truth = FEED
        self._serial_light = serial_light
        self._players: dict[str, LampThread] = {}
        self._folder = folder
        self._opened = ExitStack()
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority = trustme.CA()
        self.certify()
        self.servers = {
            name: self._opened.enter_context(
                FaultServer(tls=self._context if name == "secure" else None)
            )
            for name in FEEDS
        }
        self.stranger = self._opened.enter_context(FeedServer())
        """Another server, which is to learn nothing."""
        (folder / "token").write_text(TOKEN, encoding="utf-8")
        self._authority.cert_pem.write_to_path(str(folder / "authority.pem"))
        self._stop = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="daemon", daemon=True)
        self.ended: BaseException | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._thread.ident is not None:
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(timeout=PATIENCE)
        self._opened.close()
        assert not self._thread.is_alive()
        assert self.ended is None

    def start(self) -> None:
        """Start the daemon."""
        self._thread.start()

    def certify(
        self, *, host: str = f"secure.{DOMAIN}", begin: int = -1, end: int = 1, known: bool = True
    ) -> None:
        """Give the secure server a certificate for *host*, good from day *begin* to *end*."""
        now = datetime.now(tz=UTC)
        authority = self._authority if known else trustme.CA()
        authority.issue_cert(
            host, not_before=now + timedelta(days=begin), not_after=now + timedelta(days=end)
        ).configure_cert(self._context)

    def tell(self, truth: bytes) -> None:
        """Have every server say *truth* from now on, and be well."""
        self.truth = truth
        for server in self.servers.values():
            server.recover(Answer(truth))

    def recover(self, name: str, *, times: float = math.inf) -> None:
        """End whatever is wrong with the feed *name*; it answers so many *times*, then waits."""
        self.nameless = ""
        if name == "secure":
            self.certify()
        self.servers[name].recover(Answer(self.truth), times=times)

    def resolve(self, host: str | bytes, port: Any, *_: object) -> list[Any]:
        """Look a name up: every one is this machine, but that of the :attr:`nameless`."""
        if _text(host) == f"{self.nameless}.{DOMAIN}":
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    def lamp(self, name: str) -> LampReport:
        """Return what the lamp *name* has to say now."""
        assert self.report is not None
        return next(lamp for lamp in self.report.lamps if lamp.name == name)

    def feed(self, name: str) -> FeedReport:
        """Return how the feed *name* stands now."""
        assert self.report is not None
        return next(feed for feed in self.report.feeds if feed.name == name)

    def signal(self, name: str) -> str:
        """Return the name of the signal of the lamp *name*, empty before there is one."""
        return RANKS[self.lamp(name).signal] if self.report else ""

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait until *condition* holds; a failure that says *what* was waited for."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert self.ended is None, f"the daemon ended: {self.ended!r}"
            assert time.monotonic() < end, f"waited in vain for {what}: {self._told()}"
            time.sleep(0.002)

    def until_signals(self, expected: str, *names: str) -> None:
        """Wait until the lamps *names* have the signal *expected*."""
        self.until(lambda: all(self.signal(each) == expected for each in names), expected)

    def until_dark_of(self, light: Recorder, channel: Channel) -> None:
        """Wait until *light* shows *channel* no more."""
        self.until(lambda: channel not in light.lit, f"the end of {channel.value}")

    def _told(self) -> str:
        if self.report is None:
            return "no report"
        lamps = {lamp.name: RANKS[lamp.signal] for lamp in self.report.lamps}
        return f"{lamps}, {[(feed.name, feed.error) for feed in self.report.feeds]}"

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=lambda: ResolverLoop(self.resolve)) as runner:
                self._loop = runner.get_loop()
                runner.run(self._work())
        except BaseException as exc:  # noqa: BLE001 - whatever it is, a test has to see it
            self.ended = exc

    async def _work(self) -> None:
        daemon = Daemon(
            check_settings(self.tables()),
            publishers=[self],
            make_player=self._player,
        )
        await daemon.run(self._stop)

    def publish(self, update: Update) -> None:
        """Keep the report."""
        self.report = update.report

    def close(self, _timeout: float) -> None:
        """Nothing to finish."""

    def tables(self) -> dict[str, Any]:
        """Return the configuration of a daemon on this stage."""
        auth = {"kind": "query", "name": "token", "secret": str(self._folder / "token")}
        feeds: list[dict[str, object]] = [
            {
                "name": name,
                "url": server.url().replace("127.0.0.1", f"{name}.{DOMAIN}"),
                "auth": auth,
            }
            for name, server in self.servers.items()
        ]
        for feed in feeds:
            if feed["name"] == "secure":
                feed["ca_file"] = str(self._folder / "authority.pem")
        lamps: list[dict[str, object]] = [
            {"name": name, "driver": "gpio", "feeds": [name]} for name in FEEDS
        ]
        lamps.append({"name": "all", "driver": "gpio"})
        if self._serial_light is not None:
            port = {"port": self._serial_light.port, "protocol": "jambel"}
            lamps.append({"name": "serial", "driver": "serial", **port})
        for first, lamp in enumerate(lamps[: len(FEEDS) + 1]):
            lamp["pins"] = {name: 3 * first + n for n, name in enumerate(COLOURS, start=2)}
        pace = {"interval": INTERVAL, "building_interval": INTERVAL}
        return {**pace, "feeds": feeds, "lamps": lamps}

    def _player(self, lamp: LampSettings, on_light: Callable[[], None]) -> Player:
        opened: Callable[[], Driver]
        if self._serial_light is not None and lamp.name == "serial":
            opened = partial(self._serial_light.opened, lamp.open_light)
        else:
            light = self.lights[lamp.name] = Recorder()
            opened = lambda: light  # noqa: E731 - of the same kind as the other
        made = LampThread(lamp.name, Lamp(opened), on_light=on_light)
        self._players[lamp.name] = made
        return made

    def trouble(self, name: str) -> LightUnavailable | None:
        """Return why the light of the lamp *name* is not ok."""
        return self._players[name].status().trouble


def _text(host: str | bytes) -> str:
    return host.decode() if isinstance(host, bytes) else host
