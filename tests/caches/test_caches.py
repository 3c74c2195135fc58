"""Caches in front of a CI server that dies: none keeps a lamp green, but one that hides its age."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import ExitStack
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path

import pytest

from buildlight.errors import FeedError
from buildlight.feeds.http import freshness
from buildlight.feeds.http.client import HttpClient
from buildlight.feeds.http.messages import Request
from caches.cache_servers import CACHES, cache, program
from support.fetching import visit
from support.servers import Answer, FeedServer
from support.servers import Request as Asked

PERIOD = 0.25
"""Seconds between two polls."""
PATIENCE = 4.0
"""Seconds within which a dead CI server has to show, with OLDEST at 1 s."""


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second is a long time, and no proxy of the environment is in the way."""
    monkeypatch.setattr(freshness, "OLDEST", 1)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


def dated(_request: Asked) -> Answer:
    """Return what a CI server with a clock says, which wants its answer to be kept."""
    headers = {"Date": formatdate(usegmt=True), "Cache-Control": "max-age=3600"}
    return Answer(headers=headers)


async def _answers(request: Request) -> AsyncIterator[FeedError | None]:
    """Poll again and again; yield what was wrong."""
    client = HttpClient()
    while True:
        try:
            response = await client.get(request)
        except FeedError as error:
            yield error
        else:
            request = replace(request, validators=response.validators)
            yield None
        await asyncio.sleep(PERIOD)


def after_death(name: str, folder: Path, *, more: str = "", buster: bool = False) -> str | None:
    """Return what a feed says once the CI server behind the cache *name* is dead, if anything."""
    if program(name) is None and not os.environ.get("CI"):
        pytest.skip(f"{name} is not installed")

    async def polls(url: str, dying: ExitStack) -> str | None:
        answers = _answers(Request(url, cache_buster=buster))
        assert await anext(answers) is None
        await asyncio.to_thread(dying.close)
        end = asyncio.get_running_loop().time() + PATIENCE
        async for error in answers:
            if error is not None or asyncio.get_running_loop().time() > end:
                return None if error is None else str(error)
        return None

    with ExitStack() as dying:
        ci = dying.enter_context(FeedServer())
        ci.respond = dated
        with cache(name, origin=ci.port, folder=folder / name, more=more) as url:
            return visit(lambda _client: polls(url, dying))


@pytest.mark.parametrize("name", [name for name in CACHES if name != "nginx"])
def test_a_cache_that_tells_keeps_no_lamp_green(name: str, tmp_path: Path) -> None:
    """The CI server is dead, and the cache says by Age or Warning that its answer is old."""
    assert (after_death(name, tmp_path) or "").startswith("a cache sent an ")


def test_nginx_that_passes_the_date_on_keeps_no_lamp_green(tmp_path: Path) -> None:
    """A Date that stands still is enough."""
    told = after_death("nginx", tmp_path, more="proxy_pass_header Date;")

    assert (told or "").startswith("a cache sent an old answer (its Date has not changed for")


def test_nginx_gives_nothing_away(tmp_path: Path) -> None:
    """It answers with a Date of its own and no Age: this is what the manual warns of."""
    assert after_death("nginx", tmp_path) is None


@pytest.mark.parametrize("name", CACHES)
def test_a_cache_buster_gets_past_every_cache(name: str, tmp_path: Path) -> None:
    """With `cache_buster = true` a dead CI server shows at the next poll."""
    told = after_death(name, tmp_path, buster=True)

    assert (told or "")[:4] in ("502 ", "503 ", "504 ")
