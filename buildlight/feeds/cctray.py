"""cc.xml over HTTP."""

import asyncio
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar, Self

from buildlight.errors import FeedMalformed, FeedRefused
from buildlight.feeds.feed import FeedOptions
from buildlight.feeds.http.options import HttpOptions
from buildlight.projects.project import Project
from buildlight.redaction import printable

if TYPE_CHECKING:
    from buildlight.feeds.http.client import Web
    from buildlight.feeds.sharing import Network


class CCTrayOptions(HttpOptions):
    """The keys of a feed of kind ``cctray``: those of everything over HTTP."""


class CCTrayFeed:
    """A cc.xml document at an address."""

    Options: ClassVar[type[FeedOptions]] = CCTrayOptions

    def __init__(self, options: CCTrayOptions, web: "Web") -> None:
        self._web = web
        self._digest = b""
        self._projects: tuple[Project, ...] = ()
        self._asked = options.request()

    @classmethod
    def open(cls, options: CCTrayOptions, *, network: "Network") -> Self:
        """Return the feed that *options* describe."""
        return cls(options, network.http)

    async def read(self) -> tuple[Project, ...]:
        """Return the projects; the same tuple if the document has not changed."""
        answer = await self._web.get(self._asked)
        if answer.body is None:
            return self._projects
        digest = blake2b(answer.body).digest()
        if digest != self._digest:
            self._projects = await _parsed(bytes(answer.body), host=answer.host)
            self._digest = digest
        # Only now: what is remembered belongs to the last document that was a feed.
        self._asked = replace(
            self._asked,
            etag=answer.etag,
            last_modified=answer.last_modified,
            said_by=answer.said_by,
        )
        return self._projects

    async def close(self) -> None:
        """Release nothing; the connections belong to the network."""


async def _parsed(document: bytes, *, host: str | None) -> tuple[Project, ...]:
    """Parse in slices, so that 16 MiB do not hold up every other feed."""
    # Imported when there is a document: the lamps show their first frame sooner.
    from buildlight.projects import ccxml  # noqa: PLC0415

    parsing = ccxml.parse_in_slices(document)
    try:
        while True:
            next(parsing)
            await asyncio.sleep(0)
    except StopIteration as done:
        return tuple(done.value)
    except (FeedMalformed, FeedRefused) as exc:
        if host is None:
            raise
        raise FeedRefused(
            f"redirected to {printable(host)}, perhaps to log in ({exc}); set auth"
        ) from exc
