"""Opens the API of one repository, and words what it refuses."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from buildlight.errors import FeedRefused
from buildlight.feeds.forge.options import ForgeOptions
from buildlight.feeds.json_api import Budget, JsonApi

if TYPE_CHECKING:
    from buildlight.feeds.sharing import Network


def open_api(
    options: ForgeOptions,
    network: "Network",
    *,
    headers: tuple[tuple[str, str], ...],
    sentence: Callable[[FeedRefused], str],
    free_unchanged: bool = False,
) -> JsonApi:
    """Return the API of the repository of *options*, asked with *headers* besides its own.

    Its limit is shared by every feed of the same server and token. *sentence* is what a refusal
    means; an empty one leaves the words that it has. *free_unchanged* says that the server does
    not count a 304 against the limit of a token.
    """
    request = options.request()
    key = (urlsplit(options.base).netloc, options.auth)
    return JsonApi(
        options.base,
        replace(request, headers=(*headers, *request.headers), reads_refusals=True),
        http=network.http,
        budget=network.shared(key, Budget),
        free_unchanged=free_unchanged and options.auth is not None,
        explain=lambda refused: _reworded(refused, sentence(refused)),
    )


def _reworded(refused: FeedRefused, sentence: str) -> FeedRefused:
    return FeedRefused(
        sentence or str(refused),
        status=refused.status,
        retry_after=refused.retry_after,
        headers=refused.headers,
        reason=refused.reason,
    )
