"""`buildlight devices`: lists drivers, chips, ports and LEDs, with the next step."""

import argparse
import json
from collections.abc import Iterable, Iterator

from buildlight.cli import OK
from buildlight.cli.terminal import wrapped, write_line
from buildlight.drivers.inventory import (
    Devices,
    FoundChip,
    FoundDriver,
    FoundLed,
    FoundPort,
    look,
    to_json,
)
from buildlight.redaction import printable

NO_CHIPS = "none: this machine has no pins, or /dev is hidden from this program"
NO_PORTS = "none: plug the light in, and check with dmesg whether the kernel found it"
NO_LEDS = (
    "none: on a Raspberry Pi dtoverlay=gpio-led,gpio=17,label=build-red in config.txt makes one"
)


def main(chosen: argparse.Namespace) -> int:
    """List what was found."""
    devices = look()
    write_line(
        json.dumps(to_json(devices), indent=2)
        if chosen.json
        else "\n".join(map(wrapped, render(devices).splitlines()))
    )
    return OK


def render(devices: Devices) -> str:
    """Return *devices* as text."""
    return "\n".join(_lines(devices))


def _lines(devices: Devices) -> Iterator[str]:
    yield from _section("Drivers (driver = …)", map(_driver, devices.drivers), "none")
    yield from _section('GPIO chips (driver = "gpio")', map(_chip, devices.chips), NO_CHIPS)
    yield from _section('Serial ports (driver = "serial")', _ports(devices.ports), NO_PORTS)
    yield from _section('LEDs of the kernel (driver = "sysfs")', map(_led, devices.leds), NO_LEDS)


def _section(heading: str, told: Iterable[str], nothing: str) -> Iterator[str]:
    yield heading
    for line in [*told] or [nothing]:
        # The name of a USB device is text that its maker chose.
        yield f"  {printable(line, limit=300)}"


def _driver(driver: FoundDriver) -> str:
    told = f"{driver.name:<10} {driver.distribution} {driver.version}"
    return f"{told}: does not import: {driver.trouble}" if driver.trouble else told


def _chip(chip: FoundChip) -> str:
    if chip.trouble:
        return f"{chip.device}: {chip.trouble}"
    return f"{chip.device}: {chip.label}, {chip.lines} lines"


def _ports(ports: Iterable[FoundPort]) -> Iterator[str]:
    for port in ports:
        about = ", ".join(each for each in (port.usb, port.product, port.light) if each)
        yield f"{port.device}: {about or 'unknown device'}"
        if port.stable:
            yield f'  port = "{port.stable}"'


def _led(led: FoundLed) -> str:
    dims = f"dims in {led.max_brightness} steps" if (led.max_brightness or 1) > 1 else "on or off"
    if led.trigger in (None, "none"):
        return f"{led.name}: {dims}"
    return f"{led.name}: {dims}; the kernel shows {led.trigger} on it now"
