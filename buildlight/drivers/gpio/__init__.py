"""LEDs, relays and boards on the GPIO pins of a Raspberry Pi."""
