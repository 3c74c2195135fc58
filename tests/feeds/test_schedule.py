"""When a feed is polled next."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.feeds.schedule import (
    CEILING,
    CLOSEST,
    DEADLINE,
    JITTER,
    LONGEST_REST,
    max_age,
    wait,
)


def a_wait(**changes: float) -> float:
    """Return the wait of an idle feed that answers, without jitter, but for *changes*."""
    facts = {
        "interval": 30.0,
        "building_interval": 5.0,
        "building": False,
        "failures": 0,
        "tolerated": 3,
        "chance": 0.0,
    }
    return wait(**{**facts, **changes})  # type: ignore[arg-type]


def test_an_idle_feed_is_polled_at_its_interval() -> None:
    """`interval = 30` means every 30 seconds."""
    assert a_wait() == 30.0


def test_a_building_feed_is_polled_more_often() -> None:
    """`building_interval = 5` brings the verdict of a running build sooner."""
    assert a_wait(building=True) == 5.0


def test_a_building_feed_is_never_polled_less_often() -> None:
    """A building interval above the interval does not slow anything down."""
    assert a_wait(building=True, building_interval=60.0) == 30.0


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(1, 30.0), (2, 30.0), (3, 30.0), (4, 60.0), (5, 120.0), (6, 150.0), (7, 150.0)],
)
def test_the_wait_doubles_after_the_tolerated_failures(failures: int, seconds: float) -> None:
    """A server that is down is asked less and less often, but at least every five intervals."""
    assert a_wait(failures=failures) == seconds


@pytest.mark.parametrize(("failures", "seconds"), [(1, 5.0), (2, 5.0), (3, 30.0), (5, 120.0)])
def test_a_tolerated_failure_does_not_slow_a_building_feed(failures: int, seconds: float) -> None:
    """One lost answer during a build does not delay its verdict; a dead server is left alone."""
    assert a_wait(failures=failures, building=True) == seconds


@pytest.mark.parametrize(("failures", "seconds"), [(1, 30.0), (2, 60.0), (4, 150.0)])
def test_the_tolerance_can_be_set(failures: int, seconds: float) -> None:
    """With `max_failures = 1` the wait grows from the second failure on."""
    assert a_wait(failures=failures, tolerated=1) == seconds


def test_years_of_failures_are_no_trouble() -> None:
    """A server that never comes back costs one poll in five intervals, for ever."""
    assert a_wait(failures=10_000_000) == 150.0


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [(0.0, 30.0), (10.0, 30.0), (45.0, 45.0), (3_600.0, 3_600.0), (1e9, 3_600.0)],
)
def test_a_server_that_asks_for_rest_is_left_alone(retry_after: float, seconds: float) -> None:
    """`Retry-After` is obeyed, but never for more than an hour."""
    assert LONGEST_REST == 3_600.0
    assert a_wait(rest=retry_after) == seconds


def test_a_short_rest_does_not_end_a_long_wait() -> None:
    """A server that is down for hours and says `Retry-After: 45` is not asked more often for it."""
    assert a_wait(failures=10, rest=45.0) == 150.0


def test_jitter_does_not_shorten_a_rest() -> None:
    """A server that asks for 45 seconds gets all of them."""
    assert a_wait(rest=45.0, chance=1.0) == 45.0


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 30.0), (0.5, 28.5), (1.0, 27.0)])
def test_jitter_shortens_a_wait_by_a_tenth_at_most(chance: float, seconds: float) -> None:
    """A hundred lamps that start together do not poll in step for long."""
    assert a_wait(chance=chance) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("building_interval", "seconds"), [(20.0, 18.0), (5.2, 5.0), (5.0, 5.0), (0.5, 0.5)]
)
def test_jitter_brings_no_polls_closer_than_five_seconds(
    building_interval: float, seconds: float
) -> None:
    """A server is never asked more often than every 5 seconds, unless somebody wants it."""
    assert CLOSEST == 5.0
    assert a_wait(building=True, building_interval=building_interval, chance=1.0) == seconds


@pytest.mark.parametrize(("place", "seconds"), [(0.0, 5.0), (0.2, 10.0), (0.5, 17.5), (1.0, 30.0)])
def test_feeds_that_were_asked_together_get_places_in_the_interval(
    place: float, seconds: float
) -> None:
    """From five seconds after the start to a whole interval after it, evenly."""
    assert a_wait(place=place) == seconds


def test_no_place_is_closer_than_five_seconds() -> None:
    """A server whose build runs at the start is asked as often as it is later."""
    assert a_wait(place=0.0, chance=1.0) == 5.0
    assert a_wait(place=0.0, building=True) == 5.0
    assert a_wait(place=0.0, building=True, building_interval=2.0) == 2.0
    assert a_wait(place=0.0, rest=45.0) == 45.0


@given(
    interval=st.floats(0.1, 86_400),
    building_interval=st.floats(0.1, 86_400),
    building=st.booleans(),
    failures=st.integers(0, 10_000),
    tolerated=st.integers(1, 100),
    chance=st.floats(0, 1),
    place=st.floats(0, 1),
)
def test_no_wait_exceeds_five_intervals(
    *,
    interval: float,
    building_interval: float,
    building: bool,
    failures: int,
    tolerated: int,
    chance: float,
    place: float,
) -> None:
    """Whatever happens, a feed is asked again within the time that the README promises."""
    seconds = wait(
        interval=interval,
        building_interval=building_interval,
        building=building,
        failures=failures,
        tolerated=tolerated,
        chance=chance,
        place=place,
    )

    assert 0 < seconds <= interval * (CEILING if failures > tolerated else 1)
    least = min(interval, building_interval)
    assert seconds >= min(least * (1 - JITTER), CLOSEST) * (1 - 1e-9)


def test_news_keeps_for_three_polls_and_a_deadline() -> None:
    """An old green stands for 3 intervals and 20 seconds at the longest."""
    assert DEADLINE == 20.0
    assert max_age(30.0) == 110.0
