"""One look at everything: real servers, real pseudo-terminals, mock pins."""

import fcntl
import os
import re
import select
import socket
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from buildlight.cli import check as checking
from buildlight.cli.check import Finding, check, show_finding
from buildlight.config.settings import check_settings
from buildlight.daemon.settings import Settings
from buildlight.drivers import DriverOptions
from buildlight.lamps.settings import LampSettings
from buildlight.patterns.pattern import Frame
from buildlight.projects.feed_state import Freshness
from buildlight.projects.signal import RANKS
from buildlight.report.shown import Light
from support.servers import (
    BREAKS_OFF,
    BROKEN_FEED,
    FEED,
    HANGS,
    RESETS,
    Answer,
    FeedServer,
    redirect,
)

PINS = {"red": 17, "amber": 27, "green": 22}


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mock pins, and no proxy for 127.0.0.1."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server that gives a good feed until it is told otherwise."""
    with FeedServer() as running:
        yield running


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """A pseudo-terminal: the light's end, and the name of the port."""
    light, held = os.openpty()
    tty.setraw(held)
    yield light, os.ttyname(held)
    os.close(light)
    os.close(held)


def settings_of(*urls: str, lamps: Sequence[dict[str, Any]] = ()) -> Settings:
    """Return settings with a feed at each of *urls*; one lamp on pins, unless there are others."""
    feeds = [{"name": f"ci{number}", "url": url} for number, url in enumerate(urls)]
    return check_settings({"feeds": feeds, "lamps": [*lamps] or [{"driver": "gpio", "pins": PINS}]})


def a_tower(port: str) -> dict[str, Any]:
    """Return the table of a tower on *port*."""
    return {"name": "tower", "driver": "serial", "protocol": "adafruit-tower", "port": port}


def signal_of(finding: Finding) -> str:
    """Return the name of what the first lamp would show."""
    return RANKS[finding.report.lamps[0].signal]


# Feeds.


def test_all_is_well(server: FeedServer) -> None:
    """A feed that passes and pins that open: sound, and green."""
    finding = check(settings_of(server.url()))

    (feed,), (project,), (lamp,) = (
        finding.report.feeds,
        finding.report.projects,
        finding.report.lamps,
    )
    assert finding.sound
    assert finding.troubles == ()
    assert (feed.state, feed.error, feed.projects) == (Freshness.FRESH, None, 1)
    assert (project.name, project.verdict.value) == ("shop", "passing")
    assert (lamp.light, signal_of(finding), lamp.pattern.text) == (Light.OK, "passing", "green")
    assert len(server.requests) == 1


def test_a_broken_project_is_no_fault_of_the_check(server: FeedServer) -> None:
    """Red is a good answer: it was read."""
    server.answer = Answer(BROKEN_FEED)

    finding = check(settings_of(server.url()))

    assert finding.sound
    assert signal_of(finding) == "broken"
    assert "shop is broken" in finding.report.lamps[0].because


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(status=401), "401 Unauthorized"),
        (Answer(status=404), "404 Not Found"),
        (Answer(status=500), "500 Internal Server Error"),
        (Answer(b"<html><body>Please sign in</body></html>"), "login page"),
        (Answer(b""), ""),
        (Answer(FEED[: len(FEED) // 2]), ""),
        (Answer(FEED, headers={"Content-Encoding": "br"}), ""),
        (BREAKS_OFF, ""),
        (RESETS, ""),
        (redirect("ftp://ci.example/cc.xml"), ""),
    ],
    ids=["401", "404", "500", "login", "empty", "half", "br", "cut", "reset", "redirect"],
)
def test_a_feed_that_fails_is_not_sound(server: FeedServer, answer: Answer, sentence: str) -> None:
    """Whatever a server does wrong is told in a sentence, and forbids green."""
    server.answer = answer

    finding = check(settings_of(server.url()))

    (feed,) = finding.report.feeds
    assert not finding.sound
    assert feed.state is Freshness.NEVER
    assert feed.error
    assert sentence in feed.error
    assert signal_of(finding) == "stale"
    assert feed.error in finding.report.lamps[0].because


def test_nobody_at_the_port_is_not_sound() -> None:
    """A server that is down."""
    with FeedServer() as gone:
        url = gone.url()

    finding = check(settings_of(url))

    assert not finding.sound
    assert "connection refused" in (finding.report.feeds[0].error or "")


def test_a_feed_that_hangs_is_given_up(server: FeedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check ends with the deadline, and the feed beside it was read."""
    monkeypatch.setattr("buildlight.feeds.http.client.LONGEST", 0.5)
    server.answers["/hangs"] = HANGS

    finding = check(settings_of(server.url("/hangs"), server.url()))

    assert not finding.sound
    assert [feed.state for feed in finding.report.feeds] == [Freshness.NEVER, Freshness.FRESH]
    assert ": no answer; " in (finding.report.feeds[0].error or "")


def test_one_feed_of_two_is_not_enough(server: FeedServer) -> None:
    """One is read, one refuses: not sound, and never green."""
    server.answers["/secret"] = Answer(status=403)

    finding = check(settings_of(server.url("/secret"), server.url()))

    assert not finding.sound
    assert [feed.error is None for feed in finding.report.feeds] == [False, True]
    assert signal_of(finding) == "stale"


def test_the_same_feed_twice_is_said_once(
    server: FeedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """One request, one fault with both names, and the advice to remove a table."""
    server.answer = Answer(status=404)

    finding = check(settings_of(server.url(), server.url()))
    show_finding(finding)

    said = capsys.readouterr().out
    assert len(server.requests) == 1
    assert said.count("ci0, ci1: 404 Not Found") == 1
    assert said.count("  404 Not Found") == 0
    assert said.count("ci1: is the same feed as ci0; remove one of the two tables") == 1


def test_feeds_are_read_side_by_side() -> None:
    """Each of three servers answers only once all three are asked."""
    asked = threading.Barrier(3, timeout=10)
    servers = [Waiting(asked) for _ in range(3)]
    for each in servers:
        each.start()

    finding = check(settings_of(*(each.url for each in servers)))

    assert finding.sound


class Waiting(threading.Thread):
    """A server that answers one request, after all of *others* were asked."""

    def __init__(self, others: threading.Barrier) -> None:
        super().__init__(daemon=True)
        self._others = others
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/cc.xml"

    def run(self) -> None:
        """Answer."""
        connection, _ = self._listening.accept()
        with self._listening, connection:
            connection.recv(65_536)
            self._others.wait()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(FEED)}\r\nConnection: close\r\n\r\n"
            connection.sendall(head.encode() + FEED)


# Lights.


def test_nothing_is_lit(server: FeedServer, terminal: tuple[int, str]) -> None:
    """A tower is told to be dark, and nothing else."""
    light, port = terminal

    finding = check(settings_of(server.url(), lamps=[a_tower(port)]))

    assert finding.sound
    assert os.read(light, 65_536) == bytes([0x21, 0x22, 0x24, 0x28])
    assert not select.select([light], [], [], 0)[0]


def test_pins_are_released(server: FeedServer) -> None:
    """A check leaves nothing behind that a second one would trip over."""
    settings = settings_of(server.url())

    assert [check(settings).sound for _ in range(2)] == [True, True]


def test_a_light_that_is_absent_is_told(server: FeedServer) -> None:
    """The lamp is waiting for its light, and still says what it would show."""
    finding = check(settings_of(server.url(), lamps=[a_tower("/dev/no-such-port")]))

    assert not finding.sound
    assert finding.troubles == (
        ("tower", "driver 'serial': no port /dev/no-such-port; is the light plugged in?"),
    )
    assert finding.report.lamps[0].light is Light.WAITING
    assert signal_of(finding) == "passing"


def test_a_light_that_is_busy_is_told(server: FeedServer, terminal: tuple[int, str]) -> None:
    """Another program has the port."""
    _, port = terminal
    held = os.open(port, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(held, fcntl.LOCK_EX)

    finding = check(settings_of(server.url(), lamps=[a_tower(port)]))

    os.close(held)
    ((name, trouble),) = finding.troubles
    assert not finding.sound
    assert name == "tower"
    assert trouble.startswith(f"driver 'serial': {port} is held by another program")


def test_who_holds_a_busy_light_is_told(
    server: FeedServer, terminal: tuple[int, str], tmp_path: Path
) -> None:
    """It is another buildlight: its number, and how to stop it."""
    _, port = terminal
    script = tmp_path / "buildlight"
    script.write_text(
        "import fcntl, os, sys\n"
        "held = os.open(sys.argv[2], os.O_RDWR | os.O_NOCTTY)\n"
        "fcntl.flock(held, fcntl.LOCK_EX)\n"
        "print(flush=True)\n"
        "sys.stdin.read()\n",
        encoding="utf-8",
    )
    with subprocess.Popen(
        [sys.executable, script, "run", port], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"\n"

        finding = check(settings_of(server.url(), lamps=[a_tower(port)]))

        holder.kill()
    ((_, trouble),) = finding.troubles
    # Any number: this machine may run another one.
    assert re.search(r"program: .* has it \(pid \d+\); stop it with `", trouble)


class Stubborn:
    """A light whose opening is *done* when a test says so."""

    Options: ClassVar[type[DriverOptions]] = DriverOptions
    refresh: ClassVar[float | None] = None
    done: ClassVar[threading.Event]

    def __init__(self, _options: DriverOptions) -> None:
        self.done.wait(30)

    def show(self, frame: Frame) -> None:
        """Never called."""
        raise AssertionError(frame)

    def close(self) -> None:
        """Nothing is held."""


class Faulty(Stubborn):
    """A light whose driver has a mistake in it."""

    def __init__(self, _options: DriverOptions) -> None:
        raise ZeroDivisionError("oh")


def with_light(settings: Settings, light: type[Stubborn]) -> Settings:
    """Return *settings* with *light* in the place of the first lamp's."""
    first, *rest = settings.lamps
    lamp = LampSettings(
        name=first.name,
        driver="odd",
        light=light,
        options=DriverOptions(),
        feeds=first.feeds,
        selection=first.selection,
        patterns=first.patterns,
    )
    return Settings(feeds=settings.feeds, lamps=(lamp, *rest))


def test_a_light_that_blocks_does_not_hold_the_check(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is given up, and everything else is told."""
    monkeypatch.setattr(checking, "OPENING", 0.2)
    monkeypatch.setattr(Stubborn, "done", threading.Event(), raising=False)

    finding = check(with_light(settings_of(server.url()), Stubborn))

    Stubborn.done.set()
    assert not finding.sound
    assert finding.troubles == (("lamp", "driver 'odd': does not open within 0 seconds"),)
    assert finding.report.feeds[0].state is Freshness.FRESH


def test_a_driver_with_a_mistake_is_told(server: FeedServer) -> None:
    """A driver may be anybody's; its mistake is a sentence."""
    finding = check(with_light(settings_of(server.url()), Faulty))

    assert finding.troubles == (("lamp", "driver 'odd': failed: ZeroDivisionError: oh"),)


def test_lights_and_feeds_are_tried_side_by_side(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A light that opens only once the feed was asked does not wait for itself."""
    monkeypatch.setattr(Stubborn, "done", threading.Event(), raising=False)

    def open_when_asked() -> None:
        deadline = time.monotonic() + 10
        while not server.requests and time.monotonic() < deadline:
            time.sleep(0.005)
        Stubborn.done.set()

    asking = threading.Thread(target=open_when_asked, daemon=True)
    asking.start()

    finding = check(with_light(settings_of(server.url()), Stubborn))

    asking.join(timeout=10)
    assert finding.sound


def test_each_step_is_told_when_it_is_done(server: FeedServer) -> None:
    """A progress bar has as many steps as there are feeds and lamps."""
    steps: list[str] = []
    lamps = [{"driver": "gpio", "pins": PINS}, a_tower("/dev/no-such-port")]

    check(settings_of(server.url(), server.url("/other"), lamps=lamps), on_step=steps.append)

    assert sorted(steps) == ["ci0", "ci1", "lamp 1", "tower"]


def test_patterns_that_match_nothing_are_told(
    server: FeedServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip in a pattern is seen at the first check, of a feed and of a lamp; names are not."""
    feed = {"name": "ci", "url": server.url(), "include": ["shop", "shp-*"]}
    lamp = {"name": "shelf", "driver": "gpio", "pins": PINS, "include": ["re:^till", "shop*"]}

    finding = check(check_settings({"feeds": [feed], "lamps": [lamp]}))
    show_finding(finding)

    assert not finding.sound
    assert finding.warnings == (
        ("ci", "no project matches 'shp-*' in include"),
        ("shelf", "no project matches 're:^till' in include"),
    )
    assert "  shelf: no project matches 're:^till' in include\n" in capsys.readouterr().out


def test_a_feed_that_fails_says_nothing_about_patterns() -> None:
    """Nobody knows what would match."""
    with FeedServer() as gone:
        url = gone.url()
    feed = {"name": "ci", "url": url, "include": ["shp-*"]}
    lamp = {"driver": "gpio", "pins": PINS, "include": ["shp-*"]}

    assert check(check_settings({"feeds": [feed], "lamps": [lamp]})).warnings == ()
