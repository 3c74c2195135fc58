"""LEDs on GPIO pins: what the pins do, what is refused, and in which words.

Most tests run on gpiozero's mock pins. What those cannot show (lines that are busy, chips that
do not open or go away) runs on gpiozero's real lgpio pins over a small lgpio of our own.
"""

import errno
import gc
import os
import subprocess
import sys
import threading
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gpiozero.exc import PinUnknownPi
from gpiozero.pins.local import LocalPiFactory
from gpiozero.pins.pi import PiBoardInfo
from pydantic import ValidationError

from buildlight.drivers.gpio import chip_errors
from buildlight.drivers.gpio.light import GpioLight, GpioOptions
from buildlight.errors import BuildlightError, LightBusy, LightUnavailable
from buildlight.lamps.lamp import Lamp
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import DARK, Channel, Frame
from buildlight.report.shown import Light
from support.fake_lgpio import FakeLgpio, LgpioError

RED = Frame.of({Channel.RED: 1})
AMBER = Frame.of({Channel.AMBER: 1})
GREEN = Frame.of({Channel.GREEN: 1})
PINS = {"red": 17, "amber": 27, "green": 22}
PI_4B, PI_5B = 0xC03114, 0xC04170
STEADY = "buildlight.drivers.gpio.glitch_free"


def a_light(**pins: object) -> GpioLight:
    """Open a light on *pins*; red, amber and green unless the test says otherwise."""
    return GpioLight(GpioOptions.model_validate({"pins": pins or PINS}))


@contextmanager
def a_light_of(**keys: object) -> Iterator[GpioLight]:
    """Open the light that the configuration's *keys* describe, and close it."""
    light = GpioLight(GpioOptions.model_validate(keys))
    try:
        yield light
    finally:
        light.close()


def mistake_in(**keys: object) -> tuple[str, str]:
    """Return where the one mistake in *keys* is, and the sentence about it."""
    with pytest.raises(ValidationError) as caught:
        GpioOptions.model_validate(keys)
    (mistake,) = caught.value.errors(include_input=False, include_url=False)
    return str(mistake["loc"][-1]), mistake["msg"].removeprefix("Value error, ")


@contextmanager
def opened(**pins: object) -> Iterator[GpioLight]:
    """Open a light, and close it whatever the test does."""
    light = a_light(**pins)
    try:
        yield light
    finally:
        light.close()


def refusal(**pins: object) -> BuildlightError:
    """Return the error that opening a light ends in."""
    with pytest.raises(LightUnavailable) as caught:
        a_light(**pins)
    return caught.value


@pytest.fixture
def mock_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pins are gpiozero's mock pins."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")


# What the pins do.


@pytest.mark.usefixtures("mock_pins")
def test_pins_follow_the_frames() -> None:
    """Each LED is lit while its channel is, and nothing flickers in between."""
    with opened() as light:
        pins = {channel: led.pin for channel, led in light.leds.items()}

        for frame in (RED, RED, AMBER, GREEN, DARK):
            light.show(frame)

        states = {channel: [each.state for each in pin.states] for channel, pin in pins.items()}
    assert states == {
        Channel.RED: [False, True, False],
        Channel.AMBER: [False, True, False],
        Channel.GREEN: [False, True, False],
    }


@pytest.mark.usefixtures("mock_pins")
def test_channels_may_be_lit_together() -> None:
    """Red and amber at once are red and amber."""
    with opened() as light:
        light.show(Frame.of({Channel.RED: 1, Channel.AMBER: 1}))

        lit = {channel for channel, led in light.leds.items() if led.pin.state}

    assert lit == {Channel.RED, Channel.AMBER}


@pytest.mark.usefixtures("mock_pins")
def test_any_level_above_dark_is_on() -> None:
    """A light that cannot be dimmed is on or off, and says so."""
    with opened() as light:
        light.show(Frame.of({Channel.RED: 0.01}))

        assert light.leds[Channel.RED].pin.state is True

    assert not GpioOptions.model_validate({"pins": PINS}).dims


@pytest.mark.usefixtures("mock_pins")
def test_a_channel_without_a_pin_lights_nothing() -> None:
    """A frame for a channel that the light has not leaves the others alone."""
    with opened(red=17) as light:
        light.show(Frame.of({Channel.BLUE: 1}))

        assert light.leds[Channel.RED].pin.state is False


@pytest.mark.usefixtures("mock_pins")
def test_pins_are_dark_before_they_are_released() -> None:
    """A released pin floats, so the LED is switched off first; after that the pin is an input."""
    light = a_light()
    pins = [led.pin for led in light.leds.values()]
    light.show(Frame.of(dict.fromkeys(light.leds, 1.0)))

    light.close()

    assert [[each.state for each in pin.states] for pin in pins] == [[False, True, False]] * 3
    assert [pin.function for pin in pins] == ["input"] * 3


@pytest.mark.usefixtures("mock_pins")
def test_closing_twice_is_once() -> None:
    """Whoever closes a closed light does no harm."""
    light = a_light()

    light.close()
    light.close()

    assert light.leds == {}


@pytest.mark.usefixtures("mock_pins")
def test_a_closed_light_can_be_opened_again() -> None:
    """The pins are free for the next who wants them."""
    a_light().close()

    with opened() as light:
        light.show(RED)

        assert light.leds[Channel.RED].pin.state is True


@pytest.mark.usefixtures("mock_pins")
def test_wiring_tells_gpio_and_header_pin() -> None:
    """Who holds a wire is told which of the forty pins it belongs to."""
    with opened() as light:
        assert light.wiring == {
            Channel.RED: "GPIO17, header pin 11",
            Channel.AMBER: "GPIO27, header pin 13",
            Channel.GREEN: "GPIO22, header pin 15",
        }


@pytest.mark.usefixtures("mock_pins")
def test_mock_pins_are_told_from_real_ones() -> None:
    """A lamp that only pretends can be recognised."""
    with opened() as light:
        assert light.mock


# What is refused.


def test_an_unknown_pin_factory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slip in GPIOZERO_PIN_FACTORY is told with the names there are."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mok")

    error = refusal()

    assert type(error) is LightUnavailable
    assert str(error) == (
        "GPIOZERO_PIN_FACTORY is not a known pin factory; "
        "known are: lgpio, mock, native, pigpio, rpigpio"
    )


def test_a_pin_factory_may_be_written_in_capitals(monkeypatch: pytest.MonkeyPatch) -> None:
    """GPIOZERO_PIN_FACTORY is read as gpiozero reads it."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "Mock")

    with opened() as light:
        assert light.mock


@pytest.mark.parametrize("chosen", ["lgpio", None])
def test_a_missing_library_is_named_with_the_way_to_get_it(
    chosen: str | None, monkeypatch: pytest.MonkeyPatch, without_lgpio: None
) -> None:
    """Without lgpio there is no lamp: no other kind of pins takes its place."""
    monkeypatch.setitem(sys.modules, "lgpio", None)
    if chosen:
        monkeypatch.setenv("GPIOZERO_PIN_FACTORY", chosen)
    else:
        monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)

    error = refusal()

    assert type(error) is LightUnavailable
    assert str(error) == (
        "no library 'lgpio' for the pins; on a Raspberry Pi: sudo apt install python3-lgpio, and "
        "make a virtual environment with --system-site-packages; elsewhere set "
        "GPIOZERO_PIN_FACTORY=mock"
    )


@pytest.mark.usefixtures("mock_pins")
def test_a_pin_that_the_board_has_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the first Raspberry Pi, GPIO27's place on the header is another's."""
    monkeypatch.setenv("GPIOZERO_MOCK_REVISION", "0002")

    error = refusal(red=17, amber=27)

    assert type(error) is LightUnavailable
    assert str(error) == "GPIO27: 27 is not a valid pin name"


# Real lgpio pins, over an lgpio that records.


@pytest.fixture
def without_lgpio(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of gpiozero has met lgpio yet, and forgets afterwards what the test gave it."""
    pins = sys.modules.pop("gpiozero.pins.lgpio", None)
    LocalPiFactory.pins.clear()
    LocalPiFactory._reservations.clear()
    sys.modules.pop(STEADY, None)
    yield
    LocalPiFactory.pins.clear()
    LocalPiFactory._reservations.clear()
    sys.modules.pop("gpiozero.pins.lgpio", None)
    sys.modules.pop(STEADY, None)
    if pins is not None:
        sys.modules["gpiozero.pins.lgpio"] = pins


@pytest.fixture
def lgpio(monkeypatch: pytest.MonkeyPatch, without_lgpio: None) -> FakeLgpio:
    """The library is there, and this is a Pi 4B."""
    fake = FakeLgpio()
    monkeypatch.setitem(sys.modules, "lgpio", fake)
    monkeypatch.setattr(LocalPiFactory, "_get_revision", lambda _self: PI_4B)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    return fake


def test_real_pins_are_driven_only_when_they_change(lgpio: FakeLgpio) -> None:
    """Each pin is claimed dark, written for each change, and dark again before it floats."""
    light = a_light(red=17, green=22)
    light.show(RED)
    light.show(GREEN)
    lit = [call for call in lgpio.calls if call[0] == "write"]
    lgpio.calls.clear()

    light.close()

    assert lit[-4:] == [("write", 17, 1), ("write", 22, 0), ("write", 17, 0), ("write", 22, 1)]
    assert lgpio.calls == [
        ("write", 17, 0),
        ("write", 22, 0),
        ("input", 17, "down"),
        ("input", 22, "down"),
        ("close", 1),
    ]


def test_opening_lights_nothing(lgpio: FakeLgpio) -> None:
    """A lamp does not flash while the daemon starts."""
    with opened(red=17) as light:
        assert lgpio.calls == [("open", 0), ("input", 17, "floating"), ("output", 17, 0)]
        assert not light.mock


def test_a_light_of_real_pins_can_be_opened_again(lgpio: FakeLgpio) -> None:
    """After a close nothing of the old light is left in gpiozero."""
    a_light().close()

    with opened() as light:
        lgpio.calls.clear()
        light.show(RED)

        assert lgpio.calls[0] == ("write", 17, 1)


def test_no_raspberry_pi_is_said(lgpio: FakeLgpio, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a desktop the lamp says where it is not, and how to try it without."""
    monkeypatch.undo()
    monkeypatch.setitem(sys.modules, "lgpio", lgpio)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    if Path("/proc/device-tree/system/linux,revision").exists():
        pytest.skip("this is a Raspberry Pi")

    error = refusal()

    assert type(error) is LightUnavailable
    assert str(error) == (
        "this is not a Raspberry Pi; to try it without one set GPIOZERO_PIN_FACTORY=mock"
    )
    assert lgpio.calls == []


def test_a_pin_of_another_program_is_busy(lgpio: FakeLgpio) -> None:
    """A second daemon is told that the first is there, and lets go of what it had taken."""
    lgpio.busy = {27}

    error = refusal()

    assert type(error) is LightBusy
    assert str(error) == "GPIO27 is held by another program"
    assert ("write", 17, 1) not in lgpio.calls
    assert lgpio.calls[-1] == ("close", 1)

    lgpio.busy = set()
    a_light().close()


def test_a_directory_that_cannot_be_written_is_said(
    lgpio: FakeLgpio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library wants to make a file where it starts; where it cannot, the sentence says so."""

    def gpiochip_open(_chip: int) -> int:
        raise FileNotFoundError(2, "No such file or directory", ".lgd-nfy-3")

    monkeypatch.setattr(lgpio, "gpiochip_open", gpiochip_open)

    error = refusal()

    assert type(error) is LightUnavailable
    assert str(error) == (
        "lgpio cannot write to the working directory; start in one that is writable, or set "
        "LG_WD to one"
    )


def test_a_library_that_goes_to_another_directory_does_not_take_us_along(
    without_lgpio: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes to LG_WD when it is imported; a holidays file beside us is still found."""
    library = (
        "import os, sys\n"
        "from support.fake_lgpio import FakeLgpio\n"
        "os.chdir(os.environ['LG_WD'])\n"
        "sys.modules['lgpio'] = FakeLgpio()\n"
    )
    (tmp_path / "lgpio.py").write_text(library)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lgpio", raising=False)
    monkeypatch.setattr(LocalPiFactory, "_get_revision", lambda _self: PI_4B)
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)
    monkeypatch.setenv("LG_WD", str(tmp_path / "elsewhere"))
    monkeypatch.chdir(tmp_path)

    with opened(red=17) as light:
        light.show(RED)

        assert type(sys.modules["lgpio"]) is FakeLgpio
        assert Path.cwd() == tmp_path


def test_whatever_else_a_library_says_is_passed_on(
    lgpio: FakeLgpio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw is still a sentence that names the pin factory."""

    def gpiochip_open(_chip: int) -> int:
        raise RuntimeError("unknown handle")

    monkeypatch.setattr(lgpio, "gpiochip_open", gpiochip_open)

    error = refusal()

    assert str(error) == "the pin factory lgpio does not open: unknown handle"


def test_a_pin_that_fails_for_another_reason_is_named(
    lgpio: FakeLgpio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the pin, and repeats what the library said."""

    def gpio_claim_output(_handle: int, _pin: int, _level: int = 0) -> None:
        raise LgpioError("bad GPIO number")

    monkeypatch.setattr(lgpio, "gpio_claim_output", gpio_claim_output)

    error = refusal(red=17)

    assert type(error) is LightUnavailable
    assert str(error) == "GPIO17: bad GPIO number"


def test_a_chip_that_goes_away_is_a_lost_light(lgpio: FakeLgpio) -> None:
    """The lamp says which pin stopped responding, and closing it complains about nothing."""
    light = a_light(red=17)
    light.show(RED)
    lgpio.unplug()

    with pytest.raises(LightUnavailable) as caught:
        light.show(DARK)
    light.close()
    gc.collect()

    assert str(caught.value) == "GPIO17, header pin 11 stopped responding: bad lineinfo IOCTL"
    assert lgpio.calls[-1] == ("close", 1)


def test_a_steady_light_misses_its_chip_and_finds_it_again(lgpio: FakeLgpio) -> None:
    """Nothing moves and nothing is new: the pins are driven again all the same, now and then."""
    lamp, red = Lamp(lambda: a_light(red=17)), parse_pattern("red")
    wait = lamp.step(red, now=0.0)
    assert wait is not None
    lgpio.unplug()

    lamp.step(red, now=wait)
    lost = lamp.light
    lgpio.calls.clear()
    lamp.step(red, now=wait + 5.0)

    assert wait <= 30.0
    assert lost is Light.LOST
    assert lgpio.calls[-1] == ("write", 17, 1)
    assert lamp.light is Light.OK
    lamp.close()


def test_a_pin_that_another_program_changed_is_put_right(lgpio: FakeLgpio) -> None:
    """`pinctrl` and its like write past the kernel: a dark red does not stay dark for long."""
    with opened(red=17, green=22) as light:
        light.show(RED)
        lgpio.meddle(17, 0)
        lgpio.meddle(22, 1)

        light.show(RED)

        assert (lgpio.levels[17][-1], lgpio.levels[22][-1]) == (1, 0)


def test_a_pin_that_another_program_made_an_input_is_claimed_anew(lgpio: FakeLgpio) -> None:
    """It cannot be driven, which is told; the light that the lamp opens next has it."""
    light = a_light(red=17)
    light.show(RED)
    lgpio.meddle(17, None)

    with pytest.raises(LightUnavailable, match="GPIO17, header pin 11 stopped responding"):
        light.show(RED)
    light.close()

    with opened(red=17) as again:
        again.show(RED)
        assert lgpio.levels[17][-1] == 1


def test_a_chip_that_came_back_can_be_opened(lgpio: FakeLgpio) -> None:
    """After a chip has gone and come back, a new light works: nothing of the old is left."""
    light = a_light(red=17)
    lgpio.unplug()
    light.close()
    gc.collect()

    with opened(red=17) as again:
        again.show(RED)

        assert lgpio.calls[-1] == ("write", 17, 1)


def test_two_lamps_do_not_share_their_end(lgpio: FakeLgpio) -> None:
    """A lamp that is closed leaves the pins of another lit, and the other ends dark as well."""
    left, right = a_light(red=17), a_light(red=22)
    right.show(RED)
    lgpio.calls.clear()

    left.close()
    after_left = list(lgpio.calls)
    right.show(RED)
    right.close()

    assert after_left == [("write", 17, 0), ("input", 17, "down"), ("close", 1)]
    assert lgpio.calls[3:] == [
        ("write", 22, 1),
        ("write", 22, 0),
        ("input", 22, "down"),
        ("close", 2),
    ]


def test_a_real_pin_of_another_lamp_is_busy(lgpio: FakeLgpio) -> None:
    """Two lamps on one pin are refused before the second touches it."""
    with opened(red=17) as light:
        light.show(RED)
        lgpio.calls.clear()

        error = refusal(red=17)

        assert type(error) is LightBusy
        assert str(error) == "GPIO17 is in use by this program already"
        assert lgpio.calls == [("open", 0), ("close", 2)]


# Chips that do not open.


@pytest.fixture
def devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lgpio: FakeLgpio) -> Path:
    """A folder in the place of /dev; the library opens no chip, and does not say why."""
    monkeypatch.setattr(chip_errors, "DEVICES", tmp_path)
    lgpio.said = "can not open gpiochip"
    return tmp_path


def opening_ends_in(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the kernel answer with the error *code* whoever opens a device."""
    system_open = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if isinstance(path, Path) and path.name.startswith("gpiochip"):
            raise OSError(code, os.strerror(code), str(path))
        return system_open(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)


def test_a_machine_without_a_chip_says_so(devices: Path) -> None:
    """Nothing is there, or nothing that a service may see."""
    error = refusal()

    assert type(error) is LightUnavailable
    assert str(error) == (
        f"there is no {devices}/gpiochip0; this machine has no GPIO chip, or the unit "
        "hides it (PrivateDevices=yes)"
    )


def test_a_chip_of_another_number_is_offered(devices: Path) -> None:
    """A board whose pins are on another chip is told which there are, and which key names one."""
    (devices / "gpiochip3").touch()
    (devices / "gpiochip1").touch()

    error = refusal()

    assert str(error) == (
        f"there is no {devices}/gpiochip0; this machine has chip 1, 3: write it as chip = 1"
    )


@pytest.mark.parametrize(
    ("code", "kind", "sentence"),
    [
        (
            errno.EACCES,
            LightUnavailable,
            "no permission for {}; add the user to group gpio, then log in anew",
        ),
        (
            errno.EPERM,
            LightUnavailable,
            "{} is forbidden to this service; add DeviceAllow=char-gpiochip rw to its unit",
        ),
        (errno.EBUSY, LightBusy, "{} is held by another program"),
        (errno.ENODEV, LightUnavailable, "cannot open {}: No such device"),
    ],
)
def test_the_device_itself_says_why_the_chip_does_not_open(
    devices: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: int,
    kind: type[LightUnavailable],
    sentence: str,
) -> None:
    """The library cannot tell no permission from no chip; the kernel can."""
    opening_ends_in(code, monkeypatch)

    error = refusal()

    assert type(error) is kind
    assert str(error) == sentence.format(devices / "gpiochip0")


def test_a_chip_that_opens_for_us_and_not_for_the_library_is_said(devices: Path) -> None:
    """Then there is only what the library said."""
    (devices / "gpiochip0").touch()

    error = refusal()

    assert str(error) == (f"the library cannot open {devices}/gpiochip0: can not open gpiochip")


def test_a_chosen_chip_is_the_one_that_is_opened_and_named(devices: Path, lgpio: FakeLgpio) -> None:
    """A number in the configuration goes to the library, and into the sentence if it fails."""
    with pytest.raises(LightUnavailable) as caught, a_light_of(pins=PINS, chip=2):
        pass
    lgpio.said = None
    with a_light_of(pins=PINS, chip=2):
        pass

    assert str(caught.value).startswith(f"there is no {devices}/gpiochip2; ")
    assert lgpio.calls[0] == ("open", 2)


@pytest.mark.parametrize(("has_chip_4", "number"), [(True, 4), (False, 0)])
def test_the_usual_chip_is_gpiozeros_choice(
    devices: Path,
    lgpio: FakeLgpio,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_chip_4: bool,
    number: int,
) -> None:
    """On a Pi 5 with an old kernel the header is on chip 4; the sentence names the one tried."""
    monkeypatch.setattr(LocalPiFactory, "_get_revision", lambda _self: PI_5B)
    exists = os.path.exists
    monkeypatch.setattr(
        os.path, "exists", lambda path: has_chip_4 if path == "/dev/gpiochip4" else exists(path)
    )

    error = refusal()
    lgpio.said = None
    a_light().close()

    assert str(error).startswith(f"there is no {devices}/gpiochip{number}; ")
    assert lgpio.calls[0] == ("open", number)


def test_a_chip_is_not_silently_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pin factory that has no choice of chips would light pins of the wrong one."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "rpigpio")

    with pytest.raises(LightUnavailable) as caught, a_light_of(pins=PINS, chip=2):
        pass

    assert str(caught.value) == (
        "the pin factory rpigpio cannot choose a chip; remove chip, or unset GPIOZERO_PIN_FACTORY"
    )


@pytest.mark.usefixtures("mock_pins")
def test_a_configuration_with_a_chip_can_be_tried_on_mock_pins() -> None:
    """They have no chip, and no wire leads to them."""
    with a_light_of(pins=PINS, chip=2) as light:
        assert light.mock


def test_an_empty_library_is_told_from_a_real_one(
    monkeypatch: pytest.MonkeyPatch, without_lgpio: None
) -> None:
    """Where there is no wheel, pip installs an lgpio with nothing in it."""
    monkeypatch.setitem(sys.modules, "lgpio", types.ModuleType("lgpio"))
    monkeypatch.delenv("GPIOZERO_PIN_FACTORY", raising=False)

    error = refusal()

    assert str(error) == (
        "the library 'lgpio' is empty or too old; uninstall it with pip, and install python3-lgpio"
    )


def test_a_hidden_proc_is_not_taken_for_the_working_directory(
    lgpio: FakeLgpio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that may not read /proc cannot know that it is on a Raspberry Pi."""

    def _get_revision(_self: object) -> int:
        raise FileNotFoundError(2, "No such file or directory", "/proc/cpuinfo")

    monkeypatch.setattr(LocalPiFactory, "_get_revision", _get_revision)

    error = refusal()

    assert str(error) == (
        "cannot read /proc/cpuinfo, which identifies a Raspberry Pi; "
        "take ProcSubset=pid out of the service"
    )


def test_no_raspberry_pi_is_said_with_a_chip_too(
    lgpio: FakeLgpio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a chip given, gpiozero looks for the Pi only when it wants a pin."""

    def _get_revision(_self: object) -> int:
        raise PinUnknownPi("unable to locate Pi revision")

    monkeypatch.setattr(LocalPiFactory, "_get_revision", _get_revision)

    with pytest.raises(LightUnavailable) as caught, a_light_of(pins=PINS, chip=0):
        pass

    assert str(caught.value) == (
        "this is not a Raspberry Pi; to try it without one set GPIOZERO_PIN_FACTORY=mock"
    )
    assert lgpio.calls == [("open", 0), ("close", 1)]


@pytest.mark.parametrize(("pin", "what"), [(4, "1-Wire"), (7, "SPI"), (8, "SPI")])
def test_a_pin_that_the_kernel_may_have_is_told_with_its_remedy(
    lgpio: FakeLgpio, pin: int, what: str
) -> None:
    """Some boards use pins of interfaces that may be switched on."""
    lgpio.busy = {pin}

    error = refusal(red=pin)

    assert type(error) is LightBusy
    assert str(error) == (
        f"GPIO{pin} is held by another program, or by the kernel for {what}: "
        f"switch {what} off in raspi-config"
    )


# Lit by a low level.


def test_a_relay_does_not_click_when_the_lamp_opens_and_closes(lgpio: FakeLgpio) -> None:
    """No pin that lights when low is ever low, but for what is shown: not even for a moment."""
    for _ in range(2):
        with a_light_of(pins={"red": 17, "green": 22}, active_high=False) as light:
            light.show(RED)
            light.show(DARK)

    once: list[tuple[object, ...]] = [
        ("input", 17, "floating"),
        ("output", 17, 1),
        ("input", 22, "floating"),
        ("output", 22, 1),
        *(("write", 17, 0), ("write", 22, 1)),
        *(("write", 17, 1), ("write", 22, 1)),
        *(("write", 17, 1), ("write", 22, 1)),
        *(("input", 17, "up"), ("input", 22, "up")),
    ]
    assert lgpio.calls == [
        *(("open", 0), *once, ("close", 1)),
        *(("open", 0), *once, ("close", 2)),
    ]
    assert lgpio.levels[17] == [1, 0, 1, 1] * 2
    assert 0 not in lgpio.levels[22]


def test_a_lit_relay_is_released_before_its_pin_is(lgpio: FakeLgpio) -> None:
    """Who stops the daemon while red is lit sees red go out, by a high level."""
    with a_light_of(pins={"red": 17}, active_high=False) as light:
        light.show(RED)
        lgpio.calls.clear()

    assert lgpio.calls == [("write", 17, 1), ("input", 17, "up"), ("close", 1)]


def test_a_relay_does_not_click_when_another_pin_is_busy(lgpio: FakeLgpio) -> None:
    """What was claimed before the failure is let go of as it was."""
    lgpio.busy = {22}

    with pytest.raises(LightBusy), a_light_of(pins={"red": 17, "green": 22}, active_high=False):
        pass

    assert lgpio.levels == {17: [1, 1]}
    assert lgpio.calls[-2:] == [("input", 17, "up"), ("close", 1)]


@pytest.mark.usefixtures("mock_pins")
def test_a_low_level_lights_on_any_pin_factory() -> None:
    """Whatever the pins are made by, lit is low and dark is high."""
    with a_light_of(pins={"red": 17}, active_high=False) as light:
        pin = light.leds[Channel.RED].pin
        pin.clear_states()

        light.show(RED)
        light.show(DARK)

        assert [each.state for each in pin.states] == [True, False, True]


# Dimmed.


@pytest.fixture
def dimming_pins(mock_pins: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pins are mock pins that know PWM."""
    monkeypatch.setenv("GPIOZERO_MOCK_PIN_CLASS", "mockpwmpin")


@pytest.mark.usefixtures("dimming_pins")
def test_a_dimmed_light_shows_levels() -> None:
    """A level is how long the LED is lit of each hundredth of a second."""
    with a_light_of(pins={"red": 17, "green": 22}, dim=True) as light:
        pins = [led.pin for led in light.leds.values()]
        for level in (1.0, 0.3, 0.0):
            light.show(Frame.of({Channel.RED: level}))

        assert [[each.state for each in pin.states] for pin in pins] == [
            [False, 1.0, 0.3, 0.0],
            [False],
        ]
        assert [pin.frequency for pin in pins] == [100, 100]


@pytest.mark.usefixtures("dimming_pins")
def test_the_faintest_level_is_not_dark() -> None:
    """A channel that is lit at all can be seen: levels are cut to whole per cents."""
    with a_light_of(pins={"red": 17}, dim=True) as light:
        light.show(Frame.of({Channel.RED: 0.0005}))

        assert light.leds[Channel.RED].pin.state == 0.01


@pytest.mark.usefixtures("dimming_pins")
def test_nothing_dims_unless_asked_to() -> None:
    """Pins that could be dimmed are not, and a buzzer never is."""
    with a_light_of(pins={"red": 17}) as plain:
        assert plain.leds[Channel.RED].pin.frequency is None
    with a_light_of(pins={"red": 17, "buzzer": 23}, dim=True) as light:
        buzzer = light.leds[Channel.BUZZER].pin
        for level in (0.3, 0.0, 1.0):
            light.show(Frame.of({Channel.BUZZER: level}))

        assert buzzer.frequency is None
        assert [each.state for each in buzzer.states] == [False, 1.0, 0.0, 1.0]


def test_no_call_of_pwm_reaches_a_light_that_does_not_dim(lgpio: FakeLgpio) -> None:
    """Once used, lgpio's PWM wakes the processor fifty times a second for ever."""
    with a_light_of(pins={**PINS, "buzzer": 23}) as light:
        light.show(Frame.of(dict.fromkeys(light.leds, 0.3)))

    assert not [call for call in lgpio.calls if call[0] == "pwm"]


def test_a_dimmed_pin_is_dark_before_it_is_released(lgpio: FakeLgpio) -> None:
    """PWM stops at whatever level it has reached, so the pin is written dark after it."""
    with a_light_of(pins={"red": 17}, dim=True) as light:
        light.show(Frame.of({Channel.RED: 0.3}))

    assert lgpio.calls == [
        *(("open", 0), ("input", 17, "floating"), ("output", 17, 0)),
        *(("pwm", 17, 100, 0), ("pwm", 17, 100, 0), ("pwm", 17, 100, 30)),
        *(("pwm", 17, 100, 0), ("pwm", 17, 0, 0), ("write", 17, 0)),
        *(("input", 17, "down"), ("close", 1)),
    ]


def test_a_dimmed_pin_that_lights_when_low_does_not_flash_either(lgpio: FakeLgpio) -> None:
    """PWM begins and ends with a duty that is dark: all of it high."""
    with a_light_of(pins={"red": 17}, dim=True, active_high=False) as light:
        light.show(Frame.of({Channel.RED: 0.25}))

    assert lgpio.calls == [
        *(("open", 0), ("input", 17, "floating"), ("output", 17, 1)),
        *(("pwm", 17, 100, 100), ("pwm", 17, 100, 100), ("pwm", 17, 100, 75)),
        *(("pwm", 17, 100, 100), ("pwm", 17, 0, 0), ("write", 17, 1)),
        *(("input", 17, "up"), ("close", 1)),
    ]
    assert 0 not in lgpio.levels[17]


def test_a_dimmed_light_whose_chip_goes_away_is_lost_and_closes(lgpio: FakeLgpio) -> None:
    """Losing a light with PWM raises what the lamp knows, and closing it raises nothing."""
    with a_light_of(pins={"red": 17}, dim=True) as light:
        lgpio.unplug()

        with pytest.raises(LightUnavailable) as caught:
            light.show(RED)

    gc.collect()
    assert str(caught.value).startswith("GPIO17, header pin 11 stopped responding: ")
    assert light.leds == {}


@pytest.mark.usefixtures("mock_pins")
def test_a_pin_factory_without_pwm_is_refused() -> None:
    """Who asks for dimming where there is none is told, and nothing is lit."""
    with pytest.raises(LightUnavailable) as caught, a_light_of(pins={"red": 17}, dim=True):
        pass

    assert str(caught.value) == (
        "GPIO17: this pin factory cannot dim; remove dim = true, unset GPIOZERO_PIN_FACTORY, or "
        "for mock set GPIOZERO_MOCK_PIN_CLASS=mockpwmpin"
    )


def test_a_light_makes_no_thread(lgpio: FakeLgpio) -> None:
    """Everything is called from the lamp's own: gpiozero's LEDs are not safe otherwise."""
    before = threading.enumerate()

    with a_light_of(pins=PINS, dim=True) as light:
        light.show(Frame.of({Channel.RED: 0.3}))

        assert threading.enumerate() == before


# One RGB LED.

RGB = {"red": 17, "green": 27, "blue": 22}
ON_OFF_MIXES = {
    "red": (1, 0, 0),
    "amber": (1, 1, 0),
    "green": (0, 1, 0),
    "blue": (0, 0, 1),
    "white": (1, 1, 1),
}


def lit(light: GpioLight) -> tuple[float, ...]:
    """Return the levels of an RGB LED's wires."""
    return tuple(light.leds[each].pin.state for each in (Channel.RED, Channel.GREEN, Channel.BLUE))


@pytest.mark.parametrize(("channel", "mix"), ON_OFF_MIXES.items())
@pytest.mark.usefixtures("mock_pins")
def test_an_rgb_led_mixes_its_colours(channel: str, mix: tuple[int, int, int]) -> None:
    """Each colour lights the wires that it is made of, and only those."""
    with a_light_of(pins=RGB, rgb=True) as light:
        light.show(Frame.of({Channel.WHITE: 1}))
        light.show(Frame.of({Channel(channel): 0.3}))

        assert lit(light) == mix


@pytest.mark.parametrize(
    ("levels", "mix"),
    [
        ({Channel.RED: 0.5}, (0.5, 0, 0)),
        ({Channel.AMBER: 1}, (1, 0.5, 0)),
        ({Channel.AMBER: 0.5}, (0.5, 0.25, 0)),
        ({Channel.GREEN: 0.25}, (0, 0.25, 0)),
        ({Channel.BLUE: 0.01}, (0, 0, 0.01)),
        ({Channel.AMBER: 0.01}, (0.01, 0.01, 0)),
        ({Channel.WHITE: 0.4}, (0.4, 0.4, 0.4)),
        ({Channel.RED: 0.2, Channel.AMBER: 1}, (1, 0.5, 0)),
        ({Channel.RED: 1, Channel.AMBER: 0.2}, (1, 0.1, 0)),
        ({}, (0, 0, 0)),
    ],
)
@pytest.mark.usefixtures("dimming_pins")
def test_a_dimmed_rgb_led_mixes_levels(
    levels: dict[Channel, float], mix: tuple[float, float, float]
) -> None:
    """Amber has half as much green as red; where two colours share a wire, the brighter wins."""
    with a_light_of(pins=RGB, rgb=True, dim=True) as light:
        light.show(Frame.of(levels))

        assert lit(light) == mix


@pytest.mark.usefixtures("mock_pins")
def test_an_rgb_led_may_have_a_buzzer_beside_it() -> None:
    """A buzzer is a channel like others, and mixes with nothing."""
    with a_light_of(pins={**RGB, "buzzer": 23}, rgb=True) as light:
        light.show(Frame.of({Channel.BUZZER: 1}))

        assert lit(light) == (0, 0, 0)
        assert light.leds[Channel.BUZZER].pin.state is True
        assert light.wiring[Channel.BUZZER] == "GPIO23, header pin 16"


@pytest.mark.usefixtures("mock_pins")
def test_the_wiring_of_a_mixed_colour_is_all_its_wires() -> None:
    """Who sees no amber is told of both wires that make it."""
    with a_light_of(pins=RGB, rgb=True) as light:
        assert light.wiring == {
            Channel.RED: "GPIO17, header pin 11",
            Channel.AMBER: "GPIO17, header pin 11 and GPIO27, header pin 13",
            Channel.GREEN: "GPIO27, header pin 13",
            Channel.BLUE: "GPIO22, header pin 15",
            Channel.WHITE: "GPIO17, header pin 11 and GPIO27, header pin 13 and "
            "GPIO22, header pin 15",
        }


def test_the_channels_of_an_rgb_led_are_its_mixes() -> None:
    """Patterns may use every colour it can make; it claims the three pins that it has."""
    options = GpioOptions.model_validate({"pins": RGB, "rgb": True, "dim": True})

    assert {channel.value for channel in options.channels} == {*ON_OFF_MIXES}
    assert options.claims == {"GPIO17", "GPIO27", "GPIO22"}
    assert options.dims


# The table in the configuration.


@pytest.mark.parametrize("pin", [17, "17", "GPIO17", "BCM17", "BOARD11"])
def test_a_pin_is_a_number_or_its_name(pin: object) -> None:
    """A pin may be written as gpiozero's documentation writes it."""
    options = GpioOptions.model_validate({"pins": {"red": pin}})

    assert options.pins == {Channel.RED: 17}
    assert options.claims == {"GPIO17"}


@pytest.mark.parametrize("pin", [0, 27])
def test_the_first_and_the_last_pin_are_pins(pin: int) -> None:
    """The header has GPIO0 to GPIO27."""
    assert GpioOptions.model_validate({"pins": {"red": pin}}).pins == {Channel.RED: pin}


@pytest.mark.parametrize(
    "pin",
    [
        *(28, 99, -1, 17.0, 1.5, True, False, None, [17], {"pin": 17}),
        *("GPIO99", "GPIO28", "GPIO-1", "gpio17", "board11", "J8:11", "", "GPIO", "1.5", "red"),
        "\u0661\u0667",  # 17 in Arabic digits, which Python would take
    ],
)
def test_what_is_no_pin_is_refused(pin: object) -> None:
    """The mistake names the channel and says how a pin is written, not what was written."""
    with pytest.raises(ValidationError) as caught:
        GpioOptions.model_validate({"pins": {"green": 22, "red": pin}})

    (mistake,) = caught.value.errors(include_input=False, include_url=False)
    assert mistake["loc"] == ("pins", "red")
    assert mistake["msg"] == (
        "Value error, is not a pin; use a BCM number, 0 to 27, or GPIO17 for 17, or BOARD11 for "
        "pin 11 of the header"
    )


@pytest.mark.parametrize("pin", [17, "GPIO17", "BOARD11"])
def test_a_pin_given_twice_is_refused(pin: object) -> None:
    """Two channels on one pin are a mistake, however they are written."""
    with pytest.raises(ValidationError) as caught:
        GpioOptions.model_validate({"pins": {"red": 17, "green": pin}})

    (mistake,) = caught.value.errors(include_input=False, include_url=False)
    assert mistake["msg"] == "Value error, gives GPIO17 to both red and green"


def test_a_pin_given_twice_is_told_beside_one_that_is_none() -> None:
    """Both mistakes at once: whoever mends one must not find the other afterwards."""
    with pytest.raises(ValidationError) as caught:
        GpioOptions.model_validate({"pins": {"red": 17, "amber": "GPIO99", "green": "GPIO17"}})

    none, twice = caught.value.errors(include_input=False, include_url=False)
    assert (none["loc"], none["msg"][:27]) == (("pins", "amber"), "Value error, is not a pin; ")
    assert twice["loc"] == ("pins",)
    assert twice["msg"] == "Value error, gives GPIO17 to both red and green"


def test_no_pins_are_refused() -> None:
    """An empty table is told with an example."""
    with pytest.raises(ValidationError) as caught:
        GpioOptions.model_validate({"pins": {}})

    (mistake,) = caught.value.errors(include_input=False, include_url=False)
    assert mistake["msg"] == (
        "Value error, names no pin; write it as { red = 17, amber = 27, green = 22 }"
    )


@pytest.mark.parametrize(
    "table", [{}, {"pins": 17}, {"pins": {"purple": 17}}, {"pins": {"red": 17}, "colour": 4}]
)
def test_other_tables_are_refused(table: object) -> None:
    """No pins, no table, an unknown channel or an unknown key are mistakes."""
    with pytest.raises(ValidationError):
        GpioOptions.model_validate(table)


@pytest.mark.parametrize("number", [1, 2, 6, 17, 39])
def test_a_header_pin_of_power_or_ground_is_refused(number: int) -> None:
    """On the header only some pins are GPIOs."""
    assert mistake_in(pins={"red": f"BOARD{number}"}) == (
        "red",
        "is not a GPIO: the header's 40 pins include power and ground",
    )


@pytest.mark.parametrize("number", [0, 41, 999])
def test_a_pin_beyond_the_header_is_refused(number: int) -> None:
    """The header has 40 pins."""
    assert mistake_in(pins={"red": f"BOARD{number}"})[0] == "red"


def test_every_gpio_of_the_header_has_both_names() -> None:
    """The names are gpiozero's own: each GPIO is found under its place, and no other is."""
    header = PiBoardInfo.from_revision(PI_5B).headers["J8"].pins

    found = {
        number: GpioOptions.model_validate({"pins": {"red": f"BOARD{number}"}}).wires[Channel.RED]
        for number, pin in header.items()
        if pin.name.startswith("GPIO")
    }

    assert sorted(found.values()) == [*range(28)]
    assert {f"GPIO{pin}" for pin in found.values()} == {header[number].name for number in found}


@pytest.mark.parametrize(
    ("keys", "key", "sentence"),
    [
        ({}, "pins", "is missing; write it as { red = 17, amber = 27, green = 22 }, or name a "),
        ({"board": "pi-stop-e"}, "board", "is not a known board; known are: pi-traffic, "),
        ({"board": "ledborg", "pins": PINS}, "pins", "cannot be together with board, which has"),
        ({"board": "ledborg", "rgb": True}, "rgb", "is for pins; a board knows how its LEDs are"),
        ({"board": "ledborg", "active_high": False}, "active_high", "is for pins; a board knows"),
        ({"pins": PINS, "rgb": True}, "pins", "should have red, green and blue for rgb = true, "),
        ({"pins": {**RGB, "white": 4}, "rgb": True}, "pins", "should have red, green and blue "),
        ({"pins": PINS, "dim": True, "relay": True}, "dim", "cannot be together with relay = "),
        ({"pins": PINS, "chip": -1}, "chip", "Input should be greater than or equal to 0"),
        ({"pins": PINS, "chip": "gpiochip4"}, "chip", "Input should be a valid integer"),
        ({"pins": PINS, "chip": True}, "chip", "Input should be a valid integer"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(
    keys: dict[str, object], key: str, sentence: str
) -> None:
    """One mistake, told at the key that is wrong or too many."""
    where, told = mistake_in(**keys)

    assert where == key
    assert told.startswith(sentence)


def test_channels_and_claims_are_those_of_the_pins() -> None:
    """Patterns are fitted to the pins there are, and no two lamps can have one of them."""
    options = GpioOptions.model_validate({"pins": PINS})

    assert options.channels == {Channel.RED, Channel.AMBER, Channel.GREEN}
    assert options.claims == {"GPIO17", "GPIO27", "GPIO22"}
    assert not options.wait_for_light


def test_a_program_that_ends_leaves_no_noise() -> None:
    """A program that opened, lit and closed a light ends in silence."""
    program = (
        "from buildlight.drivers.gpio.light import GpioLight, GpioOptions\n"
        "from buildlight.patterns.pattern import Channel, Frame\n"
        "light = GpioLight(GpioOptions(pins={Channel.RED: 17}))\n"
        "light.show(Frame.of({Channel.RED: 1}))\n"
        "light.close()\n"
    )

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={"GPIOZERO_PIN_FACTORY": "mock"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_machine_without_gpiozero_is_told_what_to_install() -> None:
    """The Debian package only recommends it, and plain Debian has it too old."""
    script = (
        "import sys; sys.modules['gpiozero'] = None\n"
        "from buildlight.drivers import load_driver\n"
        "try: load_driver('gpio')\n"
        "except Exception as exc: print(exc)"
    )

    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout

    assert "driver 'gpio' is installed but does not import: " in told
    assert "sudo apt install python3-gpiozero python3-lgpio" in told
