"""When a token ends, and what a person is told about it. Pure."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from buildlight.projects.ccxml import parse_time

SOON = timedelta(days=6)
"""How long before its end people are told: a weekend and a holiday fit in."""


def expiry_notice(told: str, *, now: datetime) -> Iterator[str]:
    """Yield a notice if a token, which ends when *told*, does so soon after *now*.

    GitHub writes ``2026-12-06 09:00:00 UTC`` or with an offset, GitLab a date alone.
    """
    end = parse_time(told.replace(" +", "+").replace(" -", "-"))
    if end is None:
        return
    left = (end if end.tzinfo else end.replace(tzinfo=UTC)) - now
    if left <= SOON:
        days = max(left.days, 0)
        when = f"in {days} days" if days > 1 else "in one day" if days else "within a day"
        yield f"the token expires {when} ({end:%Y-%m-%d}); make a new one"
