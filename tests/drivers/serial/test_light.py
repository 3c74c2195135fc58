"""USB lights on a serial port: the exact bytes, and what happens when the port does not play.

The port is a pseudo-terminal: a real terminal device, with the test at its other end.
"""

import fcntl
import os
import re
import select
import socket
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import cycle
from pathlib import Path

import pytest
from pydantic import ValidationError
from serial.tools.list_ports_common import ListPortInfo

from buildlight.cli.wiring import Walk, walk
from buildlight.config.settings import lamp_from_keys
from buildlight.drivers.serial import light as serial_light
from buildlight.drivers.serial.light import SerialLight
from buildlight.drivers.serial.options import SerialOptions
from buildlight.drivers.serial.port import TcpPort
from buildlight.errors import BuildlightError, LightBusy, LightUnavailable
from buildlight.lamps.lamp import Lamp
from buildlight.lamps.thread import LampThread
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import DARK, Channel, Frame, frame_at
from buildlight.report.shown import Light

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


# The bytes: all others stand in test_protocols.py.


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


def test_a_light_is_looked_at_each_second_and_told_again_after_ten(port: Port) -> None:
    """One that lost its power for a moment heals, and the wire is quiet in between."""
    now = [100.0]
    options = SerialOptions.model_validate({"port": port.name, "protocol": "adafruit-tower"})
    light = SerialLight(options, clock=lambda: now[0])
    told = []

    for _ in range(21):
        light.show(RED)
        told.append(port.sent())
        now[0] += 1.001
    light.show(DARK)
    told.append(port.sent())

    assert SerialLight.refresh == 1
    light.close()
    assert told == [TOWER_RED, *([b""] * 9)] * 2 + [TOWER_RED, TOWER_DARK]


def test_what_a_light_says_while_nothing_is_sent_is_drained(port: Port) -> None:
    """A light that talks to itself for weeks never finds nobody reading."""
    with opened(port.name) as light:
        light.show(RED)
        port.reply(b"tick\n" * 100)

        light.show(RED)

        assert port.unread() == b""


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
    """A file is not a serial port, and nothing is written into it."""
    file = tmp_path / "notes.txt"
    file.write_text("mine")

    error = refusal(str(file))

    assert type(error) is LightUnavailable
    assert str(error) == f"{file} is not a usable serial port"
    assert file.read_text() == "mine"


def test_a_directory_is_no_port(tmp_path: Path) -> None:
    """A folder in place of a port is told as such."""
    assert str(refusal(str(tmp_path))) == f"{tmp_path} is not a usable serial port"


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

    assert str(caught.value) == f"{port.name} accepted no data for 1 s"
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


# Lights that answer.


class Device:
    """A light that is plugged in under one lasting name, and answers every command.

    *answer* returns what it says to a command, which ends with *end*.
    """

    def __init__(self, link: Path, answer: Callable[[bytes], bytes], *, end: bytes = b"\n") -> None:
        self.link, self._answer, self._end = link, answer, end
        self.told = b""
        self._thread: threading.Thread | None = None

    def plug(self, *, first: bytes = b"") -> None:
        """Plug it in; *first* is what it says without being asked."""
        self.told = b""
        self._light, self._held = os.openpty()
        tty.setraw(self._held)
        self._woken, self._wake = os.pipe()
        fresh = self.link.with_name("fresh")
        fresh.symlink_to(os.ttyname(self._held))
        fresh.replace(self.link)
        self._thread = threading.Thread(target=self._run, args=(first,), daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Pull it out, whatever it is doing."""
        if self._thread is None:
            return
        self.link.unlink()
        os.write(self._wake, b"!")
        self._thread.join()
        self._thread = None
        for end in (self._light, self._held, self._woken, self._wake):
            os.close(end)

    def say(self, text: bytes) -> None:
        """Say *text*."""
        os.write(self._light, text)

    def _run(self, first: bytes) -> None:
        self.say(first)
        command = b""
        while True:
            ready, _, _ = select.select([self._light, self._woken], [], [])
            if self._woken in ready:
                return
            heard = os.read(self._light, 4096)
            self.told += heard
            *commands, command = (command + heard).split(self._end)
            for each in commands:
                self.say(self._answer(each + self._end))


@contextmanager
def plugged(
    folder: Path, answer: Callable[[bytes], bytes], *, first: bytes = b""
) -> Iterator[Device]:
    """Plug a light in, and pull it out at last."""
    device = Device(folder / "light", answer)
    device.plug(first=first)
    try:
        yield device
    finally:
        device.unplug()


def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something that another thread brings about."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)


def fit_statusb(command: bytes) -> bytes:
    """Answer as a fit-statUSB: its id to a question, something to all else."""
    return b"193F914725000600\r\n" if command == b"?\n" else b"\r\n"


def ok(_command: bytes) -> bytes:
    """Answer as a Jambel and a Busy Tag."""
    return b"OK\r\n"


def error(_command: bytes) -> bytes:
    """Answer as a Busy Tag that does not know what is wanted."""
    return b"ERROR:2\r\n"


def silence(_command: bytes) -> bytes:
    """Answer nothing."""
    return b""


ANSWERING = {"fit-statusb": fit_statusb, "busytag": ok, "jambel": ok}
REDS = {
    "fit-statusb": b"F0001\n#FF0000\n?\n",
    "busytag": b"AT+SC=127,FF0000\r\n",
    "jambel": b"set_all=1,0,0,0\n",
}


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for answers, and for boards that start, no longer than a test has to."""
    monkeypatch.setattr(serial_light, "ANSWERING", 0.1)
    monkeypatch.setattr(serial_light, "STARTING", 0.5)


@pytest.mark.parametrize("protocol", ANSWERING)
def test_a_light_that_answers_shows_a_thousand_frames(tmp_path: Path, protocol: str) -> None:
    """No answer is left unread, or taken for another's."""
    with plugged(tmp_path, ANSWERING[protocol]) as device:
        light = a_light(str(device.link), protocol=protocol)
        for _ in range(500):
            light.show(DARK)
            light.show(RED)
        told = device.told
        light.close()

    assert told.endswith(REDS[protocol])
    assert told.count(REDS[protocol]) == 500


@pytest.mark.parametrize("protocol", ANSWERING)
def test_a_light_that_does_not_answer_is_lost(tmp_path: Path, protocol: str, hasty: None) -> None:
    """Who took the bytes and says nothing may show anything."""
    with plugged(tmp_path, silence) as device:
        light = a_light(str(device.link), protocol=protocol)

        with pytest.raises(LightUnavailable, match=r"light did not answer within .* right light"):
            light.show(RED)

        light.close()


@pytest.mark.parametrize("protocol", ANSWERING)
def test_a_light_that_refuses_is_lost_at_once_and_dark_if_it_can_be(
    tmp_path: Path, protocol: str
) -> None:
    """It is told to go dark: what it shows now is not what it was told."""
    with plugged(tmp_path, error) as device:
        light = a_light(str(device.link), protocol=protocol)

        with pytest.raises(LightUnavailable) as caught:
            light.show(RED)
        light.close()
        dark = b"".join(light._spoken.encode(DARK))
        if protocol != "fit-statusb":
            until(lambda: device.told.endswith(dark))

    if protocol == "fit-statusb":  # Any answer is one; but not one that begins with ERR.
        assert "instead of its id" in str(caught.value)
    else:
        assert str(caught.value) == f"{device.link} answered 'ERROR:2' instead of OK"


def test_events_of_a_busy_tag_are_no_answers(tmp_path: Path) -> None:
    """It tells of files and cables in between; a file called ERROR is no error."""

    def chatty(_command: bytes) -> bytes:
        return b"+evn:SP,ERROR.png\r\n+evn:USB,1\r\nOK\r\n"

    with plugged(tmp_path, chatty) as device:
        light = a_light(str(device.link), protocol="busytag")
        light.show(RED)
        told = device.told
        light.close()

    assert told == b"AT+PP=0,3\r\n" + REDS["busytag"]


def test_a_busy_tag_breathes_in_few_steps_and_changes_its_colour_at_once(tmp_path: Path) -> None:
    """It may store each command: brightness alone is told twice a second, and never forgotten."""
    now = [0.0]
    pulse = parse_pattern("red pulse")
    with plugged(tmp_path, ok) as device:
        table = {"port": str(device.link), "protocol": "busytag"}
        light = SerialLight(SerialOptions.model_validate(table), clock=lambda: now[0])
        for _ in range(81):  # Two breaths, step by step.
            light.show(frame_at(pulse, now[0]))
            now[0] += 0.05
        breaths = device.told.count(b"AT+SC")
        light.show(Frame.of({Channel.GREEN: 1}))
        green = device.told.endswith(b"AT+SC=127,00FF00\r\n")
        light.show(Frame.of({Channel.GREEN: 0.5}))
        unchanged = device.told.endswith(b"AT+SC=127,00FF00\r\n")
        now[0] += 1.0
        light.show(Frame.of({Channel.GREEN: 0.5}))
        dimmed = device.told.endswith(b"AT+SC=127,008000\r\n")
        light.close()

    assert 8 <= breaths <= 9
    assert (green, unchanged, dimmed) == (True, True, True)


def test_a_busy_tag_that_cannot_stop_its_pattern_is_used_all_the_same(tmp_path: Path) -> None:
    """What is sent once at the opening may be unknown to an old one."""

    def old(command: bytes) -> bytes:
        return b"ERROR:1\r\n" if command.startswith(b"AT+PP") else b"OK\r\n"

    with plugged(tmp_path, old) as device:
        light = a_light(str(device.link), protocol="busytag")
        light.show(RED)
        light.close()


def test_what_a_light_answers_cannot_drive_a_terminal(tmp_path: Path, hasty: None) -> None:
    """An error is shown to a person: escape codes are not, nor pages of text."""
    with plugged(tmp_path, lambda _command: b"\x1b[2J\xff" + b"x" * 900) as device:
        light = a_light(str(device.link), protocol="jambel")
        with pytest.raises(LightUnavailable) as caught:
            light.show(RED)
        light.close()

    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < len(str(device.link)) + 80


def test_a_light_blinks_by_itself_and_is_told_again_when_it_begins_anew(tmp_path: Path) -> None:
    """The wire is quiet in between; a wink of three seconds is repeated after nine, not ten."""
    now = [0.0]
    wink = parse_pattern("amber wink")
    with plugged(tmp_path, ok) as device:
        table = {"port": str(device.link), "protocol": "jambel"}
        light = SerialLight(SerialOptions.model_validate(table), clock=lambda: now[0])
        plays = [light.plays(parse_pattern(each)) for each in ("amber wink", "amber", "red pulse")]
        told = []
        for _ in range(10):
            light.play(wink)
            told.append(device.told)
            device.told = b""
            now[0] += 1.001
        light.close()

    expected = b"blink_time=2,200,2800\nset_all=0,2,0,0\n"
    assert plays == [True, False, False]  # A pulse is a blink by the time the light gets it.
    assert told == [expected, *([b""] * 8), expected]


# Our own light: on a chip in tests/hardware, and here on a light that does as it likes.

READY = b"READY buildlight 1 channels=red,amber,green,buzzer ttl=30\n"


def our_own(command: bytes) -> bytes:
    """Answer as our own light does."""
    return READY if command.startswith(b"HELLO") else b"OK\n" if command.strip() else b""


def test_our_own_light_is_greeted_told_and_told_goodbye(tmp_path: Path) -> None:
    """Each line is answered before the next is sent."""
    with plugged(tmp_path, our_own) as device:
        light = a_light(str(device.link), protocol="buildlight")
        light.show(RED)
        light.close()
        told = device.told

    lines = [line.split(b"*")[0] for line in told.split(b"\n")]
    assert lines == [b"", b"HELLO", b"SET red=100 ttl=20", b"BYE", b""]


def test_our_own_light_is_asked_until_it_has_started(tmp_path: Path) -> None:
    """Its boot loader is deaf, and may answer in its own way; a late answer is no other's."""
    deaf = [3]

    def starting(command: bytes) -> bytes:
        deaf[0] -= 1
        return b"" if deaf[0] >= 0 else our_own(command)

    with plugged(tmp_path, starting, first=b"\x14\x10\xff\nERR text\n") as device:
        light = a_light(str(device.link), protocol="buildlight")
        light.show(RED)
        asked = device.told.count(b"HELLO")
        light.close()

    assert asked == 2


@pytest.mark.parametrize(
    ("ready", "expected"),
    [
        (READY.replace(b" 1 ", b" 7 "), "speaks version 7 of the protocol, not 1"),
        (READY.replace(b",amber", b""), "has no amber; its channels are red, green, buzzer"),
    ],
)
def test_a_light_of_another_kind_is_not_used(tmp_path: Path, ready: bytes, expected: str) -> None:
    """What would not be shown is said at once, and the port is free again."""
    with plugged(tmp_path, lambda _command: ready) as device:
        for _ in range(2):
            with pytest.raises(LightUnavailable, match=expected):
                a_light(str(device.link), protocol="buildlight")


def test_what_never_says_ready_is_no_light_of_ours(tmp_path: Path, hasty: None) -> None:
    """An Arduino with somebody else's program: it answers, but not that."""
    with plugged(tmp_path, ok) as device, pytest.raises(LightUnavailable) as caught:
        a_light(str(device.link), protocol="buildlight")

    assert str(caught.value).startswith(f"{device.link} did not say READY within")
    assert str(caught.value).endswith("is it the right light?")


def test_half_an_answer_is_waited_for(tmp_path: Path) -> None:
    """At 38,400 baud a line takes its time: what is wrong is told whole."""

    def slow(command: bytes) -> bytes:
        if command.startswith(b"SET"):
            threading.Timer(0.1, lambda: device.say(b" value\n")).start()
            return b"ERR"
        return our_own(command)

    with plugged(tmp_path, slow) as device:
        light = a_light(str(device.link), protocol="buildlight")
        with pytest.raises(LightUnavailable, match="answered 'ERR value' instead of OK"):
            light.show(RED)
        light.close()


def test_our_own_light_has_its_own_speed_and_channels() -> None:
    """38,400 baud unless told otherwise; channels are those of the firmware, or as many as said."""
    keys = {"port": "/dev/ttyACM0", "protocol": "buildlight"}
    usual = SerialOptions.model_validate(keys)
    other = SerialOptions.model_validate({**keys, "channels": ["red", "blue"], "baud": 9600})

    assert (usual.speed, other.speed) == (38_400, 9600)
    assert usual.channels == {Channel.RED, Channel.AMBER, Channel.GREEN, Channel.BUZZER}
    assert other.channels == {Channel.RED, Channel.BLUE}
    assert usual.dims


# Boards of one's own.

ONE = {"red": {"on": "R\n", "off": "r\n"}, "green": {"on": "G\n", "off": "g\n"}}


def test_a_board_that_starts_is_waited_for(tmp_path: Path) -> None:
    """An Arduino starts anew whenever its port is opened; nothing is sent before READY."""
    with plugged(tmp_path, silence) as device:
        said: list[bytes] = []

        def say(words: bytes) -> None:
            said.append(device.told)
            device.say(words)

        threading.Timer(0.1, say, (b"noise\nREA",)).start()
        threading.Timer(0.2, say, (b"DY v1\n",)).start()
        light = a_light(
            str(device.link), protocol="custom", commands=ONE, ready="READY", init="hex: 00 0A"
        )
        light.show(RED)
        until(lambda: device.told == b"\0\nR\ng\n")
        light.close()

    assert said == [b"", b""]


def test_a_board_that_did_not_start_anew_is_told_all_the_same(tmp_path: Path, hasty: None) -> None:
    """A Leonardo or a Pico runs on: READY never comes, and is no condition."""
    with plugged(tmp_path, silence) as device:
        light = a_light(str(device.link), protocol="custom", commands=ONE, ready="READY")
        light.show(RED)
        until(lambda: device.told == b"R\ng\n")
        light.close()


def test_each_command_has_its_own_answer(tmp_path: Path) -> None:
    """With ack, the second command waits for the answer to the first."""
    order: list[bytes] = []

    def slow(command: bytes) -> bytes:
        order.append(device.told)
        return b"OK\n"

    with plugged(tmp_path, slow) as device:
        light = a_light(str(device.link), protocol="custom", commands=ONE, ack="OK")
        light.show(RED)
        light.close()

    assert order[:2] == [b"R\n", b"R\ng\n"]


def test_a_board_that_is_still_starting_is_told_until_it_answers(
    tmp_path: Path, hasty: None
) -> None:
    """To open its port once more would only make it start once more."""
    deaf = [2]

    def starting(_command: bytes) -> bytes:
        deaf[0] -= 1
        return b"" if deaf[0] >= 0 else b"OK\n"

    with plugged(tmp_path, starting) as device:
        light = a_light(str(device.link), protocol="custom", commands=ONE, ack="OK")
        light.show(RED)
        told = device.told
        light.close()

    assert told == b"R\nR\nR\ng\n"


def test_a_board_without_answers_is_told_again_while_it_may_be_starting(port: Port) -> None:
    """What an Arduino is told in its first seconds may be lost on it."""
    now = [0.0]
    table = {"port": port.name, "protocol": "custom", "commands": ONE}
    light = SerialLight(SerialOptions.model_validate(table), clock=lambda: now[0])
    told = []

    for _ in range(5):
        light.show(RED)
        told.append(port.sent())
        now[0] += 1.001
    light.close()

    assert told == [b"R\ng\n"] * 3 + [b"", b""]


# Each of them through `buildlight test`.


class Nodder:
    """Sees whatever should be seen."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def say(self, text: str) -> None:
        """Listen."""

    def saw(self, text: str) -> bool:
        """Nod."""
        self.seen.append(text)
        return True

    def saw_instead(self, channels: Sequence[Channel]) -> Channel | None:
        """Is never asked."""
        raise AssertionError(channels)


@pytest.mark.parametrize(
    ("protocol", "keys"),
    [
        ("adafruit-tower", {}),
        ("fit-statusb", {}),
        ("busytag", {}),
        ("jambel", {}),
        ("lcus", {"channels": ["red", "amber", "green", "buzzer"]}),
        ("custom", {"commands": ONE, "ack": "OK"}),
    ],
)
def test_every_protocol_is_walked(tmp_path: Path, protocol: str, keys: dict[str, object]) -> None:
    """Each channel of each light is lit alone, in the light's own words, and the end is dark."""
    person = Nodder()
    with plugged(tmp_path, ANSWERING.get(protocol, ok)) as device:
        table = {"port": str(device.link), "protocol": protocol, **keys}
        lamp = lamp_from_keys("serial", table)
        encode = SerialOptions.model_validate(table).spoken().encode
        channels = [each for each in Channel if each in lamp.options.channels]
        lit = [b"".join(encode(Frame.of({channel: 1.0}))) for channel in channels]
        in_turn = re.compile(b".*".join(map(re.escape, lit)), re.DOTALL)

        found = walk(lamp, person)

        until(lambda: in_turn.search(device.told))
        until(lambda: device.told.endswith(b"".join(encode(DARK))))
    assert found == Walk(lamp="lamp", steps=len(channels) + 9)
    for step, channel in zip(person.seen, channels, strict=False):
        assert step == f"{channel.value}: {device.link}: lit, and nothing else"


# A light that is pulled out and plugged in.


def test_a_light_that_is_pulled_out_in_mid_write_is_lost(port: Port) -> None:
    """A write that waits for room ends when the light goes."""
    light = a_light(port.name)
    port.fill()
    puller = threading.Timer(0.1, port.unplug)
    puller.start()

    with pytest.raises(LightUnavailable, match="is gone; is it plugged in"):
        light.show(RED)
    puller.join()
    light.close()


def test_another_light_under_the_same_name_is_seen(tmp_path: Path) -> None:
    """The old one may still be there, under a name that nobody configured."""
    old, new, link = Port(), Port(), tmp_path / "light"
    link.symlink_to(old.name)
    light = a_light(str(link))
    light.show(RED)
    link.unlink()
    link.symlink_to(new.name)

    with pytest.raises(LightUnavailable, match="is gone"):
        light.show(RED)
    light.close()

    for each in (old, new):
        each.unplug()


@contextmanager
def lamp(device: Device, **keys: object) -> Iterator[LampThread]:
    """Start a lamp on the light, and see that it ends."""
    thread = LampThread("shelf", Lamp(lambda: a_light(str(device.link), **keys)))
    thread.start(parse_pattern("off"))
    try:
        yield thread
    finally:
        thread.stop()
        assert thread.join(10)


def test_a_pulled_plug_is_noticed_within_about_a_second_and_cured_within_two(
    tmp_path: Path,
) -> None:
    """Even while a steady red needs no telling; what comes back shows what is true by then."""
    with plugged(tmp_path, silence) as device, lamp(device) as thread:
        thread.play(parse_pattern("red"))
        assert thread.wait_played(parse_pattern("red"), 10)
        start = time.monotonic()

        device.unplug()
        until(lambda: thread.status().light is Light.LOST)
        noticed = time.monotonic() - start
        thread.play(parse_pattern("green"))
        start = time.monotonic()
        device.plug()
        until(lambda: device.told)
        cured = time.monotonic() - start
        until(lambda: device.told == bytes([0x21, 0x22, 0x14, 0x28]))

    assert noticed < 1.5
    assert cured < 2


HUNDRED = 100
COLOURS = ("red", "amber", "green")
STATES = {
    "adafruit-tower": ("11222428", "21122428", "21221428", "21222428"),
    "jambel": tuple(
        f"set_all={state},0\n".encode().hex() for state in ("1,0,0", "0,1,0", "0,0,1", "0,0,0")
    ),
}
"""What says red, amber, green and off to a light that never answers, and to one that does."""


@pytest.mark.parametrize("protocol", STATES)
def test_a_light_that_goes_and_comes_a_hundred_times_loses_nothing_and_leaks_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    """Pulled out at any moment of ever new patterns, it shows the last of them when it is back."""
    monkeypatch.setattr("buildlight.lamps.lamp.RETRIES", (0.001,))
    *lit, dark = (bytes.fromhex(each) for each in STATES[protocol])
    patterns = dict(zip(map(parse_pattern, COLOURS), lit, strict=True))
    wanted = cycle(patterns)
    answer = ANSWERING.get(protocol, silence)
    with plugged(tmp_path, answer) as device, lamp(device, protocol=protocol) as thread:
        assert thread.wait_played(parse_pattern("off"), 10)
        stop = threading.Event()

        def load() -> None:
            while not stop.is_set():
                thread.play(next(wanted))
                stop.wait(0.0005)

        before = _open_files(), threading.active_count()
        for number in range(HUNDRED):
            stop.clear()
            loader = threading.Thread(target=load)
            loader.start()
            time.sleep(0.001 * (number % 5))
            device.unplug()
            device.plug()
            stop.set()
            loader.join()
            last = next(wanted)
            thread.play(last)
            assert thread.wait_played(last, 10)
            until(lambda last=last: device.told.endswith(patterns[last]))  # type: ignore[misc]
            states = [
                device.told[at : at + len(dark)] for at in range(0, len(device.told), len(dark))
            ]
            assert {*states} <= {*lit, dark}
        after = _open_files(), threading.active_count()

    # Fewer is no leak: threads of tests before this one may have ended meanwhile.
    assert after[0] <= before[0]
    assert after[1] <= before[1]


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# A light on the network.


class Jambel:
    """A Jambel that answers on a loopback port, one connection after the other."""

    def __init__(self, answer: bytes = b"OK\r\n") -> None:
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._talking: socket.socket | None = None
        self.port = self._listening.getsockname()[1]
        self.name = f"socket://127.0.0.1:{self.port}"
        self.told = b""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        with suppress(OSError):
            while True:
                self._talking, _ = self._listening.accept()
                with self._talking, suppress(OSError):
                    while heard := self._talking.recv(4096):
                        self.told += heard
                        self._talking.sendall(self._answer * heard.count(b"\n"))

    def hang_up(self) -> None:
        """Lose the connection, and wait for another."""
        if self._talking is not None:
            with suppress(OSError):
                self._talking.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Be switched off."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.hang_up()
        self._thread.join()


@pytest.fixture
def tower() -> Iterator[Jambel]:
    """Switch a Jambel on."""
    made = Jambel()
    yield made
    with suppress(OSError):
        made.close()


def test_a_jambel_on_the_network_is_led_and_left_dark(tower: Jambel) -> None:
    """The same lines as on a port; the last of them arrives before the connection ends."""
    light = a_light(tower.name, protocol="jambel")
    light.show(RED)
    light.show(Frame.of({Channel.GREEN: 1}))
    light.close()

    assert tower.told == b"set_all=1,0,0,0\nset_all=0,0,1,0\nset_all=0,0,0,0\n"


def test_a_jambel_that_hangs_up_is_noticed_and_cured(tower: Jambel) -> None:
    """Within about a second, while a steady red needs no telling."""
    thread = LampThread("shelf", Lamp(lambda: a_light(tower.name, protocol="jambel")))
    thread.start(parse_pattern("red"))
    until(lambda: tower.told == b"set_all=1,0,0,0\n")

    tower.hang_up()
    until(lambda: tower.told == b"set_all=1,0,0,0\n" * 2)
    thread.stop()

    assert thread.join(10)


def test_a_jambel_that_is_off_is_said() -> None:
    """Nobody listens there, or nobody of that name is known."""
    gone = Jambel()
    gone.close()

    sentences = []
    for name in (gone.name, "socket://no-such-host.invalid:10001"):
        with pytest.raises(LightUnavailable) as caught:
            a_light(name, protocol="jambel")
        sentences.append(str(caught.value))

    assert sentences == [
        f"connection to {gone.name} refused; is the light switched on?",
        "cannot resolve socket://no-such-host.invalid:10001; is the name right?",
    ]


def test_a_jambel_that_is_switched_off_is_lost(tower: Jambel) -> None:
    """Showing and looking both say so, and closing says nothing."""
    light = a_light(tower.name, protocol="jambel")
    light.show(RED)
    tower.close()

    with pytest.raises(LightUnavailable, match="closed the connection; is the light switched on"):
        light.show(RED)
    light.close()
    with pytest.raises(LightUnavailable, match="is closed"):
        light.show(RED)


def test_a_silent_network_is_probed(tower: Jambel) -> None:
    """A cable that is pulled sends no farewell: the kernel asks every second, three times."""
    light = a_light(tower.name, protocol="jambel")
    wire = light._wire
    assert isinstance(wire, TcpPort)

    found = [
        wire._socket.getsockopt(socket.IPPROTO_TCP, option)
        for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    ]
    light.close()

    assert found == [1, 1, 3]


# Finding the light.


def listed(*devices: str) -> Callable[[], list[ListPortInfo]]:
    """Return a list_ports that knows *devices*, all of them CH340s."""

    def comports() -> list[ListPortInfo]:
        infos = [ListPortInfo(device) for device in devices]
        for info in infos:
            info.vid, info.pid = 0x1A86, 0x7523
        return infos

    return comports


def test_a_light_is_found_under_whatever_name_the_kernel_gives_it(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With port = "auto", the light is looked for whenever it is opened."""
    monkeypatch.setattr(serial_light, "comports", listed(port.name))

    with opened("auto") as light:
        light.show(RED)

        assert port.sent() == TOWER_RED
        assert {*light.wiring.values()} == {port.name}


def test_a_light_that_is_not_there_or_there_twice_is_not_guessed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Neither is opened; the sentence says which there are."""

    def vanishing() -> list[ListPortInfo]:
        raise TypeError  # As list_ports does for a device that goes while it reads.

    sentences = []
    for comports in (listed(), vanishing, listed("/dev/ttyUSB0", "/dev/ttyUSB1")):
        monkeypatch.setattr(serial_light, "comports", comports)
        sentences.append(str(refusal("auto")))

    assert sentences == [
        "no adafruit-tower found (USB id 1a86:7523); is it plugged in?",
        "no adafruit-tower found (USB id 1a86:7523); is it plugged in?",
        (
            "2 ports have the USB id 1a86:7523 of adafruit-tower; set port to one of: "
            "/dev/ttyUSB0, /dev/ttyUSB1"
        ),
    ]


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

    assert options.speed == 9600
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
            'Value error, is not a string; write it as "R" or as "hex: A0 01 01 A2"',
        )
    ]


RELAYS = ["red", "amber", "green", "buzzer"]


def test_a_relay_board_is_known_by_its_channels() -> None:
    """They are relays without being called so, and clicked no faster than they bear."""
    options = SerialOptions.model_validate({"port": "x", "protocol": "lcus", "channels": RELAYS})

    assert options.channels == {Channel(each) for each in RELAYS}
    assert options.relay
    assert not options.dims


def test_lights_of_many_colours_have_five_channels() -> None:
    """They mix them, and can be dimmed."""
    colours = {*Channel} - {Channel.BUZZER}
    found = [
        SerialOptions.model_validate({"port": "auto", "protocol": each})
        for each in ("fit-statusb", "busytag")
    ]

    assert [each.channels for each in found] == [colours, colours]
    assert [each.dims for each in found] == [True, True]


def test_lights_that_are_found_by_their_id_claim_all_of_that_id() -> None:
    """A tower and a relay board hide behind the same chip: only one of them can be found."""
    found = [
        SerialOptions.model_validate({"port": "auto", "protocol": protocol, **keys}).claims
        for protocol, keys in (
            ("adafruit-tower", {}),
            ("lcus", {"channels": RELAYS}),
            ("busytag", {}),
        )
    ]

    assert found[0] == found[1] == {"the light with USB id 1a86:7523"}
    assert found[2] == {"the light with USB id 303a:81df"}


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ({"protocol": "lcus"}, 'protocol "lcus" needs channels = ["red", "amber", "green"]'),
        (
            {"protocol": "lcus", "channels": ["red"], "relay": False},
            "relay = false: the relays of an LCUS board are mechanical",
        ),
        (
            {"protocol": "busytag", "channels": ["red"]},
            'channels belong to protocols "buildlight", "lcus" and "jambel"',
        ),
        (
            {"protocol": "jambel", "channels": ["red", "green"]},
            "channels of a Jambel are red, amber and green, in the modules' order",
        ),
        ({"protocol": "lcus", "channels": ["red", "red"]}, "names a channel twice"),
        ({"protocol": "busytag", "ack": "OK"}, 'ack belongs to protocol "custom"'),
        (
            {"protocol": "jambel", "port": "auto"},
            'port = "auto" cannot find protocol "jambel"; name its port',
        ),
        (
            {"protocol": "busytag", "port": "socket://lamp:1"},
            'protocol "busytag" is not spoken over a network',
        ),
        (
            {"protocol": "jambel", "port": "rfc2217://lamp:1"},
            "is neither a device nor socket://host:port",
        ),
        (
            {"protocol": "busytag", "baud": 1200},
            "makes many boards wait for new firmware; use another rate",
        ),
    ],
)
def test_a_key_at_the_wrong_light_is_a_mistake(table: dict[str, object], expected: str) -> None:
    """Each is told in a sentence, before any light is opened."""
    ((_, sentence),) = mistakes({"port": "x", **table})

    assert sentence == f"Value error, {expected}"


@pytest.mark.parametrize(
    "address",
    [
        "socket://",
        "socket://lamp",
        "socket://lamp:x",
        "socket://lamp:0",
        "socket://lamp:99999",
        "socket://u:s3cret@lamp:1",
        "socket://lamp:1/path",
        "socket://lamp:1?logging=debug",
    ],
)
def test_what_is_no_address_is_a_mistake(address: str) -> None:
    """Host and port, and nothing else; what stands there is not repeated."""
    assert mistakes({"port": address, "protocol": "jambel"}) == [
        (("port",), "Value error, is not an address; write it as socket://host:10001")
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
