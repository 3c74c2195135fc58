"""The keys of a serial light in the configuration, checked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from buildlight.drivers import WAIT, DriverOptions
from buildlight.drivers.serial.port import TCP, address_of
from buildlight.drivers.serial.protocols.adafruit_tower import TOWER
from buildlight.drivers.serial.protocols.buildlight import OWN_CHANNELS, own_light
from buildlight.drivers.serial.protocols.busytag import BUSYTAG
from buildlight.drivers.serial.protocols.custom import custom, custom_states
from buildlight.drivers.serial.protocols.fit_statusb import FIT_STATUSB
from buildlight.drivers.serial.protocols.jambel import JAMBEL_MODULES, jambel
from buildlight.drivers.serial.protocols.lcus import MOST_RELAYS, lcus
from buildlight.drivers.serial.protocols.protocol import SerialProtocol
from buildlight.drivers.serial.search import usb_id
from buildlight.drivers.states import by_lit, check_states
from buildlight.patterns.pattern import Channel

AUTO = "auto"
TOUCH = 1200
"""The baud rate that makes an Arduino Leonardo or a Pico wait for new firmware."""


def _bytes(text: Any) -> bytes:
    """Return the bytes of *text*: its ASCII characters or, after ``hex:``, its hex digits."""
    if not isinstance(text, str) or not text:
        raise ValueError('is not a string; write it as "R" or as "hex: A0 01 01 A2"')
    try:
        if text.startswith("hex:"):
            return bytes.fromhex(text.removeprefix("hex:"))
        return text.encode("ascii")
    except ValueError:
        raise ValueError('is neither ASCII text nor "hex:" and hex digits') from None


Sent = Annotated[bytes, BeforeValidator(_bytes, json_schema_input_type=str)]


BOUGHT: Mapping[str, SerialProtocol] = {
    "adafruit-tower": TOWER,
    "fit-statusb": FIT_STATUSB,
    "busytag": BUSYTAG,
}
"""Protocols without further keys."""


class OnOff(BaseModel):
    """The bytes that switch one channel on, and off."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    on: Sent = Field(description="what to send to switch the channel on")
    off: Sent = Field(description="what to send to switch the channel off")


_ONLY_CUSTOM = 'nothing unless set; only for `protocol = "custom"`'


class SerialOptions(DriverOptions):
    """The keys of a serial light."""

    port: str = Field(
        examples=["/dev/ttyUSB0"],
        min_length=1,
        description="device, preferably by its name in /dev/serial/by-id; `auto` for the only "
        "device "
        "with the light's USB id; or `socket://host:port`",
    )
    protocol: Literal[
        "buildlight", "adafruit-tower", "fit-statusb", "busytag", "jambel", "lcus", "custom"
    ] = Field(
        examples=["adafruit-tower"], description="kind of light, which decides what is sent to it"
    )
    baud: int | None = Field(
        examples=[9600],
        default=None,
        ge=50,
        le=4_000_000,
        description="speed in bits per second; unless set, the speed of the protocol",
    )
    order: tuple[Channel, ...] = Field(
        default=(),
        alias="channels",
        max_length=MOST_RELAYS,
        description="list of channels, in the order of an LCUS board's relays or a Jambel's "
        "modules; "
        'for `protocol = "buildlight"`, the channels that the light must have',
    )
    commands: Mapping[Channel, OnOff] = Field(
        default={},
        description="table of what to send for each channel, `{ red = { on = …, off = … } }`; "
        'only for `protocol = "custom"`',
    )
    states: Mapping[str, Sent] = Field(
        default={},
        description="table of one command for each set of channels that the light can show, "
        '`{ red = "r", "red+amber" = "b", off = "o" }`, instead of `commands`; `off` is required; '
        'only for `protocol = "custom"`',
    )
    init: Sent = Field(default=b"", description=f"what to send once after opening; {_ONLY_CUSTOM}")
    ack: Sent = Field(
        default=b"", description=f"what the light answers to each command; {_ONLY_CUSTOM}"
    )
    ready: Sent = Field(
        default=b"",
        description=f"what the light sends when it has started; {_ONLY_CUSTOM}",
    )
    pause: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        allow_inf_nan=False,
        description="seconds of silence after each command, for Modbus relays and slow boards; "
        'only for `protocol = "custom"`',
    )
    dtr: bool | None = Field(
        default=None,
        description="level of the line DTR while the port is open; unless set, on. Many boards "
        "restart when it changes",
    )
    rts: bool | None = Field(
        default=None, description="level of the line RTS while the port is open; unless set, on"
    )
    wait_for_light: bool = Field(default=True, description=WAIT)

    @field_validator("baud")
    @classmethod
    def _keep_the_firmware(cls, baud: int | None) -> int | None:
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

    @field_validator("states")
    @classmethod
    def _known_states(cls, states: Mapping[str, bytes]) -> Mapping[str, bytes]:
        return check_states(states)

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
        if self.protocol == "custom" and not (self.commands or self.states):
            raise ValueError('protocol "custom" needs commands = { red = { on = …, off = … } }')
        if self.commands and self.states:
            raise ValueError("commands and states cannot be together; remove one of them")
        for key in ("commands", "states", "init", "ack", "ready", "pause"):
            if self.protocol != "custom" and getattr(self, key):
                belong = "belong" if key in ("commands", "states") else "belongs"
                raise ValueError(f'{key} {belong} to protocol "custom"')
        if self.protocol == "lcus" and not self.order:
            raise ValueError('protocol "lcus" needs channels = ["red", "amber", "green"]')
        if self.protocol == "lcus" and not self.relay:
            raise ValueError("relay = false: the relays of an LCUS board are mechanical")
        if self.protocol not in ("buildlight", "lcus", "jambel") and self.order:
            raise ValueError('channels belong to protocols "buildlight", "lcus" and "jambel"')
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
        if self.port.startswith(TCP) and not (self.dtr is None and self.rts is None):
            raise ValueError("dtr and rts are lines of a serial port; a network has none")
        return self

    def spoken(self) -> SerialProtocol:
        """Return the protocol of the light."""
        match self.protocol:
            case "buildlight":
                return own_light(self.order or OWN_CHANNELS)
            case "jambel":
                return jambel(self.order or JAMBEL_MODULES)
            case "lcus":
                return lcus(self.order)
            case "custom":
                manners = {"init": self.init, "ack": self.ack, "ready": self.ready}
                if self.states:
                    return custom_states(by_lit(self.states), **manners, pause=self.pause)
                table = {channel: (row.on, row.off) for channel, row in self.commands.items()}
                return custom(table, **manners, pause=self.pause)
            case light:
                return BOUGHT[light]

    @property
    def speed(self) -> int:
        """The baud rate: the protocol's own unless set."""
        return self.baud or self.spoken().baud

    @property
    def channels(self) -> frozenset[Channel]:
        """The protocol's channels."""
        return self.spoken().channels

    def combines(self, lit: frozenset[Channel]) -> bool:
        """Return whether there is a command for the channels *lit* together."""
        return lit in by_lit(self.states) if self.states else lit <= self.channels

    @property
    def dims(self) -> bool:
        """Whether the light has levels."""
        return self.spoken().dims

    @property
    def claims(self) -> frozenset[str]:
        """The device of the port; for ``"auto"``, every light with that USB id."""
        usb = self.spoken().usb
        if self.port == AUTO and usb is not None:
            return frozenset({f"the light with USB id {usb_id(usb)}"})
        if self.port.startswith(TCP):
            return frozenset({self.port})
        # Two links to one device, or a link and the device itself, are the same light.
        return frozenset({str(Path(self.port).resolve())})
