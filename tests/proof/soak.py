"""A soak: ``python tests/proof/soak.py --hours 24 --plot soak.svg``.

The daemon, as a process of its own, against servers and a light whose faults rotate, all of
those of the table; what hangs does so until a poll gives up. It has to be well in the end, and to
hold no more than after its warm-up.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from faults.fault_light import FaultLight, Mood
from faults.feed_faults import FAULTS
from faults.stage import Stage
from support.figures import note

HERE = Path(__file__).parent
ILL, WELL = 0.35, 0.15
"""Seconds for which a fault lasts, and for which all is well after it."""
DEADLINE, GIVEN_UP = 2.0, 2.5
"""Seconds that a poll may take, and for which a fault of time lasts."""
START = 10.0
"""Seconds that a daemon may take to be well."""
# What each may grow by between the two halves: at its highest, and at its lowest, which only what
# is never let go of can raise. Memory in MiB: documents of 16 MiB come and go. In two minutes that
# hides a leak of less than 12 kB a poll, in a day one of 15 bytes; test_footprint.py counts what
# polls leave behind.
SLACK: Mapping[str, tuple[float, float]] = {
    "memory": (64.0, 48.0),
    "threads": (3, 0),
    "descriptors": (6, 1),
    "tasks": (6, 1),
}
WIDTH, HEIGHT = 800, 120

Sample = Mapping[str, float]


def run(hours: float, plot: Path | None) -> int:
    """Soak for so many *hours*; return how many samples were taken."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        light = stack.enter_context(FaultLight(folder))
        stage = stack.enter_context(Stage(folder))
        (folder / "nameless").write_text("")
        (folder / "tables.json").write_text(json.dumps(tables(stage, light)))
        daemon = start(folder)
        try:
            faults, answers = rotate(stage, light, folder, until=time.monotonic() + hours * 3600)
            light.mood = Mood.WELL
            signals = settled(folder)
            # Before its end, in which it lets go of everything.
            samples = [json.loads(row) for row in (folder / "samples").read_text().splitlines()]
        finally:
            daemon.send_signal(signal.SIGTERM)
            status = daemon.wait(timeout=30)
    if plot is not None:
        plot.write_text(drawn(samples))
    print(f"{len(samples)} samples, {faults} faults, {answers} answers")
    for line in told(samples):
        print(line)
    assert signals == {"passing"}, f"not well in the end: {signals}"
    assert status == 0, f"ended with {status}"
    grown = [*growth(samples)]
    assert not grown, f"not flat: {grown}"
    return len(samples)


def tables(stage: Stage, light: FaultLight) -> dict[str, object]:
    """Return the configuration: the feeds of the stage, a light that fails, one that is drawn."""
    return {
        **stage.tables(),
        "lamps": [
            {"name": "light", "driver": "serial", "protocol": "jambel", "port": light.port},
            {"name": "drawn", "driver": "console"},
        ],
    }


def start(folder: Path) -> "subprocess.Popen[bytes]":
    """Start the daemon, with folders of its own."""
    places = {"XDG_RUNTIME_DIR": str(folder), "XDG_STATE_HOME": str(folder)}
    # What is freed goes back at once: the C library would keep the room of large documents.
    giving = {"MALLOC_MMAP_THRESHOLD_": "131072", "MALLOC_TRIM_THRESHOLD_": "131072"}
    environment = {**os.environ, **places, **giving, "NO_PROXY": "*", "no_proxy": "*"}
    return subprocess.Popen(
        [sys.executable, str(HERE / "soaked.py"), str(folder), str(DEADLINE)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def rotate(stage: Stage, light: FaultLight, folder: Path, *, until: float) -> tuple[int, int]:
    """Play one fault after the other; return how many, and how many requests were answered."""
    moods, answers = cycle(Mood), 0
    for number, fault in enumerate(cycle(FAULTS)):
        answers += forgotten(stage, light)
        if time.monotonic() >= until:
            return number, answers
        fault.begin(stage)
        (folder / "nameless").write_text(stage.nameless)
        if number % 7 == 0:
            light.unplug()
        time.sleep(GIVEN_UP if fault.deadline < DEADLINE else ILL)
        if number % 7 == 0:
            light.plug()
        light.mood = next(moods) if number % 5 == 0 else light.mood
        stage.recover(fault.feed)
        (folder / "nameless").write_text("")
        time.sleep(WELL)
    raise AssertionError


def settled(folder: Path) -> set[str]:
    """Return the signals of the lamps, and how their lights are if not ok, once all is well."""
    end, signals = time.monotonic() + START, {""}
    while signals != {"passing"} and time.monotonic() < end:
        time.sleep(0.2)
        report = json.loads((folder / "buildlight" / "status.json").read_text())
        signals = {shown(lamp) for lamp in report["lamps"]}
    return signals


def shown(lamp: Mapping[str, Any]) -> str:
    """Return what a lamp of the status file shows, or how its light is if that is not ok."""
    if lamp["light"] != "ok":
        return str(lamp["light"])
    return "stale" if lamp["signal"]["stale"] else str(lamp["signal"]["verdict"])


def forgotten(stage: Stage, light: FaultLight) -> int:
    """Forget what was asked and told, which a soak of days has no room for; return the requests."""
    light.lines.clear()
    answers = 0
    for server in stage.servers.values():
        answers += len(server.requests)
        server.requests.clear()
    return answers


def halves(samples: Sequence[Sample]) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """Return the samples of the warm-up, in which every fault was played, and the others."""
    return samples[: len(samples) // 2], samples[len(samples) // 2 :]


def growth(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield what is more in the second half than it was in the first, by more than its slack."""
    warm, later = halves(samples)
    for name, (peak, least) in SLACK.items():
        for what, allowed, of in (("peak", peak, max), ("least", least, min)):
            before, after = (of([each[name] for each in half]) for half in (warm, later))
            if after > before + allowed:
                yield f"{what} of {name}: {before:.1f}, then {after:.1f}"


def told(samples: Sequence[Sample]) -> Iterator[str]:
    """Yield a line for each of what was sampled."""
    for name in SLACK:
        parts = [[each[name] for each in half] for half in halves(samples)]
        figures = [f"{min(part):.1f} to {max(part):.1f}" for part in parts]
        yield f"{name}: {figures[0]}, then {figures[1]}"


def drawn(samples: Sequence[Sample]) -> str:
    """Return a picture of *samples*: a curve for each, on its own scale."""
    rows = []
    last = samples[-1]["seconds"]
    for row, name in enumerate(SLACK):
        least, most = (of(each[name] for each in samples) for of in (min, max))
        unit = " in MiB" if name == "memory" else ""
        points = " ".join(
            f"{each['seconds'] / last * WIDTH:.1f},"
            f"{(row + 1) * HEIGHT - each[name] / most * (HEIGHT - 30):.1f}"
            for each in samples
        )
        rows.append(
            f'<text x="4" y="{row * HEIGHT + 20}">{name}{unit}: {least:.0f} to {most:.0f}</text>'
            f'<polyline points="{points}" fill="none" stroke="#06c"/>'
        )
    height = len(rows) * HEIGHT + 24
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="13">{"".join(rows)}'
        f'<text x="4" y="{height - 6}">0 to {last / 3600:.2f} hours</text></svg>\n'
    )


def main() -> None:
    """Soak as it is asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--hours", type=float, default=1.0)
    options.add_argument("--plot", type=Path)
    chosen = options.parse_args()
    samples = run(chosen.hours, chosen.plot)
    note("soak", f"{samples}")


if __name__ == "__main__":
    main()
