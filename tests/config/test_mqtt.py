"""The ``[mqtt]`` table."""

import socket
from typing import Any

import pytest

from buildlight.config.settings import check_settings
from buildlight.errors import ConfigError
from buildlight.publish.mqtt.settings import MqttSettings

DOCUMENT = {
    "feeds": [{"url": "https://ci.example/cc.xml"}],
    "lamps": [{"driver": "console"}],
}


def checked(**keys: Any) -> MqttSettings:
    """Return the settings of an ``[mqtt]`` table with *keys*."""
    table = {"address": "mqtt://broker.example", **keys}
    settings = check_settings({**DOCUMENT, "mqtt": table}).mqtt
    assert settings is not None
    return settings


def test_without_the_table_nothing_is_published() -> None:
    """As before there was one."""
    assert check_settings(DOCUMENT).mqtt is None


def test_the_name_is_that_of_the_machine_unless_set() -> None:
    """Two machines then have two names."""
    assert checked().name == socket.gethostname()
    assert checked(name="office").name == "office"


@pytest.mark.parametrize(
    ("given", "prefix"), [(True, "homeassistant"), (False, None), ("ha", "ha")]
)
def test_home_assistant_is_told_where_it_listens(given: object, prefix: str | None) -> None:
    """Its discovery may have another prefix."""
    assert checked(homeassistant=given).home_assistant == prefix


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ({}, "mqtt.address"),
        ({"address": "tcp://broker"}, "mqtt.address"),
        ({"address": "mqtt://broker", "homeassistant": "a/b"}, "mqtt.homeassistant"),
        ({"address": "mqtt://broker", "adress": "x"}, "mqtt.adress"),
        ("mqtt://broker", "mqtt"),
    ],
)
def test_a_mistake_names_its_key(table: object, key: str) -> None:
    """Nothing is published half."""
    with pytest.raises(ConfigError) as refused:
        check_settings({**DOCUMENT, "mqtt": table})
    assert all(mistake.startswith(f"{key}") for mistake in refused.value.mistakes)


def test_a_password_without_tls_is_warned_about_wherever_it_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A feed, a light and what is published: each by its name."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_BROKER", "the-password")
    login = {"address": "mqtt://broker.example", "user": "lamp", "secret": "broker"}
    feed = {"kind": "mqtt", "topic": "buildlight/office/feed/web", "name": "web", **login}
    lamp = {"driver": "mqtt", "device": "tasmota", "topic": "desk", "name": "desk", **login}

    settings = check_settings({"feeds": [feed], "lamps": [lamp], "mqtt": login})

    told = "the password goes to the broker unencrypted; use mqtts://"
    assert [*settings.warnings()] == [("web", told), ("desk", told), ("mqtt", told)]
