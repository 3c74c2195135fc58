"""The schematic of a relay board whose inputs are active low, on the pins themselves."""

import schemdraw.elements as elm
from symbols import LAMPS, new, pin, relay_board, svg, tower_on_contacts, wires


def drawn() -> str:
    """Return it as SVG."""
    lit, (three, five, minus) = wires("lamps", "relay")
    drawing = new()
    drawing += (
        board := relay_board(
            "Relay board, jumper taken off", "VCC", "", "IN1", "IN2", "IN3", "IN4", "JD-VCC", "GND"
        )
    )
    start = board.VCC[0] - 6
    drawing += elm.Line().at(board.VCC).left().tox(start)
    drawing += elm.Dot(open=True).label(pin(three), "left")
    for row, channel in enumerate(LAMPS, 1):
        x, y = board.VCC[0] - 6 + 1.25 * row, getattr(board, f"IN{row}")[1]
        drawing += elm.Line().at((board.VCC[0], y)).left().tox(start)
        drawing += elm.Dot(open=True).label(pin(lit[channel]), "left")
        drawing += elm.Dot().at((x, board.VCC[1]))
        drawing += (
            elm.ResistorIEC().down().toy(board.IN1[1] + 0.4).label(f"R{row}", "bottom", ofst=0.05)
        )
        drawing += elm.Line().down().toy(y)
        drawing += elm.Dot()
    drawing += (
        elm.Label()
        .at((start + 0.6, board.VCC[1] + 0.5))
        .label("R1 to R4: 10 kΩ each", halign="left")
    )
    for name, wire in (("JDVCC", five), ("GND", minus)):
        drawing += elm.Line().at(getattr(board, name)).left().tox(start)
        drawing += elm.Dot(open=True).label(pin(wire), "left")
    tower_on_contacts(drawing, board)
    return svg(drawing)
