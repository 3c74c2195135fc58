"""cc.xml over HTTP: the address of one feed, and reading it."""

import asyncio
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from pydantic import field_validator

from buildlight import cctray
from buildlight.feeds import FeedOptions
from buildlight.project import Project
from buildlight.redaction import shown

if TYPE_CHECKING:
    from buildlight.feeds.fetch import Web  # not at run time: options are checked without httpx


class CCTrayOptions(FeedOptions):
    """``url``: where the document is, http or https, with its token if it needs one."""

    url: str

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        try:
            parts = urlsplit(url)
            whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        except ValueError:
            whole = False
        if not whole or any(letter.isspace() or not letter.isprintable() for letter in url):
            raise ValueError("is no address; write it as https://ci.example/cc.xml")
        return url

    @property
    def shown(self) -> str:
        """The address without secrets."""
        return shown(self.url)

    @property
    def suggested_name(self) -> str:
        """The server's host."""
        return urlsplit(self.url).hostname or "feed"


class CCTrayFeed:
    """A cc.xml document at an address."""

    Options: ClassVar[type[FeedOptions]] = CCTrayOptions

    def __init__(self, options: CCTrayOptions, *, web: "Web") -> None:
        self._url = options.url
        self._web = web
        self._digest = b""
        self._projects: tuple[Project, ...] = ()

    async def read(self) -> tuple[Project, ...]:
        """Return the projects; the same tuple if the document has not changed by a byte."""
        document = await self._web.get(self._url)
        digest = blake2b(document).digest()
        if digest != self._digest:
            self._projects = await _parsed(document)
            self._digest = digest
        return self._projects

    async def close(self) -> None:
        """Nothing is held; the connections are the Web's."""


async def _parsed(document: bytes) -> tuple[Project, ...]:
    """Parse with a breath between slices: 16 MiB in one go would hold up every other feed."""
    parsing = cctray.parse_in_slices(document)
    while True:
        try:
            next(parsing)
        except StopIteration as done:
            return tuple(done.value)
        await asyncio.sleep(0)
