"""cc.xml over HTTP: which addresses are taken, and when a reading is a new one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

import pytest
from pydantic import ValidationError
from servers import BROKEN_FEED, FEED, Answer, FeedServer

from buildlight.errors import FeedMalformed, FeedRefused, FeedUnreachable
from buildlight.feeds import load_kind
from buildlight.feeds.cctray import CCTrayFeed, CCTrayOptions
from buildlight.feeds.fetch import Web

T = TypeVar("T")


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's proxy, if it has one, is not asked for 127.0.0.1."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server that gives a good feed until it is told otherwise."""
    with FeedServer() as running:
        yield running


def read(server: FeedServer, act: Callable[[CCTrayFeed], Awaitable[T]]) -> T:
    """Return what *act* does with the feed of *server*."""

    async def reading() -> T:
        web = Web()
        feed = CCTrayFeed(CCTrayOptions(url=server.url()), web=web)
        try:
            return await act(feed)
        finally:
            await feed.close()
            await feed.close()
            await web.close()

    return asyncio.run(reading())


def test_cctray_is_found_as_a_kind_of_feed() -> None:
    """A feed of kind "cctray" is one that reads cc.xml."""
    assert load_kind("cctray") is CCTrayFeed
    assert CCTrayFeed.Options is CCTrayOptions


def test_a_feed_gives_its_projects(server: FeedServer) -> None:
    """What the document lists is what the feed gives."""
    (project,) = read(server, CCTrayFeed.read)

    assert project.name == "shop"
    assert project.last_build_status == "Success"


def test_the_same_bytes_give_the_same_tuple(server: FeedServer) -> None:
    """A feed that has not changed costs no thought."""

    async def twice(feed: CCTrayFeed) -> bool:
        return await feed.read() is await feed.read()

    assert read(server, twice)


def test_a_change_gives_a_new_tuple(server: FeedServer) -> None:
    """A new build is seen, and so is the way back."""

    async def three_times(feed: CCTrayFeed) -> list[str]:
        seen = []
        for document in (FEED, BROKEN_FEED, FEED):
            server.answer = Answer(document)
            (project,) = await feed.read()
            seen.append(project.last_build_status)
        return seen

    assert read(server, three_times) == ["Success", "Failure", "Success"]


def test_a_bad_document_is_bad_each_time(server: FeedServer) -> None:
    """A login page stays a failure however often it is read, and ends with the next feed."""
    page = b"<html><body>Log in</body></html>"

    async def page_page_feed(feed: CCTrayFeed) -> bool:
        before = await feed.read()
        server.answer = Answer(page)
        for _ in range(2):
            with pytest.raises(FeedRefused, match="perhaps a login page"):
                await feed.read()
        server.answer = Answer()
        return await feed.read() is before

    assert read(server, page_page_feed)


def test_an_empty_answer_is_no_feed(server: FeedServer) -> None:
    """A server that sends nothing at all is told as such, even at the first poll."""
    server.answer = Answer(b"")

    async def bad(feed: CCTrayFeed) -> str:
        with pytest.raises(FeedMalformed) as caught:
            await feed.read()
        return str(caught.value)

    assert read(server, bad) == "an empty answer; check the address"


def test_a_feed_that_lists_nothing_is_an_empty_tuple(server: FeedServer) -> None:
    """A server without jobs is a feed; whether that is a fault is decided elsewhere."""
    server.answer = Answer(b"<Projects/>")

    assert read(server, CCTrayFeed.read) == ()


def test_a_server_that_is_down_is_passed_on(server: FeedServer) -> None:
    """The sentence of the failed GET is the sentence of the feed."""
    server.answer = Answer(b"", headers={"Content-Length": "100"})

    async def bad(feed: CCTrayFeed) -> None:
        with pytest.raises(FeedUnreachable, match="broke off"):
            await feed.read()

    read(server, bad)


def test_parsing_a_large_document_lets_others_run(server: FeedServer) -> None:
    """While a feed of some mebibytes is parsed, the other feeds are polled."""
    project = b'<Project name="shop" activity="Sleeping"/>'
    server.answer = Answer(b"<Projects>" + project * 40_000 + b"</Projects>")

    async def beside(feed: CCTrayFeed) -> tuple[int, int]:
        turns = 0
        reading = asyncio.create_task(feed.read())
        while not reading.done():
            await asyncio.sleep(0)
            turns += 1
        return len(await reading), turns

    projects, turns = read(server, beside)

    assert projects == 40_000
    assert turns > 25  # One for each slice of 64 KiB, at the least.


@pytest.mark.parametrize(
    "url",
    [
        "https://ci.example/cc.xml",
        "http://ci.example",
        "HTTPS://CI.example/cc.xml",
        "http://ci:8080/go/cctray.xml",
        "https://lamp:p%40ss@ci.example/cc.xml",
        "https://ci.example/cc.xml?token=abc&branch=main",
        "http://127.0.0.1:8111/app/rest/cctray/projects.xml",
        "http://[::1]:8080/cc.xml",
        "https://bücher.example/cc.xml",
    ],
)
def test_addresses_are_taken(url: str) -> None:
    """Whatever a browser would open is an address, and is kept as it was written."""
    assert CCTrayOptions(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "s3cret",
        "ci.example/s3cret",
        "//ci.example/s3cret",
        "ci.example:8080/s3cret",
        "ftp://ci.example/s3cret",
        "file:///s3cret",
        "https://",
        "https:///s3cret",
        "https://:443/s3cret",
        "https://lamp:s3cret@/cc.xml",
        "https://ci.example/s3cret cc.xml",
        " https://ci.example/s3cret",
        "https://ci.example/s3cret\n",
        "https://ci.example/s3cret\r\nHost: other",
        "https://ci.example/s3cret\x1b[31m",
        "https://ci.example/s3cret\x00",
        "https://ci.example/s3cret\u202e",
        "https://ci.example/s3cret\udce9",
        "https://ci.example:0/s3cret",
        "https://ci.example:65536/s3cret",
        "https://ci.example:-1/s3cret",
        "https://ci.example:s3cret/",
        "https://[::1/s3cret",
    ],
)
def test_what_is_no_address_is_refused(url: str) -> None:
    """The mistake names its key and says how to write it, and never repeats what was written."""
    with pytest.raises(ValidationError) as caught:
        CCTrayOptions(url=url)

    (mistake,) = caught.value.errors(include_input=False, include_url=False)
    assert mistake["loc"] == ("url",)
    assert mistake["msg"] == ("Value error, is no address; write it as https://ci.example/cc.xml")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("url", [None, 7, ["https://ci.example/s3cret"]])
def test_what_is_no_text_is_refused(url: object) -> None:
    """A list or a number where the address should be is a mistake, told without its value."""
    with pytest.raises(ValidationError) as caught:
        CCTrayOptions.model_validate({"url": url})

    assert "s3cret" not in str(caught.value)


def test_an_unknown_key_is_a_mistake() -> None:
    """A slip in a key's name is found, and what it was set to is not shown."""
    with pytest.raises(ValidationError) as caught:
        CCTrayOptions.model_validate({"url": "https://ci.example", "tokn": "s3cret"})

    (mistake,) = caught.value.errors(include_input=False, include_url=False)
    assert mistake["loc"] == ("tokn",)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://ci.example/cc.xml", "ci.example"),
        ("https://lamp:s3cret@CI.example:8080/cc.xml?token=abc", "ci.example"),
        ("http://[::1]:8080/cc.xml", "::1"),
    ],
)
def test_a_feed_is_called_after_its_host(url: str, name: str) -> None:
    """A feed that nobody named is called after its server."""
    assert CCTrayOptions(url=url).suggested_name == name


def test_an_address_is_shown_without_secrets() -> None:
    """The status page shows where a feed is read, and not with which password or token."""
    options = CCTrayOptions(url="https://lamp:s3cret@ci.example/cc.xml?token=s3cret&branch=main")

    assert options.shown == "https://***@ci.example/cc.xml?token=***&branch=main"
