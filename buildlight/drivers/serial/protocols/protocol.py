"""The description of a kind of serial light, and what several kinds share. Pure."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from buildlight.drivers.colour import inks, mixed
from buildlight.patterns.pattern import Channel, Frame, Pattern

Commands = tuple[bytes, ...]
"""The commands for a frame, in order; a light that answers at all answers each of them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answers of a light to a command: *good* for success, *bad* for failure.

    *called* is the good answer in words for a person.
    """

    good: re.Pattern[bytes]
    called: str
    bad: re.Pattern[bytes] = re.compile(rb"^\W*err", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Greeting:
    """The question to a light after its port was opened, repeated until *answer* arrives.

    *fault* returns why this light is not suitable, as the rest of a sentence; empty if it is.
    """

    asked: bytes
    answer: re.Pattern[bytes]
    called: str
    fault: Callable[[re.Match[bytes]], str]


@dataclass(frozen=True, slots=True)
class Performance:
    """A pattern that a light plays by itself, and that repeats every *period* seconds.

    With a period of 0 the command can be repeated at any time without a visible jump.
    """

    commands: Commands
    period: float


def _by_hand(_pattern: Pattern) -> Performance | None:
    return None


@dataclass(frozen=True, slots=True)
class SerialProtocol:
    """The protocol of a kind of light.

    *play* returns how the light plays a pattern by itself, ``None`` if it cannot. *usb* are its
    vendor and product ids. *init* is sent once after opening, *ready* is what the light sends
    when it has started, *greeting* is the first question. *parting* is the last command; without
    it, the dark frame. *repeat* is the number of seconds after which the state is sent again,
    because the light may have lost its power for a moment. *tcp* says that it may be on a
    network, *restarts* that opening its port may restart it. *shading* is the number of seconds
    between two commands that change only the brightness, *pause* the number of seconds of silence
    after each command.
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
    pause: float = 0.0


CH340 = (0x1A86, 0x7523)
"""The USB id of a chip without a serial number that thousands of products use."""


# On bare LEDs, equal parts of red and green look lime, and a screen's amber (#FFBF00) looks
# yellow. A user of the fit-statUSB chose #FF4100 for yellow and #E00A00 for orange.
INKS = inks(amber=(255, 80, 0))


def hex_of(frame: Frame) -> str:
    """Return the colour of *frame* as six hex digits."""
    return "{:02X}{:02X}{:02X}".format(*mixed(frame, INKS))


def ends(pattern: Pattern) -> bool:
    """Return whether any stroke of *pattern* has an end, which no light can time by itself."""
    return any(stroke.lasts is not None for stroke in pattern.strokes)


def to_ms(seconds: float) -> int:
    """Return *seconds* as whole milliseconds."""
    return round(seconds * 1000)
