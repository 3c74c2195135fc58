"""What went wrong on the way to a feed: sentences for statuses and for exceptions.

httpx's own sentences may contain the address, and an address a token, so none is repeated.
"""

import errno
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from http import HTTPStatus

from buildlight.errors import FeedError, FeedMalformed, FeedRefused, FeedUnreachable
from buildlight.feeds.http.redirects import INVALID
from buildlight.feeds.http.validators import seconds_between
from buildlight.network.http_library import httpx
from buildlight.network.tls import tls_sentence
from buildlight.redaction import printable

_BROKE_OFF = (
    "the connection closed before the answer was complete; see the logs of the server and any proxy"
)

# What to do about a status.
_REMEDIES: Mapping[int, str] = {
    203: "a proxy rewrote the answer; exempt this address from it",
    404: "check the address",
    407: "set the user and password in HTTP_PROXY or HTTPS_PROXY",
    410: "the page was removed; check the address",
    429: "raise interval",
    511: "this network requires a login; log in with a browser",
}


def refusal(response: httpx.Response, *, has_secret: bool, reason: str = "") -> FeedRefused:
    """Return the error for a status other than 200; *has_secret* if the server got one.

    *reason* is what the server wrote beside it, which no sentence repeats.
    """
    status = response.status_code
    phrase = HTTPStatus(status).phrase if status in {*HTTPStatus} else ""
    remedy = _remedy(response, has_secret=has_secret)
    return FeedRefused(
        f"{status} {phrase}".rstrip() + f": {remedy}",
        status=status,
        retry_after=_retry_after(response),
        headers={name.lower(): value for name, value in response.headers.items()},
        reason=reason,
    )


def _remedy(response: httpx.Response, *, has_secret: bool) -> str:
    match response.status_code:
        case 401:
            return _unauthorized(response, has_secret=has_secret)
        case 403 if has_secret:
            return "this user or token has no read access; grant it"
        case 403:
            return "anonymous access is forbidden; set auth"
        case status if status in _REMEDIES:
            return _REMEDIES[status]
        case status if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return "the server failed; see its log"
    return "check the address"


def _unauthorized(response: httpx.Response, *, has_secret: bool) -> str:
    challenges = response.headers.get("WWW-Authenticate", "").lower()
    offered = {*_SCHEME.findall(challenges)}
    unusable = sorted(_UNUSABLE[each] for each in offered if each in _UNUSABLE)
    if unusable and offered <= {*_UNUSABLE}:
        schemes = " or ".join(unusable)
        return f"the server accepts only {schemes}; enable Basic or a token for this address"
    if has_secret:
        basic = response.request.headers.get("Authorization", "").startswith("Basic ")
        return f"the server rejected the {'user or password' if basic else 'token'}; check auth"
    return "the server requires authentication; set auth"


_SCHEME = re.compile(r"(?:^|,\s*)([a-z-]+)(?![a-z-]*\s*=)")  # a scheme, not a parameter

_UNUSABLE: Mapping[str, str] = {"ntlm": "NTLM", "negotiate": "Negotiate", "digest": "Digest"}


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks for; a date is compared with the server's."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value[:12])
    seconds = seconds_between(response.headers.get("Date"), value)
    return None if seconds is None else max(seconds, 0.0)


def timed_out(seconds: float, *, answered: bool) -> FeedUnreachable:
    """Return the error for a poll that took *seconds*; *answered* if the answer had begun."""
    if answered:
        why = "the answer is incomplete; ask for a view with fewer projects, or raise timeout"
    else:
        why = "no answer; check that the server is up and no firewall blocks it"
    return FeedUnreachable(f"timed out after {seconds:.0f} s: {why}")


def translated(exc: Exception, url: str, *, has_secret: bool) -> FeedError:
    """Return what *exc*, of httpx or the system, means for the request of *url*."""
    if isinstance(exc, httpx.InvalidURL):
        return FeedRefused(INVALID)
    if isinstance(exc, httpx.ProxyError):
        return FeedUnreachable("the proxy refused; check HTTPS_PROXY and its user and password")
    for cause in (exc, *_causes(exc)):
        sentence = _sentence(cause, url, has_secret=has_secret)
        if sentence is not None:
            return FeedUnreachable(sentence)
    if isinstance(exc, httpx.ConnectError):
        return FeedUnreachable("cannot connect; check the address and the network")
    for begin, what in _MALFORMED:
        if str(exc).lower().startswith(begin):  # The rest may repeat what the server sent.
            return FeedMalformed(f"malformed HTTP: {what}; correct the server or the proxy")
    return FeedUnreachable(_BROKE_OFF)


def _sentence(cause: BaseException, url: str, *, has_secret: bool) -> str | None:
    if isinstance(cause, ssl.SSLError):
        return tls_sentence(cause, has_secret=has_secret)
    if isinstance(cause, socket.gaierror | UnicodeError):
        host = printable(httpx.URL(url).host, limit=60)
        return f"cannot resolve {host}; check the host and the network"
    return _NETWORK.get(cause.errno) if isinstance(cause, OSError) else None


NO_DESCRIPTOR = "this machine has no file descriptor left; check which program leaks them"

_NETWORK: Mapping[int | None, str] = {
    errno.ECONNREFUSED: "connection refused; check that the server is up and the port is right",
    errno.EHOSTUNREACH: "no route to the host; check the network",
    errno.ENETUNREACH: "the network is unreachable; check that it is up",
    errno.EMFILE: NO_DESCRIPTOR,
    errno.ENFILE: NO_DESCRIPTOR,
}


# How h11's messages begin, and what they mean.
_MALFORMED = (
    ("illegal status line", "it does not begin with a status line"),
    ("illegal header line", "a header line is not valid"),
    ("continuation line", "a header line is not valid"),
    ("illegal header name", "the name of a header is not valid"),
    ("illegal header value", "the value of a header is not valid"),
    ("conflicting content-length", "there are two values of Content-Length"),
    ("bad content-length", "the value of Content-Length is not valid"),
    ("multiple transfer-encoding", "there are two values of Transfer-Encoding"),
    ("only transfer-encoding", "its Transfer-Encoding is not chunked"),
    ("illegal chunk", "a chunk is not valid"),
    ("malformed chunk", "a chunk is not valid"),
    ("receive buffer too long", "its headers are longer than 100 kB"),
    ("response status_code", "its status is not valid"),
)


def _causes(exc: BaseException) -> Iterator[BaseException]:
    """Yield everything that led to *exc*; anyio gathers attempts in an exception group."""
    cause = exc.__cause__ or exc.__context__
    if cause is not None:
        yield cause
        yield from _causes(cause)
        if isinstance(cause, BaseExceptionGroup):
            for inner in cause.exceptions:
                yield inner
                yield from _causes(inner)
