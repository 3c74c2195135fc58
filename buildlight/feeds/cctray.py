"""cc.xml over HTTP: the address of one feed, and reading it."""

import asyncio
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar, Self
from urllib.parse import urlsplit

from pydantic import field_validator, model_validator

from buildlight import cctray
from buildlight.errors import FeedError, FeedMalformed, FeedRefused
from buildlight.feeds import FeedOptions
from buildlight.feeds.auth import HOLE, Auth
from buildlight.project import Project
from buildlight.redaction import printable, scrub, secrets_in, shown

if TYPE_CHECKING:
    from buildlight.feeds.fetch import Asked, Web  # options are checked without httpx


class CCTrayOptions(FeedOptions):
    """The keys of a feed over HTTP.

    ``url``: where the document is, http or https; ``auth``: how to be let in; ``ca_file``: an
    authority to trust besides the system's; ``verify = false``: trust anybody.
    """

    url: str
    auth: Auth | None = None
    ca_file: str | None = None
    verify: bool = True

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

    @field_validator("ca_file")
    @classmethod
    def _is_a_certificate(cls, ca_file: str | None) -> str | None:
        import ssl  # noqa: PLC0415 - only who names a file needs it now

        if ca_file is not None:
            try:
                ssl.create_default_context(cafile=ca_file)
            except OSError as exc:
                raise ValueError("is no file with a certificate in PEM form") from exc
        return ca_file

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        in_path = self.auth is not None and self.auth.kind == "path"
        if in_path != (HOLE in self.url):
            raise ValueError(f'{HOLE} in the url and auth = {{ kind = "path" }} go together')
        if self.auth is not None and "@" in urlsplit(self.url).netloc:
            raise ValueError("the url holds a user already; take it out, or auth")
        return self

    @property
    def shown(self) -> str:
        """The address without secrets."""
        return shown(self.url)

    @property
    def suggested_name(self) -> str:
        """The server's host."""
        return urlsplit(self.url).hostname or "feed"

    @property
    def warning(self) -> str | None:
        """What should be said aloud at every start."""
        if self.verify:
            return None
        return "verify = false: anybody on the way can pretend to be this server"

    @property
    def secrets(self) -> frozenset[str]:
        """Everything that must never be shown."""
        return secrets_in(self.url) | (self.auth.secrets if self.auth else frozenset())


class CCTrayFeed:
    """A cc.xml document at an address."""

    Options: ClassVar[type[FeedOptions]] = CCTrayOptions

    def __init__(self, options: CCTrayOptions, *, web: "Web") -> None:
        self._options = options
        self._web = web
        self._digest = b""
        self._projects: tuple[Project, ...] = ()
        self._asked = _asked(options)

    async def read(self) -> tuple[Project, ...]:
        """Return the projects; the same tuple if the server has nothing new to say.

        No text of it holds a secret, even where the server echoes what it was asked.
        """
        try:
            return await self._read()
        except FeedError as exc:
            # The sentence may repeat what the server wrote.
            exc.args = (scrub(str(exc), self._options.secrets),)
            raise

    async def _read(self) -> tuple[Project, ...]:
        answer = await self._web.get(self._asked)
        if answer.body is None:
            return self._projects
        digest = blake2b(answer.body).digest()
        if digest != self._digest:
            projects = await _parsed(answer.body, host=answer.host)
            self._projects = _scrubbed(projects, self._options.secrets)
            self._digest = digest
        # Not before it turned out to be a feed: what is remembered belongs to the last good one.
        self._asked = replace(self._asked, etag=answer.etag, last_modified=answer.last_modified)
        return self._projects

    async def close(self) -> None:
        """Nothing is held; the connections are the Web's."""


def _asked(options: CCTrayOptions) -> "Asked":
    from buildlight.feeds.fetch import Asked, Tls  # noqa: PLC0415 - httpx is imported with it

    asked = Asked(
        options.url,
        secrets=options.secrets,
        tls=Tls(ca_file=options.ca_file, verify=options.verify),
    )
    return asked if options.auth is None else replace(asked, dress=options.auth.dress)


async def _parsed(document: bytes, *, host: str | None) -> tuple[Project, ...]:
    """Parse with a breath between slices: 16 MiB in one go would hold up every other feed."""
    parsing = cctray.parse_in_slices(document)
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


def _scrubbed(projects: tuple[Project, ...], secrets: frozenset[str]) -> tuple[Project, ...]:
    if not secrets:
        return projects
    return tuple(
        replace(
            project,
            name=scrub(project.name, secrets),
            activity=scrub(project.activity, secrets),
            last_build_status=scrub(project.last_build_status, secrets),
            last_build_label=scrub(project.last_build_label, secrets),
            web_url=scrub(project.web_url, secrets),
            messages=tuple(
                replace(each, text=scrub(each.text, secrets)) for each in project.messages
            ),
        )
        for project in projects
    )
