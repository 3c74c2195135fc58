"""Lists what a lamp can be made of: drivers, GPIO chips, serial ports, LEDs of the kernel.

:func:`look` returns plain values, and :func:`to_json` writes them. Nothing is switched, and no
GPIO line or serial port is opened.
"""

import fcntl
import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from buildlight.drivers import GROUP
from buildlight.drivers.serial.search import lasting_name, usb_id


@dataclass(frozen=True, slots=True)
class FoundDriver:
    """A driver and the package that has it; *trouble* is why it does not import."""

    name: str
    distribution: str
    version: str
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class FoundChip:
    """A GPIO chip; *label* and *lines* are ``None`` if *trouble* says why."""

    device: str
    label: str | None = None
    lines: int | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class FoundPort:
    """A serial port. *usb* is vid:pid, *light* the device that it probably belongs to."""

    device: str
    stable: str | None = None
    """The permanent name under /dev/serial."""
    usb: str | None = None
    product: str | None = None
    light: str | None = None


@dataclass(frozen=True, slots=True)
class FoundLed:
    """An LED of the kernel, and the trigger that switches it now."""

    name: str
    max_brightness: int | None = None
    trigger: str | None = None


@dataclass(frozen=True, slots=True)
class Devices:
    """Everything that was found."""

    drivers: tuple[FoundDriver, ...]
    chips: tuple[FoundChip, ...]
    ports: tuple[FoundPort, ...]
    leds: tuple[FoundLed, ...]


@dataclass(slots=True)
class Port:
    """What pyserial knows of a serial port."""

    device: str
    vid: int | None = None
    pid: int | None = None
    serial_number: str | None = None
    product: str | None = None
    manufacturer: str | None = None


# Devices by their USB id. A chip that many boards use does not prove that this is a light.
_KNOWN: Mapping[tuple[int, int], str] = {
    (0x1A86, 0x7523): "a CH340 chip: Adafruit's tower light (adafruit-tower), an LCUS relay "
    "board (lcus), or any other board",
    (0x2047, 0x03DF): "CompuLab fit-statUSB (fit-statusb)",
    (0x303A, 0x81DF): "Busy Tag (busytag)",
    (0x0403, 0x6001): "an FTDI chip: any board",
    (0x0403, 0x6015): "an FTDI chip: any board",
    (0x10C4, 0xEA60): "a CP210x chip: any board",
    (0x2341, 0x0043): "Arduino Uno",
    (0x2341, 0x8036): "Arduino Leonardo",
    (0x2E8A, 0x0005): "Raspberry Pi Pico with MicroPython",
    (0x2E8A, 0x000A): "Raspberry Pi Pico",
}
_MUTESYNC = (0x10C4, 0xEA60)


def recognised(port: Port) -> str | None:
    """Return the device at *port*, as far as its USB id identifies it."""
    if port.vid is None or port.pid is None:
        return None
    texts = f"{port.manufacturer or ''} {port.product or ''}".lower()
    if (port.vid, port.pid) == _MUTESYNC and "mutesync" in texts:
        return "MuteSync"
    return _KNOWN.get((port.vid, port.pid))


def found_port(port: Port, links: Mapping[str, str]) -> FoundPort:
    """Return *port* as a :class:`Port`; *links* maps the names in /dev/serial to devices."""
    numbers = None if port.vid is None or port.pid is None else (port.vid, port.pid)
    stable = lasting_name(port, links)
    return FoundPort(
        device=port.device,
        stable=None if stable == port.device else stable,
        usb=None if numbers is None else usb_id(numbers),
        product=port.product,
        light=recognised(port),
    )


CHIP_INFO = 0x8044B401
"""GPIO_GET_CHIPINFO_IOCTL of linux/gpio.h: it reads the chip and no line."""


def chip_info(answer: bytes) -> tuple[str, int]:
    """Return label and number of lines from a ``struct gpiochip_info``."""
    label = answer[32:64].partition(b"\0")[0].decode(errors="replace")
    return label, int.from_bytes(answer[64:68], "little")


def active_trigger(text: str) -> str | None:
    """Return the trigger in brackets, ``timer`` in the kernel's ``none [timer] heartbeat``."""
    for word in text.split():
        if word.startswith("[") and word.endswith("]"):
            return word[1:-1]
    return None


def to_json(devices: Devices) -> dict[str, Any]:
    """Return *devices* as a value that JSON can hold."""
    return {"version": 1, **asdict(devices)}


def usb_ports() -> Iterable[Port]:
    """Return the serial ports of this machine that have a device."""
    from serial.tools.list_ports import comports  # noqa: PLC0415 - only here

    try:
        ports = comports()
    except (OSError, TypeError, ValueError):
        # The device was unplugged while pyserial read its properties.
        ports = []
    for each in ports:
        yield Port(
            each.device, each.vid, each.pid, each.serial_number, each.product, each.manufacturer
        )


def look(root: Path = Path("/"), *, ports: Callable[[], Iterable[Port]] = usb_ports) -> Devices:
    """Return the devices under *root*, and *ports*."""
    links = _links(root / "dev/serial")
    return Devices(
        drivers=tuple(_driver(each) for each in sorted(entry_points(group=GROUP))),
        chips=tuple(_chip(each) for each in _sorted(root / "dev", "gpiochip*")),
        ports=tuple(sorted((found_port(each, links) for each in ports()), key=_device)),
        leds=tuple(_led(each) for each in _sorted(root / "sys/class/leds", "*")),
    )


def _device(port: FoundPort) -> str:
    return port.device


def _sorted(folder: Path, glob: str) -> list[Path]:
    with suppress(OSError):
        return sorted(folder.glob(glob), key=lambda each: (len(each.name), each.name))
    return []


def _driver(entry: EntryPoint) -> FoundDriver:
    trouble = None
    try:
        entry.load()
    except Exception as exc:  # noqa: BLE001 - a driver may be anybody's
        trouble = str(exc) or type(exc).__name__
    distribution = entry.dist
    if distribution is None:
        return FoundDriver(entry.name, "?", "?", trouble)
    return FoundDriver(entry.name, distribution.name, distribution.version, trouble)


def _chip(path: Path) -> FoundChip:
    if path.is_symlink():
        return FoundChip(str(path), trouble=f"another name of {path.resolve()}")
    try:
        chip = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError:
        return FoundChip(str(path), trouble="no permission; add the user to group gpio")
    except OSError as exc:
        return FoundChip(str(path), trouble=exc.strerror)
    try:
        label, lines = chip_info(fcntl.ioctl(chip, CHIP_INFO, bytes(68)))
    except OSError as exc:
        return FoundChip(str(path), trouble=f"does not say what it is: {exc.strerror}")
    finally:
        os.close(chip)
    return FoundChip(str(path), label=label, lines=lines)


def _led(folder: Path) -> FoundLed:
    brightness = trigger = None
    with suppress(OSError, ValueError):
        brightness = int((folder / "max_brightness").read_text(encoding="ascii"))
    with suppress(OSError, ValueError):
        trigger = active_trigger((folder / "trigger").read_text(encoding="ascii"))
    return FoundLed(folder.name, brightness, trigger)


def _links(folder: Path) -> dict[str, str]:
    links = [link for kind in ("by-id", "by-path") for link in _sorted(folder / kind, "*")]
    return {str(link): str(link.resolve()) for link in links}
