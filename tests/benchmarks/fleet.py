"""A fleet of 1,000 lamps at one mosquitto, which this starts: delivery, restart, cost.

Broker, poller and all lamps share this machine; real lamps have one each.
"""

import asyncio
import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import mean, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from buildlight.network.broker import Broker
from buildlight.publish.mqtt.documents import documents
from buildlight.publish.mqtt.publisher import MqttPublisher
from buildlight.publish.mqtt.settings import MqttSettings
from buildlight.report.report import Report
from processes import Process, folder, python
from support.mosquitto import Mosquitto, mosquitto
from support.reports import a_feed, a_report, an_update, broken, known
from table import Row

LAMPS = 1_000
HERDS = 4
"""Processes of lamps."""
CHANGES = 30
PROJECTS = 10
"""Projects whose document is 2 kB."""
BUSY = 2
"""Processes a core that compute, for the measurement on a busy machine."""
WATCHED = 60.0
"""Seconds for which two daemons are compared."""

FOLLOWER = """
[[feeds]]
kind = "mqtt"
address = "{address}"
topic = "buildlight/office/feed/web"
"""
POLLING = """
[[feeds]]
name = "web"
url = "{url}"
"""
LAMP = """
[[lamps]]
driver = "gpio"
pins = { red = 17, amber = 27, green = 22 }
"""
RUN = """
from buildlight.cli import main
main(["run", "--config", "buildlight.toml"])
"""


def rows() -> Iterator[Row]:
    """Yield the rows of the table."""
    yield from _delivery()
    yield from _delivery(busy=True)
    yield from _restart()
    yield _cost()
    yield from _beside()


def report(change: int, projects: int = PROJECTS) -> Report:
    """Return a report whose first project breaks with every other change."""
    first = (broken if change % 2 else known)("p0", last_build_label=str(change))
    return a_report(a_feed(first, *(known(f"p{number}") for number in range(1, projects))))


@contextmanager
def _broker() -> Iterator[Mosquitto]:
    with folder() as place, mosquitto(place) as running:
        yield running


def _publisher(broker: Mosquitto) -> MqttPublisher:
    publisher = MqttPublisher()
    publisher.open(MqttSettings(Broker("127.0.0.1", broker.port), "office"))
    return publisher


def _delivery(*, busy: bool = False) -> Iterator[Row]:
    with ExitStack() as stack:
        broker = stack.enter_context(_broker())
        herds = [_herd(stack, "listeners", broker, LAMPS // 2) for _ in range(2)]
        for herd in herds:
            herd.stdout.readline()
        for _ in range(BUSY * (os.cpu_count() or 1) if busy else 0):
            stack.enter_context(python("while True: pass"))
        assert broker.process is not None
        before = Process(broker.process.pid).cpu()
        told = asyncio.run(_tell(_publisher(broker)))
        spent = Process(broker.process.pid).cpu() - before
        heard: dict[int, list[float]] = defaultdict(list)
        for herd in herds:
            herd.stdin.write("\n")
            herd.stdin.flush()
            for revision, times in json.loads(herd.stdout.readline()).items():
                heard[int(revision)] += times
    _, *changes = (heard[revision] for revision in sorted(heard))
    waits = [(at - then) * 1000 for then, times in zip(told, changes, strict=True) for at in times]
    lasts = [(max(times) - then) * 1000 for then, times in zip(told, changes, strict=True)]
    lost = LAMPS * len(told) - len(waits)
    size = len(json.dumps(next(iter(documents(report(0)).values())), separators=(",", ":")))
    p99 = quantiles(lasts, n=100)[98]
    shown = f"mean {mean(lasts):.0f} ms; p99 of any lamp {quantiles(waits, n=100)[98]:.0f} ms"
    if busy:
        what = f"… while {BUSY * (os.cpu_count() or 1)} processes keep the cores busy"
        yield Row(what, f"{p99:.0f} ms", "", met=True, shown=shown)
        return
    yield Row(
        f"{LAMPS:,} lamps on one topic, {size / 1000:.1f} kB: publish to the last lamp, p99",
        f"{p99:.0f} ms",
        "≤ 200 ms",
        met=p99 <= 200,
        shown=f"{shown}; {_load()}",
    )
    yield Row("… messages lost", str(lost), "0", met=lost == 0)
    yield Row("… CPU of the broker a change", f"{spent / len(told) * 1000:.0f} ms", "", met=True)


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"


async def _tell(publisher: MqttPublisher) -> list[float]:
    """Publish one change after the other; return when each was told."""
    told: list[float] = []
    publisher.publish(an_update(report(0)))
    running = asyncio.create_task(publisher.run())
    await asyncio.sleep(2.0)
    for change in range(1, CHANGES + 1):
        told.append(time.monotonic())
        publisher.publish(an_update(report(change)))
        await asyncio.sleep(1.0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return told


def _restart() -> Iterator[Row]:
    with ExitStack() as stack:
        broker = stack.enter_context(_broker())
        herds = [_herd(stack, "followers", broker, LAMPS // HERDS) for _ in range(HERDS)]
        started, connected, green = asyncio.run(_storm(broker, herds))
    connects = sorted(at - started for at in connected)
    greens = sorted(at - started for at in green)
    herd = max(_most_within(connects, seconds=0.1), 0)
    yield Row(
        f"{LAMPS:,} followers after a restart of the broker: the last is connected",
        f"{connects[-1]:.1f} s",
        "≤ 5 s",
        met=connects[-1] <= 5,
        shown=f"median {connects[len(connects) // 2]:.1f} s; {_load()}",
    )
    yield Row(
        "… most that connected within a tenth of a second",
        str(herd),
        "≤ 250",
        met=herd <= 250,
    )
    yield Row("… the last is confirmed", f"{greens[-1]:.1f} s", "", met=True)


def _most_within(times: list[float], *, seconds: float) -> int:
    return max(sum(start <= at < start + seconds for at in times) for start in times)


async def _storm(broker: Mosquitto, herds: list[Any]) -> tuple[float, list[float], list[float]]:
    publisher = _publisher(broker)
    publisher.publish(an_update(report(0)))
    running = asyncio.create_task(publisher.run())
    for herd in herds:
        await asyncio.to_thread(herd.stdout.readline)
    broker.kill()
    await asyncio.to_thread(broker.start)
    started = time.monotonic()
    told = [json.loads(await asyncio.to_thread(herd.stdout.readline)) for herd in herds]
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return (
        started,
        [at for each in told for at in each["connected"]],
        [at for each in told for at in each["green"]],
    )


def _herd(stack: ExitStack, kind: str, broker: Mosquitto, count: int) -> Any:
    return stack.enter_context(python("fleet_lamps.py", kind, str(broker.port), str(count)))


def _cost() -> Row:
    """Return what publishing costs, at one change a second, beside making the same reports."""
    with _broker() as broker:
        spent = [asyncio.run(_seconds(each)) for each in (MqttPublisher(), _publisher(broker))]
    share = (spent[1] - spent[0]) / CHANGES * 100
    return Row(
        "publishing one change a second, 50 projects: share of a core",
        f"{share:.2f} %",
        "≤ 1 %",
        met=share <= 1,
        shown=f"{share * 10:.1f} ms of CPU a change",
    )


async def _seconds(publisher: MqttPublisher) -> float:
    """Return the seconds of CPU that *publisher* takes for its changes."""
    running = asyncio.create_task(publisher.run())
    await asyncio.sleep(1.0)
    before = time.process_time()
    for change in range(CHANGES):
        publisher.publish(an_update(report(change, 50)))
        await asyncio.sleep(1.0)
    spent = time.process_time() - before
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return spent


def _beside() -> Iterator[Row]:
    """Yield what a follower costs beside a lamp that polls the same 50 projects."""
    with ExitStack() as stack:
        broker = stack.enter_context(_broker())
        server = stack.enter_context(python("server.py", "--projects", "50"))
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}/0"
        mqtt = f'[mqtt]\naddress = "{broker.address}"\nname = "office"\n'
        poller = _daemon(stack, POLLING.format(url=url) + LAMP + mqtt)
        follower = _daemon(stack, FOLLOWER.format(address=broker.address) + LAMP)
        lamp = _daemon(stack, POLLING.format(url=url) + LAMP)
        time.sleep(10)
        before = [each.cpu() for each in (follower, lamp, poller)]
        time.sleep(WATCHED)
        spent = [
            (each.cpu() - cpu) / WATCHED * 100
            for each, cpu in zip((follower, lamp, poller), before, strict=True)
        ]
        sizes = [each.resident() for each in (follower, lamp, poller)]
    yield Row(
        "a follower beside a lamp that polls every 30 s: memory",
        f"{sizes[0] - sizes[1]:+.1f} MB",
        "≤ 0 MB",
        met=sizes[0] <= sizes[1],
        shown=f"{sizes[0]:.1f} MB; polling: {sizes[1]:.1f} MB; a poller that publishes: "
        f"{sizes[2]:.1f} MB",
    )
    yield Row(
        "… share of a core",
        f"{spent[0]:.2f} %",
        f"≤ {spent[1]:.2f} %, that of the other",
        met=spent[0] <= spent[1],
        shown=f"a poller that publishes: {spent[2]:.2f} %",
    )


def _daemon(stack: ExitStack, document: str) -> Process:
    place = stack.enter_context(folder())
    (place / "buildlight.toml").write_text(document)
    return Process(stack.enter_context(python(RUN, cwd=place)).pid)
