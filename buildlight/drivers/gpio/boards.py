"""Ready-made boards and the pins of their LEDs. Plain data; does not import gpiozero.

The pins are those of gpiozero's own classes (2.0.1.post3, ``gpiozero/boards.py``); a high level
lights them. A board with several rows of LEDs is several lights, and each row has a name. Buzzers
that need a tone (Pibrella, JamHat) are left out: when switched on, they only click.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from buildlight.patterns.pattern import Channel

RED, AMBER, GREEN, BLUE = Channel.RED, Channel.AMBER, Channel.GREEN, Channel.BLUE
BUZZER = Channel.BUZZER


@dataclass(frozen=True, slots=True)
class Board:
    """A board, or one row of it: *pins* are BCM (GPIO) numbers; *rgb* if they drive one RGB LED."""

    title: str
    pins: Mapping[Channel, int]
    rgb: bool = False


def _traffic(title: str, red: int, amber: int, green: int, buzzer: int | None = None) -> Board:
    pins = {RED: red, AMBER: amber, GREEN: green}
    return Board(title, pins if buzzer is None else {**pins, BUZZER: buzzer})


def _pair(title: str, red: int, green: int) -> Board:
    return Board(title, {RED: red, GREEN: green})


BOARDS: Mapping[str, Board] = {
    "pi-traffic": _traffic("Pi Traffic", 9, 10, 11),
    "pi-stop-a": _traffic("Pi-Stop at A", 7, 8, 25),
    "pi-stop-a+": _traffic("Pi-Stop at A+", 21, 20, 16),
    "pi-stop-b": _traffic("Pi-Stop at B", 10, 9, 11),
    "pi-stop-b+": _traffic("Pi-Stop at B+", 13, 19, 26),
    "pi-stop-c": _traffic("Pi-Stop at C", 18, 15, 14),
    "pi-stop-d": _traffic("Pi-Stop at D", 2, 3, 4),
    "traffic-hat": _traffic("Traffic HAT", 24, 23, 22, buzzer=5),
    "traffic-phat": _traffic("Traffic pHAT", 25, 24, 23),
    "fishdish": _traffic("FishDish", 9, 22, 4, buzzer=8),
    "pibrella": _traffic("Pibrella", 27, 17, 4),
    "jamhat-1": _traffic("JamHat, row 1", 5, 12, 16),
    "jamhat-2": _traffic("JamHat, row 2", 6, 13, 17),
    "ledborg": Board("LedBorg", {RED: 17, GREEN: 27, BLUE: 22}, rgb=True),
    "statuszero-1": _pair("StatusZero, row 1", 4, 17),
    "statuszero-2": _pair("StatusZero, row 2", 27, 22),
    "statuszero-3": _pair("StatusZero, row 3", 10, 9),
    "statusboard-1": _pair("StatusBoard, row 1", 4, 17),
    "statusboard-2": _pair("StatusBoard, row 2", 27, 22),
    "statusboard-3": _pair("StatusBoard, row 3", 10, 9),
    "statusboard-4": _pair("StatusBoard, row 4", 11, 5),
    "statusboard-5": _pair("StatusBoard, row 5", 6, 13),
}
"""Boards by their name in ``board = "…"``."""
