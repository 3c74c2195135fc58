"""The ``[mqtt]`` table of the configuration, checked: a broker, and the name to publish under."""

import socket
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from buildlight.config.problems import Problem, Table, validated
from buildlight.config.suggestions import Homes
from buildlight.network.broker_keys import BrokerKeys
from buildlight.publish.mqtt.home_assistant import PREFIX
from buildlight.publish.mqtt.settings import MqttSettings

KEY = "mqtt"


class MqttTable(BrokerKeys, Table):
    """The ``[mqtt]`` table."""

    name: str = Field(
        default="",
        max_length=100,
        description="name of this daemon in topics, the name of the machine unless set: topics "
        "begin with `buildlight/NAME`",
    )
    homeassistant: bool | Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")] = Field(
        default=False,
        description="announce the lamps to Home Assistant; a text is another prefix of its "
        "discovery than `homeassistant`",
    )

    @property
    def prefix(self) -> str | None:
        """The prefix of Home Assistant's discovery, if it is to be used."""
        if isinstance(self.homeassistant, bool):
            return PREFIX if self.homeassistant else None
        return self.homeassistant


def mqtt_settings(
    document: Mapping[str, Any], problems: list[Problem], homes: Homes
) -> MqttSettings | None:
    """Return the settings of the ``[mqtt]`` table of *document*; without it nothing is sent.

    *homes* are where keys belong that it does not know.
    """
    if KEY not in document:
        return None
    if not isinstance(document[KEY], dict):
        problems.append(Problem((KEY,), f"is not a table; write [{KEY}] above its keys"))
        return None
    table = validated(MqttTable, (KEY,), document[KEY], problems, homes=homes)
    if table is None:
        return None
    name = table.name or socket.gethostname()
    return MqttSettings(table.broker, name, table.prefix, table.in_clear)
