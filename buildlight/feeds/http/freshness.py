"""Caches on the way: answers that are older than they look."""

from secrets import token_hex

import httpx

from buildlight.errors import FeedRefused
from buildlight.feeds.http.validators import Validators

OLDEST = 60
"""Seconds that an answer may have spent in a cache."""

_STALE = frozenset({"110", "111", "112"})
"""Warnings of a cache that could not ask the server (RFC 7234, section 5.5)."""

_REMEDY = "exempt this address from caching, or set cache_buster = true"


def refuse_old(response: httpx.Response, validators: Validators, *, now: float) -> None:
    """Raise :class:`FeedRefused` for an answer that a cache kept although it was told not to."""
    age = _age(response)
    if age > OLDEST:
        raise FeedRefused(f"a cache sent an answer that is {age} s old; {_REMEDY}")
    stale = _STALE & {each.split(" ")[0] for each in _members(response, "Warning")}
    if stale:
        raise FeedRefused(f"a cache sent an old answer (Warning: {min(stale)}); {_REMEDY}")
    if validators.date_age(response, now=now) > OLDEST:
        raise FeedRefused(
            f"a cache sent an old answer (its Date has not changed for {OLDEST} s); {_REMEDY}"
        )


def _age(response: httpx.Response) -> int:
    """Return the seconds of the oldest Age: each of several caches may have added its own."""
    numbers = (each[:12] for each in _members(response, "Age") if each.isdecimal())
    return max(map(int, numbers), default=0)


def _members(response: httpx.Response, header: str) -> list[str]:
    return [each.strip() for each in response.headers.get(header, "").split(",")]


def with_cache_buster(url: str) -> str:
    """Return *url* with a query parameter that no request had before, so that no cache knows it."""
    parts = httpx.URL(url)
    buster = f"buildlight={token_hex(8)}".encode()
    return str(parts.copy_with(query=b"&".join(filter(None, (parts.query, buster)))))
