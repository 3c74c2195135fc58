"""LEDs on GPIO pins: what the pins do, what is refused, and in which words.

Most tests run on gpiozero's mock pins. What those cannot show (lines that are busy, chips that
do not open or go away) runs on gpiozero's real lgpio pins over a small lgpio of our own.
"""

import gc
import subprocess
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gpiozero.pins.local import LocalPiFactory
from pydantic import ValidationError

from buildlight.drivers.gpio import GpioLight, GpioOptions
from buildlight.errors import BuildlightError, LightBusy, LightUnavailable
from buildlight.pattern import DARK, Channel, Frame

RED = Frame.of({Channel.RED: 1})
AMBER = Frame.of({Channel.AMBER: 1})
GREEN = Frame.of({Channel.GREEN: 1})
PINS = {"red": 17, "amber": 27, "green": 22}
PI_4B = 0xC03114


def a_light(**pins: object) -> GpioLight:
    """Open a light on *pins*; red, amber and green unless the test says otherwise."""
    return GpioLight(GpioOptions.model_validate({"pins": pins or PINS}))


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
        "GPIOZERO_PIN_FACTORY names no pin factory; known are: lgpio, mock, native, pigpio, rpigpio"
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
        "no library 'lgpio' for the pins; on a Raspberry Pi install python3-lgpio and make the "
        "environment with --system-site-packages; elsewhere set GPIOZERO_PIN_FACTORY=mock"
    )


@pytest.mark.usefixtures("mock_pins")
def test_a_pin_that_the_board_has_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the first Raspberry Pi, GPIO27's place on the header is another's."""
    monkeypatch.setenv("GPIOZERO_MOCK_REVISION", "0002")

    error = refusal(red=17, amber=27)

    assert type(error) is LightUnavailable
    assert str(error) == "GPIO27: 27 is not a valid pin name"


# Real lgpio pins, over an lgpio that records.


class LgpioError(Exception):
    """Like lgpio's own error, it is no OSError."""


class FakeLgpio(types.ModuleType):
    """What gpiozero uses of lgpio; *calls* records every claim, write and close in order."""

    error = LgpioError
    SET_PULL_NONE, SET_PULL_UP, SET_PULL_DOWN = 0, 32, 64
    RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 1, 2, 3

    def __init__(self) -> None:
        super().__init__("lgpio")
        self.calls: list[tuple[object, ...]] = []
        self.busy: set[int] = set()
        self.no_chip = False
        self._outputs: dict[int, int] = {}
        self._open: set[int] = set()
        self._last = 0

    def unplug(self) -> None:
        """Let the chip go away: a handle that is open now never works again."""
        self._open.clear()

    def gpiochip_open(self, chip: int) -> int:
        """Open a chip."""
        if self.no_chip:
            raise LgpioError("can not open gpiochip")
        self.calls.append(("open", chip))
        self._last += 1
        self._open.add(self._last)
        return self._last

    def gpiochip_close(self, handle: int) -> None:
        """Let go of the chip."""
        self.calls.append(("close", handle))
        self._check(handle, "unexpected error")
        self._open.remove(handle)

    def gpio_claim_input(self, handle: int, pin: int, _flags: int = 0) -> None:
        """Make a pin an input."""
        if pin in self.busy:
            raise LgpioError("GPIO busy")
        self._check(handle, "unexpected error")
        self._outputs.pop(pin, None)
        self.calls.append(("input", pin))

    def gpio_claim_output(self, handle: int, pin: int, level: int = 0) -> None:
        """Make a pin an output."""
        self._check(handle, "unexpected error")
        self._outputs[pin] = level
        self.calls.append(("output", pin, level))

    def gpio_get_mode(self, handle: int, pin: int) -> int:
        """Return 2 for an output."""
        self._check(handle, "bad lineinfo IOCTL")
        return 2 if pin in self._outputs else 0

    def gpio_read(self, handle: int, pin: int) -> int:
        """Return the level of a pin."""
        self._check(handle, "bad GPIO read")
        return self._outputs.get(pin, 0)

    def gpio_write(self, handle: int, pin: int, level: bool) -> None:  # noqa: FBT001 - lgpio's
        """Set the level of an output."""
        self._check(handle, "bad lineinfo IOCTL")
        self._outputs[pin] = int(level)
        self.calls.append(("write", pin, int(level)))

    def _check(self, handle: int, sentence: str) -> None:
        if handle not in self._open:
            raise LgpioError(sentence)


@pytest.fixture
def without_lgpio(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of gpiozero has met lgpio yet, and forgets afterwards what the test gave it."""
    pins = sys.modules.pop("gpiozero.pins.lgpio", None)
    LocalPiFactory.pins.clear()
    LocalPiFactory._reservations.clear()
    yield
    LocalPiFactory.pins.clear()
    LocalPiFactory._reservations.clear()
    sys.modules.pop("gpiozero.pins.lgpio", None)
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
        ("input", 17),
        ("input", 22),
        ("close", 1),
    ]


def test_opening_lights_nothing(lgpio: FakeLgpio) -> None:
    """A lamp does not flash while the daemon starts."""
    with opened(red=17) as light:
        assert lgpio.calls == [("open", 0), ("input", 17), ("output", 17, 0), ("write", 17, 0)]
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
        "this is no Raspberry Pi; to try it without one set GPIOZERO_PIN_FACTORY=mock"
    )
    assert lgpio.calls == []


def test_a_chip_that_does_not_open_is_said(lgpio: FakeLgpio) -> None:
    """A user who is not in the group gpio is told of it."""
    lgpio.no_chip = True

    error = refusal()

    assert type(error) is LightUnavailable
    assert str(error) == ("cannot open the GPIO chip; add the user to group gpio, then log in anew")


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
        "lgpio cannot write to the working directory; start in one that is writable"
    )


def test_whatever_else_a_library_says_is_passed_on(
    lgpio: FakeLgpio, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody foresaw is still a sentence that names the pin factory."""

    def gpiochip_open(_chip: int) -> int:
        raise LgpioError("unknown handle")

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


# gpiozero's LED tries to close itself once more when it is collected, and says that it cannot.
LED_COMPLAINS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@LED_COMPLAINS
def test_a_chip_that_goes_away_is_a_lost_light(lgpio: FakeLgpio) -> None:
    """The lamp says which pin no longer answers, and closing it complains about nothing."""
    light = a_light(red=17)
    light.show(RED)
    lgpio.unplug()

    with pytest.raises(LightUnavailable) as caught:
        light.show(DARK)
    light.close()
    gc.collect()

    assert str(caught.value) == "GPIO17, header pin 11 no longer answers: bad lineinfo IOCTL"
    assert lgpio.calls[-1] == ("close", 1)


@LED_COMPLAINS
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

    assert after_left == [("write", 17, 0), ("input", 17), ("close", 1)]
    assert lgpio.calls[3:] == [
        ("write", 22, 1),
        ("write", 22, 0),
        ("input", 22),
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


# The table in the configuration.


@pytest.mark.parametrize("pin", [17, "17", "GPIO17", "BCM17"])
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
        *("GPIO99", "GPIO28", "GPIO-1", "gpio17", "BOARD11", "", "GPIO", "1.5", "red"),
    ],
)
def test_what_is_no_pin_is_refused(pin: object) -> None:
    """The mistake names the channel and says how a pin is written, not what was written."""
    with pytest.raises(ValidationError) as caught:
        GpioOptions.model_validate({"pins": {"green": 22, "red": pin}})

    (mistake,) = caught.value.errors(include_input=False, include_url=False)
    assert mistake["loc"] == ("pins", "red")
    assert mistake["msg"] == ("Value error, is no pin; use a BCM number, 0 to 27, or GPIO17 for 17")


@pytest.mark.parametrize("pin", [17, "GPIO17"])
def test_a_pin_given_twice_is_refused(pin: object) -> None:
    """Two channels on one pin are a mistake, however they are written."""
    with pytest.raises(ValidationError) as caught:
        GpioOptions.model_validate({"pins": {"red": 17, "green": pin}})

    (mistake,) = caught.value.errors(include_input=False, include_url=False)
    assert mistake["msg"] == "Value error, gives GPIO17 to both red and green"


def test_no_pins_are_refused() -> None:
    """An empty table is told with an example."""
    with pytest.raises(ValidationError) as caught:
        GpioOptions.model_validate({"pins": {}})

    (mistake,) = caught.value.errors(include_input=False, include_url=False)
    assert mistake["msg"] == (
        "Value error, names no pin; write it as { red = 17, amber = 27, green = 22 }"
    )


@pytest.mark.parametrize(
    "table", [{}, {"pins": 17}, {"pins": {"purple": 17}}, {"pins": {"red": 17}, "chip": 4}]
)
def test_other_tables_are_refused(table: object) -> None:
    """No pins, no table, an unknown channel or an unknown key are mistakes."""
    with pytest.raises(ValidationError):
        GpioOptions.model_validate(table)


def test_channels_and_claims_are_those_of_the_pins() -> None:
    """Patterns are fitted to the pins there are, and no two lamps can have one of them."""
    options = GpioOptions.model_validate({"pins": PINS})

    assert options.channels == {Channel.RED, Channel.AMBER, Channel.GREEN}
    assert options.claims == {"GPIO17", "GPIO27", "GPIO22"}
    assert not options.wait_for_light


def test_a_program_that_ends_leaves_no_noise() -> None:
    """A program that opened, lit and closed a light ends in silence."""
    program = (
        "from buildlight.drivers.gpio import GpioLight, GpioOptions\n"
        "from buildlight.pattern import Channel, Frame\n"
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
