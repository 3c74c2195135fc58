"""The real driver and the real daemon, on a chip that runs the real firmware.

The chip is simulated, its wire is a pseudo-terminal, and its time passes as it does for people,
or faster where nobody else has to keep up. What is on its pins is compared with what the lamp
has to show.
"""

import os
import random
import re
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from pathlib import Path

import pytest

from buildlight.drivers.conformance import check_driver
from buildlight.drivers.serial import light as serial_light
from buildlight.drivers.serial.light import SerialLight
from buildlight.drivers.serial.options import SerialOptions
from buildlight.drivers.serial.protocols import buildlight as own_light
from buildlight.drivers.serial.protocols.buildlight import OWN_CHANNELS, TTL, line_of
from buildlight.errors import LightUnavailable
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import STEADY, Channel, Frame, Pattern, frame_at
from buildlight.patterns.presets import COLOURS
from buildlight.projects.signal import RANKS, Signal
from buildlight.projects.verdict import Verdict
from hardware.conftest import FIRMWARE, avr, avr_pins
from hardware.lead import CHANNELS, PATIENCE, ROUND, Board, until
from hardware.test_protocol import random_line
from support.examples import NOON
from support.servers import Answer, FeedServer

BUILDLIGHT = Path(sysconfig.get_path("scripts"), "buildlight")
BOOT = 100
"""Milliseconds for which a chip that was opened hears nothing; a real boot loader takes longer."""
PERIOD = 2.0
"""Seconds after which every pattern of the table begins anew."""
TOLERANCE = 0.02


@pytest.fixture
def port(tmp_path: Path) -> Path:
    """Name the port on which the light will be."""
    return tmp_path / "ttyACM0"


@pytest.fixture
def light(build: Path, port: Path) -> Iterator[Board]:
    """Plug a light in."""
    with Board(avr(build, str(port), str(BOOT))) as board:
        yield board


def fits(board: Board, pattern: Pattern, begin: float, end: float) -> bool:
    """Return whether the pins showed *pattern* from *begin* to *end*, wherever in it they began.

    Each change may come 20 ms early or late; a level may be off by 3 per cent.
    """
    assert all(
        stroke.rhythm == STEADY or lasts(stroke.rhythm) == PERIOD for stroke in pattern.strokes
    )
    steps = round(PERIOD / ROUND)
    shift = round(TOLERANCE / ROUND)
    frames = [frame_at(pattern, (number + 0.5) * ROUND) for number in range(steps)]
    expected = {
        channel: [
            {frames[(number + by) % steps][Channel(channel)] for by in range(-shift, shift + 1)}
            for number in range(steps)
        ]
        for channel in CHANNELS
    }
    shown = {
        channel: [
            board.share(channel, begin + number * ROUND, begin + (number + 1) * ROUND)
            for number in range(round((end - begin) / ROUND))
        ]
        for channel in CHANNELS
    }
    return any(
        all(
            min(expected[channel][(number + start) % steps]) - 0.03
            <= level
            <= max(expected[channel][(number + start) % steps]) + 0.03
            for channel in CHANNELS
            for number, level in enumerate(shown[channel])
        )
        for start in range(steps)
    )


def lasts(rhythm: tuple[tuple[float, float], ...]) -> float:
    """Return how long a rhythm takes."""
    return round(sum(seconds for seconds, _ in rhythm), 6)


def shows(board: Board, text: str, *, seconds: float = PERIOD + 0.1) -> Callable[[], bool]:
    """Return what tells whether the lamp has shown a pattern for so many seconds now."""
    pattern = parse_pattern(text)
    since = board.now

    def condition() -> bool:
        now = board.now
        return now - seconds > since and fits(board, pattern, now - seconds, now)

    return condition


# The driver.


def a_light(port: Path) -> SerialLight:
    """Open the light."""
    table = {"port": str(port), "protocol": "buildlight"}
    return SerialLight(SerialOptions.model_validate(table))


def test_the_driver_of_our_own_light_keeps_the_contract(light: Board, port: Path) -> None:
    """Opened and closed, shown whatever the daemon could show: as any other driver's light."""
    missing = {"port": str(port.with_name("no")), "protocol": "buildlight"}
    with light.pacing():
        check_driver(SerialLight, {"port": str(port), "protocol": "buildlight"}, missing=missing)

    light.wait(0.1)
    assert light.opened == 8
    assert light.lit() == set()
    assert not [line for line in light.heard() if line.startswith("ERR")]


@pytest.mark.parametrize("text", sorted({*COLOURS.values()}))
def test_a_pattern_is_played_by_the_light_itself(light: Board, port: Path, text: str) -> None:
    """Once told, it needs nobody for the rhythm; told again, it does not stumble."""
    pattern = parse_pattern(text)
    with light.pacing():
        driver = a_light(port)
        moves = any(stroke.rhythm != STEADY for stroke in pattern.strokes)
        assert driver.plays(pattern) is moves
        if moves:
            driver.play(pattern)
        else:
            driver.show(frame_at(pattern, 0))

    light.wait(6.1)
    assert fits(light, pattern, light.now - 6.05, light.now)
    with light.pacing():
        driver.close()
    light.wait(30.0)
    assert light.lit(light.now - 29.9, light.now) == set()


def test_a_light_that_was_told_is_told_again_before_it_gives_up(light: Board, port: Path) -> None:
    """The same state once more, every five seconds of the twenty that the light waits."""
    now = [0.0]
    options = SerialOptions.model_validate({"port": str(port), "protocol": "buildlight"})
    with light.pacing():
        driver = SerialLight(options, clock=lambda: now[0])
        driver.show(Frame.of({Channel.GREEN: 1}))
        for _ in range(30):
            now[0] += 1.001
            driver.show(Frame.of({Channel.GREEN: 1}))
    said = light.heard()

    assert said.count("OK") == 1 + 6
    assert own_light.SIGN_OF_LIFE * 3 < TTL
    assert light.lit() == {"green"}


def test_a_light_that_refuses_is_lost(
    light: Board, port: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said about it names the port and the answer."""
    monkeypatch.setattr(own_light, "TTL", 301)
    with light.pacing():
        driver = a_light(port)
        with pytest.raises(LightUnavailable) as caught:
            driver.show(Frame.of({Channel.GREEN: 1}))
        driver.close()

    assert str(caught.value) == f"{port} answered 'ERR value' instead of OK"


def test_another_thing_on_the_port_is_no_light_of_ours(
    light: Board, port: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that never says READY: here, one whose chip does not run."""
    monkeypatch.setattr(serial_light, "STARTING", 0.3)

    with pytest.raises(LightUnavailable) as caught:
        a_light(port)

    assert "did not say READY within 0 s; is it the right light?" in str(caught.value)
    assert light.opened == 0  # Its time stands still.


def test_a_boot_loader_that_takes_long_is_waited_for(build: Path, port: Path) -> None:
    """An Arduino starts anew when its port is opened, and hears nothing for a second and more."""
    with Board(avr(build, str(port), "1500")) as light, light.pacing():
        driver = a_light(port)
        driver.show(Frame.of({Channel.RED: 1}))
        until(lambda: light.lit() == {"red"})
        driver.close()

    assert light.opened == 1


# The chip.


def test_a_program_that_hangs_starts_anew_and_shows_nothing_old(chip: Board) -> None:
    """The watchdog strikes within a second: green goes, whatever the program was doing."""
    chip.show("green=100")
    since = chip.now
    chip.heard()

    chip.hang()
    chip.wait(3.0)

    assert [line.split()[0] for line in chip.heard()] == ["READY"]
    assert "green" in chip.lit(since, since + 0.3)
    assert "green" not in chip.lit(since + 1.0, chip.now)
    assert chip.lit(since + 1.0, chip.now) == {"amber"}
    chip.show("green=100")
    assert chip.lit() == {"green"}


def test_a_chip_that_runs_for_minutes_neither_drifts_nor_starts_anew(chip: Board) -> None:
    """Every tick is counted, and the watchdog never strikes without a reason."""
    since = chip.show("red=100/500,500")
    for _ in range(2):
        chip.wait(45.0)
        chip.show("red=100/500,500")
    edges = chip.edges("red", since + ROUND, chip.now)

    assert len(edges) == pytest.approx((chip.now - since) * 2, abs=1)
    drift = edges[-1][0] + ROUND - len(edges) * 0.5
    assert abs(drift) < TOLERANCE
    assert chip.heard() == []


@pytest.mark.parametrize("spoilt", range(0, 40, 3))
def test_a_byte_without_its_stop_bit_spoils_its_line(chip: Board, spoilt: int) -> None:
    """The chip's own check of each byte, which the checksum does not need to make up for."""
    line = line_of("SET green=100 buzzer=100 ttl=20")
    chip.show("red=100")

    chip.say(line[:spoilt])
    chip.spoil(line[spoilt : spoilt + 1])
    answers = chip.answers(line[spoilt + 1 :] + b"\n")

    assert answers == (["ERR text"] if spoilt < len(line) else ["OK"])
    assert chip.lit() == ({"red"} if spoilt < len(line) else {"green", "buzzer"})


def test_more_than_a_chip_can_hold_is_refused_and_forgotten(chip: Board) -> None:
    """A host that never waits for an answer: what was lost is not guessed."""
    chip.show("red=100")

    answers = chip.answers(line_of("HELLO") * 100 + line_of("SET green=100") * 3, seconds=5.0)

    assert {answer.split()[0] for answer in answers} <= {"READY", "ERR", "OK"}
    assert len([answer for answer in answers if answer.startswith("READY")]) > 10
    assert len(chip.answers(b"\n" + line_of("SET red=100"))) <= 2
    assert chip.lit() == {"red"}


def test_the_pins_are_where_the_firmware_says(chip: Board) -> None:
    """Each channel drives the pin that pins.h names, and the chip drives no other."""
    assert avr_pins() == {"9": "red", "10": "amber", "11": "green", "6": "buzzer"}

    for channel in CHANNELS:
        chip.show(f"{channel}=100")
        chip.wait(0.1)
        assert chip.lit() == {channel}  # A pin that is nobody's would have ended the board.


def test_firmware_and_driver_agree_on_the_channels() -> None:
    """What the driver expects of a light is what both firmwares bring."""
    names = ",".join(channel.value for channel in OWN_CHANNELS)

    for source in ("avr/light.c", "pico/light.py"):
        assert f"READY buildlight 1 channels={names} " in (FIRMWARE / source).read_text()


def test_the_words_of_the_firmware_hold_no_bug_that_a_sanitizer_knows(
    build: Path, tmp_path: Path
) -> None:
    """light.c as a program of this computer, under the address and undefined sanitizers."""
    main = tmp_path / "main.c"
    main.write_text(
        '#include "light.h"\n#include <stdio.h>\nint main(void) { struct light light;'
        "light_begin(&light); for (int byte; (byte = getchar()) != EOF;) {"
        "const char *said = light_hear(&light, (uint8_t)byte); if (said) puts(said);"
        "for (int each = 0; each < CHANNELS; each++)"
        "if (light_level(&light, (enum channel)each) > 100) return 9;"
        "light_tick(&light); } return 0; }\n"
    )
    program = tmp_path / "light"
    flags = ["-g", "-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    source = FIRMWARE / "avr"
    subprocess.run(
        ["gcc", *flags, "-I", source, "-o", program, main, source / "light.c"], check=True
    )
    chance = random.Random(7)

    lines = b"".join(random_line(chance) for _ in range(20_000))
    lines += b"".join(b"HELLO\nSET red=1/" + b",200" * count + b"\n" for count in range(20))
    lines += b"".join(b"HELLO\nSET buzzer=1/200" + b",200" * count + b"\n" for count in range(20))

    done = subprocess.run([program], input=lines, capture_output=True, check=False)

    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert len(done.stdout.splitlines()) > 15_000


# The daemon.


class Daemon:
    """A running `buildlight run`."""

    def __init__(self, folder: Path, configuration: str) -> None:
        file = folder / "buildlight.toml"
        file.write_text(configuration)
        self._log = folder / "log"
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                [BUILDLIGHT, "run", "--config", file],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
            )

    def said(self) -> str:
        """Return everything that it and those before it wrote."""
        return self._log.read_text()

    def end(self, number: signal.Signals) -> None:
        """Send the signal, and wait for the end."""
        self._process.send_signal(number)
        self._process.wait(PATIENCE)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[[str], Daemon]]:
    """Start daemons, and see that none is left."""
    daemons: list[Daemon] = []

    def start(configuration: str) -> Daemon:
        daemons.append(Daemon(tmp_path, configuration))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.end(signal.SIGKILL)


def configuration(server: FeedServer, port: Path) -> str:
    """Return a configuration with a light of our own at *port*."""
    return (
        f'interval = 0.1\nbuilding_interval = 0.1\n[[feeds]]\nurl = "{server.url()}"\n'
        f'[[lamps]]\ndriver = "serial"\nprotocol = "buildlight"\nport = "{port}"\n'
    )


def feed(status: str, *, label: int, building: bool = False) -> Answer:
    """Return a feed of one project."""
    activity = "Building" if building else "Sleeping"
    return Answer(
        f'<Projects><Project name="shop" activity="{activity}" lastBuildStatus="{status}" '
        f'lastBuildLabel="{label}" lastBuildTime="{NOON:%Y-%m-%dT%H:%M}:{label:02}Z" '
        f'webUrl="https://ci.example/shop"/></Projects>'.encode()
    )


DOWN = Answer(b"", status=500)
STORY = {Verdict.NONE: "Unknown", Verdict.PASSING: "Success", Verdict.BROKEN: "Failure"}
"""The verdicts in an order in which one project can have them, and the words that make them."""


def test_every_signal_is_on_the_pins(
    light: Board, port: Path, run: Callable[[str], Daemon]
) -> None:
    """All twelve rows of verdict, building and stale: from the feed's bytes to the chip's pins."""
    seen = set()
    with FeedServer() as server, light.pacing():
        for label, (verdict, building) in enumerate(product(STORY, (False, True)), start=1):
            server.answer = feed(STORY[verdict], label=1 + label // 2, building=building)
            if label == 1:
                daemon = run(configuration(server, port))
            fresh = Signal(verdict, building=building, stale=False)
            until(shows(light, COLOURS[RANKS[fresh]]), daemon.said)
            server.answer = DOWN
            stale = Signal(verdict, building=building, stale=True)
            until(shows(light, COLOURS[RANKS[stale]]), daemon.said)
            seen |= {fresh, stale}
        daemon.end(signal.SIGTERM)

    assert seen == {*RANKS}
    assert light.opened == 1
    light.wait(30.0)
    assert light.lit(light.now - 29.9, light.now) == set()


def test_a_daemon_that_is_killed_is_missed_by_the_light(
    light: Board, port: Path, run: Callable[[str], Daemon]
) -> None:
    """Green stands for twenty seconds after the last word, and not a moment longer."""
    with FeedServer() as server:
        with light.pacing():
            daemon = run(configuration(server, port))
            until(shows(light, "green"), daemon.said)
            daemon.end(signal.SIGKILL)
        light.wait(0.5)
        last = light.answered
        light.wait(TTL + 20.0)

        assert light.lit(last + 0.1, last + TTL - TOLERANCE) == {"green"}
        assert light.lit(last + TTL + TOLERANCE, light.now) == {"amber"}
        lost = parse_pattern("amber double-blink")
        assert fits(light, lost, last + TTL + TOLERANCE, light.now)

        with light.pacing():
            daemon = run(configuration(server, port))
            until(shows(light, "green"), daemon.said)
            daemon.end(signal.SIGTERM)


RESTARTS = 50


def opened(light: Board, times: int) -> bool:
    """Return whether somebody has opened the light so many times."""
    return light.opened == times


def test_a_daemon_that_is_restarted_fifty_times_leads_the_light_each_time(
    light: Board, port: Path, run: Callable[[str], Daemon]
) -> None:
    """Half of them killed, in the middle of whatever they say; half of them stopped properly."""
    chance = random.Random(50)
    with FeedServer() as server, light.pacing():
        for number in range(RESTARTS):
            daemon = run(configuration(server, port))
            until(partial(opened, light, number + 1), daemon.said)
            if number % 2:
                time.sleep(chance.uniform(0, 0.4))
                daemon.end(signal.SIGKILL)
            else:
                until(lambda: light.lit() == {"green"}, daemon.said)
                daemon.end(signal.SIGTERM)
                until(lambda: light.lit() == set(), daemon.said)

    assert light.opened == RESTARTS
    said = daemon.said()
    assert not re.search("Traceback|light is lost|instead of", said), said


def test_the_walk_through_the_lamp_passes_end_to_end(light: Board, port: Path) -> None:
    """`buildlight test`, as somebody does with a lamp that was just soldered."""
    arguments = ["--driver", "serial", "--protocol", "buildlight", "--port", str(port)]
    with light.pacing():
        walked = subprocess.run(
            [BUILDLIGHT, "test", *arguments, "--yes", "--pause", "0.5"],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    assert walked.returncode == 0, walked.stderr
    assert "lamp: 13 steps walked, without questions" in walked.stdout
    # The first four steps, each of half a second, show one channel each and nothing else.
    for channel in CHANNELS:
        steady = light.traces[channel]
        begin = next(
            at
            for at, level in zip(steady.times, steady.levels, strict=True)
            if level
            and light.lit(at + 0.05, at + 0.35) == {channel}
            and light.share(channel, at + 0.05, at + 0.35) > 0.99
        )
        assert begin
    light.wait(30.0)
    assert light.lit(light.now - 29.9, light.now) == set()
