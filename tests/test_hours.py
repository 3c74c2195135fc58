"""Office hours: days, nights, holidays, and the two odd nights of the year."""

from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.hours import Hours, is_open, next_switch, switches

BERLIN = ZoneInfo("Europe/Berlin")
WORKDAYS = frozenset(range(5))
EVERY_DAY = frozenset(range(7))
OFFICE = Hours(WORKDAYS, time(8), time(19), BERLIN)
NIGHT = Hours(WORKDAYS, time(22), time(6), BERLIN)


def at(text: str) -> datetime:
    """Return a moment on Berlin's clocks."""
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def told(hours: Hours, after: str, count: int) -> list[str]:
    """Return the next *count* switches as a person reads them."""
    names = {True: "opens", False: "closes"}
    return [
        f"{moment:%a %d.%m. %H:%M %Z} {names[opening]}"
        for moment, opening in islice(switches(hours, at(after)), count)
    ]


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-20T07:59:59", False),  # a Friday
        ("2026-11-20T08:00", True),
        ("2026-11-20T18:59:59", True),
        ("2026-11-20T19:00", False),
        ("2026-11-21T12:00", False),
    ],
)
def test_an_office_is_open_from_its_first_minute_to_before_its_last(
    moment: str, *, expected: bool
) -> None:
    """Eight is open, seven in the evening is closed, Saturday is closed."""
    assert is_open(OFFICE, at(moment)) is expected


def test_the_zone_of_the_question_does_not_matter() -> None:
    """Seven in UTC is eight in Berlin."""
    assert is_open(OFFICE, datetime(2026, 11, 20, 7, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-20T21:59", False),
        ("2026-11-20T23:00", True),
        ("2026-11-21T05:59", True),  # Friday's night ends on Saturday
        ("2026-11-21T06:00", False),
        ("2026-11-21T23:00", False),  # Saturday's own night does not begin
        ("2026-11-23T03:00", False),  # nor did Sunday's
    ],
)
def test_a_night_belongs_to_the_day_on_which_it_begins(moment: str, *, expected: bool) -> None:
    """A shift from ten to six goes on over midnight."""
    assert is_open(NIGHT, at(moment)) is expected


def test_a_holiday_is_closed_and_the_night_before_it_is_not_cut_short() -> None:
    """The shift of Christmas Eve ends on Christmas morning."""
    hours = Hours(EVERY_DAY, time(22), time(6), BERLIN, frozenset({date(2026, 12, 25)}))

    assert is_open(hours, at("2026-12-25T05:00"))
    assert not is_open(hours, at("2026-12-25T23:00"))
    assert not is_open(hours, at("2026-12-26T05:00"))


def test_the_next_switches_go_over_the_weekend() -> None:
    """On Friday evening the next is Monday morning."""
    assert told(OFFICE, "2026-11-20T12:00", 3) == [
        "Fri 20.11. 19:00 CET closes",
        "Mon 23.11. 08:00 CET opens",
        "Mon 23.11. 19:00 CET closes",
    ]


def test_an_office_opens_at_eight_before_and_after_the_clocks_change() -> None:
    """The clock on the wall decides: a lamp that is an hour late is late for half a year."""
    assert told(OFFICE, "2026-03-27T20:00", 1) == ["Mon 30.03. 08:00 CEST opens"]
    assert told(OFFICE, "2026-10-23T20:00", 1) == ["Mon 26.10. 08:00 CET opens"]


@pytest.mark.parametrize(
    ("evening", "length"),
    [("2026-03-28T22:00", 7), ("2026-10-24T22:00", 9), ("2026-11-14T22:00", 8)],
)
def test_a_night_is_shorter_or_longer_when_the_clocks_change(evening: str, length: int) -> None:
    """Ten to six is seven hours in March and nine in October."""
    hours = Hours(EVERY_DAY, time(22), time(6), BERLIN)

    closes = next_switch(hours, at(evening))

    assert closes is not None
    assert closes.astimezone(UTC) - at(evening).astimezone(UTC) == timedelta(hours=length)


def test_a_window_in_the_hour_that_does_not_exist_is_no_trouble() -> None:
    """Half past two does not happen on the last Sunday of March."""
    hours = Hours(EVERY_DAY, time(2, 30), time(5), BERLIN)

    assert is_open(hours, at("2026-03-29T04:00"))
    assert told(hours, "2026-03-29T00:00", 1) == ["Sun 29.03. 03:30 CEST opens"]


def test_an_office_that_never_closes_never_switches() -> None:
    """Windows that touch are one: nothing flickers at midnight."""
    hours = Hours(EVERY_DAY, time(0), time(0), BERLIN)

    assert is_open(hours, at("2026-11-20T00:00"))
    assert next_switch(hours, at("2026-11-20T12:00")) is None


def test_an_office_that_never_opens_never_switches() -> None:
    """No days at all."""
    hours = Hours(frozenset(), time(8), time(19), BERLIN)

    assert not is_open(hours, at("2026-11-20T12:00"))
    assert next_switch(hours, at("2026-11-20T12:00")) is None


def test_an_office_with_one_open_day_opens_and_closes_once() -> None:
    """A stand at a fair: after its day it is closed for good."""
    fair = date(2026, 11, 24)
    closed = frozenset(fair + timedelta(days=day) for day in range(-500, 500) if day)
    hours = Hours(EVERY_DAY, time(8), time(19), BERLIN, closed)

    assert told(hours, "2026-11-20T12:00", 9) == [
        "Tue 24.11. 08:00 CET opens",
        "Tue 24.11. 19:00 CET closes",
    ]
    assert next_switch(hours, at("2026-11-24T19:00")) is None


def test_an_office_that_closes_once_a_year_closes() -> None:
    """Windows that touch for 300 days are one, and its end is told."""
    stocktaking = date(2027, 9, 16)
    hours = Hours(EVERY_DAY, time(0), time(0), BERLIN, frozenset({stocktaking}))

    assert told(hours, "2026-11-20T12:00", 2) == [
        "Thu 16.09. 00:00 CEST closes",
        "Fri 17.09. 00:00 CEST opens",
    ]


@pytest.mark.parametrize(("ahead", "found"), [(1, True), (398, True), (399, False)])
def test_an_office_that_opens_once_a_year_is_told_when(ahead: int, *, found: bool) -> None:
    """The next day of a yearly fair is found; whoever has a longer rest is closed for good."""
    today = date(2026, 11, 20)
    fair = today + timedelta(days=ahead)
    closed = frozenset(today + timedelta(days=day) for day in range(-2, 500)) - {fair}
    hours = Hours(EVERY_DAY, time(8), time(19), BERLIN, closed)

    assert (next_switch(hours, at("2026-11-20T12:00")) is not None) is found


@pytest.mark.parametrize(("ahead", "found"), [(1, True), (397, True), (398, False)])
def test_an_office_that_hardly_closes_is_told_when(ahead: int, *, found: bool) -> None:
    """What ends with the look ahead is no end: such an office never closes."""
    stocktaking = date(2026, 11, 20) + timedelta(days=ahead)
    hours = Hours(EVERY_DAY, time(0), time(0), BERLIN, frozenset({stocktaking}))

    first = next_switch(hours, at("2026-11-20T12:00"))

    assert (first is not None and first.date() == stocktaking) is found


def test_an_office_that_is_closed_for_the_last_time_opens_tomorrow() -> None:
    """From then on it never closes, and that is no reason to stay dark."""
    hours = Hours(EVERY_DAY, time(0), time(0), BERLIN, frozenset({date(2026, 11, 20)}))

    assert told(hours, "2026-11-20T12:00", 1) == ["Sat 21.11. 00:00 CET opens"]


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Etc/GMT+12"])
def test_an_office_far_from_greenwich_keeps_its_own_days(zone: str) -> None:
    """Monday begins there up to fourteen hours before UTC's, or twelve after."""
    hours = Hours(frozenset({0}), time(0), time(23), ZoneInfo(zone))
    monday = datetime(2026, 11, 23, 12, tzinfo=hours.zone)

    assert is_open(hours, monday.astimezone(UTC))
    openings = [opening for _, opening in islice(switches(hours, monday.astimezone(UTC)), 2)]
    assert openings == [False, True]


def test_a_night_of_another_zone_ends_after_midnight_there() -> None:
    """Twelve hours west of Greenwich it is Tuesday for half of UTC's Wednesday."""
    hours = Hours(frozenset({0}), time(22), time(21), ZoneInfo("Etc/GMT+12"))
    tuesday = datetime(2026, 11, 24, 20, tzinfo=hours.zone)

    assert next_switch(hours, tuesday.astimezone(UTC)) == tuesday + timedelta(hours=1)


@given(
    st.frozensets(st.integers(0, 6)),
    st.times(),
    st.times(),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_between_two_switches_nothing_changes(
    days: frozenset[int], opens: time, closes: time, moment: datetime
) -> None:
    """What a switch says is what the office is from then until the next."""
    hours = Hours(days, opens.replace(fold=0), closes.replace(fold=0), BERLIN)
    now = is_open(hours, moment)

    for switch, opening in islice(switches(hours, moment), 4):
        assert opening is not now
        assert is_open(hours, switch) is opening
        assert is_open(hours, switch.astimezone(UTC) - timedelta(microseconds=1)) is now
        now = opening
