"""The settings of a whole configuration, checked: the input of one session."""

from dataclasses import dataclass

from buildlight.feeds.settings import FeedSettings
from buildlight.lamps.settings import LampSettings
from buildlight.publish.mqtt.settings import MqttSettings
from buildlight.publish.web.settings import PageSettings


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration."""

    feeds: tuple[FeedSettings, ...]
    lamps: tuple[LampSettings, ...]
    page: PageSettings | None = None
    mqtt: MqttSettings | None = None
