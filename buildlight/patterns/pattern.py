"""What a lamp shows: channels, frames, and patterns, which are frames over time. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum


class Channel(Enum):
    """A colour of a lamp, or its buzzer."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"
    BLUE = "blue"
    WHITE = "white"
    BUZZER = "buzzer"


@dataclass(frozen=True, slots=True)
class Frame:
    """What a light shows at one moment: the level (0 < level <= 1) of each channel that is lit.

    Frames with the same look are equal: levels are sorted, dark channels are left out.
    """

    levels: tuple[tuple[Channel, float], ...] = ()

    @classmethod
    def of(cls, levels: Mapping[Channel, float]) -> "Frame":
        """Return the frame with these *levels*."""
        lit = ((channel, level) for channel, level in levels.items() if level > 0)
        return cls(tuple(sorted(lit, key=lambda pair: pair[0].value)))

    def __getitem__(self, channel: Channel) -> float:
        """Return the level of *channel*; 0 if it is dark."""
        return dict(self.levels).get(channel, 0.0)

    @property
    def lit(self) -> frozenset[Channel]:
        """The lit channels, which are enough for a light without levels."""
        return frozenset(channel for channel, _ in self.levels)

    def __str__(self) -> str:
        shown = (
            channel.value if level == 1 else f"{channel.value} {round(level * 100)}%"
            for channel, level in self.levels
        )
        return ", ".join(shown) or "off"


DARK = Frame()

Rhythm = tuple[tuple[float, float], ...]
"""Steps of (seconds, level 0..1), repeated for ever."""


def _blinks(count: int, *, gap: float) -> Rhythm:
    # 0.2 s on, 0.2 s off is 2.5 flashes a second: below the 3 of WCAG 2.3.1 (photosensitivity).
    return ((0.2, 1.0), (0.2, 0.0)) * (count - 1) + ((0.2, 1.0), (gap, 0.0))


def _breath(seconds: float, steps: int) -> Rhythm:
    levels = ((1 - math.cos(2 * math.pi * step / steps)) / 2 for step in range(1, steps + 1))
    return tuple((seconds / steps, round(0.05 + 0.95 * level, 3)) for level in levels)


STEADY: Rhythm = ((1.0, 1.0),)
PULSE: Rhythm = _breath(2.0, 40)
SLOW_BLINK: Rhythm = ((1.0, 1.0), (1.0, 0.0))
"""The rhythm of ``pulse`` on a light without levels."""

RHYTHMS: Mapping[str, Rhythm] = {
    "on": STEADY,
    "blink": ((0.5, 1.0), (0.5, 0.0)),
    "quick-blink": _blinks(1, gap=0.2),
    "double-blink": _blinks(2, gap=1.4),
    "triple-blink": _blinks(3, gap=1.4),
    "quadruple-blink": _blinks(4, gap=1.4),
    "wink": _blinks(1, gap=2.8),
    "dip": ((2.8, 1.0), (0.2, 0.0)),
    "pulse": PULSE,
}


@dataclass(frozen=True, slots=True)
class Stroke:
    """One channel of a pattern: its *level* (0..1), its rhythm, and how many seconds it
    *lasts* from the pattern's start (``None``: for ever).
    """

    channel: Channel
    level: float = 1.0
    rhythm: Rhythm = STEADY
    lasts: float | None = None


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that a lamp plays; *text* is its form in the configuration."""

    text: str
    strokes: tuple[Stroke, ...] = ()


OFF = Pattern("off")


def frame_at(pattern: Pattern, seconds: float) -> Frame:
    """Return the frame of *pattern* *seconds* (0 or more) after its start.

    If two strokes light one channel, the brighter one wins.
    """
    levels: dict[Channel, float] = {}
    for stroke in pattern.strokes:
        level = _level(stroke, seconds)
        levels[stroke.channel] = max(level, levels.get(stroke.channel, 0.0))
    return Frame.of(levels)


def next_change(pattern: Pattern, seconds: float) -> float | None:
    """Return the time until the frame may change, *seconds* after the start; ``None``: never."""
    waits = [wait for stroke in pattern.strokes for wait in _waits(stroke, seconds)]
    return min(waits, default=None)


def _over(stroke: Stroke, seconds: float) -> bool:
    return stroke.lasts is not None and seconds >= stroke.lasts


def _level(stroke: Stroke, seconds: float) -> float:
    if _over(stroke, seconds):
        return 0.0
    level, _ = _step(stroke.rhythm, seconds)
    return stroke.level * level


def _waits(stroke: Stroke, seconds: float) -> Iterable[float]:
    if _over(stroke, seconds):
        return
    if stroke.lasts is not None:
        yield stroke.lasts - seconds
    if len(stroke.rhythm) > 1:
        yield _step(stroke.rhythm, seconds)[1]


def _step(rhythm: Rhythm, seconds: float) -> tuple[float, float]:
    """Return the level at *seconds* and how long it stays."""
    # sum() rounds differently from Python 3.12 on; a picture of a pattern must not.
    left = seconds % math.fsum(duration for duration, _ in rhythm)
    for duration, level in rhythm:
        if left < duration:
            return level, duration - left
        left -= duration
    # Rounding can leave a tiny rest after the last step.
    return rhythm[0][1], rhythm[0][0]


def dim(pattern: Pattern, share: float) -> Pattern:
    """Return *pattern* at *share* (0..1) of its levels, without its buzzer."""
    if share == 0:
        return OFF
    return Pattern(
        f"{pattern.text} at {round(share * 100)}%",
        tuple(
            replace(stroke, level=stroke.level * share)
            for stroke in pattern.strokes
            if stroke.channel is not Channel.BUZZER
        ),
    )


def duration_of(pattern: Pattern) -> float:
    """Return the number of seconds after which *pattern* stays dark; infinite if it never does."""
    lasts = [math.inf if each.lasts is None else each.lasts for each in pattern.strokes]
    return max(lasts, default=0.0)


def limit_duration(pattern: Pattern) -> Pattern:
    """Return *pattern* with an end: strokes without a duration last :data:`ONCE` seconds."""
    strokes = tuple(
        replace(stroke, lasts=ONCE if stroke.lasts is None else stroke.lasts)
        for stroke in pattern.strokes
    )
    return replace(pattern, strokes=strokes)


ONCE = 3.0
"""Default duration of an event's pattern, in seconds."""
LONGEST_EVENT = 60.0
"""Longest duration of an event's pattern, in seconds, because it hides the signal."""


def cheers(pattern: Pattern) -> bool:
    """Return whether *pattern* shows green longer than every other colour."""
    lasts = {Channel.GREEN: 0.0}
    for stroke in pattern.strokes:
        until = math.inf if stroke.lasts is None else stroke.lasts
        lasts[stroke.channel] = max(until, lasts.get(stroke.channel, 0.0))
    others = colours_of(lasts) - {Channel.GREEN}
    return lasts[Channel.GREEN] > max((lasts[each] for each in others), default=0.0)


def lay_over(frame: Frame, pattern: Pattern, seconds: float) -> Frame:
    """Return *frame* with the channels of *pattern*, *seconds* after its start, laid over it."""
    over = frame_at(pattern, seconds)
    busy = {stroke.channel for stroke in pattern.strokes if not _over(stroke, seconds)}
    levels = {channel: level for channel, level in frame.levels if channel not in busy}
    return Frame.of(levels | dict(over.levels))


def colours_of(channels: Iterable[Channel]) -> frozenset[Channel]:
    """Return those of *channels* that are visible: all but the buzzer."""
    return frozenset(channels) - {Channel.BUZZER}


def lit_by(patterns: Iterable[Pattern]) -> tuple[Channel, ...]:
    """Return the channels that any of *patterns* lights, from top to foot."""
    lit = {stroke.channel for pattern in patterns for stroke in pattern.strokes}
    return tuple(channel for channel in Channel if channel in lit)
