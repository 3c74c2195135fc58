"""Finds a light among the serial ports by its USB id. Pure: the ports are an argument."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from buildlight.errors import LightUnavailable


class PortInfo(Protocol):
    """A port as pyserial's ``list_ports`` describes it."""

    device: str
    vid: int | None
    pid: int | None
    serial_number: str | None


def usb_id(usb: tuple[int, int]) -> str:
    """Return a vendor and a product id as ``lsusb`` writes them."""
    return "{:04x}:{:04x}".format(*usb)


def choose_port(
    light: str, usb: tuple[int, int], ports: Iterable[PortInfo], links: Mapping[str, str]
) -> str:
    """Return the only port of *ports* with the id *usb*: the device of the *light*.

    *links* maps the names under ``/dev/serial`` to their devices. Raises
    :class:`LightUnavailable` if there is no such port, or more than one.
    """
    found = [port for port in ports if (port.vid, port.pid) == usb]
    match found:
        case []:
            raise LightUnavailable(f"no {light} found (USB id {usb_id(usb)}); is it plugged in?")
        case [port]:
            return port.device
    names = ", ".join(sorted(lasting_name(port, links) for port in found))
    raise LightUnavailable(
        f"{len(found)} ports have the USB id {usb_id(usb)} of {light}; set port to one of: {names}"
    )


def lasting_name(port: PortInfo, links: Mapping[str, str]) -> str:
    """Return a permanent name of *port*; the device's own name only if there is no other.

    Two devices without a serial number share one name under ``by-id``, which belongs to the one
    that was plugged in last. Such devices are named by their USB socket.
    """
    folders = ("/by-id/", "/by-path/") if port.serial_number else ("/by-path/",)
    names = sorted(name for name, device in links.items() if device == port.device)
    lasting = (name for folder in folders for name in names if folder in name)
    return next(lasting, port.device)
