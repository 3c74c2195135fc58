"""Open feeds: polled or pushed, each becomes one stream of outcomes, and no fault escapes.

Whatever a kind of feed raises becomes a value here, without secrets. Its projects are true, as
rules need them; the report, which every output is made of, removes the secrets of a feed from
them, whatever its kind.
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from contextlib import aclosing, asynccontextmanager, suppress
from datetime import datetime
from traceback import extract_tb
from typing import TYPE_CHECKING, TypeVar

from buildlight.errors import FeedError, FeedRefused, FeedUnreachable
from buildlight.feeds.feed import Dated, FeedAnswer, FeedOptions, Given, PolledFeed, PushedFeed
from buildlight.feeds.settings import FeedSettings
from buildlight.feeds.sharing import Network
from buildlight.projects.project import Project
from buildlight.redaction import scrub

if TYPE_CHECKING:
    from buildlight.network.http_library import httpx

PATIENCE = 10.0
"""Seconds beyond its own deadline after which a read is cancelled."""
SHORTEST = 1.0
"""Least seconds between the end of a poll and the next, so that a slow server recovers."""
CLOSING = 0.3
"""Seconds that connections may take to close."""

Outcome = tuple[Project, ...] | FeedError
Wait = Callable[[Outcome], float]
"""Returns the seconds from the start of the last poll to the start of the next."""

Got = TypeVar("Got")

log = logging.getLogger(__name__)


class Source:
    """One open feed, and every ``[[feeds]]`` table that reads it.

    Two tables with equal options make one source, and one request.
    """

    def __init__(self, feed: PolledFeed | PushedFeed, readers: tuple[FeedSettings, ...]) -> None:
        self.readers = readers
        self.rest: float | None = None
        """Seconds for which the server asked, with the last outcome, to be left alone."""
        self.notices: tuple[str, ...] = ()
        """What the last good answer told a person."""
        self.took = 0.0
        """Seconds that the last outcome took."""
        self.expected = math.inf
        """When the next outcome is due, in seconds of :func:`time.monotonic`, so that no poller is
        late because the machine has slept; infinite if the server decides."""
        self._feed = feed
        self._options = readers[0].options
        self._last = FeedAnswer(())

    @property
    def date(self) -> datetime | None:
        """The server's time of day at its last answer, if the feed knows it."""
        told = self._feed.date if isinstance(self._feed, Dated) else None
        return told if told is not None and told.tzinfo is not None else None

    async def read(self) -> Outcome:
        """Return the next outcome: of one poll, or the first that is pushed."""
        if isinstance(self._feed, PolledFeed):
            return self._taken(await read(self._feed, self._options))
        async with aclosing(self._pushed(lambda _: 0.0)) as pushed:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._options.deadline):
                    return await anext(pushed)
        return FeedUnreachable(_NO_ANSWER.format(self._options.deadline))

    def readings(self, wait: Wait) -> AsyncGenerator[Outcome, None]:
        """Yield every outcome, until cancelled; *wait* is asked when each has been dealt with."""
        return self._polled(wait) if isinstance(self._feed, PolledFeed) else self._pushed(wait)

    async def _polled(self, wait: Wait) -> AsyncGenerator[Outcome, None]:
        loop = asyncio.get_running_loop()
        shortest = min(SHORTEST, *(feed.building_interval for feed in self.readers))
        while True:
            started = loop.time()
            self.expected = time.monotonic() + self._options.deadline + PATIENCE
            outcome = await self.read()
            self.took = loop.time() - started
            yield outcome
            pause = max(started + wait(outcome) - loop.time(), shortest)
            self.expected = time.monotonic() + pause
            await asyncio.sleep(pause)

    async def _pushed(self, wait: Wait) -> AsyncGenerator[Outcome, None]:
        assert isinstance(self._feed, PushedFeed)  # noqa: S101 - for the type checker
        while True:
            outcome: Outcome = FeedUnreachable("the server ended the stream")
            try:
                async with _closed_at_once(self._feed.readings()) as readings:
                    async for given in readings:
                        if isinstance(given, FeedError):
                            yield self._taken(_fault(given, self._options))
                        else:
                            yield self._taken(given)
            except Exception as exc:  # noqa: BLE001 - a kind may be anybody's
                outcome = self._taken(_fault(exc, self._options))
            yield outcome
            await asyncio.sleep(wait(outcome))

    def _taken(self, given: Given | FeedError) -> Outcome:
        """Note what *given* asks for; an equal revision is turned into the same tuple."""
        if isinstance(given, FeedError):
            self.rest = given.retry_after if isinstance(given, FeedRefused) else None
            return given
        answer = given if isinstance(given, FeedAnswer) else FeedAnswer(given)
        self.rest, self.notices = answer.rest, answer.notices
        if answer.revision is None or answer.revision != self._last.revision:
            self._last = answer
        return self._last.projects

    async def close(self) -> None:
        """Release what the feed holds; a kind that fails to close is logged."""
        try:
            await self._feed.close()
        except Exception as exc:  # noqa: BLE001 - a kind may be anybody's, and is done with
            # Neither its text nor its traceback, as in _fault.
            log.error("a feed failed to close: %s", type(exc).__name__)  # noqa: TRY400


@asynccontextmanager
async def _closed_at_once(readings: AsyncIterator[Got]) -> AsyncIterator[AsyncIterator[Got]]:
    """Close *readings* at the end, if it is a generator: otherwise asyncio does so much later."""
    try:
        yield readings
    finally:
        if isinstance(readings, AsyncGenerator):
            await readings.aclose()


@asynccontextmanager
async def open_sources(
    feeds: Iterable[FeedSettings], *, transport: "httpx.AsyncBaseTransport | None" = None
) -> AsyncIterator[tuple[Source, ...]]:
    """Open *feeds*, and close them in the end; *transport* replaces the network."""
    network = Network(transport=transport)
    readers: dict[tuple[object, FeedOptions], list[FeedSettings]] = {}
    for feed in feeds:
        readers.setdefault((feed.kind, feed.options), []).append(feed)
    sources = tuple(
        Source(same[0].kind.open(same[0].options, network=network), tuple(same))
        for same in readers.values()
    )
    try:
        yield sources
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING):
                for source in sources:
                    await source.close()


async def read(feed: PolledFeed, options: FeedOptions) -> Given | FeedError:
    """Return what one poll of *feed* gives, faults as values, and nothing that is secret."""
    patience = options.deadline + PATIENCE
    try:
        async with asyncio.timeout(patience) as timeout:
            return await feed.read()
    except TimeoutError as exc:
        if timeout.expired():
            return FeedUnreachable(_NO_ANSWER.format(patience))
        return _fault(exc, options)
    except Exception as exc:  # noqa: BLE001 - a kind may be anybody's
        return _fault(exc, options)


_NO_ANSWER = "its reader gave no answer within {:.0f} seconds"


def _fault(exc: Exception, options: FeedOptions) -> FeedError:
    if isinstance(exc, FeedError):
        exc.args = (scrub(str(exc), options.secrets),)  # It may repeat what the server wrote.
        return exc
    # Neither its text nor its traceback: they may repeat the address, and a token in it.
    where = extract_tb(exc.__traceback__)[-1]
    log.error("a feed's reader failed: %s in %s", type(exc).__name__, where.name)
    return FeedError(f"its reader failed ({type(exc).__name__})")
