"""A light behind a real broker: what it is told, when it is lost, and who marks it as stale."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from buildlight.config.settings import check_settings
from buildlight.drivers.conformance import check_driver
from buildlight.drivers.mqtt import light as mqtt_light
from buildlight.drivers.mqtt.light import MqttLight
from buildlight.drivers.mqtt.options import MqttLightOptions
from buildlight.errors import LightUnavailable
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import DARK, Channel, Frame
from support.mosquitto import Mosquitto, mosquitto
from support.mqtt_listener import Listener, listener

RED, GREEN = (Frame.of({each: 1}) for each in (Channel.RED, Channel.GREEN))
SET, STATUS = "zigbee2mqtt/desk/set", "zigbee2mqtt/bridge/state"
FREE = {"commands": [{"topic": "lamp", "payload": "{rgb_hex}"}], "status": "lamp/there"}


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mosquitto]:
    """Run a broker; slow lights are quick."""
    monkeypatch.setattr(mqtt_light, "PACE", 0.0)
    with mosquitto(tmp_path) as running:
        yield running


@pytest.fixture
def home(broker: Mosquitto) -> Iterator[Listener]:
    """Somebody who listens to everything, and has said that the lights are there."""
    with listener(broker.port) as found:
        found.say(STATUS, '{"state":"online"}')
        found.say("lamp/there", "online")
        yield found


def opened(broker: Mosquitto, **keys: Any) -> MqttLight:
    """Return the light of *keys*, or a Zigbee bulb."""
    bulb = {} if keys else {"device": "zigbee2mqtt", "topic": "zigbee2mqtt/desk"}
    return MqttLight(MqttLightOptions.model_validate({"address": broker.address, **bulb, **keys}))


def fault(light: MqttLight, frame: Frame = RED) -> str:
    """Return why *light* cannot show *frame*."""
    with pytest.raises(LightUnavailable) as caught:
        light.show(frame)
    return str(caught.value)


def test_a_change_is_one_message_and_none_is_kept(broker: Mosquitto, home: Listener) -> None:
    """A light that comes back from a power cut would obey what the broker kept."""
    light = opened(broker)
    for frame in (RED, RED, GREEN):
        light.show(frame)
    light.close()
    light.close()
    home.until(lambda: len(home.at(SET)) == 3)

    colours = [json.loads(each).get("color") for each in home.at(SET)]
    assert colours == [{"hex": "#FF0000"}, {"hex": "#00FF00"}, None]
    with listener(broker.port) as late:
        late.until(lambda: len(late.retained) == 2)
        assert set(late.retained) == {STATUS, "lamp/there"}


def test_what_was_said_is_repeated(
    broker: Mosquitto, home: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bulb forgets with its power, and says nothing of it."""
    light = opened(broker)
    light.show(RED)
    monkeypatch.setattr(mqtt_light, "REPEAT", 0.0)
    light.show(RED)
    home.until(lambda: len(home.at(SET)) == 2)
    light.close()


def test_a_light_that_comes_back_is_told_at_once(broker: Mosquitto, home: Listener) -> None:
    """It says so at its status topic."""
    light = opened(broker)
    light.show(RED)
    home.say(STATUS, '{"state":"online"}')
    home.until(lambda: len(home.at(SET)) == 2)
    assert home.at(SET)[0] == home.at(SET)[1]
    light.close()


def test_a_light_that_says_it_is_gone_is_lost(broker: Mosquitto, home: Listener) -> None:
    """And cannot be opened until it is back."""
    light = opened(broker)
    light.show(RED)
    home.say(STATUS, '{"state":"offline"}')
    home.until(lambda: len(home.at(STATUS)) == 2)
    sentence = ""
    while not sentence:  # The broker tells the light a moment later than this test.
        try:
            light.show(RED)
        except LightUnavailable as exc:
            sentence = str(exc)
    light.close()

    assert sentence == f"{STATUS} says that the light is gone; check its power"
    with pytest.raises(LightUnavailable, match="is gone"):
        opened(broker)


def test_a_light_of_which_nobody_speaks_is_not_there(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong topic is found at once."""
    monkeypatch.setattr(mqtt_light, "WORD", 0.05)
    with pytest.raises(LightUnavailable, match="says nothing at wled/dsek/status"):
        opened(broker, device="wled", topic="wled/dsek")


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, pytest.param(signal.SIGSTOP, marks=pytest.mark.slow)]
)
def test_the_broker_shows_stale_when_this_program_is_gone(
    broker: Mosquitto, home: Listener, how: signal.Signals
) -> None:
    """Killed or hung: the light does not stay green. The pattern is that of the lamp.

    mosquitto looks for who hangs every five seconds, and with the common keepalive after 15.
    """
    program = [sys.executable, "-c", GREEN_FOR_EVER.format(broker.address)]
    lamp = subprocess.Popen(program, env={**os.environ, "PYTHONPATH": os.getcwd()})  # noqa: PTH109
    try:
        home.until(lambda: "00FF00" in home.at("lamp"))
        lamp.send_signal(how)
        home.until(lambda: home.at("lamp")[-1] == "0000FF")
    finally:
        lamp.kill()
        lamp.wait()


GREEN_FOR_EVER = """
import time
from buildlight.config.settings import check_settings
from buildlight.network import broker, broker_link
from buildlight.patterns.pattern import Channel, Frame

broker_link.KEEPALIVE = 1
lamp = {{"driver": "mqtt", "address": {!r}, "patterns": {{"stale": "blue double-blink"}}}}
lamp["commands"] = [{{"topic": "lamp", "payload": "{{rgb_hex}}"}}]
(lamp,) = check_settings({{"feeds": [{{"url": "https://ci.example"}}], "lamps": [lamp]}}).lamps
lamp.open_light().show(Frame.of({{Channel.GREEN: 1}}))
time.sleep(60)
"""


def test_a_farewell_leaves_the_light_dark(broker: Mosquitto, home: Listener) -> None:
    """The broker has nothing to say then."""
    light = opened(broker, **FREE)
    light.show(GREEN)
    light.close()
    home.until(lambda: home.at("lamp")[-1:] == ["000000"])
    home.say("end", "")
    home.until(lambda: home.at("end"))
    assert home.at("lamp") == ["00FF00", "000000"]


def test_a_broker_that_goes_away_is_a_lost_light(broker: Mosquitto, home: Listener) -> None:
    """Killed: at once. A light is opened anew, so that nothing old is sent."""
    light = opened(broker)
    light.show(GREEN)
    broker.kill()
    assert str(broker.port) in fault(light, RED)
    light.close()
    with pytest.raises(LightUnavailable, match="connection refused"):
        opened(broker)


def test_a_broker_that_hangs_is_a_lost_light(
    broker: Mosquitto, home: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it did not acknowledge is never sent again: it comes back, and gets the newest only."""
    monkeypatch.setattr(mqtt_light, "TIMEOUT", 0.1)
    light = opened(broker)
    assert broker.process is not None
    broker.process.send_signal(signal.SIGSTOP)
    assert "no answer" in fault(light, GREEN)
    light.close()
    broker.process.send_signal(signal.SIGCONT)
    light = opened(broker)
    light.show(RED)
    home.until(lambda: any("FF0000" in each for each in home.at(SET)))
    assert "00FF00" not in home.at(SET)[-1]
    light.close()


def test_a_silent_listener_is_no_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """It accepts, and says nothing."""
    import socket  # noqa: PLC0415

    from buildlight.network import broker_link  # noqa: PLC0415

    monkeypatch.setattr(broker_link, "CONNECTING", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        keys = {"address": f"mqtt://127.0.0.1:{silent.getsockname()[1]}", **FREE}
        with pytest.raises(LightUnavailable, match="is it a broker"):
            MqttLight(MqttLightOptions.model_validate(keys))


def test_wled_plays_by_itself(broker: Mosquitto, home: Listener) -> None:
    """One message for a rhythm; a broker's will is one, too."""
    home.say("wled/desk/status", "online")
    light = opened(broker, device="wled", topic="wled/desk")
    pattern = parse_pattern("red pulse")
    assert light.plays(pattern)
    light.play(pattern)
    light.show(DARK)
    home.until(lambda: len(home.at("wled/desk/api")) == 2)
    assert json.loads(home.at("wled/desk/api")[0])["seg"][0]["fx"] == 2
    light.close()


@pytest.mark.parametrize("device", ["zigbee2mqtt", "wled"])
def test_the_driver_keeps_the_contract(broker: Mosquitto, home: Listener, device: str) -> None:
    """The check that plug-in authors use."""
    status = STATUS if device == "zigbee2mqtt" else "wled/desk/status"
    home.say(status, "online")
    keys = {"address": broker.address, "device": device, "topic": f"{device}/desk"}
    check_driver(
        MqttLight,
        keys,
        missing={**keys, "address": "mqtt://127.0.0.1:9"},
        unplug=lambda: home.say(status, "offline"),
    )


def test_a_lamp_of_the_configuration_is_given_its_stale_look() -> None:
    """Whatever the light: it is asked for by name."""
    lamp = {"driver": "mqtt", "address": "mqtt://127.0.0.1:9", **FREE}
    (checked,) = check_settings({"feeds": [{"url": "https://ci.example"}], "lamps": [lamp]}).lamps
    assert checked.patterns["stale"].text == "amber double-blink"
    with pytest.raises(LightUnavailable):
        checked.open_light()
