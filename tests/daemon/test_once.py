"""`buildlight run --once`: one poll, the result stays on the lamp, the status of `check`."""

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from support.running import BUILDLIGHT, DARK, GREEN, PATIENCE, RED, Daemon, Tower, until
from support.running import configuration as configured
from support.servers import BROKEN_FEED, RESETS, Answer, FeedServer

AMBER = bytes([0x21, 0x12, 0x24, 0x28])


def once(tmp_path: Path, text: str) -> "subprocess.CompletedProcess[str]":
    """Run it with the configuration *text*."""
    file = tmp_path / "buildlight.toml"
    file.write_text(text)
    return subprocess.run(
        [BUILDLIGHT, "run", "--once", "--config", file],
        capture_output=True,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "NO_PROXY": "*"},
        timeout=PATIENCE,
        check=False,
    )


def last(tower: Tower, wanted: bytes) -> bytes:
    """Return what the tower was told last, and give it the time to hear *wanted*."""
    end = time.monotonic() + PATIENCE
    while not tower.told.endswith(wanted) and time.monotonic() < end:
        time.sleep(0.01)
    return tower.told[-4:]


@pytest.mark.parametrize(
    ("answer", "frame", "status"),
    [(Answer(), GREEN, 0), (Answer(BROKEN_FEED), RED, 0), (RESETS, AMBER, 1)],
    ids=["passing", "broken", "down"],
)
def test_the_result_stays_on_the_lamp(
    tmp_path: Path, tower: Tower, answer: Answer, frame: bytes, status: int
) -> None:
    """Steady, as nobody is there to move it; a server that is down is no green, and status 1."""
    with FeedServer(answer) as server:
        process = once(tmp_path, configured(server.url(), port=tower.port))

    assert process.returncode == status, process.stderr
    assert last(tower, frame) == frame


def test_a_verdict_survives_until_the_next_time(tmp_path: Path, tower: Tower) -> None:
    """A server that forgets it while it builds: what was red stays red, with cron, too."""
    building = BROKEN_FEED.replace(b"Failure", b"Unknown").replace(b"Sleeping", b"Building")
    with FeedServer(Answer(BROKEN_FEED)) as server:
        text = configured(server.url(), port=tower.port)
        once(tmp_path, text)
        server.answer = Answer(building)

        process = once(tmp_path, text)

    assert process.returncode == 0, process.stderr
    assert last(tower, RED) == RED


def test_a_light_that_is_missing_is_1(tmp_path: Path) -> None:
    """As `check` says it."""
    with FeedServer() as server:
        process = once(tmp_path, configured(server.url(), port="/dev/none"))

    assert process.returncode == 1
    assert "no port /dev/none" in process.stderr


def test_no_second_daemon_takes_the_light(
    tmp_path: Path, tower: Tower, run: Callable[..., Daemon]
) -> None:
    """Another folder for its state, the same port: the second ends with 1, and names the first."""
    with FeedServer() as server:
        text = configured(server.url(), port=tower.port)
        first = run(text)
        until(lambda: GREEN in tower.told, first)
        (tmp_path / "other").mkdir()

        second = Daemon(tmp_path / "other", text)
        status = second.process.wait(PATIENCE)

    assert status == 1
    assert "is held by another program" in second.said()
    assert "stop it with `" in second.said()
    assert first.process.poll() is None
    assert not tower.told.endswith(DARK)


def test_explain_needs_no_variable(
    tmp_path: Path, tower: Tower, run: Callable[..., Daemon]
) -> None:
    """Started in a session, asked about without one: the file names its writer."""
    folder = tmp_path / "run"
    with FeedServer() as server:
        daemon = run(configured(server.url(), port=tower.port), XDG_RUNTIME_DIR=str(folder))
        status = folder / "buildlight" / "status.json"
        until(lambda: status.exists() and '"fresh"' in status.read_text(), daemon)

        told = subprocess.run(
            [BUILDLIGHT, "explain"],
            capture_output=True,
            text=True,
            env={**os.environ, "XDG_RUNTIME_DIR": str(folder)},
            timeout=PATIENCE,
            check=False,
        )

        assert told.returncode == 0, told.stderr
        assert json.loads(status.read_text())["pid"] == daemon.process.pid
        assert f"written by `buildlight run` (pid {daemon.process.pid})" in told.stdout
        assert f"its configuration is {tmp_path / 'buildlight.toml'}" in told.stdout
