"""The USB light, on a real /dev/ttyUSB0 that is unplugged and whose bytes are read from outside."""

from collections.abc import Callable
from functools import partial

from support.servers import BROKEN_FEED, FEED, Answer, FeedServer
from vm.machine import PROGRAM, WORK, Daemon, Vm, until

DARK = bytes.fromhex("21 22 24 28")
RED = bytes.fromhex("11 22 24 28")
AMBER = bytes.fromhex("21 12 24 28")
GREEN = bytes.fromhex("21 22 14 28")
BUZZER = bytes.fromhex("21 22 24 18")
RED_AMBER = bytes.fromhex("11 12 24 28")

BLINKING = 'patterns = { passing = "green blink", broken = "red blink" }\n'

TIMES = 20
RETURNS = 5.0
"""Seconds within which a light is used again: two on a real machine, and this one is slow."""


def tower(*, feed: str, port: str) -> str:
    """Return a configuration with a tower for the feed at the address *feed*."""
    return (
        f'interval = 0.5\nbuilding_interval = 0.5\n[[feeds]]\nname = "web"\nurl = "{feed}"\n'
        f'[[lamps]]\nname = "tower"\ndriver = "serial"\nprotocol = "adafruit-tower"\n'
        f'port = "{port}"\n'
    )


def frames(told: bytes) -> list[bytes]:
    """Return the states that the tower was told, each of four bytes, without repetitions."""
    assert len(told) % 4 == 0, told.hex(" ")
    each = [told[at : at + 4] for at in range(0, len(told), 4)]
    return [frame for at, frame in enumerate(each) if at == 0 or each[at - 1] != frame]


def hears(vm: Vm, frame: bytes) -> bool:
    """Return whether the tower was told *frame*, since what it was told was last forgotten."""
    return frame in vm.told()


def test_the_walk_tells_the_tower_every_channel_and_every_signal(vm: Vm, port: str) -> None:
    """`buildlight test` sends each lamp of the tower on and off, by Adafruit's bytes."""
    options = f"--driver serial --protocol adafruit-tower --port {port} --yes --pause 1.3"

    walked = vm.sh(f"cd {WORK} && {PROGRAM} test {options}")

    assert "lamp: 13 steps walked, without questions" in walked.stdout
    told = frames(vm.told())
    lit = [frame for frame in told if frame != DARK]
    assert lit[:5] == [RED, AMBER, GREEN, BUZZER, RED]
    assert {*lit} == {RED, AMBER, GREEN, BUZZER, RED_AMBER}
    assert told[-1] == DARK


def test_a_light_unplugged_twenty_times_is_told_the_news_and_nothing_leaks(
    vm: Vm, server: FeedServer, port: str, run: Callable[..., Daemon]
) -> None:
    """Pulled out while it blinks, each time the builds change meanwhile: the light that returns
    hears of nothing but the news, and the daemon holds no more than before.
    """
    daemon = run(tower(feed=server.url(), port=port) + BLINKING)
    until(lambda: vm.told().endswith(GREEN), daemon.said)
    held = daemon.holds()
    times = []

    for number in range(1, TIMES + 1):
        vm.unplug()
        news, colour = ((BROKEN_FEED, RED), (FEED, GREEN))[number % 2 == 0]
        server.answer = Answer(news)
        daemon.says("tower: its light is lost", times=1)  # Two lines an hour, and no more.
        daemon.says("(was ", times=number + 1)
        vm.forget()
        vm.plug()

        times.append(until(partial(hears, vm, colour), daemon.said))

        until(partial(hears, vm, DARK), daemon.said)
        assert {*frames(vm.told())} == {colour, DARK}
        daemon.says("tower: its light is back", times=1)

    assert max(times) < RETURNS, times
    assert daemon.alive()
    until(lambda: daemon.holds() == held, lambda: str(daemon.holds()))  # No file half written.
    assert "Traceback" not in daemon.said()


def test_a_light_that_lost_its_power_for_a_moment_shows_a_steady_state_again(
    vm: Vm, server: FeedServer, port: str, run: Callable[..., Daemon]
) -> None:
    """Nothing moves and nothing is new, so nothing has to be sent: the light is missed anyway."""
    daemon = run(tower(feed=server.url(), port=port))
    until(lambda: vm.told().endswith(GREEN), daemon.said)

    vm.unplug()
    vm.forget()
    vm.plug()

    seconds = until(lambda: vm.told().endswith(GREEN), daemon.said)
    assert seconds < RETURNS
    assert daemon.alive()


def test_a_light_plugged_in_after_the_start_is_waited_for(
    vm: Vm, server: FeedServer, port: str, run: Callable[..., Daemon]
) -> None:
    """The daemon starts without its light, says so, and tells it the state when it is there."""
    vm.unplug()
    daemon = run(tower(feed=server.url(), port=port))
    daemon.says("tower: passing")
    assert f"tower: its light is waiting: no port {port}" in daemon.said()
    vm.forget()

    vm.plug()

    until(lambda: vm.told().endswith(GREEN), daemon.said)
    assert frames(vm.told())[-1] == GREEN
