"""What the commands do with a real broker: check tries it, discover reads it, demo publishes."""

import asyncio
import json
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from buildlight.cli import main
from buildlight.config.settings import check_settings
from buildlight.feeds.discovery import topics
from support.mosquitto import Mosquitto, free_port, mosquitto
from support.mqtt import GREEN_REPORT, a_poller, settings
from support.mqtt_listener import listener
from support.servers import FeedServer

BUILDLIGHT = str(Path(sys.executable).with_name("buildlight"))
READ_ONLY = "allow_anonymous true\nacl_file {}\n"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    """Run a broker."""
    with mosquitto(tmp_path) as running:
        yield running


def check(folder: Path, address: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Return the exit status of check with ``[mqtt]`` at *address*, and what it prints."""
    with FeedServer() as ci:
        (folder / "buildlight.toml").write_text(
            f'[[feeds]]\nname = "web"\nurl = "{ci.url()}"\n[[lamps]]\ndriver = "console"\n'
            f'[mqtt]\naddress = "{address}"\nname = "office"\n'
        )
        status = main(["check", "--config", str(folder / "buildlight.toml")])
    return status, capsys.readouterr().out


def test_check_tries_the_broker(
    tmp_path: Path, broker: Mosquitto, capsys: pytest.CaptureFixture[str]
) -> None:
    """And leaves nothing there."""
    status, told = check(tmp_path, broker.address, capsys)

    assert status == 0
    assert "mqtt: publishes at buildlight/office" in told
    with listener(broker.port) as late:
        late.say("end", "", retain=False)
        late.until(lambda: late.at("end"))
        assert [topic for topic, _ in late.told] == ["end"]


def test_check_says_that_the_broker_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit status 1: nothing would be published."""
    status, told = check(tmp_path, f"mqtt://127.0.0.1:{free_port()}", capsys)

    assert status == 1
    assert "connection refused; is the broker running?" in told
    assert "publishes at" not in told


def test_check_says_that_the_broker_drops_everything(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A user may log in and still have no rights."""
    (tmp_path / "rights").write_text("topic read #\n")
    with mosquitto(tmp_path, READ_ONLY.format(tmp_path / "rights")) as running:
        status, told = check(tmp_path, running.address, capsys)

    assert status == 1
    assert "check its access rules" in told


def discover(address: str, capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, str, str]:
    """Return the exit status of discover, and what it prints."""
    status = main(["discover", address, *more])
    told = capsys.readouterr()
    return status, told.out, told.err


def publish(address: str, story: Any) -> None:
    """Publish a green feed while *story* runs on a thread."""

    async def work() -> None:
        async with a_poller(settings(address), GREEN_REPORT):
            await asyncio.to_thread(story)

    asyncio.run(work())


def test_discover_prints_a_table_for_each_feed_at_a_broker(
    broker: Mosquitto, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ready to be pasted on the machine of another lamp; what is not ours is left out."""
    monkeypatch.setattr(topics, "LISTENING", 0.3)
    monkeypatch.setattr(topics, "ORIGIN", "")  # One process plays both.
    told: list[tuple[int, str, str]] = []

    def story() -> None:
        with listener(broker.port) as stranger:
            stranger.say("buildlight/office/feed/other", json.dumps({"version": 1}))
            stranger.until(lambda: "online" in stranger.at("buildlight/office/status"))
        told.append(discover(broker.address, capsys))

    publish(broker.address, story)
    told.append(discover(broker.address, capsys))
    (status, out, _), (_, gone, _) = told

    assert status == 0
    assert tomllib.loads(out)["feeds"] == [
        {
            "name": "web",
            "kind": "mqtt",
            "address": broker.address,
            "topic": "buildlight/office/feed/web",
        }
    ]
    assert check_settings({**tomllib.loads(out), "lamps": [{"driver": "console"}]}).feeds
    assert "# 1 project (1 passing)." in out
    assert "Note" not in out
    assert "# Note: its poller does not run." in gone


def test_discover_says_why_it_found_nothing(
    broker: Mosquitto, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty broker, an absent one, an address that is none."""
    monkeypatch.setattr(topics, "LISTENING", 0.1)
    status, out, err = discover(broker.address, capsys)
    assert (status, out) == (1, "")
    assert "no feed is published" in err
    status, _, err = discover(f"mqtt://127.0.0.1:{free_port()}", capsys)
    assert status == 1
    assert "connection refused" in err
    status, _, err = discover("mqtt://user:hunter22@broker", capsys)
    assert status == 78
    assert "hunter22" not in err


def test_discover_gives_the_password_to_the_broker(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And prints the secret's name only."""
    monkeypatch.setattr(topics, "LISTENING", 0.1)
    passwords, token = tmp_path / "passwords", tmp_path / "token"
    passwords.write_text("lamp:right-one\n")
    subprocess.run(["mosquitto_passwd", "-U", passwords], check=True)
    where = f"allow_anonymous false\npassword_file {passwords}\n"
    with mosquitto(tmp_path, where) as running:
        for password, sentence in [("wrong-one", "refused the user"), ("right-one", "no feed is")]:
            token.write_text(password)
            who = ("--user", "lamp", "--token-file", str(token))
            status, out, err = discover(running.address, capsys, *who)
            assert status == 1
            assert sentence in err
            assert password not in out + err


def test_the_demo_is_watched_over_a_broker(broker: Mosquitto) -> None:
    """Whoever listens sees the day: green, and the farewell."""
    with listener(broker.port) as watcher:
        command = [BUILDLIGHT, "demo", "--seconds", "2", "--mqtt", broker.address]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        watcher.until(lambda: watcher.at("buildlight/demo/status")[-1:] == ["offline"])
        feeds = [json.loads(each) for each in watcher.at("buildlight/demo/feed/jenkins")]

    assert done.returncode == 0
    assert "mqtt: publishing at buildlight/demo" in done.stderr
    assert {row["name"] for row in feeds[-1]["projects"]} == {"shop", "search"}
    assert watcher.at("buildlight/demo/beat")


def test_the_demo_says_that_the_broker_is_not_there() -> None:
    """It plays all the same, and ends in time."""
    command = [BUILDLIGHT, "demo", "--seconds", "1", "--mqtt", f"mqtt://127.0.0.1:{free_port()}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 0
    assert "is the broker running?" in done.stderr


def test_a_wrong_address_of_the_demo_is_a_mistake() -> None:
    """Before anything is played."""
    command = [BUILDLIGHT, "demo", "--mqtt", "http://broker"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert done.returncode == 78
    assert "mqtt:// or mqtts://" in done.stderr
    assert "Traceback" not in done.stderr
