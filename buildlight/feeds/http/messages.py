"""What an HTTP feed asks for, and what it gets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from buildlight.feeds.auth import Authorized
from buildlight.feeds.http.validators import Validators
from buildlight.feeds.schedule import DEADLINE
from buildlight.network.tls import Tls

_SYSTEM, _UNKNOWN = Tls(), Validators()


@dataclass(frozen=True, slots=True)
class Request:
    """A GET for *url*.

    *authorize* adds the secret to an address; the client calls it only for addresses on the origin
    of *url*, and sends *headers* only there. No other server gets any of *secrets*. *timeout* is
    the seconds for everything: name lookup, redirects, the last byte. *cache_buster* adds a query
    parameter that changes with each request, so that no cache has an answer.
    With *reads_refusals* the words of a refusal are read, too.
    """

    url: str
    authorize: Callable[[str], Authorized] = lambda url: (url, {})
    secrets: frozenset[str] = frozenset()
    tls: Tls = _SYSTEM
    headers: tuple[tuple[str, str], ...] = ()
    timeout: float = DEADLINE
    cache_buster: bool = False
    reads_refusals: bool = False
    validators: Validators = _UNKNOWN


@dataclass(frozen=True, slots=True)
class Response:
    """A document; its *body* is ``None`` if it has not changed since the last one.

    *headers* ignores case. *validators* belong into the next :class:`Request`. *redirected_to* is
    the host that sent the document, if it is not the one in the request.

    The *body* is the buffer it was received into: it is mostly the document that is already known,
    and a copy would cost as much as its hash.
    """

    body: bytearray | None
    status: int
    headers: Mapping[str, str]
    validators: Validators
    redirected_to: str | None = None
