"""A light of one's own: the configuration has its bytes. Pure."""

import re
from collections.abc import Mapping

from buildlight.drivers.serial.protocols.protocol import Answer, Commands, SerialProtocol
from buildlight.patterns.pattern import Channel, Frame

OnOffTable = Mapping[Channel, tuple[bytes, bytes]]
"""What switches each channel on, and what off."""


def encode_custom(table: OnOffTable, frame: Frame) -> Commands:
    """Return what *table* says for *frame*, channel by channel in the table's order."""
    return tuple(on if channel in frame.lit else off for channel, (on, off) in table.items())


NOTHING = re.compile(rb"(?!)")
"""What a light of one's own says when it refuses: nobody knows."""


def custom(
    table: OnOffTable, *, init: bytes = b"", ack: bytes = b"", ready: bytes = b""
) -> SerialProtocol:
    """Return how the light of *table* is spoken to; *ack* is its answer to each command."""

    def encode(frame: Frame) -> Commands:
        commands = encode_custom(table, frame)
        # Nobody waits in between: one write, which the light gets in one piece.
        return commands if ack else (b"".join(commands),)

    return SerialProtocol(
        frozenset(table),
        encode,
        answer=Answer(re.compile(re.escape(ack)), repr(ack)[2:-1], NOTHING) if ack else None,
        init=init,
        ready=ready,
        tcp=True,
        restarts=True,
    )
