"""A light whose bytes are in the configuration. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from buildlight.drivers.serial.protocols.protocol import Answer, Commands, SerialProtocol
from buildlight.drivers.states import Lit, spell
from buildlight.errors import LightUnavailable
from buildlight.patterns.pattern import Channel, Frame

OnOffTable = Mapping[Channel, tuple[bytes, bytes]]
"""The bytes that switch each channel on, and off."""


def encode_custom(table: OnOffTable, frame: Frame) -> Commands:
    """Return the bytes of *table* for *frame*, channel by channel in the table's order."""
    return tuple(on if channel in frame.lit else off for channel, (on, off) in table.items())


NOTHING = re.compile(rb"(?!)")
"""The answer to a command that fails, which is unknown for such a light."""


StateTable = Mapping[Lit, bytes]
"""The bytes for each set of channels that can be lit, and for none of them."""


def encode_state(table: StateTable, frame: Frame) -> Commands:
    """Return the one command of *table* for *frame*; raises :class:`LightUnavailable`."""
    try:
        return (table[frame.lit],)
    except KeyError:
        raise LightUnavailable(f"states has no command for {spell(frame.lit)}; add it") from None


def custom(
    table: OnOffTable, *, init: bytes = b"", ack: bytes = b"", ready: bytes = b"", pause: float = 0
) -> SerialProtocol:
    """Return the protocol of the light of *table*, which has bytes for each channel.

    *ack* is its answer to each command, *pause* the seconds of silence after each.
    """

    def encode(frame: Frame) -> Commands:
        commands = encode_custom(table, frame)
        # Without answers there is nothing to wait for: all commands go out in one write.
        return commands if ack or pause else (b"".join(commands),)

    plain = _protocol(frozenset(table), encode, ack)
    return replace(plain, init=init, ready=ready, pause=pause)


def custom_states(
    table: StateTable, *, init: bytes = b"", ack: bytes = b"", ready: bytes = b"", pause: float = 0
) -> SerialProtocol:
    """Return the protocol of the light of *table*, which has bytes for each set of channels."""
    plain = _protocol(frozenset().union(*table), partial(encode_state, table), ack)
    return replace(plain, init=init, ready=ready, pause=pause)


def _protocol(
    channels: frozenset[Channel], encode: Callable[[Frame], Commands], ack: bytes
) -> SerialProtocol:
    return SerialProtocol(
        channels,
        encode,
        answer=Answer(re.compile(re.escape(ack)), repr(ack)[2:-1], NOTHING) if ack else None,
        tcp=True,
        restarts=True,
    )
