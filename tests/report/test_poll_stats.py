"""How often feeds were polled, and how often that failed."""

from buildlight.report.poll_stats import PollStats
from support.reports import DOWN


def test_polls_and_failures_of_each_feed_are_counted() -> None:
    """The log sums up a day in one line, and the page in its metrics."""
    polls = PollStats()
    polls.count("web", None, 0.2, answered=1.0)
    polls.count("web", DOWN, 0.3)
    polls.count("api", None, 0.1, answered=3.0)

    assert polls.totals() == {"web": (2, 1), "api": (1, 0)}
