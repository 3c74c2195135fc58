"""What a kind of serial light has to say about itself, and what several kinds share. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from buildlight.drivers.colour import inks, mixed
from buildlight.patterns.pattern import Channel, Frame, Pattern

Commands = tuple[bytes, ...]
"""What is sent for a frame, one after the other; each is answered, if the light answers at all."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a light says to each command: *good* when it obeyed, *bad* when it did not.

    *called* is the good one, as a person would write it.
    """

    good: re.Pattern[bytes]
    called: str
    bad: re.Pattern[bytes] = re.compile(rb"^\W*err", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a light is asked after its port was opened, again and again until it says *answer*.

    *fault* returns why this light will not do, behind its name; an empty text if it will.
    """

    asked: bytes
    answer: re.Pattern[bytes]
    called: str
    fault: Callable[[re.Match[bytes]], str]


@dataclass(frozen=True, slots=True)
class Performance:
    """A pattern as a light plays it by itself, starting anew every *period* seconds.

    0: the light is told again at any time, and goes on without a break.
    """

    commands: Commands
    period: float


def _by_hand(_pattern: Pattern) -> Performance | None:
    return None


@dataclass(frozen=True, slots=True)
class SerialProtocol:
    """How a kind of light is spoken to.

    *play* returns how the light keeps a pattern's rhythm, ``None`` where it cannot. *usb* are
    its vendor and product ids, *init* is sent once after opening, *ready* is what the light
    says when it has started, *greeting* is what it is asked then. *parting* is sent at last, the
    dark frame if there is none. *repeat* is after how many seconds the light is told its state
    again: it may have lost its power for a moment. *tcp* tells that it may hang on a network,
    *restarts* that opening its port may restart it. *shading* is how many seconds lie between
    two commands that change no more than the brightness.
    """

    channels: frozenset[Channel]
    encode: Callable[[Frame], Commands]
    play: Callable[[Pattern], Performance | None] = _by_hand
    answer: Answer | None = None
    usb: tuple[int, int] | None = None
    init: bytes = b""
    ready: bytes = b""
    greeting: Greeting | None = None
    parting: Commands = ()
    baud: int = 9600
    repeat: float = 10.0
    dims: bool = False
    tcp: bool = False
    restarts: bool = False
    shading: float = 0.0


CH340 = (0x1A86, 0x7523)
"""The USB id of a chip without a serial number that is in thousands of different things."""


# Bare LEDs: equal parts of red and green are lime. What a screen calls amber (#FFBF00) is still
# yellow; a user of the fit-statUSB settled on #FF4100 for yellow, and #E00A00 for orange.
INKS = inks(amber=(255, 80, 0))


def hex_of(frame: Frame) -> str:
    """Return the colour of *frame* as six hex digits."""
    return "{:02X}{:02X}{:02X}".format(*mixed(frame, INKS))


def ends(pattern: Pattern) -> bool:
    """Return whether any stroke of *pattern* has an end: no light counts that by itself."""
    return any(stroke.lasts is not None for stroke in pattern.strokes)


def to_ms(seconds: float) -> int:
    """Return *seconds* as whole milliseconds."""
    return round(seconds * 1000)
