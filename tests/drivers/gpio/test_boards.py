"""Ready-made boards: their pins are gpiozero's, and what is lit is what the pattern says."""

from collections.abc import Iterator, Mapping
from typing import Any

import gpiozero
import pytest
from gpiozero.pins.mock import MockFactory, MockPWMPin
from hypothesis import given
from hypothesis import strategies as st

from buildlight.config.patterns import SIGNALS
from buildlight.config.settings import check_settings, lamp_from_keys
from buildlight.drivers.gpio.boards import BOARDS
from buildlight.drivers.gpio.light import GpioLight, GpioOptions
from buildlight.errors import ConfigError
from buildlight.lamps.settings import LampSettings
from buildlight.patterns.pattern import Channel, frame_at

RED, AMBER, GREEN, BLUE = Channel.RED, Channel.AMBER, Channel.GREEN, Channel.BLUE


@pytest.fixture
def factory() -> Iterator[MockFactory]:
    """A pin factory for gpiozero's own classes."""
    made = MockFactory(pin_class=MockPWMPin)
    yield made
    made.reset()


def pins_of(leds: Any, **names: str) -> dict[Channel, int]:
    """Return the BCM numbers of gpiozero's *leds*; *names* are its words for our channels."""
    return {
        Channel(channel): int(getattr(leds, name).pin.info.name.removeprefix("GPIO"))
        for channel, name in names.items()
    }


TRAFFIC = {"red": "red", "amber": "amber", "green": "green"}
PAIR = {"red": "red", "green": "green"}


# The pins.


@pytest.mark.parametrize("location", ["A", "A+", "B", "B+", "C", "D"])
def test_a_pi_stop_has_gpiozeros_pins(factory: MockFactory, location: str) -> None:
    """At each of its places on the header."""
    with gpiozero.PiStop(location, pin_factory=factory) as stop:
        assert BOARDS[f"pi-stop-{location.lower()}"].pins == pins_of(stop, **TRAFFIC)


@pytest.mark.parametrize(
    ("name", "kind"), [("pi-traffic", gpiozero.PiTraffic), ("traffic-phat", gpiozero.TrafficpHat)]
)
def test_traffic_lights_have_gpiozeros_pins(factory: MockFactory, name: str, kind: Any) -> None:
    """Red, amber and green."""
    with kind(pin_factory=factory) as lights:
        assert BOARDS[name].pins == pins_of(lights, **TRAFFIC)


@pytest.mark.parametrize(
    ("name", "kind"), [("traffic-hat", gpiozero.TrafficHat), ("fishdish", gpiozero.FishDish)]
)
def test_boards_with_a_buzzer_have_gpiozeros_pins(
    factory: MockFactory, name: str, kind: Any
) -> None:
    """The buzzer is a channel beside the lights."""
    with kind(pin_factory=factory) as board:
        lights, buzzer = pins_of(board.lights, **TRAFFIC), pins_of(board, buzzer="buzzer")

    assert BOARDS[name].pins == lights | buzzer


def test_a_pibrella_has_gpiozeros_pins_without_its_tone(factory: MockFactory) -> None:
    """Its buzzer has to be given a tone, which would be PWM."""
    with gpiozero.Pibrella(pin_factory=factory) as board:
        assert BOARDS["pibrella"].pins == pins_of(board.lights, **TRAFFIC)


def test_the_rows_of_a_jamhat_have_gpiozeros_pins(factory: MockFactory) -> None:
    """Two rows, two lights; the buzzer has to be given a tone."""
    names = {**TRAFFIC, "amber": "yellow"}
    with gpiozero.JamHat(pin_factory=factory) as board:
        assert BOARDS["jamhat-1"].pins == pins_of(board.lights_1, **names)
        assert BOARDS["jamhat-2"].pins == pins_of(board.lights_2, **names)


def test_a_ledborg_has_gpiozeros_pins(factory: MockFactory) -> None:
    """One RGB LED."""
    with gpiozero.LedBorg(pin_factory=factory) as led:
        numbers = [int(each.pin.info.name.removeprefix("GPIO")) for each in led._leds]

    assert dict(BOARDS["ledborg"].pins) == dict(zip((RED, GREEN, BLUE), numbers, strict=True))
    assert [name for name, board in BOARDS.items() if board.rgb] == ["ledborg"]


def test_the_rows_of_a_statuszero_have_gpiozeros_pins(factory: MockFactory) -> None:
    """Three rows, three projects."""
    with gpiozero.StatusZero(pin_factory=factory) as board:
        rows = [pins_of(row, **PAIR) for row in board]

    assert [BOARDS[f"statuszero-{number}"].pins for number in (1, 2, 3)] == rows


def test_the_rows_of_a_statusboard_have_gpiozeros_pins(factory: MockFactory) -> None:
    """Five rows, five projects."""
    with gpiozero.StatusBoard(pin_factory=factory) as board:
        rows = [pins_of(row.lights, **PAIR) for row in board]

    assert [BOARDS[f"statusboard-{number}"].pins for number in (1, 2, 3, 4, 5)] == rows


# What is lit.


@pytest.fixture(autouse=True)
def _mock_pins(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pins are gpiozero's mock pins, which can be dimmed."""
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    monkeypatch.setenv("GPIOZERO_MOCK_PIN_CLASS", "mockpwmpin")


def a_lamp(board: str, **keys: object) -> LampSettings:
    """Return a lamp with *board*."""
    return lamp_from_keys("gpio", {"board": board, **keys})


def lit_pins(light: GpioLight) -> set[int]:
    """Return the BCM numbers of the pins that are high."""
    pins = (led.pin for led in light.leds.values())
    return {int(pin.info.name.removeprefix("GPIO")) for pin in pins if pin.state}


def pins_for(board: str, channel: Channel) -> set[int]:
    """Return the pins that *board* has to light for *channel*."""
    pins = BOARDS[board].pins
    if BOARDS[board].rgb:
        mixes: Mapping[Channel, set[Channel]] = {AMBER: {RED, GREEN}}
        return {pins[each] for each in mixes.get(channel, {channel})}
    return {pins[channel]}


MOMENTS = st.lists(st.floats(min_value=0, max_value=3600), min_size=1, max_size=8)


@pytest.mark.parametrize("dim", [False, True])
@pytest.mark.parametrize("board", BOARDS)
def test_what_is_lit_is_what_the_pattern_says(board: str, *, dim: bool) -> None:
    """At every moment of every signal, on every board: those pins, and no others."""
    lamp = a_lamp(board, dim=dim)
    light = lamp.open_light()
    assert isinstance(light, GpioLight)

    @given(signal=st.sampled_from(SIGNALS), moments=MOMENTS)
    def play(signal: str, moments: list[float]) -> None:
        for moment in moments:
            frame = frame_at(lamp.patterns[signal], moment)

            light.show(frame)

            wanted = {pin for channel in frame.lit for pin in pins_for(board, channel)}
            assert lit_pins(light) == wanted

    play()
    light.close()


@pytest.mark.parametrize("board", BOARDS)
def test_red_and_green_mean_the_same_on_every_board(board: str) -> None:
    """Broken lights red and passing green; amber is both where there is no amber."""
    lamp = a_lamp(board)
    light = lamp.open_light()
    assert isinstance(light, GpioLight)
    pins = BOARDS[board].pins
    amber = {pins[AMBER]} if AMBER in pins else {pins[RED], pins[GREEN]}

    seen = {}
    for signal in ("broken", "passing", "none"):
        light.show(frame_at(lamp.patterns[signal], 0))
        seen[signal] = lit_pins(light)
    light.close()

    assert seen == {"broken": {pins[RED]}, "passing": {pins[GREEN]}, "none": amber}


# In the configuration.


def test_a_board_needs_no_pins() -> None:
    """Its name is enough, in small letters or in the maker's."""
    options = GpioOptions.model_validate({"board": "Pi-Stop-A+"})

    assert options.board == "pi-stop-a+"
    assert options.wires == {RED: 21, AMBER: 20, GREEN: 16}
    assert options.channels == {RED, AMBER, GREEN}
    assert options.claims == {"GPIO21", "GPIO20", "GPIO16"}


def test_a_board_of_one_rgb_led_has_the_colours_it_mixes() -> None:
    """Nothing but the name says so."""
    options = GpioOptions.model_validate({"board": "ledborg"})

    assert {each.value for each in options.channels} == {"red", "amber", "green", "blue", "white"}
    assert options.claims == {"GPIO17", "GPIO27", "GPIO22"}
    assert not options.dims


def test_the_wiring_of_a_board_names_it() -> None:
    """Nobody wired it, so what matters is where on the header it sits."""
    light = GpioLight(GpioOptions.model_validate({"board": "traffic-hat"}))

    wiring = light.wiring
    light.close()

    assert wiring == {
        RED: "Traffic HAT, GPIO24, header pin 18",
        AMBER: "Traffic HAT, GPIO23, header pin 16",
        GREEN: "Traffic HAT, GPIO22, header pin 15",
        Channel.BUZZER: "Traffic HAT, GPIO5, header pin 29",
    }


def test_rows_of_a_board_are_lamps_side_by_side() -> None:
    """Five projects on one board; naming a row twice, or a pin of it, is a mistake."""
    lamps = [{"driver": "gpio", "board": f"statusboard-{row}"} for row in (1, 2, 3, 4, 5)]
    feeds = [{"url": "https://ci.example/cc.xml"}]

    settings = check_settings({"feeds": feeds, "lamps": lamps})
    lights = [lamp.open_light() for lamp in settings.lamps]
    for light in lights:
        light.close()

    pins = [pin for lamp in settings.lamps for pin in lamp.options.claims]
    assert len(pins) == len(set(pins)) == 10


@pytest.mark.parametrize(
    "other",
    [
        {"board": "statusboard-1"},
        {"board": "statuszero-1"},
        {"pins": {"red": 4}},
        {"pins": {"red": "BOARD7"}},
    ],
)
def test_a_pin_of_a_board_belongs_to_one_lamp(other: dict[str, object]) -> None:
    """Whatever name the other lamp has for it."""
    lamps = [{"driver": "gpio", "board": "statusboard-1"}, {"driver": "gpio", **other}]
    feeds = [{"url": "https://ci.example/cc.xml"}]

    with pytest.raises(ConfigError) as caught:
        check_settings({"feeds": feeds, "lamps": lamps})

    assert any("GPIO4 is already used by lamp 1" in each for each in caught.value.mistakes)
