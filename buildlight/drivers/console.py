"""A lamp drawn on the terminal; in a pipe or file, a plain line for each change."""

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from buildlight.drivers import DriverOptions
from buildlight.errors import LightUnavailable
from buildlight.patterns.pattern import OFF, Channel, Frame, Pattern, Stroke, frame_at

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live
    from rich.text import Text

FRAMES_A_SECOND = 15

# The colour of each lit channel: red, green and blue of the screen.
COLOURS: dict[Channel, tuple[int, int, int]] = {
    Channel.RED: (255, 60, 48),
    Channel.AMBER: (255, 176, 0),
    Channel.GREEN: (40, 220, 90),
}
GLASS = 0.3
"""Share of its colour that a dark lamp shows, like coloured glass."""
LIT = ("▗▟██▙▖", "██████", "▝▜██▛▘")
UNLIT = (" ░░░░ ", "░░░░░░", " ░░░░ ")
"""Lit and dark: two shapes, for terminals and people that see no colour."""
ASCII = str.maketrans({**dict.fromkeys("▗▟█▙▖▝▜▛▘", "#"), "░": "."})
"""Lit and dark on a terminal whose encoding has no block characters."""


class ConsoleOptions(DriverOptions):
    """A lamp on the terminal has no further keys."""

    @property
    def dims(self) -> bool:
        """True: a terminal has many shades."""
        return True

    @property
    def claims(self) -> frozenset[str]:
        """The terminal, because a drawing needs all of it."""
        return frozenset({"the terminal"})


class ConsoleLight:
    """A lamp drawn on the terminal; without a terminal, a line of text for each change."""

    Options: ClassVar[type[DriverOptions]] = ConsoleOptions
    refresh: ClassVar[float | None] = None

    def __init__(self, _options: DriverOptions) -> None:
        self._live: Live | None = None
        self._blocks = True
        self._pattern = OFF
        self._since = 0.0
        self._played = False

    def plays(self, pattern: Pattern) -> bool:  # noqa: ARG002
        """Return true: every pattern can be drawn or written."""
        return True

    def play(self, pattern: Pattern) -> None:
        """Draw *pattern* from its start; without a terminal, write its text."""
        self._pattern, self._since = pattern, time.monotonic()
        self._played = True
        try:
            if self._live or _can_draw():
                self._draw()
            else:
                sys.stdout.write(f"lamp: {pattern.text}\n")
                sys.stdout.flush()
        except (OSError, ValueError) as exc:  # ValueError: the stream was closed
            raise LightUnavailable("standard output is closed") from exc

    def show(self, frame: Frame) -> None:
        """Draw a steady *frame*."""
        strokes = tuple(Stroke(channel, level) for channel, level in frame.levels)
        self.play(Pattern(str(frame), strokes))

    def close(self) -> None:
        """Draw the lamp dark, and release the terminal."""
        live, self._live = self._live, None
        if live is not None:
            self._pattern = OFF
            # ValueError: the stream was closed, so it shows no lamp.
            with suppress(OSError, ValueError):
                live.stop()
        elif self._played:
            self._played = False
            try:
                sys.stdout.write("lamp: off\n")
                sys.stdout.flush()
            except (OSError, ValueError):
                return  # The reader is gone.

    def _draw(self) -> None:
        from rich.live import Live  # noqa: PLC0415 - only a terminal needs it

        if self._live is None:
            # Before Live starts: it replaces standard output by an object without an encoding.
            self._blocks = _has_blocks(sys.stdout.encoding)
            # Live also prints other output, such as the log, above the drawing.
            self._live = Live(get_renderable=self._drawing, refresh_per_second=FRAMES_A_SECOND)
            self._live.start()
        # At once: by the next frame a short flash might be over.
        self._live.refresh()

    def _drawing(self) -> "RenderableType":
        picture = drawing(self._pattern, time.monotonic() - self._since)
        if not self._blocks:
            picture.plain = picture.plain.translate(ASCII)
        return picture


def _can_draw() -> bool:
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


def _has_blocks(encoding: str | None) -> bool:
    try:
        "".join((*LIT, *UNLIT)).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def drawing(pattern: Pattern, seconds: float) -> "Text":
    """Return a picture of *pattern*, *seconds* after its start, for rich to print."""
    from rich.text import Text  # noqa: PLC0415 - only a terminal needs it

    frame = frame_at(pattern, seconds)
    picture = Text("\n")
    for lit, dark in zip(LIT, UNLIT, strict=True):
        for channel, colour in COLOURS.items():
            level = frame[channel]
            picture.append(f"  {lit if level > 0 else dark}", style=_shade(colour, level))
        picture.append("\n")
    return picture.append(f"\n  {pattern.text}\n", style="bold")


def _shade(colour: tuple[int, int, int], level: float) -> str:
    share = GLASS + (1 - GLASS) * level
    red, green, blue = (round(part * share) for part in colour)
    return f"rgb({red},{green},{blue})"
