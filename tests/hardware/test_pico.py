"""The Pico's program, main.py: what its protocol class says goes to the pins, and to the wire.

The protocol class itself is in ``test_protocol.py``; here the real driver speaks to the whole
program over a pseudo-terminal. The machine is made up: no Pico, and no USB.
"""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from buildlight.drivers.serial.light import SerialLight
from buildlight.drivers.serial.options import SerialOptions
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import Channel, Frame
from hardware.conftest import FIRMWARE, pico
from hardware.lead import CHANNELS, PATIENCE, until
from hardware.pico_port import PINS, Pico

LATE = 0.25
"""Seconds that a change may come late: the program is not alone on this machine."""


@pytest.fixture
def light(tmp_path: Path) -> Iterator[Pico]:
    """Plug a Pico in."""
    made = Pico(tmp_path)
    yield made
    made.close()


def a_driver(light: Pico) -> SerialLight:
    """Open it as buildlight does."""
    return SerialLight(SerialOptions.model_validate({"port": light.name, "protocol": "buildlight"}))


def test_the_driver_leads_the_pins_of_a_pico(light: Pico) -> None:
    """Each channel on its own pin, dimmed where it can be; dark at the end."""
    driver = a_driver(light)

    for channel in Channel:
        if channel.value not in CHANNELS:
            continue
        driver.show(Frame.of({channel: 1}))
        until(lambda: light.lit() == {channel.value: 100}, light.told)  # noqa: B023 - at once
    driver.show(Frame.of({Channel.RED: 0.5, Channel.GREEN: 0.01}))
    until(lambda: light.lit() == {"red": 50, "green": 1}, light.told)
    driver.close()
    until(lambda: light.lit() == {}, light.told)

    assert light.process.poll() is None


def test_a_pico_blinks_by_itself(light: Pico) -> None:
    """Nobody says anything between two blinks, and each lasts as long as it should."""
    driver = a_driver(light)
    driver.play(parse_pattern("green blink"))
    until(lambda: len(light.changes("green")) >= 8, light.told)
    changes = light.changes("green")[1:]
    driver.close()

    (first, _), *rest = changes
    for number, (at, level) in enumerate(rest, start=1):
        assert number * 0.5 - 0.05 <= at - first <= number * 0.5 + LATE
        assert level == (0 if number % 2 else 100)


def test_a_pico_shows_that_it_has_lost_its_host(light: Pico) -> None:
    """From its start on, and after its patience: amber, and never green again."""
    until(lambda: light.lit() == {"amber": 100}, light.told)
    driver = a_driver(light)
    driver.show(Frame.of({Channel.GREEN: 1}))
    until(lambda: light.lit() == {"green": 100}, light.told)
    assert driver._wire is not None

    driver._wire.write(b"HELLO\nSET green=100 ttl=2\n")

    until(lambda: light.lit() == {"amber": 100}, light.told)
    until(lambda: light.lit() == {}, light.told)
    since = next(at for at, level in reversed(light.changes("green")) if level == 100)
    lost = next(at for at, level in reversed(light.changes("green")) if level == 0)
    assert 2 - 0.05 <= lost - since <= 5 + 2 + LATE
    driver.close()


def test_ctrl_c_ends_the_program_until_a_host_speaks(light: Pico) -> None:
    """Then the byte is the host's, and the watchdog runs: so a person can replace the program."""
    until(lambda: light.lit() == {"amber": 100}, light.told)
    kinds = [words[1:] for words in light.told() if words[1] != "pin"]
    assert kinds == [["interrupt", "3"]]

    a_driver(light).close()

    kinds = [words[1:] for words in light.told() if words[1] != "pin"]
    assert kinds == [["interrupt", "3"], ["interrupt", "-1"], ["watchdog", "2000"]]


def test_a_program_that_is_interrupted_leaves_the_lamp_dark(light: Pico) -> None:
    """As Ctrl-C does, on the way to new firmware."""
    until(lambda: light.lit() == {"amber": 100}, light.told)

    light.process.send_signal(signal.SIGINT)

    assert light.process.wait(PATIENCE) == 0
    assert light.lit() == {}


def test_the_pins_of_a_pico_are_where_its_firmware_says() -> None:
    """The table in pins.py is what this file, and the drawings, go by."""
    pico()
    text = (FIRMWARE / "pico" / "pins.py").read_text()

    found = {
        int(pin): name for name, pin in re.findall(r'^    "(\w+)": (\d+),$', text, re.MULTILINE)
    }

    assert found == PINS
