"""When the office is open: daily windows, also over midnight and changes of the clock. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo

FARTHEST = 400
"""Days to search for the next opening: more than a year, for an office with one open day."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Open on *days* (0 is Monday) from *opens* until *closes*, but not on *holidays*.

    Times are local times in *zone*. If *closes* is not after *opens*, the window ends on the next
    day and belongs to the day on which it opens.
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

    Windows that touch count as one. Stops after :data:`FARTHEST` days; an office that never
    closes, or never opens, gives nothing.
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

    In UTC, because Python ignores changes of the clock when it compares or subtracts two times of
    one zone.
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
