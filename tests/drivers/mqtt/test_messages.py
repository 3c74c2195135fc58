"""What lights behind a broker are told, and templates that reach nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from buildlight.drivers.mqtt.messages import Template, check_template, is_there
from buildlight.drivers.mqtt.options import MqttLightOptions
from buildlight.patterns.fitting import fit
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import RHYTHMS, Channel, Frame

RED, AMBER = Frame.of({Channel.RED: 1}), Frame.of({Channel.AMBER: 1})
DIM, DARK = Frame.of({Channel.GREEN: 0.5}), Frame()
TOWER = ["red", "amber", "green"]


def light(**keys: Any) -> MqttLightOptions:
    """Return the options of a light."""
    return MqttLightOptions.model_validate({"address": "mqtt://broker", **keys})


@pytest.mark.parametrize(
    ("keys", "frame", "topic", "payload"),
    [
        ({"device": "tasmota", "topic": "desk"}, RED, "cmnd/desk/Color", "FF0000"),
        ({"device": "tasmota", "topic": "desk"}, DIM, "cmnd/desk/Color", "008000"),
        ({"device": "tasmota", "topic": "desk"}, DARK, "cmnd/desk/Power", "OFF"),
        (
            {"device": "tasmota", "topic": "tower", "channels": TOWER},
            AMBER,
            "cmnd/tower/Backlog",
            "Power1 OFF; Power2 ON; Power3 OFF",
        ),
        (
            {"device": "esphome", "topic": "desk/light/lamp"},
            RED,
            "desk/light/lamp/command",
            '{"state":"ON","brightness":255,"color":{"r":255,"g":0,"b":0},"transition":0}',
        ),
        (
            {"device": "esphome", "topic": "desk/light/lamp"},
            DARK,
            "desk/light/lamp/command",
            '{"state":"OFF"}',
        ),
        (
            {"device": "zigbee2mqtt", "topic": "zigbee2mqtt/desk"},
            DIM,
            "zigbee2mqtt/desk/set",
            '{"state":"ON","brightness":127,"color":{"hex":"#00FF00"},"transition":0}',
        ),
        (
            {"commands": [{"topic": "a/b", "payload": "{state} {r},{g},{b} {brightness}"}]},
            AMBER,
            "a/b",
            "ON 255,126,0 255",
        ),
        (
            {"commands": [{"topic": "a", "payload": "{red}{green}", "on": "1", "off": "0"}]},
            RED,
            "a",
            "10",
        ),
    ],
)
def test_each_kind_gets_its_own_words(
    keys: dict[str, Any], frame: Frame, topic: str, payload: str
) -> None:
    """Topics and payloads are those of the makers' manuals."""
    assert light(**keys).messages(frame) == ((topic, payload),)


@pytest.mark.parametrize(
    ("keys", "status"),
    [
        ({"device": "wled", "topic": "wled/desk"}, "wled/desk/status"),
        ({"device": "tasmota", "topic": "desk"}, "tele/desk/LWT"),
        ({"device": "esphome", "topic": "desk/light/lamp"}, "desk/status"),
        ({"device": "zigbee2mqtt", "topic": "zigbee2mqtt/desk"}, "zigbee2mqtt/bridge/state"),
        ({"commands": [{"topic": "a", "payload": "{red}"}]}, None),
        ({"commands": [{"topic": "a", "payload": "{red}"}], "status": "a/there"}, "a/there"),
    ],
)
def test_each_kind_says_somewhere_that_it_is_there(
    keys: dict[str, Any], status: str | None
) -> None:
    """Where it does by itself, or where the configuration says."""
    assert light(**keys).status_topic == status


@pytest.mark.parametrize(
    ("payload", "there"),
    [
        (b"online", True),
        (b"Online", True),
        (b'{"state":"online"}', True),
        (b"offline", False),
        (b'{"state":"offline"}', False),
        (b'{"state"', False),
        (b"", False),
        (b"\xff\xfe", False),
        (b"[" * 10_000, False),
    ],
)
def test_a_status_is_understood_or_means_gone(payload: bytes, there: bool) -> None:  # noqa: FBT001
    """Nothing in it is trusted."""
    assert is_there(payload, "online") is there


@pytest.mark.parametrize("device", ["tasmota", "zigbee2mqtt"])
def test_slow_lights_change_once_a_second_at_most(device: str) -> None:
    """Zigbee takes about one command a second."""
    options = light(device=device, topic="zigbee2mqtt/desk")
    for name in RHYTHMS:
        pattern = parse_pattern(f"red {name}")
        fitted = fit(pattern, options.channels, dims=options.dims, pace=options.pace)
        steps = [seconds for stroke in fitted.strokes for seconds, _ in stroke.rhythm]
        assert min(steps) >= 1.0 or len(steps) == 1


def test_the_will_of_several_commands_ends_the_green() -> None:
    """A will is one message."""
    commands = [{"topic": name, "payload": f"{{{name}}}"} for name in TOWER]
    stale = parse_pattern("amber double-blink")
    assert light(commands=commands).will(stale) == ("green", "OFF")
    assert light(commands=commands[:2]).will(stale) == ("red", "OFF")
    assert light(device="tasmota", topic="t", channels=TOWER).will(stale) == (
        "cmnd/t/Backlog",
        "Power1 OFF; Power2 ON; Power3 OFF",
    )


def test_channels_are_those_of_the_placeholders() -> None:
    """Every colour where one is mixed."""
    tower = light(commands=[{"topic": "t", "payload": "{red} {buzzer}"}])
    assert tower.channels == {Channel.RED, Channel.BUZZER}
    assert not tower.dims
    bulb = light(commands=[{"topic": "t", "payload": "{rgb_hex}"}])
    assert Channel.WHITE in bulb.channels
    assert bulb.dims


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({}, "one of them"),
        ({"device": "wled"}, "topic belongs to device"),
        ({"device": "wled", "topic": "wled/" + "x" * 30}, "32 letters"),
        ({"device": "wled", "topic": "wled/+"}, "topic of one light"),
        ({"device": "esphome", "topic": "desk"}, "desk/light/lamp"),
        ({"device": "wled", "topic": "wled/desk", "channels": TOWER}, "tasmota"),
        ({"device": "tasmota", "topic": "a", "channels": ["red", "red"]}, "twice"),
        ({"device": "tasmota", "topic": "a", "segment": 2}, "wled"),
        ({"commands": [{"topic": "$SYS/x", "payload": "{red}"}]}, "topic of one light"),
        ({"commands": [{"topic": "a", "payload": "on"}]}, "never changes"),
        ({"commands": [{"topic": "a", "payload": "{state}"}]}, "show no channel"),
        ({"commands": [{"topic": "a", "payload": '{"x":{red}}'}]}, "begins like JSON"),
        ({"commands": [{"topic": "a", "payload": "{red.__class__}"}]}, "unknown placeholder"),
        ({"commands": [{"topic": "a", "payload": "{0}"}]}, "unknown placeholder"),
        ({"commands": [{"topic": "a", "payload": "{rgb}"}]}, "unknown placeholder {rgb}"),
    ],
)
def test_keys_that_cannot_work_are_refused(keys: dict[str, Any], sentence: str) -> None:
    """Each with a remedy."""
    with pytest.raises(ValidationError, match=sentence):
        light(**keys)


@given(payload=st.text(alphabet='{}"_.[]()!:rgb_hexd0 %$', max_size=30))
def test_no_template_reaches_anything_but_its_words(payload: str) -> None:
    """Whatever was accepted is filled in without an error, and only with known words."""
    template = Template("t", payload)
    try:
        check_template(template)
    except ValueError:
        return
    filled = template.filled(RED)[1]
    assert "class" not in filled
    assert template.places.isdisjoint({"{", "}"})
