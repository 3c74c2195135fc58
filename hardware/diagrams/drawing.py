"""Draws every diagram, or with --check compares the committed ones with new ones.

Started by the script ``draw`` beside it, which makes the environment.
"""

import re
import runpy
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from header import headers, table
from stamp import HERE, SVG, digest, sources, stamp_of, stamped, without_stamp

MEASURED = "DejaVu Sans"
"""The font with which Graphviz measures. It is broader than what is shown: nothing runs over."""
SHOWN = "Arial, Helvetica, sans-serif"

_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def wiring(source: Path) -> str:
    """Return the SVG of a WireViz file, without what differs from one run to the next."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            [Path(sys.executable).with_name("wireviz"), "-f", "s", "-o", folder, source],
            check=True,
            stdout=subprocess.PIPE,
        )
        svg = (Path(folder) / f"{source.stem}.svg").read_text(encoding="utf-8")
    if MEASURED not in svg:
        raise SystemExit(f"{source}: fontname is not {MEASURED!r}")
    svg = re.sub(r"^<\?xml.*?(?=<svg)", "", svg, flags=re.DOTALL)
    return svg.replace(f'font-family="{MEASURED}"', f'font-family="{SHOWN}"')


def schematic(source: Path) -> str:
    """Return the SVG that a schemdraw script draws."""
    return str(runpy.run_path(str(source))["drawn"]())


def tools() -> str:
    """Return what draws here: other versions of these may place things elsewhere."""
    dot = subprocess.run(["dot", "-V"], check=True, stderr=subprocess.PIPE, text=True).stderr
    font = subprocess.run(
        ["fc-match", "-f", "%{family[0]}", MEASURED], check=True, stdout=subprocess.PIPE, text=True
    ).stdout
    named = re.search(r"version ([\d.]+)", dot)
    return ", ".join(
        [
            f"graphviz {named[1] if named else '?'}",
            font,
            *(f"{each} {version(each)}" for each in ("wireviz", "schemdraw")),
        ]
    )


def draw_all() -> Mapping[str, str]:
    """Return every drawing, by its file's name."""
    using = tools()
    drawings = headers(table())
    for name, files in sources().items():
        svg = wiring(files[0]) if files[0].suffix == ".yml" else schematic(files[0])
        drawings[name] = stamped(svg, digest=digest(files), tools=using)
    return drawings


def difference(name: str, drawn: str) -> str | None:
    """Say how the committed drawing *name* differs from the one *drawn* now, if it does.

    Tools of other versions may place things elsewhere; they must not say anything else.
    """
    file = SVG / name
    if not file.exists():
        return "is missing"
    there = file.read_text(encoding="utf-8")
    if there == drawn:
        return None
    if name.endswith("-header.svg"):
        return "is out of date"
    return _stamped_difference(there, drawn)


def _stamped_difference(there: str, drawn: str) -> str | None:
    if stamp_of(there)[0] != stamp_of(drawn)[0]:
        return "was drawn from other sources"
    if stamp_of(there)[1] == stamp_of(drawn)[1]:
        return "does not come out of its sources"
    if _said(without_stamp(there)) != _said(without_stamp(drawn)):
        return "says something else than its sources"
    return None


def _said(svg: str) -> list[str]:
    """Return everything of a drawing but its numbers: texts, colours, shapes, in their order."""
    texts = re.findall(r"<text[^>]*>(.*?)</text>", svg, re.DOTALL)
    colours = re.findall(r'(?:stroke|fill)="([^"]*)"', svg)
    shapes = [_NUMBER.sub("", each) for each in re.findall(r"<(\w+)", svg)]
    return [*texts, *colours, *shapes]


def check() -> int:
    """Compare all drawings; return the exit status."""
    drawings = draw_all()
    wrong = {name: difference(name, svg) for name, svg in drawings.items()}
    wrong |= {each.name: "has no source" for each in SVG.glob("*.svg") if each.name not in drawings}
    for name, how in sorted(wrong.items()):
        if how:
            sys.stderr.write(f"{SVG / name} {how}; run {HERE / 'draw'}\n")
    if not any(wrong.values()):
        sys.stdout.write(f"{len(drawings)} drawings are up to date\n")
    return 1 if any(wrong.values()) else 0


def main() -> int:
    """Draw or check."""
    if sys.argv[1:] == ["--check"]:
        return check()
    if sys.argv[1:]:
        sys.stderr.write("usage: hardware/diagrams/draw [--check]\n")
        return 64
    SVG.mkdir(exist_ok=True)
    drawings = draw_all()
    for each in SVG.glob("*.svg"):
        if each.name not in drawings:
            each.unlink()
    for name, svg in drawings.items():
        (SVG / name).write_text(svg, encoding="utf-8")
    sys.stdout.write(f"{len(drawings)} drawings in {SVG}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
