"""What Home Assistant is told, by the rules of its MQTT discovery."""

import json
import re

from buildlight.projects.signal import RANKS
from buildlight.publish.mqtt.documents import topics_of
from buildlight.publish.mqtt.home_assistant import announcement, components_of, config_topic

OFFICE = topics_of("office")


def test_every_component_has_what_the_discovery_requires() -> None:
    """Without any of it Home Assistant refuses the whole message."""
    assert re.fullmatch(r"homeassistant/device/[a-zA-Z0-9_-]+/config", config_topic(OFFICE))
    told = announcement(OFFICE, ["shelf", "Büro"], version="1.0")
    assert told["device"]["identifiers"]
    assert told["origin"]["name"] == "buildlight"
    assert len(told["components"]) == 6
    for component in told["components"].values():
        assert component["platform"] in {"sensor", "binary_sensor", "event"}
        assert component["state_topic"].startswith("buildlight/office/")
    identifiers = [each["unique_id"] for each in told["components"].values()]
    assert len(set(identifiers)) == len(identifiers)


def test_the_sensor_lists_every_signal() -> None:
    """With a word that is not listed the old one stays: a red would be lost."""
    told = announcement(OFFICE, ["shelf"], version="1.0")
    assert set(told["components"]["signal-shelf"]["options"]) == set(RANKS.values())


def test_a_name_is_no_template() -> None:
    """Home Assistant evaluates templates, and a lamp may have any name."""
    told = announcement(OFFICE, ["{{ 7*7 }}"], version="1.0")
    for component in told["components"].values():
        assert "7*7" not in component.get("value_template", "")
        assert "7*7" not in component.get("json_attributes_template", "")
        assert "7*7" not in component["state_topic"]


def test_a_lamp_that_is_gone_is_removed_and_then_forgotten() -> None:
    """A component that is only left out stays in Home Assistant for ever."""
    before = components_of(announcement(OFFICE, ["shelf", "till"], version="1.0"))
    told = announcement(OFFICE, ["shelf"], announced=before, version="1.0")
    assert told["components"]["signal-till"] == {"platform": "sensor"}
    assert told["components"]["problem-till"] == {"platform": "binary_sensor"}
    assert "signal-till" not in components_of(told)


def test_an_announcement_of_somebody_else_is_nothing() -> None:
    """What a broker keeps may be anything."""
    for text in ("[]", "{}", '{"components": 7}', '{"components": {"x": {"a": 1, "b": 2}}}'):
        assert components_of(json.loads(text)) == frozenset()
