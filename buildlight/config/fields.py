"""Types of keys that several tables share: names, patterns for names, seconds."""

import re
from typing import Annotated
from unicodedata import normalize

from pydantic import AfterValidator, Field


def _check_name(name: str) -> str:
    # Names go to logs and terminals, and terminals interpret control characters.
    if not name.isprintable() or not name.strip():
        raise ValueError("is not a name; use visible characters on one line")
    return name


def _check_pattern(pattern: str) -> str:
    if pattern.startswith("re:"):
        try:
            re.compile(pattern.removeprefix("re:"))
        except (re.error, OverflowError, RecursionError) as exc:
            # Only the position: the message may repeat parts of the value.
            at = getattr(exc, "pos", None)
            place = "" if at is None else f"; see character {at + 1} after re:"
            raise ValueError(f"is not a regular expression{place}") from None
    return normalize("NFC", pattern)


Name = Annotated[str, Field(max_length=60), AfterValidator(_check_name)]
"""The name of a feed or lamp."""

NamePattern = Annotated[str, Field(min_length=1), AfterValidator(_check_pattern)]
"""Which projects count: a glob or, after ``re:``, a regular expression."""

Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]
"""A time between polls."""

Age = Annotated[float, Field(gt=0, allow_inf_nan=False)]
"""Seconds of any length."""
