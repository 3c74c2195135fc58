"""The keys that every kind of feed over HTTP has."""

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from hashlib import blake2b
from ipaddress import ip_address
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from buildlight.feeds.auth import HOLE, TOO_SHORT, Auth
from buildlight.feeds.feed import FeedOptions
from buildlight.feeds.schedule import DEADLINE
from buildlight.redaction import SHORTEST_SECRET, identifying, looks_random, secrets_in, shown

if TYPE_CHECKING:
    from buildlight.feeds.http.messages import Request  # options are checked without httpx

Headers = tuple[tuple[str, str], ...]


def _pairs(headers: Any) -> Any:
    """Return a table as pairs: options have to be hashable."""
    if isinstance(headers, tuple):
        return headers
    if not isinstance(headers, Mapping):
        raise ValueError("should be a table")  # noqa: TRY004 - pydantic collects ValueErrors
    if not all(isinstance(value, str) for value in headers.values()):
        raise ValueError("every value should be a string")
    return tuple(headers.items())


class HttpOptions(FeedOptions):
    """Where a document is, and how it is requested. A kind over HTTP derives its own."""

    url: str = Field(
        examples=["https://ci.example/cc.xml"], description="address of the feed, http or https"
    )
    auth: Auth | None = Field(
        examples=[{"kind": "basic", "user": "lamp", "secret": "jenkins"}],
        default=None,
        validate_default=True,
        description="authentication; none unless set",
    )
    ca_file: str | None = Field(
        examples=["/etc/ssl/our-ca.pem"],
        default=None,
        description="file with certificates (PEM) to trust besides those of the system",
    )
    verify: bool = Field(
        default=True,
        description="check the server's certificate; false is insecure and logged at every start",
    )
    client_cert: str | None = Field(
        examples=["/etc/buildlight/lamp.pem"],
        default=None,
        description="file with the certificate (PEM) that this machine shows to the server",
    )
    client_key: str | None = Field(
        examples=["/etc/buildlight/lamp.key"],
        default=None,
        validate_default=True,
        description="file with the key (PEM) of `client_cert`, if it is not in the same file",
    )
    headers: Annotated[Headers, BeforeValidator(_pairs, json_schema_input_type=dict[str, str])] = (
        Field(
            examples=[{"X-Lamp": "office"}],
            default=(),
            description="table of extra request headers; they are not secret, use `auth`",
        )
    )
    timeout: float = Field(
        default=DEADLINE,
        ge=1,
        le=120,
        description="seconds that one request may take, redirects and body included",
    )
    cache_buster: bool = Field(
        default=False,
        description="add a changing query parameter to every request, for caches that hide "
        "the age of what they kept",
    )

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        check_address(url)
        parts = urlsplit(url)
        # GitHub and others take a token as the user, and any password.
        short = 0 < len(unquote(parts.password or "")) < SHORTEST_SECRET
        if short and not looks_random(unquote(parts.username or "")):
            raise ValueError(TOO_SHORT.format("password in it"))
        return url

    @field_validator("ca_file")
    @classmethod
    def _is_a_certificate(cls, ca_file: str | None) -> str | None:
        import ssl  # noqa: PLC0415 - only a feed with a ca_file needs it now

        if ca_file is not None:
            try:
                ssl.create_default_context(cafile=ca_file)
            except OSError as exc:
                raise ValueError("is not a file with certificates in PEM form") from exc
        return ca_file

    @field_validator("client_key")
    @classmethod
    def _fits_the_certificate(cls, client_key: str | None, info: ValidationInfo) -> str | None:
        client_cert = info.data.get("client_cert")
        if client_cert is None:
            if client_key is not None:
                raise ValueError("needs client_cert")
            return None
        from buildlight.network.tls import Tls  # noqa: PLC0415 - imports ssl

        try:
            Tls(client_cert=client_cert, client_key=client_key).context()
        except OSError as exc:
            raise ValueError(
                "and client_cert are not a certificate and its key in PEM form, without a password"
            ) from exc
        return client_key

    @field_validator("auth")
    @classmethod
    def _one_way_in(cls, auth: Auth | None, info: ValidationInfo) -> Auth | None:
        if "url" not in info.data:
            return auth  # The error of the url is enough.
        parts = urlsplit(info.data["url"])
        in_path = auth is not None and auth.kind == "path"
        if in_path != (HOLE in parts.path) or HOLE in parts.netloc + parts.query:
            raise ValueError(f'{HOLE} in the path of the url and kind = "path" go together')
        if auth is not None and "@" in parts.netloc:
            raise ValueError("the url already has a user; remove it, or auth")
        return auth

    @field_validator("headers")
    @classmethod
    def _can_be_sent(cls, headers: Headers) -> Headers:
        for name, value in headers:
            if not _TOKEN.fullmatch(name):
                raise ValueError("has a key that is not the name of a header")
            if name.lower() in _OURS:
                raise ValueError(f"cannot set {name}: {_OURS[name.lower()]}")
            if not (value.isascii() and value.isprintable()):
                raise ValueError(f"the value of {name} is not printable ASCII")
        return headers

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
        """What ``verify = false`` means."""
        if self.verify:
            return None
        return "verify = false: the certificate is not checked; this is insecure"

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The secrets for the server, and the password of a proxy."""
        proxies = (os.environ.get(name, "") for name in _PROXIES)
        return self.credentials.union(*map(secrets_in, proxies))

    @property
    def credentials(self) -> frozenset[str]:
        """The secrets of the address, of ``auth`` and of ``headers``, which the server gets."""
        return secrets_in(self.url).union(
            self.auth.secrets if self.auth else (),
            (value for _, value in self.headers if looks_random(value)),
        )

    @property
    def identity(self) -> str:
        """The address without user, password and tokens, and a digest of it.

        The digest tells addresses apart that look the same once their values are masked. What
        may be a secret is left out of it, not masked: a digest could be tested against guesses,
        and a new token must not lose the verdicts.
        """
        plain = identifying(self.url).encode(errors="replace")
        digest = blake2b(plain, digest_size=4).hexdigest()
        return f"{self.shown} {digest}"

    @property
    def deadline(self) -> float:
        """``timeout``."""
        return self.timeout

    def request(self) -> "Request":
        """Return the request for the document at ``url``."""
        from buildlight.feeds.http.messages import Request  # noqa: PLC0415 - imports httpx
        from buildlight.network.tls import Tls  # noqa: PLC0415

        request = Request(
            self.url,
            secrets=self.credentials,
            tls=Tls(self.ca_file, self.verify, self.client_cert, self.client_key),
            headers=self.headers,
            timeout=self.timeout,
            cache_buster=self.cache_buster,
        )
        return request if self.auth is None else replace(request, authorize=self.auth.authorize)


_PROXIES = tuple(
    written
    for name in ("http_proxy", "https_proxy", "all_proxy")
    for written in (name, name.upper())
)

# A token of RFC 9110, section 5.6.2.
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")

_CLIENT = "the client sets it"
_OURS: Mapping[str, str] = {
    "authorization": 'use auth; kind = "header" for any other scheme',
    **dict.fromkeys(("host", "connection", "content-length", "transfer-encoding"), _CLIENT),
    **dict.fromkeys(("accept-encoding", "if-none-match", "if-modified-since"), _CLIENT),
}
"""Headers that no configuration sets, and why."""


def check_address(url: str) -> None:
    """Raise :class:`ValueError` unless *url* is an address over http or https."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        whole = False
    unusable = {letter for letter in url if letter.isspace() or not letter.isprintable()}
    if whole and unusable == {" "} and url == url.strip():
        raise ValueError("contains a space; write %20 instead")
    if not whole or unusable:
        raise ValueError("is not an address; write it as https://ci.example/cc.xml")


def is_in_the_clear(url: str) -> bool:
    """Return whether what is sent to *url* can be read on its way."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Return whether *host* is this machine: what is sent there is seen by nobody else."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
