"""Finds out why a GPIO chip does not open: lgpio gives no reason, so the device file is opened."""

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from buildlight.errors import LightBusy, LightUnavailable

DEVICES = Path("/dev")
"""The folder of GPIO chips: ``gpiochip0`` and so on."""


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
