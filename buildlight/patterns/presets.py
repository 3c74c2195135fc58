"""The ready-made sets of patterns (presets), one pattern for each signal. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import Channel, Pattern, colours_of

# Signals by name (signal.RANKS): the colour is the verdict, the motion is the activity.
COLOURS: Mapping[str, str] = {
    "broken": "red",
    "broken-building": "red pulse",
    "broken-stale": "red, amber double-blink",
    "broken-building-stale": "red pulse, amber double-blink",
    "stale": "amber double-blink",
    "passing": "green",
    "passing-building": "green pulse",
    "none": "amber",
    "none-building": "amber pulse",
}

# A different rhythm for each signal: for a single LED, and for colour-blind people.
RHYTHM: Mapping[str, str] = {
    "broken": "red blink",
    "broken-building": "red quick-blink",
    "broken-stale": "red triple-blink",
    "broken-building-stale": "red quadruple-blink",
    "stale": "amber double-blink",
    "passing": "green",
    "passing-building": "green pulse",
    "none": "amber wink",
    "none-building": "amber dip",
}

PRESETS: Mapping[str, Mapping[str, str]] = {"colours": COLOURS, "rhythm": RHYTHM}


def preset_patterns(name: str, channels: Collection[Channel]) -> dict[str, Pattern]:
    """Return the patterns of a preset by signal; on a light of one colour, all use that colour."""
    patterns = {signal: parse_pattern(text) for signal, text in PRESETS[name].items()}
    colours = colours_of(channels)
    if len(colours) > 1:
        return patterns
    return {
        signal: replace(
            pattern,
            strokes=tuple(
                replace(stroke, channel=only) for stroke in pattern.strokes for only in colours
            ),
        )
        for signal, pattern in patterns.items()
    }
