"""Dates in HTTP headers."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def date_of(text: str | None) -> datetime | None:
    """Return the time that the header *text* tells, or ``None`` if it tells none."""
    try:
        told = parsedate_to_datetime(text or "")
    except (TypeError, ValueError, OverflowError):
        return None
    return told if told.tzinfo else told.replace(tzinfo=UTC)
