"""GETs of a JSON API with one token: conditional, counted against its limit, and parsed.

Knows nothing of what a document means. Few requests of one token are made at once.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import urlencode

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.http.dates import date_of
from buildlight.feeds.rate_limit import Allowance, allowance, pause
from buildlight.projects.feed_state import LONGEST_REST

if TYPE_CHECKING:
    from buildlight.feeds.http.client import HttpClient
    from buildlight.feeds.http.messages import Request, Response

KEPT = 100
"""Documents of which the validators are kept, so that an unchanged one costs nothing."""

Taken = TypeVar("Taken")


AT_ONCE = 4
"""Requests of one token on their way at the same time. GitHub bans nobody for fewer than 100, and
asks for few; one at a time, a hundred repositories would wait for each other."""
SMOOTHING = 0.25
"""Weight of the last poll in what a poll costs: the first one asks for more than those after it."""


class Budget:
    """What is left of the limit of one token on one host; all of its feeds share it."""

    def __init__(self) -> None:
        self.turn = asyncio.Semaphore(AT_ONCE)
        self._left: Allowance | None = None
        self._told_at = 0.0
        self._costs: dict[object, float] = {}
        self._paused_until = 0.0
        self._pause: float | None = None

    def check(self, now: float) -> None:
        """Raise :class:`FeedRefused` while no request may be made (*now* is the loop's time)."""
        wait = self._paused_until - now
        if wait > 0:
            sentence = f"rate limit reached; next request in {wait:.0f} s"
            raise FeedRefused(sentence, retry_after=wait)
        if self._left is None or self._left.left > 0:
            return
        wait = self._told_at + self._left.seconds - now
        if wait > 0:
            raise FeedRefused(
                f"rate limit: the last {self._left.remaining} of {self._left.limit} requests are "
                f"left to the token's owner; next request in {wait:.0f} s; raise interval",
                retry_after=wait,
            )

    def note(self, response: "Response", now: float) -> None:
        """Take what an answer says of the limit."""
        self._pause = None
        left = allowance(response.headers)
        if left is not None:
            self._left, self._told_at = left, now

    def refuse(self, refused: FeedRefused, now: float) -> FeedRefused | None:
        """Return a refusal because of the limit, in words; ``None`` if it has another reason."""
        seconds = pause(
            refused.status or 0, refused.headers, reason=refused.reason, before=self._pause
        )
        if seconds is None:
            return None
        self._pause, self._paused_until = seconds, now + seconds
        return FeedRefused(
            f"{refused.status}: rate limit reached; next request in {seconds:.0f} s",
            status=refused.status,
            retry_after=seconds,
        )

    def rest(self, feed: object, requests: int) -> float | None:
        """Return the seconds until *feed*, whose poll cost so many *requests*, is polled again.

        All feeds of the token together keep within the limit at that pace.
        """
        cost = self._costs.get(feed, min(requests, 1))
        self._costs[feed] = cost + SMOOTHING * (requests - cost)
        if self._left is None:
            return None
        return min(self._left.rest(sum(self._costs.values())), LONGEST_REST)

    def leave(self, feed: object) -> None:
        """Forget *feed*, which asks no more."""
        self._costs.pop(feed, None)


class JsonApi:
    """The API at *base*; *request* carries the token, *explain* words a refusal.

    *free_unchanged* says that the server does not count an answer that nothing has changed.
    """

    def __init__(
        self,
        base: str,
        request: "Request",
        *,
        http: "HttpClient",
        budget: Budget,
        explain: Callable[[FeedRefused], FeedRefused],
        free_unchanged: bool = False,
    ) -> None:
        self.now = datetime.fromtimestamp(0, tz=UTC)
        """The server's time of day, from its last answer; ours if it does not tell."""
        self.date: datetime | None = None
        """The server's time of day, if its last answer told it."""
        self.headers: Mapping[str, str] = {}
        """Those of the last answer."""
        self._base = base.rstrip("/")
        self._request = request
        self._http = http
        self._budget = budget
        self._explain = explain
        self._free_unchanged = free_unchanged
        self._known: dict[str, tuple[Request, object]] = {}
        self._requests = 0

    def begin(self) -> None:
        """Begin a poll."""
        self._requests = 0

    def rest(self) -> float | None:
        """Return how many seconds the poll that has been made should lie before the next."""
        return self._budget.rest(self, self._requests)

    async def close(self) -> None:
        """Leave the limit to the other feeds; the connections belong to the network."""
        self._budget.leave(self)

    async def get(self, path: str, **query: str | int) -> object:
        """Return the document at *path*, parsed; raises :class:`FeedError`."""
        return await self.read(path, _whole, **query)

    async def read(self, path: str, take: Callable[[object], Taken], **query: str | int) -> Taken:
        """Return what *take* makes of the document at *path*; only that is kept in memory."""
        return await self._read(self._url(path, query), take)

    async def get_once(self, path: str, **query: str | int) -> object:
        """Return the document at *path*, of which nothing is kept: it is not asked for again."""
        response = await self._send(replace(self._request, url=self._url(path, query)))
        return parse_json(bytes(response.body or b""))

    async def get_at(self, url: str) -> object:
        """Return the document at *url*, which is on the same server."""
        return await self._read(url, _whole)

    def _url(self, path: str, query: Mapping[str, str | int]) -> str:
        return f"{self._base}{path}{'?' if query else ''}{urlencode(query)}"

    async def _read(self, url: str, take: Callable[[object], Taken]) -> Taken:
        request, taken = self._known.pop(url, (replace(self._request, url=url), None))
        response = await self._send(request)
        if response.body is not None:
            taken = take(parse_json(bytes(response.body)))
        self._known[url] = (replace(request, validators=response.validators), taken)
        while len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return cast("Taken", taken)

    async def _send(self, request: "Request") -> "Response":
        loop = asyncio.get_running_loop()
        async with self._budget.turn:
            self._budget.check(loop.time())
            try:
                response = await self._http.get(request)
            except FeedRefused as refused:
                self._requests += 1
                limited = self._budget.refuse(refused, loop.time())
                raise (limited or self._explain(refused)) from refused
        self._requests += response.body is not None or not self._free_unchanged
        self._budget.note(response, loop.time())
        self.headers, self.date = response.headers, date_of(response.headers.get("date"))
        self.now = self.date or datetime.now(tz=UTC)
        return response


def _whole(document: object) -> object:
    return document


def parse_json(body: bytes) -> object:
    """Return the document in *body*; raises :class:`FeedMalformed`."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as exc:
        if body.lstrip()[:1] == b"<":
            raise FeedMalformed("a web page, not JSON; check url and api") from exc
        raise FeedMalformed("not JSON, or cut short; check url and api") from exc
