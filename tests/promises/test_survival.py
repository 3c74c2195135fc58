"""What a daemon on a shelf has to live through: stopped, killed, starved, full disks, odd clocks.

A process with real sockets, signals and lights, but for the clocks, which jump in a world of
virtual time.
"""

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from buildlight.cli import off
from buildlight.config.settings import load_settings
from buildlight.daemon.state_file import NAME as VERDICTS
from buildlight.daemon.state_file import StateFile
from buildlight.patterns.pattern import Channel
from buildlight.publish.status_file import NAME as STATUS
from buildlight.system.sd_notify import Systemd
from support.examples import a_project
from support.listener import Listener, listening
from support.running import (
    BUILDLIGHT,
    DARK,
    GREEN,
    PATIENCE,
    RED,
    STALE,
    Daemon,
    Tower,
    configuration,
    until,
)
from support.servers import BROKEN_FEED, FEED, Answer, FeedServer
from support.world import Server, World

KILLS = int(os.environ.get("TEST_KILLS", "5"))
"""How many daemons are killed, each at another moment; more of them find what is rarer."""
SEED = int(os.environ.get("TEST_KILLS_SEED", "1"))

HOUR, DAY = 3600.0, 86_400.0
GOOD, BAD = a_project(last_build_status="Success"), a_project(last_build_status="Failure")
DOUBTED = "has not confirmed shop since the restart"
HANGING_UP = {"Content-Length": str(len(FEED)), "Connection": "close"}
"""What keeps no connection open: each poll needs a new one."""


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Listen as systemd does."""
    with listening() as found:
        yield found


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server that gives a good feed until it is told otherwise."""
    with FeedServer() as running:
        yield running


# As systemd sees it.


def test_systemd_hears_how_a_daemon_comes_reloads_and_goes(
    run: Callable[..., Daemon],
    tower: Tower,
    server: FeedServer,
    listener: Listener,
    tmp_path: Path,
) -> None:
    """A process from its start to its end, in the words of sd_notify(3)."""
    file = tmp_path / "buildlight.toml"
    text = configuration(server.url(), port=tower.port)
    daemon = run(text, NOTIFY_SOCKET=listener.address, WATCHDOG_USEC="60000000")

    start = listener.wait_for("READY=1")
    assert "STATUS=lamp: passing: 1 project passes" in start
    server.answer = Answer(BROKEN_FEED)
    listener.wait_for("STATUS=lamp: broken: shop is broken")
    file.write_text("intervall = 1\n")
    daemon.process.send_signal(signal.SIGHUP)
    assert listener.wait_for("RELOADING=1\nMONOTONIC_USEC=")
    assert listener.wait_for("READY=1")[-1] == "READY=1"
    until(lambda: "the old configuration stays" in daemon.said(), daemon)
    file.write_text(text.replace("[[lamps]]", '[[lamps]]\nname = "shelf"'))
    daemon.process.send_signal(signal.SIGHUP)
    assert listener.wait_for("RELOADING=1")
    assert listener.wait_for("READY=1")
    listener.wait_for("STATUS=shelf: broken: ")
    assert daemon.stop() == 0
    listener.wait_for("STOPPING=1")

    assert "WATCHDOG=1" in listener.heard
    assert listener.hear() == []


def test_a_daemon_that_is_stopped_is_silent_and_goes_on_afterwards(
    run: Callable[..., Daemon], tower: Tower, server: FeedServer, listener: Listener
) -> None:
    """SIGSTOP: no sign of life, so systemd would restart it; SIGCONT: it is up to date at once."""
    daemon = run(
        configuration(server.url(), port=tower.port),
        NOTIFY_SOCKET=listener.address,
        WATCHDOG_USEC="200000",
    )
    until(lambda: tower.told.endswith(GREEN), daemon)
    listener.wait_for("WATCHDOG=1")

    daemon.process.send_signal(signal.SIGSTOP)
    os.waitpid(daemon.process.pid, os.WUNTRACED)
    listener.hear()
    server.answer = Answer(BROKEN_FEED)

    assert listener.wait(1.0) is None
    assert tower.told.endswith(GREEN)
    daemon.process.send_signal(signal.SIGCONT)
    until(lambda: tower.told.endswith(RED), daemon)
    listener.wait_for("WATCHDOG=1")
    assert daemon.stop() == 0


AT_HTTPX = """
import sys
from buildlight import cli

class Gate:
    def find_spec(self, name, *_):
        if name == "httpx":
            sys.stdout.write(name + "\\n")
            sys.stdout.flush()
            sys.stdin.readline()

sys.meta_path.insert(0, Gate())
sys.exit(cli.main(["run", "--config", {file!r}]))
"""


def test_the_first_light_does_not_wait_for_httpx(
    tower: Tower, server: FeedServer, tmp_path: Path
) -> None:
    """While the library is still being imported, which takes a Pi Zero seconds, it is stale."""
    file = tmp_path / "buildlight.toml"
    file.write_text(configuration(server.url(), port=tower.port))
    process = subprocess.Popen(
        [sys.executable, "-c", AT_HTTPX.format(file=str(file))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")},
        start_new_session=True,
    )
    try:
        assert process.stdout
        assert process.stdin
        assert process.stdout.readline() == b"httpx\n"
        waited_for(lambda: STALE in tower.told)
        assert server.requests == []
        assert GREEN not in tower.told

        process.stdin.write(b"\n" * 10)
        process.stdin.close()

        waited_for(lambda: tower.told.endswith(GREEN))
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0
        if process.stdout:
            process.stdout.close()


def waited_for(condition: Callable[[], object]) -> None:
    """Wait for what a process brings about that has no log."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


# Killed.


def test_a_kill_at_any_moment_leaves_good_files_and_a_lamp_that_can_be_darkened(
    tower: Tower, server: FeedServer, tmp_path: Path
) -> None:
    """Whatever it was doing: the next start finds its verdicts, and `off` finds its light.

    ``TEST_KILLS`` sets how many, ``TEST_KILLS_SEED`` which moments.
    """
    dice = random.Random(SEED)
    file, state, runs = tmp_path / "buildlight.toml", tmp_path / "state", tmp_path / "run"
    file.write_text(configuration(server.url(), port=tower.port, interval=0.01))
    turns = iter(range(10**9))
    server.respond = lambda _request: Answer((FEED, BROKEN_FEED)[next(turns) % 2])
    (lamp,) = load_settings(file).lamps
    environment = {
        **os.environ,
        "STATE_DIRECTORY": str(state),
        "RUNTIME_DIRECTORY": str(runs),
    }
    found = 0

    for _ in range(KILLS):
        process = subprocess.Popen(
            [BUILDLIGHT, "run", "--config", file],
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        if dice.random() < 0.8:  # Else the moment may come before it does anything at all.
            asked = len(server.requests) + dice.randint(1, 20)
            waited_for(lambda asked=asked: len(server.requests) >= asked)  # type: ignore[misc]
        time.sleep(dice.uniform(0.0, 0.2))
        process.kill()
        process.wait()

        found += verdicts_are_whole(state) + status_is_whole(runs)
        before = len(tower.told)
        assert off.darken([lamp]) == ()
        waited_for(lambda before=before: tower.told[before:].endswith(DARK))  # type: ignore[misc]

    assert found >= KILLS // 2, "many of them had something to damage"


def verdicts_are_whole(folder: Path) -> bool:
    """Say that what is kept in *folder* is good; returns whether there is something."""
    if not (folder / VERDICTS).exists():
        return False
    kept = json.loads((folder / VERDICTS).read_bytes())
    (rows,) = kept["feeds"].values()
    assert [row["name"] for row in rows] == ["shop"]
    return True


def status_is_whole(folder: Path) -> bool:
    """Say that the status file in *folder* is good; returns whether there is one."""
    if not (folder / STATUS).exists():
        return False
    assert json.loads((folder / STATUS).read_bytes())["lamps"]
    return True


# Starved, full, and read-only.


def starve(process: subprocess.Popen[bytes], most: int | None = None) -> None:
    """Let *process* open no files beyond number *most*; ``None``: as many as usual."""
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (most or min(hard, 1024), hard))


def test_a_daemon_without_a_file_descriptor_to_spare_says_so_and_recovers(
    run: Callable[..., Daemon], tower: Tower, server: FeedServer, tmp_path: Path
) -> None:
    """Nothing can be opened: no feed, no file. It is stale, it says why, and it gets well again."""
    server.answer = Answer(headers=HANGING_UP)
    daemon = run(
        configuration(server.url(), port=tower.port),
        RUNTIME_DIRECTORY=str(tmp_path / "run"),
        STATE_DIRECTORY=str(tmp_path / "verdicts"),
    )
    until(lambda: tower.told.endswith(GREEN), daemon)

    starve(daemon.process, 3)
    before = len(tower.told)
    until(lambda: STALE in tower.told[before:], daemon)
    daemon.process.send_signal(signal.SIGHUP)
    until(lambda: "the old configuration stays" in daemon.said(), daemon)
    starve(daemon.process)

    until(lambda: tower.told.endswith(GREEN), daemon)
    server.answer = Answer(BROKEN_FEED, headers=HANGING_UP)
    until(lambda: tower.told.endswith(RED), daemon)
    assert daemon.stop() == 0
    assert "Traceback" not in daemon.said()
    assert "feed 0: this machine has no file descriptor left" in daemon.said()
    assert "feed 0: answers again" in daemon.said()


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path]:
    """Put a file system in memory on *folder*; skip where this user or machine may not."""
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small file system")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"this machine mounts nothing: {done.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.parametrize("kind", ["full", "read-only"])
def test_folders_of_no_use_cost_a_warning_each_and_no_light(
    run: Callable[..., Daemon], tower: Tower, server: FeedServer, tmp_path: Path, kind: str
) -> None:
    """Full, or mounted read-only: red is red, the warnings come once, and the exit is clean."""
    options = "size=4k" if kind == "full" else "ro"
    with (
        mounted(tmp_path / "verdicts", options) as state,
        mounted(tmp_path / "run", options) as runs,
    ):
        if kind == "full":
            for folder in (state, runs):
                (folder / "ballast").write_bytes(bytes(4096))
        daemon = run(
            configuration(server.url(), port=tower.port),
            STATE_DIRECTORY=str(state),
            RUNTIME_DIRECTORY=str(runs),
        )
        until(lambda: tower.told.endswith(GREEN), daemon)
        for answer, light in ((BROKEN_FEED, RED), (FEED, GREEN), (BROKEN_FEED, RED)):
            server.answer = Answer(answer)
            until(lambda light=light: tower.told.endswith(light), daemon)  # type: ignore[misc]

        assert daemon.stop() == 0

    why = "No space left on device" if kind == "full" else "Read-only file system"
    until(lambda: tower.told.endswith(DARK), daemon)
    assert daemon.said().count(f"{state / VERDICTS}: cannot be written: {why}") == 1
    assert daemon.said().count(f"{runs / STATUS}: cannot be written: {why}") == 1
    assert "Traceback" not in daemon.said()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_a_red_that_could_not_be_written_comes_back_as_no_green(
    run: Callable[..., Daemon],
    tower: Tower,
    server: FeedServer,
    tmp_path: Path,
    how: signal.Signals,
) -> None:
    """Green was written, then the disk was full, then it broke; now the next build runs."""
    status = tmp_path / "run" / STATUS
    with mounted(tmp_path / "verdicts", "size=64k") as state:
        folders = {"STATE_DIRECTORY": str(state), "RUNTIME_DIRECTORY": str(status.parent)}
        daemon = run(configuration(server.url(), port=tower.port), **folders)
        until(lambda: tower.told.endswith(GREEN), daemon)
        until((state / VERDICTS).exists, daemon)
        with (state / "ballast").open("wb", buffering=0) as ballast, suppress(OSError):
            while True:
                ballast.write(bytes(4096))
        server.answer = Answer(BROKEN_FEED)
        until(lambda: tower.told.endswith(RED), daemon)
        server.answer = Answer(
            BROKEN_FEED.replace(b"Sleeping", b"Building").replace(b"Failure", b"")
        )
        until(lambda: "cannot be written" in daemon.said(), daemon)
        daemon.stop(how)
        before = len(tower.told)
        status.unlink(missing_ok=True)

        daemon = run(configuration(server.url(), port=tower.port), **folders)
        until(lambda: status.exists() and DOUBTED in status.read_text(), daemon)
        assert daemon.stop() == 0

        assert GREEN not in tower.told[before:]


def test_room_that_comes_back_is_used(
    run: Callable[..., Daemon], tower: Tower, server: FeedServer, tmp_path: Path
) -> None:
    """Somebody tidied up: the next change is written again."""
    with mounted(tmp_path / "verdicts", "size=8k") as state:
        (state / "ballast").write_bytes(bytes(4096))
        daemon = run(configuration(server.url(), port=tower.port), STATE_DIRECTORY=str(state))
        until(lambda: "cannot be written" in daemon.said(), daemon)
        (state / "ballast").unlink()
        server.answer = Answer(BROKEN_FEED)
        until(lambda: tower.told.endswith(RED), daemon)

        assert daemon.stop() == 0

        assert "broken" in (state / VERDICTS).read_text()


# Clocks that jump.


@pytest.mark.parametrize("days", [1, -1, 20_000, -15_000])
def test_a_clock_that_jumps_frightens_nobody(
    days: int, listener: Listener, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A day, or from 1970 to now: polls go on, green is green, and no verdict is lost or aged."""
    server = Server(GOOD)
    state = StateFile(tmp_path / "state")

    async def story(world: World) -> None:
        listener.hear()
        asked = len(server.asked)
        world.clock_offset = timedelta(days=days)
        for _ in range(20):
            await world.wait(30)
            assert world.lit == {Channel.GREEN}
            assert listener.hear().count("WATCHDOG=1") == 2
        assert 15 <= len(server.asked) - asked <= 30
        server.answer = [BAD]
        await world.wait(31)
        assert world.lit == {Channel.RED}
        world.clock_offset = timedelta()
        listener.hear()
        for _ in range(20):
            await world.wait(30)
            assert world.lit == {Channel.RED}
            assert listener.hear().count("WATCHDOG=1") == 2

    World(
        web=server,
        state=state,
        folder=tmp_path / "run",
        systemd=Systemd(listener.address, watchdog=30.0),
    ).run(story)

    assert not [each for each in caplog.records if each.levelname != "INFO"]
    verdicts = json.loads((tmp_path / "state" / VERDICTS).read_text())
    assert [row["verdict"] for rows in verdicts["feeds"].values() for row in rows] == ["broken"]


def test_a_clock_that_jumps_into_the_night_and_back_does_what_it_says() -> None:
    """Office hours follow the clock, whatever it says, within one poll."""
    hours = {"days": "daily", "open": "08:00", "close": "19:00", "zone": "UTC"}

    async def story(world: World) -> None:
        for _ in range(3):
            world.clock_offset = timedelta(hours=10)
            await world.wait(40)
            assert world.lit == frozenset()
            world.clock_offset = timedelta(days=-1)
            await world.wait(40)
            assert world.lit == {Channel.GREEN}

    World(web=Server(GOOD), lamp={"hours": hours}).run(story)


# Nothing is written in vain.

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


class Writes:
    """Every file that this process opened for writing, made, moved or took away, while *on*."""

    def __init__(self) -> None:
        self.on = False
        self.paths: list[str] = []
        sys.addaudithook(self._heard)

    def _heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.on or not arguments:
            return
        if event == "open":
            path, _, flags = arguments
            if flags & WRITES and path is not None:
                self.paths.append(os.fspath(path) if not isinstance(path, int) else str(path))
        elif event in ("os.mkdir", "os.remove", "os.rename", "os.symlink", "os.truncate"):
            self.paths += [str(each) for each in arguments if isinstance(each, str | os.PathLike)]


def test_nothing_but_the_run_folder_is_written_while_nothing_changes(tmp_path: Path) -> None:
    """An SD card wears out: hours of polls, of outages and of unplugged lights write nothing."""
    server, writes = Server(GOOD, a_project("till", last_build_status="Failure")), Writes()
    state = StateFile(tmp_path / "state")

    async def story(world: World) -> None:
        await world.wait(60)
        assert state.flush(20.0)
        before = (tmp_path / "state" / VERDICTS).stat()
        writes.on = True
        await world.wait(HOUR)
        answer, server.answer = server.answer, 503
        await world.wait(HOUR)
        server.answer = answer
        world.light.gone = True
        await world.wait(HOUR)
        world.light.gone = False
        await world.wait(HOUR)
        assert state.flush(20.0)
        world.status()
        writes.on = False
        after = (tmp_path / "state" / VERDICTS).stat()
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)

    World(web=server, state=state, folder=tmp_path / "run", lamp=STEADY).run(story)

    assert {str(Path(each).parent) for each in writes.paths} <= {
        str(tmp_path),
        str(tmp_path / "run"),
    }
    names = {Path(each).name for each in writes.paths}
    assert {"status.json"} <= names <= {"status.json", "status.new", "run"}


STEADY = {"patterns": {"stale": "amber", "broken-stale": "red, amber"}}
