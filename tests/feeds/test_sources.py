"""Open feeds: whatever a kind does, there are outcomes, and no secret in a sentence."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import aclosing
from functools import partial
from typing import ClassVar, TypeVar

import looptime
import pytest

from buildlight.errors import FeedError, FeedRefused, FeedUnreachable
from buildlight.feeds import FeedAnswer, FeedOptions, Given
from buildlight.feeds.schedule import DEADLINE
from buildlight.feeds.settings import FeedSettings
from buildlight.feeds.sources import PATIENCE, Outcome, Source, open_sources
from buildlight.projects.feed_state import Rules
from buildlight.projects.selection import Selection
from support.examples import a_project

T = TypeVar("T")

SHOP, WEB = (a_project("shop"),), (a_project("web"),)


class Options(FeedOptions):
    """A feed with a secret."""

    path: str = "a"

    @property
    def secrets(self) -> frozenset[str]:
        """The secret."""
        return frozenset({"s3cret-token"})


class Polled:
    """Gives *answers*, one after the other; an exception is raised, a function is called."""

    Options: ClassVar[type[FeedOptions]] = Options
    opened: ClassVar[list["Polled"]] = []

    def __init__(self, *answers: Given | Exception) -> None:
        self.answers = [*answers]
        self.closed = 0

    @classmethod
    def open(cls, options: FeedOptions, *, network: object) -> "Polled":  # noqa: ARG003
        """Open a feed, which is noted."""
        cls.opened.append(cls())
        return cls.opened[-1]

    async def read(self) -> Given:
        """Give the next answer; hang when there is none."""
        if not self.answers:
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        """Fail, the first time."""
        self.closed += 1
        if self is self.opened[0]:
            raise KeyError("s3cret-token")


class Pushed:
    """Yields what is in each of *streams*, one after the other, and then nothing more."""

    def __init__(self, *streams: Sequence[Given | FeedError | Exception]) -> None:
        self.streams = [*streams]

    async def readings(self) -> AsyncIterator[Given | FeedError]:
        """Yield the next stream; hang when there is none."""
        for each in self.streams.pop(0) if self.streams else ():
            if isinstance(each, Exception) and not isinstance(each, FeedError):
                raise each
            yield each
        if not self.streams:
            await asyncio.Event().wait()

    async def close(self) -> None:
        """Hold nothing."""


def settings(name: str = "ci", *, path: str = "a") -> FeedSettings:
    """Return the settings of a feed."""
    return FeedSettings(
        name=name,
        kind=Polled,
        options=Options(path=path),
        rules=Rules(max_age=110),
        selection=Selection(),
        interval=30.0,
        building_interval=5.0,
    )


def on_virtual_time(test: Callable[[], Coroutine[None, None, T]]) -> T:
    """Return what the coroutine function *test* returns, in no time."""
    with asyncio.Runner(loop_factory=partial(looptime.new_event_loop, start=0)) as runner:
        return runner.run(test())


def outcomes(feed: Polled | Pushed, count: int) -> list[Outcome]:
    """Return the first *count* outcomes of *feed*."""

    async def read() -> list[Outcome]:
        found: list[Outcome] = []
        source = Source(feed, (settings(),))
        async with aclosing(source.readings(lambda _: 30.0)) as readings:
            async for outcome in readings:
                found.append(outcome)
                if len(found) == count:
                    break
        return found

    return on_virtual_time(read)


def sentence(outcome: Outcome) -> str:
    """Return the sentence of a fault."""
    assert isinstance(outcome, FeedError)
    return str(outcome)


def test_the_same_tuple_or_an_equal_revision_is_the_same_outcome() -> None:
    """A kind that builds its projects anew from each answer still says that nothing changed."""
    first, second, third, fourth = outcomes(
        Polled(SHOP, SHOP, FeedAnswer(SHOP, revision=7), FeedAnswer(WEB, revision=7)), 4
    )

    assert first is second
    assert third is fourth
    assert outcomes(Polled(FeedAnswer(SHOP), FeedAnswer(WEB)), 2) == [SHOP, WEB]


def test_faults_are_values_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    """A kind may raise anything with the token in it: neither a sentence nor the log shows it."""
    told = [FeedRefused("it says s3cret-token"), ValueError("s3cret-token"), TimeoutError("x")]

    polled = [sentence(each) for each in outcomes(Polled(*told), 3)]
    pushed = [sentence(each) for each in outcomes(Pushed(told[:1], told[1:2]), 3)]

    assert polled == [
        "it says ***",
        "its reader failed (ValueError)",
        "its reader failed (TimeoutError)",
    ]
    assert pushed == [
        "it says ***",
        "the server ended the stream",
        "its reader failed (ValueError)",
    ]
    assert "s3cret" not in caplog.text


def test_a_read_that_keeps_no_deadline_is_cancelled() -> None:
    """A kind that waits for ever holds up nothing for longer than half a minute."""

    async def hangs() -> tuple[Outcome, float]:
        outcome = await Source(Polled(), (settings(),)).read()
        return outcome, asyncio.get_running_loop().time()

    outcome, seconds = on_virtual_time(hangs)

    assert isinstance(outcome, FeedUnreachable)
    assert str(outcome) == "its reader gave no answer within 30 seconds"
    assert seconds == pytest.approx(DEADLINE + PATIENCE)


def test_a_pushed_feed_is_started_again_after_a_fault() -> None:
    """Whatever the broker says is an outcome at once, and so is the end of it."""
    feed = Pushed([SHOP, FeedUnreachable("the broker is away"), WEB], [KeyError("x")], [SHOP])

    found = outcomes(feed, 6)

    assert [found[0], found[2], found[5]] == [SHOP, WEB, SHOP]
    assert [sentence(found[each]) for each in (1, 3, 4)] == [
        "the broker is away",
        "the server ended the stream",
        "its reader failed (KeyError)",
    ]


def test_one_look_at_a_pushed_feed_is_its_first_outcome() -> None:
    """`buildlight check` waits for the first news, and not for ever."""

    async def look() -> list[Outcome]:
        feeds = (Pushed([SHOP]), Pushed([]))
        return [await Source(each, (settings(),)).read() for each in feeds]

    found, nothing = on_virtual_time(look)

    assert found == SHOP
    assert sentence(nothing) == "its reader gave no answer within 20 seconds"


def test_rest_is_asked_for_by_good_answers_and_refusals() -> None:
    """A rate limit can be told beside the news, before anything is refused."""

    async def rests() -> list[float | None]:
        feed = Polled(FeedAnswer(SHOP, rest=60.0), FeedRefused("slow", retry_after=90.0), SHOP)
        source = Source(feed, (settings(),))
        return [source.rest for _ in range(3) if await source.read() is not None]

    assert on_virtual_time(rests) == [60.0, 90.0, None]


def test_equal_options_share_a_feed_and_every_feed_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A kind that fails to close is logged without its text, and keeps no other one open."""
    Polled.opened.clear()

    async def opened() -> list[list[str]]:
        feeds = (settings("one"), settings("two"), settings("three", path="b"))
        async with open_sources(feeds) as sources:
            return [[each.name for each in source.readers] for source in sources]

    names = asyncio.run(opened())

    assert names == [["one", "two"], ["three"]]
    assert [each.closed for each in Polled.opened] == [1, 1]
    assert [each.message for each in caplog.records] == ["a feed failed to close: KeyError"]
