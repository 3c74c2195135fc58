"""What `/healthz` is asked for: whether everything moves that has to."""

import asyncio
from collections.abc import Sequence
from functools import partial

import looptime
import pytest

from buildlight.config.settings import check_settings
from buildlight.daemon.monitor import Monitor
from buildlight.daemon.watchdog import Watchdog
from buildlight.feeds.sources import Source
from buildlight.projects.project import Project
from buildlight.report.poll_stats import PollStats
from buildlight.system.sd_notify import Systemd
from support.examples import NOON, a_project


@pytest.mark.parametrize(
    ("late", "hung", "ailment"),
    [
        ((), (), None),
        (("web", "api"), (), "the poller of web, api hangs"),
        ((), ("lamp",), "the light of lamp has not come back for 60 seconds"),
        (("web",), ("lamp",), "the poller of web hangs"),
    ],
)
def test_what_hangs_is_told(late: Sequence[str], hung: Sequence[str], ailment: str | None) -> None:
    """Whether or not a restart would help, and however often it is asked."""
    watchdog = Watchdog(Systemd(), late_feeds=lambda: late, hung_lamps=lambda: hung, folder=None)

    assert [watchdog.ailment(), watchdog.ailment()] == [ailment, ailment]


class _Slow:
    """A feed that takes two seconds."""

    async def read(self) -> tuple[Project, ...]:
        """Answer at last."""
        await asyncio.sleep(2.0)
        return (a_project(),)

    async def close(self) -> None:
        """Nothing is held."""


def test_a_poll_is_timed() -> None:
    """How long a server takes is told with each poll."""
    document = {"feeds": [{"url": "https://ci.example/cc.xml"}], "lamps": [{"driver": "console"}]}
    readers = check_settings(document).feeds
    polls = PollStats()

    async def poll() -> None:
        monitor = Monitor(
            [Source(_Slow(), readers)],
            clock=lambda: NOON,
            polls=polls,
            wake=asyncio.Event(),
        )
        async with asyncio.timeout(10.0):
            await monitor.run()

    on_virtual_time = partial(looptime.new_event_loop, start=0)
    with asyncio.Runner(loop_factory=on_virtual_time) as runner, pytest.raises(TimeoutError):
        runner.run(poll())

    assert polls.of("ci.example").count == 1
    assert polls.of("ci.example").seconds == pytest.approx(2.0)
