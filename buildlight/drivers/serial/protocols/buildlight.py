"""The protocol of our own light, whose firmware is in ``hardware/firmware``. Pure.

``hardware/protocol.md`` describes the protocol; this is the computer's side.
"""

import re
from binascii import crc_hqx
from collections.abc import Collection, Iterable, Sequence

from buildlight.drivers.serial.protocols.protocol import (
    Answer,
    Commands,
    Greeting,
    Performance,
    SerialProtocol,
)
from buildlight.patterns.pattern import PULSE, STEADY, Channel, Frame, Pattern, Rhythm
from buildlight.redaction import printable

VERSION = 1
OWN_CHANNELS = (Channel.RED, Channel.AMBER, Channel.GREEN, Channel.BUZZER)
BAUD = 38_400
TTL = 20
"""Seconds without a message after which the light shows that it has lost its host."""
SIGN_OF_LIFE = 5.0
"""Seconds between two messages: three may get lost."""
LONGEST_LINE = 120
MOST_TIMES = 8
TIMES = (167, 60_000)
"""Milliseconds that a step of a rhythm may take."""


def encode_own(frame: Frame) -> Commands:
    """Return the line that makes our own light show *frame*."""
    return (_set(f"{channel.value}={_per_cent(level)}" for channel, level in frame.levels),)


def play_own(pattern: Pattern) -> Performance | None:
    """Return the line that makes our own light play *pattern*.

    ``None`` for a pattern that is steady, that ends, or that the protocol cannot describe.
    """
    channels = {stroke.channel for stroke in pattern.strokes}
    rhythms = [_rhythm(stroke.rhythm) for stroke in pattern.strokes]
    ends = any(stroke.lasts is not None for stroke in pattern.strokes)
    if ends or len(channels) < len(rhythms) or None in rhythms or not any(rhythms):
        return None
    line = _set(
        f"{stroke.channel.value}={_per_cent(stroke.level)}{rhythm}"
        for stroke, rhythm in zip(pattern.strokes, rhythms, strict=True)
    )
    return None if len(line) > LONGEST_LINE + 1 else Performance((line,), period=0.0)


def _rhythm(rhythm: Rhythm) -> str | None:
    """Return *rhythm* in the protocol's words, empty if steady; ``None`` if there are none."""
    if rhythm == STEADY:
        return ""
    times = [round(seconds * 1000) for seconds, _ in rhythm]
    if rhythm == PULSE:
        return f"~{sum(times)}"
    blinks = [level for _, level in rhythm] == [1.0, 0.0] * (len(rhythm) // 2)
    if not blinks or len(times) > MOST_TIMES or min(times) < TIMES[0] or max(times) > TIMES[1]:
        return None
    return "/" + ",".join(map(str, times))


def _per_cent(level: float) -> int:
    return max(round(level * 100), 1)  # A lit channel must not round down to dark.


def _set(words: Iterable[str]) -> bytes:
    return line_of(" ".join(("SET", *words, f"ttl={TTL}")))


def line_of(text: str) -> bytes:
    """Return *text* as a line with a checksum, so that noise never sets a colour."""
    return f"{text}*{crc_hqx(text.encode(), 0):04X}\n".encode()


# A board that has just started sends this unasked. Only a whole line is an answer.
READY = re.compile(rb"^READY buildlight (\d{1,4})((?: [a-z]+=[^ \r\n]*)*)\r?\n", re.MULTILINE)


OBEYED = Answer(
    re.compile(rb"^OK\r?\n", re.MULTILINE), "OK", re.compile(rb"^ERR.*\n", re.MULTILINE)
)


def _fault(ready: re.Match[bytes], wanted: Collection[Channel]) -> str:
    version = int(ready[1])
    if version != VERSION:
        older = "its firmware" if version < VERSION else "buildlight"
        return f"speaks version {version} of the protocol, not {VERSION}; update {older}"
    # Split at blanks only, as READY does: a form feed may be part of a value.
    words = ready[2].decode("ascii", "replace").strip(" ").split(" ") if ready[2] else []
    keys = dict(word.split("=", 1) for word in words)
    has = keys.get("channels", "").split(",")
    missing = [channel.value for channel in wanted if channel.value not in has]
    if not missing:
        return ""
    told = printable(", ".join(has), limit=60)  # A hostile device may send anything.
    return f"has no {', '.join(missing)}; its channels are {told}: set channels to those"


def own_light(channels: Sequence[Channel]) -> SerialProtocol:
    """Return the protocol of our own light, of which these *channels* are used."""
    return SerialProtocol(
        frozenset(channels),
        encode_own,
        play_own,
        answer=OBEYED,
        # The line feed ends a line that an earlier host may have left unfinished.
        greeting=Greeting(
            b"\n" + line_of("HELLO"), READY, "READY", lambda ready: _fault(ready, channels)
        ),
        # Stay dark: after this command the light does not report a lost host.
        parting=(line_of("BYE"),),
        baud=BAUD,
        repeat=SIGN_OF_LIFE,
        dims=True,
        tcp=True,
    )
