"""Symbols and circuits that several schematics share. Draws with schemdraw; pins from the table."""

import re
from collections.abc import Mapping
from typing import Any

import schemdraw
import schemdraw.elements as elm
from header import PAINT, table
from schemdraw.segments import Segment, SegmentPoly, SegmentText

schemdraw.use("svg")
schemdraw.svgconfig.text = "text"

Wire = Mapping[str, Any]

LED_PAINT = {"red": PAINT["red"], "amber": PAINT["yellow"], "green": PAINT["green"]}


def wires(kind: str, name: str) -> tuple[dict[str, Wire], list[Wire]]:
    """Return a lamp's wires by channel, and those that light none."""
    every = table()[kind][name]["wires"]
    return {each["channel"]: each for each in every if "channel" in each}, [
        each for each in every if "channel" not in each
    ]


def pin(wire: Wire) -> str:
    """Return the label of *wire*'s end at the Pi or the board: its name and physical pin."""
    if isinstance(wire["pin"], str):
        chip = f" = {wire['chip']}" if "chip" in wire else ""
        return f"{wire['pin']}{chip}"
    return f"{wire['is']} (pin {wire['pin']})"


def new() -> Any:
    """Return an empty drawing, in the style of all of them."""
    drawing = schemdraw.Drawing(show=False)
    drawing.config(
        fontsize=13, font="Arial, Helvetica, sans-serif", unit=2.5, bgcolor="white", margin=0.3
    )
    return drawing


def source(drawing: Any, at: tuple[float, float], wire: Wire) -> Any:
    """Draw where *wire* begins; return its end."""
    drawing += elm.Dot(open=True).at(at).label(pin(wire), "left")
    return drawing.here


def svg(drawing: Any) -> str:
    """Return the drawing as SVG, on white paper whatever it is shown on."""
    drawn = drawing.get_imagedata("svg").decode()
    found = re.match(r'<svg[^>]*viewBox="(\S+) (\S+) (\S+) (\S+)"[^>]*>', drawn)
    x, y, width, height = found.groups()
    paper = f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="white"/>'
    return f"{found[0]}{paper}{drawn[found.end() :]}\n"


def low_side(drawing: Any, at: tuple[float, float], wire: Wire, names: tuple[str, str, str]) -> Any:
    """Draw an NPN transistor that *wire* switches, with its two resistors; return the transistor.

    *names* are those of the resistor before the base, of the one to ground, and of the transistor.
    The emitter ends 2 below the base, at a dot.
    """
    before, down, transistor = names
    x, y = at
    source(drawing, at, wire)
    drawing += elm.ResistorIEC().right().length(2.5).label(f"{before}  1 kΩ")
    drawing += elm.Dot()
    drawing += elm.ResistorIEC().down().length(2).label(f"{down}  10 kΩ", "top")
    drawing += elm.Line().right().at((x + 2.5, y)).length(0.6)
    drawing += (npn := elm.BjtNpn(circle=True).right().anchor("base"))
    drawing += (
        elm.Label()
        .at((npn.emitter[0] + 0.5, y - 0.25))
        .label(f"{transistor}  BC337", "right", halign="left")
    )
    drawing += elm.Line().down().at(npn.emitter).toy(y - 2)
    drawing += elm.Dot()
    drawing += elm.Line().left().tox(x + 2.5)
    return npn


def leds_and_buzzer(kind: str, name: str) -> str:
    """Draw three LEDs, each behind a resistor, and a buzzer behind a transistor."""
    lit, others = wires(kind, name)
    grounds = [each for each in others if "GND" in (each["pin"], each.get("is"))]
    (five,) = [each for each in others if each not in grounds]
    drawing = new()
    for row, channel in enumerate(("red", "amber", "green")):
        source(drawing, (0, -1.8 * row), lit[channel])
        drawing += elm.ResistorIEC().right().label(f"R{row + 1}  470 Ω")
        drawing += (
            elm.LED().right().fill(LED_PAINT[channel]).label(f"{channel} LED", "bottom", ofst=0.3)
        )
        if row:
            drawing += elm.Dot()
    drawing += elm.Line().up().length(3.6)
    drawing += elm.Line().down().at((5, -3.6)).length(0.6)
    ground(drawing, grounds[0])
    _buzzer(drawing, (0, -9.6), lit["buzzer"], five, grounds[-1])
    return svg(drawing)


def ground(drawing: Any, wire: Wire) -> None:
    """Draw the ground of *wire* here."""
    at = drawing.here
    drawing += elm.Ground()
    drawing += elm.Label().at((at[0] + 0.4, at[1] - 0.2)).label(pin(wire), "right", halign="left")


def _buzzer(drawing: Any, at: tuple[float, float], wire: Wire, five: Wire, minus: Wire) -> None:
    npn = low_side(drawing, at, wire, ("R4", "R5", "Q1"))
    x, y = npn.collector
    drawing += elm.Line().at((npn.emitter[0], at[1] - 2)).down().length(0.4)
    ground(drawing, minus)
    drawing += elm.Line().at((x, y)).up().length(0.5)
    drawing += elm.Dot()
    drawing += elm.Source().up().length(2).label("BZ1 buzzer, 5 V\n(+ at the top)", "top")
    drawing += elm.Dot()
    drawing += elm.Line().up().length(0.4)
    drawing += elm.Dot(open=True).label(pin(five), "right")
    drawing += elm.Line().at((x, y + 0.5)).right().length(1.4)
    drawing += elm.Diode().up().length(2).label("D1  1N4148", "bottom")
    drawing += elm.Line().left().length(1.4)


LAMPS = ("red", "amber", "green", "buzzer")
"""What hangs on four outputs, in their order."""
PITCH, LEG, BOX = 1.25, 0.6, 4.0
"""Between two legs of a chip or a board; the length of a leg; the width of a chip or board."""


class Box(elm.Element):
    """A chip or a board: *left* and *right* are the names of its legs, downwards; "" is a gap.

    *numbers* are those of legs that have one. The anchors are the legs' ends, named like them.
    """

    def __init__(
        self,
        title: str,
        left: tuple[str, ...],
        right: tuple[str, ...],
        numbers: Mapping[str, int],
    ) -> None:
        super().__init__()
        low = -PITCH * max(len(left), len(right))
        corners = [(0, 0), (BOX, 0), (BOX, low), (0, low)]
        self.segments.append(SegmentPoly(corners))
        self.segments.append(SegmentText((BOX / 2, 0.3), title, fontsize=14))
        for names, edge, out, align in ((left, 0, -1, "left"), (right, BOX, 1, "right")):
            for row, name in enumerate(names):
                if not name:
                    continue
                y = -PITCH * (row + 0.5)
                end = (edge + LEG * out, y)
                self.segments.append(Segment([(edge, y), end]))
                inside = (edge - 0.15 * out, y)
                self.segments.append(
                    SegmentText(inside, name, align=(align, "center"), fontsize=13)
                )
                if name in numbers:
                    above = (edge + LEG / 2 * out, y + 0.22)
                    self.segments.append(SegmentText(above, str(numbers[name]), fontsize=11))
                self.anchors[name.replace("-", "")] = end


def uln2803a(*, clamps: bool = True) -> Any:
    """Return the chip with its legs' numbers; those that stay free are not drawn."""
    inputs, outputs = ([f"{each}{row}" for row in range(1, 5)] for each in ("IN", "OUT"))
    return Box(
        "U1  ULN2803A",
        (*inputs, "GND"),
        (*outputs, *(["COM"] if clamps else [])),
        {
            **{name: leg for leg, name in enumerate(inputs, 1)},
            **{name: 19 - leg for leg, name in enumerate(outputs, 1)},
            "GND": 9,
            "COM": 10,
        },
    )


def relay_board(title: str, *left: str) -> Any:
    """Return a relay board with the terminals *left*, and the contacts of its four relays."""
    contacts = tuple(f"{each}{row}" for row in range(1, 5) for each in ("COM", "NO"))
    return Box(title, left, contacts, {})


def lamp(drawing: Any, at: tuple[float, float], channel: str) -> None:
    """Draw one lamp of the tower, or its buzzer, from *at* to the right; a dot at its end."""
    drawing += elm.Line().at(at).right().length(0.6)
    drawing += (
        elm.Source()
        .right()
        .length(2.4)
        .fill(LED_PAINT.get(channel, "white"))
        .label(channel, "top", ofst=(-1.1, -0.35))
    )
    drawing += elm.Dot()


def fused_rail(drawing: Any, at: tuple[float, float]) -> None:
    """Draw the fuse and the supply's plus, downwards from *at*."""
    drawing += elm.FuseIEC().at(at).down().length(2).label("F1  500 mA, slow", "bottom")
    drawing += elm.Dot(open=True).label("supply plus  (12 or 24 V)", "right")


def tower_on_contacts(drawing: Any, board: Any) -> None:
    """Draw a common-minus tower on a relay board's contacts."""
    rail = board.COM1[0] + 1
    for row, channel in enumerate(LAMPS, 1):
        drawing += elm.Line().at(getattr(board, f"COM{row}")).right().tox(rail)
        drawing += elm.Dot()
        lamp(drawing, (rail + 0.6, getattr(board, f"NO{row}")[1]), channel)
        drawing += elm.Line().at(getattr(board, f"NO{row}")).right().tox(rail + 0.6)
    far = (rail + 3.6, board.NO4[1])
    drawing += elm.Line().at(far).up().toy(board.NO1)
    drawing += elm.Line().at(far).down().length(1)
    drawing += elm.Dot(open=True).label("supply minus, the tower's common", "right")
    drawing += elm.Line().at((rail, board.COM4[1])).up().toy(board.COM1)
    drawing += elm.Line().up().length(0.4)
    drawing += elm.FuseIEC().up().length(2).label("F1  500 mA, slow", "bottom")
    drawing += elm.Dot(open=True).label("supply plus  (12 or 24 V)", "right")
