"""Draws the 40-pin header with a lamp's wires on it: physical pin, GPIO, colour of the wire.

Needs nothing but Python. The pins come from the table, hardware/pins.toml.
"""

import tomllib
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

TABLE = Path(__file__).parents[1] / "pins.toml"

PAINT = {
    "black": "#111111",
    "blue": "#1f5fd0",
    "brown": "#8a5a2b",
    "green": "#1f9d3a",
    "grey": "#9a9a9a",
    "orange": "#f08a00",
    "red": "#d42020",
    "violet": "#8a3fc0",
    "yellow": "#e8c400",
}
"""The colours of wires, as they are painted."""

ROW, TOP, LEFT, WIDTH, HEIGHT = 24, 92, 442, 980, 612


def table() -> Mapping[str, Any]:
    """Return the table of pins."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def headers(pins: Mapping[str, Any]) -> dict[str, str]:
    """Return the header drawing of each lamp that is wired by hand, by its file's name."""
    return {
        f"{name}-header.svg": header(pins["header"], lamp) for name, lamp in pins["lamps"].items()
    }


def header(names: Mapping[str, str], lamp: Mapping[str, Any]) -> str:
    """Return an SVG of the header called *names*, by pin, with the wires of *lamp*."""
    wires = {wire["pin"]: wire for wire in lamp["wires"]}
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {_SIZE}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(WIDTH / 2, 28, lamp["title"], size=18, anchor="middle", weight="bold"),
        _text(WIDTH / 2, 52, _LEGEND, size=13, anchor="middle"),
        f'<rect x="{LEFT - 4}" y="{TOP - 18}" width="104" height="{20 * ROW + 12}" {_BOARD}/>',
        _text(LEFT + 48, TOP + 20 * ROW + 16, "USB sockets on this side", anchor="middle"),
        _text(LEFT - 14, TOP - 20, "middle of the Pi", anchor="end"),
        _text(LEFT + 110, TOP - 20, "edge of the Pi"),
    ]
    for number, name in names.items():
        parts += _pin(int(number), name, wires.get(int(number)))
    return "\n".join([*parts, "</svg>", ""])


_SIZE = f'width="{WIDTH}" height="{HEIGHT}" font-family="Arial, Helvetica, sans-serif"'
_BOARD = 'rx="6" fill="#20643c"'
_LEGEND = "Pin 1 has a square pad. Seen from above, SD card side up; other pins stay free."


def _pin(number: int, name: str, wire: Mapping[str, Any] | None) -> Iterable[str]:
    left = number % 2 == 1
    x, y = LEFT + (28 if left else 68), TOP + (number - 1) // 2 * ROW
    pad = "#f4d77a" if wire is None else "#ffffff"
    if wire is not None:
        yield from _wire(x, y, wire, _label(name, wire), left=left)
    if number == 1:
        yield (
            f'<rect x="{x - 9}" y="{y - 9}" width="18" height="18" fill="{pad}" stroke="#000000"/>'
        )
    else:
        yield f'<circle cx="{x}" cy="{y}" r="9" fill="{pad}" stroke="#000000"/>'
    yield _text(x, y + 4, str(number), size=10, anchor="middle")


def _label(name: str, wire: Mapping[str, Any]) -> str:
    what = f"{wire['colour']} wire to " if wire.get("colour") else ""
    return f"pin {wire['pin']} = {name}: {what}{wire['to']}"


def _wire(x: int, y: int, wire: Mapping[str, Any], label: str, *, left: bool) -> Iterable[str]:
    end = LEFT - 34 if left else LEFT + 130
    for width, paint in ((7, "#444444"), (5, PAINT[wire.get("colour", "grey")])):
        yield (
            f'<line x1="{x}" y1="{y}" x2="{end}" y2="{y}" stroke="{paint}" stroke-width="{width}"/>'
        )
    yield _text(end + (-8 if left else 8), y + 5, label, anchor="end" if left else "start")


def _text(
    x: float, y: float, text: str, *, size: int = 14, anchor: str = "start", weight: str = "normal"
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size}" text-anchor="{anchor}" '
        f'font-weight="{weight}">{escape(text)}</text>'
    )
