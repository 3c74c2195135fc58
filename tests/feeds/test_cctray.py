"""cc.xml over HTTP: which addresses are taken, and when a reading is a new one."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import EntryPoints, entry_points
from typing import TypeVar

import pytest
from pydantic import ValidationError

from buildlight.config.settings import check_settings
from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds import load_kind, sources
from buildlight.feeds.cctray import CCTrayFeed, CCTrayOptions
from buildlight.feeds.http.client import HttpClient
from support.servers import Answer, FeedServer, redirect

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


def read(server: FeedServer, act: Callable[[CCTrayFeed], Awaitable[T]], **keys: object) -> T:
    """Return what *act* does with the feed of *server* that *keys* describe."""

    async def reading() -> T:
        client = HttpClient()
        feed = CCTrayFeed(CCTrayOptions.model_validate({"url": server.url(), **keys}), client)
        try:
            return await act(feed)
        finally:
            await feed.close()
            await feed.close()

    return asyncio.run(reading())


def test_a_kind_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand feeds do not have the installed packages read a thousand times at the start."""
    looked: list[str] = []

    def noted(*, group: str, name: str) -> EntryPoints:
        looked.append(group)
        return entry_points(group=group, name=name)

    monkeypatch.setattr("buildlight.system.plugins.entry_points", noted)
    load_kind.cache_clear()

    tables = [{"name": str(number), "url": f"http://ci.example/{number}"} for number in range(10)]
    pins = {"red": 17, "amber": 27, "green": 22}
    check_settings({"feeds": tables, "lamps": [{"driver": "gpio", "pins": pins}]})

    assert looked.count("buildlight.feeds") == 1
    assert CCTrayFeed.Options is CCTrayOptions


def test_a_feed_gives_its_projects(server: FeedServer) -> None:
    """What the document lists is what the feed gives."""
    (project,) = read(server, CCTrayFeed.read)

    assert project.name == "shop"
    assert project.last_build_status == "Success"


@pytest.mark.parametrize(
    ("header", "date"),
    [
        ("Tue, 01 Dec 2026 12:00:00 GMT", datetime(2026, 12, 1, 12, tzinfo=UTC)),
        ("yesterday", None),
    ],
)
def test_a_feed_tells_the_time_of_its_server(
    server: FeedServer, header: str, date: datetime | None
) -> None:
    """A project is not too old by a clock of ours that is ahead."""
    server.answer = Answer(headers={"Date": header})

    async def dated(feed: CCTrayFeed) -> datetime | None:
        await feed.read()
        return feed.date

    assert read(server, dated) == date


def test_the_same_bytes_give_the_same_tuple(server: FeedServer) -> None:
    """A feed that has not changed costs no thought."""

    async def twice(feed: CCTrayFeed) -> bool:
        return await feed.read() is await feed.read()

    assert read(server, twice)


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


def test_a_feed_that_lists_nothing_is_an_empty_tuple(server: FeedServer) -> None:
    """A server without jobs is a feed; whether that is a fault is decided elsewhere."""
    server.answer = Answer(b"<Projects/>")

    assert read(server, CCTrayFeed.read) == ()


# Conditional requests.

ETAG = 'W/"cc-1"'
TIME = "Fri, 20 Nov 2020 11:00:00 GMT"


def test_what_has_not_changed_is_the_same_tuple(server: FeedServer) -> None:
    """A 304 has no document, so none is parsed: the projects are the very ones from before."""
    server.respond = lambda request: (
        Answer(b"", status=304)
        if request.headers.get("if-none-match") == ETAG
        else Answer(headers={"ETag": ETAG, "Last-Modified": TIME})
    )

    async def three_times(feed: CCTrayFeed) -> bool:
        first = await feed.read()
        return await feed.read() is first and await feed.read() is first

    assert read(server, three_times)
    assert [request.headers.get("if-none-match") for request in server.requests] == [
        None,
        ETAG,
        ETAG,
    ]
    assert server.requests[2].headers["if-modified-since"] == TIME


def test_a_304_that_nobody_asked_for_is_a_fault(server: FeedServer) -> None:
    """Neither at the first poll nor behind a redirect is there anything that could be the same."""
    server.answer = Answer(headers={"ETag": ETAG})

    async def unasked(feed: CCTrayFeed) -> str:
        await feed.read()
        server.answers = {"/moved": Answer(b"", status=304)}
        server.answer = redirect("/moved")
        with pytest.raises(FeedRefused) as caught:
            await feed.read()
        return str(caught.value)

    assert read(server, unasked).endswith(": 304 Not Modified: check the address")


def test_an_etag_behind_a_redirect_goes_back_to_where_it_came_from(server: FeedServer) -> None:
    """A feed that has moved is asked for conditionally at its new address."""
    server.answers = {"/cc.xml": redirect("/new"), "/new": Answer(headers={"ETag": ETAG})}

    async def twice(feed: CCTrayFeed) -> None:
        await feed.read()
        server.answers["/new"] = Answer(b"", status=304)
        await feed.read()

    read(server, twice)

    assert [(each.path, each.headers.get("if-none-match")) for each in server.requests] == [
        ("/cc.xml", None),
        ("/new", None),
        ("/cc.xml", None),
        ("/new", ETAG),
    ]


def test_a_bad_document_leaves_what_is_known_of_the_good_one(server: FeedServer) -> None:
    """The login page's ETag is not kept: the feed, back again, is recognised by its own."""

    async def good_bad_same(feed: CCTrayFeed) -> bool:
        server.answer = Answer(headers={"ETag": ETAG})
        before = await feed.read()
        server.answer = Answer(b"<html/>", headers={"ETag": '"login"', "Last-Modified": TIME})
        with pytest.raises(FeedRefused):
            await feed.read()
        server.answer = Answer(b"", status=304)
        return await feed.read() is before

    assert read(server, good_bad_same)
    assert server.requests[2].headers["if-none-match"] == ETAG
    assert "if-modified-since" not in server.requests[2].headers


def test_an_etag_that_cannot_be_sent_back_is_no_trouble(server: FeedServer) -> None:
    """A header beyond ASCII may be received and not sent: such a feed is read whole each time."""
    server.answer = Answer(headers={"ETag": '"gr\xfcn"', "Last-Modified": TIME})

    async def twice(feed: CCTrayFeed) -> bool:
        return await feed.read() is await feed.read()

    assert read(server, twice)
    assert "if-none-match" not in server.requests[1].headers
    assert server.requests[1].headers["if-modified-since"] == TIME


# CircleCI, as its documentation had it (the archive of circleci-docs).


@pytest.mark.parametrize(
    ("address", "asked"),
    [
        ("/cc.xml", "/cc.xml?circle-token=TOKEN"),
        (
            "/gh/acme/web/tree/feature%2flogin%23%203.cc.xml?ccmenu=cc.xml",
            "/gh/acme/web/tree/feature%2flogin%23%203.cc.xml?circle-token=TOKEN&ccmenu=cc.xml",
        ),
    ],
)
def test_circleci_is_asked_as_it_wants_to_be(
    server: FeedServer, address: str, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every documented address arrives byte for byte, with the token where it belongs."""
    token = "0123456789abcdef0123456789abcdef01234567"
    monkeypatch.setenv("BUILDLIGHT_SECRET_CIRCLECI", token)
    auth = {"kind": "query", "name": "circle-token", "secret": "circleci"}

    (project,) = read(server, CCTrayFeed.read, url=server.url(address), auth=auth)

    assert project.name == "shop"
    assert [request.path for request in server.requests] == [asked.replace("TOKEN", token)]


@pytest.mark.parametrize("more", ["", "&ccmenu=cc.xml"])
def test_circleci_may_have_its_token_in_the_address(server: FeedServer, more: str) -> None:
    """An address that was copied from CCMenu works as it is, and shows no token."""
    address = f"/gh/acme/web/tree/a/b.cc.xml?circle-token=0123456789abcdef{more}"
    options = CCTrayOptions(url=server.url(address))

    read(server, CCTrayFeed.read, url=server.url(address))

    assert server.requests[0].path == address
    assert options.shown == server.url(f"/gh/acme/web/tree/a/b.cc.xml?circle-token=***{more}")


# What a server repeats of a secret.

SECRET = "s3cret-0123456789"
BEARER = {"kind": "bearer", "secret": "ci"}


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret called ci."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", SECRET)


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (f"<{SECRET}/>", "the root is <***>, not <Projects>; is it a feed?"),
        (f"<{'a' * 30}-{SECRET}/>", "the root is something else, not <Projects>; is it a feed?"),
        (f"<Projects>&{SECRET};</Projects>", "not well-formed XML after 0 projects"),
        (f"<Projects>&{'a' * 50}{SECRET};</Projects>", "not well-formed XML after 0 projects"),
    ],
)
@pytest.mark.usefixtures("secret")
def test_no_fault_holds_a_secret_nor_half_of_one(
    server: FeedServer, document: str, sentence: str
) -> None:
    """What is too long for a sentence is left out: a secret that is cut could not be recognised."""
    server.answer = Answer(document.encode())

    options = CCTrayOptions.model_validate({"url": server.url(), "auth": BEARER})
    outcome = read(server, lambda feed: sources.read(feed, options), auth=BEARER)

    assert isinstance(outcome, FeedMalformed)
    assert str(outcome).startswith(sentence)
    assert SECRET[:6] not in str(outcome)


def test_a_login_page_elsewhere_is_named(server: FeedServer) -> None:
    """Single sign-on answers 200 with a page: the sentence says whose page, and what to do."""
    with FeedServer(Answer(b"<html><body>Log in</body></html>")) as gateway:
        server.answer = redirect(gateway.url("/login"))

        with pytest.raises(FeedRefused) as caught:
            read(server, CCTrayFeed.read)

    assert str(caught.value).startswith("redirected to 127.0.0.1, perhaps to log in (html: ")
    assert str(caught.value).endswith("; set auth")


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
        "https://lamp:p%40ssword@ci.example/cc.xml",
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
def test_anything_else_is_refused(url: str) -> None:
    """The mistake names its key and says how to write it, and never repeats what was written."""
    with pytest.raises(ValidationError) as caught:
        CCTrayOptions(url=url)

    (mistake,) = caught.value.errors(include_input=False, include_url=False)
    assert mistake["loc"] == ("url",)
    assert mistake["msg"] == (
        "Value error, is not an address; write it as https://ci.example/cc.xml"
    )
    assert "s3cret" not in str(caught.value)


def test_a_space_in_an_address_is_named() -> None:
    """A folder of Jenkins with a space in its name, copied from a page and not from a browser."""
    with pytest.raises(ValidationError, match="contains a space; write %20 instead"):
        CCTrayOptions(url="https://ci.example/job/My Shop/cc.xml")


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
