"""Lights that show one colour at a time, mixed from the channels. Pure."""

import math
from collections.abc import Mapping

from buildlight.drivers import DriverOptions
from buildlight.patterns.pattern import Channel, Frame

Rgb = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

BLACK: Rgb = (0, 0, 0)


def inks(*, amber: Rgb) -> Mapping[Channel, Rgb]:
    """Return the colour of every channel at its full level.

    *amber* depends on the gamma of the light: some lights need less green for it.
    """
    return {
        Channel.RED: (255, 0, 0),
        Channel.AMBER: amber,
        Channel.GREEN: (0, 255, 0),
        Channel.BLUE: (0, 0, 255),
        Channel.WHITE: (255, 255, 255),
    }


def mixed(frame: Frame, colours: Mapping[Channel, Rgb]) -> Rgb:
    """Return the colour of *frame*; where channels share a component, the brighter one wins.

    A lit channel never rounds to black.
    """
    red, green, blue = (
        max(
            (
                math.ceil(colours[channel][part] * level)
                for channel, level in frame.levels
                if channel in colours
            ),
            default=0,
        )
        for part in range(3)
    )
    return red, green, blue


class MixingOptions(DriverOptions):
    """The keys of a light that can mix every colour at every level."""

    @property
    def channels(self) -> frozenset[Channel]:
        """Every colour."""
        return MIXED

    @property
    def dims(self) -> bool:
        """True: such a light has levels."""
        return True


MIXED = frozenset(Channel) - {Channel.BUZZER}
