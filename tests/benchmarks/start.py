"""Start: from the start of the process to the first frame, and to the first answers; --version.

In seconds of CPU, against bare processes that import what cannot be done without. What is written
here as scripts is run by processes of their own, in turns.
"""

import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from processes import folder, interleaved, python, seconds_of
from table import Row, times

ROUNDS = 15

CONFIGURATION = """
[[feeds]]
url = "{url}"
[[lamps]]
driver = "gpio"
pins = {{ red = 17, amber = 27, green = 22 }}
"""

# All end as abruptly as the others: to take an interpreter apart costs a quarter of its start.
END = "; import os; os._exit(0)"
BARE = "import asyncio, pydantic, gpiozero"
MANDATORY = f"{BARE}, httpx, defusedxml.ElementTree, serial, rich.console, rich.live"

# Ends at the first frame that the light is shown. Nothing is imported earlier for it than without.
FIRST_FRAME = """
import os
from buildlight import cli
run = cli._run_aside
def watched(daemon):
    from buildlight.drivers.gpio.light import GpioLight
    GpioLight.show = lambda self, frame: os._exit(0)
    return run(daemon)
cli._run_aside = watched
cli.main(["run", "--config", "buildlight.toml"])
"""

# Ends when the daemon would tell systemd that it is ready: every light and every feed was tried.
READY = """
import os
from buildlight.system.sd_notify import Systemd
Systemd.ready = lambda self: os._exit(0)
from buildlight.cli import main
main(["run", "--config", "buildlight.toml"])
"""


def rows() -> Iterator[Row]:
    """Yield the rows of the table."""
    version = [str(Path(sys.executable).with_name("buildlight")), "--version"]
    test = [*version[:1], "test", "--yes", "--pause", "0.001"]
    with folder() as place, python("server.py", "--projects", "50") as server:
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/0"
        (place / "buildlight.toml").write_text(CONFIGURATION.format(url=url))
        seconds = partial(_seconds, place)
        argparse, ours, bare, frame, mandatory, ready, walk = interleaved(
            ROUNDS,
            seconds("import argparse"),
            lambda: seconds_of(version),
            seconds(BARE + END),
            seconds(FIRST_FRAME),
            seconds(MANDATORY + END),
            seconds(READY),
            lambda: seconds_of([*test, "--config", str(place / "buildlight.toml")]),
        )
    yield _row("first frame, against importing asyncio, pydantic, gpiozero", frame, bare)
    yield _row(
        "ready, first feeds read, against importing the mandatory packages", ready, mandatory
    )
    yield _row("`buildlight --version`, against `import argparse`", ours, argparse, goal=1.5)
    yield Row(
        "`buildlight test --yes`, without its pauses",
        times(walk / bare),
        "",
        met=True,
        shown=f"{1e3 * walk:.0f} ms",
    )


def _seconds(place: Path, script: str) -> partial[float]:
    return partial(seconds_of, [sys.executable, "-c", script], cwd=place)


def _row(what: str, measured: float, bare: float, *, goal: float = 1.3) -> Row:
    ratio = measured / bare
    shown = f"{1e3 * measured:.0f} ms of CPU; bare: {1e3 * bare:.0f} ms"
    return Row(what, times(ratio), f"≤ {goal} times", met=round(ratio, 2) <= goal, shown=shown)
