"""What a configuration may write as a name, and as a pattern of names."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field


def _on_one_line(name: str) -> str:
    # It goes into logs and onto terminals, which obey control characters.
    if not name.isprintable() or not name.strip():
        raise ValueError("is no name; use letters that can be seen, on one line")
    return name


def _that_compiles(pattern: str) -> str:
    if pattern.startswith("re:"):
        try:
            re.compile(pattern.removeprefix("re:"))
        except (re.error, OverflowError, RecursionError) as exc:
            # Its place and not its message, which may repeat parts of the value.
            at = getattr(exc, "pos", None)
            place = "" if at is None else f"; look at character {at + 1} behind re:"
            raise ValueError(f"is no regular expression{place}") from None
    return pattern


Name = Annotated[str, Field(max_length=60), AfterValidator(_on_one_line)]
"""What a feed or a lamp is called."""

NamePattern = Annotated[str, Field(min_length=1), AfterValidator(_that_compiles)]
"""Which projects count: a glob, or behind ``re:`` a regular expression."""
