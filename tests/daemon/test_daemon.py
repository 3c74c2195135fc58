"""The daemon as its user meets it: a process with real sockets, a real port and real signals."""

import asyncio
import fcntl
import json
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path

import httpx
import looptime
import pytest

from buildlight.daemon.daemon import Daemon as InProcess
from buildlight.errors import WorkerFailed
from buildlight.feeds.sources import open_sources
from buildlight.lamps.lamp import LampStatus
from buildlight.lamps.settings import LampSettings
from buildlight.report.shown import Light
from buildlight.report.update import Update
from buildlight.system.posix_signals import ENDING
from support.examples import NOON, a_project
from support.running import (
    BUILDLIGHT,
    DARK,
    GREEN,
    PATIENCE,
    RED,
    Daemon,
    Tower,
    configuration,
    until,
)
from support.servers import BROKEN_FEED, DRIPS, ENDLESS, FEED, HANGS, Answer, FeedServer
from support.world import LoopPlayer, Recorder, RecordingLight, Server, World

TOLD_TO_END = [number for number in ENDING if number is not signal.SIGHUP]
"""What ends a daemon that has no terminal: without one, SIGHUP asks for a reload."""


@pytest.mark.parametrize("number", TOLD_TO_END, ids=lambda each: each.name)
def test_a_signal_leaves_the_lamp_dark_and_the_exit_clean(
    run: Callable[..., Daemon], tower: Tower, number: signal.Signals
) -> None:
    """The lamp follows a build to red, and is dark when the daemon is stopped."""
    with FeedServer() as server:
        daemon = run(configuration(server.url(), port=tower.port))
        until(lambda: tower.told.endswith(GREEN), daemon)
        server.answer = Answer(BROKEN_FEED)
        until(lambda: tower.told.endswith(RED), daemon)

        status = daemon.stop(number)

    until(lambda: tower.told.endswith(DARK), daemon)
    assert status == 0
    assert "Traceback" not in daemon.said()
    assert "lamp: broken (was passing): shop\n" in daemon.said()


def test_a_terminal_that_is_closed_leaves_the_lamp_dark(
    run: Callable[..., Daemon], tower: Tower
) -> None:
    """There, SIGHUP tells that the person who looked at the daemon has gone."""
    master, slave = pty.openpty()
    with FeedServer() as server:
        daemon = run(
            configuration(server.url(), port=tower.port), at_terminal=partial(_take, slave)
        )
        os.close(slave)
        until(lambda: tower.told.endswith(GREEN), daemon)

        os.close(master)

        assert daemon.process.wait(PATIENCE) == 0
    until(lambda: tower.told.endswith(DARK), daemon)


def _take(terminal: int) -> None:
    """Make *terminal* the one that this new session belongs to."""
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def test_a_reload_changes_what_the_lamp_follows_without_a_dark_moment(
    run: Callable[..., Daemon], tower: Tower, tmp_path: Path
) -> None:
    """SIGHUP to a daemon without a terminal; one with a mistake is refused, and told."""
    with FeedServer() as server, FeedServer() as other:
        other.answer = Answer(BROKEN_FEED)
        daemon = run(configuration(server.url(), port=tower.port))
        until(lambda: tower.told.endswith(GREEN), daemon)

        (tmp_path / "buildlight.toml").write_text("intervall = 30\n")
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "the old configuration stays" in daemon.said(), daemon)
        (tmp_path / "buildlight.toml").write_text(configuration(other.url(), port=tower.port))
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: tower.told.endswith(RED), daemon)

        assert DARK not in tower.told[tower.told.index(GREEN) :]
        assert re.search(r"toml: line \d+: .*intervall: unknown key; did you mean", daemon.said())
        assert "configuration reloaded: 1 feed, 1 lamp" in daemon.said()
        assert daemon.stop() == 0


def test_nohup_is_heeded(run: Callable[..., Daemon], tower: Tower) -> None:
    """Whoever starts the daemon so that SIGHUP is ignored wants it to outlive the terminal."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with FeedServer() as server:
        daemon = run(configuration(server.url(), port=tower.port))
        signal.signal(signal.SIGHUP, before)
        until(lambda: tower.told.endswith(GREEN), daemon)

        daemon.process.send_signal(signal.SIGHUP)

        server.answer = Answer(BROKEN_FEED)
        until(lambda: tower.told.endswith(RED), daemon)
        assert daemon.stop() == 0


EARLY = """
import os, signal, sys
from buildlight import cli

class Sender:
    def find_spec(self, name, *_):
        if name == "buildlight.daemon.daemon":
            os.kill(os.getpid(), signal.{number})

sys.meta_path.insert(0, Sender())
sys.exit(cli.main({arguments!r}))
"""


EARLY_ENDS = [*(("run", each) for each in TOLD_TO_END), *(("demo", each) for each in ENDING)]


@pytest.mark.parametrize(("command", "number"), EARLY_ENDS, ids=str)
def test_a_signal_while_the_daemon_is_being_imported_ends_it_cleanly(
    command: str, number: signal.Signals
) -> None:
    """A Pi Zero takes seconds for the start, and somebody may change their mind."""
    script = EARLY.format(number=number.name, arguments=[command])

    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        start_new_session=True,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def full_pipe() -> tuple[int, int]:
    """Return the two ends of a pipe that nobody reads, and that takes nothing more."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with suppress(BlockingIOError):
        while True:
            os.write(writing, bytes(1024))
    os.set_blocking(writing, True)
    return reading, writing


def shows(tower: Tower, light: bytes) -> None:
    """Wait until *tower* was told *light* last."""
    end = time.monotonic() + PATIENCE
    while not tower.told.endswith(light):
        assert time.monotonic() < end, tower.told
        time.sleep(0.01)


def test_a_log_that_nobody_reads_holds_up_neither_the_lamp_nor_the_exit(
    tower: Tower, tmp_path: Path
) -> None:
    """A pager that is not scrolled, or Ctrl-S: an old green would be a lie."""
    reading, writing = full_pipe()
    file = tmp_path / "buildlight.toml"
    with FeedServer() as server:
        file.write_text(configuration(server.url(), port=tower.port))
        process = subprocess.Popen(
            [BUILDLIGHT, "run", "--config", file],
            stderr=writing,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
        )
        try:
            shows(tower, GREEN)
            server.answer = Answer(BROKEN_FEED)
            shows(tower, RED)
            process.send_signal(signal.SIGTERM)
            begun = time.monotonic()

            status = process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()

    took = time.monotonic() - begun
    shows(tower, DARK)
    os.close(reading)
    os.close(writing)
    assert status == 0
    assert took < 10  # Two are promised; a busy machine is slower, and a hang is longer.


def test_feeds_that_hang_drip_or_never_end_delay_neither_another_feed_nor_the_exit(
    run: Callable[..., Daemon], tower: Tower
) -> None:
    """Three hopeless servers beside a good one: it is read all the same, and the stop is quick."""
    with FeedServer() as server:
        for name, answer in {"/hang": HANGS, "/drip": DRIPS, "/endless": ENDLESS}.items():
            server.answers[name] = answer
        urls = [server.url(path) for path in ("/hang", "/drip", "/endless", "/cc.xml")]
        daemon = run(configuration(*urls, port=tower.port))
        until(lambda: sum(each.path == "/cc.xml" for each in server.requests) > 5, daemon)

        status = daemon.stop()

    assert status == 0
    assert GREEN not in tower.told
    until(lambda: tower.told.endswith(DARK), daemon)
    assert len(re.findall(r"^\S+ feed 2: larger than 16 MiB", daemon.said(), re.MULTILINE)) == 1


BLOCKING = """
import pathlib, time
from buildlight.drivers import DriverOptions

class Blocking:
    Options = DriverOptions
    refresh = None

    def __init__(self, options):
        pass

    def show(self, frame):
        while True:
            time.sleep(1)

    def close(self):
        pass
"""


def test_a_light_that_blocks_for_ever_delays_neither_the_other_lamp_nor_the_exit(
    run: Callable[..., Daemon], tower: Tower, tmp_path: Path
) -> None:
    """A driver that never comes back is said to be lost; all else goes on, and stops in time."""
    plugin = tmp_path / "plugin"
    metadata = plugin / "blocking-1.0.dist-info"
    metadata.mkdir(parents=True)
    (plugin / "blocking.py").write_text(BLOCKING)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: blocking\nVersion: 1.0\n")
    entry = "[buildlight.drivers]\nblocking = blocking:Blocking\n"
    (metadata / "entry_points.txt").write_text(entry)
    with FeedServer() as server:
        text = configuration(server.url(), port=tower.port)
        text += '[[lamps]]\nname = "stuck"\ndriver = "blocking"\nwait_for_light = true\n'
        daemon = run(text, PYTHONPATH=str(plugin))
        until(lambda: tower.told.endswith(GREEN), daemon)
        until(lambda: "stuck: its light is lost" in daemon.said(), daemon)

        status = daemon.stop()

    assert status == 0
    until(lambda: tower.told.endswith(DARK), daemon)
    assert "stuck: the light did not respond; its last state may still be shown" in daemon.said()


def test_a_disk_that_hangs_delays_neither_the_lamp_nor_the_exit(
    run: Callable[..., Daemon], tower: Tower, tmp_path: Path
) -> None:
    """A pipe without a reader blocks whoever writes the verdicts: no old green stays for that."""
    folder = tmp_path / "state" / "buildlight"
    folder.mkdir(parents=True)
    os.mkfifo(folder / "verdicts.new")
    with FeedServer() as server:
        daemon = run(configuration(server.url(), port=tower.port), STATE_DIRECTORY=str(folder))
        until(lambda: tower.told.endswith(GREEN), daemon)
        server.answer = Answer(BROKEN_FEED)
        until(lambda: tower.told.endswith(RED), daemon)

        before = time.monotonic()
        status = daemon.stop()
        took = time.monotonic() - before

    assert status == 0
    assert took < 10  # Two are promised; a busy machine is slower, and a hang is longer.
    until(lambda: tower.told.endswith(DARK), daemon)
    assert daemon.said().count("verdicts.json: is not written yet; is the disk slow?") == 1


def test_a_light_that_is_not_there_yet_is_waited_for(
    run: Callable[..., Daemon], tower: Tower, tmp_path: Path
) -> None:
    """A USB light may be plugged in after the start, under the name that was configured."""
    port = tmp_path / "light"
    with FeedServer() as server:
        daemon = run(configuration(server.url(), port=str(port)))
        until(lambda: "lamp 1: its light" in daemon.said() or "waiting" in daemon.said(), daemon)

        port.symlink_to(tower.port)

        until(lambda: tower.told.endswith(GREEN), daemon)
        until(lambda: "lamp: its light is back" in daemon.said(), daemon)
        assert daemon.stop() == 0
    assert f"lamp: its light is waiting: no port {port}; is the light plugged in?" in daemon.said()


def test_a_light_that_must_be_there_and_is_not_ends_the_start(
    run: Callable[..., Daemon], tmp_path: Path
) -> None:
    """With wait_for_light = false the daemon says what is missing, and exits with 1."""
    text = configuration("http://127.0.0.1:9/", port=str(tmp_path / "light"))

    daemon = run(text + "wait_for_light = false\n")

    assert daemon.process.wait(PATIENCE) == 1
    configured, missing = daemon.said().splitlines()
    assert configured.endswith("buildlight.toml: feeds: feed 0; lamps: lamp")
    assert missing == (
        f"buildlight: lamp: driver 'serial': no port {tmp_path / 'light'}; is the light plugged in?"
    )


def test_pins_without_a_pi_end_the_start(run: Callable[..., Daemon]) -> None:
    """There is no fall-back to another pin factory: the daemon says what is wrong, and exits."""
    daemon = run(
        '[[feeds]]\nurl = "http://127.0.0.1:9/"\n[[lamps]]\ndriver = "gpio"\npins = { red = 17 }\n',
        GPIOZERO_PIN_FACTORY="nonesuch",
    )

    assert daemon.process.wait(PATIENCE) == 1
    assert "buildlight: lamp: driver 'gpio': GPIOZERO_PIN_FACTORY is not" in daemon.said()
    assert "Traceback" not in daemon.said()


def test_a_bad_configuration_ends_the_start_with_78(run: Callable[..., Daemon]) -> None:
    """The service manager need not try again: nothing would change."""
    daemon = run("interval = 0\n")

    assert daemon.process.wait(PATIENCE) == 78
    said = [re.sub(r"/\S+/", "", line) for line in daemon.said().splitlines()]
    assert [line for line in said if line.startswith("buildlight: ")] == [
        "buildlight: buildlight.toml: line 1: interval: should be greater than 0",
        f"buildlight: buildlight.toml: line 1: feeds: none found; {remedy('feeds')}",
        f"buildlight: buildlight.toml: line 1: lamps: none found; {remedy('lamps')}",
    ]
    assert said.count("  1 | interval = 0") == 3


def has_been_asked(server: FeedServer, times: int) -> bool:
    """Return whether *server* had so many requests."""
    return len(server.requests) >= times


def remedy(tables: str) -> str:
    """Return what to do about a missing list of tables."""
    return f"add a [[{tables}]] table"


def test_a_token_in_an_address_is_never_written_anywhere(
    run: Callable[..., Daemon], tower: Tower, tmp_path: Path
) -> None:
    """Neither log nor state file knows the secret, whatever the server does with it."""
    with FeedServer() as server:
        echo = b"<html>you asked for /cc.xml?token=SECRET</html>"
        daemon = run(configuration(server.url("/cc.xml?token=SECRET"), port=tower.port))
        until(lambda: tower.told.endswith(GREEN), daemon)
        for answer in (Answer(echo), Answer(status=401), Answer(b"SECRET"), Answer(FEED)):
            server.answer = answer
            enough = len(server.requests) + 2
            until(partial(has_been_asked, server, enough), daemon)
        daemon.stop()

    kept = "".join(file.read_text() for file in (tmp_path / "state").rglob("*.json"))
    assert json.loads(kept)["feeds"]
    assert "SECRET" not in kept
    assert "SECRET" not in daemon.said()


def test_a_hanging_feed_is_polled_no_more_often_than_it_answers() -> None:
    """A server that takes its whole deadline is not asked twice at a time."""
    hanging, fine = Server(), Server(a_project(last_build_status="Success"))
    hanging.answer = None

    async def story(world: World) -> None:
        await world.wait(600)

    World(hanging=hanging, fine=fine).run(story)

    assert len(fine.asked) >= 20
    assert all(after - before >= 20 for before, after in pairwise(hanging.asked))


class Fickle(LoopPlayer):
    """A player whose light is what it is told to be."""

    now: Light = Light.OK

    def status(self) -> LampStatus:
        """Return how the light is said to be."""
        return replace(super().status(), light=self.now)

    def become(self, light: Light, *, times: int) -> None:
        """Change, and say so more often than is needed."""
        self.now = light
        for _ in range(times):
            self._on_light()


def test_any_number_of_reasons_makes_one_report_and_none_after_the_end() -> None:
    """Fifty lights that come and go at once do not hold up a stop with fifty reports."""
    server = Server(a_project(last_build_status="Success"))
    recorder = Recorder()
    players: list[Fickle] = []

    def player(_lamp: LampSettings, on_light: Callable[[], None]) -> LoopPlayer:
        players.append(Fickle(RecordingLight(), on_light))
        return players[-1]

    async def story() -> tuple[int, int]:
        stop = asyncio.Event()
        transport = httpx.MockTransport(server.handle)
        app = InProcess(
            World(ci=server).settings,
            publishers=[recorder],
            make_player=player,
            open_sources=partial(open_sources, transport=transport),
            clock=lambda: NOON,
        )
        running = asyncio.create_task(app.run(stop))
        await asyncio.sleep(1)
        recorder.updates.clear()
        players[0].become(Light.LOST, times=50)
        await asyncio.sleep(1)
        told = len(recorder.updates)
        players[0].become(Light.OK, times=50)
        stop.set()
        await running
        return told, len(recorder.updates) - told

    with asyncio.Runner(loop_factory=partial(looptime.new_event_loop, start=0)) as runner:
        assert runner.run(story()) == (1, 1)  # The last one is the states before the end.


def test_a_fault_of_our_own_ends_in_the_dark_and_not_in_an_old_green() -> None:
    """Whatever fails while news is being told: nobody goes on to see what was true before it."""
    server = Server(a_project(last_build_status="Success"))
    light = RecordingLight()

    class Faulty(Recorder):
        def publish(self, update: Update) -> None:
            if update.report.lamps[0].broken:
                raise ZeroDivisionError

    async def story() -> bool:
        app = InProcess(
            World(ci=server).settings,
            publishers=[Faulty()],
            make_player=lambda _lamp, on_light: LoopPlayer(light, on_light),
            open_sources=partial(open_sources, transport=httpx.MockTransport(server.handle)),
            clock=lambda: NOON,
        )
        running = asyncio.create_task(app.run(asyncio.Event()))
        await asyncio.sleep(1)
        lit = bool(light.shown[-1][1].lit)
        server.answer = [a_project(last_build_status="Failure")]
        with pytest.raises(ZeroDivisionError):
            await asyncio.wait_for(running, 60)
        return lit

    with asyncio.Runner(loop_factory=partial(looptime.new_event_loop, start=0)) as runner:
        assert runner.run(story())
    assert not light.shown[-1][1].lit


def test_a_thread_that_fails_ends_the_daemon_in_the_dark(tmp_path: Path) -> None:
    """Out of memory in a worker: nothing hangs, and nobody goes on to see an old green."""
    light = RecordingLight()

    async def story() -> bool:
        app = InProcess(
            World(ci=Server(a_project(last_build_status="Success"))).settings,
            make_player=lambda _lamp, on_light: LoopPlayer(light, on_light),
            open_sources=partial(
                open_sources,
                transport=httpx.MockTransport(
                    Server(a_project(last_build_status="Success")).handle
                ),
            ),
            clock=lambda: NOON,
        )
        running = asyncio.create_task(app.run(asyncio.Event()))
        await asyncio.sleep(1)
        lit = bool(light.shown[-1][1].lit)
        app.fail("verdicts.json: MemoryError")
        with pytest.raises(WorkerFailed, match="MemoryError"):
            await asyncio.wait_for(running, 60)
        return lit

    with asyncio.Runner(loop_factory=partial(looptime.new_event_loop, start=0)) as runner:
        assert runner.run(story())
    assert not light.shown[-1][1].lit


def test_a_configuration_that_became_a_pipe_stops_nothing(
    run: Callable[..., Daemon], tower: Tower, tmp_path: Path
) -> None:
    """SIGHUP while nobody writes to the pipe: news still come, and SIGTERM works."""
    with FeedServer() as server:
        daemon = run(configuration(server.url(), port=tower.port))
        until(lambda: tower.told.endswith(GREEN), daemon)
        (tmp_path / "buildlight.toml").unlink()
        os.mkfifo(tmp_path / "buildlight.toml")

        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: "the old configuration stays" in daemon.said(), daemon)
        server.answer = Answer(BROKEN_FEED)
        until(lambda: tower.told.endswith(RED), daemon)

        assert daemon.stop() == 0


def test_a_second_daemon_is_refused(run: Callable[..., Daemon], tower: Tower) -> None:
    """It exits with 1, names the first one, and leaves its lamp and its verdicts alone."""
    with FeedServer() as server:
        first = run(configuration(server.url(), port=tower.port))
        until(lambda: tower.told.endswith(GREEN), first)

        second = run(configuration(server.url(), port=tower.port))

        assert second.process.wait(20) == 1
        assert f"another buildlight (pid {first.process.pid}) keeps its state in" in second.said()
        assert first.process.poll() is None
        assert tower.told.endswith(GREEN)
