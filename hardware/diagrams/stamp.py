"""What a drawing was made from: a digest of its sources, which stands in the SVG itself.

So a test can tell a stale drawing without the tools that draw.
"""

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
HARDWARE = HERE.parent
SVG = HERE / "svg"

_TOOLS = (HERE / "requirements.txt", HERE / "drawing.py")
_STAMP = re.compile(r"<!-- sources ([0-9a-f]{64}); drawn with (.+?) -->\n")


def sources() -> dict[str, tuple[Path, ...]]:
    """Return the files that each drawing is made from, by the drawing's name."""
    wirings = {
        f"{each.stem}-wiring.svg": (each, *_TOOLS) for each in (HERE / "wiring").glob("*.yml")
    }
    schematics = {
        f"{each.stem.replace('_', '-')}-schematic.svg": (
            each,
            HERE / "symbols.py",
            HARDWARE / "pins.toml",
            *_TOOLS,
        )
        for each in (HERE / "schematics").glob("*.py")
    }
    return wirings | schematics


def digest(files: Iterable[Path]) -> str:
    """Return one digest of what stands in *files*."""
    whole = hashlib.sha256()
    for each in files:
        whole.update(hashlib.sha256(each.read_bytes()).digest())
    return whole.hexdigest()


def stamped(svg: str, *, digest: str, tools: str) -> str:
    """Return *svg* with what it was made from, and with what."""
    return f"<!-- sources {digest}; drawn with {tools} -->\n{svg}"


def stamp_of(svg: str) -> tuple[str, str]:
    """Return the digest and the tools that stand in *svg*; raises :class:`ValueError`."""
    found = _STAMP.match(svg)
    if found is None:
        raise ValueError("has no stamp; draw it with hardware/diagrams/draw")
    return found[1], found[2]


def without_stamp(svg: str) -> str:
    """Return the drawing itself."""
    return _STAMP.sub("", svg, count=1)
