"""What Prometheus reads, read with the parser of its own client library."""

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from buildlight.aggregate import RANKS
from buildlight.errors import FeedError, FeedMalformed, FeedRefused, FeedUnreachable
from buildlight.memory import Remembered, Verdict
from buildlight.publish.metrics import MOST_PROJECTS, exposition
from buildlight.publish.tally import Tally
from buildlight.report import Report
from page.reports import DOWN, a_feed, a_lamp, a_report, broken, known


def samples(report: Report, tally: Tally | None = None, *, elapsed: float = 0.0) -> list[Sample]:
    """Return every sample that Prometheus would read."""
    ages = [None if each.age is None else round(each.age + elapsed, 1) for each in report.feeds]
    text = exposition(report, tally or Tally(), version="1.2.3", ages=ages)
    families = text_string_to_metric_families(text)
    return [sample for family in families for sample in family.samples]


def value(told: Iterable[Sample], name: str, **labels: str) -> float | None:
    """Return the value of one series, ``None`` if it is not told."""
    found = [
        each.value for each in told if each.name == f"buildlight_{name}" and each.labels == labels
    ]
    assert len(found) <= 1
    return found[0] if found else None


def test_polls_are_counted_by_how_they_ended() -> None:
    """An alert can tell a server that is down from a token that has expired."""
    tally = Tally()
    faults: list[FeedError | None] = [
        None,
        None,
        FeedUnreachable("no answer"),
        FeedRefused("refused with 401"),
        FeedRefused("refused with 403"),
        FeedMalformed("not XML"),
        FeedError("its reader failed"),
    ]
    for fault in faults:
        tally.count("web", fault, 0.5)

    told = samples(a_report(a_feed(known())), tally)

    kinds = ("unreachable", "refused", "malformed", "other")
    failures = [value(told, "poll_failures_total", feed="web", kind=kind) for kind in kinds]
    assert value(told, "polls_total", feed="web") == 7
    assert failures == [1, 2, 1, 1]


def test_durations_are_a_histogram() -> None:
    """Slow polls stand apart from fast ones, and the mean can be had."""
    tally = Tally()
    for seconds in (0.05, 0.1, 0.2, 2.0, 19.9):
        tally.count("web", None, seconds)

    told = samples(a_report(a_feed(known())), tally)

    up_to = {
        each.labels["le"]: each.value
        for each in told
        if each.name == "buildlight_poll_duration_seconds_bucket"
    }
    assert up_to == {"0.1": 2, "0.3": 3, "1.0": 3, "3.0": 4, "10.0": 4, "+Inf": 5}
    assert value(told, "poll_duration_seconds_count", feed="web") == 5
    assert value(told, "poll_duration_seconds_sum", feed="web") == pytest.approx(22.25)


def test_a_feed_that_is_not_read_any_more_is_not_told() -> None:
    """After a reload, a feed that went away is no series for ever."""
    tally = Tally()
    tally.count("gone", None, 0.1)

    assert value(samples(a_report(a_feed(known())), tally), "polls_total", feed="gone") is None


def test_ages_go_on_growing_between_two_reports() -> None:
    """The age of a feed is that of now; one that never answered has none."""
    report = a_report(a_feed(known()), a_feed(name="api", answered=None, error=DOWN))

    told = samples(report, elapsed=10.0)

    assert value(told, "feed_age_seconds", feed="web") == pytest.approx(14.2)
    assert value(told, "feed_age_seconds", feed="api") is None
    assert value(told, "feed_state", feed="web", state="fresh") == 1
    assert value(told, "feed_state", feed="api", state="fresh") == 0
    assert value(told, "feed_state", feed="api", state="never") == 1


def test_verdicts_are_numbers() -> None:
    """1 is worth an alert, 0 is not, and what nobody knows is no number."""
    told = samples(a_report(a_feed(broken("a"), known("b"), known("c", Verdict.NONE))))

    assert value(told, "project_verdict", feed="web", project="a") == 1
    assert value(told, "project_verdict", feed="web", project="b") == 0
    none = value(told, "project_verdict", feed="web", project="c")
    assert none is not None
    assert none != none  # noqa: PLR0124 - this is how NaN is told
    assert [value(told, "projects", verdict=each.value) for each in Verdict] == [1, 1, 1]


def test_of_namesakes_the_worst_is_told() -> None:
    """Two samples of one series make Prometheus refuse the whole answer."""
    told = samples(a_report(a_feed(known("a"), broken("a"), known("a"))))

    assert value(told, "project_verdict", feed="web", project="a") == 1


def test_the_number_of_series_is_bounded() -> None:
    """A feed of 50,000 projects fills no database; what is broken is told before all else."""
    passing = [known(f"p{number}") for number in range(MOST_PROJECTS + 500)]

    told = samples(a_report(a_feed(*passing, broken("last"))))

    series = [each for each in told if each.name == "buildlight_project_verdict"]
    assert len(series) == MOST_PROJECTS
    assert value(told, "project_verdict", feed="web", project="last") == 1
    assert value(told, "projects_untold") == 501
    assert value(told, "projects", verdict="passing") == MOST_PROJECTS + 500


def test_a_lamp_has_one_signal() -> None:
    """Of the nine names of signals exactly one is 1 for each lamp."""
    report = a_report(a_feed(broken()), lamps=[a_lamp("a"), a_lamp("b")])

    told = samples(report)

    for lamp in ("a", "b"):
        names = {*RANKS.values()}
        signals = {name: value(told, "lamp_signal", lamp=lamp, signal=name) for name in names}
        assert signals == {name: float(name == "broken") for name in names}
    assert value(told, "lamp_light", lamp="a", light="ok") == 1
    assert value(told, "build_info", version="1.2.3") == 1


@given(st.lists(st.builds(known, st.text(max_size=300)), max_size=5))
def test_no_name_breaks_the_format(projects: list[Remembered]) -> None:
    """Names come from strangers: quotes, line breaks and backslashes are only letters."""
    told = samples(a_report(a_feed(*projects)))

    series = [each for each in told if each.name == "buildlight_project_verdict"]
    assert len(series) <= len(projects)
    assert len({each.labels["project"] for each in series}) == len(series)
    assert all(each.name.startswith("buildlight_") for each in told)
