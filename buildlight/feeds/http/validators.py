"""Conditional requests: how a server is asked for a document only if it has changed."""

from dataclasses import dataclass, replace
from email.utils import formatdate, parsedate_to_datetime

from buildlight.network.http_library import httpx

UNCONDITIONAL = 300.0
"""Seconds after a whole answer from which on the next request is unconditional.

A constant ETag would say "not changed" for ever. With an interval up to this, no 304 is believed
for longer than 10 minutes.
"""

SETTLED = 2.0
"""Seconds after its last change from which on a document differs from its next version."""

_DATES = 8
"""How many values of Date are remembered: caches that share an address alternate."""


@dataclass(frozen=True, slots=True)
class Validators:
    """What the server at *url* said of the document that is already here (RFC 9110, section 8.8).

    *whole_at* is when the whole document last came, on the loop's clock. *dates* are the last
    values of the header Date, each with the moment at which it came first.
    """

    url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    whole_at: float = 0.0
    dates: tuple[tuple[str, float], ...] = ()

    def condition(self, url: str, *, now: float) -> dict[str, str]:
        """Return the headers that ask *url* for the document only if it has changed."""
        if url != self.url or now - self.whole_at >= UNCONDITIONAL:
            return {}  # An ETag may contain a token, so no other server gets it.
        known = {"If-None-Match": self.etag, "If-Modified-Since": self.last_modified}
        return {name: value for name, value in known.items() if value is not None}

    def after(self, response: httpx.Response, url: str, *, whole: bool, now: float) -> "Validators":
        """Return the validators after *response* from *url*: a *whole* document, or a 304."""
        date = response.headers.get("Date")
        dates = self.dates
        if date is not None and self.date_age(response, now=now) == 0:
            dates = (*(each for each in dates if each[0] != date), (date, now))[-_DATES:]
        if not whole:
            return replace(self, dates=dates)
        if not _is_settled(response):
            return Validators(whole_at=now, dates=dates)
        said = (response.headers.get(name, "") for name in ("ETag", "Last-Modified"))
        etag, last_modified = (value if value.isascii() else "" for value in said)
        return Validators(url, etag or None, last_modified or None, whole_at=now, dates=dates)

    def date_age(self, response: httpx.Response, *, now: float) -> float:
        """Return the seconds since the Date of *response* came first; 0 for a new one."""
        return now - dict(self.dates).get(response.headers.get("Date", ""), now)


def _is_settled(response: httpx.Response) -> bool:
    """Return whether the document is old enough that its next change will show.

    Last-Modified has whole seconds, and so do the files behind many an ETag: a second change within
    the same second would stay unseen until the next one (RFC 9110, section 8.8.2.2).
    """
    modified = response.headers.get("Last-Modified")
    # A server without a clock sends no Date; then our clock has to do.
    age = seconds_between(modified, response.headers.get("Date") or formatdate(usegmt=True))
    return modified is None or (age is not None and age >= SETTLED)


def seconds_between(earlier: str | None, later: str | None) -> float | None:
    """Return the seconds between two dates of HTTP headers, ``None`` if one is not a date."""
    try:
        difference = parsedate_to_datetime(later or "") - parsedate_to_datetime(earlier or "")
    except (TypeError, ValueError, OverflowError):
        return None
    return difference.total_seconds()
