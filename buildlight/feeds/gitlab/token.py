"""When the token of a GitLab feed ends: GitLab says so at an address of its own."""

from collections.abc import Iterator
from datetime import datetime

from buildlight.errors import FeedRefused
from buildlight.feeds.forge.expiry import expiry_notice
from buildlight.feeds.forge.rows import text
from buildlight.feeds.json_api import JsonApi

EVERY = 86_400.0
"""Seconds between two questions."""
_NOT_TOLD = (401, 403, 404)
"""Refusals to a token that may not ask about itself, and to one of another kind."""


class Token:
    """The token of *api*; *url* is where it is described."""

    def __init__(self, api: JsonApi, url: str) -> None:
        self._api = api
        self._url = url
        self._asked_at: datetime | None = None
        self._end = ""

    async def ask(self) -> None:
        """Ask when it ends, once a day."""
        now = self._api.now
        if self._asked_at is not None and (now - self._asked_at).total_seconds() < EVERY:
            return
        try:
            about = await self._api.get_at(self._url)
        except FeedRefused as refused:
            if refused.status not in _NOT_TOLD:
                raise
        else:
            self._end = text(about, "expires_at") if isinstance(about, dict) else ""
        self._asked_at = now

    def notices(self) -> Iterator[str]:
        """Yield a sentence if it ends soon."""
        yield from expiry_notice(self._end, now=self._api.now)
