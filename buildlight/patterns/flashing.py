"""How fast a pattern flashes, and the limit that protects people. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from buildlight.patterns.pattern import PULSE, STEADY, Channel, Pattern, Rhythm, Stroke

MOST_FLASHES = 3
"""Most flashes a second that are safe for people with photosensitive epilepsy (WCAG 2.3.1)."""
WATCHED = 60.0
"""Seconds of a pattern that are checked; by then two rhythms have met in every way that matters."""


def flashes(pattern: Pattern) -> bool:
    """Return whether a colour of *pattern* flashes; a pulse and a buzzer do not count."""
    return any(_flashes_by_itself(stroke) for stroke in pattern.strokes)


def stop_flashing(pattern: Pattern) -> Pattern:
    """Return *pattern* with steady light instead of flashes, because something else flashes now."""
    strokes = tuple(
        replace(stroke, rhythm=STEADY) if _flashes_by_itself(stroke) else stroke
        for stroke in pattern.strokes
    )
    return replace(pattern, strokes=strokes)


def count_flashes(pattern: Pattern) -> int:
    """Return the largest number of flashes within one second of *pattern*."""
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


def _onsets(rhythm: Rhythm) -> Iterable[float]:
    """Yield when *rhythm* goes from dark to lit, within the first :data:`WATCHED` seconds.

    In a rhythm that flashes, no two steps in a row are lit.
    """
    now = 0.0
    while now < WATCHED:
        for duration, level in rhythm:
            if level > 0:
                yield now
            now += duration
