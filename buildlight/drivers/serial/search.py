"""Finding a light among the serial ports by its USB id. Pure: the ports are handed in."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from buildlight.errors import LightUnavailable


class PortInfo(Protocol):
    """What pyserial's ``list_ports`` knows of a port."""

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

    *links* leads from the names under ``/dev/serial`` to their devices. Raises
    :class:`LightUnavailable` if there is no such port, or more than one: none is guessed.
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
    """Return the name of *port* that it keeps: the device's own only if there is no better.

    Two devices without a serial number share one name under ``by-id``, which then leads to
    whichever came last: those are named by the socket that they are plugged into.
    """
    folders = ("/by-id/", "/by-path/") if port.serial_number else ("/by-path/",)
    names = sorted(name for name, device in links.items() if device == port.device)
    lasting = (name for folder in folders for name in names if folder in name)
    return next(lasting, port.device)
