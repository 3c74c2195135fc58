"""Where the lamp hangs on a Raspberry Pi Pico: GP numbers, as they are printed on the board."""

PINS = {
    "red": 10,
    "amber": 11,
    "green": 12,
    "buzzer": 13,
}
