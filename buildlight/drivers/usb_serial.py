"""USB lights on a serial port: one port, and a table of bytes for each kind of light."""

import errno
import termios
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self

import serial
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from buildlight.drivers import DriverOptions
from buildlight.errors import LightBusy, LightUnavailable
from buildlight.pattern import DARK, Channel, Frame

WRITE_TIMEOUT = 1.0
"""Seconds after which a light that takes no bytes is given up."""


def encode_tower(frame: Frame) -> bytes:
    """Return the bytes that make Adafruit's tri-colour tower (product 5125) show *frame*.

    A byte a lamp: 0x10 (on) or 0x20 (off), plus the lamp's bit. The whole state is sent each
    time: the tower keeps its lamps when the host goes, and never answers.
    """
    return bytes(
        (0x10 if channel in frame.lit else 0x20) | bit for channel, bit in TOWER_BITS.items()
    )


TOWER_BITS: Mapping[Channel, int] = {
    Channel.RED: 0x01,
    Channel.AMBER: 0x02,
    Channel.GREEN: 0x04,
    Channel.BUZZER: 0x08,
}


def _bytes(text: Any) -> bytes:
    """Return what *text* writes: itself, or behind ``hex:`` the bytes of hex digits."""
    if not isinstance(text, str) or not text:
        raise ValueError('is no text; write it as "R" or as "hex: A0 01 01 A2"')
    try:
        if text.startswith("hex:"):
            return bytes.fromhex(text.removeprefix("hex:"))
        return text.encode("ascii")
    except ValueError:
        raise ValueError('is neither ASCII text nor "hex:" and hex digits') from None


class OnOff(BaseModel):
    """What to send to switch one channel on and off."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    on: Annotated[bytes, BeforeValidator(_bytes)]
    off: Annotated[bytes, BeforeValidator(_bytes)]


def encode_custom(table: Mapping[Channel, OnOff], frame: Frame) -> bytes:
    """Return what *table* says for *frame*, channel by channel in the table's order."""
    return b"".join(row.on if channel in frame.lit else row.off for channel, row in table.items())


@dataclass(frozen=True, slots=True)
class Protocol:
    """How a kind of light is spoken to."""

    channels: frozenset[Channel]
    encode: Callable[[Frame], bytes]


class SerialOptions(DriverOptions):
    """``port``: the device, best by its name under ``/dev/serial/by-id``; ``protocol``: which
    light; ``commands``: for ``protocol = "custom"``, what to send for each channel.
    """

    port: str = Field(min_length=1)
    protocol: Literal["adafruit-tower", "custom"]
    baud: int = Field(default=9600, ge=50, le=4_000_000)
    commands: Mapping[Channel, OnOff] = {}
    wait_for_light: bool = True

    @model_validator(mode="after")
    def _table_belongs_to_custom(self) -> Self:
        if self.protocol == "custom" and not self.commands:
            raise ValueError('protocol "custom" needs commands = { red = { on = …, off = … } }')
        if self.protocol != "custom" and self.commands:
            raise ValueError('commands belong to protocol "custom"')
        return self

    def spoken(self) -> Protocol:
        """Return how the light is spoken to."""
        if self.protocol == "custom":
            table = self.commands
            return Protocol(frozenset(table), lambda frame: encode_custom(table, frame))
        return Protocol(frozenset(TOWER_BITS), encode_tower)

    @property
    def channels(self) -> frozenset[Channel]:
        """The protocol's channels."""
        return self.spoken().channels

    @property
    def claims(self) -> frozenset[str]:
        """The port."""
        return frozenset({self.port})


class SerialLight:
    """A light on a serial port, which is held for as long as it answers."""

    Options: ClassVar[type[DriverOptions]] = SerialOptions
    # A light that lost its power for a moment heals within this time.
    refresh: ClassVar[float | None] = 10.0

    def __init__(self, options: SerialOptions) -> None:
        self._options = options
        self._encode = options.spoken().encode
        self._port: serial.Serial | None = _open(options)

    @property
    def wiring(self) -> Mapping[Channel, str]:
        """The port, for every channel."""
        return dict.fromkeys(self._options.channels, self._options.port)

    def show(self, frame: Frame) -> None:
        """Send the whole state. No flush: it knows no time-out, and would wait for ever."""
        if self._port is None:
            raise LightUnavailable(f"{self._options.port} is closed")
        try:
            # fit-statUSB was seen to stop after 144 commands whose replies nobody read.
            self._port.read(self._port.in_waiting)
            self._port.write(self._encode(frame))
        except serial.SerialTimeoutException as exc:
            raise LightUnavailable(
                f"{self._options.port} took no bytes for {WRITE_TIMEOUT:.0f} s"
            ) from exc
        except (OSError, termios.error) as exc:  # termios.error is not an OSError
            raise LightUnavailable(f"{self._options.port} is gone; is it plugged in?") from exc

    def close(self) -> None:
        """Send the dark frame, if the light still takes it, and let go of the port."""
        port, self._port = self._port, None
        if port is None:
            return
        try:
            port.write(self._encode(DARK))
        except (OSError, termios.error):
            # It was unplugged: dark already.
            return
        finally:
            port.close()


def _open(options: SerialOptions) -> serial.Serial:
    name = options.port
    try:
        return serial.Serial(
            name,
            options.baud,
            timeout=0,
            write_timeout=WRITE_TIMEOUT,
            exclusive=True,
        )
    except (OSError, ValueError, termios.error) as exc:
        raise _unavailable(name, exc) from exc


def _unavailable(name: str, exc: Exception) -> LightUnavailable:
    number = getattr(exc, "errno", None)
    if number in (errno.EAGAIN, errno.EBUSY):
        return LightBusy(f"{name} is held by another program")
    if number in (errno.ENOENT, errno.ENXIO, errno.ENODEV):
        return LightUnavailable(f"no port {name}; is the light plugged in?")
    if number in (errno.EACCES, errno.EPERM):
        return LightUnavailable(f"no permission for {name}; add the user to group dialout")
    return LightUnavailable(f"{name} is no serial port that can be used")
