"""Which channels a pattern lights together, for lights that cannot combine all of theirs. Pure."""

from collections.abc import Iterable
from itertools import product

from buildlight.patterns.pattern import Channel, Pattern, Rhythm

Lit = frozenset[Channel]


def lit_sets(pattern: Pattern) -> frozenset[Lit]:
    """Return every set of channels that *pattern* may light at one moment.

    Strokes with one rhythm and one end are in step; others meet in every way, sooner or later.
    """
    groups: dict[tuple[Rhythm, float | None], set[Channel]] = {}
    for stroke in pattern.strokes:
        groups.setdefault((stroke.rhythm, stroke.lasts), set()).add(stroke.channel)
    moments = product(*(_moments(*key, channels) for key, channels in groups.items()))
    return frozenset(Lit().union(*moment) for moment in moments)


def _moments(rhythm: Rhythm, lasts: float | None, channels: Iterable[Channel]) -> Iterable[Lit]:
    levels = {level > 0 for _, level in rhythm} | ({False} if lasts is not None else set())
    return [frozenset(channels) if lit else Lit() for lit in levels]


def laid_over(beneath: Iterable[Lit], over: Pattern) -> frozenset[Lit]:
    """Return every set that is lit while *over* is played over patterns with the sets *beneath*."""
    busy = {stroke.channel for stroke in over.strokes}
    return frozenset((low - busy) | high for low in beneath for high in lit_sets(over)) | {
        low | high for low in beneath for high in lit_sets(over) if _has_ends(over)
    }


def _has_ends(pattern: Pattern) -> bool:
    """Return whether a stroke ends before others, and gives its channel back."""
    return len({stroke.lasts for stroke in pattern.strokes}) > 1
