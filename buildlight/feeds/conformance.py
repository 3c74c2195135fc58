"""Whether a kind of feed keeps the contract: called by its author, from a test.

::

    from buildlight.feeds.conformance import check_feed

    def test_my_feed_keeps_the_contract():
        check_feed(MyFeed, {"url": "https://ci.example/api"}, transport=httpx.MockTransport(answer))

Everything that is wrong is an AssertionError with a sentence. The feed is opened several times
and read, cancelled and closed as the daemon does it, on an event loop of its own.
"""

import asyncio
import gc
import os
import threading
from collections.abc import Awaitable, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from buildlight.errors import FeedError
from buildlight.feeds.feed import (
    COMMON_KEYS,
    FeedAnswer,
    FeedKind,
    FeedOptions,
    PolledFeed,
    PushedFeed,
)
from buildlight.feeds.sharing import Network
from buildlight.projects.project import BuildStatus, Message, Project, Run

if TYPE_CHECKING:
    from buildlight.network.http_library import httpx

PATIENCE = 5.0
"""Seconds within which a call returns."""
ROUNDS = 3
"""How often the feed is opened while tasks, threads and files are counted."""

Got = TypeVar("Got")


def check_feed(
    kind: type[FeedKind],
    options: Mapping[str, object] | None = None,
    *,
    broken: Mapping[str, object] | None = None,
    transport: "httpx.AsyncBaseTransport | None" = None,
    patience: float = PATIENCE,
) -> None:
    """Check that the class *kind* keeps the contract of :class:`feeds.FeedKind`.

    *options* are the keys of its ``[[feeds]]`` table, for a feed that works and whose news does
    not change meanwhile; *broken* are the keys for one that does not work. *transport* replaces
    the network for a kind that uses ``network.http``. *patience* is how many seconds a call may
    take.
    """
    check = _Check(kind, transport, patience)
    checked = check.options(options or {})
    asyncio.run(check.works(checked))
    if broken is not None:
        asyncio.run(check.fails(kind.Options.model_validate(broken)))


class _Check:
    def __init__(
        self,
        kind: type[FeedKind],
        transport: "httpx.AsyncBaseTransport | None",
        patience: float,
    ) -> None:
        self._kind = kind
        self._name = kind.__name__
        self._transport = transport
        self._patience = patience

    def _must(self, holds: object, sentence: str) -> None:
        if not holds:
            raise AssertionError(f"{self._name}{sentence}")

    def options(self, keys: Mapping[str, object]) -> FeedOptions:
        """Return the options made of *keys*, after every check that needs no feed."""
        model = getattr(self._kind, "Options", None)
        if not isinstance(model, type) or not issubclass(model, FeedOptions):
            raise AssertionError(  # noqa: TRY004 - what a failed test raises
                f"{self._name}.Options does not derive from FeedOptions"
            )
        common = sorted(COMMON_KEYS & model.model_fields.keys())
        self._must(not common, f".Options has keys of every feed: {', '.join(common)}")
        try:
            options, again = model.model_validate(keys), model.model_validate(keys)
        except ValidationError as exc:
            raise AssertionError(f"{self._name}.Options refuses these options: {exc}") from exc
        with suppress(ValidationError):
            model.model_validate({**keys, "no-such-key": "s3cret"})
            raise AssertionError(f'{self._name}.Options takes an unknown key; keep extra="forbid"')
        with suppress(TypeError):
            self._must(hash(options) == hash(again), ".Options differ for equal keys")
            self._told(options)
            return options
        raise AssertionError(f"{self._name}.Options cannot be hashed; use tuples, not lists")

    def _told(self, options: FeedOptions) -> None:
        """Check what the options say of the feed."""
        for told in ("shown", "identity", "suggested_name"):
            text = getattr(options, told)
            self._must(isinstance(text, str), f".Options.{told} is not a text")
            self._must(text.isprintable(), f".Options.{told} is not one line of printable text")
            leaks = any(secret and secret in text for secret in options.secrets)
            self._must(not leaks, f".Options.{told} shows a secret")
        self._must(options.identity, ".Options.identity is empty; verdicts would get mixed up")
        self._must(options.suggested_name, ".Options.suggested_name is empty")
        self._must(options.deadline > 0, ".Options.deadline is not above 0")
        for word, status in options.status_words.items():
            good = word == word.strip().lower() and isinstance(status, BuildStatus)
            self._must(good, f".Options.status_words has {word!r}; write it in lower case")

    async def works(self, options: FeedOptions) -> None:
        """Check a feed that works, and what it leaves behind."""
        await self._round(options)  # The first round may start what a library keeps for ever.
        threads, files = {*threading.enumerate()}, _count_files()
        for _ in range(ROUNDS):
            await self._round(options)
        await asyncio.sleep(0.05)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        self._must(not tasks, f" leaves tasks behind after close: {_names(tasks)}")
        left = {*threading.enumerate()} - threads
        self._must(not left, f" leaves threads behind after close: {_names(left)}")
        more = _count_files() - files
        self._must(more < ROUNDS, f" leaves {more} files open after close, of {ROUNDS} rounds")

    async def _round(self, options: FeedOptions) -> None:
        network = Network(transport=self._transport)
        await self._close(self._open(options, network))  # Without any read.
        feed = self._open(options, network)
        try:
            await self._cancelled(feed)
            first = self._checked(await self._next(feed))
            second = self._checked(await self._next(feed))
            same = first.projects is second.projects
            told = first.revision is not None and first.revision == second.revision
            self._must(
                same or told or first.projects != second.projects,
                " gives a new tuple although nothing changed; keep the old one, or give a revision",
            )
        except FeedError as exc:
            raise AssertionError(f"{self._name} says that it does not work: {exc}") from exc
        finally:
            await self._close(feed)

    async def fails(self, options: FeedOptions) -> None:
        """Check a feed that does not work: a FeedError with a sentence, and nothing else."""
        network = Network(transport=self._transport)
        feed = self._open(options, network)
        try:
            for _ in range(2):
                with suppress(FeedError):
                    await self._next(feed)
                    raise AssertionError(f"{self._name} reads a feed that does not work")
        finally:
            await self._close(feed)

    def _open(self, options: FeedOptions, network: Network) -> PolledFeed | PushedFeed:
        self._must(hasattr(self._kind, "open"), " has no open(options, *, network)")
        feed: Any = self._kind.open(options, network=network)
        polled, pushed = isinstance(feed, PolledFeed), isinstance(feed, PushedFeed)
        self._must(polled or pushed, ".open gives nothing that can be read: read() or readings()")
        self._must(not (polled and pushed), " has both read() and readings()")
        return feed  # type: ignore[no-any-return]  # It is one of the two.

    async def _cancelled(self, feed: PolledFeed | PushedFeed) -> None:
        """Cancel a read that has just begun, as a reload does."""
        reading = asyncio.ensure_future(self._next(feed))
        await asyncio.sleep(0)
        reading.cancel()
        with suppress(asyncio.CancelledError, FeedError):
            await reading

    async def _next(self, feed: PolledFeed | PushedFeed) -> object:
        try:
            return await self._in_time(self._given(feed), "a read")
        except FeedError as exc:
            self._must(str(exc).strip(), f" raised {type(exc).__name__} without a sentence")
            raise
        except AssertionError:
            raise
        except Exception as exc:  # A kind may be anybody's: whatever it raises is told.
            raise AssertionError(
                f"{self._name} raised {type(exc).__name__}, where only FeedError is expected: {exc}"
            ) from exc

    async def _given(self, feed: PolledFeed | PushedFeed) -> object:
        if isinstance(feed, PolledFeed):
            return await feed.read()
        async for given in feed.readings():
            if isinstance(given, FeedError):
                raise given
            return given
        raise AssertionError(f"{self._name}.readings() ends without a reading")

    async def _in_time(self, awaited: Awaitable[Got], what: str) -> Got:
        try:
            async with asyncio.timeout(self._patience) as timeout:
                return await awaited
        except TimeoutError:
            self._must(not timeout.expired(), f": {what} took more than {self._patience:g} s")
            raise

    async def _close(self, feed: PolledFeed | PushedFeed) -> None:
        for what in ("close", "close for the second time"):
            try:
                await self._in_time(feed.close(), what)
            except Exception as exc:  # As above.
                raise AssertionError(f"{self._name}: {what} raised {type(exc).__name__}") from exc

    def _checked(self, given: object) -> FeedAnswer:
        """Return *given* as an answer, after a look at every field of every project."""
        answer = given if isinstance(given, FeedAnswer) else FeedAnswer(given)  # type: ignore[arg-type]
        self._must(isinstance(answer.projects, tuple), " gives projects that are not a tuple")
        for project in answer.projects:
            self._must(isinstance(project, Project), " gives something that is not a Project")
            for field in fields(project):
                value = getattr(project, field.name)
                fits = _fits(field.name, value, field.default)
                self._must(fits, f" gives a Project whose {field.name} is {type(value).__name__}")
        return answer


def _fits(name: str, value: object, default: object) -> bool:
    """Return whether *value* can be that of a Project's field called *name*."""
    if default == ():
        kind = Message if name == "messages" else str
        return isinstance(value, tuple) and all(isinstance(each, kind) for each in value)
    if default is None:
        return value is None or isinstance(value, Run if name == "run" else datetime)
    return isinstance(value, str)


def _names(left: Iterable[Any]) -> str:
    return ", ".join(sorted(getattr(each, "name", None) or each.get_name() for each in left))


def _count_files() -> int:
    """Return how many files are open; 0 where the system does not tell."""
    gc.collect()
    with suppress(OSError):
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path for each is not wanted
    return 0
