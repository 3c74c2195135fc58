"""The language of patterns in the configuration. Pure.

Examples: ``red``, ``green pulse``, ``red, amber double-blink``, ``red, buzzer 2s``,
``amber 30% blink``, ``off``.
"""

import re
from collections.abc import Mapping
from typing import Any

from buildlight.errors import ConfigError
from buildlight.patterns.flashing import MOST_FLASHES, count_flashes
from buildlight.patterns.pattern import OFF, RHYTHMS, Channel, Pattern, Rhythm, Stroke
from buildlight.wording import did_you_mean

# Other words for a channel: makers of tower lights say yellow.
ALIASES: Mapping[str, Channel] = {"yellow": Channel.AMBER, "orange": Channel.AMBER}


_WORD = re.compile(r"[^\s,]+")
_LEVEL = re.compile(r"([0-9]{1,3})%")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)s")


def parse_pattern(text: str) -> Pattern:
    """Return the pattern that *text* describes.

    Strokes are separated by commas. Each is a channel, then in any order a level (``30%``), a
    rhythm and a duration (``2s``), each at most once. Raises :class:`ConfigError` with the place
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
    if count_flashes(pattern) > MOST_FLASHES:
        raise ConfigError(
            f"flashes more than {MOST_FLASHES} times a second, which can hurt people; "
            "use fewer rhythms at once"
        )
    return pattern


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
        close = did_you_mean(word, [each.value for each in Channel])
        raise ConfigError(f"character {at}: no such channel; {_CHANNELS_ARE}{close}") from None


_CALLED: Mapping[str, str] = {"rhythm": "rhythm", "level": "level", "lasts": "duration"}
"""The fields of a stroke, in words for a person."""


def _qualifier(word: str, at: int) -> tuple[str, Rhythm | float]:
    """Return the field of a stroke that *word* sets, and its value."""
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
        f"nor a level from 1% to 100%, nor a duration such as 2s{did_you_mean(word, RHYTHMS)}"
    )


LONGEST = 86_400.0
"""Longest duration of a stroke, in seconds."""

_CHANNELS_ARE = f"channels are {', '.join(channel.value for channel in Channel)}"
