"""A week on the shelf: builds, outages, reloads and office hours, and nothing that grows."""

import asyncio
import gc
import logging
import os
import random
import re
import sys
import threading
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from buildlight.daemon.state_file import StateFile
from buildlight.projects.signal import RANKS
from buildlight.system.sd_notify import Systemd
from support.examples import a_project
from support.world import Document, Server, World

HOUR, DAY = 3600.0, 86_400.0
DAYS = 7
SEED = 20261120
STEADY = {
    **dict.fromkeys(("broken", "broken-building"), "red"),
    **dict.fromkeys(("broken-stale", "broken-building-stale"), "red, amber"),
    **dict.fromkeys(("passing", "passing-building"), "green"),
    **dict.fromkeys(("stale", "none", "none-building"), "amber"),
}
"""What does not move: a lamp that breathes for a week would cost real hours."""
OTHERS = {"red": 5, "amber": 12, "green": 6}
HOURS = {"days": "mon-fri", "open": "08:00", "close": "19:00", "zone": "UTC"}
PROJECTS = ("shop-api", "shop-web", "till", "stock")
SLACK = 2500
"""Blocks by which two moments may differ; one left behind by each poll would be twice as many."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of what must not grow.

    *blocks* is memory as Python gives it out: one for each small object. It is counted for
    nothing, where tracing each of them would take a week minutes.
    """

    tasks: int
    threads: int
    descriptors: int
    timers: int
    blocks: int


class Office:
    """Two teams who build, break and mend, servers that fall silent, a file that is edited."""

    def __init__(self) -> None:
        self.dice = random.Random(SEED)
        self.servers = {"shop": Server(), "tills": Server()}
        self.labels: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        for name in self.servers:
            self.build(name)

    def build(self, server: str) -> None:
        """Have every project of *server* say how it is now."""
        words = {"Success": 8, "Failure": 1, "Unknown": 1}
        activities = {"Sleeping": 5, "Building": 1}
        answer = []
        for name in PROJECTS:
            self.labels[name] += self.dice.random() < 0.5
            answer.append(
                a_project(
                    name,
                    activity=self.dice.choices([*activities], [*activities.values()])[0],
                    last_build_status=self.dice.choices([*words], [*words.values()])[0],
                    last_build_label=str(self.labels[name]),
                )
            )
        self.servers[server].answer = answer
        self.happened["builds"] += 1

    def fail(self, server: str) -> None:
        """Have *server* be in trouble of some kind, until it builds again."""
        troubles = (503, 401, b"<html>log in</html>", httpx.ConnectError("no"), None)
        self.servers[server].answer = self.dice.choice(troubles)
        self.happened["outages"] += 1

    def edit(self, world: World) -> None:
        """Change the file, sometimes with a mistake, and reload."""
        first, second = world.document["feeds"]
        one, *_ = world.document["lamps"]
        documents: tuple[Document, ...] = (
            world.document,
            {**world.document, "feeds": [second, first]},
            {**world.document, "feeds": [{**first, "exclude": ["stock"]}, second]},
            {**world.document, "lamps": [one]},
            {"feeds": [first], "lamps": [one]},
            {**world.document, "interval": -1},
        )
        world.reload(self.dice.choice(documents))
        self.happened["reloads"] += 1

    async def live(self, world: World, hours: int) -> None:
        """Let *hours* pass as they do in an office, and look at the lamp each time."""
        for _ in range(hours):
            for server in self.servers:
                self.dice.choices([self.build, self.fail], [9, 1])[0](server)
            if self.dice.random() < 0.1:
                self.edit(world)
            if self.dice.random() < 0.1:
                world.light.gone = True
                self.happened["plugs"] += 1
            await world.wait(60)
            world.light.gone = False
            await world.wait(HOUR - 60)

    def rest(self, world: World) -> None:
        """Let every day end alike: all servers answer, and the first configuration is at work."""
        for server in self.servers.values():
            server.answer = [a_project(name, last_build_status="Success") for name in PROJECTS]
        world.reload(world.document)


KNOWN = {
    "change": re.compile(r"(shelf|till): [a-z-]+( \(was [a-z-]+\))?: "),
    "day": re.compile(r"the last day: [0-9]+ polls, "),
    "feed": re.compile(r"(shop|tills): answers again"),
    "light": re.compile(r"(shelf|till): its light is back"),
    "reload": re.compile(r"configuration reloaded: "),
}
"""Everything that is told at INFO: what happened, and once a day that all is well."""


class Told(logging.Handler):
    """Counts what the log is told at INFO, and keeps what is of no known kind."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()
        self.other: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Count *record*."""
        if record.levelno != logging.INFO:
            return
        sentence = record.getMessage()
        kinds = [kind for kind, known in KNOWN.items() if known.match(sentence)]
        self.counted.update(kinds)
        if len(kinds) != 1:
            self.other.append(sentence)


def measured(world: World) -> Size:
    """Return how much there is, when everything that can end has ended."""
    world.status()
    for thread in threading.enumerate():
        if thread.name.endswith(".json"):
            thread.join(20.0)
    gc.collect()
    loop: Any = asyncio.get_running_loop()
    return Size(
        tasks=len(asyncio.all_tasks()),
        threads=threading.active_count(),
        descriptors=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - its own descriptor is gone
        timers=sum(not each.cancelled() for each in loop._scheduled),
        blocks=sys.getallocatedblocks(),
    )


def changed(world: World, *, first: bool) -> int:
    """Return how often a lamp said something else than before, or came; on the *first* day, all."""
    told = [
        {lamp.name: (RANKS[lamp.signal], lamp.blame) for lamp in report.lamps}
        for _, report in world.reports
    ]
    pairs = pairwise([{}, *told] if first else told)
    return sum(before.get(name) != now for before, after in pairs for name, now in after.items())


def forget(world: World) -> None:
    """Let go of what the test itself has gathered."""
    del world.recorder.updates[:-1]
    for light in world.lights.values():
        del light.shown[:-1]
    for server in world.servers.values():
        server.asked.clear()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_week_leaves_nothing_behind(tmp_path: Path) -> None:
    """After the seventh day there is no more of anything than after the second."""
    told = Told()
    log = logging.getLogger("buildlight")
    log.handlers, log.propagate = [told], False  # pytest keeps every record, which looks like ours.
    log.setLevel(logging.INFO)
    office = Office()
    sizes: list[Size] = []
    polls, changes = 0, 0
    state = StateFile(tmp_path / "state")
    lamps = (
        {"name": "shelf", "hours": HOURS, "patterns": STEADY},
        {
            "name": "till",
            "pins": {"red": 5, "amber": 12, "green": 6},
            "feeds": ["tills"],
            "patterns": STEADY,
        },
    )

    async def story(world: World) -> None:
        nonlocal polls, changes
        for _ in range(DAYS):
            await office.live(world, 23)
            office.rest(world)
            await world.wait(HOUR)
            polls += sum(len(each.asked) for each in world.servers.values())
            changes += changed(world, first=not sizes)
            forget(world)
            sizes.append(measured(world))

    given: dict[str, Any] = {**office.servers}
    World(
        lamp=lamps,
        top={"interval": 240.0, "building_interval": 120.0},
        state=state,
        systemd=Systemd(watchdog=60.0),
        folder=tmp_path / "run",
        **given,
    ).run(story)

    second, seventh = sizes[1], sizes[-1]
    assert (seventh.tasks, seventh.threads, seventh.descriptors) == (
        second.tasks,
        second.threads,
        second.descriptors,
    )
    assert seventh.timers - second.timers <= 2, "of which some are for the next poll but one"
    assert seventh.blocks - second.blocks < SLACK, sizes
    assert polls > 5000
    assert min(office.happened[what] for what in ("outages", "reloads", "plugs")) >= 10
    assert not told.other
    assert told.counted["day"] == DAYS
    assert told.counted["change"] == changes
