"""The schematic of our own USB light on a Raspberry Pi Pico."""

from symbols import leds_and_buzzer


def drawn() -> str:
    """Return it as SVG."""
    return leds_and_buzzer("lights", "pico")
