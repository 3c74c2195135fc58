"""A lamp without hardware: two built-in CI servers play a working day, the real daemon polls them.

Both are on loopback. One keeps a project's verdict while it builds, as Jenkins does; the other
forgets it, as Travis does. The day is a table.
"""

import argparse
import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Self

from buildlight.cli.run import run_with_log_thread
from buildlight.cli.terminal import write_line
from buildlight.config.settings import lamp_from_keys
from buildlight.daemon.daemon import Daemon
from buildlight.daemon.settings import Settings
from buildlight.feeds.cctray import CCTrayFeed, CCTrayOptions
from buildlight.feeds.schedule import max_age
from buildlight.feeds.settings import FeedSettings
from buildlight.feeds.sources import open_sources
from buildlight.network.broker_keys import broker_keys
from buildlight.network.http_library import httpx
from buildlight.network.resolver import ResolverLoop
from buildlight.projects import ccxml
from buildlight.projects.feed_state import Rules
from buildlight.projects.project import Project
from buildlight.projects.selection import Selection
from buildlight.publish.mqtt.settings import MqttSettings
from buildlight.report.update import Update
from buildlight.system.posix_signals import ending_signals

DAY = 60.0
"""Default length of a working day, in seconds."""
SHORTEST_DAY = 15.0
POLLS = 6
"""Number of polls during one scene."""

NAME = "demo"
"""Name at a broker: topics begin with buildlight/demo."""

DOWN = None
"""A server that is down."""


@dataclass(frozen=True, slots=True)
class Act:
    """One scene of the day: the time, a caption, and what each server answers.

    A server that is not named keeps its answer.
    """

    clock: str
    caption: str
    servers: Mapping[str, tuple[Project, ...] | None]


def _project(name: str, activity: str, status: str, label: int, *, clock: str = "") -> Project:
    time = datetime.fromisoformat(f"2026-11-20T{clock}:00").replace(tzinfo=UTC) if clock else None
    return Project(name, activity, status, str(label), time)


SEARCH = _project("search", "Sleeping", "Success", 7, clock="08:02")

ACTS: tuple[Act, ...] = (
    Act(
        "09:00",
        "Everything passes.",
        {
            "jenkins": (_project("shop", "Sleeping", "Success", 41, clock="08:40"), SEARCH),
            "travis": (_project("website", "Sleeping", "Success", 12, clock="08:31"),),
        },
    ),
    Act(
        "09:30",
        "Somebody pushes: shop is being built. The colour stays, motion starts.",
        {"jenkins": (_project("shop", "Building", "Success", 41, clock="08:40"), SEARCH)},
    ),
    Act(
        "09:38",
        "The build failed: shop is broken.",
        {"jenkins": (_project("shop", "Sleeping", "Failure", 42, clock="09:38"), SEARCH)},
    ),
    Act(
        "10:05",
        "A fix is being built. Broken stays broken until it has passed.",
        {"jenkins": (_project("shop", "Building", "Failure", 42, clock="09:38"), SEARCH)},
    ),
    Act(
        "10:13",
        "Fixed.",
        {"jenkins": (_project("shop", "Sleeping", "Success", 43, clock="10:13"), SEARCH)},
    ),
    Act(
        "11:00",
        "website builds. Its server now says Building and Unknown; the lamp remembers.",
        {"travis": (_project("website", "Building", "Unknown", 13),)},
    ),
    Act(
        "11:06",
        "website is broken.",
        {"travis": (_project("website", "Sleeping", "Failure", 13, clock="11:06"),)},
    ),
    Act(
        "13:20",
        "website builds again. The server forgets the verdict once more, the lamp does not.",
        {"travis": (_project("website", "Building", "Unknown", 14),)},
    ),
    Act(
        "13:27",
        "Fixed.",
        {"travis": (_project("website", "Sleeping", "Success", 14, clock="13:27"),)},
    ),
    Act(
        "15:00",
        "The first server goes down. Its projects are unknown: not green.",
        {"jenkins": DOWN},
    ),
    Act(
        "15:40",
        "The server is back, and the lamp is green again.",
        {"jenkins": (_project("shop", "Sleeping", "Success", 43, clock="10:13"), SEARCH)},
    ),
)


class CIServer:
    """A server on a loopback port with one cc.xml document; it can go down and come back."""

    def __init__(self) -> None:
        self._document = b""
        self._listening: ThreadingHTTPServer | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self._listen()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._hang_up()

    @property
    def url(self) -> str:
        """The address of the document."""
        return f"http://127.0.0.1:{self._port}/cc.xml"

    def serve(self, projects: Iterable[Project] | None) -> None:
        """Answer with *projects* from now on, or refuse every connection."""
        if projects is None:
            self._hang_up()
            return
        self._document = ccxml.write(projects)
        if self._listening is None:
            self._listen()

    def _listen(self) -> None:
        handler = _handler(lambda: self._document)
        server = ThreadingHTTPServer(("127.0.0.1", self._port), handler)
        self._listening, self._port = server, server.server_address[1]
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def _hang_up(self) -> None:
        server, self._listening = self._listening, None
        if server is not None:
            server.shutdown()
            server.server_close()


def _handler(document: Callable[[], bytes]) -> type[BaseHTTPRequestHandler]:
    class FeedHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = document()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Log nothing: the terminal belongs to the lamp."""

    return FeedHandler


def main(chosen: argparse.Namespace) -> int:
    """Play the day."""
    logging.getLogger("buildlight").setLevel(logging.ERROR)  # The captions tell the story.
    mqtt = None
    if chosen.mqtt is not None:
        keys = broker_keys(chosen.mqtt)
        mqtt = MqttSettings(keys.broker, NAME)
        logging.getLogger("buildlight.publish.mqtt").setLevel(logging.INFO)
        write_line(f"A lamp elsewhere follows with: buildlight discover {keys.address}")
    return run_with_log_thread(partial(run_demo, chosen.seconds, mqtt))


def run_demo(seconds: float | None = None, mqtt: MqttSettings | None = None) -> None:
    """Play working days until interrupted; with *seconds*, play one day of that length.

    It is published as *mqtt* says.
    """
    with ExitStack() as stack, asyncio.Runner(loop_factory=ResolverLoop) as runner:
        servers = {name: stack.enter_context(CIServer()) for name in ACTS[0].servers}
        runner.run(_play(servers, seconds=seconds, mqtt=mqtt))
    write_line("Next: buildlight discover ADDRESS prints the table for your own CI server.")


async def _play(
    servers: Mapping[str, CIServer], *, seconds: float | None, mqtt: MqttSettings | None
) -> None:
    act = max(seconds or DAY, SHORTEST_DAY) / len(ACTS)
    stop, curtain = asyncio.Event(), asyncio.Event()
    for number in ending_signals():
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    daemon = Daemon(
        replace(_settings(servers, interval=act / POLLS), mqtt=mqtt),
        publishers=[_Curtain(curtain)],
        # A separate transport: a proxy of the environment must not get a loopback address.
        open_sources=partial(open_sources, transport=httpx.AsyncHTTPTransport()),
    )
    _set(servers, ACTS[0])
    running = asyncio.create_task(daemon.run(stop))
    narrating = asyncio.create_task(_narrate(servers, curtain, act=act, seconds=seconds))
    await asyncio.wait({running, narrating}, return_when=asyncio.FIRST_COMPLETED)
    narrating.cancel()
    stop.set()
    await running


@dataclass(frozen=True, slots=True)
class _Curtain:
    """A publisher that sets *rises* when every server has answered."""

    rises: asyncio.Event

    def publish(self, update: Update) -> None:
        if all(feed.age is not None for feed in update.report.feeds):
            self.rises.set()

    def close(self, _timeout: float) -> None:
        pass


async def _narrate(
    servers: Mapping[str, CIServer], curtain: asyncio.Event, *, act: float, seconds: float | None
) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(None) as ending:
            await curtain.wait()
            if seconds is not None:
                ending.reschedule(asyncio.get_running_loop().time() + seconds)
            while True:
                for scene in ACTS:
                    _set(servers, scene)
                    write_line(f"{scene.clock}  {scene.caption}")
                    await asyncio.sleep(act)
    write_line("18:00  The day is over: the lamp goes dark.")


def _set(servers: Mapping[str, CIServer], scene: Act) -> None:
    for name, projects in scene.servers.items():
        servers[name].serve(projects)


def _settings(servers: Mapping[str, CIServer], *, interval: float) -> Settings:
    lamp = lamp_from_keys("console", {})
    return Settings(
        feeds=tuple(
            FeedSettings(
                name=name,
                kind=CCTrayFeed,
                options=CCTrayOptions(url=server.url),
                rules=Rules(max_age=max_age(interval)),
                selection=Selection(),
                interval=interval,
                building_interval=interval,
            )
            for name, server in servers.items()
        ),
        lamps=(replace(lamp, feeds=frozenset(servers)),),
    )
