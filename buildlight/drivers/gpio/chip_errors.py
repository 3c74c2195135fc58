"""Finds out why a GPIO chip does not open: lgpio gives no reason, so the device file is opened."""

import errno
import fcntl
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from buildlight.errors import LightBusy, LightUnavailable

DEVICES = Path("/dev")
"""The folder of GPIO chips: ``gpiochip0`` and so on."""


HEADERS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
"""The labels of the chips whose lines go to the header: of a Pi 5, of a Pi 4, of all before."""
CHIP_INFO = 0x8044B401
"""GPIO_GET_CHIPINFO_IOCTL of linux/gpio.h: asks the chip, and none of its lines."""


def header_chip() -> int | None:
    """Return the number of the header's chip, by its label; ``None`` if no chip has one.

    The numbers differ from kernel to kernel: a Pi 5 had 4, then 0, and with 6.12.96 11 and more.
    """
    labels: dict[str, int] = {}
    for device in DEVICES.glob("gpiochip*"):
        number = device.name.removeprefix("gpiochip")
        if number.isdecimal() and not device.is_symlink() and (label := _label(device)):
            labels.setdefault(label, int(number))
    return next((labels[label] for label in HEADERS if label in labels), None)


def _label(device: Path) -> str:
    with suppress(OSError):
        chip = os.open(device, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            answer = fcntl.ioctl(chip, CHIP_INFO, bytes(68))
        finally:
            os.close(chip)
        return answer[32:64].partition(b"\0")[0].decode(errors="replace")
    return ""


def closed_chip(number: int, said: str) -> LightUnavailable:
    """Return why chip *number* does not open; *said* is the message of the library.

    The device is opened and closed once, which changes no pin.
    """
    device = DEVICES / f"gpiochip{number}"
    try:
        os.close(os.open(device, os.O_RDWR | os.O_CLOEXEC))
    except OSError as exc:
        explain = _REASONS.get(exc.errno or 0)
        if explain is not None:
            return explain(device)
        return LightUnavailable(f"cannot open {device}: {exc.strerror}")
    return LightUnavailable(f"the library cannot open {device}: {said}")


def _absent(device: Path) -> LightUnavailable:
    there = sorted(each.name.removeprefix("gpiochip") for each in DEVICES.glob("gpiochip*"))
    if there:
        remedy = f"this machine has chip {', '.join(there)}: write it as chip = {there[0]}"
    else:
        remedy = "this machine has no GPIO chip, or the unit hides it (PrivateDevices=yes)"
    return LightUnavailable(f"there is no {device}; {remedy}")


def _not_permitted(device: Path) -> LightUnavailable:
    return LightUnavailable(
        f"no permission for {device}; add the user to group gpio, then log in anew"
    )


def _forbidden(device: Path) -> LightUnavailable:
    return LightUnavailable(
        f"{device} is forbidden to this service; add DeviceAllow=char-gpiochip rw to its unit"
    )


def _busy(device: Path) -> LightUnavailable:
    return LightBusy(f"{device} is held by another program")


_REASONS: Mapping[int, Callable[[Path], LightUnavailable]] = {
    errno.ENOENT: _absent,
    errno.EACCES: _not_permitted,
    errno.EPERM: _forbidden,  # systemd's device filter says it so
    errno.EBUSY: _busy,
}
