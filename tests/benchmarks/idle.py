"""Idle: CPU and wake-ups of a daemon with five feeds at 30 seconds and a blinking lamp.

Two daemons run side by side for two minutes: one as it is, and one whose feeds are asked once an
hour, so that every wake-up of it is one between polls. Both lamps blink. Beyond its edges, one look
a minute whether the light hangs is the daemon's own, and the rest is for the status file.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import next_change
from processes import Process, folder, python
from table import Row

SETTLING = 12.0
MINUTES = 2.0
FEEDS = 5
PATTERN = "amber blink"

CONFIGURATION = """
interval = {interval}
building_interval = {interval}
{feeds}
[[lamps]]
driver = "gpio"
pins = {{ red = 17, amber = 27, green = 22 }}
patterns = {{ passing = "{pattern}" }}
"""
DAEMON = """
from buildlight.cli import main
main(["run", "--config", "buildlight.toml"])
"""


def edges_a_minute() -> float:
    """Return how often the pattern changes in a minute."""
    pattern, at, edges = parse_pattern(PATTERN), 0.0, 0
    while at < 60.0:
        wait = next_change(pattern, at)
        assert wait is not None
        at += wait
        edges += 1
    return float(edges)


def configure(place: Path, port: int, *, interval: float) -> None:
    """Write the configuration of a daemon."""
    feeds = "\n".join(f'[[feeds]]\nurl = "http://127.0.0.1:{port}/{n}"' for n in range(FEEDS))
    place.mkdir()
    (place / "buildlight.toml").write_text(
        CONFIGURATION.format(interval=interval, feeds=feeds, pattern=PATTERN)
    )


def rows() -> Iterator[Row]:
    """Yield the rows of the table."""
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        server = stack.enter_context(python("server.py", "--projects", "50"))
        assert server.stdout is not None
        port = int(server.stdout.readline())
        daemons = []
        for interval in (30, 3600):
            where = place / str(interval)
            configure(where, port, interval=interval)
            daemons.append(Process(stack.enter_context(python(DAEMON, cwd=where)).pid))
        time.sleep(SETTLING)
        before = [(daemon.cpu(), daemon.wakeups()) for daemon in daemons]
        time.sleep(60 * MINUTES)
        after = [(daemon.cpu(), daemon.wakeups()) for daemon in daemons]
    (cpu, woken), (_, between) = (
        (new[0] - old[0], _woken(old[1], new[1])) for old, new in zip(before, after, strict=True)
    )
    edges = edges_a_minute()
    needless = between - edges
    share = cpu / (60 * MINUTES)
    yield Row(
        "wake-ups a minute between polls, beyond the blink's edges",
        f"{needless:.0f}",
        "0, and 2 to 8 for the status file and a look",
        met=needless <= 8,
        shown=f"{edges:.0f} edges",
    )
    yield Row("wake-ups a minute in all", f"{woken:.0f}", "", met=True, shown="10 polls a minute")
    yield Row(
        "share of a core",
        f"{100 * share:.2f} %",
        "< 0.2 %",
        met=share < 0.002,
        shown=f"{cpu / MINUTES:.2f} s of CPU a minute",
    )


def _woken(before: dict[str, int], after: dict[str, int]) -> float:
    """Return the wake-ups a minute of all threads."""
    return sum(count - before.get(thread, 0) for thread, count in after.items()) / MINUTES
