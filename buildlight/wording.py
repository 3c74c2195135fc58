"""Numbers, durations and moments in words, the same in every sentence. Pure."""

import re
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta


def count(number: int, noun: str) -> str:
    """Return *number* of *noun*, such as ``1 project`` or ``3 projects``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: Sequence[str], *, limit: int = 10) -> str:
    """Return at most *limit* of *names*, and how many more there are."""
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def close_to(word: str, known: Collection[str], *, cutoff: float = 0.6) -> str | None:
    """Return the one of *known* that *word* was probably meant to be."""
    from difflib import get_close_matches  # noqa: PLC0415 - only for a mistake

    plain = re.sub(r"[\s-]+", "_", word.strip().lower())
    by_plain = {re.sub("-", "_", each.lower()): each for each in known}
    found = get_close_matches(plain, by_plain, n=1, cutoff=cutoff)
    return by_plain[found[0]] if found else None


def did_you_mean(value: object, known: Collection[str]) -> str:
    """Return the end of a sentence about *value*, which is none of *known*; empty if unlike all."""
    meant = close_to(value, known) if isinstance(value, str) else None
    return f'; did you mean "{meant}"?' if meant is not None else ""


def span(seconds: float) -> str:
    """Return *seconds* in words, in the largest unit of which there are two."""
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


def run_in_words(
    branch: str | None, attempt: int | None, author: str | None, commit: str | None
) -> tuple[str, ...]:
    """Return what is known of a run, a few words each; of a commit its first letters."""
    told = (
        branch and f"on {branch}",
        attempt and attempt > 1 and f"attempt {attempt}",
        author and f"by {author}",
        commit and f"commit {commit[:SHORT]}",
    )
    return tuple(each for each in told if each)


SHORT = 7
"""Letters of a commit by which people call it."""


def time_of(moment: datetime, *, clock: datetime) -> str:
    """Return *moment* in the time zone of *clock*, with its date unless it was lately."""
    local = moment.astimezone(clock.tzinfo)
    if clock - local < timedelta(hours=20):
        return f"{local:%H:%M}"
    return f"{local:%Y-%m-%d %H:%M}"
