"""How a request shows that it may be answered: five kinds of one table in the configuration."""

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from buildlight.feeds.secret import Secret, find_secret

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
        extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )

    kind: Kind
    secret: Annotated[Secret, BeforeValidator(_found)]
    user: Annotated[str, Field(max_length=200, pattern=r"^[^:\x00-\x1f\x7f]+$")] | None = None
    # A token of RFC 9110, section 5.6.2: what a header may be called.
    name: Annotated[str, Field(max_length=100, pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")] | None = (
        None
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = {key for key in ("user", "name") if getattr(self, key) is not None}
        for key in sorted(_NEEDS[self.kind] - given):
            raise ValueError(f'kind "{self.kind}" needs {key}')
        for key in sorted(given - _NEEDS[self.kind]):
            raise ValueError(f'{key} does not belong to kind "{self.kind}"')
        if self.kind in ("bearer", "header") and not self.secret.value.isascii():
            raise ValueError(f'kind "{self.kind}" needs a secret in ASCII: it goes into a header')
        return self

    def dress(self, url: str) -> Dressed:
        """Return *url* and the headers that go with it, secret and all."""
        return _DRESS[self.kind](self, url)

    @property
    def secrets(self) -> frozenset[str]:
        """Everything that must never be shown: the secret, and what it looks like on its way."""
        encoded = {_encoded(self)} if self.kind == "basic" else set()
        return frozenset({self.secret.value} | encoded)


def _encoded(auth: Auth) -> str:
    return b64encode(f"{auth.user}:{auth.secret.value}".encode()).decode()


def _in_query(auth: Auth, url: str) -> Dressed:
    parts = urlsplit(url)
    token = f"{auth.name}={quote(auth.secret.value, safe='')}"
    if token in parts.query.split("&"):
        return url, {}  # A redirect that kept the query.
    query = f"{token}&{parts.query}" if parts.query else token
    return urlunsplit(parts._replace(query=query)), {}


_DRESS: Mapping[Kind, Callable[[Auth, str], Dressed]] = {
    "basic": lambda auth, url: (url, {"Authorization": f"Basic {_encoded(auth)}"}),
    "bearer": lambda auth, url: (url, {"Authorization": f"Bearer {auth.secret.value}"}),
    "header": lambda auth, url: (url, {str(auth.name): auth.secret.value}),
    "query": _in_query,
    "path": lambda auth, url: (url.replace(HOLE, quote(auth.secret.value, safe="")), {}),
}
