"""The settings of what is published at a broker, checked."""

from dataclasses import dataclass

from buildlight.network.broker import Broker


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Publish at *broker*, below ``buildlight/NAME``.

    *home_assistant* is the prefix of its discovery, or ``None``. *warning* is a sentence about an
    insecure setting, or ``None``.
    """

    broker: Broker
    name: str
    home_assistant: str | None = None
    warning: str | None = None
