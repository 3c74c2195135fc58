"""Jambit's Jambel traffic light. Pure."""

import math
import re
from collections.abc import Sequence

from buildlight.drivers.serial.protocols.protocol import (
    Answer,
    Commands,
    Performance,
    SerialProtocol,
    ends,
    to_ms,
)
from buildlight.patterns.pattern import STEADY, Channel, Frame, Pattern

# Jambit's Jambel. Source: jambit/python-jambel, jambel.py and test_jambel.py: lines that end in
# LF, each answered by one, "OK"; set_all has the modules 1 to 3 and a 0; red is module 1 unless
# the tower stands on its head; blink_time is in to_ms and survives until reset.

JAMBEL_MODULES = (Channel.RED, Channel.AMBER, Channel.GREEN)
_JAMBEL_OFF, _JAMBEL_ON, _JAMBEL_BLINK = 0, 1, 2


def encode_jambel(modules: Sequence[Channel], frame: Frame) -> Commands:
    """Return the line that makes a Jambel with these *modules*, from 1 to 3, show *frame*."""
    lit = frame.lit
    return (_set_all([_JAMBEL_ON if each in lit else _JAMBEL_OFF for each in modules]),)


def _set_all(modes: Sequence[int]) -> bytes:
    return f"set_all={','.join(map(str, modes))},0\n".encode()


def play_jambel(modules: Sequence[Channel], pattern: Pattern) -> Performance | None:
    """Return the lines that make a Jambel blink *pattern* by itself, at the pattern's pace.

    ``None`` for a pattern that is steady, and for one with more than on and off.
    """
    rhythms = {stroke.channel: stroke.rhythm for stroke in pattern.strokes}
    if len(rhythms) < len(pattern.strokes) or ends(pattern) or {*rhythms.values()} <= {STEADY}:
        return None
    times, modes, periods = [], [], []
    for number, channel in enumerate(modules, start=1):
        match rhythms.get(channel):
            case None:
                modes.append(_JAMBEL_OFF)
            case ((_, 1.0),):
                modes.append(_JAMBEL_ON)
            case ((on, 1.0), (off, 0.0)):
                modes.append(_JAMBEL_BLINK)
                periods.append(to_ms(on) + to_ms(off))
                times.append(f"blink_time={number},{to_ms(on)},{to_ms(off)}\n".encode())
            case _:
                return None
    return Performance((*times, _set_all(modes)), math.lcm(*periods) / 1000)


def jambel(modules: Sequence[Channel]) -> SerialProtocol:
    """Return the protocol of a Jambel with these *modules*, from 1 to 3."""
    return SerialProtocol(
        frozenset(modules),
        lambda frame: encode_jambel(modules, frame),
        lambda pattern: play_jambel(modules, pattern),
        answer=Answer(re.compile(rb"OK"), "OK"),
        tcp=True,
    )
