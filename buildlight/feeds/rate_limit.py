"""How much a server still answers, and how long to rest so that it goes on answering. Pure.

GitHub and GitLab count the requests of a token by the hour and say in each answer how many are
left. Times are taken against the answer's own ``Date``: a Raspberry Pi may not know the time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

RESERVE = 0.1
"""Share of the limit that is left to the person whose token it is."""
LONGEST_REST = 300.0
"""Most seconds of rest after a good answer: a feed that rests longer is stale, and says so."""
PAUSE = 60.0
"""Seconds to wait after a refusal that does not say how long."""
LONGEST_PAUSE = 3600.0


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an answer said: *remaining* of *limit* requests until it is reset in *seconds*."""

    limit: int
    remaining: int
    seconds: float

    def rest(self, requests: int) -> float:
        """Return how many seconds lie between two polls of so many *requests* that fit in.

        Infinite if what is left belongs to the reserve.
        """
        left = self.remaining - self.limit * RESERVE
        return self.seconds * requests / left if left > 0 else self.seconds


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    """Return what the *headers* of an answer (in lower case) say, ``None`` if they do not."""
    for prefix in ("x-ratelimit-", "ratelimit-"):
        limit, remaining, reset = (
            _number(headers.get(f"{prefix}{name}")) for name in ("limit", "remaining", "reset")
        )
        if limit is not None and remaining is not None and reset is not None:
            return Allowance(limit, remaining, _seconds_until(reset, headers.get("date")))
    return None


def pause(status: int, headers: Mapping[str, str], *, before: float | None = None) -> float | None:
    """Return how many seconds a refusal asks for; ``None`` if it is not about a limit.

    *before* is the last such pause, if the refusal before this one was one, too: a server that
    does not say how long is asked half as often each time.
    """
    told = _number(headers.get("retry-after"))
    if status not in (403, 429):
        return None
    if told is not None:
        return min(float(told), LONGEST_PAUSE)
    left = allowance(headers)
    if left is not None and left.remaining == 0:
        return min(max(left.seconds, 1.0), LONGEST_PAUSE)
    if status == 429:  # noqa: PLR2004 - Too Many Requests
        return min(before * 2 if before else PAUSE, LONGEST_PAUSE)
    return None


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    return int(text[:15]) if text.isdecimal() else None


def _seconds_until(epoch: int, date: str | None) -> float:
    try:
        now = parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError, OverflowError):
        return LONGEST_PAUSE
    return min(max(epoch - now, 0.0), LONGEST_PAUSE)
