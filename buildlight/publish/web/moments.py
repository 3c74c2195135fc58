"""Moments on the page: exact for programs, and right for people in every time zone. Pure.

The words name the server's zone, because a browser without JavaScript shows them as they are.
The script replaces them by the time of the browser's zone, and by how long ago that is.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape

from buildlight.report.report import LampReport
from buildlight.wording import time_of

Piece = str | datetime
"""A piece of a sentence: words, or a moment."""


def moment_words(moment: datetime, *, clock: datetime) -> str:
    """Return *moment* in the zone of *clock*, with the name of that zone."""
    return f"{time_of(moment, clock=clock)} {moment.astimezone(clock.tzinfo):%Z}".rstrip()


def moment_html(moment: datetime, *, clock: datetime) -> str:
    """Return *moment* as an element that the script can put in the browser's own words."""
    exact = moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return f'<time datetime="{exact}">{escape(moment_words(moment, clock=clock))}</time>'


def because_of(lamp: LampReport, *, clock: datetime) -> tuple[Piece, ...]:
    """Return the sentence why *lamp* looks as it does, with its moments as values.

    *clock* is the time of the report, in whose zone the sentence was made.
    """
    pieces: list[Piece] = []
    if lamp.closed:
        until: tuple[Piece, ...] = (" for good",) if lamp.opens is None else (" until ", lamp.opens)
        pieces += ["the office is closed", *until, "; "]
    reasons = "; ".join(lamp.reasons)
    if lamp.broken and lamp.broken_since is not None:
        # The last one: no name comes after the moment within the first reason.
        when = f" since {time_of(lamp.broken_since, clock=clock)}"
        before, found, after = lamp.reasons[0].rpartition(when)
        if found:
            others = "".join(f"; {each}" for each in lamp.reasons[1:])
            return (*pieces, f"{before} since ", lamp.broken_since, f"{after}{others}")
    return (*pieces, reasons)


def plain(pieces: Iterable[Piece], *, clock: datetime) -> str:
    """Return *pieces* as text, which names the zone of *clock*."""
    return "".join(
        each if isinstance(each, str) else moment_words(each, clock=clock) for each in pieces
    )
