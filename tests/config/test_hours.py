"""The hours table: what may be written, and what is told about a mistake."""

from datetime import UTC, date, time
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from buildlight.config.hours import HoursTable

TABLE = {"open": "08:00", "close": "19:00"}


def test_a_table_without_days_is_for_workdays() -> None:
    """What most offices want; the machine's zone, no holidays, dark outside."""
    table = HoursTable.model_validate(TABLE)

    hours = table.hours(UTC)
    assert hours.days == frozenset(range(5))
    assert (hours.opens, hours.closes) == (time(8), time(19))
    assert hours.zone is UTC
    assert hours.holidays == frozenset()
    assert table.closed == 0.0


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("mon-fri", {0, 1, 2, 3, 4}),
        ("Mon, WED,sat", {0, 2, 5}),
        ("fri-mon", {4, 5, 6, 0}),
        ("sun", {6}),
        ("mon-tue,thu-fri", {0, 1, 3, 4}),
        ("daily", {0, 1, 2, 3, 4, 5, 6}),
    ],
)
def test_days_are_written_as_people_write_them(text: str, days: set[int]) -> None:
    """Spans, lists, and both; a span may go over the weekend."""
    assert HoursTable.model_validate({**TABLE, "days": text}).days == days


@pytest.mark.parametrize(("text", "moment"), [("7:05", time(7, 5)), ("24:00", time(0))])
def test_times_are_written_as_on_a_clock(text: str, moment: time) -> None:
    """Midnight at the end of a day is 24:00."""
    assert HoursTable.model_validate({**TABLE, "close": text}).close == moment


def test_holidays_are_dates_or_a_file_of_dates(tmp_path: Path) -> None:
    """A list in the table, or a file that somebody keeps for all lamps."""
    file = tmp_path / "holidays"
    file.write_text("# Christmas\n2026-12-25  # first day\n\n2026-12-26\n")

    listed = HoursTable.model_validate({**TABLE, "holidays": ["2026-12-25", date(2026, 12, 26)]})
    filed = HoursTable.model_validate({**TABLE, "holidays": str(file)})

    assert listed.holidays == filed.holidays == {date(2026, 12, 25), date(2026, 12, 26)}


def test_a_zone_and_a_closed_level_are_kept() -> None:
    """A lamp in another city, dimmed at night."""
    table = HoursTable.model_validate({**TABLE, "zone": "Asia/Tokyo", "closed": "20%"})

    assert table.hours(UTC).zone == ZoneInfo("Asia/Tokyo")
    assert table.closed == 0.2


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("days", "SECRET", 'is not a list of days; write "mon-fri" or "mon,wed,sat"'),
        ("days", "", 'is not a list of days; write "mon-fri" or "mon,wed,sat"'),
        ("days", 5, 'is not a list of days; write "mon-fri" or "mon,wed,sat"'),
        ("open", "SECRET", 'is not a time of day; write "08:00"'),
        ("open", "24:01", 'is not a time of day; write "08:00"'),
        ("close", 8, 'is not a time of day; write "08:00"'),
        ("close", "12:60", 'is not a time of day; write "08:00"'),
        ("zone", "SECRET/Nowhere", 'is not a time zone; write "Europe/Berlin"'),
        ("zone", "../../etc/passwd", 'is not a time zone; write "Europe/Berlin"'),
        ("zone", 1, 'is not a time zone; write "Europe/Berlin"'),
        ("holidays", ["SECRET"], "is not a list of dates; write 2026-12-25"),
        ("holidays", [5], "is not a list of dates; write 2026-12-25"),
        ("holidays", "/SECRET", "the file cannot be read: No such file or directory"),
        ("closed", "SECRET", 'is neither "off" nor a level such as "20%"'),
        ("closed", "0%", 'is neither "off" nor a level such as "20%"'),
        ("closed", "101%", 'is neither "off" nor a level such as "20%"'),
    ],
)
def test_a_mistake_is_told_with_its_remedy(key: str, value: object, sentence: str) -> None:
    """And never with what was written."""
    with pytest.raises(ValidationError) as caught:
        HoursTable.model_validate({**TABLE, key: value})

    (error,) = caught.value.errors(include_input=False)
    assert error["loc"] == (key,)
    assert error["msg"] == f"Value error, {sentence}"
    assert "SECRET" not in str(caught.value)
