"""cc.xml over HTTP."""

import asyncio
from dataclasses import replace
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar, Self

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.feed import FeedOptions
from buildlight.feeds.http.dates import date_of
from buildlight.feeds.http.options import HttpOptions
from buildlight.network.origin import ORIGIN
from buildlight.projects.project import Project
from buildlight.redaction import printable

if TYPE_CHECKING:
    from buildlight.feeds.http.client import HttpClient
    from buildlight.feeds.http.messages import Response
    from buildlight.feeds.sharing import Network


class CCTrayOptions(HttpOptions):
    """The keys of a feed of kind ``cctray``: those of everything over HTTP."""


class CCTrayFeed:
    """A cc.xml document at an address."""

    Options: ClassVar[type[FeedOptions]] = CCTrayOptions

    def __init__(self, options: CCTrayOptions, client: "HttpClient") -> None:
        self._client = client
        self._digest = b""
        self._projects: tuple[Project, ...] = ()
        self._request = options.request()
        self.date: datetime | None = None
        """The server's time of day at its last answer."""

    @classmethod
    def open(cls, options: CCTrayOptions, *, network: "Network") -> Self:
        """Return the feed that *options* describe."""
        return cls(options, network.http)

    async def read(self) -> tuple[Project, ...]:
        """Return the projects; the same tuple if the document has not changed."""
        async with self._client.answer(self._request) as response:
            if response.body is not None:
                digest = blake2b(response.body).digest()
                if digest != self._digest:
                    self._projects = await _parsed(response)
                    self._digest = digest
        self.date = date_of(response.headers.get("Date"))
        # Only now: the validators belong to the last document that was a feed.
        self._request = replace(self._request, validators=response.validators)
        return self._projects

    async def close(self) -> None:
        """Release nothing: each request has a connection of its own."""


async def _parsed(response: "Response") -> tuple[Project, ...]:
    """Parse in slices, so that 16 MiB do not hold up every other feed."""
    # Imported when there is a document: the lamps show their first frame sooner.
    from buildlight.projects import ccxml, encoding  # noqa: PLC0415

    document = bytes(response.body or b"")
    content_type = response.headers.get("Content-Type", "")
    try:
        parsing = ccxml.parse_in_slices(encoding.in_utf8(document, content_type))
        while True:
            next(parsing)
            await asyncio.sleep(0)
    except StopIteration as done:
        return _of_others(done.value)
    except (FeedMalformed, FeedRefused) as exc:
        if response.redirected_to is None:
            raise
        host = printable(response.redirected_to)
        raise FeedRefused(f"redirected to {host}, perhaps to log in ({exc}); set auth") from exc


def _of_others(projects: tuple[Project, ...]) -> tuple[Project, ...]:
    """Return *projects* without rows of this daemon: two that read each other would grow."""
    others = tuple(project for project in projects if ORIGIN not in project.marks)
    if projects and not others:
        raise FeedRefused(
            "every project in it comes from this daemon, which would read itself; remove this feed"
        )
    return others
