"""What the monitor says of a feed: as much as a person wants to read, after the lamps know."""

import asyncio
import logging
from contextlib import suppress
from functools import partial
from typing import ClassVar

import looptime
import pytest

from buildlight.config.settings import check_settings
from buildlight.daemon.monitor import LONGEST_WORD, MOST_WORDS, Monitor
from buildlight.errors import FeedRefused
from buildlight.feeds.sources import Source
from buildlight.patterns.pattern import Channel
from buildlight.projects.project import Project
from buildlight.report.poll_stats import PollStats
from support.examples import NOON, a_project
from support.world import Server, World

INTERVAL = 30.0
GOOD = a_project(last_build_status="Success", last_build_label="1")
BAD = a_project(last_build_status="Failure", last_build_label="2")


def said(caplog: pytest.LogCaptureFixture, part: str) -> list[str]:
    """Return the lines of the monitor that hold *part*."""
    lines = [
        record.message for record in caplog.records if record.name == "buildlight.daemon.monitor"
    ]
    return [line for line in lines if part in line]


def test_lamps_are_told_before_the_log() -> None:
    """A log on a full disk or a slow terminal does not make the lamp late."""
    ci = Server(GOOD)
    world = World(ci=ci)
    lit_when_logged: list[frozenset[Channel]] = []

    class Watching(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if "does not know the word" in record.getMessage():
                lit_when_logged.append(world.lit)

    async def story(world: World) -> None:
        ci.answer = [BAD, a_project("till", last_build_status="Splendid")]
        await world.wait(INTERVAL)

    handler = Watching()
    logging.getLogger("buildlight.daemon.monitor").addHandler(handler)
    try:
        world.run(story)
    finally:
        logging.getLogger("buildlight.daemon.monitor").removeHandler(handler)

    assert lit_when_logged == [{Channel.RED}]


def test_a_server_full_of_odd_words_does_not_flood_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A hundred words are told, shortened; then it is said once that there are more."""
    ci = Server()

    async def story(world: World) -> None:
        for poll in range(3):
            ci.answer = [
                a_project(f"p{each}", last_build_status=f"{poll}-{each}-{'x' * 2_000}")
                for each in range(MOST_WORDS - 1)
            ] + [GOOD]
            await world.wait(2 * INTERVAL)

    ci.answer = [GOOD]
    World(ci=ci).run(story)

    words = said(caplog, "does not know the word")
    assert len(words) == MOST_WORDS
    assert max(map(len, words)) < LONGEST_WORD + 80
    assert len(said(caplog, "still more words")) == 1


def test_a_fault_that_differs_in_its_numbers_only_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A document that is cut short somewhere else every time is one fault."""
    ci = Server(GOOD)
    project = b'<Project name="a" activity="Sleeping" lastBuildStatus="Success"/>'

    async def story(world: World) -> None:
        for length in range(1, 6):
            ci.answer = b"<Projects>" + length * project
            await world.wait(5 * INTERVAL)
        ci.answer = b"<Build/>"
        await world.wait(5 * INTERVAL)

    World(ci=ci).run(story)

    assert len(said(caplog, "cut short")) == 1
    assert len(said(caplog, "the root is <Build>")) == 1


def test_all_feeds_together_hold_so_many_projects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty servers that grow at the same moment do not fill a Pi's memory."""
    monkeypatch.setattr("buildlight.daemon.monitor.MOST_PROJECTS", 3)
    ci, other = Server(GOOD), Server(GOOD)

    async def story(world: World) -> None:
        await world.wait(INTERVAL)
        other.answer = [a_project(name, last_build_status="Success") for name in "abc"]
        await world.wait(INTERVAL)

    world = World(ci=ci, other=other).run(story)

    fine, full = world.report.feeds
    assert fine.error is None
    assert full.error == "more than 3 projects in all feeds together; ask the server for a view"


def test_polls_that_tell_nothing_new_make_no_report() -> None:
    """A Pi Zero has better things to do than to find out again what it knows."""
    ci, other = Server(GOOD), Server(GOOD)

    async def story(world: World) -> None:
        await world.wait(3 * INTERVAL)
        asked = len(ci.asked)
        world.recorder.updates.clear()
        await world.wait(20 * INTERVAL)
        assert len(ci.asked) >= asked + 20
        assert all(update.heartbeat for update in world.recorder.updates)
        other.answer = [BAD]
        await world.wait(INTERVAL)
        assert world.signal == "broken"

    World(ci=ci, other=other).run(story)


def test_a_feed_that_answers_again_is_told_though_it_says_the_same() -> None:
    """What was stale is fresh again: that is news, even if not a byte has changed."""
    ci = Server(GOOD)

    async def story(world: World) -> None:
        await world.wait(5 * INTERVAL)
        ci.answer = 503
        await world.wait(10 * INTERVAL)
        assert world.signal == "stale"
        ci.answer = [GOOD]
        await world.wait(6 * INTERVAL)
        assert world.signal == "passing"

    World(ci=ci).run(story)


def run_monitor(source: Source, *, seconds: float) -> None:
    """Poll *source* for so many *seconds* of virtual time."""

    async def poll() -> None:
        wake = asyncio.Event()
        monitor = Monitor([source], clock=lambda: NOON, polls=PollStats(), wake=wake)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await monitor.run()

    with asyncio.Runner(loop_factory=partial(looptime.new_event_loop, start=0)) as runner:
        runner.run(poll())


def test_what_one_feed_says_to_two_tables_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Two tables may choose from one feed; its fault and its odd words are still one line each."""
    tables = [{"name": name, "url": "https://ci.example/cc.xml"} for name in ("web", "shop")]
    document = {"feeds": tables, "lamps": [{"driver": "console"}]}

    class Failing:
        answers: ClassVar[list[object]] = [(a_project(last_build_status="Odd"),), None]

        async def read(self) -> tuple[Project, ...]:
            answer = self.answers.pop(0) if self.answers else None
            if answer is None:
                raise FeedRefused("404 Not Found: check the address")
            return answer  # type: ignore[return-value]

        async def close(self) -> None:
            pass

    run_monitor(Source(Failing(), check_settings(document).feeds), seconds=100)

    assert [record.message for record in caplog.records if record.levelname == "WARNING"] == [
        "web, shop: does not know the word odd; add it to this feed's words",
        "web, shop: 404 Not Found: check the address",
    ]


def test_a_feed_in_two_tables_is_polled_as_often_as_the_shorter_interval_says() -> None:
    """A table with a long interval does not slow down the other."""
    tables = [
        {"name": name, "url": "https://ci.example/cc.xml", "interval": interval}
        for name, interval in (("slow", 300), ("fast", 10))
    ]
    feeds = check_settings({"feeds": tables, "lamps": [{"driver": "console"}]}).feeds
    asked: list[float] = []

    class Good:
        async def read(self) -> tuple[Project, ...]:
            asked.append(asyncio.get_running_loop().time())
            return (GOOD,)

        async def close(self) -> None:
            pass

    run_monitor(Source(Good(), feeds), seconds=100)

    assert len(asked) >= 10
    assert [feed.rules.max_age for feed in feeds] == [920, 50]
