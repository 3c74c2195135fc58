"""Draws the README's picture, lamp.svg: run it after a change of the drawing."""

import io
import re
from pathlib import Path

from rich.console import Console
from rich.text import Text

from buildlight.drivers.console import drawing
from buildlight.patterns.pattern import parse_pattern

MOMENTS = (
    ("10:05  A fix is being built. Broken stays broken until it has passed.", "red pulse", 1.0),
    ("10:13  Fixed.", "green", 0.0),
    ("15:00  A server goes down. Nobody knows: not green.", "amber double-blink", 0.1),
)


def main() -> None:
    """Draw three moments of the demo below each other."""
    console = Console(record=True, width=76, file=io.StringIO(), force_terminal=True)
    for caption, pattern, seconds in MOMENTS:
        console.print(Text(caption))
        console.print(drawing(parse_pattern(pattern), seconds))
    svg = console.export_svg(title="buildlight demo")
    # rich would have the reader's browser fetch a font from somebody else's server.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    Path(__file__).with_suffix(".svg").write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main()
