"""How a request shows that it may be answered: five kinds of one table in the configuration."""

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo, field_validator

from buildlight.feeds.secret import Secret, find_secret
from buildlight.redaction import SHORTEST_SECRET, basic

HOLE = "{secret}"
"""Where an address wants its secret, for ``kind = "path"``."""

Kind = Literal["basic", "bearer", "header", "query", "path"]
Dressed = tuple[str, dict[str, str]]
"""An address and the headers that go with it, secret and all."""

# What each kind needs besides the secret.
_NEEDS: Mapping[Kind, frozenset[str]] = {
    "basic": frozenset({"user"}),
    "bearer": frozenset(),
    "header": frozenset({"name"}),
    "query": frozenset({"name"}),
    "path": frozenset(),
}

# How a key of a kind has to be written, and what to say if it is not.
_SPELLING: Mapping[tuple[Kind, str], tuple[re.Pattern[str], str]] = {
    # RFC 7617, section 2.
    ("basic", "user"): (re.compile(r"[^:\x00-\x1f\x7f]{1,200}"), "is no name of a user"),
    # A token of RFC 9110, section 5.6.2.
    ("header", "name"): (
        re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}"),
        "is no name of a header",
    ),
    ("query", "name"): (re.compile(r"[^\x00-\x1f\x7f]{1,100}"), "is no name of a parameter"),
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

    ``basic``: user and password or API token (RFC 7617), sent without being asked for, since
    Jenkins and GoCD never ask. ``bearer``: a token (RFC 6750). ``header``: a token in a header of
    any ``name``. ``query``: one in the query, for CircleCI, Buildkite, Travis and Woodpecker.
    ``path``: one in the path, where the address says ``{secret}``, for Solano.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        arbitrary_types_allowed=True,
        validate_default=True,
    )

    kind: Kind
    secret: Annotated[Secret, BeforeValidator(_found)]
    user: str | None = None
    name: str | None = None

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
            return given  # Its own mistake is told already.
        if given is None and key in _NEEDS[kind]:
            raise ValueError(f'is missing; kind "{kind}" needs it')
        if given is not None and key not in _NEEDS[kind]:
            raise ValueError(f'does not belong to kind "{kind}"')
        if given is not None:
            spelling, mistake = _SPELLING[kind, key]
            if not spelling.fullmatch(given):
                raise ValueError(mistake)
        return given

    def dress(self, url: str) -> Dressed:
        """Return *url* and the headers that go with it, secret and all."""
        return _DRESS[self.kind](self, url)

    @property
    def secrets(self) -> frozenset[str]:
        """Everything that no output may show: the secret, and the pair that basic encodes."""
        pair = {f"{self.user}:{self.secret.value}"} if self.kind == "basic" else set()
        return frozenset({self.secret.value} | pair)


def _encoded(auth: Auth) -> str:
    return basic(str(auth.user), auth.secret.value)


def _in_query(auth: Auth, url: str) -> Dressed:
    parts = urlsplit(url)
    if (auth.name, auth.secret.value) in parse_qsl(parts.query):
        return url, {}  # A redirect that kept the query.
    token = f"{quote(str(auth.name), safe='')}={quote(auth.secret.value, safe='')}"
    query = f"{token}&{parts.query}" if parts.query else token
    return urlunsplit(parts._replace(query=query)), {}


_DRESS: Mapping[Kind, Callable[[Auth, str], Dressed]] = {
    "basic": lambda auth, url: (url, {"Authorization": f"Basic {_encoded(auth)}"}),
    "bearer": lambda auth, url: (url, {"Authorization": f"Bearer {auth.secret.value}"}),
    "header": lambda auth, url: (url, {str(auth.name): auth.secret.value}),
    "query": _in_query,
    "path": lambda auth, url: (url.replace(HOLE, quote(auth.secret.value, safe="")), {}),
}
