"""The schematic of an RGB LED with a common anode, switched from 5 V by three transistors."""

import schemdraw.elements as elm
from header import PAINT
from symbols import ground, low_side, new, pin, svg, wires

LEDS = (
    ("red", "R1  330 Ω", ("R4", "R7", "Q1")),
    ("green", "R2  180 Ω", ("R5", "R8", "Q2")),
    ("blue", "R3  180 Ω", ("R6", "R9", "Q3")),
)


def drawn() -> str:
    """Return it as SVG."""
    lit, (five, minus) = wires("lamps", "rgb-led")
    drawing = new()
    for column, (channel, resistor, names) in enumerate(LEDS):
        x = 9.5 * column
        npn = low_side(drawing, (x, 0), lit[channel], names)
        drawing += elm.Line().at((npn.emitter[0], -2)).down().length(0.4)
        ground(drawing, minus)
        drawing += elm.ResistorIEC().at(npn.collector).up().length(2).label(resistor, "bottom")
        drawing += (
            elm.LED()
            .up()
            .reverse()
            .length(2)
            .fill(PAINT[channel])
            .label(f"{channel}", "bottom", ofst=0.2)
        )
        top = drawing.here
        drawing += elm.Dot()
    drawing += elm.Line().at(top).left().tox(npn.collector[0] - 19)
    drawing += elm.Line().up().length(0.6)
    drawing += elm.Dot(open=True).label(pin(five) + ", the LED's longest leg", "right")
    return svg(drawing)
