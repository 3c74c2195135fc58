"""LCUS relay boards with one to eight relays. Pure."""

from collections.abc import Sequence

from buildlight.drivers.serial.protocols.protocol import (
    CH340,
    Commands,
    SerialProtocol,
)
from buildlight.patterns.pattern import Channel, Frame

# LCUS-1, -2, -4 and -8 relay boards. Source: their sellers' page, "LC USB switch communication
# protocol": A0, the switch's number from 1 on, 0 or 1, the sum of the three; 9600 baud.

MOST_RELAYS = 8


def encode_lcus(relays: Sequence[Channel], frame: Frame) -> Commands:
    """Return the bytes that switch the *relays* of an LCUS board, in their order, to *frame*."""
    return (
        b"".join(
            _relay(number, on=each in frame.lit) for number, each in enumerate(relays, start=1)
        ),
    )


def _relay(number: int, *, on: bool) -> bytes:
    command = (0xA0, number, int(on))
    return bytes((*command, sum(command) & 0xFF))


def lcus(relays: Sequence[Channel]) -> SerialProtocol:
    """Return the protocol of a board whose relays switch the channels *relays*, in that order."""
    return SerialProtocol(frozenset(relays), lambda frame: encode_lcus(relays, frame), usb=CH340)
