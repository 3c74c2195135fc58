"""The keys of a light that listens to a broker, checked."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from buildlight.drivers import WAIT, DriverOptions
from buildlight.drivers.colour import MIXED
from buildlight.drivers.mqtt.messages import (
    KINDS,
    MIXES,
    PLAIN,
    ListeningDevice,
    Message,
    Template,
    channels_of,
    check_template,
    effect_for,
    of_effect,
    still,
)
from buildlight.network.broker_keys import BrokerKeys
from buildlight.patterns.pattern import Channel, Frame, Pattern

SLOW = 5.0
"""With it nothing changes more than once a second: Zigbee takes no more, and relays wear out."""
WLED_TOPIC = 32
"""Characters of a WLED's topic (wled00/mqtt.cpp)."""


def _topic(text: str) -> str:
    plain = text.isprintable() and not any(each in text for each in "+#{}")
    if not plain or text.startswith(("$", "/")) or text.endswith("/"):
        raise ValueError('is not the topic of one light; write it as "wled/desk", without + or #')
    return text


Topic = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_topic)]


class LightCommand(BaseModel):
    """One message to the light, with names in braces for what is shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    topic: Topic = Field(description="topic that the light listens to")
    payload: str = Field(max_length=2000, description="message, with placeholders")
    on: str = Field(default="ON", max_length=100, description="what a lit channel becomes")
    off: str = Field(default="OFF", max_length=100, description="what a dark channel becomes")

    @property
    def template(self) -> Template:
        """The command as a template."""
        return Template(self.topic, self.payload, self.on, self.off)

    @model_validator(mode="after")
    def _is_usable(self) -> Self:
        check_template(self.template)
        return self


class MqttLightOptions(BrokerKeys, DriverOptions):
    """The keys of a light that listens to a broker."""

    device: Literal["wled", "tasmota", "esphome", "zigbee2mqtt"] | None = Field(
        default=None, description="kind of device whose messages are known, instead of `commands`"
    )
    topic: Topic | None = Field(
        default=None,
        description='topic of the `device`: `"wled/desk"` (WLED\'s device topic), `"desk"` '
        '(Tasmota\'s topic), `"desk/light/lamp"` (ESPHome), `"zigbee2mqtt/desk"`',
    )
    order: tuple[Channel, ...] = Field(
        default=(),
        alias="channels",
        max_length=16,
        description="list of channels, in the order of the relays of a `tasmota`; without it, it "
        "is a bulb",
    )
    segment: int = Field(default=0, ge=0, le=63, description="number of a `wled`'s segment")
    commands: tuple[LightCommand, ...] = Field(
        default=(),
        max_length=16,
        description="list of `{ topic = …, payload = … }` for any other light: placeholders are "
        "`{rgb_hex}`, `{r}`, `{g}`, `{b}` and `{brightness}` (0 to 255), `{state}`, and a "
        "channel's name (`{red}`), which becomes `on` or `off` (`ON` and `OFF` unless set)",
    )
    status: Topic | None = Field(
        default=None,
        description="topic where the light says whether it is there; known for a `device`, and "
        "for others no light is ever lost unless set",
    )
    online: str = Field(
        default="online",
        min_length=1,
        max_length=100,
        description="what the light says at `status` while it is there; anything else means that "
        "it is lost",
    )
    wait_for_light: bool = Field(default=True, description=WAIT)

    @model_validator(mode="after")
    def _keys_belong_together(self) -> Self:
        if (self.device is None) == (not self.commands):
            raise ValueError(
                f"needs device = {' or '.join(map(repr, KINDS))}, or commands = "
                '[{ topic = "…", payload = "{rgb_hex}" }]; one of them'
            )
        if (self.device is None) != (self.topic is None):
            raise ValueError("topic belongs to device; a device needs it, commands have their own")
        if self.order and self.device != "tasmota":
            raise ValueError('channels belongs to device = "tasmota"')
        if len({*self.order}) < len(self.order):
            raise ValueError("channels names a channel twice")
        if self.segment and self.device != "wled":
            raise ValueError('segment belongs to device = "wled"')
        if self.device == "wled" and len(self.topic or "") > WLED_TOPIC:
            raise ValueError(f"topic has more than {WLED_TOPIC} letters, which no WLED takes")
        if self.device == "esphome" and "/light/" not in (self.topic or ""):
            raise ValueError('topic of an ESPHome light looks like "desk/light/lamp"')
        if not self.channels:
            raise ValueError("commands show no channel; write {rgb_hex} or {red} into a payload")
        return self

    @property
    def known(self) -> ListeningDevice:
        """The device."""
        return ListeningDevice(self.topic or "", self.order, self.segment)

    @property
    def status_topic(self) -> str | None:
        """Where the light says whether it is there, if anybody knows."""
        if self.status is not None or self.device is None:
            return self.status
        return KINDS[self.device].status(self.topic or "")

    def messages(self, frame: Frame) -> tuple[Message, ...]:
        """Return what makes the light show *frame*."""
        if self.device is None:
            return tuple(each.template.filled(frame) for each in self.commands)
        return (KINDS[self.device].tell(self.known, frame),)

    def playing(self, pattern: Pattern) -> tuple[Message, ...] | None:
        """Return what makes the light play *pattern* by itself; ``None`` if it cannot."""
        effect = effect_for(self.device, pattern)
        return None if effect is None else (of_effect(self.known, effect),)

    def will(self, stale: Pattern) -> Message:
        """Return the one message that shows *stale*, without a rhythm if the light has none.

        Of several commands it is the one with ``{green}``: the light must not stay green.
        """
        frame = still(stale)
        if self.device is not None:
            return (self.playing(stale) or self.messages(frame))[0]
        green = (each for each in self.commands if "green" in each.template.places)
        return next(green, self.commands[0]).template.filled(frame)

    @property
    def channels(self) -> frozenset[Channel]:
        """Those of the relays or the placeholders, or every colour."""
        if self.device is None:
            return channels_of([each.template for each in self.commands])
        return frozenset(self.order) or MIXED

    @property
    def dims(self) -> bool:
        """Whether levels are told."""
        if self.device is None:
            places = frozenset[str]().union(*(each.template.places for each in self.commands))
            return bool(places & (MIXES | PLAIN - {"state"}))
        return not self.order

    @property
    def pace(self) -> float:
        """Slow for all but WLED, which plays most rhythms by itself."""
        return 1.0 if self.device == "wled" else SLOW

    @property
    def claims(self) -> frozenset[str]:
        """What switches it off: two lamps with the same are one light."""
        topics = {topic for topic, _ in self.messages(Frame())}
        part = f" (segment {self.segment})" if self.device == "wled" else ""
        return frozenset(f"the light at {self.address}/{topic}{part}" for topic in topics)

    @property
    def warning(self) -> str | None:
        """A sentence about a password without TLS."""
        return self.in_clear
