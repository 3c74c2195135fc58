"""Signs of life for systemd: given while all moves, withheld when something hangs that must not."""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

from buildlight.daemon import monitor
from buildlight.daemon.monitor import LATE
from buildlight.daemon.state_file import StateFile
from buildlight.daemon.watchdog import MARK, SELDOM, Watchdog
from buildlight.feeds import sources
from buildlight.feeds.schedule import DEADLINE
from buildlight.feeds.sources import PATIENCE
from buildlight.lamps.lamp import Lamp
from buildlight.lamps.settings import LampSettings
from buildlight.lamps.thread import LampThread
from buildlight.lamps.timing import HUNG
from buildlight.patterns.pattern import Frame
from buildlight.system.sd_notify import Systemd
from support.examples import a_project
from support.listener import Listener, listening
from support.running import Daemon, Tower
from support.world import RecordingLight, Server, World

ALIVE = "WATCHDOG=1"
WANTED = 30.0
"""Seconds within which systemd wants a sign of life."""
GOOD = a_project(last_build_status="Success")


RESTARTED = (
    "the light of lamp has not come back for 60 seconds; "
    "watchdog pings withheld: systemd will restart the daemon"
)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Listen as systemd does."""
    with listening() as found:
        yield found


def systemd_at(listener: Listener) -> Systemd:
    """Return the systemd that wants signs of life and hears them at *listener*."""
    return Systemd(listener.address, watchdog=WANTED)


def signs(listener: Listener) -> int:
    """Return how many signs of life were given since the last time."""
    return listener.hear().count(ALIVE)


async def lives(world: World, listener: Listener, seconds: float) -> bool:
    """Return whether a sign of life comes in every interval that systemd grants, for *seconds*.

    In all or in none: neither is a daemon that lives now and then. What is said meanwhile is
    heard in time, or the queue would be full.
    """
    signs(listener)
    heard = []
    for _ in range(int(seconds / WANTED)):
        await world.wait(WANTED)
        heard.append(bool(signs(listener)))
    assert len({*heard}) == 1
    return heard[0]


def test_life_is_told_twice_as_often_as_is_wanted(listener: Listener) -> None:
    """One sign that is lost or late is no restart."""

    async def story(world: World) -> None:
        signs(listener)
        for _ in range(20):
            await world.wait(WANTED)
            assert signs(listener) == 2

    World(web=Server(GOOD), systemd=systemd_at(listener)).run(story)


def test_nobody_is_told_who_did_not_ask(listener: Listener) -> None:
    """A unit without WatchdogSec hears the rest, but no signs of life."""

    async def story(world: World) -> None:
        await world.wait(600)

    World(web=Server(GOOD), systemd=Systemd(listener.address)).run(story)

    assert signs(listener) == 0
    assert "READY=1" in listener.heard


@pytest.mark.parametrize(
    "answer",
    [None, 503, b"<html>", httpx.ConnectError("no")],
    ids=["hangs", "fails", "sends a login page", "cannot be reached"],
)
def test_a_server_in_trouble_is_no_reason_for_a_restart(
    listener: Listener, answer: bytes | int | Exception | None
) -> None:
    """The network is gone for a day, or a server hangs: nothing that a restart could mend."""
    server = Server()
    server.answer = answer

    async def story(world: World) -> None:
        assert await lives(world, listener, 86_400.0)
        assert world.signal == "stale"

    World(web=server, lamp={"patterns": {"stale": "amber"}}, systemd=systemd_at(listener)).run(
        story
    )


def test_an_unplugged_light_is_no_reason_for_a_restart(listener: Listener) -> None:
    """It is tried again and again, and life goes on."""

    async def story(world: World) -> None:
        world.light.gone = True
        assert await lives(world, listener, 3600.0)
        world.light.gone = False
        assert await lives(world, listener, 60.0)

    World(web=Server(GOOD), systemd=systemd_at(listener)).run(story)


class Stubborn(Server):
    """A server that hangs *now* on in such a way that whoever asks it cannot even give up."""

    now = False

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer, or swallow every attempt to end this."""
        while self.now:
            try:
                await asyncio.sleep(1e9)
            except asyncio.CancelledError:
                if not self.now:
                    raise
        return await super().handle(request)


def test_a_poller_that_hangs_ends_the_signs_of_life_in_time(
    listener: Listener, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It keeps no deadline and cannot be cancelled: only a restart helps, and one line says why."""
    virtual = SimpleNamespace(monotonic=lambda: asyncio.get_running_loop().time())
    for module in (monitor, sources):
        monkeypatch.setattr(module, "time", virtual)
    stubborn = Stubborn(GOOD)
    silent_after: list[float] = []

    async def story(world: World) -> None:
        stubborn.now = True
        loop = asyncio.get_running_loop()
        asked = len(stubborn.asked)
        while signs(listener):
            silent_after.append(loop.time())
            await world.wait(WANTED)
        assert len(stubborn.asked) == asked
        assert not await lives(world, listener, 60)
        assert not await lives(world, listener, 3600)
        stubborn.now = False

    still = {"patterns": {"stale": "amber"}}
    World(web=stubborn, fine=Server(GOOD), lamp=still, systemd=systemd_at(listener)).run(story)

    hung_at = stubborn.asked[0] + WANTED * 1.2  # The next poll after the first, as jitter has it.
    assert silent_after[-1] <= hung_at + DEADLINE + PATIENCE + LATE + WANTED
    told = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert told == [
        "the poller of web hangs; watchdog pings withheld: systemd will restart the daemon"
    ]


class Hanging(RecordingLight):
    """A light whose next call after *hang* is set does not come back before *go_on*."""

    def __init__(self) -> None:
        super().__init__()
        self.hang = threading.Event()
        self.hangs = threading.Event()
        self.go_on = threading.Event()

    def show(self, _frame: Frame) -> None:
        """Hang, if so told."""
        if self.hang.is_set() and not self.go_on.is_set():
            self.hangs.set()
            assert self.go_on.wait(60.0)

    def close(self) -> None:
        """Go dark, or let go: nobody looks."""


class Threaded:
    """A world's lamp on a real thread, by the time of the world."""

    def __init__(self) -> None:
        self.light = Hanging()

    def player(self, lamp: LampSettings, on_light: Callable[[], None]) -> LampThread:
        """Play on a thread."""
        clock = asyncio.get_running_loop().time
        return LampThread(lamp.name, Lamp(self.light.open), on_light=on_light, clock=clock)

    async def hang(self, server: Server, world: World) -> None:
        """Have the light hang in the next call."""
        self.light.hang.set()
        server.answer = [a_project(last_build_status="Failure", last_build_label="9")]
        await world.wait(31)
        assert self.light.hangs.wait(20.0)


def test_a_light_that_hangs_ends_the_signs_of_life_in_time(
    listener: Listener, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Its driver does not come back from a call for a minute: a restart may mend it."""
    threaded, server = Threaded(), Server(GOOD)

    async def story(world: World) -> None:
        await threaded.hang(server, world)
        signs(listener)
        await world.wait(HUNG - 2 * WANTED / 2)
        assert signs(listener) > 0
        await world.wait(WANTED * 1.5)
        assert not await lives(world, listener, 600)
        threaded.light.go_on.set()

    World(
        web=server,
        state=StateFile(tmp_path),
        systemd=systemd_at(listener),
        make_player=threaded.player,
    ).run(story)

    told = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert told == [RESTARTED]


def test_a_light_that_hangs_again_the_same_day_is_told_and_borne(
    listener: Listener, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The restart did not mend it: the other lamps are not to go dark every minute for it."""
    for _ in range(2):
        threaded, server = Threaded(), Server(GOOD)
        withheld: list[bool] = []

        async def story(
            world: World,
            threaded: Threaded = threaded,
            server: Server = server,
            withheld: list[bool] = withheld,
        ) -> None:
            await threaded.hang(server, world)
            await world.wait(HUNG + WANTED)
            withheld.append(not await lives(world, listener, 3600))
            threaded.light.go_on.set()

        World(
            web=server,
            state=StateFile(tmp_path),
            systemd=systemd_at(listener),
            make_player=threaded.player,
        ).run(story)

    assert withheld == [False]
    told = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert told == [
        RESTARTED,
        "the light of lamp hangs again; unplug it, or mend it",
    ]


class Bench:
    """A watchdog alone; set what hangs, and the time."""

    def __init__(self, tmp_path: Path, *, folder: Path | None) -> None:
        self.late: Sequence[str] = ()
        self.hung: Sequence[str] = ()
        self.now = 1000.0
        self.folder = folder
        self.boot = tmp_path / "boot_id"
        self.boot.write_text("this one\n")
        self.watchdog = self.restarted()

    def restarted(self) -> Watchdog:
        """Return the watchdog of the next process."""
        self.watchdog = Watchdog(
            Systemd(watchdog=WANTED),
            late_feeds=lambda: self.late,
            hung_lamps=lambda: self.hung,
            folder=self.folder,
            clock=lambda: self.now,
            boot=self.boot,
        )
        return self.watchdog


def test_a_light_is_worth_one_restart_a_day(tmp_path: Path) -> None:
    """And the day after, one more."""
    bench = Bench(tmp_path, folder=tmp_path)
    bench.hung = ("shelf",)
    restarts = []

    for minute in range(3 * 1440):
        bench.now = 1000.0 + 60 * minute
        if bench.watchdog.trouble() is not None:
            restarts.append(minute)
            bench.restarted()

    assert restarts == [0, 1440, 2880]
    assert SELDOM == 1440 * 60


def test_a_boot_is_a_new_day(tmp_path: Path) -> None:
    """The clock of the kernel begins anew, and whatever hung was without power."""
    bench = Bench(tmp_path, folder=tmp_path)
    bench.hung = ("shelf",)
    assert bench.watchdog.trouble() is not None
    bench.boot.write_text("another\n")
    bench.now = 70.0

    assert bench.restarted().trouble() is not None


def test_a_poller_is_worth_any_number_of_restarts(tmp_path: Path) -> None:
    """A lamp that is not told anything is a lie for all of them."""
    bench = Bench(tmp_path, folder=tmp_path)
    bench.late = ("web", "tills")

    for _ in range(3):
        assert bench.restarted().trouble() == "the poller of web, tills hangs"


@pytest.mark.parametrize("where", ["none", "no folder"])
def test_what_cannot_be_remembered_is_not_done(tmp_path: Path, where: str) -> None:
    """Without a folder a broken light could stop the others every minute."""
    (tmp_path / "file").touch()
    bench = Bench(tmp_path, folder=None if where == "none" else tmp_path / "file")
    bench.hung = ("shelf",)

    for _ in range(3):
        bench.now += SELDOM
        assert bench.restarted().trouble() is None


def test_a_damaged_mark_is_made_anew(tmp_path: Path) -> None:
    """The disk was full, and the mark is empty: as if there were none, and once."""
    bench = Bench(tmp_path, folder=tmp_path)
    bench.hung = ("shelf",)
    (tmp_path / MARK).write_bytes(b"")

    assert bench.watchdog.trouble() is not None
    bench.now += SELDOM - 60
    assert bench.restarted().trouble() is None
    bench.now += 60
    assert bench.restarted().trouble() is not None


def test_a_light_that_is_spared_is_told_once_each_time(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log is not filled by a light that hangs for weeks."""
    bench = Bench(tmp_path, folder=tmp_path)
    bench.hung = ("shelf",)
    bench.watchdog.trouble()
    bench.restarted()

    for _ in range(100):
        bench.watchdog.trouble()
    bench.hung = ()
    bench.watchdog.trouble()
    bench.hung = ("shelf",)
    bench.watchdog.trouble()

    told = [each.getMessage() for each in caplog.records]
    assert told == ["the light of shelf hangs again; unplug it, or mend it"] * 2


BLOCKING_FEED = """
import pathlib, threading
from buildlight.feeds import FeedOptions
from buildlight.projects.project import Project

class Feed:
    Options = FeedOptions

    @classmethod
    def open(cls, options, *, network):
        return cls()

    async def read(self):
        if pathlib.Path({flag!r}).exists():
            threading.Event().wait()  # Blocks the loop, not only this feed.
        return (Project("shop", last_build_status="Success"),)

    async def close(self):
        pass
"""


def test_a_loop_that_hangs_ends_the_signs_of_life(
    run: Callable[..., Daemon], tower: Tower, listener: Listener, tmp_path: Path
) -> None:
    """Anybody's feed that blocks the whole daemon: systemd hears nothing more, and restarts it."""
    flag = tmp_path / "hang"
    plugin = a_feed_plugin(tmp_path, BLOCKING_FEED.format(flag=str(flag)))
    daemon = run(
        "interval = 0.1\nbuilding_interval = 0.1\n[[feeds]]\nkind = 'odd'\nname = 'odd'\n"
        f'[[lamps]]\ndriver = "serial"\nprotocol = "adafruit-tower"\nport = "{tower.port}"\n',
        PYTHONPATH=str(plugin),
        NOTIFY_SOCKET=listener.address,
        WATCHDOG_USEC="200000",
    )
    listener.wait_for("READY=1")
    listener.wait_for(ALIVE)

    flag.touch()

    messages = [*iter(partial(listener.wait, 1.0), None)]
    assert len(messages) < 20
    assert daemon.process.poll() is None
    assert listener.wait(0.5) is None


def a_feed_plugin(folder: Path, source: str) -> Path:
    """Return a folder in which the feed of kind ``odd`` is installed."""
    plugin = folder / "plugin"
    metadata = plugin / "odd-1.0.dist-info"
    metadata.mkdir(parents=True)
    (plugin / "odd.py").write_text(source)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[buildlight.feeds]\nodd = odd:Feed\n")
    return plugin
