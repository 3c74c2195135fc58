"""What a lamp shows: channels, frames, and patterns that are frames over time. Pure."""

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

    Two frames that look alike are equal: levels are sorted, dark channels left out.
    """

    levels: tuple[tuple[Channel, float], ...] = ()

    @classmethod
    def of(cls, levels: Mapping[Channel, float]) -> "Frame":
        """Return the frame with these *levels*."""
        lit = ((channel, level) for channel, level in levels.items() if level > 0)
        return cls(tuple(sorted(lit, key=lambda pair: pair[0].value)))

    def __getitem__(self, channel: Channel) -> float:
        """Return the level of *channel*, 0 where it is dark."""
        return dict(self.levels).get(channel, 0.0)

    @property
    def lit(self) -> frozenset[Channel]:
        """The channels that are not dark: all that an on/off light has to know."""
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
"""What ``pulse`` becomes on a light that is either on or off."""

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
    """What a lamp plays for a signal; *text* is how it is written."""

    text: str
    strokes: tuple[Stroke, ...] = ()


OFF = Pattern("off")


def frame_at(pattern: Pattern, seconds: float) -> Frame:
    """Return what *pattern* shows *seconds* (0 or more) after its start.

    Where two strokes light one channel, the brighter wins.
    """
    levels: dict[Channel, float] = {}
    for stroke in pattern.strokes:
        level = _level(stroke, seconds)
        levels[stroke.channel] = max(level, levels.get(stroke.channel, 0.0))
    return Frame.of(levels)


def next_change(pattern: Pattern, seconds: float) -> float | None:
    """Return after how many seconds from *seconds* on the frame may change; ``None``: never."""
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
    # Rounding can leave a crumb behind the last step.
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
    """Return after how many seconds *pattern* is dark for good, infinite if never."""
    lasts = [math.inf if each.lasts is None else each.lasts for each in pattern.strokes]
    return max(lasts, default=0.0)


def limit_duration(pattern: Pattern) -> Pattern:
    """Return *pattern* with an end: strokes that would go on for ever last :data:`ONCE`."""
    strokes = tuple(
        replace(stroke, lasts=ONCE if stroke.lasts is None else stroke.lasts)
        for stroke in pattern.strokes
    )
    return replace(pattern, strokes=strokes)


ONCE = 3.0
"""Seconds that an event is played for, unless its pattern says how long."""
LONGEST_EVENT = 60.0
"""Most seconds that an event is played for: it hides what the lamp has to say."""


def cheers(pattern: Pattern) -> bool:
    """Return whether *pattern* lights green for longer than any colour that could qualify it."""
    lasts = {Channel.GREEN: 0.0}
    for stroke in pattern.strokes:
        until = math.inf if stroke.lasts is None else stroke.lasts
        lasts[stroke.channel] = max(until, lasts.get(stroke.channel, 0.0))
    others = colours_of(lasts) - {Channel.GREEN}
    return lasts[Channel.GREEN] > max((lasts[each] for each in others), default=0.0)


def lay_over(frame: Frame, pattern: Pattern, seconds: float) -> Frame:
    """Return *frame* with the channels of *pattern* as they are *seconds* after its start."""
    over = frame_at(pattern, seconds)
    busy = {stroke.channel for stroke in pattern.strokes if not _over(stroke, seconds)}
    levels = {channel: level for channel, level in frame.levels if channel not in busy}
    return Frame.of(levels | dict(over.levels))


def colours_of(channels: Iterable[Channel]) -> frozenset[Channel]:
    """Return those of *channels* that can be seen."""
    return frozenset(channels) - {Channel.BUZZER}
