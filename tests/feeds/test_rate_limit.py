"""What servers say of their limits, and how long a feed rests."""

import pytest

from buildlight.feeds.rate_limit import LONGEST_PAUSE, PAUSE, Allowance, allowance, pause

DATE = "Fri, 20 Nov 2026 12:00:00 GMT"
AT = 1_795_176_000
"""The same in seconds since 1970."""
GITHUB = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999", "date": DATE}
GITLAB = {"ratelimit-limit": "2000", "ratelimit-remaining": "1990", "date": DATE}


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({**GITHUB, "x-ratelimit-reset": str(AT + 600)}, Allowance(5000, 4999, 600.0)),
        ({**GITLAB, "ratelimit-reset": str(AT + 30)}, Allowance(2000, 1990, 30.0)),
        ({**GITHUB, "x-ratelimit-reset": str(AT - 5)}, Allowance(5000, 4999, 0.0)),
        ({**GITHUB, "x-ratelimit-reset": "9" * 40}, Allowance(5000, 4999, LONGEST_PAUSE)),
        ({**GITHUB, "x-ratelimit-reset": str(AT), "date": "x"}, Allowance(5000, 4999, 3600.0)),
        ({**GITHUB, "x-ratelimit-reset": "soon"}, None),
        ({}, None),
    ],
)
def test_what_is_left_is_read_against_the_servers_own_clock(
    headers: dict[str, str], expected: Allowance | None
) -> None:
    """The clock of a Raspberry Pi may be years behind."""
    assert allowance(headers) == expected


def test_a_tenth_is_left_to_the_person() -> None:
    """What is above it lasts until the reset."""
    assert Allowance(5000, 1400, 900.0).rest(1) == pytest.approx(1.0)
    assert Allowance(5000, 1400, 900.0).rest(3) == pytest.approx(3.0)
    assert Allowance(5000, 500, 900.0).rest(1) == 900.0
    assert Allowance(60, 60, 3600.0).rest(1) > 60


@pytest.mark.parametrize(
    ("status", "headers", "before", "seconds"),
    [
        (429, {"retry-after": "17"}, None, 17.0),
        (403, {"retry-after": "17"}, None, 17.0),
        (429, {"retry-after": "Fri, 20 Nov 2026 12:00:17 GMT", "date": DATE}, None, 17.0),
        (429, {"retry-after": "Fri, 20 Nov 2026 11:00:00 GMT", "date": DATE}, None, 0.0),
        (429, {"retry-after": "Fri, 20 Nov 2026 12:00:17 GMT"}, None, PAUSE),
        (
            403,
            {**GITHUB, "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(AT + 90)},
            None,
            90,
        ),
        (429, {**GITLAB, "ratelimit-remaining": "0", "ratelimit-reset": str(AT)}, None, 1.0),
        (429, {}, None, PAUSE),
        (429, {}, 60.0, 120.0),
        (429, {}, 3000.0, LONGEST_PAUSE),
        (403, {}, None, None),
        (403, {**GITHUB, "x-ratelimit-reset": str(AT)}, None, None),
        (404, {"retry-after": "17"}, None, None),
        (200, {}, None, None),
    ],
)
def test_each_refusal_asks_for_a_pause_or_is_not_about_a_limit(
    status: int, headers: dict[str, str], before: float | None, seconds: float | None
) -> None:
    """GitHub says 403 or 429 for both of its limits; a 403 can also mean a missing right."""
    assert pause(status, headers, before=before) == seconds
