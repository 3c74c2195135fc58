"""Polls the feeds, keeps the state of each, and reports changes.

Each feed has a task, so that none waits for another. ``feed_state`` decides what a reading means,
``schedule`` when the next one is due.
"""

import asyncio
import logging
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime
from itertools import chain, repeat
from types import MappingProxyType

from buildlight.errors import FeedError, FeedMalformed
from buildlight.feeds.schedule import wait
from buildlight.feeds.settings import FeedSettings
from buildlight.feeds.sources import Outcome, Source
from buildlight.projects.feed_state import FeedState, News, Reading, absorb, nothing_new
from buildlight.projects.redacted import with_true_names
from buildlight.redaction import printable, scrub
from buildlight.report.poll_stats import PollStats
from buildlight.report.rows import Watched

LATE = 10.0
"""Seconds by which a poller may be late before it counts as hanging; a busy Pi is slow."""

MOST_WORDS, LONGEST_WORD = 100, 80
"""Most unknown words of a feed that are logged, and their length: a server may send any number."""

MOST_DROPPED = 20
"""Most vanished projects that one log line names: ever new names must not fill the disk."""

MOST_PROJECTS = 400_000
"""Projects of all feeds together: memory is limited in sum, whatever servers send."""

NO_NEWS = News()

_Line = tuple[int, str]
"""A log level, and a sentence about a feed."""

log = logging.getLogger(__name__)


def watched(settings: FeedSettings, feed_state: FeedState) -> Watched:
    """Return a feed as the report sees it."""
    return Watched(
        name=settings.name,
        url=settings.options.shown,
        state=feed_state,
        rules=settings.rules,
        selection=settings.selection,
        identity=settings.options.identity,
        secrets=settings.options.secrets,
    )


class Monitor:
    """All feeds and their states.

    *kept* are states from before a restart or a reload, by the feed's name. *clock* returns the
    time of day. Every poll is counted in *polls*. *wake* is set when a state may have changed, or
    when news has become too old. *dice* returns random numbers from 0 to 1.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        clock: Callable[[], datetime],
        polls: PollStats,
        wake: asyncio.Event,
        kept: Mapping[str, FeedState] = MappingProxyType({}),
        dice: Callable[[], float] = random.random,
    ) -> None:
        self._sources = sources
        self._clock = clock
        self._polls = polls
        self._wake = wake
        self._dice = dice
        self._stopped = False
        # A feed of 50,000 projects takes a second, and a signal must not wait for five such feeds.
        self._one_by_one = asyncio.Lock()
        self._untried = {source.readers[0].name for source in sources}
        self._news: list[tuple[Watched, News]] = []
        self._held = {
            feed.name: _Held(feed, kept.get(feed.name, FeedState()))
            for source in sources
            for feed in source.readers
        }

    def watched(self) -> tuple[Watched, ...]:
        """Return every feed with its state, for the report."""
        return tuple(held.watched() for held in self._held.values())

    def take_news(self) -> Sequence[tuple[Watched, News]]:
        """Return the news since the last call, each with its feed."""
        news, self._news = self._news, []
        return news

    def stop(self) -> None:
        """Stop watching for late pollers, because their tasks will be cancelled."""
        self._stopped = True

    @property
    def tried(self) -> bool:
        """Whether every feed was polled at least once, with or without success."""
        return not self._untried

    def overdue(self) -> tuple[str, ...]:
        """Return the names of feeds whose poller is late."""
        now = time.monotonic()
        late = (each for each in self._sources if now > each.expected + LATE and not self._stopped)
        return tuple(source.readers[0].name for source in late)

    async def run(self) -> None:
        """Poll every source until cancelled."""
        # States that a reload kept also become too old as time passes.
        for held in self._held.values():
            self._expire_later(held)
        try:
            async with asyncio.TaskGroup() as polling:
                for number, source in enumerate(self._sources, start=1):
                    polling.create_task(self._poll(source, place=number / len(self._sources)))
        finally:
            for held in self._held.values():
                held.expire_never()

    async def _poll(self, source: Source, *, place: float) -> None:
        """Poll *source* until cancelled.

        All sources are polled at the start, and later each at a different *place* (0 to 1) in the
        interval: a thousand answers at the same moment would keep every other feed waiting.
        """
        loop = asyncio.get_running_loop()
        places = chain((place,), repeat(1.0))

        def due(_: Outcome) -> float:
            return self._wait(source, place=next(places))

        async with aclosing(source.readings(due)) as readings:
            async for outcome in readings:
                reading = Reading(
                    at=loop.time(),
                    clock=self._clock(),
                    outcome=outcome,
                    rest=source.rest or 0.0,
                    date=source.date,
                    notices=source.notices,
                )
                async with self._one_by_one:
                    await self._absorb(source, self._within_budget(source, reading))

    def _within_budget(self, source: Source, reading: Reading) -> Reading:
        """Return *reading*, or a fault if all feeds together would have too many projects."""
        if isinstance(reading.outcome, FeedError):
            return reading
        own = {feed.name for feed in source.readers}
        others = sum(
            len(held.state.projects) for name, held in self._held.items() if name not in own
        )
        if others + len(own) * len(reading.outcome) <= MOST_PROJECTS:
            return reading
        fault = FeedMalformed(
            f"more than {MOST_PROJECTS} projects in all feeds together; ask the server for a view"
        )
        return replace(reading, outcome=fault)

    async def _absorb(self, source: Source, reading: Reading) -> None:
        """Apply *reading* to every feed that reads *source*; log it after the lamps are told."""
        held = [self._held[feed.name] for feed in source.readers]
        taken = [(each, each.state, self._take(each, reading)) for each in held]
        for each, _, news in taken:
            self._count(each, news, source.took)
        self._untried.discard(source.readers[0].name)
        if not all(
            nothing_new(before, each.state, each.settings.rules) for each, before, _ in taken
        ):
            self._wake.set()
        await asyncio.sleep(0)  # The lamps first: the log may be slow.
        _log(
            (each.settings.name, (*_changes(each, before), *_news(each, news)))
            for each, before, news in taken
        )

    def _wait(self, source: Source, *, place: float) -> float:
        tables = source.readers
        feed_states = [self._held[feed.name].state for feed in source.readers]
        return wait(
            interval=min(feed.interval for feed in tables),
            building_interval=min(feed.building_interval for feed in tables),
            building=any(feed_state.building for feed_state in feed_states),
            failures=min(feed_state.failures for feed_state in feed_states),
            tolerated=tables[0].rules.max_failures,
            chance=self._dice(),
            place=place,
            rest=source.rest,
        )

    def _count(self, held: "_Held", news: News, seconds: float) -> None:
        name, state = held.settings.name, held.state
        self._polls.count(name, state.error, seconds, answered=state.answered)
        if news != NO_NEWS:
            self._news.append((held.watched(), news))

    def _take(self, held: "_Held", reading: Reading) -> News:
        if held.state.answered is None and isinstance(reading.outcome, tuple):
            secrets = held.watched().secrets
            names = with_true_names(held.state.projects, reading.outcome, secrets)
            held.state = replace(held.state, projects=names)
        held.state, news = absorb(held.state, reading, rules=held.settings.rules)
        if held.state.answered == reading.at:
            self._expire_later(held)
        return news

    def _expire_later(self, held: "_Held") -> None:
        if held.state.answered is not None:
            when = held.state.answered + held.settings.rules.max_age
            held.expire_later(when, self._wake.set)


class _Held:
    """The state of one feed, and what was logged about it."""

    def __init__(self, settings: FeedSettings, feed_state: FeedState) -> None:
        self.settings = settings
        self.state = feed_state
        self.odd_words: set[str] = set()
        self.more_odd_words = False
        # Created once, because there may be a thousand feeds.
        self._watched = watched(settings, feed_state)
        self._expiry: asyncio.TimerHandle | None = None

    def watched(self) -> Watched:
        """Return the feed as the report sees it."""
        return replace(self._watched, state=self.state)

    def expire_later(self, when: float, call: Callable[[], None]) -> None:
        """Call *call* at *when* on the loop's clock, and cancel the previous such call."""
        self.expire_never()
        self._expiry = asyncio.get_running_loop().call_at(when, call)

    def expire_never(self) -> None:
        """Cancel the call."""
        if self._expiry is not None:
            self._expiry.cancel()


def _log(lines: Iterable[tuple[str, Iterable[_Line]]]) -> None:
    """Log *lines*, each with the name of its feed; equal lines are logged once, with all names."""
    names: dict[_Line, list[str]] = {}
    for name, its in lines:
        for line in its:
            names.setdefault(line, []).append(name)
    for (level, sentence), those in names.items():
        log.log(level, "%s: %s", ", ".join(those), sentence)


def _changes(held: _Held, before: FeedState) -> Iterator[_Line]:
    error = held.watched().error
    if error is not None:
        if _gist(held.state) != _gist(before):
            yield logging.WARNING, error
    elif before.error is not None:
        yield logging.INFO, "answers again"


def _gist(feed_state: FeedState) -> str:
    """Return the text of a fault without numbers, because they may change at every poll."""
    return re.sub(r"[0-9]+( projects?)?", "", str(feed_state.error or ""))


def _news(held: _Held, news: News) -> Iterator[_Line]:
    secrets = held.watched().secrets
    if log.isEnabledFor(logging.DEBUG):
        for each in news.events:
            yield logging.DEBUG, f"{each.event.value}: {printable(scrub(each.name, secrets))}"
    for level, names in ((logging.WARNING, news.dropped_red), (logging.INFO, news.dropped)):
        was = ", which was broken" if level == logging.WARNING else ""
        for dropped in names[:MOST_DROPPED]:
            yield level, f"no longer has a project {printable(scrub(dropped, secrets))}{was}"
        if more := len(names[MOST_DROPPED:]):
            yield level, f"no longer has {more} other projects{was}"
    spoken = news.unknown_words | news.unknown_activities
    words = {scrub(word, secrets)[:LONGEST_WORD] for word in spoken}
    new = sorted(words - held.odd_words)
    room = MOST_WORDS - len(held.odd_words)
    for word in new[:room]:
        told = printable(word)
        yield logging.WARNING, f"does not know the word {told}; add it to this feed's words"
        held.odd_words.add(word)
    if new[room:] and not held.more_odd_words:
        yield logging.WARNING, "has still more words that are not known; no others are told"
        held.more_odd_words = True
