"""A machine that sleeps: its news is as old when it wakes as any other."""

from collections.abc import Callable
from pathlib import Path

from buildlight.daemon.loop import seconds_since_boot
from support.listener import listening
from support.running import GREEN, STALE, Daemon, Tower, configuration, until
from support.servers import HANGS, FeedServer

SLEEP = """
import time
from pathlib import Path
slept, boot_time = Path(__file__).with_name("slept"), time.clock_gettime
def clock_gettime(clock):
    lying = clock == time.CLOCK_BOOTTIME and slept.exists()
    return boot_time(clock) + (float(slept.read_text() or 0) if lying else 0)
time.clock_gettime = clock_gettime
"""
"""Replaces the one clock that goes on during a sleep."""


def test_what_was_green_yesterday_is_stale_on_waking(
    run: Callable[..., Daemon], tower: Tower, tmp_path: Path
) -> None:
    """The server does not answer then. No poller is late because the machine has slept."""
    (tmp_path / "sitecustomize.py").write_text(SLEEP)
    with FeedServer() as server, listening() as systemd:
        asked = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "1000000"}
        text = configuration(server.url(), port=tower.port, interval=30)
        daemon = run(text, PYTHONPATH=str(tmp_path), **asked)
        until(lambda: tower.told.endswith(GREEN), daemon)
        server.answer = HANGS
        told = len(tower.told)

        (tmp_path / "slept").write_text("28800")
        until(lambda: STALE in tower.told[told:], daemon)
        systemd.hear()
        systemd.wait_for("WATCHDOG=1")

        assert daemon.stop() == 0
    assert "withheld" not in daemon.said()


def test_the_seconds_since_boot_go_on() -> None:
    """They are those of /proc/uptime, which counts sleep, too."""
    before = float(Path("/proc/uptime").read_text().split()[0])

    assert before - 0.01 <= seconds_since_boot()
    assert seconds_since_boot() <= float(Path("/proc/uptime").read_text().split()[0]) + 0.01
