"""Numbers, durations and moments in words."""

from datetime import timedelta

import pytest

from buildlight.wording import count, listed, span, time_of
from support.examples import NOON


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 seconds"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7_199, "120 minutes"),
        (7_200, "2 hours"),
        (172_799, "48 hours"),
        (172_800, "2 days"),
    ],
)
def test_a_span_is_told_in_the_largest_unit_that_fits_twice(seconds: float, words: str) -> None:
    """Nobody needs the seconds of two days."""
    assert span(seconds) == words


def test_one_of_a_noun_has_no_s() -> None:
    """`1 project`, `2 projects`, `0 projects`."""
    assert [count(number, "project") for number in (0, 1, 2)] == [
        "0 projects",
        "1 project",
        "2 projects",
    ]


def test_a_long_list_is_cut() -> None:
    """A sentence of a thousand names is not read."""
    assert listed(["a", "b", "c"], limit=3) == "a, b, c"
    assert listed(["a", "b", "c", "d"], limit=3) == "a, b, c and 1 more"
    assert listed([str(number) for number in range(12)]).endswith("8, 9 and 2 more")


def test_a_moment_of_yesterday_has_its_date() -> None:
    """The hour alone would be taken for today's."""
    assert time_of(NOON - timedelta(hours=19), clock=NOON) == "17:00"
    assert time_of(NOON - timedelta(hours=20), clock=NOON) == "2026-11-19 16:00"
