"""Lights on a serial port: one wire, and a protocol for each kind of light.

The bytes stand in :mod:`serial_protocols`, the wire in :mod:`serial_wires`.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator
from serial.tools.list_ports import comports

from buildlight.drivers import DriverOptions
from buildlight.drivers.serial_protocols import (
    BUSYTAG,
    FIT_STATUSB,
    JAMBEL_MODULES,
    MOST_RELAYS,
    TOWER,
    Answer,
    Commands,
    SerialProtocol,
    custom,
    jambel,
    lcus,
)
from buildlight.drivers.serial_search import choose_port, usb_id
from buildlight.drivers.serial_wires import TCP, Wire, address_of, open_wire
from buildlight.errors import LightUnavailable
from buildlight.pattern import DARK, Channel, Frame, Pattern
from buildlight.redaction import printable

AUTO = "auto"
LOOK = 1.0
"""Seconds between looks whether a light that is not told anything is still there."""
REPEAT = 10.0
"""Seconds after which a light is told its state again: it may have lost its power for a moment."""
EARLY = 0.1
"""Seconds by which a repetition may come too early, rather than a whole look too late."""
STARTING = 3.0
"""Seconds that a board may need to start: an Arduino does, whenever its port is opened."""
ANSWERING = 1.0
"""Seconds within which a light answers a command."""
HEARD = 1000
"""Bytes of an answer that are looked at."""
TOUCH = 1200
"""The baud rate at which an Arduino Leonardo or a Pico waits for new firmware instead."""


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


Sent = Annotated[bytes, BeforeValidator(_bytes)]


class OnOff(BaseModel):
    """What to send to switch one channel on and off."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    on: Sent
    off: Sent


class SerialOptions(DriverOptions):
    """The keys of a serial light.

    ``port``: a device, best by its name under ``/dev/serial/by-id``; ``"auto"`` for the only
    one with the light's USB id; or ``socket://host:port``. ``protocol``: which light.
    ``channels``: what hangs on the relays of an LCUS board, or on the modules of a Jambel, from
    the first on. ``commands``, ``init``, ``ack`` and ``ready`` belong to ``protocol =
    "custom"``: what to send for each channel, what once after opening, what the light answers
    to each command, and what it says when it has started.
    """

    port: str = Field(min_length=1)
    protocol: Literal["adafruit-tower", "fit-statusb", "busytag", "jambel", "lcus", "custom"]
    baud: int = Field(default=9600, ge=50, le=4_000_000)
    order: tuple[Channel, ...] = Field(default=(), alias="channels", max_length=MOST_RELAYS)
    commands: Mapping[Channel, OnOff] = {}
    init: Sent = b""
    ack: Sent = b""
    ready: Sent = b""
    wait_for_light: bool = True

    @field_validator("baud")
    @classmethod
    def _keep_the_firmware(cls, baud: int) -> int:
        if baud == TOUCH:
            raise ValueError("makes many boards wait for new firmware; use another rate")
        return baud

    @field_validator("port")
    @classmethod
    def _know_the_address(cls, port: str) -> str:
        if port.startswith(TCP):
            address_of(port)
        elif "://" in port:
            raise ValueError("is neither a device nor socket://host:port")
        return port

    @field_validator("order")
    @classmethod
    def _one_wire_a_channel(cls, order: tuple[Channel, ...]) -> tuple[Channel, ...]:
        if len({*order}) < len(order):
            raise ValueError("names a channel twice")
        return order

    @model_validator(mode="before")
    @classmethod
    def _relays_are_relays(cls, keys: Any) -> Any:
        if isinstance(keys, Mapping) and keys.get("protocol") == "lcus":
            return {"relay": True, **keys}
        return keys

    @model_validator(mode="after")
    def _keys_belong_to_the_protocol(self) -> Self:
        if self.protocol == "custom" and not self.commands:
            raise ValueError('protocol "custom" needs commands = { red = { on = …, off = … } }')
        for key in ("commands", "init", "ack", "ready"):
            if self.protocol != "custom" and getattr(self, key):
                belong = "belong" if key == "commands" else "belongs"
                raise ValueError(f'{key} {belong} to protocol "custom"')
        if self.protocol == "lcus" and not self.order:
            raise ValueError('protocol "lcus" needs channels = ["red", "amber", "green"]')
        if self.protocol == "lcus" and not self.relay:
            raise ValueError("relay = false: the relays of an LCUS board are mechanical")
        if self.protocol not in ("lcus", "jambel") and self.order:
            raise ValueError('channels belong to protocols "lcus" and "jambel"')
        if self.protocol == "jambel" and self.order and {*self.order} != {*JAMBEL_MODULES}:
            raise ValueError("channels of a Jambel are red, amber and green, in the modules' order")
        return self

    @model_validator(mode="after")
    def _port_suits_the_protocol(self) -> Self:
        spoken = self.spoken()
        if self.port == AUTO and spoken.usb is None:
            raise ValueError(f'port = "auto" cannot find protocol "{self.protocol}"; name its port')
        if self.port.startswith(TCP) and not spoken.tcp:
            raise ValueError(f'protocol "{self.protocol}" is not spoken over a network')
        return self

    def spoken(self) -> SerialProtocol:
        """Return how the light is spoken to."""
        match self.protocol:
            case "adafruit-tower":
                return TOWER
            case "fit-statusb":
                return FIT_STATUSB
            case "busytag":
                return BUSYTAG
            case "jambel":
                return jambel(self.order or JAMBEL_MODULES)
            case "lcus":
                return lcus(self.order)
            case "custom":
                table = {channel: (row.on, row.off) for channel, row in self.commands.items()}
                return custom(table, init=self.init, ack=self.ack, ready=self.ready)

    @property
    def channels(self) -> frozenset[Channel]:
        """The protocol's channels."""
        return self.spoken().channels

    @property
    def dims(self) -> bool:
        """Whether the light breathes."""
        return self.spoken().dims

    @property
    def claims(self) -> frozenset[str]:
        """The port; with ``"auto"``, every light of that id, as there may be but one."""
        usb = self.spoken().usb
        if self.port == AUTO and usb is not None:
            return frozenset({f"the light with USB id {usb_id(usb)}"})
        return frozenset({self.port})


class SerialLight:
    """A light on a serial port, which is held for as long as it answers."""

    Options: ClassVar[type[DriverOptions]] = SerialOptions
    # Most of these times, the light is looked at and nothing is sent.
    refresh: ClassVar[float | None] = LOOK

    def __init__(
        self, options: SerialOptions, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._spoken = options.spoken()
        self._name = _found(options)
        self._told: Commands = ()
        self._repeat_at = 0.0
        self._lit: frozenset[Channel] | None = None
        self._shaded_at = 0.0
        self._plan: tuple[Pattern, Commands, float] | None = None
        self._health = Health.OBEYS
        self._wire: Wire | None = open_wire(self._name, baud=options.baud)
        try:
            self._start(self._wire)
        except LightUnavailable:
            self._wire.close(discard=True)
            raise
        self._opened_at = clock()

    @property
    def wiring(self) -> Mapping[Channel, str]:
        """The port, for every channel."""
        return dict.fromkeys(self._spoken.channels, self._name)

    def plays(self, pattern: Pattern) -> bool:
        """Return whether the light blinks *pattern* by itself, at the pattern's own pace."""
        return self._planned(pattern) is not None

    def play(self, pattern: Pattern) -> None:
        """Let the light play *pattern*; started anew only where it starts anew by itself."""
        planned = self._planned(pattern)
        if planned is None:
            raise ValueError("a pattern that the light does not play")
        commands, period = planned
        self._tell(commands, repeat=max(REPEAT // period, 1.0) * period)

    def show(self, frame: Frame) -> None:
        """Send the whole state, unless it was sent lately: then see that the light is there."""
        commands = self._spoken.encode(frame)
        if frame.lit == self._lit and self._clock() < self._shaded_at + self._spoken.shading:
            # The same colours: their brightness can wait until the next step, or the next look.
            commands = self._told or commands
        before = self._told
        self._tell(commands, repeat=REPEAT)
        if self._told != before:
            self._lit, self._shaded_at = frame.lit, self._clock()

    def close(self) -> None:
        """Send the dark frame, if the light still takes it, and let go of the port."""
        wire, self._wire = self._wire, None
        if wire is None:
            return
        with suppress(LightUnavailable):  # It may be unplugged, and dark already.
            if self._health is Health.OBEYS:
                self._send(wire, self._spoken.encode(DARK))
            elif self._health is Health.REFUSES:
                # Better dark than an old green; but its answers are not waited for any more.
                wire.write(b"".join(self._spoken.encode(DARK)))
        wire.close(discard=self._health is Health.GONE)

    def _planned(self, pattern: Pattern) -> tuple[Commands, float] | None:
        # Asked at every step of the lamp.
        if self._plan is None or self._plan[0] != pattern:
            found = self._spoken.play(pattern)
            commands, period = (found.commands, found.period) if found else ((), 0.0)
            self._plan = (pattern, commands, period)
        _, commands, period = self._plan
        return (commands, period) if commands else None

    def _tell(self, commands: Commands, *, repeat: float) -> None:
        if self._wire is None:
            raise LightUnavailable(f"{self._name} is closed")
        now = self._clock()
        # What an Arduino is told before it has started is lost on it.
        starting = self._spoken.restarts and now < self._opened_at + STARTING
        try:
            self._wire.look()
            if commands == self._told and now < self._repeat_at - EARLY and not starting:
                return
            self._told = ()
            self._send_until_started(self._wire, commands)
        except LightUnavailable as exc:
            self._health = Health.REFUSES if isinstance(exc, _Refused) else Health.GONE
            raise
        self._told, self._repeat_at = commands, now + repeat

    def _send_until_started(self, wire: Wire, commands: Commands) -> None:
        while True:
            try:
                return self._send(wire, commands)
            except _Silent:
                # Opening it once more would only make it start once more.
                if not self._spoken.restarts or self._clock() >= self._opened_at + STARTING:
                    raise

    def _send(self, wire: Wire, commands: Commands) -> None:
        for command in commands:
            wire.write(command)
            if self._spoken.answer is not None:
                self._hear(wire, self._spoken.answer)

    def _hear(self, wire: Wire, answer: Answer) -> None:
        """Wait for the answer to a command; what is none (an event, an echo) is passed over."""
        heard, until = b"", time.monotonic() + ANSWERING
        while True:
            refused = answer.bad.search(heard)
            if answer.good.search(heard) and not refused:
                return
            left = until - time.monotonic()
            if refused or (left <= 0 and heard):
                raise _Refused(f"{self._name} answered {_quoted(heard)} instead of {answer.called}")
            if left <= 0:
                raise _Silent(
                    f"{self._name} did not answer within {ANSWERING:.0f} s; is it the right light?"
                )
            heard = (heard + wire.read(left))[-HEARD:]

    def _start(self, wire: Wire) -> None:
        """Wait for a board that restarts, and send what comes once."""
        heard, until = b"", time.monotonic() + STARTING
        # A board that did not restart is silent, and is told all the same.
        while self._spoken.ready not in heard and (left := until - time.monotonic()) > 0:
            heard = (heard + wire.read(left))[-HEARD:]
        if self._spoken.init:
            # Whatever it answers: the light may not know this, and do all else.
            with suppress(_Refused):
                self._send(wire, (self._spoken.init,))


class Health(Enum):
    """How a light took the last that was sent to it."""

    OBEYS = "obeys"
    REFUSES = "refuses"
    GONE = "gone"


class _Refused(LightUnavailable):
    """A light that is there, and did not do what it was told."""


class _Silent(_Refused):
    """A light that is there, and said nothing."""


def _quoted(heard: bytes) -> str:
    return repr(printable(heard.decode("ascii", "replace").strip(), limit=40))


def _found(options: SerialOptions) -> str:
    usb = options.spoken().usb
    if options.port != AUTO or usb is None:
        return options.port
    try:
        ports = comports()
    except (OSError, TypeError, ValueError):
        # A device that goes away while pyserial reads what it is.
        ports = []
    return choose_port(options.protocol, usb, ports, _links())


def _links() -> Mapping[str, str]:
    """Return the names under ``/dev/serial``, and the devices that they lead to."""
    return {str(link): str(link.resolve()) for link in Path("/dev/serial").glob("by-*/*")}
