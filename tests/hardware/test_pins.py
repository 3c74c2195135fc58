"""Every pin that anybody reads anywhere is the one of the table, hardware/pins.toml."""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from gpiozero.pins.pi import PiBoardInfo

from buildlight.drivers.gpio.boards import BOARDS
from buildlight.drivers.gpio.light import EXAMPLE
from buildlight.drivers.gpio.pins import pin_number
from hardware.guide import CHAPTERS, HARDWARE, ROOT, SVG, TABLE, chapter, rows, section, texts

LAMPS: Mapping[str, Any] = TABLE["lamps"]
LIGHTS: Mapping[str, Any] = TABLE["lights"]
WIRED = [name for name in LAMPS if "board" not in LAMPS[name]]

PLACES = {
    "three-leds": ("three-leds.md", "Wire"),
    "rgb-led": ("rgb-led.md", "Wire"),
    "tower": ("tower.md", "Wire"),
    "relay": ("relay.md", "Way A: on the pins themselves"),
    "relay-uln": ("relay.md", "Way B: behind a ULN2803A"),
    "avr": ("own-usb-light.md", "Wire: Arduino"),
    "pico": ("own-usb-light.md", "Wire: Pico"),
}
"""Where a lamp's table of wires stands: the chapter, and the section."""

DRAWN = {**{name: name for name in WIRED}, "avr": "arduino", "pico": "pico"}
"""What the drawings of a lamp are called."""

WHOSE = {"avr": "Arduino", "pico": "Pico"}
"""What the wiring drawings call the side of the computer; the Pi unless it is here."""

ARDUINO = {"GND", "5V"} | {f"D{number}" for number in range(14)}
PICO = {f"GP{number}" for number in range(29)}
"""What stands beside the pins of either."""

REVISIONS = {"Zero W": 0x9000C1, "3B": 0xA02082, "4B": 0xC03114, "5B": 0xC04170}


def gpio(name: str) -> int:
    """Return the number in ``GPIO17``."""
    return int(name.removeprefix("GPIO"))


def lit(wires: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return those of *wires* that light a channel, by the channel."""
    return {wire["channel"]: wire for wire in wires if "channel" in wire}


def all_wires(name: str) -> list[dict[str, Any]]:
    """Return the wires of a lamp or a light."""
    wires: list[dict[str, Any]] = (LAMPS.get(name) or LIGHTS[name])["wires"]
    return wires


@pytest.mark.parametrize("model", REVISIONS)
def test_the_header_is_that_of_every_pi(model: str) -> None:
    """A pin of the table is where gpiozero knows it, on old and new Pis with 40 pins."""
    pins = PiBoardInfo.from_revision(REVISIONS[model]).headers["J8"].pins

    assert {str(number): pin.name for number, pin in pins.items()} == TABLE["header"]


@pytest.mark.parametrize("name", LAMPS)
def test_a_wire_is_what_its_pin_is(name: str) -> None:
    """A lamp's table names each pin rightly, and none twice."""
    wires = all_wires(name)

    assert {wire["pin"]: wire["is"] for wire in wires} == {
        wire["pin"]: TABLE["header"][str(wire["pin"])] for wire in wires
    }
    assert len({wire["pin"] for wire in wires}) == len(wires)
    assert all(wire["is"].startswith("GPIO") == ("channel" in wire) for wire in wires)


@pytest.mark.parametrize("name", WIRED)
def test_a_lamp_is_dark_before_anybody_drives_it(name: str) -> None:
    """All its pins are pulled down at power-on (GPIO9 to 27), and on no SPI or serial port."""
    pins = {gpio(wire["is"]) for wire in lit(all_wires(name)).values()}

    assert pins <= {*range(9, 28)} - {9, 10, 11, 14, 15}


def test_a_channel_has_the_same_pin_in_every_chapter() -> None:
    """Who exchanges three LEDs for a tower keeps the wires and the configuration."""
    pins = [
        {channel: wire["is"] for channel, wire in lit(all_wires(name)).items()}
        for name in WIRED
        if name != "rgb-led"
    ]

    assert all(each == pins[0] for each in pins)


def test_the_boards_are_those_of_the_driver() -> None:
    """`board = "…"` lights what the table and its chapter say."""
    known = {
        name: {channel.value: pin for channel, pin in board.pins.items()}
        for name, board in BOARDS.items()
    }

    assert known == TABLE["boards"]


def test_a_drawn_board_is_on_its_pins() -> None:
    """The Pi-Stop is drawn where the driver looks for it."""
    lamp = LAMPS["pi-stop"]
    drawn = {channel: gpio(wire["is"]) for channel, wire in lit(lamp["wires"]).items()}

    assert drawn == TABLE["boards"][lamp["board"]]


def test_the_list_of_boards_is_the_table() -> None:
    """Each row of the chapter has its board's pins, header pins, and what is pulled up at boot."""
    where = {name: number for number, name in TABLE["header"].items()}
    listed = {row[0].strip("`"): row for row in rows(chapter("boards.md")) if len(row) == 4}

    for name, pins in TABLE["boards"].items():
        _, title, channels, at_boot = listed[name]
        assert title == BOARDS[name].title
        assert channels == ", ".join(
            f"{channel} GPIO{pin} (pin {where[f'GPIO{pin}']})" for channel, pin in pins.items()
        )
        up = [channel for channel, pin in pins.items() if pin <= 8]
        assert bool(at_boot) == (bool(up) or name == "pi-stop-c"), name
        assert name == "pi-stop-d" or all(channel in at_boot for channel in up)


def test_the_places_of_a_pi_stop_are_those_of_the_boards() -> None:
    """The four holes of each place are the pins that the driver lights, and a ground."""
    places = [row for row in rows(section("boards.md", "Wire")) if row[1].startswith("pin ")]

    for place, holes in places:
        pins = {what: number for number, what in re.findall(r"pin (\d+) (\w+)", holes)}
        assert TABLE["header"][pins.pop("GND")] == "GND"
        assert {channel: gpio(TABLE["header"][number]) for channel, number in pins.items()} == (
            TABLE["boards"][f"pi-stop-{place.lower()}"]
        )
    assert len(places) == 6


@pytest.mark.parametrize("name", PLACES)
def test_the_chapter_wires_what_the_table_says(name: str) -> None:
    """Each row of a chapter's table of wires has the pin, its name and the colour of the table."""
    kinds = {*TABLE["header"].values(), *PICO, "VBUS"}
    told = [row for row in rows(section(*PLACES[name])) if row[0] in ARDUINO or row[1] in kinds]

    if name == "avr":
        # One ground of the table is two wires to two places.
        assert {(row[0], row[1]) for row in told} == {
            (wire["pin"], wire["colour"]) for wire in all_wires(name)
        }
    else:
        assert sorted((row[0], row[1], row[2]) for row in told) == sorted(
            (str(wire["pin"]), wire["is"], wire["colour"]) for wire in all_wires(name)
        )


@pytest.mark.parametrize("name", DRAWN)
def test_the_wiring_is_drawn_as_the_table_says(name: str) -> None:
    """Each wire of the drawing has the pin, its name and the colour of the table."""
    said = texts(f"{DRAWN[name]}-wiring.svg")
    whose = WHOSE.get(name, "Pi")
    drawn = {
        (end.removeprefix(f"{whose}:"), colour)
        for end, colour in pairwise(said)
        if end.startswith(f"{whose}:")
    }

    assert drawn == {
        (str(wire["pin"]) + (f":{wire['is']}" if "is" in wire else ""), wire["colour"])
        for wire in all_wires(name)
    }


@pytest.mark.parametrize("name", DRAWN)
def test_a_wire_ends_where_the_chapter_and_the_table_say(name: str) -> None:
    """The far end of each drawn wire is in the chapter's row, and in the table, for that pin."""
    told: dict[str, list[str]] = {row[0]: [] for row in rows(section(*PLACES[name]))}
    for row in rows(section(*PLACES[name])):
        told[row[0]].append(row[-1])
    tabled = {str(wire["pin"]): wire["to"] for wire in all_wires(name)}
    ends = far_ends(name)

    assert len(ends) >= len(tabled)
    for near, far in ends:
        assert any(re.search(rf"\b{far}\b", each) for each in told[near]), (near, far)
        assert re.search(rf"\b{far}\b", tabled[near]), (near, far)


def far_ends(name: str) -> list[tuple[str, str]]:
    """Return the pin of each drawn wire, and how chapter and table call its far end."""
    said, whose = texts(f"{DRAWN[name]}-wiring.svg"), WHOSE.get(name, "Pi")
    ends = []
    for near, far in zip(said, said[2:], strict=False):
        if near.startswith(f"{whose}:"):
            device, place = far.split(":")[:2]
            called = f"leg {place}" if device == "U1" else WORDS.get(place, place)
            ends.append((near.split(":")[1], called))
    return ends


WORDS = {"-": "short legs", "BZ1": "buzzer", "Q": "emitters", "LED": "longest leg"}
"""What the chapters and the table say for places of the drawings that are no parts."""


def test_every_wiring_with_pins_is_compared() -> None:
    """No drawing that shows a pin of a computer is left out."""
    shows = [
        file.name.removesuffix("-wiring.svg")
        for file in SVG.glob("*-wiring.svg")
        if any(re.match(r"(Pi|Arduino|Pico):", each) for each in texts(file.name))
    ]

    assert {*shows} == {*DRAWN.values()}


@pytest.mark.parametrize("name", DRAWN)
def test_the_schematic_has_the_pins_of_the_table(name: str) -> None:
    """Each pin of the table is in the schematic, and no other."""
    said = " ".join(texts(f"{DRAWN[name]}-schematic.svg"))
    wires = all_wires(name)
    if name == "avr":
        assert {*re.findall(r"\b(D\d+) = (\w+)", said)} == {
            (wire["pin"], wire["chip"]) for wire in lit(wires).values()
        }
    else:
        assert {*re.findall(r"(\w+) \(pin (\d+)\)", said)} == {
            (wire["is"], str(wire["pin"])) for wire in wires
        }


EXAMPLES = [*(HARDWARE / each for each in CHAPTERS), ROOT / "README.md"]
EXAMPLES += (ROOT / "examples").glob("**/*.toml")


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.relative_to(ROOT)))
def test_examples_have_the_pins_of_the_table(file: Path) -> None:
    """What is copied from the guide, the README or an example fits a lamp of this guide."""
    text = file.read_text(encoding="utf-8")
    found = re.findall(r"pins = \{([^}…]*)\}|--pins ([\w=,]+)", text)

    for table, typed in found:
        assert_of_the_table((table or typed).split(","))
    assert found or file.name not in {"three-leds.md", "rgb-led.md", "tower.md", "relay.md"}


def test_the_program_suggests_the_pins_of_the_table() -> None:
    """A mistake in `pins` is answered with an example that fits the guide."""
    assert_of_the_table(EXAMPLE.strip("{} ").split(","))


def assert_of_the_table(assignments: Iterable[str]) -> None:
    """Assert that *assignments*, as ``red = 17``, are the pins of one lamp of the table."""
    pins = {
        channel.strip(): pin_number(pin.strip(' "'))
        for channel, pin in (each.split("=") for each in assignments)
    }
    lamps = [
        {channel: gpio(wire["is"]) for channel, wire in lit(all_wires(name)).items()}
        for name in WIRED
    ]
    assert any(pins.items() <= lamp.items() for lamp in lamps), pins


@pytest.mark.parametrize("wire", lit(all_wires("avr")).values(), ids=lambda wire: wire["pin"])
def test_an_arduino_pin_is_that_port_of_the_chip(wire: Mapping[str, str]) -> None:
    """D0 to D7 are port D of the ATmega328P, D8 to D13 are port B."""
    number = int(wire["pin"].removeprefix("D"))

    assert wire["chip"] == (f"PD{number}" if number < 8 else f"PB{number - 8}")


def test_a_pico_pin_is_where_the_pico_has_it() -> None:
    """Of 20 pins a side each fifth from the third on is ground, and the others count upwards."""
    others = iter(range(16))
    left = {number: "GND" if number % 5 == 3 else f"GP{next(others)}" for number in range(1, 21)}

    for wire in all_wires("pico"):
        assert wire["is"] == {**left, 40: "VBUS"}[wire["pin"]]


def test_the_firmware_has_the_pins_of_the_table() -> None:
    """Who wires our own light as drawn finds red where the program lights red."""
    firmware = HARDWARE / "firmware"
    avr = (firmware / "avr" / "pins.h").read_text(encoding="utf-8")
    pico = (firmware / "pico" / "pins.py").read_text(encoding="utf-8")

    assert {
        channel.lower(): f"D{pin}" for channel, pin in re.findall(r"define (\w+)_PIN +(\d+)", avr)
    } == {channel: wire["pin"] for channel, wire in lit(all_wires("avr")).items()}
    assert {channel: f"GP{pin}" for channel, pin in re.findall(r'"(\w+)": (\d+)', pico)} == {
        channel: wire["is"] for channel, wire in lit(all_wires("pico")).items()
    }
