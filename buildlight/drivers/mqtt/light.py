"""A light that listens to an MQTT broker, as WLED, Tasmota, ESPHome and Zigbee2MQTT do."""

import math
import time
from collections.abc import Mapping
from contextlib import suppress
from threading import Event, Lock
from typing import ClassVar, Self

from buildlight.drivers import DriverOptions, Known
from buildlight.drivers.mqtt.messages import Message, is_there
from buildlight.drivers.mqtt.options import MqttLightOptions
from buildlight.errors import LightUnavailable
from buildlight.network.broker import BrokerError, Will
from buildlight.network.broker_link import BrokerLink
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import DARK, Channel, Frame, Pattern, frame_at

TIMEOUT = 2.0
"""Seconds in which the broker acknowledges a message."""
FAREWELL = 0.3
"""The same for the last one: the exit must not wait."""
WORD = 1.0
"""Seconds in which the broker says what it kept of the light's status."""
PACE = 1.0
"""Seconds between two changes of a slow light, at least."""
REPEAT = 30.0
"""Seconds after which a message is sent again: no light keeps it over a loss of power."""


class MqttLight:
    """A light that listens to an MQTT broker: WLED, Tasmota, ESPHome, Zigbee2MQTT, or your own.

    No message is retained: a light that comes back would obey an old one. If the connection ends
    without a farewell, the broker shows *stale* on the light.
    """

    Options: ClassVar[type[DriverOptions]] = MqttLightOptions
    # To see what the light says of itself; messages are repeated more rarely.
    refresh: ClassVar[float | None] = 2.0
    patience: ClassVar[float] = TIMEOUT + PACE + 0.5
    known: ClassVar[Known] = Known.TOLD
    """An acknowledgement is the broker's: the light itself says nothing."""

    def __init__(self, options: MqttLightOptions, *, stale: Pattern | None = None) -> None:
        self._options = options
        self._lock = Lock()
        self._heard = Event()
        self._there = True
        self._told: tuple[Message, ...] | None = None
        self._told_at = -math.inf
        self._closed = self._touched = False
        topic, payload = options.will(stale or parse_pattern("amber double-blink"))
        self._link: BrokerLink | None = None
        try:
            self._link = BrokerLink(
                options.broker,
                will=Will(topic, payload),
                watched=options.status_topic,
                on_word=self._hear,
            )
        except BrokerError as exc:
            raise LightUnavailable(str(exc)) from exc
        try:
            self._check_status()
        except LightUnavailable:
            self.close()
            raise

    @classmethod
    def willed(cls, options: MqttLightOptions, *, stale: Pattern) -> Self:
        """Open the light of *options*, which shows *stale* when this program is gone."""
        return cls(options, stale=stale)

    @property
    def wiring(self) -> Mapping[Channel, str]:
        """The topic, for every channel."""
        topics = ", ".join(topic for topic, _ in self._options.messages(DARK))
        return dict.fromkeys(self._options.channels, topics)

    def show(self, frame: Frame) -> None:
        """Send what *frame* needs, unless it was sent lately."""
        self._tell(self._options.messages(frame))

    def plays(self, pattern: Pattern) -> bool:
        """Return whether an effect of the light looks like *pattern*."""
        return self._options.playing(pattern) is not None

    def play(self, pattern: Pattern) -> None:
        """Start the effect."""
        self._tell(self._options.playing(pattern) or self._options.messages(frame_at(pattern, 0.0)))

    def close(self) -> None:
        """Send what darkens the light, if anything was sent, and say farewell."""
        link, self._link = self._link, None
        self._closed = True
        if link is None:
            return
        if self._touched and link.lost is None:
            with suppress(BrokerError):
                link.confirm(link.send(self._options.messages(DARK)), seconds=FAREWELL)
        link.close()

    def _tell(self, messages: tuple[Message, ...]) -> None:
        link = self._link
        if link is None:
            raise LightUnavailable("the light is closed")
        if (gone := link.lost) is not None:
            raise LightUnavailable(gone)
        self._check_status()
        now = time.monotonic()
        if messages == self._told and now < self._told_at + REPEAT:
            return
        if self._options.pace > 1:
            time.sleep(max(self._told_at + PACE - now, 0.0))
        with self._lock:
            self._touched, self._told_at = True, time.monotonic()
            self._told = messages
            sent = link.send(messages)
        try:
            link.confirm(sent, seconds=TIMEOUT)
        except BrokerError as exc:
            self._told = None
            raise LightUnavailable(str(exc)) from exc

    def _check_status(self) -> None:
        """Raise LightUnavailable if the light says nothing of itself, or that it is gone."""
        topic = self._options.status_topic
        if topic is None:
            return
        if not self._heard.wait(WORD):
            raise LightUnavailable(
                f"the light says nothing at {topic}; check its topic, and that it uses this broker"
            )
        if not self._there:
            raise LightUnavailable(f"{topic} says that the light is gone; check its power")

    def _hear(self, payload: bytes) -> None:
        """Note what the light says of itself; one that came back is told again at once."""
        self._there = is_there(payload, self._options.online)
        back = self._heard.is_set() and self._there
        self._heard.set()
        with self._lock:
            if back and self._told and self._link is not None:
                self._link.send(self._told)
