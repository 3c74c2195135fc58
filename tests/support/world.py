"""A small world on virtual time: servers, a daemon, and a lamp that writes down what it shows.

Everything is real but the network (an in-process transport), the wires (a light that records)
and the time: the loop's clock jumps to the next thing that is due.
"""

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import httpx
import looptime

from buildlight.config.settings import check_settings
from buildlight.daemon.daemon import Daemon
from buildlight.daemon.settings import Settings
from buildlight.daemon.state_file import StateFile
from buildlight.drivers import DriverOptions
from buildlight.errors import LightUnavailable
from buildlight.feeds.sources import open_sources
from buildlight.lamps.group import MakePlayer
from buildlight.lamps.lamp import Lamp, LampStatus
from buildlight.lamps.settings import LampSettings
from buildlight.patterns.pattern import DARK, Channel, Frame, Pattern
from buildlight.projects import ccxml
from buildlight.projects.project import Project
from buildlight.projects.signal import RANKS
from buildlight.publish.status_file import NAME, StatusFile
from buildlight.report.report import Report
from buildlight.report.update import Update
from buildlight.system.sd_notify import Systemd
from support.examples import NOON

Answer = Sequence[Project] | bytes | int | Exception | None
"""What a server does: projects, a document, a status, a failure; ``None``: it never answers."""


Document = Mapping[str, Any]
"""A configuration, as its file holds it."""


class Server:
    """A CI server; set *answer* to change what it says, read *asked* for when it was asked."""

    def __init__(self, *projects: Project) -> None:
        self.answer: Answer = projects
        self.asked: list[float] = []

    async def handle(self, _request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.asked.append(asyncio.get_running_loop().time())
        if self.answer is None:
            await asyncio.sleep(1e9)
        if isinstance(self.answer, Exception):
            raise self.answer
        if isinstance(self.answer, int):
            return httpx.Response(self.answer)
        if isinstance(self.answer, bytes):
            return httpx.Response(200, stream=httpx.ByteStream(self.answer))
        assert self.answer is not None
        return httpx.Response(200, stream=httpx.ByteStream(ccxml.write(self.answer)))


class RecordingLight:
    """A light that writes down when it showed what; set *gone* to unplug it."""

    Options: ClassVar[type[DriverOptions]] = DriverOptions
    refresh: ClassVar[float | None] = None

    def __init__(self) -> None:
        self.shown: list[tuple[float, Frame]] = []
        self.gone = False
        self.opened = 0

    def open(self) -> "RecordingLight":
        """Open it, if it is there."""
        if self.gone:
            raise LightUnavailable("it is not plugged in")
        self.opened += 1
        return self

    def show(self, frame: Frame) -> None:
        """Write *frame* down."""
        if self.gone:
            raise LightUnavailable("it is gone")
        self.shown.append((asyncio.get_running_loop().time(), frame))

    def close(self) -> None:
        """Go dark."""
        if not self.gone:
            self.shown.append((asyncio.get_running_loop().time(), DARK))


class LoopPlayer:
    """Plays a real :class:`Lamp` on the loop's own time instead of a thread."""

    def __init__(self, light: RecordingLight, on_light: Callable[[], None]) -> None:
        self._lamp = Lamp(light.open)
        self._on_light = on_light
        self._pattern: Pattern | None = None
        self._timer: asyncio.TimerHandle | None = None
        self.patterns: list[tuple[float, Pattern]] = []

    def status(self) -> LampStatus:
        """Return how the light is; nothing blocks here."""
        called_in = math.inf
        if self._timer is not None:
            called_in = max(self._timer.when() - asyncio.get_running_loop().time(), 0.0)
        return LampStatus(
            self._lamp.light, self._lamp.trouble, called_in=called_in, known=self._lamp.known
        )

    def start(self, pattern: Pattern) -> None:
        """Begin with *pattern*."""
        self.play(pattern)

    def play(self, pattern: Pattern) -> None:
        """Play *pattern*."""
        if pattern != self._pattern:
            self._pattern = pattern
            self.patterns.append((asyncio.get_running_loop().time(), pattern))
            self._step()

    def play_once(self, pattern: Pattern) -> None:
        """Play *pattern* over the one that plays."""
        self._step(pattern)

    def stop(self) -> None:
        """Go dark."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        self._lamp.close()

    def join(self, timeout: float) -> bool:
        """Nothing to wait for."""
        return timeout >= 0

    def _step(self, once: Pattern | None = None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        before = self._lamp.light
        assert self._pattern is not None
        wait = self._lamp.step(self._pattern, now=loop.time(), once=once)
        self._timer = None if wait is None else loop.call_later(max(wait, 1e-3), self._step)
        if self._lamp.light is not before:
            self._on_light()


class Recorder:
    """A publisher that keeps every update, with the time of its turn."""

    def __init__(self) -> None:
        self.updates: list[Update] = []

    def publish(self, update: Update) -> None:
        """Keep *update*."""
        self.updates.append(update)

    def close(self, _timeout: float) -> None:
        """Nothing to finish."""


class World:
    """Servers by name, a lamp (or several) that watches them, and the daemon between them."""

    def __init__(
        self,
        *,
        lamp: Mapping[str, Any] | Sequence[Mapping[str, Any]] = {},
        feeds: Mapping[str, Mapping[str, Any]] | None = None,
        top: Mapping[str, Any] | None = None,
        state: StateFile | None = None,
        systemd: Systemd | None = None,
        folder: Path | None = None,
        make_player: MakePlayer | None = None,
        **servers: Server,
    ) -> None:
        self.servers = servers
        self.recorder = Recorder()
        self.clock_offset = timedelta()
        self._state = state
        self._systemd = systemd
        self._folder = folder
        self._make_player = make_player or self._player
        self._daemon: Daemon | None = None
        extra = feeds or {}
        lamps = [lamp] if isinstance(lamp, Mapping) else lamp
        self.document: Document = {
            **(top or {}),
            "feeds": [
                {"name": name, "url": f"http://{name}.example/cc.xml", **extra.get(name, {})}
                for name in servers
            ],
            "lamps": [{"driver": "gpio", "pins": PINS, **each} for each in lamps],
        }
        self.settings = check_settings(self.document)
        self._lights: dict[frozenset[str], RecordingLight] = {}
        self.lights = {each.name: self.light_of(each) for each in self.settings.lamps}
        self.light = self.lights[self.settings.lamps[0].name]

    def run(self, story: Callable[["World"], Awaitable[None]]) -> "World":
        """Start the daemon, let *story* happen, stop the daemon."""
        with asyncio.Runner(
            loop_factory=partial(looptime.new_event_loop, start=0, noop_cycles=1)
        ) as runner:
            runner.run(self._run(story))
        return self

    async def wait(self, seconds: float) -> None:
        """Let time pass."""
        await asyncio.sleep(seconds)

    def status(self) -> Any:
        """Return what the status file says, once all is written; ``None`` if there is none."""
        assert self._folder is not None
        for each in self._daemon._publishers if self._daemon is not None else ():
            assert not isinstance(each, StatusFile) or each.flush(20.0)
        file = self._folder / NAME
        return json.loads(file.read_bytes()) if file.exists() else None

    def reload(self, document: Document) -> None:
        """Send SIGHUP, after *document* took the configuration's place."""
        self.reload_from(partial(check_settings, document))

    def reload_from(self, load: Callable[[], Settings]) -> None:
        """Send SIGHUP, after which *load* reads the configuration."""
        assert self._daemon is not None
        self._daemon.reload(load)

    def light_of(self, lamp: LampSettings) -> RecordingLight:
        """Return what *lamp* is made of."""
        return self._lights.setdefault(lamp.options.claims, RecordingLight())

    @property
    def reports(self) -> list[tuple[float, Report]]:
        """Every report until now, with the time of its turn."""
        return [(update.now, update.report) for update in self.recorder.updates]

    @property
    def report(self) -> Report:
        """What the daemon knows now."""
        return self.recorder.updates[-1].report

    @property
    def signal(self) -> str:
        """The name of the lamp's signal now."""
        return RANKS[self.report.lamps[0].signal]

    @property
    def signals(self) -> list[str]:
        """The names of the lamp's signals until now, without repetitions."""
        names = [RANKS[report.lamps[0].signal] for _, report in self.reports]
        return [name for name, before in zip(names, ["", *names], strict=False) if name != before]

    @property
    def lit(self) -> frozenset[Channel]:
        """What is lit on the light now."""
        return self.light.shown[-1][1].lit

    def clock(self) -> datetime:
        """Return the time of day in this world."""
        seconds = timedelta(seconds=asyncio.get_running_loop().time())
        return NOON + seconds + self.clock_offset

    async def _run(self, story: Callable[["World"], Awaitable[None]]) -> None:
        daemon = self._daemon = Daemon(
            self.settings,
            publishers=[self.recorder],
            make_player=self._make_player,
            open_sources=partial(open_sources, transport=httpx.MockTransport(self._route)),
            clock=self.clock,
            state=self._state,
            systemd=self._systemd,
            folder=self._folder,
        )
        stop = asyncio.Event()
        running = asyncio.create_task(daemon.run(stop))
        telling = asyncio.create_task(_told(self, story))
        await asyncio.wait({running, telling}, return_when=asyncio.FIRST_COMPLETED)
        stop.set()
        await running
        if self._state is not None:
            assert self._state.flush(20.0)  # A busy machine may take longer than a stop.
        await telling

    def _player(self, lamp: LampSettings, on_light: Callable[[], None]) -> LoopPlayer:
        return LoopPlayer(self.light_of(lamp), on_light)

    async def _route(self, request: httpx.Request) -> httpx.Response:
        return await self.servers[request.url.host.partition(".")[0]].handle(request)


PINS = {"red": 17, "amber": 27, "green": 22}
NEW_LOOP = partial(looptime.new_event_loop, start=0, noop_cycles=1)
"""What makes a loop of virtual time; one idle turn is enough before time jumps."""


async def _told(world: World, story: Callable[[World], Awaitable[None]]) -> None:
    await asyncio.sleep(0.1)  # Virtual: the first answers are there.
    await story(world)
