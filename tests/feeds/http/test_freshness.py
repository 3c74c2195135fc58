"""Answers from caches, and documents that have not changed."""

import asyncio
import re
from dataclasses import replace

import httpx
import pytest

from buildlight.errors import FeedRefused
from buildlight.feeds.http.client import HttpClient
from buildlight.feeds.http.messages import Request
from support.fetching import Leaping, failure, get, visit
from support.servers import (
    FEED,
    Answer,
    FeedServer,
)


@pytest.mark.parametrize(
    ("modified", "kept"),
    [
        ("Fri, 20 Nov 2026 11:59:58 GMT", True),
        ("Fri, 20 Nov 2026 11:59:59 GMT", False),
        ("Fri, 20 Nov 2026 12:00:00 GMT", False),
        ("nonsense", False),
        (None, True),
    ],
)
def test_a_document_that_changed_just_now_is_asked_for_whole_next_time(
    server: FeedServer, modified: str | None, *, kept: bool
) -> None:
    """A second change within the second would have the same date: it would stay unseen."""
    headers = {"Date": "Fri, 20 Nov 2026 12:00:00 GMT", "ETag": '"1"'}
    told = {"Last-Modified": modified} if modified else {}
    server.answer = Answer(headers={**headers, **told})

    answer = visit(lambda client: client.get(Request(server.url())))

    assert (answer.validators.etag is not None) is kept


@pytest.mark.parametrize(
    ("age", "good"),
    [
        ("0", True),
        ("60", True),
        ("61", False),
        ("x", True),
        ("", True),
        ("0, 61", False),
        ("61,x", False),
        ("60, 0", True),
    ],
)
def test_old_news_from_a_cache_are_refused(server: FeedServer, age: str, *, good: bool) -> None:
    """A proxy that keeps answers for days would keep a lamp green for days."""
    server.answer = Answer(headers={"Age": age})

    if good:
        assert get(server.url()) == FEED
        return
    error = failure(server.url())

    assert type(error) is FeedRefused
    assert str(error) == (
        "a cache sent an answer that is 61 s old; exempt this address from caching, "
        "or set cache_buster = true"
    )


def test_caches_are_asked_to_ask_again(server: FeedServer) -> None:
    """Every request says that it wants the news of now."""
    get(server.url())

    assert server.requests[0].headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("warning", ["110 - stale", '112 c "off"', '299 - "x", 111 c "y"'])
def test_a_warning_of_a_cache_is_heeded(server: FeedServer, warning: str) -> None:
    """A cache that cannot reach the CI server says so, and the old answer counts as a failure."""
    server.answer = Answer(headers={"Warning": warning})

    assert str(failure(server.url())).startswith("a cache sent an old answer (Warning: 11")


@pytest.mark.parametrize("warning", ["", "299 - x", "199 - 110"])
def test_other_warnings_do_no_harm(server: FeedServer, warning: str) -> None:
    """Only 110, 111 and 112 speak of an old answer."""
    server.answer = Answer(headers={"Warning": warning})

    assert get(server.url()) == FEED


def polled(*dates: str, step: float) -> list[bool]:
    """Return whether each answer with one of *dates* is good, *step* seconds apart."""
    told = iter(dates)
    with asyncio.Runner(loop_factory=Leaping) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, Leaping)

        def respond(_request: httpx.Request) -> httpx.Response:
            return httpx.Response(200, headers={"Date": next(told)}, stream=httpx.ByteStream(FEED))

        async def polls() -> list[bool]:
            client, good = HttpClient(transport=httpx.MockTransport(respond)), []
            request = Request("http://ci.example/cc.xml")
            for _ in dates:
                try:
                    response = await client.get(request)
                except FeedRefused:
                    good.append(False)
                else:
                    good.append(True)
                    request = replace(request, validators=response.validators)
                loop.ahead += step
            return good

        return runner.run(polls())


def test_a_date_that_stands_still_is_a_cache() -> None:
    """A cache that hides its Age repeats the Date; after a minute that is old news."""
    assert polled("a", "a", "a", "a", "b", step=25) == [True, True, True, False, True]


def test_caches_that_take_turns_are_caches() -> None:
    """Two caches behind one address alternate between two Dates."""
    assert polled("a", "b", "a", "b", "a", step=20) == [True, True, True, True, False]


def test_a_cache_buster_changes_with_each_request(server: FeedServer) -> None:
    """No cache can have an answer for an address that nobody asked for before."""
    request = Request(server.url("/cc.xml?branch=a%2Fb"), cache_buster=True)

    async def twice(client: HttpClient) -> None:
        await client.get(request)
        await client.get(request)

    visit(twice)

    paths = [each.path for each in server.requests]
    assert len({*paths}) == 2
    assert all(re.fullmatch(r"/cc\.xml\?branch=a%2Fb&buildlight=[0-9a-f]{16}", p) for p in paths)
