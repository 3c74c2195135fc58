"""Which GPIO chip the header hangs on: found by its label, whatever its number."""

import fcntl
import os
from pathlib import Path

import pytest

from buildlight.drivers.gpio import chip_errors, pins
from buildlight.drivers.gpio.chip_errors import CHIP_INFO, header_chip


@pytest.mark.parametrize(
    ("chips", "found"),
    [
        ({11: "gpio-brcmstb@107d508500", 13: "pinctrl-rp1", 14: "raspberrypi-exp-gpio"}, 13),
        ({0: "pinctrl-bcm2711", 1: "raspberrypi-exp-gpio"}, 0),
        ({0: "gpio-brcmstb", 4: "pinctrl-rp1"}, 4),
        ({0: "INT33FF:00"}, None),
        ({}, None),
    ],
)
def test_the_chip_of_the_header_is_found_by_its_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chips: dict[int, str], found: int | None
) -> None:
    """On a Pi 5 with kernel 6.12.96 the chips are 11 to 15, and the first is the SoC's own."""
    for number in chips:
        (tmp_path / f"gpiochip{number}").touch()
    monkeypatch.setattr(chip_errors, "DEVICES", tmp_path)

    def ioctl(file: int, request: int, _argument: bytes) -> bytes:
        assert request == CHIP_INFO
        name = Path(f"/proc/self/fd/{file}").readlink().name
        label = chips[int(name.removeprefix("gpiochip"))]
        return bytes(32) + label.encode().ljust(32, b"\0") + bytes(4)

    monkeypatch.setattr(fcntl, "ioctl", ioctl)

    assert header_chip() == found


def test_a_file_that_is_not_a_chip_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever somebody left in /dev."""
    (tmp_path / "gpiochip0").touch()
    os.mkfifo(tmp_path / "gpiochip1")
    monkeypatch.setattr(chip_errors, "DEVICES", tmp_path)

    assert header_chip() is None


def test_a_pin_factory_of_a_tutorial_is_told() -> None:
    """Installing python3-lgpio would change nothing."""
    told = pins._no_factory("pigpio", ModuleNotFoundError(name="pigpio"))

    assert told == (
        "GPIOZERO_PIN_FACTORY=pigpio needs the library 'pigpio', which is not installed; unset "
        "GPIOZERO_PIN_FACTORY"
    )
