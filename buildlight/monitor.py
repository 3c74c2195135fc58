"""Polls the feeds, holds how each stands, and tells when that changes.

One task a feed, so that none waits for another. Decides nothing about meaning: what a reading
means is in ``reading``, when the next is due in ``feeds.pace``.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from buildlight.errors import FeedError
from buildlight.feeds import Feed
from buildlight.feeds.pace import wait
from buildlight.project import Project
from buildlight.reading import News, Reading, Standing, absorb
from buildlight.redaction import printable
from buildlight.report import Watched
from buildlight.settings import FeedSettings, Settings

if TYPE_CHECKING:
    import httpx

SHORTEST = 1.0
"""Seconds between the end of a poll and the next, so that a slow server gets its breath."""

CLOSING = 0.3
"""Seconds that connections may take to close."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Source:
    """A feed's settings, and the feed that was made of them."""

    settings: FeedSettings
    feed: Feed


@asynccontextmanager
async def open_sources(
    settings: Settings, *, transport: "httpx.AsyncBaseTransport | None" = None
) -> AsyncIterator[tuple[Source, ...]]:
    """Make the feeds of *settings*, and let go of them in the end.

    *transport* takes the place of the network.
    """
    # Not before a lamp shows something: httpx alone takes a Pi Zero seconds.
    from buildlight.feeds.fetch import Web  # noqa: PLC0415

    web = Web(transport=transport)
    sources = tuple(Source(feed, feed.kind(feed.options, web=web)) for feed in settings.feeds)
    try:
        yield sources
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING):
                for source in sources:
                    await source.feed.close()
                await web.close()


async def read(feed: Feed) -> tuple[Project, ...] | FeedError:
    """Return what *feed* gives, faults as values: anybody's feed may fail in any way."""
    try:
        return await feed.read()
    except FeedError as exc:
        return exc
    except Exception as exc:
        log.exception("a feed failed in a way that it should not")
        return FeedError(f"its reader failed ({type(exc).__name__})")


def watched(settings: FeedSettings, standing: Standing) -> Watched:
    """Return a feed as the report sees it."""
    return Watched(
        name=settings.name,
        url=settings.options.shown,
        standing=standing,
        rules=settings.rules,
        choice=settings.choice,
    )


class Monitor:
    """All feeds, and how they stand.

    *kept* are standings from before a restart, in the order of *sources*. *clock* tells the
    time of day, *on_change* is called whenever what is known has changed or
    has become too old, *dice* gives numbers from 0 to 1.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        clock: Callable[[], datetime],
        on_change: Callable[[], None],
        kept: Sequence[Standing] = (),
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._on_change = on_change
        self._dice = dice
        self._standings = [*kept] or [Standing() for _ in sources]
        self._odd_words: list[set[str]] = [set() for _ in sources]
        self._expiries: list[asyncio.TimerHandle | None] = [None for _ in sources]

    def watched(self) -> tuple[Watched, ...]:
        """Return every feed and how it stands, for the report."""
        return tuple(
            watched(source.settings, standing)
            for source, standing in zip(self._sources, self._standings, strict=True)
        )

    async def run(self) -> None:
        """Poll every feed until cancelled."""
        async with asyncio.TaskGroup() as polling:
            for number in range(len(self._sources)):
                polling.create_task(self._poll(number))

    async def _poll(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        source = self._sources[number]
        while True:
            started = loop.time()
            outcome = await read(source.feed)
            self._take(number, Reading(loop.time(), self._clock(), outcome))
            standing = self._standings[number]
            due = started + wait(
                interval=source.settings.interval,
                building_interval=source.settings.building_interval,
                building=standing.building,
                failures=standing.failures,
                tolerated=source.settings.rules.max_failures,
                chance=self._dice(),
            )
            shortest = min(SHORTEST, source.settings.building_interval)
            await asyncio.sleep(max(due - loop.time(), shortest))

    def _take(self, number: int, reading: Reading) -> None:
        settings = self._sources[number].settings
        before = self._standings[number]
        after, news = absorb(before, reading, rules=settings.rules)
        self._standings[number] = after
        self._log_feed(settings.name, before, after)
        self._log_news(settings.name, number, news)
        if after.answered == reading.at:
            self._expire_later(number, reading.at + settings.rules.max_age)
        self._on_change()

    def _expire_later(self, number: int, when: float) -> None:
        expiry = self._expiries[number]
        if expiry is not None:
            expiry.cancel()
        loop = asyncio.get_running_loop()
        self._expiries[number] = loop.call_at(when, self._on_change)

    def _log_feed(self, name: str, before: Standing, after: Standing) -> None:
        if after.error is not None:
            if str(after.error) != str(before.error or ""):
                log.warning("%s: %s", name, after.error)
        elif before.error is not None:
            log.info("%s: answers again", name)

    def _log_news(self, name: str, number: int, news: News) -> None:
        for what, project in news.events:
            log.debug("%s: %s: %s", name, what.value, printable(project))
        for dropped in news.dropped:
            log.info("%s: no longer has a project named %s", name, printable(dropped))
        for word in sorted(news.unknown_words - self._odd_words[number]):
            log.warning(
                "%s: does not know the word %s; add it to this feed's words", name, printable(word)
            )
        self._odd_words[number] |= news.unknown_words
