"""Adafruit's tri-colour tower light with buzzer. Pure."""

from collections.abc import Mapping

from buildlight.drivers.serial.protocols.protocol import CH340, Commands, SerialProtocol
from buildlight.patterns.pattern import Channel, Frame

# Adafruit's tri-colour tower light with buzzer, product 5125. Source: the constants of
# Adafruit's own example (RED_ON = 0x11, RED_OFF = 0x21, … BUZZER_OFF = 0x28), 9600 baud.
# It can blink by itself (0x41, 0x42, 0x44, 0x48), but no source states the rate. It might differ
# from ours, or exceed three flashes a second, so these commands are not used.

TOWER_BITS: Mapping[Channel, int] = {
    Channel.RED: 0x01,
    Channel.AMBER: 0x02,
    Channel.GREEN: 0x04,
    Channel.BUZZER: 0x08,
}


def encode_tower(frame: Frame) -> Commands:
    """Return the bytes that make Adafruit's tri-colour tower (product 5125) show *frame*.

    One byte for each lamp: 0x10 (on) or 0x20 (off), plus the lamp's bit. The whole state is sent
    each time, because the tower never answers. It keeps its state when the host is gone.
    """
    state = ((0x10 if channel in frame.lit else 0x20) | bit for channel, bit in TOWER_BITS.items())
    return (bytes(state),)


TOWER = SerialProtocol(frozenset(TOWER_BITS), encode_tower, usb=CH340)
