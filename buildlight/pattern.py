"""The old place of patterns, kept for one version; import from `buildlight.drivers` instead."""

import warnings

from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import (
    DARK,
    OFF,
    PULSE,
    RHYTHMS,
    STEADY,
    Channel,
    Frame,
    Pattern,
    Rhythm,
    Stroke,
    colours_of,
    frame_at,
    next_change,
)

__all__ = [
    "DARK",
    "OFF",
    "PULSE",
    "RHYTHMS",
    "STEADY",
    "Channel",
    "Frame",
    "Pattern",
    "Rhythm",
    "Stroke",
    "colours_of",
    "frame_at",
    "next_change",
    "parse_pattern",
]

warnings.warn(
    "buildlight.pattern moved: import Channel, Frame, Pattern and frame_at from buildlight.drivers",
    DeprecationWarning,
    stacklevel=2,
)
