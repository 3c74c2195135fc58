"""The check for other people's drivers: ours pass it, bad ones fail with a sentence.

The ten lines of the manual are installed as a package and driven by the real daemon.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

import pytest

from buildlight.drivers import Driver, DriverOptions, Known
from buildlight.drivers.conformance import check_driver
from buildlight.drivers.console import ConsoleLight
from buildlight.drivers.gpio.light import GpioLight
from buildlight.drivers.serial.light import SerialLight
from buildlight.drivers.sysfs import SysfsLight
from buildlight.drivers.wled import WledLight
from buildlight.errors import LightUnavailable
from buildlight.patterns.pattern import Channel, Frame, Pattern
from support.fake_wled import Wled
from support.lights import Kernel
from support.running import Tower
from support.servers import FeedServer

MANUAL = Path(__file__).parents[2] / "docs" / "write-a-driver.md"
BUILDLIGHT = Path(sys.executable).with_name("buildlight")
PATIENCE = 20.0


# The drivers that come along.


def test_the_console_conforms() -> None:
    """A lamp on standard output."""
    check_driver(ConsoleLight, patterns=["red, buzzer 2s"])


def test_gpio_conforms(monkeypatch: pytest.MonkeyPatch) -> None:
    """On mock pins; there is no pin 0 more than once."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")

    check_driver(GpioLight, {"pins": {"red": 17, "amber": 27, "green": 22}})


def test_serial_conforms(tmp_path: Path) -> None:
    """On a pseudo-terminal that is unplugged in the end."""
    tower = Tower()

    check_driver(
        SerialLight,
        {"protocol": "adafruit-tower", "port": tower.port},
        missing={"protocol": "adafruit-tower", "port": str(tmp_path / "nothing")},
        unplug=tower.close,
    )


@pytest.mark.parametrize("most", [1, 255])
def test_sysfs_conforms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """In a folder that behaves as the kernel's, with LEDs that dim and such that do not."""
    kernel = Kernel(tmp_path, monkeypatch)
    kernel.add("build-red", "build-green", most=most)

    check_driver(
        SysfsLight,
        {"leds": {"red": "build-red", "green": "build-green"}},
        missing={"leds": {"red": "build-rde"}},
        unplug=lambda: shutil.rmtree(tmp_path / "build-red"),
        patterns=["red blink"],
    )


def test_wled_conforms() -> None:
    """On a real HTTP server."""
    with Wled() as light:
        check_driver(
            WledLight,
            {"host": light.host},
            missing={"host": light.host, "segment": 5},
            deafen=light.deafen,
            unplug=light.close,
        )


# Drivers that are wrong.


class Good:
    """A light that is right in every way; what is wrong is put on top of it."""

    Options: ClassVar[Any] = DriverOptions
    refresh: ClassVar[Any] = None
    gone: ClassVar[bool] = False

    def __init__(self, options: DriverOptions) -> None:
        self.options = options

    def show(self, frame: Frame) -> None:  # noqa: ARG002 - the contract's
        """Show nothing."""
        if type(self).gone:
            raise LightUnavailable("it is gone")

    def close(self) -> None:
        """Close nothing."""


def unplug(light: type[Good]) -> Callable[[], None]:
    """Return what takes a light away."""

    def gone() -> None:
        light.gone = True

    return gone


def test_a_light_of_ten_lines_conforms() -> None:
    """Nothing is asked of an author that the contract does not say."""

    class Light(Good):
        pass

    check_driver(Light, unplug=unplug(Light))


class Greedy(DriverOptions):
    """Takes any key."""

    model_config: ClassVar[Any] = {"extra": "allow"}


class Blind(DriverOptions):
    """Has no channel."""

    @property
    def channels(self) -> frozenset[Channel]:
        """Nothing."""
        return frozenset()


def raises(error: BaseException) -> Callable[..., None]:
    """Return a method that raises *error*."""

    def method(*_: object) -> None:
        raise error

    return method


def refuses_dimmed(_: object, frame: Frame) -> None:
    """Refuse what is neither on nor off."""
    if any(level < 1 for _, level in frame.levels):
        raise ValueError("half a light")


def hangs(*_: object) -> None:
    """Come back late."""
    time.sleep(2.0)


def closes_once(self: Any) -> None:
    """Fail for the second time."""
    if self.options is None:
        raise ValueError("closed")
    self.options = None


def starts_a_thread(self: Any, options: object) -> None:
    """Leave a thread behind, for a while."""
    self.options = options
    threading.Thread(target=LET_GO.wait, name="flicker", daemon=True).start()


def opens_a_file(self: Any, options: object) -> None:
    """Leave a file open."""
    self.options = options
    LEFT_OPEN.append(os.open(os.devnull, os.O_RDONLY))


LET_GO = threading.Event()
LEFT_OPEN: list[int] = []


@pytest.fixture
def tidy() -> Iterator[None]:
    """Take away what a bad driver leaves."""
    yield
    LET_GO.set()
    while LEFT_OPEN:
        os.close(LEFT_OPEN.pop())


def maybe(*_: object) -> object:
    """Be unsure."""
    return None


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"Options": dict}, r"Light\.Options does not derive from DriverOptions"),
        ({"Options": None}, r"Light\.Options does not derive from DriverOptions"),
        ({"Options": Greedy}, r'Light\.Options takes an unknown key; keep extra="forbid"'),
        ({"Options": Blind}, r"Light\.Options\.channels is not a set of channels, or it is"),
        ({"refresh": 0}, r"Light\.refresh is neither None nor seconds above 0"),
        ({"refresh": -1.0}, r"Light\.refresh is neither None nor seconds above 0"),
        ({"refresh": "10"}, r"Light\.refresh is neither None nor seconds above 0"),
        ({"refresh": True}, r"Light\.refresh is neither None nor seconds above 0"),
        ({"__init__": raises(OSError("no"))}, "Light: opening raised OSError: no"),
        (
            {"__init__": raises(LightUnavailable("no lamp"))},
            "Light: opening says that there is no light: no lamp",
        ),
        ({"show": refuses_dimmed}, "Light: show of .* 1% raised ValueError: half a light"),
        ({"show": raises(AssertionError("no"))}, "Light: show of .* raised AssertionError: no"),
        ({"show": hangs}, r"Light: show of .* did not come back within 1"),
        ({"close": raises(OSError("no"))}, "Light: close raised OSError: no"),
        ({"close": closes_once}, "Light: close for the second time raised ValueError: closed"),
        ({"play": maybe}, "Light has one of play and plays; a PatternDriver has both"),
        (
            {"play": maybe, "plays": maybe},
            r"Light\.plays returns None, which is neither true nor false",
        ),
        ({"wiring": {Channel.BLUE: "pin 1"}}, r"Light\.wiring names channels that Options\.chann"),
        ({"wiring": {Channel.RED: 1}}, r"Light\.wiring names a place that is not a string"),
        ({"__init__": starts_a_thread}, "Light leaves threads behind after close: flicker, fl"),
        ({"__init__": opens_a_file}, "Light leaves 6 files open after close, of 6 openings"),
    ],
)
@pytest.mark.usefixtures("tidy")
def test_each_mistake_of_a_driver_is_told_in_a_sentence(
    wrong: dict[str, object], sentence: str
) -> None:
    """What an author reads when the test fails."""
    light = type("Light", (Good,), wrong)
    LET_GO.clear()

    with pytest.raises(AssertionError, match=sentence):
        check_driver(light, patience=1.0)


def test_options_that_the_driver_refuses_are_told() -> None:
    """A check with a slip in its own options."""
    with pytest.raises(AssertionError, match="refuses the options of this check"):
        check_driver(Good, {"pot": 1})


def test_a_missing_light_must_be_told_in_a_sentence() -> None:
    """An error of the library does not say what to do; nor does an empty sentence."""

    class Keyed(DriverOptions):
        there: bool = True

    def opens(error: BaseException | None) -> type[Driver]:
        class Light(Good):
            Options: ClassVar[Any] = Keyed

            def __init__(self, options: Keyed) -> None:
                if not options.there and error:
                    raise error

        return Light

    missing = {"there": False}
    check_driver(opens(LightUnavailable("plug it in")), missing=missing)
    for error, sentence in (
        (OSError("ENOENT"), "raised OSError, where LightUnavailable is expected: ENOENT"),
        (LightUnavailable(""), "raised LightUnavailable without a sentence"),
        (None, "opens a light that is missing"),
    ):
        with pytest.raises(AssertionError, match=sentence):
            check_driver(opens(error), missing=missing)


def test_a_light_that_is_gone_must_be_told() -> None:
    """A driver that shows frames on nothing would let a green stand."""
    with pytest.raises(AssertionError, match="shows frames on a light that is gone"):
        check_driver(Good, unplug=lambda: None, patience=0.1)


def test_a_light_that_says_confirmed_must_have_read_back() -> None:
    """One that takes everything and shows nothing is no confirmed light."""

    class Liar(Good):
        known = Known.CONFIRMED

    class Honest(Good):
        known = Known.TOLD

    class Vague(Good):
        known = "perhaps"

    with pytest.raises(AssertionError, match="says confirmed of a light that does not show"):
        check_driver(Liar, deafen=lambda: None, patience=0.1)
    with pytest.raises(AssertionError, match="known is 'perhaps'; it is Known"):
        check_driver(Vague)
    check_driver(Honest, deafen=lambda: None, patience=0.1)
    check_driver(Good, deafen=lambda: None, patience=0.1)


def test_native_rhythms_are_played() -> None:
    """A PatternDriver is asked for every default pattern, and plays those it says it does."""
    asked: list[str] = []
    played: list[str] = []

    class Light(Good):
        def plays(self, pattern: Pattern) -> bool:
            asked.append(pattern.text)
            return "blink" in pattern.text

        def play(self, pattern: Pattern) -> None:
            played.append(pattern.text)

    check_driver(Light, patterns=["red wink"])

    assert {"red", "green pulse", "amber double-blink", "red wink"} <= {*asked}
    assert {*played} == {text for text in asked if "blink" in text}


# Ten lines, as the manual shows them.


def blocks() -> tuple[str, str]:
    """Return the plugin and its pyproject.toml, word by word as they stand in the manual."""
    section = MANUAL.read_text(encoding="utf-8")
    plugin = re.search(r"```python\n(.*?)```", section, re.DOTALL)
    project = re.search(r"```toml\n(.*?)```", section, re.DOTALL)
    assert plugin
    assert project
    return plugin[1], project[1]


def install(folder: Path) -> Path:
    """Build the manual's plugin and install it into a folder of its own, without any network."""
    plugin, project = blocks()
    source, site = folder / "source", folder / "site"
    source.mkdir()
    (source / "buildlight_mylight.py").write_text(plugin, encoding="utf-8")
    (source / "pyproject.toml").write_text(project, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    options = ["--no-build-isolation", "--disable-pip-version-check", "--target", str(site)]
    subprocess.run([*pip, *options, str(source)], check=True, timeout=50)
    return site


def test_the_manuals_plugin_has_ten_lines() -> None:
    """As it promises."""
    plugin, _ = blocks()

    assert len([line for line in plugin.splitlines() if line.strip()]) == 10


def test_the_manuals_plugin_conforms() -> None:
    """Whoever copies it starts from something that is right."""
    plugin, _ = blocks()
    names: dict[str, Any] = {}
    exec(compile(plugin, MANUAL.name, "exec"), names)

    check_driver(names["MyLight"])


@pytest.mark.skipif(not find_spec("pip"), reason="this environment was made without pip")
def test_the_manuals_plugin_is_found_by_name_and_driven_by_the_daemon(tmp_path: Path) -> None:
    """Pip install is enough: no line of buildlight knows of it."""
    site = install(tmp_path)
    log = tmp_path / "log"
    file = tmp_path / "buildlight.toml"
    environment = {**os.environ, "PYTHONPATH": str(site), "XDG_STATE_HOME": str(tmp_path)}
    listed = subprocess.run(
        [BUILDLIGHT, "devices"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=50,
    )
    with FeedServer() as server, log.open("w") as output:
        file.write_text(
            f'interval = 0.2\n[[feeds]]\nurl = "{server.url()}"\n[[lamps]]\ndriver = "mylight"\n'
        )
        daemon = subprocess.Popen(
            [BUILDLIGHT, "run", "--config", file],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment,
        )
        try:
            end = time.monotonic() + PATIENCE
            while "my light: green" not in log.read_text():
                assert time.monotonic() < end, log.read_text()
                time.sleep(0.01)
            daemon.send_signal(signal.SIGTERM)
            status = daemon.wait(PATIENCE)
        finally:
            daemon.kill()
            daemon.wait()

    assert status == 0
    assert log.read_text().endswith("my light: off\n")
    assert re.search(r"^  mylight +buildlight.mylight 1\.0$", listed.stdout, re.MULTILINE)
