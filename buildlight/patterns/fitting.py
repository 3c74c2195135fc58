"""How a light shows a pattern that was written for any light: what it has, and how fast. Pure."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from buildlight.patterns.pattern import (
    PULSE,
    SLOW_BLINK,
    Channel,
    Pattern,
    Rhythm,
    Stroke,
    colours_of,
)


def fit(
    pattern: Pattern, channels: Collection[Channel], *, dims: bool, relay: bool = False
) -> Pattern:
    """Return *pattern* as a light with these *channels* can show it.

    Amber is red and green together where there is no amber, and the only colour where there is
    but one; other strokes without a channel fall out. On a light that cannot be dimmed
    (*dims*), ``pulse`` blinks. Behind a mechanical *relay* every rhythm is slower, and none of
    them faster than 1 Hz.
    """
    strokes = (
        replace(stroke, channel=channel, rhythm=_played(stroke, dims=dims, relay=relay))
        for stroke in pattern.strokes
        for channel in _instead(stroke.channel, channels)
    )
    return replace(pattern, strokes=tuple(strokes))


def _instead(channel: Channel, channels: Collection[Channel]) -> Iterable[Channel]:
    if channel in channels:
        return (channel,)
    if channel is not Channel.AMBER:
        return ()
    if {Channel.RED, Channel.GREEN} <= {*channels}:
        return (Channel.RED, Channel.GREEN)
    colours = colours_of(channels)
    return colours if len(colours) == 1 else ()


def _played(stroke: Stroke, *, dims: bool, relay: bool) -> Rhythm:
    rhythm = stroke.rhythm
    if rhythm == PULSE and (relay or not dims or stroke.channel is Channel.BUZZER):
        rhythm = SLOW_BLINK
    if relay and len(rhythm) > 1:
        return tuple((round(duration * SLOWER, 3), level) for duration, level in rhythm)
    return rhythm


SLOWER = 2.5
"""How many times as slowly a mechanical relay plays: it wears out, and it clicks.

The fastest rhythm then switches it once a second. Slower rhythms are stretched as much, or they
would look like that one.
"""
