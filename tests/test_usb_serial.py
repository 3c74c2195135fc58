"""USB lights on a serial port: the exact bytes, and what happens when the port does not play.

The port is a pseudo-terminal: a real terminal device, with the test at its other end.
"""

import fcntl
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import ValidationError

from buildlight.drivers.usb_serial import SerialLight, SerialOptions, encode_custom, encode_tower
from buildlight.errors import BuildlightError, LightBusy, LightUnavailable
from buildlight.pattern import DARK, Channel, Frame

RED = Frame.of({Channel.RED: 1})
TOWER_DARK = bytes([0x21, 0x22, 0x24, 0x28])
TOWER_RED = bytes([0x11, 0x22, 0x24, 0x28])

RELAY = {
    "red": {"on": "hex: A0 01 01 A2", "off": "hex:A00100A1"},
    "green": {"on": "G\n", "off": "g\n"},
}


class Port:
    """A pseudo-terminal: a light opens :attr:`name`, the test is the light."""

    def __init__(self) -> None:
        self._light, self._held = os.openpty()
        tty.setraw(self._held)
        self.name = os.ttyname(self._held)
        os.set_blocking(self._light, False)

    def sent(self) -> bytes:
        """Return what came since the last time."""
        got = b""
        while select.select([self._light], [], [], 0)[0]:
            try:
                got += os.read(self._light, 65_536)
            except OSError:  # Nobody holds the other end.
                break
        return got

    def reply(self, text: bytes) -> None:
        """Say *text*, and return when it can be read."""
        os.write(self._light, text)
        deadline = time.monotonic() + 10
        while self._waiting() < len(text):
            assert time.monotonic() < deadline
            time.sleep(0.001)

    def unread(self) -> bytes:
        """Return what the light said and nobody has read."""
        waiting = self._waiting()
        return os.read(self._held, waiting) if waiting else b""

    def _waiting(self) -> int:
        answer = fcntl.ioctl(self._held, termios.FIONREAD, bytes(4))
        return int.from_bytes(answer, sys.byteorder)

    def fill(self) -> None:
        """Take no more bytes: what can be buffered is full."""
        held = os.open(self.name, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
        quiet = 0
        while quiet < 20:  # The kernel moves what was written, and makes room once more.
            try:
                while os.write(held, bytes(256)):
                    quiet = 0
            except BlockingIOError:
                quiet += 1
                time.sleep(0.005)
        os.close(held)

    def unplug(self) -> None:
        """Let the device go away."""
        for end in (self._light, self._held):
            if end >= 0:
                os.close(end)
        self._light = self._held = -1


@pytest.fixture
def port() -> Iterator[Port]:
    """A port with nothing in it."""
    made = Port()
    yield made
    made.unplug()


def a_light(port: str, **keys: object) -> SerialLight:
    """Open a light on *port*: Adafruit's tower, unless the test says otherwise."""
    table = {"port": port, "protocol": "adafruit-tower", **keys}
    return SerialLight(SerialOptions.model_validate(table))


@contextmanager
def opened(port: str, **keys: object) -> Iterator[SerialLight]:
    """Open a light, and close it whatever the test does."""
    light = a_light(port, **keys)
    try:
        yield light
    finally:
        light.close()


def refusal(port: str) -> BuildlightError:
    """Return the error that opening a light ends in."""
    with pytest.raises(LightUnavailable) as caught:
        a_light(port)
    return caught.value


# The bytes.


@pytest.mark.parametrize(
    ("channels", "expected"),
    [
        ((), "21 22 24 28"),
        ((Channel.RED,), "11 22 24 28"),
        ((Channel.AMBER,), "21 12 24 28"),
        ((Channel.GREEN,), "21 22 14 28"),
        ((Channel.BUZZER,), "21 22 24 18"),
        ((Channel.RED, Channel.AMBER, Channel.GREEN, Channel.BUZZER), "11 12 14 18"),
        ((Channel.BLUE, Channel.WHITE), "21 22 24 28"),
    ],
)
def test_the_tower_gets_its_whole_state(
    port: Port, channels: tuple[Channel, ...], expected: str
) -> None:
    """Each lamp of Adafruit's tower is told to be on or off, each time."""
    with opened(port.name) as light:
        light.show(Frame.of(dict.fromkeys(channels, 1.0)))

        assert port.sent() == bytes.fromhex(expected)


def test_any_level_above_dark_is_on() -> None:
    """A tower cannot be dimmed."""
    assert encode_tower(Frame.of({Channel.RED: 0.01})) == TOWER_RED


def test_a_custom_light_gets_what_its_table_says(port: Port) -> None:
    """Text and hex digits are sent as written, channel by channel in the table's order."""
    with opened(port.name, protocol="custom", commands=RELAY) as light:
        light.show(RED)
        red = port.sent()
        light.show(DARK)
        dark = port.sent()

    assert red == b"\xa0\x01\x01\xa2g\n"
    assert dark == b"\xa0\x01\x00\xa1g\n"
    assert port.sent() == dark  # Closing makes it dark once more.


def test_a_custom_table_decides_the_order() -> None:
    """A light that wants green first gets green first."""
    table = SerialOptions.model_validate(
        {"port": "x", "protocol": "custom", "commands": dict(reversed(RELAY.items()))}
    ).commands

    assert encode_custom(table, DARK) == b"g\n\xa0\x01\x00\xa1"


def test_opening_sends_nothing(port: Port) -> None:
    """The first byte that a light gets is part of a frame."""
    with opened(port.name):
        assert port.sent() == b""


def test_closing_sends_dark(port: Port) -> None:
    """A stopped daemon leaves a dark tower, which would keep its lamps otherwise."""
    light = a_light(port.name)
    light.show(RED)
    port.sent()

    light.close()

    assert port.sent() == TOWER_DARK


def test_closing_twice_is_once(port: Port) -> None:
    """Whoever closes a closed light does no harm, and showing on it is an error with a name."""
    light = a_light(port.name)

    light.close()
    light.close()

    assert port.sent() == TOWER_DARK
    with pytest.raises(LightUnavailable, match="is closed"):
        light.show(RED)


def test_replies_are_drained(port: Port) -> None:
    """A light that answers each command never finds nobody reading."""
    with opened(port.name) as light:
        light.show(RED)
        port.reply(b"OK\n" * 100)

        light.show(RED)

        assert port.unread() == b""


def test_the_frame_is_repeated_now_and_then() -> None:
    """A light that lost its power for a moment shows the truth again within ten seconds."""
    assert SerialLight.refresh == 10


def test_the_wiring_is_the_port(port: Port) -> None:
    """Who looks for the light is told the port it hangs on."""
    with opened(port.name) as light:
        assert light.wiring == dict.fromkeys(
            (Channel.RED, Channel.AMBER, Channel.GREEN, Channel.BUZZER), port.name
        )


# A port that does not play.


def test_a_port_that_another_program_holds_is_busy(port: Port) -> None:
    """A second daemon is told that the first is there; the first keeps working."""
    with opened(port.name) as light:
        error = refusal(port.name)

        light.show(RED)
        assert port.sent() == TOWER_RED

    assert type(error) is LightBusy
    assert str(error) == f"{port.name} is held by another program"


def test_a_closed_port_can_be_opened_again(port: Port) -> None:
    """The port is free for the next who wants it."""
    a_light(port.name).close()
    port.sent()

    with opened(port.name) as light:
        light.show(RED)

        assert port.sent() == TOWER_RED


def test_a_missing_port_is_said(tmp_path: Path) -> None:
    """A light that is not plugged in is told as such."""
    missing = tmp_path / "ttyUSB0"

    error = refusal(str(missing))

    assert type(error) is LightUnavailable
    assert str(error) == f"no port {missing}; is the light plugged in?"


def test_what_is_no_terminal_is_said(tmp_path: Path) -> None:
    """A file is no serial port, and nothing is written into it."""
    file = tmp_path / "notes.txt"
    file.write_text("mine")

    error = refusal(str(file))

    assert type(error) is LightUnavailable
    assert str(error) == f"{file} is no serial port that can be used"
    assert file.read_text() == "mine"


def test_a_directory_is_no_port(tmp_path: Path) -> None:
    """A folder in place of a port is told as such."""
    assert str(refusal(str(tmp_path))) == f"{tmp_path} is no serial port that can be used"


@contextmanager
def not_root() -> Iterator[None]:
    """Be nobody for a while, if the tests run as root, who may open everything."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


def test_a_port_that_may_not_be_opened_is_said(port: Port) -> None:
    """A user who is not in the group dialout is told of it."""
    Path(port.name).chmod(0)

    with not_root():
        error = refusal(port.name)

    assert type(error) is LightUnavailable
    assert str(error) == f"no permission for {port.name}; add the user to group dialout"


def test_a_light_that_takes_no_bytes_is_given_up(port: Port) -> None:
    """A light that hangs is lost after a second, and does not hold up the daemon for ever."""
    light = a_light(port.name)
    port.fill()

    start = time.monotonic()
    with pytest.raises(LightUnavailable) as caught:
        light.show(RED)
    light.close()
    seconds = time.monotonic() - start

    assert str(caught.value) == f"{port.name} took no bytes for 1 s"
    assert seconds < 20  # A second to show, a second to close.


def test_a_light_that_is_unplugged_is_lost(port: Port) -> None:
    """Every frame after the plug was pulled says so; closing says nothing."""
    light = a_light(port.name)
    light.show(RED)
    port.unplug()

    sentences = []
    for _ in range(2):
        with pytest.raises(LightUnavailable) as caught:
            light.show(RED)
        sentences.append(str(caught.value))
    light.close()
    light.close()

    assert sentences == [f"{port.name} is gone; is it plugged in?"] * 2


def test_a_failed_opening_keeps_nothing_open(port: Port, tmp_path: Path) -> None:
    """A daemon that waits for its light for weeks does not run out of file descriptors."""
    (tmp_path / "file").write_text("")
    before = len(list(Path("/proc/self/fd").iterdir()))

    with opened(port.name):
        for name in [port.name, str(tmp_path / "file"), str(tmp_path / "missing")] * 10:
            refusal(name)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_an_advisory_lock_of_another_program_is_respected(port: Port) -> None:
    """A program that locked the port, as other lamp software does, is not disturbed."""
    other = os.open(port.name, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)

    error = refusal(port.name)
    os.close(other)

    assert type(error) is LightBusy
    assert port.sent() == b""


# The table in the configuration.


def mistakes(table: Mapping[str, object]) -> list[tuple[tuple[int | str, ...], str]]:
    """Return where the mistakes of *table* are, and what is said of them."""
    with pytest.raises(ValidationError) as caught:
        SerialOptions.model_validate(table)
    errors = caught.value.errors(include_input=False, include_url=False)
    return [(each["loc"], each["msg"]) for each in errors]


def test_the_tower_needs_but_its_port() -> None:
    """9600 baud is what the tower speaks, and a light that is not plugged in is waited for."""
    options = SerialOptions.model_validate({"port": "/dev/ttyUSB0", "protocol": "adafruit-tower"})

    assert options.baud == 9600
    assert options.wait_for_light
    assert not options.dims
    assert options.claims == {"/dev/ttyUSB0"}
    assert options.channels == {Channel.RED, Channel.AMBER, Channel.GREEN, Channel.BUZZER}


def test_a_custom_light_has_the_channels_of_its_table() -> None:
    """Patterns are fitted to what the table can switch."""
    options = SerialOptions.model_validate({"port": "x", "protocol": "custom", "commands": RELAY})

    assert options.channels == {Channel.RED, Channel.GREEN}


def test_custom_without_commands_is_a_mistake() -> None:
    """A light of one's own needs its table."""
    assert mistakes({"port": "x", "protocol": "custom"}) == [
        ((), 'Value error, protocol "custom" needs commands = { red = { on = …, off = … } }')
    ]


def test_commands_for_another_protocol_are_a_mistake() -> None:
    """A table that would never be used is told, not passed over."""
    table = {"port": "x", "protocol": "adafruit-tower", "commands": RELAY}

    assert mistakes(table) == [((), 'Value error, commands belong to protocol "custom"')]


@pytest.mark.parametrize("text", ["hex: A0 0", "hex: XY", "hex:A0-01", "grün"])
def test_bad_bytes_are_a_mistake(text: str) -> None:
    """What is neither text nor hex digits is found before the light gets it."""
    table = {"red": {"on": text, "off": "r"}}

    assert mistakes({"port": "x", "protocol": "custom", "commands": table}) == [
        (
            ("commands", "red", "on"),
            'Value error, is neither ASCII text nor "hex:" and hex digits',
        )
    ]


@pytest.mark.parametrize("value", ["", 1, True, None, ["r"]])
def test_bytes_that_are_no_text_are_a_mistake(value: object) -> None:
    """A number or nothing at all is told with two examples."""
    table = {"red": {"on": "R", "off": value}}

    assert mistakes({"port": "x", "protocol": "custom", "commands": table}) == [
        (
            ("commands", "red", "off"),
            'Value error, is no text; write it as "R" or as "hex: A0 01 01 A2"',
        )
    ]


@pytest.mark.parametrize(
    "keys",
    [
        {"port": ""},
        {"port": 7},
        {"protocol": "blink"},
        {"baud": 0},
        {"baud": "fast"},
        {"pins": {}},
        {"protocol": "custom", "commands": {"purple": {"on": "p", "off": "q"}}},
        {"protocol": "custom", "commands": {"red": {"on": "r"}}},
        {"protocol": "custom", "commands": {"red": {"on": "r", "off": "o", "blink": "b"}}},
    ],
)
def test_other_tables_are_mistakes(keys: dict[str, object]) -> None:
    """A wrong port, protocol, speed or channel, half a channel, and unknown keys are found."""
    (_,) = mistakes({"port": "x", "protocol": "adafruit-tower", **keys})
