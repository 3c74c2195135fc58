"""What systemd hears: a real datagram socket at the other end of every sentence."""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from buildlight.patterns.pattern import Channel
from buildlight.system.sd_notify import LONGEST_STATUS, Systemd
from support.examples import a_project
from support.listener import Listener, listening, listening_abstractly
from support.world import Server, World


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Listen for what a service says."""
    with listening() as found:
        yield found


def started_by(
    monkeypatch: pytest.MonkeyPatch, address: str | None = None, **variables: str
) -> Systemd:
    """Return what a process finds that was started with these variables."""
    for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Systemd.from_environment()


@pytest.mark.parametrize("kind", [listening, listening_abstractly], ids=["path", "abstract"])
def test_systemd_hears_every_sentence(
    monkeypatch: pytest.MonkeyPatch, kind: type[AbstractContextManager[Listener]]
) -> None:
    """At a path, and at an abstract address as containers have it."""
    with kind() as listener:
        systemd = started_by(monkeypatch, listener.address)
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        systemd.ready()
        systemd.status("lamp: broken: shop (web) is broken since 09:12")
        systemd.alive()
        systemd.reloading()
        systemd.stopping()
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000

        ready, status, alive, reloading, stopping = listener.hear()

    assert (ready, alive, stopping) == ("READY=1", "WATCHDOG=1", "STOPPING=1")
    assert status == "STATUS=lamp: broken: shop (web) is broken since 09:12"
    first, second = reloading.split("\n")
    assert first == "RELOADING=1"
    assert second.startswith("MONOTONIC_USEC=")
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= after


@pytest.mark.parametrize(
    ("variables", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "500000"}, 0.5),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getppid())}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": ""}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_the_watchdog_is_the_one_of_this_process(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], seconds: float | None
) -> None:
    """A number that is none, or one for another process, asks for no sign of life."""
    assert started_by(monkeypatch, "/nowhere", **variables).watchdog == seconds


def test_without_systemd_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody starts it by hand: no warning, no watchdog."""
    systemd = started_by(monkeypatch)

    systemd.ready()
    systemd.status("lamp: passing")

    assert systemd.watchdog is None
    assert not caplog.records


def test_the_same_sentence_is_said_once(listener: Listener) -> None:
    """Systemd is not woken for what it knows."""
    systemd = Systemd(listener.address)

    for sentence in ("green", "green", "red", "red", "green"):
        systemd.status(sentence)

    assert listener.hear() == ["STATUS=green", "STATUS=red", "STATUS=green"]


def test_no_name_can_speak_for_the_daemon(listener: Listener) -> None:
    """A project whose name has a new line in it says neither STOPPING=1 nor anything else."""
    systemd = Systemd(listener.address)

    systemd.status("lamp: broken: shop\nSTOPPING=1\r\n\u2028MAINPID=1\0\x1b[31m")

    (message,) = listener.hear()
    assert "\n" not in message
    assert message.startswith("STATUS=lamp: broken: shop STOPPING=1 MAINPID=1")


def test_a_sentence_is_cut_and_any_text_is_sent(listener: Listener) -> None:
    """A thousand names do not make a message that systemd refuses, nor do half letters."""
    systemd = Systemd(listener.address)

    systemd.status("\N{SNOWMAN}" * 5000)
    systemd.status("half a letter: \udc80")

    long, half = listener.hear()
    assert long == "STATUS=" + "\N{SNOWMAN}" * LONGEST_STATUS
    assert half == "STATUS=half a letter: ?"


def test_nobody_who_listens_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The socket was never there, or a service manager of another kind took it away."""
    systemd = Systemd(str(tmp_path / "notify"))

    for _ in range(3):
        systemd.alive()

    assert [each.getMessage() for each in caplog.records] == [
        "systemd cannot be told how things are: No such file or directory"
    ]


def test_a_socket_that_goes_and_comes_back_is_told_again(caplog: pytest.LogCaptureFixture) -> None:
    """Systemd executes itself anew after an upgrade; a second loss is a second warning."""
    with listening() as listener:
        systemd = Systemd(listener.address)
        path = Path(listener.address)
        systemd.ready()
        path.rename(path.with_suffix(".away"))
        systemd.alive()
        path.with_suffix(".away").rename(path)
        systemd.alive()
        path.unlink()
        systemd.alive()

        assert listener.hear() == ["READY=1", "WATCHDOG=1"]
    assert len(caplog.records) == 2
    assert {each.levelno for each in caplog.records} == {logging.WARNING}


def test_an_address_that_is_too_long_costs_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the variable holds, no lamp minds."""
    systemd = Systemd("/" + "x" * 300)

    systemd.alive()
    systemd.alive()

    assert len(caplog.records) == 1


def fill(listener: Listener) -> None:
    """Send to *listener*, which does not read, until it takes nothing more."""
    systemd = Systemd(listener.address)
    while not systemd._warned:
        systemd.alive()


def test_a_full_queue_costs_a_warning_and_little_time(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    """Systemd is busy or stopped: what waits is dropped, and later messages get through."""
    fill(listener)
    systemd = Systemd(listener.address)
    used = time.process_time()

    for _ in range(5):
        systemd.alive()

    used = time.process_time() - used
    waiting = listener.hear()
    systemd.ready()
    assert listener.hear() == ["READY=1"]
    assert set(waiting) == {"WATCHDOG=1"}
    assert [each.getMessage() for each in caplog.records].count(
        "systemd cannot be told how things are: timed out"
    ) == 2
    assert used < 0.5, "waiting for room is not done by asking again and again"


def test_a_full_queue_does_not_hold_a_lamp(listener: Listener) -> None:
    """A systemd that stands still stops neither the red nor the dark at the end."""
    fill(listener)
    server = Server(a_project(last_build_status="Failure"))

    async def story(world: World) -> None:
        assert world.lit == {Channel.RED}

    world = World(ci=server, systemd=Systemd(listener.address)).run(story)

    assert world.lit == frozenset()
