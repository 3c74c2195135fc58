"""Finding drivers: the built-in ones and anybody's come through the same door."""

import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError

from buildlight import __version__
from buildlight.drivers import DriverOptions, PatternDriver, installed, load_driver
from buildlight.drivers.conformance import check_driver
from buildlight.drivers.console import ConsoleLight
from buildlight.drivers.gpio.light import GpioLight
from buildlight.drivers.serial.light import SerialLight
from buildlight.errors import ConfigError, DriverNotFound
from buildlight.patterns.pattern import Channel


def install(site: Path, name: str, target: str, *, giver: str = "") -> None:
    """Install a distribution in *site* with a driver called *name* that leads to *target*."""
    giver = giver or f"lamp-{name}"
    folder = site / f"{giver.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {giver}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(f"[buildlight.drivers]\n{name} = {target}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder from which Python imports, and in which distributions can be installed."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "driver"), [("console", ConsoleLight), ("gpio", GpioLight), ("serial", SerialLight)]
)
def test_built_in_drivers_are_found_by_name(name: str, driver: type) -> None:
    """A lamp with driver = "gpio" is a light on GPIO pins, and so on."""
    assert load_driver(name) is driver
    assert name in installed()


@pytest.mark.parametrize("driver", [ConsoleLight, GpioLight, SerialLight])
def test_built_in_drivers_have_options_that_refuse_unknown_keys(driver: type) -> None:
    """A slip in a key's name is a mistake in every driver's table, told without its value."""
    options: type[DriverOptions] = driver.Options  # type: ignore[attr-defined]

    with pytest.raises(ValidationError) as caught:
        options.model_validate({"clor": "s3cret"})

    assert ("clor",) in [each["loc"] for each in caught.value.errors(include_input=False)]
    assert "s3cret" not in str(caught.value)


def test_an_unknown_driver_is_told_with_the_installed_ones() -> None:
    """A slip in a driver's name is answered with the names there are."""
    with pytest.raises(DriverNotFound) as caught:
        load_driver("gpoi")

    assert caught.value.name == "gpoi"
    assert caught.value.installed == installed()
    assert {"console", "gpio", "serial"} <= {*caught.value.installed}
    assert ", ".join(installed()) in str(caught.value)
    assert isinstance(caught.value, ConfigError)


def test_anybodys_driver_is_found(site: Path) -> None:
    """A driver in a package of its own needs no change here."""
    install(site, "candle", "candle_light:Candle")
    (site / "candle_light.py").write_text(
        "from buildlight.drivers import DriverOptions\nclass Candle: Options = DriverOptions\n"
    )

    driver = load_driver("candle")

    assert driver.__name__ == "Candle"
    assert "candle" in installed()


@pytest.mark.parametrize(
    ("name", "code", "reason"),
    [
        ("absent", None, "No module named 'absent_light'"),
        ("needy", "import library_that_is_missing\n", "library_that_is_missing"),
        ("empty", "", "has no attribute 'Light'"),
        ("hasty", "def Light(:\n", "invalid syntax"),
        ("clumsy", "1 / 0\n", "division by zero"),
        ("mute", "raise RuntimeError\n", "RuntimeError"),
    ],
)
def test_a_driver_that_does_not_import_is_a_mistake(
    site: Path, name: str, code: str | None, reason: str
) -> None:
    """A driver without its library is told with the library's name, not with a traceback."""
    install(site, name, f"{name}_light:Light")
    if code is not None:
        (site / f"{name}_light.py").write_text(code)

    with pytest.raises(ConfigError) as caught:
        load_driver(name)

    assert str(caught.value).startswith(f"driver {name!r} is installed but does not import: ")
    assert reason in str(caught.value)
    assert not isinstance(caught.value, DriverNotFound)


@pytest.mark.parametrize(
    "code", ["class Light: ...\n", "Light = 7\n", "class Light: Options = {}\n"]
)
def test_what_is_no_driver_is_a_mistake(site: Path, code: str) -> None:
    """Its author reads where to find out more, and its user no traceback."""
    install(site, "odd", "odd_light:Light")
    (site / "odd_light.py").write_text(code)
    sys.modules.pop("odd_light", None)

    with pytest.raises(ConfigError, match=r"its Options do not derive .*drivers.conformance"):
        load_driver("odd")


def test_a_built_in_driver_is_never_replaced(site: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Somebody's package has a driver called gpio: it is told of, and not used."""
    install(site, "gpio", "other_light:Light", giver="aaa-lamps")

    driver = load_driver("gpio")

    assert driver is GpioLight
    (record,) = caplog.records
    assert "aaa-lamps 1.0" in record.message
    assert f"buildlight {__version__}" in record.message
    assert record.message.endswith("; the built-in one is used")


def test_a_driver_of_two_packages_is_not_guessed(site: Path) -> None:
    """Which of them is meant, nobody knows."""
    install(site, "candle", "one_light:Light", giver="lamp-one")
    install(site, "candle", "two_light:Light", giver="lamp-two")

    with pytest.raises(ConfigError) as caught:
        load_driver("candle")

    sentence = str(caught.value)
    assert sentence.startswith("driver 'candle' is offered by lamp-")
    assert "lamp-one 1.0" in sentence
    assert "lamp-two 1.0" in sentence
    assert sentence.endswith("; uninstall all but one")


def test_a_driver_that_does_not_import_hurts_nobody_else(site: Path) -> None:
    """The other drivers work beside one that is broken."""
    install(site, "broken", "broken_light:Light")

    assert load_driver("gpio") is GpioLight
    assert "broken" in installed()


def test_no_library_is_imported_before_its_driver_is() -> None:
    """A lamp on a serial port does not load gpiozero, nor the other way round."""
    program = (
        "import sys\n"
        "from buildlight.drivers import installed, load_driver\n"
        "installed()\n"
        "libraries = {'gpiozero', 'serial', 'rich'}\n"
        "print(sorted(libraries & {*sys.modules}))\n"
        "load_driver('serial')\n"
        "print(sorted(libraries & {*sys.modules}))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True
    )

    assert done.stdout == "[]\n['serial']\n"


def test_options_of_a_driver_start_from_red_amber_and_green() -> None:
    """A driver that says nothing has three lamps that are on or off and claims nothing."""
    options = DriverOptions()

    assert options.channels == {Channel.RED, Channel.AMBER, Channel.GREEN}
    assert not options.dims
    assert options.claims == frozenset()
    assert not options.wait_for_light


def test_lights_with_a_rhythm_of_their_own_are_told_apart() -> None:
    """The console and some serial lights keep time themselves; pins are shown frame by frame."""
    lights: tuple[type, ...] = (ConsoleLight, GpioLight, SerialLight)

    assert [each for each in lights if issubclass(each, PatternDriver)] == [
        ConsoleLight,
        SerialLight,
    ]


OLD_PLUGIN = """
from buildlight.drivers import DriverOptions, Driver, PatternDriver
from buildlight.drivers.colour import BLACK, MixingOptions, inks, mixed
from buildlight.errors import LightUnavailable
from buildlight.pattern import DARK, OFF, Channel, Frame, Pattern, frame_at, parse_pattern


class OldOptions(MixingOptions):
    there: bool = True


class OldLight:
    Options = OldOptions
    refresh = 2.0

    def __init__(self, options):
        if not options.there:
            raise LightUnavailable("the old light is missing; is it plugged in?")
        self.colour = BLACK

    def show(self, frame):
        self.colour = mixed(frame, inks(amber=(255, 80, 0)))

    def plays(self, pattern):
        return pattern == OFF

    def play(self, pattern):
        self.show(frame_at(pattern, 0.0))

    def close(self):
        self.show(DARK)
"""


def test_a_driver_of_the_version_before_still_runs(site: Path) -> None:
    """Old import paths work for one version, and a warning names the new one."""
    (site / "buildlight_old.py").write_text(OLD_PLUGIN)
    install(site, "old", "buildlight_old:OldLight")

    with pytest.warns(DeprecationWarning, match="buildlight.drivers"):
        driver = load_driver("old")

    check_driver(driver, missing={"there": False})
