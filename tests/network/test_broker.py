"""When a connection to a broker is tried again, and that its task ends."""

import asyncio
from contextlib import suppress
from itertools import islice

import pytest

from buildlight.network import broker
from buildlight.network.broker import LONGEST_RETRY, RETRIES, end, retries


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


def test_a_task_ends_that_swallows_a_cancellation(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait that is over in the same moment does so, and the exit of the daemon waited for it."""
    monkeypatch.setattr(broker, "AGAIN", 0.01)

    async def swallow() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    async def fail() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            raise ValueError("at its end")

    async def story() -> None:
        tasks = [asyncio.create_task(each()) for each in (swallow, fail)]
        await asyncio.sleep(0)
        for each in tasks:
            await end(each)
        assert tasks[0].cancelled()

    asyncio.run(asyncio.wait_for(story(), 10))
