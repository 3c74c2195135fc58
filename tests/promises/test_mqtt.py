"""A poller, a real broker and a follower: never green without somebody who vouches for it."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import aiomqtt
import pytest
from pydantic import ValidationError

from buildlight.feeds.conformance import check_feed
from buildlight.feeds.mqtt.feed import MqttFeed, MqttFeedOptions
from buildlight.publish.mqtt import publisher
from buildlight.publish.mqtt.publisher import MqttPublisher
from buildlight.report.poll_stats import BrokerStats
from support import running
from support.mosquitto import Mosquitto, mosquitto
from support.mqtt import (
    GREEN_REPORT,
    RED_REPORT,
    TOPIC,
    Follower,
    a_poller,
    follow,
    quicken,
    settings,
)
from support.reports import an_update
from support.running import GREEN, STALE, Daemon, Tower, until
from support.servers import Answer, FeedServer

run, tower = running.run, running.tower


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mosquitto]:
    """Run a broker, with everything that is timed in tenths of a second."""
    quicken(monkeypatch)
    with mosquitto(tmp_path) as running:
        yield running


def test_a_follower_hears_of_every_change_and_of_the_end(broker: Mosquitto) -> None:
    """Green, red, and the farewell of the poller."""

    async def story(follower: Follower) -> None:
        async with a_poller(settings(broker.address), GREEN_REPORT) as poller:
            await follower.until("Success")
            poller.publish(an_update(RED_REPORT))
            await follower.until("Failure")
        await follower.until("has stopped")
        async with a_poller(settings(broker.address), GREEN_REPORT, poller):
            await follower.until("Success")

    follow(broker.address, story)


@pytest.mark.parametrize("retain", [True, False])
def test_a_forged_or_replayed_document_is_not_believed(broker: Mosquitto, *, retain: bool) -> None:
    """Last week's green, said to be online: only a beat could vouch for it."""
    row = {"name": "shop", "verdict": "passing", "building": False}
    boot = "buildlight-" + "a" * 16
    told = {"version": 1, "boot": boot, "rev": 3, "state": "fresh", "projects": [row]}
    beat = {"boot": boot, "seq": 9, "revs": {"feed/web": 3}}

    async def story(follower: Follower) -> None:
        async with aiomqtt.Client("127.0.0.1", broker.port) as forger:
            await forger.publish("buildlight/office/status", "online", retain=True)
            await forger.publish(TOPIC, json.dumps(told), retain=True)
            if retain:
                await forger.publish("buildlight/office/beat", json.dumps(beat), retain=True)
        await follower.until("silent")

    assert "Success" not in follow(broker.address, story)


def test_a_broker_that_dies_ends_the_green_at_once_and_comes_back(broker: Mosquitto) -> None:
    """It comes back without what it kept."""

    async def story(follower: Follower) -> None:
        async with a_poller(settings(broker.address), GREEN_REPORT):
            await follower.until("Success")
            broker.kill()
            await follower.until(str(broker.port))
            broker.start()
            await follower.until("Success")

    follow(broker.address, story)


def test_what_is_published_is_counted(broker: Mosquitto) -> None:
    """The metrics say whether the broker is there, and how much it gets."""
    stats = BrokerStats()

    async def story(follower: Follower) -> None:
        async with a_poller(settings(broker.address), GREEN_REPORT, MqttPublisher(stats)):
            await follower.until("Success")
            assert stats.configured
            assert stats.connected
            assert stats.connections == 1
            assert stats.messages >= 3  # A feed, a word and a beat.
            assert stats.size > 200
        assert not stats.connected

    follow(broker.address, story)


def test_a_broker_that_hangs_ends_the_green_with_the_lease(broker: Mosquitto) -> None:
    """Nothing is closed, and nobody says anything."""

    async def story(follower: Follower) -> None:
        async with a_poller(settings(broker.address), GREEN_REPORT):
            await follower.until("Success")
            assert broker.process is not None
            broker.process.send_signal(signal.SIGSTOP)
            await follower.until("silent")
            broker.process.send_signal(signal.SIGCONT)
            await follower.until("Success")

    follow(broker.address, story)


def test_two_pollers_of_one_name_are_found_and_not_believed(
    broker: Mosquitto,
) -> None:
    """The boot of a process is one, so the second poller is another process."""

    async def story(follower: Follower) -> None:
        async with a_poller(settings(broker.address), GREEN_REPORT):
            await follower.until("Success")
            program = [sys.executable, "-c", SECOND.format(broker.address)]
            other = await asyncio.create_subprocess_exec(*program, env=_with_tests())
            try:
                await follower.until("another name")
                await asyncio.to_thread(warned.wait, 10)
            finally:
                other.kill()
                await other.wait()

    warned = threading.Event()
    watcher = logging.Handler()
    watcher.emit = lambda record: (  # type: ignore[method-assign]
        warned.set() if "another buildlight" in record.getMessage() else None
    )
    publisher.log.addHandler(watcher)
    follow(broker.address, story)
    publisher.log.removeHandler(watcher)
    assert warned.is_set()


SECOND = """
import asyncio
from support.mqtt import GREEN_REPORT, a_poller, settings

async def main():
    async with a_poller(settings({!r}), GREEN_REPORT):
        await asyncio.sleep(60)

asyncio.run(main())
"""


def _with_tests() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


def test_a_wrong_password_is_told_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is not repeated."""
    passwords = tmp_path / "passwords"
    passwords.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", passwords, "lamp", "right-one"], check=True)
    passwords.chmod(0o644)
    monkeypatch.setenv("BUILDLIGHT_SECRET_BROKER", "wrong-one")
    where = f"allow_anonymous false\npassword_file {passwords}\n"

    async def story(follower: Follower) -> None:
        await follower.until("refused the user or password")

    with mosquitto(tmp_path, where) as running:
        told = follow(running.address, story, user="lamp", secret="broker")
    assert "wrong-one" not in "".join(told)


def test_an_absent_or_silent_broker_delays_neither_an_update_nor_the_end() -> None:
    """Neither port 9 nor a listener that says nothing."""

    async def ends_soon(address: str) -> None:
        async with a_poller(settings(address), GREEN_REPORT) as poller:
            poller.publish(an_update(RED_REPORT))
            await asyncio.sleep(0.1)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        for port in (silent.getsockname()[1], 9):
            asyncio.run(asyncio.wait_for(ends_soon(f"mqtt://127.0.0.1:{port}"), 2.0))


def test_the_kind_keeps_the_contract(broker: Mosquitto) -> None:
    """The check that plug-in authors use."""
    ended = threading.Event()

    async def publish() -> None:
        async with a_poller(settings(broker.address), GREEN_REPORT):
            await asyncio.to_thread(ended.wait)

    poller = threading.Thread(target=lambda: asyncio.run(publish()))
    poller.start()
    try:
        check_feed(
            MqttFeed,
            {"address": broker.address, "topic": TOPIC},
            broken={"address": "mqtt://127.0.0.1:9", "topic": TOPIC},
        )
    finally:
        ended.set()
        poller.join()


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"address": "http://broker"}, "mqtt:// or mqtts://"),
        ({"address": "broker.example"}, "mqtt:// or mqtts://"),
        ({"address": "mqtt://lamp:hunter22@broker"}, "user and secret"),
        ({"address": "mqtt://broker/topic"}, "topics have keys"),
        ({"address": "mqtt://broker:99999"}, "is not an address"),
        ({"address": "mqtt://broker", "topic": "buildlight/#"}, "topic of a feed"),
        ({"address": "mqtt://broker", "ca_file": "ca.pem"}, "absolute path"),
    ],
)
def test_keys_that_cannot_work_are_refused(keys: dict[str, str], sentence: str) -> None:
    """Each with a remedy, and none with a password."""
    with pytest.raises(ValidationError, match=sentence) as refused:
        MqttFeedOptions.model_validate({"topic": TOPIC, **keys})
    assert "hunter22" not in str(refused.value)


def test_a_password_without_tls_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it stays on this machine."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_BROKER", "the-password")
    keys = {"topic": TOPIC, "user": "lamp", "secret": "broker"}
    for address, warns in [
        ("mqtt://broker", True),
        ("mqtts://broker", False),
        ("mqtt://127.0.0.1", False),
    ]:
        options = MqttFeedOptions.model_validate({"address": address, **keys})
        assert bool(options.warning) is warns
        assert options.secrets == {"the-password"}


def test_a_lamp_in_another_room(
    tmp_path: Path,
    tower: Tower,
    run: Callable[..., Daemon],
) -> None:
    """Two processes and a broker; the poller is killed, and the lamp does not stay green."""
    (tmp_path / "poller").mkdir()
    with mosquitto(tmp_path) as running, FeedServer(Answer(PASSING)) as ci:
        mqtt = f'[mqtt]\naddress = "{running.address}"\nname = "office"\n'
        feed = f'[[feeds]]\nname = "web"\nurl = "http://127.0.0.1:{ci.port}/cc.xml"\n'
        lamp = '[[lamps]]\ndriver = "console"\n'
        poller = Daemon(tmp_path / "poller", f"interval = 0.2\n{feed}{lamp}{mqtt}")
        try:
            source = f'kind = "mqtt"\naddress = "{running.address}"\ntopic = "{TOPIC}"'
            light = f'driver = "serial"\nprotocol = "adafruit-tower"\nport = "{tower.port}"'
            follower = run(f"[[feeds]]\n{source}\n[[lamps]]\n{light}\n")
            until(lambda: GREEN in tower.told, follower)
            poller.process.kill()
            tower.told = b""
            until(lambda: STALE in tower.told, follower)
            assert follower.stop() == 0
        finally:
            poller.process.kill()
            poller.process.wait()


PASSING = (
    b'<Projects><Project name="shop" activity="Sleeping" lastBuildStatus="Success" '
    b'lastBuildLabel="1" lastBuildTime="2026-11-21T10:00:00Z" webUrl="http://ci.example/"/>'
    b"</Projects>"
)
