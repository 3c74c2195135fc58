"""The schematic of three LEDs and a buzzer."""

from symbols import leds_and_buzzer


def drawn() -> str:
    """Return it as SVG."""
    return leds_and_buzzer("lamps", "three-leds")
