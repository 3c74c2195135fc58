"""Scale: up to 1,000 feeds of 100 projects at 15 seconds, asked of a server on this machine.

A project breaks or is mended about once a second, whatever the number of feeds. 1,000 feeds are
measured twice, each time alone on the machine: the second time, every tenth hangs. Writes
``docs/scale.svg``: how CPU and memory grow with the number of feeds.
"""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean
from subprocess import Popen
from typing import Any

from plot import Line, plot
from processes import Process, folder, python
from table import Row, times

INTERVAL = 15
PROJECTS = 100
SETTLING = 35.0
MEASURING = 60.0
COUNTS = (1, 10, 100, 1_000)
PICTURE = Path(__file__).parents[2] / "docs" / "scale.svg"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run showed; *late* is the longest wait between two requests for one feed."""

    feeds: int
    share: float
    resident: float
    late: float
    reactions: Sequence[float]


def ask(server: "Popen[str]") -> Any:
    """Return what happened at the *server* since it was asked last."""
    assert server.stdin is not None
    assert server.stdout is not None
    server.stdin.write("\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


def run(feeds: int, *, hang: int = 0) -> Run:
    """Measure a daemon with so many *feeds*; of each *hang*, one never answers."""
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        options = ["--feeds", feeds, "--projects", PROJECTS, "--hang", hang, "--flips", 1.0]
        server = stack.enter_context(python("server.py", *map(str, options)))
        assert server.stdout is not None
        _configure(place, int(server.stdout.readline()), feeds)
        daemon = stack.enter_context(python("watched.py", cwd=place))
        process = Process(daemon.pid)
        time.sleep(SETTLING)
        ask(server)
        cpu = process.cpu()
        time.sleep(MEASURING)
        happened, used, resident = ask(server), process.cpu() - cpu, process.resident()
        time.sleep(INTERVAL + 2)  # What has just happened has to be seen, too.
        told, _ = daemon.communicate("\n", timeout=60)
    sound = [
        times
        for feed, times in happened["asked"].items()
        if not hang or int(feed) % hang != hang - 1
    ]
    return Run(
        feeds=feeds,
        share=used / MEASURING,
        resident=resident,
        late=max(after - before for times in sound for before, after in pairwise(times)),
        reactions=[*_reactions(happened["flips"], json.loads(told))],
    )


def _configure(place: Path, port: int, feeds: int) -> None:
    tables = [
        f'[[feeds]]\nname = "{number}"\nurl = "http://127.0.0.1:{port}/{number}"'
        for number in range(feeds)
    ]
    lamp = '[[lamps]]\ndriver = "gpio"\npins = { red = 17, amber = 27, green = 22 }'
    top = f"interval = {INTERVAL}\nbuilding_interval = {INTERVAL}"
    (place / "buildlight.toml").write_text("\n".join([top, *tables, lamp]))


def _reactions(
    flips: Sequence[tuple[int, float]], seen: Sequence[tuple[str, float]]
) -> Iterator[float]:
    """Yield how long each flip took to reach the lamp, of feeds that flipped just once."""
    for feed, at in flips:
        if sum(other == feed for other, _ in flips) == 1:
            known = [moment - at for name, moment in seen if int(name) == feed and moment >= at]
            yield min(known, default=float("inf"))


def rows() -> Iterator[Row]:
    """Yield the rows of the table."""
    *few, most = COUNTS
    with ThreadPoolExecutor() as pool:
        runs = [*pool.map(run, few)]
    sound, hanging = run(most), run(most, hang=10)
    runs.append(sound)
    PICTURE.write_text(
        plot(
            Line("CPU, % of a core", [(each.feeds, 100 * each.share) for each in runs]),
            Line("memory, MB", [(each.feeds, each.resident) for each in runs]),
        ),
        encoding="utf-8",
    )
    yield from _kept(f"{most:,} feeds of {PROJECTS} projects", sound)
    yield from _kept("… while every tenth hangs, the others", hanging)
    yield Row(
        "… share of a core, against none that hangs",
        times(hanging.share / sound.share),
        "",
        met=True,
        shown=f"{100 * hanging.share:.0f} % of a core; none hangs: {100 * sound.share:.0f} %",
    )
    kilobytes = 1024 * (sound.resident - runs[0].resident) / (sound.feeds - runs[0].feeds)
    yield Row(
        f"memory of a feed of {PROJECTS} projects",
        f"{kilobytes:.0f} kB",
        "",
        met=True,
        shown=f"{sound.resident:.0f} MB; one feed: {runs[0].resident:.0f} MB",
    )


def _kept(name: str, seen: Run) -> Iterator[Row]:
    """Yield whether every feed was asked in time, and every change was shown in time."""
    worst = max(seen.reactions)
    yield Row(
        f"{name}: longest time between two polls of a feed",
        f"{seen.late:.1f} s",
        f"≤ {INTERVAL + 1} s",
        met=seen.late <= INTERVAL + 1,
        shown=f"{100 * seen.share:.0f} % of a core, {seen.resident:.0f} MB",
    )
    yield Row(
        "… worst time from a build's end to the lamp",
        f"{worst:.1f} s",
        f"≤ {INTERVAL + 1} s",
        met=worst <= INTERVAL + 1,
        shown=f"mean {mean(seen.reactions):.1f} s of {len(seen.reactions)}",
    )


if __name__ == "__main__":
    sys.exit("run `python tests/benchmarks scale`")
