"""Who has the page open is told what has changed, and that nothing has."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import looptime

from buildlight.publish.web.event_stream import ALIVE, EventStream
from buildlight.report.poll_stats import PollStats
from buildlight.report.report import Report
from support.examples import NOON
from support.reports import a_feed, a_report, broken, known, many

PASSING = a_report(a_feed(known("shop"), known("till")))
BROKEN = a_report(a_feed(known("shop"), broken("till")))
MORE_BROKEN = a_report(a_feed(broken("shop"), broken("till")))


def run(
    story: Callable[[EventStream], Awaitable[None]],
    report: Report = PASSING,
    polls: PollStats | None = None,
) -> None:
    """Let *story* happen on virtual time, to begin with *report*."""

    async def whole() -> None:
        await story(EventStream(report, polls or PollStats()))

    with asyncio.Runner(loop_factory=partial(looptime.new_event_loop, start=0)) as runner:
        runner.run(whole())


async def event(following: AsyncGenerator[bytes, None]) -> tuple[str, Any]:
    """Return the kind of the next event, and what it says."""
    kind, said = (await anext(following)).decode().rstrip().split("\n")
    return kind.removeprefix("event: "), json.loads(said.removeprefix("data: "))


async def begun(stream: EventStream, version: str) -> AsyncGenerator[bytes, None]:
    """Return a follower that has been told how to come back."""
    following = stream.follow(version)
    assert await anext(following) == b"retry: 3000\n\n"
    return following


def told_again(report: Report, seconds: float) -> Report:
    """Return the same report, so many seconds later."""
    return replace(report, at=NOON + timedelta(seconds=seconds))


def test_a_change_is_one_event() -> None:
    """Title, icon and parts come together, however many projects the feed has."""

    async def story(stream: EventStream) -> None:
        stream.look()
        following = await begun(stream, stream.version)
        assert (await event(following))[0] == "alive"

        stream.show(a_report(many(500, broken("till"))))
        kind, news = await event(following)

        assert kind == "news"
        assert news["title"].startswith("✕ Broken")
        assert news["version"] == stream.version
        assert {*news["parts"]} == {*stream.look().parts}
        assert len(json.dumps(news)) < 6_000

    run(story, a_report(many(500, known("till"))))


def test_a_newcomer_gets_everything() -> None:
    """So does whoever comes from before a restart of the daemon."""

    async def story(stream: EventStream) -> None:
        for version in ("", "0123abcd-1"):
            kind, news = await event(await begun(stream, version))
            assert kind == "news"
            assert {*news["parts"]} == {*stream.look().parts}

    run(story)


def test_who_was_too_slow_gets_everything() -> None:
    """Nobody has a queue: two changes later it is the whole, once."""

    async def story(stream: EventStream) -> None:
        stream.look()
        following = await begun(stream, stream.version)
        await event(following)
        for report in (BROKEN, MORE_BROKEN):
            stream.show(report)
            stream.look()

        kind, news = await event(following)

        assert kind == "news"
        assert {*news["parts"]} == {*stream.look().parts}
        assert "shop" in news["parts"]["broken"]

    run(story)


def test_a_sign_of_life_comes_though_nothing_changes() -> None:
    """Every ten seconds, with the ages of then, however often the daemon polls meanwhile."""

    async def story(stream: EventStream) -> None:
        stream.look()
        following = await begun(stream, stream.version)
        loop = asyncio.get_running_loop()
        first = await event(following)

        async def poll() -> None:
            for second in range(60):
                await asyncio.sleep(1.0)
                stream.show(told_again(PASSING, second))

        polling = asyncio.create_task(poll())
        signs = [(loop.time(), await event(following), loop.time()) for _ in range(3)]
        polling.cancel()

        assert first == ("alive", {"ages": [4.2], "now": NOON.timestamp()})
        assert [round(after - before) for before, _, after in signs] == [ALIVE] * 3
        assert {kind for _, (kind, _), _ in signs} == {"alive"}

    run(story)


def test_while_nobody_looks_nothing_is_drawn() -> None:
    """A page that nobody has open costs nothing; who comes then sees what is now."""

    async def story(stream: EventStream) -> None:
        version = stream.look() and stream.version
        for report in (BROKEN, MORE_BROKEN, BROKEN):
            stream.show(report)

        assert stream.version == version
        assert "till" in stream.look().parts["broken"]
        assert stream.version != version

    run(story)


def test_who_leaves_is_not_counted() -> None:
    """However somebody goes."""

    async def story(stream: EventStream) -> None:
        following = await begun(stream, "")
        assert stream.count == 1
        await following.aclose()
        assert stream.count == 0

    run(story)


def test_a_poll_that_told_nothing_new_makes_its_feed_young_again() -> None:
    """No report is made of it, and yet the server was there four seconds ago."""

    async def story(stream: EventStream) -> None:
        loop = asyncio.get_running_loop()
        await asyncio.sleep(300)
        before = stream.ages()
        polls.count("web", None, 0.1, answered=loop.time() - 4)
        polls.count("unknown", None, 0.1, answered=loop.time())

        assert before == [300.0 + (PASSING.feeds[0].age or 0.0)]
        assert stream.ages() == [4.0]

    polls = PollStats()
    run(story, polls=polls)
