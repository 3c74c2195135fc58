"""Adafruit's tri-colour tower light with buzzer. Pure."""

from collections.abc import Mapping

from buildlight.drivers.serial.protocols.protocol import CH340, Commands, SerialProtocol
from buildlight.patterns.pattern import Channel, Frame

# Adafruit's tri-colour tower light with buzzer, product 5125. Source: the constants of
# Adafruit's own example (RED_ON = 0x11, RED_OFF = 0x21, … BUZZER_OFF = 0x28), 9600 baud.
# It blinks by itself (0x41, 0x42, 0x44, 0x48), but at a rate that no source states and no
# reply tells: it cannot be known to match ours, nor to stay below three flashes a second.

TOWER_BITS: Mapping[Channel, int] = {
    Channel.RED: 0x01,
    Channel.AMBER: 0x02,
    Channel.GREEN: 0x04,
    Channel.BUZZER: 0x08,
}


def encode_tower(frame: Frame) -> Commands:
    """Return the bytes that make Adafruit's tri-colour tower (product 5125) show *frame*.

    A byte a lamp: 0x10 (on) or 0x20 (off), plus the lamp's bit. The whole state is sent each
    time: the tower keeps its lamps when the host goes, and never answers.
    """
    state = ((0x10 if channel in frame.lit else 0x20) | bit for channel, bit in TOWER_BITS.items())
    return (bytes(state),)


TOWER = SerialProtocol(frozenset(TOWER_BITS), encode_tower, usb=CH340)
