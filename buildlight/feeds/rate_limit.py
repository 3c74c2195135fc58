"""How much a server still answers, and how long to rest so that it goes on answering. Pure.

GitHub and GitLab count the requests of a token by the hour and say in each answer how many are
left. Times are taken against the answer's own ``Date``: a Raspberry Pi may not know the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

RESERVE = 0.1
"""Share of the limit that is left to the person whose token it is."""
PAUSE = 60.0
"""Seconds to wait after a refusal that does not say how long."""
LONGEST_PAUSE = 3600.0
LIMITS = ("rate limit", "rate-limit", "abuse detection")
"""Words of a refusal that is about a limit, whatever its status and headers."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an answer said: *remaining* of *limit* requests until it is reset in *seconds*."""

    limit: int
    remaining: int
    seconds: float

    @property
    def left(self) -> float:
        """The requests that may still be made; the rest is the reserve of the token's owner."""
        return max(self.remaining - self.limit * RESERVE, 0.0)

    def rest(self, requests: float) -> float:
        """Return how many seconds lie between two rounds of so many *requests* that fit in."""
        return self.seconds * requests / self.left if self.left > 0 else self.seconds


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    """Return what the *headers* of an answer (in lower case) say, ``None`` if they do not."""
    for prefix in ("x-ratelimit-", "ratelimit-"):
        limit, remaining, reset = (
            _number(headers.get(f"{prefix}{name}")) for name in ("limit", "remaining", "reset")
        )
        if limit is not None and remaining is not None and reset is not None:
            return Allowance(limit, remaining, _seconds_until(reset, headers.get("date")))
    return None


def pause(
    status: int, headers: Mapping[str, str], *, reason: str = "", before: float | None = None
) -> float | None:
    """Return how many seconds a refusal asks for; ``None`` if it is not about a limit.

    *reason* is what it says, in lower case: GitHub answers 403 for a secondary limit and for a
    missing permission alike. *before* is the last such pause, if the refusal before this one was
    one, too: a server that does not say how long is asked half as often each time.
    """
    if status not in (403, 429):
        return None
    told = _retry_after(headers)
    if told is not None:
        return min(told, LONGEST_PAUSE)
    left = allowance(headers)
    if left is not None and left.remaining == 0:
        return min(max(left.seconds, 1.0), LONGEST_PAUSE)
    if status == _TOO_MANY or any(words in reason for words in LIMITS):
        return min(before * 2 if before else PAUSE, LONGEST_PAUSE)
    return None


_TOO_MANY = 429


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``Retry-After`` asks for: a number, or a date of the server."""
    value = headers.get("retry-after", "")
    seconds = _number(value)
    if seconds is not None:
        return float(seconds)
    try:
        until = parsedate_to_datetime(value) - parsedate_to_datetime(headers.get("date", ""))
    except (TypeError, ValueError, OverflowError):
        return None
    return max(until.total_seconds(), 0.0)


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text[:15]) if text.isdecimal() else None


def _seconds_until(epoch: int, date: str | None) -> float:
    try:
        now = parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError, OverflowError):
        return LONGEST_PAUSE
    return min(max(epoch - now, 0.0), LONGEST_PAUSE)
