"""The schematic of a common-plus tower over a ULN2803A."""

import schemdraw.elements as elm
from symbols import LAMPS, fused_rail, lamp, new, pin, svg, uln2803a, wires


def drawn() -> str:
    """Return it as SVG."""
    lit, (minus,) = wires("lamps", "tower")
    drawing = new()
    drawing += (chip := uln2803a())
    for row, channel in enumerate(LAMPS, 1):
        drawing += elm.Line().at(getattr(chip, f"IN{row}")).left().length(1)
        drawing += elm.Dot(open=True).label(pin(lit[channel]), "left")
        lamp(drawing, getattr(chip, f"OUT{row}"), channel)
    low = drawing.here
    drawing += elm.Line().up().toy(chip.OUT1[1])
    drawing += elm.Line().at(chip.COM).right().tox(low[0])
    drawing += elm.Dot()
    drawing += elm.Line().up().toy(low[1])
    fused_rail(drawing, (low[0], chip.COM[1]))
    drawing += elm.Line().at(chip.GND).left().length(0.5)
    drawing += elm.Dot()
    corner = drawing.here
    drawing += elm.Line().left().length(0.5)
    drawing += elm.Dot(open=True).label(pin(minus), "left")
    drawing += elm.Line().at(corner).down().length(2)
    drawing += elm.Dot(open=True).label("supply minus", "left")
    return svg(drawing)
