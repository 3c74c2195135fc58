"""What Prometheus reads, read with the parser of its own client library."""

from collections.abc import Iterable
from math import nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from buildlight.errors import FeedError, FeedMalformed, FeedRefused, FeedUnreachable
from buildlight.projects.project import Run
from buildlight.projects.signal import RANKS
from buildlight.projects.verdict import ProjectState, Verdict
from buildlight.publish.web.metrics import MOST_PROJECTS, exposition
from buildlight.report.poll_stats import BrokerStats, PollStats
from buildlight.report.report import Report
from buildlight.report.rows import Watched
from support.examples import NOON
from support.reports import DOWN, a_feed, a_lamp, a_report, broken, known

NAN = pytest.approx(nan, nan_ok=True)
"""Equals NaN, and not a series that is not told."""


def samples(
    report: Report, polls: PollStats | None = None, *, elapsed: float = 0.0
) -> list[Sample]:
    """Return every sample that Prometheus would read."""
    ages = [None if each.age is None else round(each.age + elapsed, 1) for each in report.feeds]
    text = exposition(report, polls or PollStats(), version="1.2.3", ages=ages)
    families = text_string_to_metric_families(text)
    return [sample for family in families for sample in family.samples]


def a_text(*feeds: Watched) -> str:
    """Return the answer as it is sent."""
    report = a_report(*feeds)
    ages = [each.age for each in report.feeds]
    return exposition(report, PollStats(), version="1.2.3", ages=ages)


def value(told: Iterable[Sample], name: str, **labels: str) -> float | None:
    """Return the value of one series, ``None`` if it is not told."""
    found = [
        each.value for each in told if each.name == f"buildlight_{name}" and each.labels == labels
    ]
    assert len(found) <= 1
    return found[0] if found else None


def test_every_metric_says_what_it_is() -> None:
    """Whoever builds a dashboard reads these sentences in its editor."""
    families = text_string_to_metric_families(a_text(a_feed(known())))

    assert {each.name: (each.type, each.documentation) for each in families} == {
        "buildlight_build_info": ("gauge", "Which buildlight this is."),
        "buildlight_polls": ("counter", "Polls of a feed."),
        "buildlight_poll_failures": (
            "counter",
            "Polls of a feed that gave no projects, by kind.",
        ),
        "buildlight_poll_duration_seconds": ("histogram", "How long polls took."),
        "buildlight_feed_age_seconds": (
            "gauge",
            "Seconds since the last good answer; absent for a feed that never gave one.",
        ),
        "buildlight_feed_state": (
            "gauge",
            "1 for the state that a feed is in: fresh, stale or never.",
        ),
        "buildlight_feed_projects": ("gauge", "Projects, or pipelines, of a feed."),
        "buildlight_projects": ("gauge", "Projects of all feeds by verdict."),
        "buildlight_project_verdict": (
            "gauge",
            (
                "1: broken, 0: passing, NaN: no build was completed, or it passed and its feed is "
                "not fresh. Of namesakes the worst."
            ),
        ),
        "buildlight_project_run_started_seconds": (
            "gauge",
            "When the run of the last build started, since 1970; only of servers that tell.",
        ),
        "buildlight_projects_untold": (
            "gauge",
            "Projects beyond 1000, which have no series of their own.",
        ),
        "buildlight_lamp_signal": ("gauge", "1 for the signal that a lamp shows."),
        "buildlight_lamp_light": ("gauge", "1 for how a lamp's light is: ok, waiting or lost."),
        "buildlight_lamp_known": (
            "gauge",
            "1 for what stands behind a lamp's light that is ok: confirmed (read back) or told.",
        ),
    }


def test_what_has_no_labels_has_no_braces() -> None:
    """As Prometheus' own libraries write it, so that a line is found with grep."""
    assert "\nbuildlight_projects_untold 0\n" in a_text(a_feed(known()))


def test_polls_are_counted_by_how_they_ended() -> None:
    """An alert can tell a server that is down from a token that has expired."""
    polls = PollStats()
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
        polls.count("web", fault, 0.5)

    told = samples(a_report(a_feed(known())), polls)

    kinds = ("unreachable", "refused", "malformed", "other")
    failures = [value(told, "poll_failures_total", feed="web", kind=kind) for kind in kinds]
    assert value(told, "polls_total", feed="web") == 7
    assert failures == [1, 2, 1, 1]


def test_durations_are_a_histogram() -> None:
    """Slow polls stand apart from fast ones, and the mean can be had."""
    polls = PollStats()
    for seconds in (0.05, 0.1, 0.2, 2.0, 19.9):
        polls.count("web", None, seconds)

    told = samples(a_report(a_feed(known())), polls)

    up_to = {
        each.labels["le"]: each.value
        for each in told
        if each.name == "buildlight_poll_duration_seconds_bucket" and each.labels["feed"] == "web"
    }
    assert up_to == {"0.1": 2, "0.3": 3, "1.0": 3, "3.0": 4, "10.0": 4, "+Inf": 5}
    assert value(told, "poll_duration_seconds_count", feed="web") == 5
    assert value(told, "poll_duration_seconds_sum", feed="web") == pytest.approx(22.25)


def test_a_feed_that_is_not_read_any_more_is_not_told() -> None:
    """After a reload, a feed that went away is no series for ever."""
    polls = PollStats()
    polls.count("gone", None, 0.1)

    assert value(samples(a_report(a_feed(known())), polls), "polls_total", feed="gone") is None


def test_ages_go_on_growing_between_two_reports() -> None:
    """The age of a feed is that of now; one that never answered has none."""
    report = a_report(a_feed(known()), a_feed(name="api", answered=None, error=DOWN))

    told = samples(report, elapsed=10.0)

    assert value(told, "feed_age_seconds", feed="web") == pytest.approx(14.2)
    assert value(told, "feed_age_seconds", feed="api") is None
    assert value(told, "feed_state", feed="web", state="fresh") == 1
    assert value(told, "feed_state", feed="api", state="fresh") == 0
    assert value(told, "feed_state", feed="api", state="never") == 1


def test_no_age_goes_to_another_feed() -> None:
    """An age for each, or none is told at all."""
    with pytest.raises(ValueError, match="zip"):
        exposition(a_report(a_feed(known())), PollStats(), version="1", ages=[1.0, 2.0])


def test_the_projects_of_a_feed_are_counted() -> None:
    """A feed that suddenly holds none is worth an alert, too."""
    told = samples(a_report(a_feed(known("a"), known("b")), a_feed(name="api")))

    assert value(told, "feed_projects", feed="web") == 2
    assert value(told, "feed_projects", feed="api") == 0


def test_verdicts_are_numbers() -> None:
    """1 is worth an alert, 0 is not, and what nobody knows is no number."""
    told = samples(a_report(a_feed(broken("a"), known("b"), known("c", Verdict.NONE))))

    assert value(told, "project_verdict", feed="web", project="a") == 1
    assert value(told, "project_verdict", feed="web", project="b") == 0
    assert value(told, "project_verdict", feed="web", project="c") == NAN
    assert [value(told, "projects", verdict=each.value) for each in Verdict] == [1, 1, 1]


@pytest.mark.parametrize("answered", [0.0, None])
def test_old_news_is_no_zero(answered: float | None) -> None:
    """Nobody knows whether it passes still; that it was broken is not forgotten."""
    silent = a_feed(known("a"), broken("b"), error=DOWN, answered=answered)

    told = samples(a_report(silent, a_feed(known("a"), name="api")))

    assert value(told, "project_verdict", feed="web", project="a") == NAN
    assert value(told, "project_verdict", feed="web", project="b") == 1
    assert value(told, "project_verdict", feed="api", project="a") == 0


def test_old_news_is_told_before_what_passes() -> None:
    """What nobody knows is not what is left out of too many."""
    passing = [known(f"p{number}") for number in range(MOST_PROJECTS)]

    told = samples(a_report(a_feed(*passing), a_feed(known("a"), name="api", error=DOWN)))

    assert value(told, "project_verdict", feed="api", project="a") == NAN


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


def test_what_is_told_first_is_what_matters() -> None:
    """A project of which nobody knows comes before one that passes, and after one that is broken.

    So what is left of a feed of too many is what somebody may have to do something about.
    """
    unknown = [known(f"n{number}", Verdict.NONE) for number in range(999)]

    told = samples(a_report(a_feed(known("a"), *unknown, broken("z"))))

    series = [each for each in told if each.name == "buildlight_project_verdict"]
    assert series[0].labels["project"] == "z"
    assert len(series) == 1_000
    assert value(told, "project_verdict", feed="web", project="a") is None
    assert value(told, "projects_untold") == 1


def test_a_lamp_has_one_signal() -> None:
    """Of the nine names of signals exactly one is 1 for each lamp."""
    report = a_report(a_feed(broken()), lamps=[a_lamp("a"), a_lamp("b")])

    told = samples(report)

    for lamp in ("a", "b"):
        names = {*RANKS.values()}
        signals = {name: value(told, "lamp_signal", lamp=lamp, signal=name) for name in names}
        assert signals == {name: float(name == "broken") for name in names}
    assert value(told, "lamp_light", lamp="a", light="ok") == 1
    assert value(told, "lamp_known", lamp="a", known="told") == 1
    assert value(told, "lamp_known", lamp="a", known="confirmed") == 0
    assert value(told, "build_info", version="1.2.3") == 1


@pytest.mark.parametrize(
    ("name", "label"),
    [
        (r"C:\new\shop", r"C:\new\shop"),
        ('a "quoted" name', 'a "quoted" name'),
        ("x" * 200, "x" * 200),
        ("x" * 201, "x" * 199 + "…"),
    ],
    ids=["backslashes", "quotes", "long", "too long"],
)
def test_a_name_comes_back_as_it_was(name: str, label: str) -> None:
    """An alert names the project; only one of more than 200 letters is cut."""
    told = samples(a_report(a_feed(known(name), name=name)))

    assert value(told, "project_verdict", feed=label, project=label) == 0


def test_names_that_are_alike_once_cut_are_one_series() -> None:
    """What Prometheus would refuse as told twice is told once, and the worst of it."""
    told = samples(a_report(a_feed(known("x" * 300), broken("x" * 301))))

    assert value(told, "project_verdict", feed="web", project="x" * 199 + "…") == 1


@given(st.lists(st.builds(known, st.text(max_size=300)), max_size=5))
def test_no_name_breaks_the_format(projects: list[ProjectState]) -> None:
    """Names come from strangers: quotes, line breaks and backslashes are only letters."""
    told = samples(a_report(a_feed(*projects)))

    series = [each for each in told if each.name == "buildlight_project_verdict"]
    assert len(series) <= len(projects)
    assert len({each.labels["project"] for each in series}) == len(series)
    assert all(each.name.startswith("buildlight_") for each in told)


def test_a_run_is_told_with_its_branch_attempt_and_author() -> None:
    """Where the server tells them."""
    run = Run("main", "3f2c1d0", 2, "ada", NOON)

    told = samples(a_report(a_feed(known("a", run=run), known("b"))))

    labels = {"branch": "main", "attempt": "2", "author": "ada"}
    name = "project_run_started_seconds"
    assert value(told, name, feed="web", project="a", **labels) == NOON.timestamp()
    assert sum(each.name == f"buildlight_{name}" for each in told) == 1


def test_what_is_published_is_counted_where_a_broker_is_configured() -> None:
    """Without one there is no series that would look like a broker that is down."""
    report, polls = a_report(a_feed(known())), PollStats()
    assert not any("mqtt" in each.name for each in samples(report, polls))

    polls.broker = BrokerStats(configured=True, connected=True, connections=2)
    polls.broker.count(b"four")
    polls.broker.count(b"")
    told = samples(report, polls)
    assert value(told, "mqtt_connected") == 1
    assert value(told, "mqtt_connections_total") == 2
    assert value(told, "mqtt_messages_total") == 2
    assert value(told, "mqtt_bytes_total") == 4


def test_runs_have_as_many_series_as_projects() -> None:
    """Prometheus keeps each for weeks."""
    run = Run("main", "3f2c1d0", 1, "ada", NOON)
    many = [known(f"p{number}", run=run) for number in range(MOST_PROJECTS + 1)]

    told = samples(a_report(a_feed(*many)))

    name = "buildlight_project_run_started_seconds"
    assert sum(each.name == name for each in told) == MOST_PROJECTS
