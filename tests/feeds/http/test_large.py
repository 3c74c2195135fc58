"""Large bodies: all feeds together hold a few at a time."""

import asyncio

import httpx

from buildlight.errors import FeedMalformed
from buildlight.feeds.http.client import HttpClient
from buildlight.feeds.http.large import LARGE, MOST_LARGE
from buildlight.feeds.http.messages import Request

MANY = 12


def client_of(body: bytes, **headers: str) -> HttpClient:
    """Return a client of servers that all answer with *body*."""

    def answer(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(body))

    return HttpClient(transport=httpx.MockTransport(answer))


async def most_at_once(client: HttpClient) -> int:
    """Return how many of many feeds, at most, held their document at the same time."""
    held = most = 0

    async def read(number: int) -> None:
        nonlocal held, most
        async with client.answer(Request(f"http://ci{number}.example/cc.xml")):
            held += 1
            most = max(most, held)
            for _ in range(3):
                await asyncio.sleep(0)
            held -= 1

    await asyncio.gather(*(read(number) for number in range(MANY)))
    return most


def test_few_large_documents_are_held_at_once() -> None:
    """Twenty servers that grow at the same moment do not fill a Pi's memory; all are read."""
    assert asyncio.run(most_at_once(client_of(bytes(LARGE + 1)))) == MOST_LARGE


def test_small_documents_do_not_wait_for_each_other() -> None:
    """A usual feed has a hundredth of that."""
    assert asyncio.run(most_at_once(client_of(bytes(LARGE)))) > MOST_LARGE


def test_a_large_document_that_fails_gives_its_room_back() -> None:
    """Otherwise a server that sends rubbish for a minute would stop every large feed."""
    damaged = client_of(bytes(LARGE + 1), **{"Content-Encoding": "gzip"})
    growing = client_of(bytes(20 * 2**20))

    async def fail(client: HttpClient) -> int:
        failures = 0
        for _ in range(2 * MOST_LARGE):
            try:
                await client.get(Request("http://ci.example/cc.xml"))
            except FeedMalformed:
                failures += 1
        return failures

    assert asyncio.run(fail(damaged)) == asyncio.run(fail(growing)) == 2 * MOST_LARGE
