"""GETs of a JSON API: its limit, its words, and what is no JSON."""

import asyncio
import json
from collections.abc import Callable, Mapping

import httpx
import pytest

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.http.messages import Request
from buildlight.feeds.json_api import AT_ONCE, Budget, JsonApi
from buildlight.feeds.sharing import Network

DATE = "Fri, 20 Nov 2026 12:00:00 GMT"
AT = 1_795_176_000
"""The same in seconds since 1970."""


def limits(remaining: int, *, limit: int = 1000, seconds: int = 3600) -> dict[str, str]:
    """Return the headers of an answer."""
    told = {"limit": limit, "remaining": remaining, "reset": AT + seconds}
    return {"Date": DATE, **{f"x-ratelimit-{name}": str(each) for name, each in told.items()}}


def api(
    answer: Callable[[httpx.Request], httpx.Response], budget: Budget, *, free: bool = True
) -> JsonApi:
    """Return an API that *answer* is behind."""
    return JsonApi(
        "https://api.example",
        Request("https://api.example", reads_refusals=True),
        http=Network(transport=httpx.MockTransport(answer)).http,
        budget=budget,
        explain=lambda refused: refused,
        free_unchanged=free,
    )


def respond(
    status: int, body: object = None, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    """Return an answer, streamed as from a socket."""
    text = json.dumps(body).encode()
    return httpx.Response(status, headers=headers or {}, stream=httpx.ByteStream(text))


@pytest.mark.parametrize(
    ("status", "body", "headers", "seconds"),
    [
        (403, "API rate limit exceeded for 1.2.3.4", {}, 60),
        (403, "You have exceeded a secondary rate limit", {}, 60),
        (403, "You have triggered an abuse detection mechanism", {}, 60),
        (403, "no", limits(0, seconds=90), 90),
        (403, "no", {"Retry-After": "17"}, 17),
        (403, "no", {"Retry-After": "Fri, 20 Nov 2026 12:00:25 GMT", "Date": DATE}, 25),
        (429, "Retry later", {}, 60),
        (429, "Retry later", {"Retry-After": "17"}, 17),
    ],
)
def test_every_form_of_a_limit_is_one(
    status: int, body: str, headers: dict[str, str], seconds: float
) -> None:
    """And every other feed of the token waits, too."""
    budget, asked = Budget(), []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return respond(status, {"message": body}, headers)

    async def twice() -> list[FeedRefused]:
        refusals = []
        for each in (api(answer, budget), api(answer, budget)):
            with pytest.raises(FeedRefused, match="rate limit reached") as refused:
                await each.get("")
            refusals.append(refused.value)
        return refusals

    first, second = asyncio.run(twice())

    assert first.retry_after == seconds
    assert second.retry_after == pytest.approx(seconds, abs=2)
    assert len(asked) == 1


def test_a_refusal_about_something_else_is_no_limit() -> None:
    """GitHub answers 403 for a missing permission, too."""
    with pytest.raises(FeedRefused) as refused:
        asyncio.run(api(lambda _: respond(403, {"message": "Not accessible"}), Budget()).get(""))

    assert refused.value.retry_after is None
    assert "not accessible" in refused.value.reason
    assert "accessible" not in str(refused.value)


def test_a_tenth_is_kept_for_the_owner_of_the_token() -> None:
    """Nothing is asked when no more is left; who waits is told for how long."""
    left = iter((101, 100))

    async def polls() -> None:
        budget = Budget()
        polled = api(lambda _: respond(200, {}, limits(next(left), seconds=600)), budget)
        await polled.get("")
        await polled.get("")
        with pytest.raises(FeedRefused, match=r"the last 100 of 1000 requests .* in 600 s"):
            await polled.get("")

    asyncio.run(polls())


def test_the_feeds_of_a_token_share_its_limit() -> None:
    """Each rests so long that all of them together keep within it."""

    async def rests(feeds: int) -> float:
        budget = Budget()
        rest: float | None = None
        for each in [api(lambda _: respond(200, {}, limits(550)), budget) for _ in range(feeds)]:
            each.begin()
            await each.get("")
            rest = each.rest()
        assert rest is not None
        return rest

    assert asyncio.run(rests(1)) == pytest.approx(3600 / 450)
    assert asyncio.run(rests(10)) == pytest.approx(10 * 3600 / 450)
    assert asyncio.run(rests(90)) == 300.0


@pytest.mark.parametrize(("free", "rest"), [(True, 2.0), (False, 8.0)])
def test_an_answer_that_nothing_changed_may_cost_nothing(free: bool, rest: float) -> None:  # noqa: FBT001
    """With GitHub and a token; nobody else promises it."""

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {**limits(550), "ETag": 'W/"1"'}
        known = request.headers.get("If-None-Match") == 'W/"1"'
        return respond(304 if known else 200, None if known else {}, headers)

    async def poll() -> float | None:
        polled = api(answer, Budget(), free=free)
        for _ in range(6):
            polled.begin()
            await polled.get("")
            told = polled.rest()
        return told

    told = asyncio.run(poll())
    assert told is not None
    assert told == pytest.approx(rest, abs=0.2)


def test_few_requests_of_a_token_are_made_at_once() -> None:
    """GitHub asks for restraint, and bans who has none."""
    most, now = 0, 0

    class Slow(httpx.AsyncBaseTransport):
        """A server that takes its time."""

        async def handle_async_request(self, _request: httpx.Request) -> httpx.Response:
            nonlocal most, now
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1
            return respond(200, {})

    async def all_at_once() -> None:
        budget = Budget()
        http = Network(transport=Slow()).http
        request = Request("https://api.example")
        feeds = [
            JsonApi(request.url, request, http=http, budget=budget, explain=lambda each: each)
            for _ in range(40)
        ]
        await asyncio.gather(*(feed.get("") for feed in feeds))

    asyncio.run(all_at_once())

    assert 1 < most <= AT_ONCE


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"<html>Log in</html>", "a web page, not JSON"),
        (b"", "not JSON, or cut short"),
        (b'{"workflow_runs": [{"id": 1', "not JSON, or cut short"),
        (b"[" * 200_000, "not JSON, or cut short"),
        (b'{"a":' * 200_000, "not JSON, or cut short"),
        (b"\xff\xfe{}", "not JSON, or cut short"),
        (b"9" * 100_000, "not JSON, or cut short"),
    ],
)
def test_what_is_no_json_is_one_sentence(body: bytes, fault: str) -> None:
    """A proxy's page, half an answer, nests without end, a number without end."""

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=httpx.ByteStream(body))

    with pytest.raises(FeedMalformed, match=fault):
        asyncio.run(api(answer, Budget()).get(""))


def test_an_answer_of_100_megabytes_is_not_read_to_its_end() -> None:
    """The limit on its size ends it."""
    sent = 0

    class Endless(httpx.AsyncByteStream):
        """Pieces of one megabyte."""

        async def __aiter__(self):  # type: ignore[no-untyped-def]  # noqa: ANN204
            nonlocal sent
            for _ in range(100):
                sent += 1
                yield b"[" + b" " * 2**20

    with pytest.raises(FeedMalformed, match="larger than 16 MiB"):
        asyncio.run(api(lambda _: httpx.Response(200, stream=Endless()), Budget()).get(""))

    assert sent < 20
