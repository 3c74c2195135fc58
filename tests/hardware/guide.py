"""What stands in hardware/, as tests read it: the table of pins, the chapters, the drawings."""

import importlib
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping
from html import unescape
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
HARDWARE = ROOT / "hardware"
DIAGRAMS = HARDWARE / "diagrams"
SVG = DIAGRAMS / "svg"

TABLE: Mapping[str, Any] = tomllib.loads((HARDWARE / "pins.toml").read_text(encoding="utf-8"))
"""The one table of pins."""

CHAPTERS = tuple(sorted(each.name for each in HARDWARE.glob("*.md") if each.name != "protocol.md"))


def diagrams(module: str) -> Any:
    """Return a module of hardware/diagrams, which is no package."""
    if str(DIAGRAMS) not in sys.path:
        sys.path.insert(0, str(DIAGRAMS))
    return importlib.import_module(module)


def chapter(name: str) -> str:
    """Return the text of a chapter."""
    return (HARDWARE / name).read_text(encoding="utf-8")


def section(name: str, title: str) -> str:
    """Return what stands below the heading *title* of a chapter, up to the next of its level."""
    return chapter(name).split(f"\n## {title}\n")[1].split("\n## ")[0]


def blocks(text: str, kind: str) -> list[str]:
    """Return the fenced blocks of *kind* in *text*."""
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def rows(text: str) -> Iterable[list[str]]:
    """Yield the cells of each row of the tables in *text*; headings and rules are rows, too."""
    for line in text.splitlines():
        if line.startswith("|"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def texts(drawing: str) -> list[str]:
    """Return the texts of a drawing, in their order."""
    svg = (SVG / drawing).read_text(encoding="utf-8")
    found = re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)
    plain = (re.sub(r"<[^>]*>", "\n", each) for each in found)
    return [" ".join(unescape(each).split()) for each in plain]


def drawings_of(name: str) -> list[str]:
    """Return the drawings that a chapter shows."""
    return re.findall(r"!\[[^\]]*\]\(diagrams/svg/([^)]+)\)", chapter(name))
