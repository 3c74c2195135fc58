"""What the rows of all forges have in common: fields that may have any type, and builds in order.

Pure. Rows are kept by a number that only grows, and never in the order of an answer, since a
listing may lag behind.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar

GHOST = timedelta(days=1)
"""An unfinished build is no longer in motion after this time without a change: some wait on."""

KEPT = 50
"""Builds kept of one project, besides the one that decides."""

Build = TypeVar("Build")


def text(row: Mapping[str, Any], key: str) -> str:
    """Return the text at *key* of *row*; empty if it is absent or something else."""
    value = row.get(key)
    return value if isinstance(value, str) else ""


def number(row: Mapping[str, Any], key: str) -> int | None:
    """Return the whole number at *key* of *row*; ``None`` if it is absent or something else."""
    value = row.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def newest(builds: Mapping[int, Build]) -> Build | None:
    """Return the build with the highest number."""
    return builds[max(builds)] if builds else None


def newest_decisive(builds: Mapping[int, Build], has_verdict: Callable[[Build], object]) -> int:
    """Return the number of the newest build that *has_verdict*; 0 without one."""
    return next((each for each in sorted(builds, reverse=True) if has_verdict(builds[each])), 0)


def bounded(builds: Mapping[int, Build], *, decisive: Iterable[int]) -> Mapping[int, Build]:
    """Return the newest of *builds*, and those with the numbers *decisive* however old they are."""
    if len(builds) <= KEPT:
        return builds
    kept = {*sorted(builds)[-KEPT:], *decisive}
    return {each: build for each, build in builds.items() if each in kept}


def activity(
    unfinished: Iterable[tuple[str, datetime | None]], *, running: str, now: datetime
) -> str:
    """Return what *unfinished* builds, each a word and when it was touched, add up to at *now*.

    *running* is the word of a build that works; any other waits.
    """
    moving = {word for word, touched in unfinished if not is_ghost(touched, now=now)}
    return "Building" if running in moving else "Pending" if moving else "Sleeping"


def is_ghost(touched: datetime | None, *, now: datetime) -> bool:
    """Return whether an unfinished build, last *touched* then, is no longer in motion at *now*."""
    return touched is None or touched.tzinfo is None or now - touched > GHOST
