"""Brokers that replay, keep, drop, hang or are flooded: never green for it, and nothing waits."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import aiomqtt
import pytest

from buildlight.network import broker as connecting
from support.mosquitto import Mosquitto, free_port, mosquitto
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
from support.mqtt_listener import listener
from support.reports import an_update
from support.servers import FeedServer

BRIDGE = (
    "allow_anonymous true\nconnection up\naddress 127.0.0.1:{}\ntopic buildlight/# in 1\n"
    "restart_timeout 1\ncleansession false\n"
)
KEEPING = (
    "allow_anonymous true\npersistence true\npersistence_location {}/\nqueue_qos0_messages true\n"
    "sys_interval 0\n"
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    quicken(monkeypatch)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Run a broker."""
    with mosquitto(tmp_path) as running:
        yield running


@pytest.fixture
def keeping(tmp_path: Path) -> Iterator[Mosquitto]:
    """Run a broker that writes down what it keeps, when it is asked to end."""
    folder = tmp_path / "keeping"
    folder.mkdir()
    with mosquitto(folder, KEEPING.format(folder)) as running:
        yield running


def restart(broker: Mosquitto) -> None:
    """End *broker* so that it writes everything down, and start it again."""
    assert broker.process is not None
    broker.process.terminate()
    broker.process.wait()
    broker.start()


@pytest.mark.slow
def test_a_bridge_that_replays_makes_nothing_green(tmp_path: Path, keeping: Mosquitto) -> None:
    """After a lost link it passes on what was kept as if it were said now."""
    (tmp_path / "near").mkdir()

    async def green(follower: Follower) -> None:
        async with a_poller(settings(keeping.address), GREEN_REPORT):
            await follower.until("Success")
        await follower.until("has stopped")

    async def replayed(follower: Follower) -> None:
        with listener(near.port) as witness:
            await asyncio.to_thread(restart, keeping)
            # As a live message: the mark of what was kept is gone.
            await asyncio.to_thread(
                witness.until, lambda: witness.told.count((TOPIC, witness.at(TOPIC)[0])) > 1
            )
        await follower.until("silent")

    with mosquitto(tmp_path / "near", BRIDGE.format(keeping.port)) as near:
        follow(near.address, green)
        assert "Success" not in follow(near.address, replayed)


def test_what_a_broker_wrote_down_makes_nothing_green(keeping: Mosquitto) -> None:
    """It comes back with yesterday's green, and nobody vouches for it."""

    async def publish() -> None:
        with listener(keeping.port) as witness:
            async with a_poller(settings(keeping.address), GREEN_REPORT):
                await asyncio.to_thread(witness.until, lambda: witness.at("buildlight/office/beat"))

    async def story(follower: Follower) -> None:
        await follower.until("silent")

    asyncio.run(publish())
    restart(keeping)
    with listener(keeping.port) as witness:
        witness.until(lambda: TOPIC in witness.retained)
    assert "Success" not in follow(keeping.address, story)


def test_no_backlog_waits_for_a_follower(keeping: Mosquitto) -> None:
    """Signs of life that a broker kept for it would come as if they were of now."""

    async def story(follower: Follower) -> None:
        async with a_poller(settings(keeping.address), GREEN_REPORT):
            await follower.until("Success")

    async def later(follower: Follower) -> None:
        await follower.until("silent")

    follow(keeping.address, story)
    asyncio.run(_publish_alone(keeping))
    believed = follow(keeping.address, later)

    assert "Success" not in believed
    assert "Failure" not in believed


async def _publish_alone(broker: Mosquitto) -> None:
    with listener(broker.port) as witness:
        async with a_poller(settings(broker.address), RED_REPORT):
            beats = "buildlight/office/beat"
            await asyncio.to_thread(witness.until, lambda: len(witness.at(beats)) > 3)


def test_a_flood_makes_nothing_green_and_fills_no_log(
    broker: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    """More than may wait is dropped, without a line for each."""
    row = {"name": "shop", "verdict": "passing", "building": False}
    boot = "buildlight-" + "a" * 16
    forged = {"version": 1, "boot": boot, "rev": 1, "state": "fresh", "projects": [row]}

    async def story(follower: Follower) -> None:
        async with (
            a_poller(settings(broker.address), RED_REPORT),
            aiomqtt.Client("127.0.0.1", broker.port) as stranger,
        ):
            await follower.until("Failure")
            for number in range(2 * connecting.MOST_WAITING):
                await stranger.publish(TOPIC, json.dumps({**forged, "rev": number}), qos=0)
            follower.believed.clear()
            await follower.until("")  # Whatever it is.
            await stranger.publish(TOPIC, b"", retain=True)
        assert "Success" not in follower.believed

    assert "Success" not in follow(broker.address, story)
    assert "Discarding" not in caplog.text


def test_a_broker_that_takes_no_large_message_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It drops them without a word; nothing waits for it."""
    monkeypatch.setattr(connecting, "PATIENCE", 0.3)

    async def publish(address: str) -> None:
        async with a_poller(settings(address), GREEN_REPORT) as poller, asyncio.timeout(10):
            while "trying again" not in caplog.text:
                poller.publish(an_update(RED_REPORT))
                await asyncio.sleep(0.02)

    with mosquitto(tmp_path, "allow_anonymous true\nmessage_size_limit 300\n") as running:
        asyncio.run(publish(running.address))


RUN = """
import socket, sys, time
from buildlight.cli import main

found = socket.getaddrinfo

def slow(host, *more, **keys):
    if host == "broker.example":
        time.sleep(60)
    return found(host, *more, **keys)

socket.getaddrinfo = slow
sys.exit(main(["run", "--config", "buildlight.toml"]))
"""


SLOW = [pytest.param(each, marks=pytest.mark.slow) for each in ("absent", "silent")]


@pytest.mark.parametrize("how", [*SLOW, "stopped", "no name"])
def test_neither_the_lamp_nor_the_exit_waits_for_a_broker(
    tmp_path: Path, broker: Mosquitto, how: str
) -> None:
    """The lamp is green while the broker hangs, and a signal ends the daemon."""
    address = {
        "absent": f"mqtt://127.0.0.1:{free_port()}",
        "silent": broker.address,
        "stopped": broker.address,
        "no name": "mqtt://broker.example",
    }[how]
    assert broker.process is not None
    if how == "silent":
        broker.process.send_signal(signal.SIGSTOP)
    with FeedServer() as ci:
        (tmp_path / "buildlight.toml").write_text(
            f'interval = 0.2\n[[feeds]]\nname = "web"\nurl = "{ci.url()}"\n'
            f'[[lamps]]\ndriver = "console"\n[mqtt]\naddress = "{address}"\nname = "office"\n'
        )
        environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)}
        command = [sys.executable, "-uc", RUN]
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True
        ) as daemon:
            assert daemon.stdout is not None
            assert any("green" in line for line in daemon.stdout)
            if how == "stopped":
                _published(broker)
                broker.process.send_signal(signal.SIGSTOP)
            asked = len(ci.requests)
            while len(ci.requests) < asked + 2:
                assert daemon.poll() is None
                time.sleep(0.01)
            daemon.terminate()
            assert daemon.wait(10) == 0
    broker.process.send_signal(signal.SIGCONT)


def _published(broker: Mosquitto) -> None:
    with listener(broker.port) as witness:
        witness.until(lambda: witness.at(TOPIC))
