"""When a connection to a broker is tried again."""

from itertools import islice

from buildlight.network.broker import LONGEST_RETRY, RETRIES, retries


def test_attempts_become_rarer_and_differ_between_followers() -> None:
    """Half to one and a half of each step: a thousand followers do not come in one moment."""
    least, mean, most = (
        [*islice(retries(dice=lambda fallen=fallen: fallen), len(RETRIES) + 2)]  # type: ignore[misc]
        for fallen in (0.0, 0.5, 1.0)
    )

    assert mean == [*RETRIES, LONGEST_RETRY, LONGEST_RETRY]
    assert least == [delay / 2 for delay in mean]
    assert most == [delay * 1.5 for delay in mean]


def test_no_two_followers_are_likely_to_wait_alike() -> None:
    """Each has dice of its own."""
    assert len({next(retries()) for _ in range(100)}) > 90
