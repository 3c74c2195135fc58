"""Every lamp made dark, whatever left it lit: a daemon that was killed, for instance."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from buildlight.cli import main, off
from buildlight.config.settings import check_settings
from buildlight.drivers import Driver
from buildlight.errors import LightUnavailable
from buildlight.lamps.settings import LampSettings
from buildlight.patterns.pattern import DARK as DARK_FRAME
from buildlight.patterns.pattern import Frame
from buildlight.system.running_daemon import find_running_daemon
from drivers.gpio.test_light import lgpio, without_lgpio  # noqa: F401 - they are fixtures
from support.fake_lgpio import FakeLgpio
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
from support.servers import BROKEN_FEED, FEED, Answer, FeedServer

FEEDS = [{"name": "web", "url": "http://127.0.0.1:9/cc.xml"}]
PINS = {"red": 17, "amber": 27, "green": 22}


def lamps(*tables: dict[str, Any]) -> tuple[LampSettings, ...]:
    """Return the lamps of a configuration."""
    return check_settings({"feeds": FEEDS, "lamps": [*tables]}).lamps


def a_tower(port: str, **keys: Any) -> dict[str, Any]:
    """Return the table of a tower."""
    return {"driver": "serial", "protocol": "adafruit-tower", "port": port, **keys}


def goes_dark(tower: Tower) -> None:
    """Wait until the dark that was sent has arrived at *tower*."""
    end = time.monotonic() + PATIENCE
    while not tower.told.endswith(DARK):
        assert time.monotonic() < end, tower.told
        time.sleep(0.005)


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No daemon runs on this machine."""
    monkeypatch.setattr(
        "buildlight.cli.terminal.find_running_daemon", partial(find_running_daemon, tmp_path)
    )


def test_a_lamp_is_dark_after_its_daemon_was_killed(
    run: Callable[..., Daemon], tower: Tower, tmp_path: Path
) -> None:
    """Kill -9 leaves it red; one command, as systemd runs it afterwards, makes it dark."""
    with FeedServer(Answer(BROKEN_FEED)) as server:
        daemon = run(configuration(server.url(), port=tower.port))
        until(lambda: tower.told.endswith(RED), daemon)
        daemon.process.kill()
        daemon.process.wait()
    assert tower.told.endswith(RED)

    done = subprocess.run(
        [BUILDLIGHT, "off", "--config", tmp_path / "buildlight.toml"],
        capture_output=True,
        timeout=20.0,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    until(lambda: tower.told.endswith(DARK), daemon)


@pytest.mark.parametrize("since", ["[[lamps]\n", '[[lamps]]\ndriver = "console"\n'])
def test_what_the_service_had_lit_is_dark_whatever_became_of_its_configuration(
    run: Callable[..., Daemon], tower: Tower, tmp_path: Path, since: str
) -> None:
    """Somebody makes a mistake in the file, or takes the lamp out; then the daemon is killed."""
    given = {"RUNTIME_DIRECTORY": str(tmp_path / "run")}
    with FeedServer(Answer(FEED)) as server:
        daemon = run(configuration(server.url(), port=tower.port), **given)
        until(lambda: tower.told.endswith(GREEN), daemon)
        (tmp_path / "buildlight.toml").write_text(since)
        daemon.process.kill()
        daemon.process.wait()

    done = subprocess.run(
        [BUILDLIGHT, "off", "--config", tmp_path / "buildlight.toml"],
        env={**os.environ, **given},
        capture_output=True,
        timeout=20.0,
        check=False,
    )

    until(lambda: tower.told.endswith(DARK), daemon)
    assert done.returncode == (78 if since.endswith("]\n") else 0)


def test_what_a_reload_brought_is_what_is_dark(
    run: Callable[..., Daemon], tower: Tower, tmp_path: Path
) -> None:
    """The lamp came with the second configuration, and a third was never read."""
    given = {"RUNTIME_DIRECTORY": str(tmp_path / "run")}
    file = tmp_path / "buildlight.toml"
    with FeedServer(Answer(FEED)) as server:
        feed = f'[[feeds]]\nurl = "{server.url()}"\n'
        daemon = run(f'{feed}[[lamps]]\ndriver = "console"\n', **given)
        until(lambda: "passing" in daemon.said(), daemon)
        file.write_text(configuration(server.url(), port=tower.port))
        daemon.process.send_signal(signal.SIGHUP)
        until(lambda: tower.told.endswith(GREEN), daemon)
        file.write_text("")
        daemon.process.kill()
        daemon.process.wait()

    subprocess.run(
        [BUILDLIGHT, "off", "--config", file],
        env={**os.environ, **given},
        capture_output=True,
        timeout=20.0,
        check=False,
    )

    until(lambda: tower.told.endswith(DARK), daemon)


def test_pins_are_dark_after_their_daemon_was_killed(lgpio: FakeLgpio) -> None:  # noqa: F811
    """The kernel lets go of the lines and leaves their levels: each is driven low."""
    lgpio._outputs = {17: 1, 27: 0, 22: 1}

    assert off.darken(lamps({"driver": "gpio", "pins": PINS})) == ()

    assert {pin: levels[-1] for pin, levels in lgpio.levels.items()} == {17: 0, 27: 0, 22: 0}
    assert not any(1 in levels for levels in lgpio.levels.values())
    assert lgpio.calls[-1] == ("close", 1)


def test_relays_that_close_on_a_low_level_are_opened(lgpio: FakeLgpio) -> None:  # noqa: F811
    """Dark is a high level there."""
    lgpio._outputs = {17: 0}

    assert off.darken(lamps({"driver": "gpio", "pins": {"red": 17}, "active_high": False})) == ()

    assert {*lgpio.levels[17]} == {1}


@pytest.mark.usefixtures("alone")
def test_a_pin_that_is_held_is_told(lgpio: FakeLgpio) -> None:  # noqa: F811
    """Another program has it: nothing is lit or dark for that."""
    lgpio.busy = {27}

    assert off.darken(lamps({"driver": "gpio", "pins": PINS})) == (
        ("lamp", "driver 'gpio': GPIO27 is held by another program"),
    )


@pytest.mark.usefixtures("alone")
def test_a_light_that_is_not_there_is_told_and_the_others_are_dark(
    tower: Tower, tmp_path: Path
) -> None:
    """Whoever unplugged it knows; the other one is not left lit for that."""
    two = lamps(a_tower(str(tmp_path / "none"), name="gone"), a_tower(tower.port, name="there"))

    assert off.darken(two) == (
        ("gone", f"driver 'serial': no port {tmp_path / 'none'}; is the light plugged in?"),
    )
    goes_dark(tower)


def test_a_light_that_a_daemon_has_names_it(
    run: Callable[..., Daemon],
    tower: Tower,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It runs, and would light it again: the sentence says who it is and how to stop it."""
    with FeedServer() as server:
        daemon = run(configuration(server.url(), port=tower.port))
        until(lambda: tower.told.endswith(GREEN), daemon)
        proc = tmp_path / "proc"
        proc.mkdir()
        (proc / str(daemon.process.pid)).symlink_to(f"/proc/{daemon.process.pid}")
        monkeypatch.setattr(
            "buildlight.cli.terminal.find_running_daemon", partial(find_running_daemon, proc)
        )

        status = main(["off", "--config", str(tmp_path / "buildlight.toml")])

        assert tower.told.endswith(GREEN)
        assert daemon.stop() == 0

    pid = daemon.process.pid
    assert status == 1
    assert capsys.readouterr().err == (
        f"buildlight: lamp: driver 'serial': {tower.port} is held by another program: another "
        f"`buildlight run` has it (pid {pid}); stop it with `kill {pid}`\n"
    )


class Hanging:
    """A light that hangs while it is being opened, shown something, or closed."""

    refresh = None

    def __init__(self, where: str) -> None:
        self.where = where
        self.free = threading.Event()
        self.shown: list[Frame] = []

    def opened(self, _options: Any) -> Driver:
        """Open it."""
        self._hang("open")
        return self  # type: ignore[return-value]

    def show(self, frame: Frame) -> None:
        """Write *frame* down."""
        self._hang("show")
        self.shown.append(frame)

    def close(self) -> None:
        """Let go."""
        self._hang("close")

    def _hang(self, where: str) -> None:
        if where == self.where:
            self.free.wait(30.0)


@pytest.mark.parametrize("where", ["open", "show", "close"])
def test_a_light_that_hangs_holds_up_neither_the_others_nor_the_end(
    where: str, tower: Tower, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may still be lit, and that is said; unless it was dark before it hung."""
    monkeypatch.setattr(off, "OPENING", 0.3)
    monkeypatch.setattr(off, "DARKENING", 0.3)
    light = Hanging(where)
    hanging, other = lamps(
        {"name": "hangs", "driver": "gpio", "pins": PINS}, a_tower(tower.port, name="fine")
    )
    hanging = replace(hanging, light=light.opened)

    troubles = off.darken([hanging, other])

    light.free.set()
    goes_dark(tower)
    if where == "close":
        assert troubles == ()
        assert light.shown == [DARK_FRAME]
    else:
        assert troubles == (("hangs", "driver 'gpio': does not open within 0 seconds"),)


def test_every_thread_of_it_ends(tower: Tower) -> None:
    """Nothing goes on that could light the lamp again."""
    before = {each for each in threading.enumerate() if each.name.startswith("lamp ")}

    off.darken(lamps(a_tower(tower.port)))

    assert {each for each in threading.enumerate() if each.name.startswith("lamp ")} <= before


def test_a_driver_that_fails_in_a_way_of_its_own_is_told() -> None:
    """Anybody's driver may fail in any way."""

    def broken(_options: Any) -> Driver:
        raise ZeroDivisionError

    (lamp,) = lamps({"driver": "gpio", "pins": PINS})

    assert off.darken([replace(lamp, light=broken)]) == (
        ("lamp", "driver 'gpio': its driver failed (ZeroDivisionError)"),
    )


def test_a_light_that_goes_away_meanwhile_is_told() -> None:
    """It opened, and was pulled out before it could be told to be dark."""

    class Gone(Hanging):
        def show(self, _frame: Frame) -> None:
            raise LightUnavailable("it is gone")

    (lamp,) = lamps({"driver": "gpio", "pins": PINS})

    assert off.darken([replace(lamp, light=Gone("nowhere").opened)]) == (
        ("lamp", "driver 'gpio': it is gone"),
    )


def test_no_feed_is_asked_and_no_httpx_imported(tmp_path: Path, tower: Tower) -> None:
    """It has to be quick, and works without a network."""
    file = tmp_path / "buildlight.toml"
    with FeedServer() as server:
        file.write_text(configuration(server.url(), port=tower.port))
        script = (
            "import sys; from buildlight.cli import main; "
            f"status = main(['off', '--config', {str(file)!r}]); "
            "sys.exit(status or 10 * ('httpx' in sys.modules))"
        )

        done = subprocess.run([sys.executable, "-c", script], env={**os.environ}, check=False)

    assert done.returncode == 0
    assert server.requests == []
