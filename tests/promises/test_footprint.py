"""What the program costs, in counts: modules, wake-ups, allocations, requests. Never the clock.

How long things take is measured in ``tests/benchmarks``.
"""

import asyncio
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import httpx
import pytest

from buildlight.feeds.cctray import CCTrayFeed, CCTrayOptions
from buildlight.feeds.http.client import HttpClient
from buildlight.feeds.sources import read
from buildlight.network import tls
from buildlight.report.update import HEARTBEAT
from support.examples import a_project
from support.servers import FEED, FeedServer
from support.world import Server, World

PATIENCE = 50.0
HOUR = 3_600.0
GOOD = a_project(last_build_status="Success", last_build_label="1")

CONFIGURATION = """
interval = 0.1
[[feeds]]
url = "{url}"
[[lamps]]
driver = "gpio"
pins = {{ red = 17, amber = 27, green = 22 }}
"""

RUN = """
import json, sys
from buildlight.cli import main
main(["run", "--config", "buildlight.toml"])
json.dump(sorted(sys.modules), sys.stdout)
"""

AT_FIRST_FRAME = """
import json, os, sys
from buildlight.drivers.gpio.light import GpioLight
def show(self, frame):
    json.dump(sorted(sys.modules), sys.stdout)
    sys.stdout.flush()
    os._exit(0)
GpioLight.show = show
from buildlight.cli import main
main(["run", "--config", "buildlight.toml"])
"""


GARBAGE_AT_FIRST_FRAME = """
import gc, json, os, sys
from buildlight import cli
from buildlight.cli import run
looks = []
gc.callbacks.append(lambda phase, told: looks.append(told["generation"]) if phase == "stop" else 0)
run_with_log_thread = run.run_with_log_thread
def show(self, frame):
    json.dump([gc.isenabled(), gc.get_freeze_count(), looks.count(2)], sys.stdout)
    sys.stdout.flush()
    os._exit(0)
def watched(daemon):
    from buildlight.drivers.gpio.light import GpioLight
    GpioLight.show = show
    return run_with_log_thread(daemon)
run.run_with_log_thread = watched
cli.main(["run", "--config", "buildlight.toml"])
"""


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A CI server on this machine."""
    with FeedServer() as running:
        yield running


def a_daemon(folder: Path, script: str, url: str) -> subprocess.Popen[str]:
    """Start *script* in *folder* with mock pins and one feed."""
    (folder / "buildlight.toml").write_text(CONFIGURATION.format(url=url))
    places = dict.fromkeys(("XDG_RUNTIME_DIR", "XDG_STATE_HOME", "STATE_DIRECTORY"), str(folder))
    return subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, **places, "GPIOZERO_PIN_FACTORY": "mock"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


async def _asked(server: FeedServer, times: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while len(server.requests) < times:  # noqa: ASYNC110 - threads set no asyncio.Event
            await asyncio.sleep(0.02)


def modules(daemon: subprocess.Popen[str]) -> frozenset[str]:
    """Return what the daemon had imported when it ended."""
    told, _ = daemon.communicate(timeout=PATIENCE)
    return frozenset(json.loads(told))


def foreign(imported: frozenset[str]) -> set[str]:
    """Return the packages of *imported* that belong neither to Python nor to us."""
    packages = {name.partition(".")[0] for name in imported}
    ours = {"__main__", "buildlight", "sitecustomize", "usercustomize", "_distutils_hack"}
    return {
        name
        for name in packages - ours - sys.stdlib_module_names
        if not name.startswith(("_sysconfigdata", "_editable", "__editable"))
    }


# Modules.


def test_the_version_needs_little_but_what_reads_arguments() -> None:
    """`buildlight --version` on a Pi Zero: what argparse imports, and three small modules."""
    script = (
        "import sys, argparse, shutil, locale\n"  # The last two are what argparse imports late.
        "before = {*sys.modules}\n"
        "from buildlight.cli import main\n"
        "try: main(['--version'])\n"
        "except SystemExit: print(*sorted({*sys.modules} - before))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True
    ).stdout.splitlines()

    assert told[0].startswith("buildlight ")
    assert {*told[1].split()} <= {
        *("buildlight", "buildlight.cli.arguments", "buildlight.cli", "buildlight.errors"),
        *("buildlight.cli.arguments.editing", "buildlight.cli.arguments.options"),
        *("buildlight.cli.arguments.setup", "buildlight.cli.arguments.values"),
        *("collections.abc", "errno", "textwrap"),
    }


def test_a_running_daemon_has_imported_what_its_configuration_needs(
    server: FeedServer, tmp_path: Path
) -> None:
    """One feed over http and pins: no serial ports, no other lights, no other command."""
    daemon = a_daemon(tmp_path, RUN, server.url())
    asyncio.run(_asked(server, 3))
    daemon.terminate()

    imported = modules(daemon)

    needless = {name for name in imported if name.startswith((*NOT_NEEDED,))}
    assert {name for name in needless if not name.startswith("buildlight.cli.arguments")} == {
        "buildlight.cli.run"
    }
    assert foreign(imported) <= {
        *("httpx", "httpcore", "h11", "anyio", "idna", "certifi"),  # to ask a server
        *("pydantic", "pydantic_core", "annotated_types", "pydantic_settings", "dotenv"),
        *("typing_extensions", "typing_inspection"),  # pydantic's
        *("defusedxml", "gpiozero", "colorzero"),
    }


NOT_NEEDED = {
    *("buildlight.__main__", "buildlight.cli.", "buildlight.service", "buildlight.feeds.discovery"),
    *("buildlight.drivers.conformance", "buildlight.drivers.console", "buildlight.drivers.hid"),
    *("buildlight.drivers.inventory", "buildlight.drivers.serial", "buildlight.drivers.sysfs"),
    *("buildlight.drivers.wled", "buildlight.publish.web.html", "buildlight.publish.web.routes"),
}
"""What a daemon with one feed, one lamp on pins and no page must not import."""


def test_the_first_frame_comes_before_what_asks_and_reads_servers(
    server: FeedServer, tmp_path: Path
) -> None:
    """A lamp says that nobody knows anything yet, while a Pi Zero still imports for seconds."""
    imported = modules(a_daemon(tmp_path, AT_FIRST_FRAME, server.url()))

    assert "buildlight.lamps.lamp" in imported
    assert foreign(imported) & {"httpx", "httpcore", "anyio", "certifi", "defusedxml"} == set()
    assert not server.requests


def test_no_garbage_is_looked_for_in_what_was_imported(server: FeedServer, tmp_path: Path) -> None:
    """A Pi Zero shows its first frame sooner, and no long look later makes its lamp stutter."""
    daemon = a_daemon(tmp_path, GARBAGE_AT_FIRST_FRAME, server.url())

    told, _ = daemon.communicate(timeout=PATIENCE)

    collects, left_alone, whole_looks = json.loads(told)
    assert collects
    assert left_alone > 20_000
    assert whole_looks == 0


def test_a_feed_over_http_needs_no_store_of_certificates(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read the store costs a Pi Zero most of a second, and a megabyte of its memory."""

    def dear(_tls: tls.Tls) -> None:
        raise AssertionError("the store was read")

    monkeypatch.setattr(tls.Tls, "context", dear)

    async def polled() -> object:
        options = CCTrayOptions(url=server.url())
        return await read(CCTrayFeed(options, HttpClient()), options)

    outcome = asyncio.run(polled())

    assert isinstance(outcome, tuple)
    assert [project.name for project in outcome] == ["shop"]


# Wake-ups and requests.


def moments(world: World, *, hours: int) -> tuple[int, int]:
    """Run *world* that long; return how often its loop woke up, and its servers were asked."""
    woken: list[float] = []

    async def story(world: World) -> None:
        await world.wait(600)  # The start, and the first three polls of each feed.
        loop = asyncio.get_running_loop()
        once = loop._run_once  # type: ignore[attr-defined]

        def noted() -> None:
            once()
            woken.append(loop.time())

        loop._run_once = noted  # type: ignore[attr-defined]
        for server in world.servers.values():
            server.asked.clear()
        await world.wait(hours * HOUR)
        loop._run_once = once  # type: ignore[attr-defined]

    world.run(story)
    asked = [at for server in world.servers.values() for at in server.asked]
    return distinct(woken), distinct(asked)


def distinct(times: Iterable[float]) -> int:
    """Return how many moments there are in *times*, a hundredth of a second apart or more."""
    moments: list[float] = []
    for at in sorted(times):
        if not moments or at - moments[-1] > 0.01:
            moments.append(at)
    return len(moments)


def test_a_still_lamp_is_woken_by_polls_and_heartbeats_alone() -> None:
    """Five feeds at 30 seconds: nothing else of an idle daemon runs between polls."""
    one, two, three, four, five = (Server(GOOD) for _ in range(5))

    woken, asked = moments(World(one=one, two=two, three=three, four=four, five=five), hours=1)

    assert 580 <= asked <= 5 * 3_600 / 27
    assert woken <= asked + HOUR / HEARTBEAT + 2  # The beginning and the end of the hour.


def test_a_blinking_lamp_is_woken_by_its_edges_and_few_looks_besides() -> None:
    """A look now and then whether its light has hung; who blinks steadily shows nothing untrue."""
    edges = 2 * 2 * HOUR / 2  # On and off, twice in two seconds.

    ci = Server()
    ci.answer = 503

    woken, asked = moments(World(ci=ci), hours=1)

    assert edges - 4 <= woken <= edges + asked + HOUR / 60 + 2


def test_requests_are_those_of_the_intervals() -> None:
    """30 seconds apart while nothing builds, less a jitter of 5 % on average; 5 while it does."""
    quiet, busy = Server(GOOD), Server(a_project(activity="Building", last_build_status="Success"))

    moments(World(quiet=quiet, busy=busy), hours=2)

    assert 240 <= len(quiet.asked) <= 240 * 1.1
    assert len(busy.asked) == pytest.approx(1_440, abs=2)


# Allocations.


@pytest.mark.slow
def test_a_poll_that_changed_nothing_leaves_nothing_behind() -> None:
    """A Pi that polls for years has as much memory left as on its first day."""
    unchanged = httpx.Headers({"ETag": '"1"', "Content-Type": "application/xml"})

    def answer(request: httpx.Request) -> httpx.Response:
        if "If-None-Match" in request.headers:
            return httpx.Response(304, headers=unchanged)
        return httpx.Response(200, headers=unchanged, stream=httpx.ByteStream(FEED))

    async def polled() -> tuple[int, int]:
        client = HttpClient(transport=httpx.MockTransport(answer))
        feed = CCTrayFeed(CCTrayOptions(url="http://ci.example/cc.xml"), client)
        first = await feed.read()
        for _ in range(500):
            assert await feed.read() is first
            await asyncio.sleep(0)
        tracemalloc.start()
        try:
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()
            for _ in range(POLLS):
                assert await feed.read() is first
                await asyncio.sleep(0)  # Now asyncio forgets timers that were cancelled.
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return before, after

    before, after = asyncio.run(polled())

    # What is left is asyncio's: up to a hundred timers that were cancelled.
    assert after - before < 8 * POLLS


POLLS = 4_000


def test_identical_bytes_are_held_once_while_they_are_looked_at() -> None:
    """What a poll costs that brings the same again is mostly the copies of it."""
    document = FEED + bytes(2**20).replace(b"\0", b" ")
    stream = httpx.ByteStream(document)

    async def polled() -> int:
        client = HttpClient(
            transport=httpx.MockTransport(lambda _: httpx.Response(200, stream=stream))
        )
        feed = CCTrayFeed(CCTrayOptions(url="http://ci.example/cc.xml"), client)
        first = await feed.read()
        tracemalloc.start()
        try:
            assert await feed.read() is first
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        return peak

    assert asyncio.run(polled()) < 1.5 * len(document)
