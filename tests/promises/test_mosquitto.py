"""The manual's lines for mosquitto, as they stand there: users, rights, TLS and certificates."""

import asyncio
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from buildlight.drivers.mqtt.light import MqttLight
from buildlight.drivers.mqtt.options import MqttLightOptions
from buildlight.errors import LightUnavailable
from buildlight.feeds.mqtt.feed import MqttFeedOptions
from buildlight.network import broker as connecting
from buildlight.patterns.pattern import Channel, Frame
from buildlight.publish.mqtt.settings import MqttSettings
from support.mosquitto import Mosquitto, free_port, mosquitto
from support.mqtt import GREEN_REPORT, TOPIC, Follower, a_poller, follow, quicken

MANUAL = Path(__file__).parents[2] / "docs" / "mosquitto.md"
RED = Frame.of({Channel.RED: 1})
PASSWORDS = {"poller": "a-long-password", "lamp": "another-one", "home": "a-third-one"}


def blocks(language: str) -> list[str]:
    """Return the manual's blocks in *language*."""
    text = MANUAL.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


class Broker:
    """The broker of the manual, in *folder* instead of /etc/mosquitto and on ports of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        (folder / "certs").mkdir()
        (folder / "passwords").write_text(blocks("passwords")[0])
        (folder / "rights").write_text(blocks("acl")[0])
        for script in blocks("sh"):
            self._run(script)

    def _run(self, script: str) -> None:
        lines = self.here(script).replace("sudo ", "").splitlines()
        # The tests' mosquitto keeps the user who started it.
        mine = "\n".join(line for line in lines if not line.startswith("chown"))
        command = ["sh", "-ec", mine]
        subprocess.run(command, cwd=self.folder / "certs", check=True, capture_output=True)

    def here(self, text: str) -> str:
        """Return *text* for this folder and these ports."""
        text = text.replace("/etc/mosquitto", str(self.folder)).replace("8883", str(self.port))
        return text.replace("broker.example", "localhost")

    def settings(self, *, certificates: bool = False) -> str:
        """Return the settings without the first listener, which the tests' mosquitto brings."""
        first, instead = map(self.here, blocks("conf"))
        settings = first.replace("listener 1883 localhost\n", "")
        if certificates:
            (self.folder / "certs" / "lamps.crt").write_bytes(self.file("lamp.crt").read_bytes())
            settings = re.sub(r"password_file .*\n", instead, settings)
        return settings

    def file(self, name: str) -> Path:
        """Return the certificate or key *name*."""
        return self.folder / "certs" / name

    def keys(self, user: str, **more: Any) -> dict[str, Any]:
        """Return the keys of a table of *user*, over TLS."""
        return {
            "address": f"mqtts://localhost:{self.port}",
            "ca_file": str(self.file("broker.crt")),
            "user": user,
            "secret": user,
            **more,
        }


@pytest.fixture
def manual(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Broker:
    """Do what the manual says; everything timed is quick."""
    quicken(monkeypatch)
    for user, password in PASSWORDS.items():
        monkeypatch.setenv(f"BUILDLIGHT_SECRET_{user.upper()}", password)
    return Broker(tmp_path)


@pytest.fixture
def broker(manual: Broker) -> Iterator[Mosquitto]:
    """Run the broker with users and passwords."""
    with mosquitto(manual.folder, manual.settings()) as running:
        yield running


def poller(keys: dict[str, Any]) -> MqttSettings:
    """Return the settings of the poller with *keys*."""
    return MqttSettings(MqttFeedOptions(topic=TOPIC, **keys).broker, "office")


def test_a_lamp_follows_a_poller_over_tls(manual: Broker, broker: Mosquitto) -> None:
    """Each with its own user, and the certificate that the manual makes."""
    assert "a-long-password" not in (manual.folder / "passwords").read_text()

    async def story(follower: Follower) -> None:
        async with a_poller(poller(manual.keys("poller")), GREEN_REPORT):
            await follower.until("Success")

    keys = manual.keys("lamp")
    follow(keys.pop("address"), story, **keys)


@pytest.mark.parametrize(
    ("user", "topic", "may"),
    [
        ("poller", "buildlight/office/status", True),
        ("poller", "homeassistant/device/buildlight-office/config", True),
        ("poller", "wled/desk/api", True),
        ("poller", "buildlight/other/status", False),
        ("lamp", "buildlight/office/status", False),
        ("lamp", "buildlight/office/beat", False),
        ("home", "homeassistant/status", True),
        ("home", "buildlight/office/status", False),
    ],
)
def test_each_user_writes_where_it_may(
    broker: Mosquitto, user: str, topic: str, *, may: bool
) -> None:
    """Nobody but the poller decides what lamps show."""
    codes: list[bool] = []
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
    client.on_publish = lambda _c, _d, _mid, code, _p: codes.append(not code.is_failure)
    client.username_pw_set(user, PASSWORDS[user])
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    client.publish(topic, "x", qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
    assert codes == [may]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ca_file": None}, "TLS handshake failed"),
        ({"ca_file": "lamp.crt"}, "TLS handshake failed"),
        ({"ca_file": "/nowhere.crt"}, "certificate file cannot be used: No such file"),
        ({"user": "poller"}, "refused the user or password"),
        ({"user": None, "secret": None}, "refused the user or password"),
    ],
)
def test_a_follower_that_may_not_is_told_why(
    manual: Broker, broker: Mosquitto, change: dict[str, str | None], sentence: str
) -> None:
    """Another authority, a stranger, nobody at all."""
    keys = {**manual.keys("lamp"), **change}
    if keys["ca_file"] == "lamp.crt":
        keys["ca_file"] = str(manual.file("lamp.crt"))

    async def story(follower: Follower) -> None:
        await follower.until(sentence)

    told = follow(keys.pop("address"), story, **keys)
    assert "another-one" not in "".join(told)


def test_a_certificate_takes_the_place_of_a_password(
    manual: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one that the broker does not know, or none, the broker says nothing."""
    monkeypatch.setattr(connecting, "PATIENCE", 1.0)
    lamp = {"client_cert": str(manual.file("lamp.crt")), "client_key": str(manual.file("lamp.key"))}
    stranger = {
        "client_cert": str(manual.file("broker.crt")),
        "client_key": str(manual.file("broker.key")),
    }
    keys = {**manual.keys("lamp"), "user": None, "secret": None}
    with mosquitto(manual.folder, manual.settings(certificates=True)):
        for shown, sentence in [
            (lamp, "nothing comes from"),
            (stranger, "client_cert"),
            ({}, "client_cert"),
        ]:

            async def story(follower: Follower, sentence: str = sentence) -> None:
                await follower.until(sentence)

            follow(story=story, **keys, **shown)


def test_a_poller_whose_messages_are_dropped_is_told_so(
    manual: Broker, broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    """The broker acknowledges what it drops."""

    async def publish() -> None:
        async with a_poller(poller(manual.keys("lamp")), GREEN_REPORT), asyncio.timeout(10):
            while "access rules" not in caplog.text:  # noqa: ASYNC110 - the log has no event
                await asyncio.sleep(0.02)

    asyncio.run(publish())


def test_a_light_behind_it(manual: Broker, broker: Mosquitto) -> None:
    """Lit by the poller's user; another's message is dropped, and the light is lost."""
    command = {"topic": "wled/desk/api", "payload": "{rgb_hex}"}
    mine, others = (
        MqttLight(MqttLightOptions.model_validate(manual.keys(user, commands=[command])))
        for user in ("poller", "lamp")
    )
    mine.show(RED)
    with pytest.raises(LightUnavailable, match="access rules"):
        others.show(RED)
    mine.close()
    others.close()


def test_a_light_without_the_right_certificate_is_not_there(
    manual: Broker, broker: Mosquitto
) -> None:
    """The driver checks the broker, too."""
    command = {"topic": "wled/desk/api", "payload": "{rgb_hex}"}
    changes: list[tuple[dict[str, str | None], str]] = [
        ({"ca_file": None}, "TLS handshake failed"),
        ({"ca_file": "/nowhere.crt"}, "certificate file"),
        ({"user": "stranger"}, "refused the user"),
    ]
    for change, sentence in changes:
        keys = {**manual.keys("poller", commands=[command]), **change}
        with pytest.raises(LightUnavailable, match=sentence):
            MqttLight(MqttLightOptions.model_validate(keys))
