"""How the daemon ends: what the lines and the USB light are left with."""

from collections.abc import Callable

from support.servers import FeedServer
from vm.machine import Daemon, Vm, until
from vm.test_lines import AMBER, GREEN, RED, lamps
from vm.test_usb_light import DARK
from vm.test_usb_light import GREEN as TOWER_GREEN

ALL_LOW = {RED: 0, AMBER: 0, GREEN: 0}
ONLY_GREEN = {RED: 0, AMBER: 0, GREEN: 1}


def two_lamps(server: FeedServer, port: str) -> str:
    """Return a configuration with LEDs and a tower."""
    return lamps(feed=server.url()) + (
        f'[[lamps]]\nname = "tower"\ndriver = "serial"\nprotocol = "adafruit-tower"\n'
        f'port = "{port}"\n'
    )


def test_sigterm_leaves_the_lines_low_and_the_tower_told_to_be_dark(
    vm: Vm, server: FeedServer, port: str, run: Callable[..., Daemon]
) -> None:
    """Stopped as systemd stops it, buildlight leaves every light dark."""
    daemon = run(two_lamps(server, port))
    until(lambda: vm.told().endswith(TOWER_GREEN), daemon.said)
    until(lambda: vm.levels(RED, AMBER, GREEN) == ONLY_GREEN, daemon.said)

    daemon.kill(15)

    assert daemon.status() == 0
    assert vm.levels(RED, AMBER, GREEN) == ALL_LOW
    until(lambda: vm.told().endswith(DARK), daemon.said)
    assert "Traceback" not in daemon.said()


def test_kill_nine_leaves_the_tower_lit_and_the_next_start_takes_over(
    vm: Vm, server: FeedServer, port: str, run: Callable[..., Daemon]
) -> None:
    """Nobody can tell the tower; the lines fall because gpio-sim lets them fall, which a
    Raspberry Pi need not do (see test_raspberry_pi). The next start finds both lights free.
    """
    daemon = run(two_lamps(server, port))
    until(lambda: vm.told().endswith(TOWER_GREEN), daemon.said)
    until(lambda: vm.levels(RED, AMBER, GREEN) == ONLY_GREEN, daemon.said)
    vm.forget()

    daemon.kill(9)

    assert daemon.status() == 9
    assert vm.levels(RED, AMBER, GREEN) == ALL_LOW
    assert DARK not in vm.told()
    second = run(two_lamps(server, port))
    until(lambda: vm.levels(RED, AMBER, GREEN) == ONLY_GREEN, second.said)
    until(lambda: vm.told().endswith(TOWER_GREEN), second.said)
