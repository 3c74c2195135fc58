"""A request that puts a light into a state, as the configuration has it. Pure."""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)

SECRET = "{secret}"  # noqa: S105 - what stands for one
LONGEST = 8192
"""Characters of an address or a body."""

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = ("host", "content-length", "transfer-encoding", "connection", "accept-encoding")


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not an address; write it as http://lamp.local/on") from None
    plain = url.isascii() and url.isprintable() and " " not in url
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain or port == 0:
        raise ValueError("is not an address; write it as http://lamp.local/on, spaces as %20")
    if "@" in parts.netloc:
        raise ValueError('has a user in it; use headers = { Authorization = "Basic {secret}" }')
    if SECRET in parts.netloc:
        raise ValueError("has {secret} in the host")
    if (unknown := re.search(r"\{[^}]*\}", url.replace(SECRET, ""))) is not None:
        raise ValueError(f"has the placeholder {unknown[0][:20]}; only {SECRET} is known")
    return url


def _headers(headers: Mapping[str, str]) -> Mapping[str, str]:
    for name, text in headers.items():
        if not _NAME.fullmatch(name) or not text.isprintable() or not text.isascii():
            raise ValueError("is not a header; a name has no spaces, a value is one line of ASCII")
        if name.lower() in _OURS:
            raise ValueError(f"has {name}, which buildlight sets itself")
    return headers


Headers = Annotated[Mapping[str, str], AfterValidator(_headers)]


class LightRequest(BaseModel):
    """One request; its address, headers and body may contain ``{secret}``."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: Annotated[str, AfterValidator(_url)] = Field(
        max_length=LONGEST, description="address, with `http://` or `https://`"
    )
    method: Literal["GET", "POST", "PUT"] | None = Field(
        default=None, description="GET, POST or PUT; unless set, GET, or POST with a body"
    )
    headers: Headers = Field(default={}, description="headers of the request")
    body: str = Field(default="", max_length=LONGEST, description="body of the request")
    expect: str = Field(
        default="",
        max_length=LONGEST,
        description="text that the answer has to contain, spaces aside; it is what makes a light "
        "`confirmed`",
    )

    @model_validator(mode="after")
    def _get_has_no_body(self) -> Self:
        if self.method == "GET" and self.body:
            raise ValueError("method GET has no body; use POST or PUT")
        return self

    @property
    def verb(self) -> str:
        """The method."""
        return self.method or ("POST" if self.body else "GET")

    @property
    def needs_secret(self) -> bool:
        """Whether anything of it contains ``{secret}``."""
        return any(SECRET in text for text in (self.url, self.body, *self.headers.values()))


def _requests(written: Any) -> Any:
    """Return the requests of a state as a list: an address, a table, or a list of those."""
    several = written if isinstance(written, list | tuple) else [written]
    if not several:
        raise ValueError("has no request")
    return [{"url": each} if isinstance(each, str) else each for each in several]


_ONE: Final = [{"type": "string"}, {"type": "object"}]
_FORMS: Final = {"anyOf": [*_ONE, {"type": "array", "minItems": 1, "items": {"anyOf": _ONE}}]}

LightRequests = Annotated[
    tuple[LightRequest, ...], BeforeValidator(_requests), WithJsonSchema(_FORMS)
]
