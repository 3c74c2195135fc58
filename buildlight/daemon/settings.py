"""The settings of a whole configuration, checked: the input of one session."""

from collections.abc import Iterator
from dataclasses import dataclass

from buildlight.feeds.settings import FeedSettings, warnings_of
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

    def warnings(self) -> Iterator[tuple[str, str]]:
        """Yield what is unwise, each with the name of what it is about."""
        yield from warnings_of(self.feeds)
        for lamp in self.lamps:
            if lamp.options.warning is not None:
                yield lamp.name, lamp.options.warning
        if self.mqtt is not None and self.mqtt.warning is not None:
            yield "mqtt", self.mqtt.warning
