"""Caches on the way: answers that are older than they look."""

import re
from secrets import token_hex

from buildlight.errors import FeedRefused
from buildlight.feeds.http.validators import Validators
from buildlight.network.http_library import httpx

OLDEST = 60
"""Seconds that an answer may have spent in a cache."""

_AGE = re.compile(r"(?:^|,)\s*(\d{1,12})\d*\s*(?=,|$)", re.ASCII)
"""Each number in Age: each of several caches may have added its own."""

_WARNING = re.compile(r"(?:^|,)\s*(11[012])(?= |$)")
"""Warnings of a cache that could not ask the server (RFC 7234, section 5.5)."""

_REMEDY = "exempt this address from caching, or set cache_buster = true"


def refuse_old(response: httpx.Response, validators: Validators, *, now: float) -> None:
    """Raise :class:`FeedRefused` for an answer that a cache kept although it was told not to."""
    age = max(map(int, _AGE.findall(response.headers.get("Age", ""))), default=0)
    warning = _WARNING.search(response.headers.get("Warning", ""))
    if age > OLDEST:
        why = f"answer that is {age} s old"
    elif warning is not None:
        why = f"old answer (Warning: {warning[1]})"
    elif validators.date_age(response, now=now) > OLDEST:
        why = f"old answer (its Date has not changed for {OLDEST} s)"
    else:
        return
    raise FeedRefused(f"a cache sent an {why}; {_REMEDY}")


def with_cache_buster(url: str) -> str:
    """Return *url* with a query parameter that no request had before, so that no cache knows it."""
    parts = httpx.URL(url)
    buster = f"buildlight={token_hex(8)}".encode()
    return str(parts.copy_with(query=b"&".join(filter(None, (parts.query, buster)))))
