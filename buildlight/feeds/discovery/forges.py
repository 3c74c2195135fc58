"""Recognises forges such as GitHub and GitLab, which have an API instead of a cc.xml feed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from pydantic import ValidationError

from buildlight.errors import ConfigError, FeedError, FeedRefused, FeedUnreachable
from buildlight.feeds import kind_of, load_kind
from buildlight.feeds.feed import FeedKind
from buildlight.feeds.forge.options import ForgeOptions, path_of
from buildlight.feeds.secret import Secret

if TYPE_CHECKING:
    from buildlight.feeds.http.client import HttpClient

PATIENCE = 10.0
"""Seconds for one question."""
DEEPEST = 2
"""Folders below which a forge is looked for."""
LARGEST = 4096
"""Bytes of an answer that are looked at."""


@dataclass(frozen=True, slots=True)
class Forge:
    """A repository at *url* on a forge of *kind*; *api* is where it cannot be derived."""

    kind: type[FeedKind]
    url: str
    api: str | None = None

    @property
    def has_ccxml(self) -> bool:
        """Whether its server publishes a cc.xml, too."""
        return issubclass(self.kind.Options, ForgeOptions) and self.kind.Options.has_ccxml

    def options(self, secret: Secret | None) -> ForgeOptions:
        """Return the options of a feed; raises :class:`ConfigError` for an address that is none."""
        of_kind = self.kind.Options
        assert issubclass(of_kind, ForgeOptions)  # noqa: S101 - for the type checker
        keys = {"url": self.url, "api": self.api, "auth": secret and of_kind.auth_with(secret)}
        try:
            return of_kind.model_validate({key: each for key, each in keys.items() if each})
        except ValidationError as exc:
            told = exc.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
            raise ConfigError(f"URL: {told}") from None


@dataclass(frozen=True, slots=True)
class _Probe:
    """A question that only one kind of forge answers with one of *words*, at *path*."""

    kind: str
    path: str
    api: str
    words: tuple[str, ...]


# Forgejo answers as Gitea does, too, so it is asked first. GitLab and GitHub Enterprise may want a
# login even for their version.
_PROBES = (
    _Probe("forgejo", "/api/forgejo/v1/version", "/api/v1", ('"version"',)),
    _Probe("gitea", "/api/v1/version", "/api/v1", ('"version"',)),
    _Probe("gitlab", "/api/v4/version", "/api/v4", ('"401 unauthorized"', '"revision"')),
    _Probe("github", "/api/v3/meta", "/api/v3", ('"installed_version"', "must authenticate")),
)


def known_forge(url: str) -> Forge | None:
    """Return the forge of a host that everybody knows."""
    kind = _load(kind_of(url))
    return None if kind is None else Forge(kind, _tidied(kind, url))


async def find_forge(url: str, client: "HttpClient") -> Forge | None:
    """Ask the server of *url* which forge it is; ``None`` if it is none, or nobody answers."""
    if path_of(url).count("/") < 1:
        return None
    for root in _roots(url):
        for probe in _PROBES:
            kind = _load(probe.kind)
            if kind is None:
                continue
            try:
                said = await _answer(root + probe.path, client)
            except FeedUnreachable:
                return None
            if said.startswith("{") and any(word in said for word in probe.words):
                api = root + probe.api if urlsplit(root).path else None
                return Forge(kind, _tidied(kind, url, api=api), api)
    return None


def _load(name: str) -> type[FeedKind] | None:
    try:
        kind = load_kind(name)
    except ConfigError:
        return None
    return kind if issubclass(kind.Options, ForgeOptions) else None


def _roots(url: str) -> Iterator[str]:
    """Yield where a forge may be whose repository is at *url*: at the top, or below a path."""
    parts = urlsplit(url)
    folders = path_of(url).split("/")
    for depth in range(min(DEEPEST, len(folders) - 2) + 1):
        path = "".join(f"/{each}" for each in folders[:depth])
        yield urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def _tidied(kind: type[FeedKind], url: str, *, api: str | None = None) -> str:
    """Return the address of the repository that *url* is a page of."""
    plain = urlunsplit(urlsplit(url)._replace(query="", fragment=""))
    try:
        name = Forge(kind, plain, api).options(None).full_name
    except ConfigError:
        return plain
    head, found, _ = plain.partition(f"/{name}")
    return head + found if found else plain


async def _answer(url: str, client: "HttpClient") -> str:
    """Return how the answer begins, in lower case; raises :class:`FeedUnreachable`."""
    from buildlight.feeds.http.messages import Request  # noqa: PLC0415 - imports httpx

    headers = (("Accept", "application/json"),)
    request = Request(url, headers=headers, timeout=PATIENCE, reads_refusals=True)
    try:
        response = await client.get(request)
    except FeedRefused as refused:
        return refused.reason.lstrip()
    except FeedUnreachable:
        raise
    except FeedError:
        return ""
    return bytes(response.body or b"")[:LARGEST].decode(errors="replace").lower().lstrip()
