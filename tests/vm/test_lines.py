"""The pins, on a GPIO chip of a real kernel whose lines are read from outside."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest

from support.servers import BROKEN_FEED, FEED, Answer, FeedServer
from vm.machine import PROGRAM, WORK, Daemon, Recording, Run, Vm, until

PINS = {"red": 17, "amber": 27, "green": 22, "blue": 23, "white": 24, "buzzer": 25}
LINES = tuple(PINS.values())
RED, AMBER, GREEN = 17, 27, 22
BUILDING_FEED = FEED.replace(b"Sleeping", b"Building")

Rhythm = tuple[tuple[int, float], ...]
ON: Rhythm = ((1, 60.0),)
PULSE: Rhythm = ((1, 1.0), (0, 1.0))  # as an LED that is not dimmed shows it
DOUBLE: Rhythm = ((1, 0.2), (0, 0.2), (1, 0.2), (0, 1.4))

SIGNALS: dict[str, dict[str, Rhythm]] = {
    "broken": {"red": ON},
    "broken-building": {"red": PULSE},
    "broken-stale": {"red": ON, "amber": DOUBLE},
    "broken-building-stale": {"red": PULSE, "amber": DOUBLE},
    "stale": {"amber": DOUBLE},
    "passing": {"green": ON},
    "passing-building": {"green": PULSE},
    "none": {"amber": ON},
    "none-building": {"amber": PULSE},
}
PAUSE = 3.0
"""Seconds of each step of the walk."""
CHANGING = 0.3
"""Seconds around the announcement of a step in which its change may be seen."""


def lamps(*, feed: str, pins: str = "{ red = 17, amber = 27, green = 22 }") -> str:
    """Return a configuration with LEDs for the feed at the address *feed*."""
    return (
        f'interval = 1\nbuilding_interval = 1\n[[feeds]]\nname = "web"\nurl = "{feed}"\n'
        f'[[lamps]]\ndriver = "gpio"\npins = {pins}\n'
    )


def follows(runs: Sequence[Run], rhythm: Rhythm) -> bool:
    """Return whether *runs* are a stretch of *rhythm*, however slow the guest is."""

    def fits(run: Run, step: tuple[int, float], *, cut: bool) -> bool:
        level, seconds = step
        slack = 0.15 + 0.2 * seconds
        least = 0.0 if cut else seconds - slack
        return run.level == level and least <= run.seconds <= seconds + slack

    last = len(runs) - 1
    return any(
        all(
            fits(run, rhythm[(first + at) % len(rhythm)], cut=at in (0, last))
            for at, run in enumerate(runs)
        )
        for first in range(len(rhythm))
    )


@pytest.fixture(scope="module")
def walk(vm: Vm) -> Recording:
    """Walk a lamp of every channel through everything, as `buildlight test` does."""
    pins = ",".join(f"{channel}={pin}" for channel, pin in PINS.items())
    options = f"--driver gpio --pins {pins} --yes --pause {PAUSE}"
    return vm.record(LINES, PROGRAM, "test", options)


def stretch(walk: Recording, step: str) -> tuple[float, float]:
    """Return the time in which nothing but *step* was shown."""
    begin, end = walk.moment(step)
    return begin + CHANGING, end - CHANGING


@pytest.mark.parametrize("channel", PINS)
def test_a_channel_drives_its_own_line_and_no_other(walk: Recording, channel: str) -> None:
    """While `buildlight test` shows a channel, exactly the line of its pin is high."""
    begin, end = stretch(walk, f"{channel}: ")

    levels = {line: {run.level for run in walk.runs(line, begin, end)} for line in LINES}

    assert levels == {line: {int(line == PINS[channel])} for line in LINES}


@pytest.mark.parametrize("signal", SIGNALS)
def test_a_signal_keeps_its_rhythm_on_the_lines(walk: Recording, signal: str) -> None:
    """Each signal lights the lines of the README's table, at the pace that is promised."""
    begin, end = stretch(walk, f"signal {signal}: ")

    for channel, line in PINS.items():
        runs = walk.runs(line, begin, end)
        rhythm = SIGNALS[signal].get(channel, ((0, 60.0),))
        assert follows(runs, rhythm), (channel, runs)
        assert len(runs) > 2 * (len(rhythm) > 1), (channel, runs)


def test_nothing_on_the_lines_flashes_faster_than_three_times_a_second(walk: Recording) -> None:
    """From the first moment to the last no line lights up more than three times in a second."""
    begin, end = walk.changes[0][0], walk.changes[-1][0]
    for line in LINES:
        column = LINES.index(line)
        edges = [
            moment
            for (_, before), (moment, after) in pairwise(walk.changes)
            if after[column] > before[column]
        ]
        assert all(sum(at <= edge < at + 1 for edge in edges) <= 3 for at in edges), line
    assert end - begin > PAUSE * (len(PINS) + len(SIGNALS))


def test_the_walk_leaves_every_line_low(walk: Recording) -> None:
    """When the test of the wiring is over, the lamp is dark, and nobody was told of trouble."""
    assert walk.status == 0
    assert walk.changes[-1][1] == (0,) * len(LINES)
    assert walk.said[-1][1] == "lamp: 15 steps walked, without questions"


HOLDER = (
    "import lgpio, time; chip = lgpio.gpiochip_open(0); "
    "lgpio.gpio_claim_output(chip, 27, 1); time.sleep(600)"
)


def test_a_pin_that_another_program_holds_is_named_and_left_alone(
    vm: Vm, server: FeedServer
) -> None:
    """Somebody else's program keeps its pin and its level; ours says which pin, and stops."""
    file = vm.write("busy.toml", lamps(feed=server.url()))
    vm.sh(f"systemd-run -q --unit=holder -p WorkingDirectory={WORK} python3 -c '{HOLDER}'")
    try:
        until(lambda: vm.levels(AMBER) == {AMBER: 1}, lambda: "the other program does not start")

        checked = vm.sh(f"cd {WORK} && {PROGRAM} check --config {file}", status=1)
        started = vm.sh(f"cd {WORK} && {PROGRAM} run --config {file}", status=1)

        assert "driver 'gpio': GPIO27 is held by another program" in checked.stdout
        assert "driver 'gpio': GPIO27 is held by another program" in started.stderr
        assert "Traceback" not in checked.stderr + started.stderr
        assert vm.levels(RED, AMBER, GREEN) == {RED: 0, AMBER: 1, GREEN: 0}
    finally:
        vm.sh("systemctl stop holder")
    vm.sh(f"cd {WORK} && {PROGRAM} check --config {file}")


def test_pins_that_a_running_buildlight_holds_come_with_the_words_that_free_them(
    vm: Vm, server: FeedServer, run: Callable[..., Daemon]
) -> None:
    """A second start says which process has the pins, and what to type; typing it helps."""
    daemon = run(lamps(feed=server.url()))
    daemon.says("lamp: passing")

    test = f"cd {WORK} && {PROGRAM} test --yes --pause 0.1 --driver gpio --pins green=22"
    refused = vm.sh(test, status=1)

    advice = f"another `buildlight run` has it (pid {daemon.pid}); stop it with `kill {daemon.pid}`"
    assert advice in refused.stderr
    vm.sh(f"kill {daemon.pid}")
    assert daemon.status() == 0
    vm.sh(test)


def test_pins_that_the_service_holds_come_with_how_to_stop_the_service(
    vm: Vm, server: FeedServer, run: Callable[..., Daemon]
) -> None:
    """Where systemd keeps buildlight running, killing it would not help: the sentence knows."""
    daemon = run(lamps(feed=server.url()), unit="buildlight")
    daemon.says("lamp: passing")

    file = vm.write("second.toml", lamps(feed=server.url()))
    refused = vm.sh(f"cd {WORK} && {PROGRAM} check --config {file}", status=1)

    advice = f"the buildlight service has it (pid {daemon.pid}); stop it with `sudo systemctl stop"
    assert advice in refused.stdout
    assert vm.levels(GREEN) == {GREEN: 1}


def test_a_chip_that_goes_and_returns_shows_what_is_true_by_then(
    vm: Vm, server: FeedServer, run: Callable[..., Daemon]
) -> None:
    """Without its chip the daemon lives, polls and says so; the returned chip gets the news."""
    server.answer = Answer(BUILDING_FEED)
    daemon = run(lamps(feed=server.url()))
    daemon.says("lamp: passing-building")
    vm.sh("rig-gpio down")
    try:
        daemon.says("lamp: its light is lost: ")
        asked = len(server.requests)
        server.answer = Answer(BROKEN_FEED)
        daemon.says("lamp: broken (was passing-building): shop")
        until(lambda: len(server.requests) > asked + 1, daemon.said)
    finally:
        vm.sh("rig-gpio up")

    daemon.says("lamp: its light is back")

    until(lambda: vm.levels(RED, AMBER, GREEN) == {RED: 1, AMBER: 0, GREEN: 0}, daemon.said)
    assert daemon.alive()
    assert "Traceback" not in daemon.said()


NOBODY = "setpriv --reuid=nobody --regid=nogroup"


def test_a_user_without_the_groups_is_told_which_and_the_groups_help(
    vm: Vm, server: FeedServer, port: str
) -> None:
    """No permission for the chip or the port: each sentence names the group, and is right."""
    tower = '[[lamps]]\nname = "tower"\ndriver = "serial"\nprotocol = "adafruit-tower"\n'
    file = vm.write("nobody.toml", lamps(feed=server.url()) + f'{tower}port = "{port}"\n')
    vm.sh(f"install -d -o nobody {WORK}/nobody")
    check = f"{PROGRAM} check --config {file}"

    refused = vm.sh(f"cd {WORK}/nobody && {NOBODY} --clear-groups {check}", status=1)
    allowed = vm.sh(f"cd {WORK}/nobody && {NOBODY} --groups gpio,dialout {check}")

    assert "add the user to group gpio, then log in anew" in refused.stdout
    assert f"tower: driver 'serial': no permission for {port}" in refused.stdout
    assert "add the user to group dialout" in refused.stdout
    assert "group" not in allowed.stdout
