"""GETs of a JSON API with one token: conditional, counted against its limit, and parsed.

Knows nothing of what a document means. Requests of one token are made one after the other.
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.rate_limit import LONGEST_REST, Allowance, allowance, pause

if TYPE_CHECKING:
    from buildlight.feeds.http.client import HttpClient
    from buildlight.feeds.http.messages import Request, Response

KEPT = 100
"""Documents of which the validators are kept, so that an unchanged one costs nothing."""


class Budget:
    """What is left of the limit of one token on one host; all of its feeds share it."""

    def __init__(self) -> None:
        self.turn = asyncio.Lock()
        self._left: Allowance | None = None
        self._paused_until = 0.0
        self._pause: float | None = None

    def check(self, now: float) -> None:
        """Raise :class:`FeedRefused` while the server wants to be left alone (loop time *now*)."""
        wait = self._paused_until - now
        if wait > 0:
            sentence = f"rate limit reached; next request in {wait:.0f} s"
            raise FeedRefused(sentence, retry_after=wait)

    def note(self, response: "Response") -> None:
        """Take what an answer says of the limit."""
        self._pause = None
        self._left = allowance(response.headers) or self._left

    def refuse(self, refused: FeedRefused, now: float) -> FeedRefused | None:
        """Return a refusal because of the limit, in words; ``None`` if it has another reason."""
        seconds = pause(refused.status or 0, refused.headers, before=self._pause)
        if seconds is None:
            return None
        self._pause, self._paused_until = seconds, now + seconds
        return FeedRefused(
            f"{refused.status}: rate limit reached; next request in {seconds:.0f} s",
            status=refused.status,
            retry_after=seconds,
        )

    def rest(self, requests: int) -> float | None:
        """Return the seconds between two polls of so many *requests* that the limit allows."""
        return min(self._left.rest(requests), LONGEST_REST) if self._left else None


class JsonApi:
    """The API at *base*; *request* carries the token, *explain* words a refusal."""

    def __init__(
        self,
        base: str,
        request: "Request",
        *,
        http: "HttpClient",
        budget: Budget,
        explain: Callable[[FeedRefused], FeedRefused],
    ) -> None:
        self.now = datetime.fromtimestamp(0, tz=UTC)
        """The server's time of day, from its last answer."""
        self.changed = False
        """Whether any document has changed since :meth:`begin`."""
        self._base = base.rstrip("/")
        self._request = request
        self._http = http
        self._budget = budget
        self._explain = explain
        self._known: dict[str, tuple[Request, object]] = {}
        self._requests = 0

    def begin(self) -> None:
        """Begin a poll."""
        self.changed = False
        self._requests = 0

    def rest(self) -> float | None:
        """Return how many seconds the poll that has been made should lie before the next."""
        return self._budget.rest(max(self._requests, 1))

    async def get(self, path: str, **query: str | int) -> object:
        """Return the document at *path*, parsed; raises :class:`FeedError`."""
        url = f"{self._base}{path}{'?' if query else ''}{urlencode(query)}"
        request, document = self._known.pop(url, (replace(self._request, url=url), None))
        response = await self._send(request)
        if response.body is not None:
            document = parse_json(bytes(response.body))
            self.changed = True
        self._known[url] = (replace(request, validators=response.validators), document)
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return document

    async def _send(self, request: "Request") -> "Response":
        loop = asyncio.get_running_loop()
        async with self._budget.turn:
            self._budget.check(loop.time())
            self._requests += 1
            try:
                response = await self._http.get(request)
            except FeedRefused as refused:
                limited = self._budget.refuse(refused, loop.time())
                raise (limited or self._explain(refused)) from refused
        self._budget.note(response)
        self.now = _date(response.headers.get("date"))
        return response


def parse_json(body: bytes) -> object:
    """Return the document in *body*; raises :class:`FeedMalformed`."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as exc:
        if body.lstrip()[:1] == b"<":
            raise FeedMalformed("a web page, not JSON; check url and api") from exc
        raise FeedMalformed("not JSON, or cut short; check url and api") from exc


def _date(text: str | None) -> datetime:
    try:
        told = parsedate_to_datetime(text or "")
    except (TypeError, ValueError, OverflowError):
        return datetime.now(tz=UTC)
    return told if told.tzinfo else told.replace(tzinfo=UTC)
