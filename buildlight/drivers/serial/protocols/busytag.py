"""The Busy Tag of Busy Tag / Luxafor. Pure."""

import re

from buildlight.drivers.serial.protocols.protocol import (
    INKS,
    Answer,
    Commands,
    SerialProtocol,
    hex_of,
)
from buildlight.patterns.pattern import Frame

# Busy Tag. Source: luxafor.helpscoutdocs.com/article/47, "Busy Tag USB CDC Command Reference
# Guide", and busy-tag/busytag-lib, BusyTagDevice.cs: AT+SC=<LEDs>,<RRGGBB> CR LF sets the LEDs
# (127: all seven), OK or ERROR:<number>, with lines "+evn:…" in between at any time;
# AT+PP=0,<times> stops a pattern that it may play since it was switched on. Its own patterns
# (AT+CP) are not used: the units of their speed and delay are unknown. It stores patterns and
# colours in its file config.json, so a breath has few steps.


def encode_busytag(frame: Frame) -> Commands:
    """Return the command that sets all seven LEDs of a Busy Tag to the colour of *frame*."""
    return (f"AT+SC=127,{hex_of(frame)}\r\n".encode(),)


BUSYTAG = SerialProtocol(
    frozenset(INKS),
    encode_busytag,
    answer=Answer(re.compile(rb"^OK", re.MULTILINE), "OK"),
    usb=(0x303A, 0x81DF),
    init=b"AT+PP=0,3\r\n",
    dims=True,
    shading=0.5,
)
