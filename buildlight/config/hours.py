"""The ``hours`` table of a lamp: days, times, a zone and holidays, checked."""

import re
from collections.abc import Mapping
from datetime import date, time, tzinfo
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field

from buildlight.config.problems import Table
from buildlight.hours import Hours
from buildlight.system.regular_file import read_regular_file

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOSED: Mapping[str, float] = {"off": 0.0}
LARGEST = 65_536
"""Largest file of holidays, in bytes; a larger file was named by mistake."""


def _days(text: Any) -> frozenset[int]:
    """Return the weekdays (0 is Monday) of ``mon-fri``, ``mon,wed``, ``fri-mon`` or ``daily``."""
    if text == "daily":
        return frozenset(range(7))
    try:
        parts = [part.strip().lower().partition("-") for part in text.split(",")]
        spans = [(DAYS.index(first), DAYS.index(last or first)) for first, _, last in parts]
    except (AttributeError, ValueError):
        raise ValueError('is not a list of days; write "mon-fri" or "mon,wed,sat"') from None
    return frozenset(
        (first + number) % 7 for first, last in spans for number in range((last - first) % 7 + 1)
    )


def _time(text: Any) -> time:
    found = re.fullmatch(r"(\d{1,2}):(\d{2})", text) if isinstance(text, str) else None
    if found and (int(found[1]), int(found[2])) == (24, 0):
        return time(0)
    if not found or int(found[1]) > 23 or int(found[2]) > 59:  # noqa: PLR2004 - a clock
        raise ValueError('is not a time of day; write "08:00"')
    return time(int(found[1]), int(found[2]))


def _zone(name: Any) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise ValueError('is not a time zone; write "Europe/Berlin"') from None


def _holidays(written: Any) -> frozenset[date]:
    """Return the dates of a list, or of a file with one date per line; ``#`` begins a comment."""
    if isinstance(written, str):
        try:
            lines = read_regular_file(Path(written), limit=LARGEST).decode().splitlines()
        except OSError as exc:
            raise ValueError(f"the file cannot be read: {exc.strerror}") from exc
        except ValueError as exc:
            raise ValueError("the file is not UTF-8 text") from exc
        written = [line for line in (each.partition("#")[0].strip() for each in lines) if line]
    try:
        return frozenset(
            each if type(each) is date else date.fromisoformat(each) for each in written
        )
    except (TypeError, ValueError):
        raise ValueError("is not a list of dates; write 2026-12-25") from None


def _closed(text: Any) -> float:
    if text in CLOSED:
        return CLOSED[text]
    found = re.fullmatch(r"(\d{1,3})%", text) if isinstance(text, str) else None
    if not found or not 0 < int(found[1]) <= 100:  # noqa: PLR2004 - per cent
        raise ValueError('is neither "off" nor a level such as "20%"')
    return int(found[1]) / 100


class HoursTable(Table):
    """When the office is open, and how bright the lamp is when the office is closed."""

    days: Annotated[frozenset[int], BeforeValidator(_days, json_schema_input_type=str)] = Field(
        examples=["mon-fri"],
        default=frozenset(range(5)),
        description='ranges and lists of days (`"mon-thu,sat"`), or `"daily"`; '
        '`"mon-fri"` unless set',
    )
    open: Annotated[time, BeforeValidator(_time, json_schema_input_type=str)] = Field(
        examples=["08:00"], description='time of day: `"08:00"`'
    )
    close: Annotated[time, BeforeValidator(_time, json_schema_input_type=str)] = Field(
        examples=["19:00"],
        description="time of day; if it is before `open`, the office closes on the next day",
    )
    zone: Annotated[tzinfo | None, BeforeValidator(_zone, json_schema_input_type=str)] = Field(
        examples=["Europe/Berlin"],
        default=None,
        description='time zone (`"Europe/Berlin"`); the zone of the machine unless set',
    )
    holidays: Annotated[
        frozenset[date], BeforeValidator(_holidays, json_schema_input_type=str | list[str])
    ] = Field(
        examples=[["2026-12-25"]],
        default=frozenset(),
        description="list of dates on which the office is closed, or a file with one date per line",
    )
    closed: Annotated[float, BeforeValidator(_closed, json_schema_input_type=str)] = Field(
        examples=["off"],
        default=0.0,
        description='brightness when the office is closed: `"off"`, or a level such as `"20%"` '
        "if the "
        "light can be dimmed",
    )

    def hours(self, local: tzinfo) -> Hours:
        """Return the hours; *local* is the zone of the machine, for a table without a zone."""
        return Hours(self.days, self.open, self.close, self.zone or local, self.holidays)
