"""How each kind of serial light is spoken to: tables of bytes, with their sources. Pure.

Nothing in here opens a port or knows pyserial.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

from buildlight.drivers.colour import inks, mixed
from buildlight.patterns.pattern import PULSE, STEADY, Channel, Frame, Pattern, frame_at

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
    *restarts* that opening its port may restart it, *relay* that it switches mechanically.
    *shading* is how many seconds lie between two commands that change no more than the
    brightness.
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
    relay: bool = False
    shading: float = 0.0


CH340 = (0x1A86, 0x7523)
"""The USB id of a chip without a serial number that is in thousands of different things."""

# Adafruit's tri-colour tower light with buzzer, product 5125. Source: the constants of
# Adafruit's own example (RED_ON = 0x11, RED_OFF = 0x21, … BUZZER_OFF = 0x28), 9600 baud.
# It blinks by itself (0x41, 0x42, 0x44, 0x48), but at a rate that no source states and no
# reply tells: it cannot be known to match ours, nor to stay below three flashes a second.

TOWER_BITS: Mapping[Channel, int] = {
    Channel.RED: 0x01,
    Channel.AMBER: 0x02,
    Channel.GREEN: 0x04,
    Channel.BUZZER: 0x08,
}


def encode_tower(frame: Frame) -> Commands:
    """Return the bytes that make Adafruit's tri-colour tower (product 5125) show *frame*.

    A byte a lamp: 0x10 (on) or 0x20 (off), plus the lamp's bit. The whole state is sent each
    time: the tower keeps its lamps when the host goes, and never answers.
    """
    state = ((0x10 if channel in frame.lit else 0x20) | bit for channel, bit in TOWER_BITS.items())
    return (bytes(state),)


TOWER = SerialProtocol(frozenset(TOWER_BITS), encode_tower, usb=CH340)

# LCUS-1, -2, -4 and -8 relay boards. Source: their sellers' page, "LC USB switch communication
# protocol": A0, the switch's number from 1 on, 0 or 1, the sum of the three; 9600 baud.

MOST_RELAYS = 8


def encode_lcus(relays: Sequence[Channel], frame: Frame) -> Commands:
    """Return the bytes that switch the *relays* of an LCUS board, in their order, to *frame*."""
    return (b"".join(_relay(number, on=each in frame.lit) for number, each in _numbered(relays)),)


def _numbered(channels: Sequence[Channel]) -> Sequence[tuple[int, Channel]]:
    return tuple(enumerate(channels, start=1))


def _relay(number: int, *, on: bool) -> bytes:
    command = (0xA0, number, int(on))
    return bytes((*command, sum(command) & 0xFF))


def lcus(relays: Sequence[Channel]) -> SerialProtocol:
    """Return how a board is spoken to whose relays switch *relays*, in that order."""
    return SerialProtocol(
        frozenset(relays), lambda frame: encode_lcus(relays, frame), usb=CH340, relay=True
    )


# Jambit's Jambel. Source: jambit/python-jambel, jambel.py and test_jambel.py: lines that end in
# LF, each answered by one, "OK"; set_all has the modules 1 to 3 and a 0; red is module 1 unless
# the tower stands on its head; blink_time is in milliseconds and survives until reset.

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

    ``None`` for what is steady, and for all that is more than on and off.
    """
    rhythms = {stroke.channel: stroke.rhythm for stroke in pattern.strokes}
    if len(rhythms) < len(pattern.strokes) or _ends(pattern) or {*rhythms.values()} <= {STEADY}:
        return None
    times, modes, periods = [], [], []
    for number, channel in _numbered(modules):
        match rhythms.get(channel):
            case None:
                modes.append(_JAMBEL_OFF)
            case ((_, 1.0),):
                modes.append(_JAMBEL_ON)
            case ((on, 1.0), (off, 0.0)):
                modes.append(_JAMBEL_BLINK)
                periods.append(_ms(on) + _ms(off))
                times.append(f"blink_time={number},{_ms(on)},{_ms(off)}\n".encode())
            case _:
                return None
    return Performance((*times, _set_all(modes)), math.lcm(*periods) / 1000)


def _ends(pattern: Pattern) -> bool:
    return any(stroke.lasts is not None for stroke in pattern.strokes)


def _ms(seconds: float) -> int:
    return round(seconds * 1000)


def jambel(modules: Sequence[Channel]) -> SerialProtocol:
    """Return how a Jambel is spoken to whose *modules* are these, from 1 to 3."""
    return SerialProtocol(
        frozenset(modules),
        lambda frame: encode_jambel(modules, frame),
        lambda pattern: play_jambel(modules, pattern),
        answer=Answer(re.compile(rb"OK"), "OK"),
        tcp=True,
    )


# Lights that mix their colours.

# Bare LEDs: equal parts of red and green are lime. What a screen calls amber (#FFBF00) is still
# yellow; a user of the fit-statUSB settled on #FF4100 for yellow, and #E00A00 for orange.
INKS = inks(amber=(255, 80, 0))


def _hex(frame: Frame) -> str:
    return "{:02X}{:02X}{:02X}".format(*mixed(frame, INKS))


# CompuLab's fit-statUSB. Source: fit-pc.com/wiki, "Fit-statUSB": lines that end in LF, at any
# baud rate; #RRGGBB; B#RRGGBB-tttt#RRGGBB-tttt… plays for ever; Fnnnn is the time of a fade and
# stays, 0001 is at once; ? returns the id. What it answers to a colour is not written down, only
# that it answers: it stops after 144 commands whose answers nobody read (JnyJny/busylight#200).
# So each command ends with the one question whose answer is promised. P would start an update
# of its firmware: it is never sent.

_AT_ONCE, _ASK = "F0001\n", "?\n"
MOST_STEPS = 4
"""The longest sequence that the maker shows. How many a fit-statUSB can hold is not told."""
LONGEST_STEP = 9.999
"""Seconds that four digits of milliseconds can say."""


def encode_fit(frame: Frame) -> Commands:
    """Return the lines that make a fit-statUSB show *frame* at once."""
    return (f"{_AT_ONCE}#{_hex(frame)}\n{_ASK}".encode(),)


def play_fit(pattern: Pattern) -> Performance | None:
    """Return the lines that make a fit-statUSB play *pattern* by itself.

    A pulse is two colours and a fade between them. ``None`` for what is steady, what ends, and
    what has more than :data:`MOST_STEPS` steps.
    """
    if _ends(pattern):
        return None
    if pattern.strokes and all(stroke.rhythm == PULSE for stroke in pattern.strokes):
        levels = [level for _, level in PULSE]
        half = sum(seconds for seconds, _ in PULSE) / 2
        steps = tuple((half, _held(pattern, level)) for level in (max(levels), min(levels)))
        return _sequence(steps, fade=_ms(half))
    found = steps_of(pattern)
    if not 1 < len(found) <= MOST_STEPS or max(seconds for seconds, _ in found) > LONGEST_STEP:
        return None
    return _sequence(found, fade=1)


def _held(pattern: Pattern, level: float) -> Frame:
    strokes = tuple(replace(stroke, rhythm=((1.0, level),)) for stroke in pattern.strokes)
    return frame_at(replace(pattern, strokes=strokes), 0.0)


def _sequence(steps: Sequence[tuple[float, Frame]], *, fade: int) -> Performance:
    text = "".join(f"#{_hex(frame)}-{_ms(seconds):04}" for seconds, frame in steps)
    period = round(sum(seconds for seconds, _ in steps), 3)
    return Performance((f"F{fade:04}\nB{text}\n{_ASK}".encode(),), period)


def steps_of(pattern: Pattern) -> tuple[tuple[float, Frame], ...]:
    """Return the frames of *pattern*, each with its seconds, until it repeats itself.

    Durations of strokes are left out of account; so are more than :data:`MOST_EDGES` changes,
    which give an empty sequence.
    """
    edges = [[0, *accumulate(_ms(step) for step, _ in each.rhythm)] for each in pattern.strokes]
    period = math.lcm(*(each[-1] for each in edges))
    if sum((period // each[-1]) * len(each) for each in edges) > MOST_EDGES:
        return ()
    moments = {0, period}.union(
        start + edge for each in edges for start in range(0, period, each[-1]) for edge in each
    )
    steps: list[tuple[float, Frame]] = []
    for begin, end in pairwise(sorted(moments)):
        frame, seconds = frame_at(pattern, (begin + end) / 2000), (end - begin) / 1000
        if steps and steps[-1][1] == frame:
            seconds += steps.pop()[0]
        steps.append((round(seconds, 3), frame))
    return tuple(steps)


MOST_EDGES = 200

FIT_STATUSB = SerialProtocol(
    frozenset(INKS),
    encode_fit,
    play_fit,
    answer=Answer(re.compile(rb"\S"), "its id"),
    usb=(0x2047, 0x03DF),
    dims=True,
)

# Busy Tag. Source: luxafor.helpscoutdocs.com/article/47, "Busy Tag USB CDC Command Reference
# Guide", and busy-tag/busytag-lib, BusyTagDevice.cs: AT+SC=<LEDs>,<RRGGBB> CR LF sets the LEDs
# (127: all seven), OK or ERROR:<number>, with lines "+evn:…" in between at any time;
# AT+PP=0,<times> stops the pattern that it may play by itself since it was switched on.
# Its own patterns (AT+CP) have a speed and a delay whose units are not told, and its file
# config.json keeps them as it keeps the colour: so it is led by hand, and breathes in few steps,
# as it may store each of them.


def encode_busytag(frame: Frame) -> Commands:
    """Return the command that gives all seven LEDs of a Busy Tag the colour of *frame*."""
    return (f"AT+SC=127,{_hex(frame)}\r\n".encode(),)


BUSYTAG = SerialProtocol(
    frozenset(INKS),
    encode_busytag,
    answer=Answer(re.compile(rb"^OK", re.MULTILINE), "OK"),
    usb=(0x303A, 0x81DF),
    init=b"AT+PP=0,3\r\n",
    dims=True,
    shading=0.5,
)

# A light of one's own.

OnOffTable = Mapping[Channel, tuple[bytes, bytes]]
"""What switches each channel on, and what off."""


def encode_custom(table: OnOffTable, frame: Frame) -> Commands:
    """Return what *table* says for *frame*, channel by channel in the table's order."""
    return tuple(on if channel in frame.lit else off for channel, (on, off) in table.items())


NOTHING = re.compile(rb"(?!)")
"""What a light of one's own says when it refuses: nobody knows."""


def custom(
    table: OnOffTable, *, init: bytes = b"", ack: bytes = b"", ready: bytes = b""
) -> SerialProtocol:
    """Return how the light of *table* is spoken to; *ack* is its answer to each command."""

    def encode(frame: Frame) -> Commands:
        commands = encode_custom(table, frame)
        # Nobody waits in between: one write, which the light gets in one piece.
        return commands if ack else (b"".join(commands),)

    return SerialProtocol(
        frozenset(table),
        encode,
        answer=Answer(re.compile(re.escape(ack)), repr(ack)[2:-1], NOTHING) if ack else None,
        init=init,
        ready=ready,
        tcp=True,
        restarts=True,
    )
