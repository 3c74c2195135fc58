"""Fits a pattern to the channels and the speed of a light. Pure."""

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
    pattern: Pattern,
    channels: Collection[Channel],
    *,
    dims: bool,
    relay: bool = False,
    pace: float | None = None,
) -> Pattern:
    """Return *pattern* as a light with these *channels* can show it.

    Without an amber channel, amber is red and green together; on a light of one colour it is that
    colour. Other strokes without a channel are left out. On a light that cannot be dimmed
    (*dims*), ``pulse`` becomes a blink. Behind a mechanical *relay* every rhythm is slower: 1 Hz
    at most. *pace* says how many times slower, for any other light.
    """
    pace = pace or (SLOWER if relay else 1.0)
    strokes = (
        replace(stroke, channel=channel, rhythm=_played(stroke, dims=dims, pace=pace))
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


def _played(stroke: Stroke, *, dims: bool, pace: float) -> Rhythm:
    rhythm = stroke.rhythm
    if rhythm == PULSE and (pace > 1 or not dims or stroke.channel is Channel.BUZZER):
        rhythm = SLOW_BLINK
    if pace > 1 and len(rhythm) > 1:
        return tuple((round(duration * pace, 3), level) for duration, level in rhythm)
    return rhythm


SLOWER = 2.5
"""Factor by which rhythms are slower on a mechanical relay, because a relay wears out and clicks.

With it, the fastest rhythm switches the relay once a second. All rhythms are slowed by the same
factor, so that they still differ.
"""
