"""The check that authors of feeds run: it passes what is right, and names what is not."""

import asyncio
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, ClassVar

import httpx
import pytest
from pydantic import Field

from buildlight.config.tables import FeedTable
from buildlight.errors import FeedRefused
from buildlight.feeds import FeedAnswer, FeedOptions, HttpOptions, Project
from buildlight.feeds.cctray import CCTrayFeed
from buildlight.feeds.conformance import check_feed
from buildlight.feeds.feed import COMMON_KEYS
from buildlight.feeds.github.feed import GitHubFeed
from buildlight.feeds.gitlab.feed import GitLabFeed
from support.fake_github import FakeGitHub
from support.fake_gitlab import FakeGitLab
from support.servers import FEED

MANUAL = Path(__file__).parents[2] / "docs" / "write-a-feed.md"


class Options(FeedOptions):
    """The keys of a feed in memory."""

    path: str = "here"
    token: str = "s3cret-token"

    @property
    def shown(self) -> str:
        """The path."""
        return self.path

    @property
    def secrets(self) -> frozenset[str]:
        """The token."""
        return frozenset({self.token})


class Good:
    """A feed that keeps the contract; what derives from it does not."""

    Options: ClassVar[type[FeedOptions]] = Options

    def __init__(self, options: Any) -> None:
        self.projects: Any = (Project("shop", last_build_status="Success"),)
        self.options = options

    @classmethod
    def open(cls, options: Any, *, network: object) -> Any:  # noqa: ARG003
        """Return a feed."""
        return cls(options)

    async def read(self) -> Any:
        """Return the projects."""
        if self.options.path == "gone":
            raise FeedRefused("the path is gone; check it")
        return self.projects

    async def close(self) -> None:
        """Hold nothing."""


class Pushed(Good):
    """The same, from a server that speaks by itself."""

    read = None  # type: ignore[assignment]

    async def readings(self) -> AsyncIterator[Any]:
        """Yield the projects until the end."""
        while True:
            yield self.projects
            await asyncio.sleep(0.01)


def answering(body: bytes) -> httpx.MockTransport:
    """Return a network on which every address has this *body*, without an ETag."""
    return httpx.MockTransport(lambda _: httpx.Response(200, stream=httpx.ByteStream(body)))


def test_what_is_built_in_keeps_the_contract() -> None:
    """Built-in feeds go through the same door as anybody's."""
    url = {"url": "http://ci.example/cc.xml"}

    check_feed(CCTrayFeed, url, transport=answering(FEED))
    check_feed(GitHubFeed, {"url": "https://github.com/acme/shop"}, transport=FakeGitHub())
    check_feed(GitLabFeed, {"url": "https://gitlab.com/acme/tools/shop"}, transport=FakeGitLab())
    with pytest.raises(AssertionError, match="CCTrayFeed says that it does not work: html: "):
        check_feed(CCTrayFeed, url, transport=answering(b"<html/>"))


def test_a_feed_in_memory_keeps_the_contract() -> None:
    """Neither HTTP nor a poll is needed."""
    check_feed(Good, broken={"path": "gone"})
    check_feed(Pushed)


def test_the_example_of_the_manual_keeps_the_contract() -> None:
    """What an author copies works, and needs no more than it shows."""
    example, *_ = re.findall(r"```python\n(.*?)```", MANUAL.read_text(), re.DOTALL)
    module: dict[str, Any] = {"__name__": "buildlight_status"}
    exec(example, module)
    kind, keys = module["StatusFeed"], {"url": "http://ci.example/status.json"}

    check_feed(kind, keys, transport=answering(b'[{"name": "shop", "state": "passed"}]'))
    with pytest.raises(AssertionError, match="not the JSON of a status page"):
        check_feed(kind, keys, transport=answering(b"{}}"))


def test_common_keys_are_those_of_the_configuration() -> None:
    """A key that every feed gets is not left to a kind."""
    assert {*FeedTable.model_fields} - {"options"} == COMMON_KEYS


class _Leaking(Options):
    @property
    def shown(self) -> str:
        return f"{self.path}?{self.token}"


class _Unhashable(Options):
    paths: list[str] = Field(default_factory=list)


class _Named(Options):
    name: str = ""


class _Lax(FeedOptions):
    model_config: ClassVar[Any] = {"extra": "ignore", "frozen": True}


async def _new(feed: Any) -> Any:
    return tuple(Project(each.name) for each in feed.projects)


async def _list(feed: Any) -> Any:
    return [*feed.projects]


async def _odd(feed: Any) -> Any:
    return (feed,)


async def _time(_feed: Any) -> Any:
    return (Project("shop", last_build_time="today"),)  # type: ignore[arg-type]


async def _raises(_feed: Any) -> Any:
    raise KeyError("shop")


async def _silent(_feed: Any) -> Any:
    raise FeedRefused("")


async def _hangs(_feed: Any) -> Any:
    await asyncio.Event().wait()


async def _thread(feed: Any) -> Any:
    threading.Thread(target=threading.Event().wait, name="left", daemon=True).start()
    return feed.projects


async def _task(feed: Any) -> Any:
    feed.task = asyncio.ensure_future(asyncio.sleep(9), loop=asyncio.get_running_loop())
    return feed.projects


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"Options": None}, "Options does not derive from FeedOptions"),
        ({"Options": HttpOptions}, "Options refuses these options"),
        ({"Options": _Lax}, "Options takes an unknown key"),
        ({"Options": _Named}, "Options has keys of every feed: name"),
        ({"Options": _Leaking}, "Options.shown shows a secret"),
        ({"Options": _Unhashable}, "Options cannot be hashed"),
        ({"Options": FeedOptions}, "Options.identity is empty"),
        ({"read": None}, "open gives nothing that can be read"),
        ({"readings": Pushed.readings}, "has both read() and readings()"),
        ({"read": _new}, "gives a new tuple although nothing changed"),
        ({"read": _list}, "gives projects that are not a tuple"),
        ({"read": _odd}, "gives something that is not a Project"),
        ({"read": _time}, "gives a Project whose last_build_time is str"),
        ({"read": _raises}, "raised KeyError, where only FeedError is expected"),
        ({"read": _silent}, "raised FeedRefused without a sentence"),
        ({"read": _hangs}, "a read took more than 0.2 s"),
        ({"read": _task}, "leaves tasks behind after close"),
        ({"read": _thread}, "leaves threads behind after close: left"),
        ({"close": _raises}, "close raised KeyError"),
    ],
)
def test_what_is_wrong_is_named(members: dict[str, Any], sentence: str) -> None:
    """A failed check says what to change, in the words of the contract."""
    kind = type("Odd", (Good,), members)

    with pytest.raises(AssertionError, match=re.escape(sentence)):
        check_feed(kind, patience=0.2)


def test_a_revision_says_that_nothing_changed() -> None:
    """Projects may be made anew for each answer."""

    async def read(feed: Any) -> Any:
        return FeedAnswer(await _new(feed), revision=1)

    check_feed(type("Anew", (Good,), {"read": read}))


def test_a_feed_that_should_fail_and_does_not_is_named() -> None:
    """A feed that reads whatever it is given would be green for ever."""
    with pytest.raises(AssertionError, match="reads a feed that does not work"):
        check_feed(Good, broken={"path": "elsewhere"})
