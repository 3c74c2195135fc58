"""CompuLab's fit-statUSB. Pure."""

import math
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate, pairwise

from buildlight.drivers.serial.protocols.protocol import (
    INKS,
    Answer,
    Commands,
    Performance,
    SerialProtocol,
    ends,
    hex_of,
    to_ms,
)
from buildlight.patterns.pattern import PULSE, Frame, Pattern, frame_at

# CompuLab's fit-statUSB. Source: fit-pc.com/wiki, "Fit-statUSB": lines that end in LF, at any
# baud rate; #RRGGBB; B#RRGGBB-tttt#RRGGBB-tttt… plays for ever; Fnnnn is the time of a fade and
# stays, 0001 is at once; ? returns the id. It answers a colour, but the answer is not documented,
# and it stops after 144 unread answers (JnyJny/busylight#200). So each command ends with ?, the
# only question with a documented answer. P would start an update of the firmware: never send it.

_AT_ONCE, _ASK = "F0001\n", "?\n"
MOST_STEPS = 4
"""The longest sequence in the maker's examples; the limit of a fit-statUSB is not documented."""
LONGEST_STEP = 9.999
"""The longest time, in seconds, that four digits of milliseconds can express."""


def encode_fit(frame: Frame) -> Commands:
    """Return the lines that make a fit-statUSB show *frame* at once."""
    return (f"{_AT_ONCE}#{hex_of(frame)}\n{_ASK}".encode(),)


def play_fit(pattern: Pattern) -> Performance | None:
    """Return the lines that make a fit-statUSB play *pattern* by itself.

    A pulse is two colours and a fade between them. ``None`` for a pattern that is steady, that
    ends, or that has more than :data:`MOST_STEPS` steps.
    """
    if ends(pattern):
        return None
    if pattern.strokes and all(stroke.rhythm == PULSE for stroke in pattern.strokes):
        levels = [level for _, level in PULSE]
        half = sum(seconds for seconds, _ in PULSE) / 2
        steps = tuple((half, _held(pattern, level)) for level in (max(levels), min(levels)))
        return _sequence(steps, fade=to_ms(half))
    found = steps_of(pattern)
    if not 1 < len(found) <= MOST_STEPS or max(seconds for seconds, _ in found) > LONGEST_STEP:
        return None
    return _sequence(found, fade=1)


def _held(pattern: Pattern, level: float) -> Frame:
    strokes = tuple(replace(stroke, rhythm=((1.0, level),)) for stroke in pattern.strokes)
    return frame_at(replace(pattern, strokes=strokes), 0.0)


def _sequence(steps: Sequence[tuple[float, Frame]], *, fade: int) -> Performance:
    text = "".join(f"#{hex_of(frame)}-{to_ms(seconds):04}" for seconds, frame in steps)
    period = round(sum(seconds for seconds, _ in steps), 3)
    return Performance((f"F{fade:04}\nB{text}\n{_ASK}".encode(),), period)


def steps_of(pattern: Pattern) -> tuple[tuple[float, Frame], ...]:
    """Return the frames of *pattern*, each with its seconds, until it repeats itself.

    Durations of strokes are ignored. More than :data:`MOST_EDGES` changes give an empty sequence.
    """
    edges = [[0, *accumulate(to_ms(step) for step, _ in each.rhythm)] for each in pattern.strokes]
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
