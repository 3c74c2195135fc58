"""What can go wrong on the way to a feed, in sentences: a status, or an exception of the network.

httpx's own sentences may hold the address, and an address a token, so none is repeated.
"""

import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from buildlight.errors import FeedError, FeedRefused, FeedUnreachable
from buildlight.feeds.schedule import DEADLINE

NO_ANSWER = "no answer within {:.0f} seconds; is the server up, and no firewall in the way?"
TOO_SLOW = "too slow: no whole answer within {:.0f} seconds; ask for a view with fewer projects"
"""Templates for the seconds of the deadline."""

# What to do about a status, for the person who set the feed up.
_REMEDIES: Mapping[int, str] = {
    401: "it wants a user or a token, or another; check auth",
    403: "this user or token may not see it; give it the right to",
    404: "no such page; check the address",
    407: "the proxy wants a user",
    410: "no such page any more; check the address",
    429: "asked too often; raise interval",
}


def refusal(response: httpx.Response) -> FeedRefused:
    """Return what a status other than 200 means for whoever set the feed up."""
    status = response.status_code
    server_side = status >= httpx.codes.INTERNAL_SERVER_ERROR
    otherwise = "the server is in trouble; look at its log" if server_side else "check the address"
    remedy = _REMEDIES.get(status, otherwise)
    return FeedRefused(
        f"refused with {status}; {remedy}", status=status, retry_after=_retry_after(response)
    )


def _retry_after(response: httpx.Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks for; a date is compared with the server's."""
    told = response.headers.get("Retry-After", "").strip()
    if told.isdecimal():
        return float(told[:12])
    seconds = seconds_between(response.headers.get("Date"), told)
    return None if seconds is None else max(seconds, 0.0)


def seconds_between(earlier: str | None, later: str | None) -> float | None:
    """Return the seconds between two dates of HTTP headers, ``None`` if one is none."""
    try:
        difference = parsedate_to_datetime(later or "") - parsedate_to_datetime(earlier or "")
    except (TypeError, ValueError, OverflowError):
        return None
    return difference.total_seconds()


def translated(exc: Exception) -> FeedError:
    """Return what an exception of httpx or the system means, with its remedy."""
    if isinstance(exc, httpx.TimeoutException):
        return FeedUnreachable(NO_ANSWER.format(DEADLINE))
    if isinstance(exc, httpx.ProxyError):
        return FeedUnreachable("the proxy refused; check HTTPS_PROXY, and the user it wants")
    if isinstance(exc, httpx.UnsupportedProtocol):
        return FeedRefused("redirects to what is neither http nor https")
    for cause in (exc, *_causes(exc)):
        sentence = _network_sentence(cause)
        if sentence:
            return FeedUnreachable(sentence)
    if isinstance(exc, httpx.ConnectError):
        return FeedUnreachable("cannot be reached; check the address and the network")
    return FeedUnreachable(
        "the connection broke off before the answer was whole; is the server or a proxy overloaded?"
    )


def _network_sentence(cause: BaseException) -> str | None:
    if isinstance(cause, ssl.SSLCertVerificationError):
        return _certificate_sentence(cause)
    if isinstance(cause, ssl.SSLError):
        return "no TLS there; is it http, not https?"
    if isinstance(cause, socket.gaierror | UnicodeError):
        return "name not found; check the address and the network"
    return _NETWORK.get(cause.errno or 0) if isinstance(cause, OSError) else None


def _certificate_sentence(cause: ssl.SSLCertVerificationError) -> str:
    if cause.verify_code in (_NOT_YET_VALID, _EXPIRED):
        # A Pi has no clock of its own: until the network sets it, it lives in the past.
        when = "not valid yet" if cause.verify_code == _NOT_YET_VALID else "expired"
        today = f"{datetime.now(tz=UTC):%Y-%m-%d}"
        return f"its certificate is {when}; or is this machine's clock wrong? It says {today}"
    if cause.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return "its certificate belongs to another name; check the address"
    why = cause.verify_message.rstrip(".")
    return f"its certificate is not trusted: {why}; set ca_file for an authority of your own"


# OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID, _CERT_HAS_EXPIRED, _HOSTNAME_MISMATCH and
# _IP_ADDRESS_MISMATCH.
_NOT_YET_VALID, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64

NO_DESCRIPTOR = "this machine has no file descriptor to spare; does a program leak them?"

_NETWORK: Mapping[int, str] = {
    errno.ECONNREFUSED: "refused the connection; is the server up, and the port right?",
    errno.EHOSTUNREACH: "no way to the host; check the network",
    errno.ENETUNREACH: "no way to the network; is it up?",
    errno.EMFILE: NO_DESCRIPTOR,
    errno.ENFILE: NO_DESCRIPTOR,
}


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
