"""When the office is open: windows of the day, right across midnight and daylight saving. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

FARTHEST = 400
"""Days to look ahead for the next switch: more than a year, for offices with one open day."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Open on *days* (0 is Monday) from *opens* until *closes*, but not on *holidays*.

    Times are those of a clock on the wall in *zone*. A window that closes at or before it opens
    goes on over midnight, and belongs to the day on which it opens.
    """

    days: frozenset[int]
    opens: time
    closes: time
    zone: tzinfo
    holidays: frozenset[date] = frozenset()


def is_open(hours: Hours, moment: datetime) -> bool:
    """Return whether the office is open at *moment*, which has a time zone."""
    today = moment.astimezone(hours.zone).date()
    return any(
        begins <= moment < ends for begins, ends in _windows(hours, today - timedelta(days=1), 2)
    )


def switches(hours: Hours, after: datetime) -> Iterator[tuple[datetime, bool]]:
    """Yield when the office opens (true) and closes (false) *after* a moment, in its zone.

    Windows that touch are one. Ends with the last switch within :data:`FARTHEST` days; an
    office that never closes, or never opens, has none.
    """
    first = after.astimezone(hours.zone).date() - timedelta(days=1)
    for begins, ends in _merged(_windows(hours, first, FARTHEST)):
        for moment, opening in ((begins, True), (ends, False)):
            if moment > after:
                yield moment.astimezone(hours.zone), opening


def next_switch(hours: Hours, after: datetime) -> datetime | None:
    """Return the first of :func:`switches`, if there is one."""
    return next((moment for moment, _ in switches(hours, after)), None)


def _windows(hours: Hours, first: date, days: int) -> Iterator[tuple[datetime, datetime]]:
    """Yield the windows that open on *days* days from *first* on.

    In UTC, since Python subtracts and compares times of one zone as if none of its clocks ever
    changed.
    """
    overnight = timedelta(days=1 if hours.closes <= hours.opens else 0)
    for day in (first + timedelta(days=number) for number in range(days)):
        if day.weekday() in hours.days and day not in hours.holidays:
            begins = datetime.combine(day, hours.opens, hours.zone)
            ends = datetime.combine(day + overnight, hours.closes, hours.zone)
            yield begins.astimezone(UTC), ends.astimezone(UTC)


def _merged(
    windows: Iterator[tuple[datetime, datetime]],
) -> Iterator[tuple[datetime, datetime]]:
    first = next(windows, None)
    if first is None:
        return
    begins, ends = first
    for opening, closing in windows:
        if opening > ends:
            yield begins, ends
            begins = opening
        ends = max(ends, closing)
    if ends - begins < timedelta(days=FARTHEST - 1):
        yield begins, ends
