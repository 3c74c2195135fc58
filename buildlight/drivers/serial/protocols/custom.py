"""A light whose bytes are in the configuration. Pure."""

import re
from collections.abc import Mapping

from buildlight.drivers.serial.protocols.protocol import Answer, Commands, SerialProtocol
from buildlight.patterns.pattern import Channel, Frame

OnOffTable = Mapping[Channel, tuple[bytes, bytes]]
"""The bytes that switch each channel on, and off."""


def encode_custom(table: OnOffTable, frame: Frame) -> Commands:
    """Return the bytes of *table* for *frame*, channel by channel in the table's order."""
    return tuple(on if channel in frame.lit else off for channel, (on, off) in table.items())


NOTHING = re.compile(rb"(?!)")
"""The answer to a command that fails, which is unknown for such a light."""


def custom(
    table: OnOffTable, *, init: bytes = b"", ack: bytes = b"", ready: bytes = b""
) -> SerialProtocol:
    """Return the protocol of the light of *table*; *ack* is its answer to each command."""

    def encode(frame: Frame) -> Commands:
        commands = encode_custom(table, frame)
        # Without answers there is nothing to wait for: all commands go out in one write.
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
