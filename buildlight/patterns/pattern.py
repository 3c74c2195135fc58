"""How a signal looks: channels, frames, patterns, and the small language for them. Pure.

A pattern is written as it is spoken: ``red``, ``green pulse``, ``red, amber double-blink``,
``red, buzzer 2s``, ``amber 30% blink``, ``off``. What is played when is in ``lamp``.
"""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from buildlight.errors import ConfigError


class Channel(Enum):
    """A colour of a lamp, or its buzzer."""

    RED = "red"
    AMBER = "amber"
    GREEN = "green"
    BLUE = "blue"
    WHITE = "white"
    BUZZER = "buzzer"


# Words for a channel that are not its name: tower lights call theirs yellow.
ALIASES: Mapping[str, Channel] = {"yellow": Channel.AMBER, "orange": Channel.AMBER}


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
    left = seconds % sum(duration for duration, _ in rhythm)
    for duration, level in rhythm:
        if left < duration:
            return level, duration - left
        left -= duration
    # Rounding can leave a crumb behind the last step.
    return rhythm[0][1], rhythm[0][0]


_WORD = re.compile(r"[^\s,]+")
_LEVEL = re.compile(r"([0-9]{1,3})%")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)s")


def parse_pattern(text: str) -> Pattern:
    """Return the pattern that *text* writes.

    Strokes are joined by commas; each is a channel, then in any order a level (``30%``), a
    rhythm and a duration (``2s``), none of them twice. Raises :class:`ConfigError` with the place
    of the mistake.
    """
    if text.strip().lower() == "off":
        return OFF
    strokes = []
    place = 0
    for part in text.split(","):
        strokes.append(_parse_stroke(part, place=place))
        place += len(part) + 1
    pattern = Pattern(" ".join(text.split()), tuple(strokes))
    if _flashes(pattern) > MOST_FLASHES:
        raise ConfigError(
            f"flashes more than {MOST_FLASHES} times a second, which can hurt people; "
            "use fewer rhythms at once"
        )
    return pattern


def _flashes(pattern: Pattern) -> int:
    """Return the most moments within one second at which a channel of *pattern* lights up."""
    onsets = sorted(
        {
            round(start, 3)
            for stroke in pattern.strokes
            if _flashes_by_itself(stroke)
            for start in _onsets(stroke.rhythm)
        }
    )
    return max((sum(start <= on < start + 1 for on in onsets) for start in onsets), default=0)


def _flashes_by_itself(stroke: Stroke) -> bool:
    moves = len(stroke.rhythm) > 1 and stroke.rhythm is not PULSE
    return moves and stroke.channel is not Channel.BUZZER


def stilled(pattern: Pattern) -> Pattern:
    """Return *pattern* with what flashes in it lit all the time: something else flashes now."""
    strokes = tuple(
        replace(stroke, rhythm=STEADY) if _flashes_by_itself(stroke) else stroke
        for stroke in pattern.strokes
    )
    return replace(pattern, strokes=strokes)


def _onsets(rhythm: Rhythm) -> Iterable[float]:
    """Yield when *rhythm* goes from dark to lit, in the first :data:`WATCHED` seconds.

    No rhythm but the ones that do not flash is lit in two steps running.
    """
    now = 0.0
    while now < WATCHED:
        for duration, level in rhythm:
            if level > 0:
                yield now
            now += duration


MOST_FLASHES = 3
"""Flashes a second that are safe for people with photosensitive epilepsy (WCAG 2.3.1)."""
WATCHED = 60.0
"""Seconds after which two rhythms have met in every way that matters."""


def _parse_stroke(part: str, *, place: int) -> Stroke:
    words = [(found.group().lower(), place + found.start() + 1) for found in _WORD.finditer(part)]
    if not words:
        raise ConfigError(f"character {place + 1}: a channel is missing; {_CHANNELS_ARE}")
    (name, at), *rest = words
    channel = _channel(name, at)
    given: dict[str, Any] = {}
    for word, place_of_word in rest:
        field, value = _qualifier(word, place_of_word)
        if field in given:
            raise ConfigError(
                f"character {place_of_word}: a second {_CALLED[field]} for the same channel"
            )
        given[field] = value
    return Stroke(channel, **given)


def _channel(word: str, at: int) -> Channel:
    if word in ALIASES:
        return ALIASES[word]
    try:
        return Channel(word)
    except ValueError:
        raise ConfigError(f"character {at}: no such channel; {_CHANNELS_ARE}") from None


_CALLED: Mapping[str, str] = {"rhythm": "rhythm", "level": "level", "lasts": "duration"}
"""What a person calls the fields of a stroke."""


def _qualifier(word: str, at: int) -> tuple[str, Rhythm | float]:
    """Return which field of a stroke *word* is about, and what it says."""
    if word in RHYTHMS:
        return "rhythm", RHYTHMS[word]
    level = _LEVEL.fullmatch(word)
    if level and 0 < int(level[1]) <= 100:  # noqa: PLR2004 - per cent
        return "level", int(level[1]) / 100
    duration = _DURATION.fullmatch(word)
    if duration and 0 < float(duration[1]) <= LONGEST:
        return "lasts", float(duration[1])
    raise ConfigError(
        f"character {at}: neither a rhythm ({', '.join(RHYTHMS)}), "
        "nor a level from 1% to 100%, nor a duration such as 2s"
    )


LONGEST = 86_400.0
"""Longest duration of a stroke, in seconds."""

_CHANNELS_ARE = f"channels are {', '.join(channel.value for channel in Channel)}"


def dimmed(pattern: Pattern, share: float) -> Pattern:
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


def length(pattern: Pattern) -> float:
    """Return after how many seconds *pattern* is dark for good, infinite if never."""
    lasts = [math.inf if each.lasts is None else each.lasts for each in pattern.strokes]
    return max(lasts, default=0.0)


def timed(pattern: Pattern) -> Pattern:
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


def flashes(pattern: Pattern) -> bool:
    """Return whether anything in *pattern* flashes; a breath and a sound do not."""
    return any(_flashes_by_itself(stroke) for stroke in pattern.strokes)


def overlaid(frame: Frame, pattern: Pattern, seconds: float) -> Frame:
    """Return *frame* with the channels of *pattern* as they are *seconds* after its start."""
    over = frame_at(pattern, seconds)
    busy = {stroke.channel for stroke in pattern.strokes if not _over(stroke, seconds)}
    levels = {channel: level for channel, level in frame.levels if channel not in busy}
    return Frame.of(levels | dict(over.levels))


def colours_of(channels: Iterable[Channel]) -> frozenset[Channel]:
    """Return those of *channels* that can be seen."""
    return frozenset(channels) - {Channel.BUZZER}
