"""Lights that people built: one command a state, pauses, lines; simulated sketches on ports."""

import errno
import termios
from collections.abc import Mapping
from functools import reduce
from operator import xor
from typing import Any

import pytest
import serial.serialposix
from pydantic import ValidationError

from buildlight.config.settings import check_settings
from buildlight.drivers import Known
from buildlight.drivers.conformance import check_driver
from buildlight.drivers.serial.light import SerialLight
from buildlight.drivers.serial.options import SerialOptions
from buildlight.drivers.serial.port import _unavailable
from buildlight.errors import ConfigError, LightUnavailable
from buildlight.patterns.pattern import DARK, Channel, Frame
from support.sketches import Digits, Frames, Letters, Modbus, Nibbles, Sketch, Words, settled


def framed(state: int) -> str:
    """Return the frame of *state*, with its length and its sum."""
    frame = bytes([0x06, 0x85, 1, state])
    return f"hex: {(frame + bytes([reduce(xor, frame)])).hex()}"


def modbus(relay: int, *, on: bool) -> str:
    """Return the frame that writes a coil, with its CRC."""
    frame = bytes([1, 5, 0, relay, 0xFF if on else 0, 0])
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return f"hex: {(frame + crc.to_bytes(2, 'little')).hex()}"


LETTERS = {"red": "r", "amber": "y", "green": "g", "red+amber": "b", "off": "o"}
RELAYS = {
    colour: {"on": modbus(number, on=True), "off": modbus(number, on=False)}
    for number, colour in enumerate(("red", "amber", "green"))
}
SKETCHES: list[tuple[type[Sketch], Mapping[str, Any]]] = [
    (Letters, {"states": LETTERS}),
    (
        Digits,
        {
            "states": {
                "red": "4\n",
                "amber": "2\n",
                "green": "1\n",
                "amber+red": "6\n",
                "off": "0\n",
            },
            "ack": "OK",
        },
    ),
    (
        Words,
        {
            "states": {
                "red": "failure\n",
                "amber": "building\n",
                "green": "success\n",
                "off": "off\n",
            },
            "ready": "ready",
        },
    ),
    (
        Nibbles,
        {
            "states": {
                "red": "hex: 0F 00",
                "amber": "hex: 0F 80",
                "green": "hex: 00 F0",
                "off": "hex: 00 00",
            }
        },
    ),
    (
        Frames,
        {
            "states": {
                "red": framed(1),
                "amber": framed(2),
                "red+amber": framed(3),
                "green": framed(4),
                "off": framed(0),
            },
            "ack": "!ok",
        },
    ),
    (Modbus, {"commands": RELAYS, "pause": 0.05}),
]


def frame(*lit: Channel) -> Frame:
    """Return the frame that lights *lit*."""
    return Frame.of(dict.fromkeys(lit, 1.0))


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A board that did not restart is not waited for."""
    monkeypatch.setattr("buildlight.drivers.serial.light.STARTING", 0.05)


@pytest.mark.parametrize(("kind", "keys"), SKETCHES, ids=lambda each: getattr(each, "__name__", ""))
def test_a_sketch_is_driven_rightly(kind: type[Sketch], keys: Mapping[str, Any]) -> None:
    """Every state that it has is seen, each alone; and it is dark after the end."""
    red, amber, green = Channel.RED, Channel.AMBER, Channel.GREEN
    with kind() as sketch:
        options = SerialOptions.model_validate({"port": sketch.port, "protocol": "custom", **keys})
        light = SerialLight(options)
        for lit in ({red}, {amber}, {red, amber}, {green}):
            if options.combines(frozenset(lit)):
                light.show(frame(*lit))
                assert settled(sketch, *(each.value for each in lit)), sketch.lit
        known = light.known
        light.close()
        assert settled(sketch)

    assert known is (Known.CONFIRMED if "ack" in keys else Known.TOLD)


@pytest.mark.parametrize(("kind", "keys"), SKETCHES, ids=lambda each: getattr(each, "__name__", ""))
def test_a_sketch_conforms(kind: type[Sketch], keys: Mapping[str, Any]) -> None:
    """With everything that the daemon could show it."""
    with kind() as sketch:
        table = {"port": sketch.port, "protocol": "custom", **keys, "pause": 0.0, "ready": ""}
        check_driver(SerialLight, {key: each for key, each in table.items() if each})


def test_without_a_pause_a_modbus_board_understands_nothing() -> None:
    """What the key is for."""
    with Modbus() as sketch:
        keys = {"port": sketch.port, "protocol": "custom", "commands": RELAYS}
        light = SerialLight(SerialOptions.model_validate(keys))
        light.show(frame(Channel.RED))
        assert not settled(sketch, "red", seconds=0.2)
        light.close()

    assert sketch.lost


def test_a_pause_gives_a_call_its_time() -> None:
    """Four commands with a second each are no light that hangs."""
    keys = {"port": "/dev/x", "protocol": "custom", "commands": RELAYS, "pause": 1}
    options = SerialOptions.model_validate(keys)

    assert options.spoken().pause == 1.0


def test_a_state_without_a_command_is_never_something_else() -> None:
    """Should a plug-in's pattern ask for it: a sentence, and what was shown stays."""
    with Letters() as sketch:
        keys = {"port": sketch.port, "protocol": "custom", "states": LETTERS}
        light = SerialLight(SerialOptions.model_validate(keys))
        with pytest.raises(LightUnavailable, match="states has no command for red\\+green; add it"):
            light.show(frame(Channel.RED, Channel.GREEN))
        light.show(DARK)
        light.close()


# The lines of the port.


@pytest.mark.parametrize(
    ("keys", "cleared"),
    [
        ({}, set()),
        ({"dtr": False}, {termios.TIOCM_DTR}),
        ({"dtr": False, "rts": False}, {termios.TIOCM_DTR, termios.TIOCM_RTS}),
        ({"dtr": True, "rts": False}, {termios.TIOCM_RTS}),
    ],
)
def test_the_lines_are_as_configured(
    monkeypatch: pytest.MonkeyPatch, keys: Mapping[str, bool], cleared: set[int]
) -> None:
    """A pseudo-terminal has no lines; what the kernel is asked for is written down."""
    asked: list[tuple[int, bytes]] = []
    plain = serial.serialposix.fcntl.ioctl

    def ioctl(file: int, request: int, argument: Any = 0, *more: Any) -> Any:
        if request in (termios.TIOCMBIC, termios.TIOCMBIS):
            asked.append((request, argument))
            return b""
        return plain(file, request, argument, *more)

    monkeypatch.setattr(serial.serialposix.fcntl, "ioctl", ioctl)
    with Letters() as sketch:
        table = {"port": sketch.port, "protocol": "custom", "states": LETTERS, **keys}
        SerialLight(SerialOptions.model_validate(table)).close()

    off = {int.from_bytes(line, "little") for way, line in asked if way == termios.TIOCMBIC}
    assert off == cleared


# What is a mistake.


def mistake(**keys: Any) -> str:
    """Return what is wrong with *keys*."""
    with pytest.raises(ValidationError) as caught:
        SerialOptions.model_validate({"port": "/dev/x", "protocol": "custom", **keys})
    return "; ".join(error["msg"] for error in caught.value.errors())


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ({"states": {"red": "r"}}, "has no command for off, which the light gets when"),
        ({"states": {"off": "o"}}, "has no state but off; add red"),
        ({"states": {"purple": "p", "off": "o"}}, "is not a state; write it as red, as red+amber"),
        ({"states": {"red+red": "p", "off": "o"}}, "names a channel twice"),
        ({"states": {"red+off": "p", "off": "o"}}, "is not a state"),
        (
            {"states": {"red+amber": "a", "amber+red": "b", "off": "o"}},
            "has two commands for red+amber",
        ),
        ({"states": {"red": "", "off": "o"}}, "is not a string"),
        ({"states": LETTERS, "commands": RELAYS}, "commands and states cannot be together"),
        ({}, "needs commands = { red = { on = …, off = … } }"),
        ({"states": LETTERS, "pause": 1.5}, "less than or equal to 1"),
        ({"states": LETTERS, "pause": -1}, "greater than or equal to 0"),
        ({"states": LETTERS, "port": "socket://h:1", "dtr": False}, "a network has none"),
        ({"states": LETTERS, "protocol": "adafruit-tower"}, "states belong to protocol"),
        ({"pause": 0.1, "protocol": "adafruit-tower"}, "pause belongs to protocol"),
    ],
)
def test_a_mistake_is_told(keys: Mapping[str, Any], sentence: str) -> None:
    """In one sentence, before anything is sent."""
    assert sentence in mistake(**keys)


def problems(states: Mapping[str, str], **lamp: Any) -> list[str]:
    """Return what is wrong with a lamp of *states*."""
    table = {"driver": "serial", "protocol": "custom", "port": "/dev/x", "states": states, **lamp}
    settings = {"feeds": [{"url": "http://ci.example/cc.xml"}], "lamps": [table]}
    try:
        check_settings(settings)
    except ConfigError as exc:
        return str(exc).splitlines()
    return []


ALONE = {"red": "r", "amber": "y", "green": "g", "off": "o"}


def test_what_a_light_cannot_combine_is_refused() -> None:
    """Before the red is broken for the first time, and a feed is down at that very moment."""
    told = problems(ALONE)

    assert len(told) == 2
    assert "lamps[0].patterns.broken-stale: needs red+amber, which states does not have" in told[0]
    assert problems(LETTERS) == []
    assert problems(ALONE, preset="rhythm") == []


def test_an_event_over_a_pattern_has_to_be_possible() -> None:
    """A cheer in green while red is shown is a state of its own."""
    buzzing = {**LETTERS, "buzzer": "z"}

    told = problems(buzzing, events={"broken": "buzzer 1s"})

    assert any("lamps[0].events.broken: needs " in line and "red+buzzer" in line for line in told)


def test_a_port_that_the_service_may_not_open_names_its_unit() -> None:
    """Systemd's device filter says EPERM; no group would change it."""
    told = str(_unavailable("/dev/ttyACM0", PermissionError(errno.EPERM, "no")))

    assert told == (
        "/dev/ttyACM0 is forbidden to this service; add DeviceAllow=/dev/ttyACM0 rw to its unit"
    )
    assert "group dialout" in str(_unavailable("/dev/x", PermissionError(errno.EACCES, "no")))
