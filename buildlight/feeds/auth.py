"""Authentication: five kinds of one table in the configuration."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from buildlight.redaction import SHORTEST_SECRET, basic
from buildlight.system.secret import Secret, find_secret

HOLE = "{secret}"
"""Stands for the secret in the path of an address, with ``kind = "path"``."""

Kind = Literal["basic", "bearer", "header", "query", "path"]
Authorized = tuple[str, dict[str, str]]
"""An address and the headers that go with it, both with the secret."""

# What each kind needs besides the secret.
_NEEDS: Mapping[Kind, frozenset[str]] = {
    "basic": frozenset({"user"}),
    "bearer": frozenset(),
    "header": frozenset({"name"}),
    "query": frozenset({"name"}),
    "path": frozenset(),
}

# The form of a key of a kind, and the error for any other.
_SPELLING: Mapping[tuple[Kind, str], tuple[re.Pattern[str], str]] = {
    # RFC 7617, section 2.
    ("basic", "user"): (re.compile(r"[^:\x00-\x1f\x7f]{1,200}"), "is not a user name"),
    # A token of RFC 9110, section 5.6.2.
    ("header", "name"): (
        re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}"),
        "is not the name of a header",
    ),
    ("query", "name"): (re.compile(r"[^\x00-\x1f\x7f]{1,100}"), "is not the name of a parameter"),
}


TOO_SHORT = (
    f"the {{}} has fewer than {SHORTEST_SECRET} characters, which are part of many names; "
    "use a longer one"
)
"""A template: what is so short cannot be hidden, or hides innocent text."""


def _found(name: Any) -> Secret:
    return name if isinstance(name, Secret) else find_secret(name)


class Auth(BaseModel):
    """The ``auth`` table of a feed.

    ``basic``: user and password or API token (RFC 7617), sent with the first request, because
    Jenkins and GoCD never ask for them. ``bearer``: a token (RFC 6750). ``header``: a token in
    the header ``name``. ``query``: a token in the query, for CircleCI, Buildkite, Travis and
    Woodpecker. ``path``: a token in place of ``{secret}`` in the address, for Solano.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        validate_default=True,
    )

    kind: Kind = Field(examples=["basic"], description="how the server expects the secret")
    secret: Annotated[Secret, BeforeValidator(_found, json_schema_input_type=str)] = Field(
        examples=["jenkins"],
        description="name of the secret, or the absolute path of its file; never the secret itself",
    )
    user: str | None = Field(
        examples=["lamp"], default=None, description='user name, for kind = "basic"'
    )
    name: str | None = Field(
        examples=["circle-token"],
        default=None,
        description='name of the header or query parameter, for kind = "header" and "query"',
    )

    @field_validator("secret")
    @classmethod
    def _fits_its_place(cls, secret: Secret, info: ValidationInfo) -> Secret:
        kind = info.data.get("kind")
        if len(secret.value) < SHORTEST_SECRET:
            raise ValueError(TOO_SHORT.format("secret"))
        if kind in ("bearer", "header") and not secret.value.isascii():
            raise ValueError(f'kind "{kind}" needs a secret in ASCII: it goes into a header')
        return secret

    @field_validator("user", "name")
    @classmethod
    def _belongs_to_its_kind(cls, given: str | None, info: ValidationInfo) -> str | None:
        kind, key = info.data.get("kind"), str(info.field_name)
        if kind is None:
            return given  # The error of the kind is enough.
        if given is None and key in _NEEDS[kind]:
            raise ValueError(f'is missing; kind "{kind}" needs it')
        if given is not None and key not in _NEEDS[kind]:
            raise ValueError(f'does not belong to kind "{kind}"')
        if given is not None:
            spelling, mistake = _SPELLING[kind, key]
            if not spelling.fullmatch(given):
                raise ValueError(mistake)
        return given

    def authorize(self, url: str) -> Authorized:
        """Return *url* and the headers that go with it, both with the secret."""
        return _AUTHORIZE[self.kind](self, url)

    @property
    def secrets(self) -> frozenset[str]:
        """Everything that no output may show: the secret, and the pair that basic encodes."""
        pair = {f"{self.user}:{self.secret.value}"} if self.kind == "basic" else set()
        return frozenset({self.secret.value} | pair)


def _encoded(auth: Auth) -> str:
    return basic(str(auth.user), auth.secret.value)


def _in_query(auth: Auth, url: str) -> Authorized:
    parts = urlsplit(url)
    if (auth.name, auth.secret.value) in parse_qsl(parts.query):
        return url, {}  # A redirect that kept the query.
    token = f"{quote(str(auth.name), safe='')}={quote(auth.secret.value, safe='')}"
    query = f"{token}&{parts.query}" if parts.query else token
    return urlunsplit(parts._replace(query=query)), {}


_AUTHORIZE: Mapping[Kind, Callable[[Auth, str], Authorized]] = {
    "basic": lambda auth, url: (url, {"Authorization": f"Basic {_encoded(auth)}"}),
    "bearer": lambda auth, url: (url, {"Authorization": f"Bearer {auth.secret.value}"}),
    "header": lambda auth, url: (url, {str(auth.name): auth.secret.value}),
    "query": _in_query,
    "path": lambda auth, url: (url.replace(HOLE, quote(auth.secret.value, safe="")), {}),
}
