"""Proving the wiring: a person who looks at LEDs, and wires that go where they should not.

The pins are gpiozero's mock pins; the person sees what is lit on them, through wires of the test.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from buildlight.cli import wiring
from buildlight.cli.wiring import Walk, advice, walk
from buildlight.config.patterns import SIGNALS
from buildlight.config.settings import lamp_from_keys
from buildlight.drivers import Driver, DriverOptions
from buildlight.drivers.gpio.boards import BOARDS
from buildlight.drivers.gpio.light import GpioLight, GpioOptions
from buildlight.errors import LightUnavailable
from buildlight.lamps.settings import LampSettings
from buildlight.patterns.pattern import Channel, Frame

RED, AMBER, GREEN = Channel.RED, Channel.AMBER, Channel.GREEN
PINS = {"red": 17, "amber": 27, "green": 22}
RIGHT = {17: RED, 27: AMBER, 22: GREEN}
MIXED = {
    frozenset({RED, GREEN}): AMBER,
    frozenset({RED, GREEN, Channel.BLUE}): Channel.WHITE,
}
"""What an eye makes of the parts of one RGB LED."""
Wires = Mapping[int, Channel | None]
"""Which LED really hangs on each pin; ``None``: a dead one."""


@pytest.fixture(autouse=True)
def _mock_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pins are gpiozero's mock pins."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")


class Person:
    """Looks at the LEDs that hang on *wires*, and answers truly; *doubts* some signals."""

    def __init__(self, wires: Wires = RIGHT, *, doubts: Sequence[str] = ()) -> None:
        self._wires = wires
        self._doubts = doubts
        self._mixes = False
        self.pins: dict[int, Any] = {}
        self.told: list[str] = []
        self.steps: list[str] = []
        self.offered: list[list[Channel]] = []

    def watch(self, lamp: LampSettings) -> LampSettings:
        """Return *lamp*, which opens the same light with the person looking at its pins."""

        def opened(options: GpioOptions) -> GpioLight:
            light = GpioLight(options)
            self.pins = {options.wires[each]: led.pin for each, led in light.leds.items()}
            self._mixes = options.ready_made.rgb
            return light

        return replace(lamp, light=opened)

    def sees(self) -> set[Channel]:
        """Return which LEDs are lit."""
        seen = (self._wires[number] for number, pin in self.pins.items() if pin.state)
        lit = frozenset(channel for channel in seen if channel is not None)
        return {MIXED.get(lit, RED)} if self._mixes and len(lit) > 1 else {*lit}

    def say(self, text: str) -> None:
        """Listen."""
        self.told.append(text)

    def saw(self, text: str) -> bool:
        """Look."""
        self.steps.append(text)
        if text.startswith("signal "):
            return text.split()[1].rstrip(":") not in self._doubts
        return self.sees() == {Channel(text.partition(":")[0])}

    def saw_instead(self, channels: Sequence[Channel]) -> Channel | None:
        """Say what is lit instead."""
        self.offered.append([*channels])
        return next(iter(self.sees()), None)


def a_lamp(**pins: int) -> LampSettings:
    """Return a lamp on *pins*; red, amber and green unless the test says otherwise."""
    return lamp_from_keys("gpio", {"pins": pins or PINS})


def walked(person: Person, lamp: LampSettings | None = None) -> Walk:
    """Return what came of a walk that *person* watched."""
    return walk(person.watch(lamp or a_lamp()), person)


# What a person finds.


def test_right_wires_pass() -> None:
    """Three channels and nine signals, all as they should be."""
    assert walked(Person()) == Walk(lamp="lamp", steps=12)


@pytest.mark.parametrize("name", BOARDS)
def test_every_board_is_walked(name: str) -> None:
    """Whoever bought one tests it by its name alone, and reads it at each step."""
    board = BOARDS[name]
    person = Person({pin: channel for channel, pin in board.pins.items()})
    lamp = lamp_from_keys("gpio", {"board": name})

    found = walked(person, lamp)

    assert found == Walk(lamp="lamp", steps=len(lamp.options.channels) + 9)
    assert all(f": {board.title}, GPIO" in step for step in person.steps[:-9])


def test_each_step_says_what_should_be_seen_and_where_the_wire_goes() -> None:
    """A person with a multimeter needs no table of pins."""
    person = Person()

    walked(person)

    assert person.steps[:4] == [
        "red: GPIO17, header pin 11: lit, and nothing else",
        "amber: GPIO27, header pin 13: lit, and nothing else",
        "green: GPIO22, header pin 15: lit, and nothing else",
        "signal broken: red",
    ]
    assert [step.split()[1].rstrip(":") for step in person.steps[3:]] == [*SIGNALS]
    assert "signal broken-building-stale: red pulse, amber double-blink" in person.steps


def test_swapped_wires_are_named() -> None:
    """Red and green are exchanged: one sentence, with both pins."""
    found = walked(Person({17: GREEN, 27: AMBER, 22: RED}))

    assert found.failed == ("red", "green")
    (sentence,) = found.advice
    assert sentence == (
        "red and green look swapped: exchange GPIO17, header pin 11, and GPIO22, header pin 15, "
        "or edit pins"
    )


def test_a_dead_wire_is_named() -> None:
    """Amber stays dark."""
    found = walked(Person({17: RED, 27: None, 22: GREEN}))

    assert found.failed == ("amber",)
    (sentence,) = found.advice
    assert sentence == (
        "amber: GPIO27, header pin 13 looks dead: check its wire, its ground, and which way "
        "round it is"
    )


def test_a_wire_in_the_wrong_place_is_named() -> None:
    """Red lights amber up, and so does amber's own: nothing is swapped."""
    found = walked(Person({17: AMBER, 27: AMBER, 22: GREEN}))

    assert found.failed == ("red",)
    assert found.advice == (
        "red: GPIO17, header pin 11 lights amber up: its wire goes to the wrong place",
    )


def test_three_wires_in_a_circle_are_each_named() -> None:
    """No two of them are swapped."""
    found = walked(Person({17: AMBER, 27: GREEN, 22: RED}))

    assert found.failed == ("red", "amber", "green")
    assert [sentence.partition(",")[0] for sentence in found.advice] == [
        "red: GPIO17",
        "amber: GPIO27",
        "green: GPIO22",
    ]
    assert all("wrong place" in sentence for sentence in found.advice)


def test_a_lamp_without_any_light_is_dead_in_each_channel() -> None:
    """The ground is missing."""
    found = walked(Person({17: None, 27: None, 22: None}))

    assert found.failed == ("red", "amber", "green")
    assert all("looks dead" in sentence for sentence in found.advice)


def test_a_signal_that_looks_wrong_fails_without_advice_about_wires() -> None:
    """The wires are right; the pattern is not what the person expects."""
    found = walked(Person(doubts=["stale"]))

    assert (found.steps, found.failed, found.advice) == (12, ("stale",), ())


def test_a_person_is_offered_the_other_channels() -> None:
    """What should have been lit is no answer to what was lit instead."""
    person = Person({17: GREEN, 27: AMBER, 22: RED})

    walked(person)

    assert person.offered == [[AMBER, GREEN], [RED, AMBER]]


def test_a_lamp_of_one_colour_has_one_channel_to_walk() -> None:
    """A single LED: its channel, and nine rhythms."""
    person = Person({4: RED})

    found = walked(person, a_lamp(red=4))

    assert found.steps == 10
    assert person.steps[0] == "red: GPIO4, header pin 7: lit, and nothing else"
    assert "signal broken: red blink" in person.steps


def test_mock_pins_are_told_of_loudly() -> None:
    """Nobody believes that a wire was tested when none was."""
    person = Person()

    walked(person)

    assert person.told == [
        "THESE ARE MOCK PINS: no wire is tested. Unset GPIOZERO_PIN_FACTORY on the Pi."
    ]


def test_one_thing_is_lit_at_a_time() -> None:
    """While the channels are walked, the pins agree with what is said."""
    person = Person()
    lit: list[set[Channel]] = []
    look = person.saw

    def saw(text: str) -> bool:
        lit.append(person.sees())
        return look(text)

    person.saw = saw  # type: ignore[method-assign]

    walked(person)

    assert lit[:3] == [{RED}, {AMBER}, {GREEN}]


# How it ends.


def test_the_lamp_is_dark_afterwards() -> None:
    """Every pin ends low."""
    person = Person()

    walked(person)

    assert [pin.state for pin in person.pins.values()] == [False, False, False]
    assert all(any(state.state for state in pin.states) for pin in person.pins.values())


def test_the_pins_are_released_afterwards() -> None:
    """The daemon can be started at once, and so can a second test."""
    lights: list[GpioLight] = []

    def opened(options: GpioOptions) -> GpioLight:
        lights.append(GpioLight(options))
        return lights[-1]

    walk(replace(a_lamp(), light=opened), Quiet())

    (light,) = lights
    assert light.leds == {}
    assert light.factory is None
    assert not threads()


def threads() -> list[str]:
    """Return the names of threads that play lamps."""
    return [each.name for each in threading.enumerate() if each.name.startswith("lamp ")]


class Quiet:
    """Somebody who agrees with everything, and *acts* at each step."""

    def __init__(self, act: Callable[[str], None] = lambda _text: None) -> None:
        self._act = act

    def say(self, text: str) -> None:
        """Agree."""

    def saw(self, text: str) -> bool:
        """Act, and agree."""
        self._act(text)
        return True

    def saw_instead(self, channels: Sequence[Channel]) -> Channel | None:
        """Never asked."""
        raise AssertionError(channels)


def test_the_lamp_is_dark_when_the_person_leaves() -> None:
    """Ctrl-C in the middle, with red lit."""
    person = Person()

    def leave(text: str) -> bool:
        assert person.sees() == {RED}, text
        raise KeyboardInterrupt

    person.saw = leave  # type: ignore[method-assign]

    with pytest.raises(KeyboardInterrupt):
        walked(person)

    assert [pin.state for pin in person.pins.values()] == [False, False, False]
    assert not threads()


# Lights that fail.


class Fragile:
    """A light that is unplugged (*gone*), or does not come back from a call (*stuck*)."""

    Options: ClassVar[type[DriverOptions]] = DriverOptions
    refresh: ClassVar[float | None] = None

    def __init__(self) -> None:
        self.gone = False
        self.stuck: threading.Event | None = None

    def open(self, _options: DriverOptions) -> Driver:
        """Open it, if it is there."""
        if self.gone:
            raise LightUnavailable("it is gone")
        return self

    def show(self, _frame: Frame) -> None:
        """Show it, if it is there."""
        if self.stuck is not None:
            self.stuck.wait(30)
        if self.gone:
            raise LightUnavailable("it is gone")

    def close(self) -> None:
        """Nothing is held."""


def a_fragile_lamp(light: Fragile) -> LampSettings:
    """Return a lamp with *light*."""
    return replace(a_lamp(), light=light.open, options=DriverOptions())


def test_a_light_that_does_not_open_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the light's own sentence."""
    monkeypatch.setattr(wiring, "ANSWERING", 0.2)
    light = Fragile()
    light.gone = True

    with pytest.raises(LightUnavailable, match="it is gone"):
        walk(a_fragile_lamp(light), Quiet())

    assert not threads()


def test_a_light_that_is_lost_in_the_middle_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked whether they see what cannot be seen."""
    monkeypatch.setattr(wiring, "ANSWERING", 0.2)
    light = Fragile()
    steps: list[str] = []

    def unplug(text: str) -> None:
        steps.append(text)
        light.gone = True

    with pytest.raises(LightUnavailable, match="it is gone"):
        walk(a_fragile_lamp(light), Quiet(unplug))

    assert steps == ["red: lit, and nothing else"]
    assert not threads()


def test_a_light_that_comes_back_in_time_goes_on() -> None:
    """A plug that was touched by accident does not end the walk."""
    light = Fragile()

    def touch(text: str) -> None:
        if text.startswith("amber"):
            light.gone = True
            threading.Timer(0.1, setattr, (light, "gone", False)).start()

    found = walk(a_fragile_lamp(light), Quiet(touch))

    assert found.failed == ()


def test_a_light_that_blocks_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """It neither answers nor fails; the test ends nevertheless."""
    monkeypatch.setattr(wiring, "ANSWERING", 0.2)
    light = Fragile()
    released = threading.Event()

    def block(_text: str) -> None:
        light.stuck = released

    with pytest.raises(LightUnavailable, match="the light did not answer within"):
        walk(a_fragile_lamp(light), Quiet(block))

    released.set()


# The advice alone.


def test_nothing_to_advise_where_all_is_right() -> None:
    """No sentence for what was seen as it should be."""
    assert [*advice({RED: RED, GREEN: GREEN}, {})] == []


def test_advice_names_channels_where_no_wire_is_known() -> None:
    """A light that cannot say where its wires go."""
    assert [*advice({RED: GREEN, GREEN: RED}, {})] == [
        "red and green look swapped: exchange their wires, or edit the configuration"
    ]


ONE_PORT = dict.fromkeys((RED, AMBER, GREEN), "/dev/ttyUSB0")


@pytest.mark.parametrize(
    ("seen", "keys", "expected"),
    [
        ({RED: GREEN, GREEN: RED}, {RED: "channels"}, "red and green look swapped: edit channels"),
        (
            {RED: GREEN, GREEN: RED},
            {},
            "red and green look swapped: see whether this is the light that is configured",
        ),
        (
            {RED: None},
            {},
            (
                "red: /dev/ttyUSB0 looks dead: see whether its lamp is broken, and whether this "
                "is the light that is configured"
            ),
        ),
        (
            {RED: GREEN, GREEN: GREEN},
            {},
            "red: /dev/ttyUSB0 lights green up: see whether this is the light that is configured",
        ),
    ],
)
def test_no_wires_are_exchanged_where_a_light_has_but_one(
    seen: Mapping[Channel, Channel | None], keys: Mapping[Channel, str], expected: str
) -> None:
    """A tower on a port: whoever looks for its wires looks for what is not there."""
    assert [*advice(seen, ONE_PORT, keys=keys)] == [expected]


@pytest.mark.parametrize(
    ("driver", "table", "key"),
    [
        ("gpio", {"pins": PINS}, "pins"),
        ("gpio", {"board": "pi-stop-a+"}, "the configuration"),
        ("serial", {"protocol": "lcus", "port": "x", "channels": ["red", "green"]}, "channels"),
        ("sysfs", {"leds": {"red": "a", "green": "b"}}, "leds"),
        ("console", {}, "the configuration"),
    ],
)
def test_the_key_to_edit_is_that_of_the_driver(
    driver: str, table: dict[str, object], key: str
) -> None:
    """Each driver has a word of its own for where a channel is."""
    options = lamp_from_keys(driver, table).options

    (sentence,) = advice({RED: GREEN, GREEN: RED}, {}, keys=wiring._keys(options))

    assert sentence.endswith(f"or edit {key}")
