"""The schematic of a relay board that needs 5 V at VCC, behind a ULN2803A."""

import schemdraw.elements as elm
from symbols import LAMPS, new, pin, relay_board, svg, tower_on_contacts, uln2803a, wires


def drawn() -> str:
    """Return it as SVG."""
    lit, (five, minus, second) = wires("lamps", "relay-uln")
    drawing = new()
    drawing += (
        board := relay_board(
            "Relay board, jumper left on", "VCC", "IN1", "IN2", "IN3", "IN4", "GND"
        )
    )
    drawing += (
        chip := uln2803a(clamps=False).at((board.IN1[0] - 3.6, board.IN1[1])).anchor("OUT1")
    )
    drawing += elm.Line().at(board.VCC).left().length(0.8)
    drawing += elm.Dot(open=True).label(pin(five), "left")
    for row, channel in enumerate(LAMPS, 1):
        drawing += elm.Line().at(getattr(chip, f"IN{row}")).left().length(1)
        drawing += elm.Dot(open=True).label(pin(lit[channel]), "left")
        drawing += elm.Line().at(getattr(chip, f"OUT{row}")).right().tox(board.IN1)
    drawing += elm.Line().at(chip.GND).left().length(1)
    drawing += elm.Dot(open=True).label(pin(minus), "left")
    drawing += elm.Line().at(board.GND).left().length(0.8)
    drawing += elm.Line().down().length(1.4)
    drawing += elm.Dot(open=True).label(pin(second), "left")
    tower_on_contacts(drawing, board)
    return svg(drawing)
