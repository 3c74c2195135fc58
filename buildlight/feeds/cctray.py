"""cc.xml over HTTP: the address of one feed, and reading it."""

import asyncio
from collections.abc import Collection
from dataclasses import replace
from hashlib import blake2b
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, ValidationInfo, field_validator

from buildlight.errors import FeedError, FeedMalformed, FeedRefused
from buildlight.feeds import FeedOptions
from buildlight.feeds.auth import HOLE, Auth
from buildlight.projects.project import ACTIVITY_WORDS, STATUS_WORDS, Project
from buildlight.redaction import printable, scrub, secrets_in, shown

if TYPE_CHECKING:
    from buildlight.feeds.http.client import Asked, Web  # options are checked without httpx


class CCTrayOptions(FeedOptions):
    """The keys of a feed over HTTP.

    ``url``: where the document is, http or https; ``auth``: how to be let in; ``ca_file``: an
    authority to trust besides the system's; ``verify = false``: trust anybody.
    """

    url: str
    auth: Auth | None = Field(default=None, validate_default=True)
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

    @field_validator("auth")
    @classmethod
    def _one_way_in(cls, auth: Auth | None, info: ValidationInfo) -> Auth | None:
        if "url" not in info.data:
            return auth  # Its own mistake is told already.
        parts = urlsplit(info.data["url"])
        in_path = auth is not None and auth.kind == "path"
        if in_path != (HOLE in parts.path) or HOLE in parts.netloc + parts.query:
            raise ValueError(f'{HOLE} in the path of the url and kind = "path" go together')
        if auth is not None and "@" in parts.netloc:
            raise ValueError("the url holds a user already; take it out, or auth")
        return auth

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
            # Before it is cut: half a secret would not be recognised.
            host = answer.host and scrub(answer.host, self._options.secrets)
            projects = await _parsed(bytes(answer.body), host=host)
            self._projects = _scrubbed(projects, self._options.secrets)
            self._digest = digest
        # Not before it turned out to be a feed: what is remembered belongs to the last good one.
        self._asked = replace(
            self._asked,
            etag=answer.etag,
            last_modified=answer.last_modified,
            said_by=answer.said_by,
        )
        return self._projects

    async def close(self) -> None:
        """Nothing is held; the connections are the Web's."""


def _asked(options: CCTrayOptions) -> "Asked":
    from buildlight.feeds.http.client import Asked, Tls  # noqa: PLC0415 - httpx is imported with it

    asked = Asked(
        options.url,
        secrets=options.secrets,
        tls=Tls(ca_file=options.ca_file, verify=options.verify),
    )
    return asked if options.auth is None else replace(asked, dress=options.auth.dress)


async def _parsed(document: bytes, *, host: str | None) -> tuple[Project, ...]:
    """Parse with a breath between slices: 16 MiB in one go would hold up every other feed."""
    # Not before there is a document: the lamps show their first frame sooner.
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


def _scrubbed(projects: tuple[Project, ...], secrets: frozenset[str]) -> tuple[Project, ...]:
    if not secrets:
        return projects
    return tuple(
        replace(
            project,
            name=scrub(project.name, secrets),
            activity=_scrubbed_word(project.activity, ACTIVITY_WORDS, secrets),
            last_build_status=_scrubbed_word(project.last_build_status, STATUS_WORDS, secrets),
            last_build_label=scrub(project.last_build_label, secrets),
            web_url=scrub(project.web_url, secrets),
            messages=tuple(
                replace(each, text=scrub(each.text, secrets), kind=scrub(each.kind, secrets))
                for each in project.messages
            ),
        )
        for project in projects
    )


def _scrubbed_word(word: str, known: Collection[str], secrets: frozenset[str]) -> str:
    """Leave the words of the trade alone: a password of one letter must not hide a ``Failure``."""
    return word if word.strip().lower() in known else scrub(word, secrets)
