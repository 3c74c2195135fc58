"""The report and the polls in the text format of Prometheus. Pure.

Without the client library, which takes 1.6 MB and 20 to 50 ms, more than the whole page. The
configuration and :data:`MOST_PROJECTS` limit the number of series.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass

from buildlight.patterns.known import Known
from buildlight.projects.feed_state import Freshness
from buildlight.projects.signal import RANKS
from buildlight.projects.verdict import Verdict
from buildlight.redaction import printable
from buildlight.report.poll_stats import BOUNDS, KINDS, OTHER, BrokerStats, PollStats
from buildlight.report.report import ProjectReport, Report
from buildlight.report.shown import Light

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

MOST_PROJECTS = 1_000
"""Most projects with a series, the worst first; the rest is counted."""
LONGEST = 200
"""Most characters of a label's value."""

VALUES: Mapping[Verdict, str] = {Verdict.BROKEN: "1", Verdict.PASSING: "0", Verdict.NONE: "NaN"}
"""A verdict as a number; NaN if it is unknown."""
WORST_FIRST = (Verdict.BROKEN, Verdict.NONE, Verdict.PASSING)

Labels = Mapping[str, str]
Sample = tuple[str, Labels, str]
"""The suffix of the metric's name (``_sum``), the labels, and the value."""


@dataclass(frozen=True, slots=True)
class _Metric:
    name: str
    kind: str
    help: str
    samples: Sequence[Sample]


def exposition(
    report: Report, polls: PollStats, *, version: str, ages: Sequence[float | None]
) -> str:
    """Return all metrics, with the current *ages* of feeds."""
    metrics = (
        _Metric(
            "build_info", "gauge", "Which buildlight this is.", [("", {"version": version}, "1")]
        ),
        *_of_polls(report, polls),
        *_of_feeds(report, ages),
        *_of_projects(report),
        *_of_lamps(report),
        *_of_broker(polls.broker),
    )
    return "".join(line for metric in metrics for line in _lines(metric))


def _of_polls(report: Report, polls: PollStats) -> Iterable[_Metric]:
    by_feed = {feed.name: polls.of(feed.name) for feed in report.feeds}
    yield _Metric(
        "polls_total",
        "counter",
        "Polls of a feed.",
        [("", {"feed": name}, str(each.count)) for name, each in by_feed.items()],
    )
    yield _Metric(
        "poll_failures_total",
        "counter",
        "Polls of a feed that gave no projects, by kind.",
        [
            ("", {"feed": name, "kind": kind}, str(each.failures[kind]))
            for name, each in by_feed.items()
            for kind in (*KINDS.values(), OTHER)
        ],
    )
    durations: list[Sample] = []
    for name, each in by_feed.items():
        so_far = 0
        for bound, count in zip((*BOUNDS, None), each.durations, strict=True):
            so_far += count
            le = "+Inf" if bound is None else str(bound)
            durations.append(("_bucket", {"feed": name, "le": le}, str(so_far)))
        durations.append(("_sum", {"feed": name}, repr(round(each.seconds, 6))))
        durations.append(("_count", {"feed": name}, str(each.count)))
    yield _Metric("poll_duration_seconds", "histogram", "How long polls took.", durations)


def _of_feeds(report: Report, ages: Sequence[float | None]) -> Iterable[_Metric]:
    yield _Metric(
        "feed_age_seconds",
        "gauge",
        "Seconds since the last good answer; absent for a feed that never gave one.",
        [
            ("", {"feed": feed.name}, repr(age))
            for feed, age in zip(report.feeds, ages, strict=True)
            if age is not None
        ],
    )
    yield _Metric(
        "feed_state",
        "gauge",
        "1 for the state that a feed is in: fresh, stale or never.",
        [
            ("", {"feed": feed.name, "state": state.value}, _one(feed.state is state))
            for feed in report.feeds
            for state in Freshness
        ],
    )
    yield _Metric(
        "feed_projects",
        "gauge",
        "Projects, or pipelines, of a feed.",
        [("", {"feed": feed.name}, str(feed.projects)) for feed in report.feeds],
    )


def _of_projects(report: Report) -> Iterable[_Metric]:
    projects = report.projects
    yield _Metric(
        "projects",
        "gauge",
        "Projects of all feeds by verdict.",
        [
            ("", {"verdict": verdict.value}, str(sum(each.verdict is verdict for each in projects)))
            for verdict in Verdict
        ],
    )
    fresh = {feed.name for feed in report.feeds if feed.state is Freshness.FRESH}
    known = [(each, _known(each, fresh)) for each in projects]
    worst: dict[tuple[str, str], Verdict] = {}
    for each, verdict in sorted(known, key=lambda pair: WORST_FIRST.index(pair[1])):
        worst.setdefault((each.feed, printable(each.name, limit=LONGEST)), verdict)
    told = [*worst.items()][:MOST_PROJECTS]
    yield _Metric(
        "project_verdict",
        "gauge",
        "1: broken, 0: passing, NaN: no build was completed, or it passed and its feed is not "
        "fresh. Of namesakes the worst.",
        [("", {"feed": feed, "project": name}, VALUES[v]) for (feed, name), v in told],
    )
    yield _of_runs(projects)
    yield _Metric(
        "projects_untold",
        "gauge",
        f"Projects beyond {MOST_PROJECTS}, which have no series of their own.",
        [("", {}, str(len(worst) - len(told)))],
    )


def _of_runs(projects: Iterable[ProjectReport]) -> _Metric:
    """Return when last builds started; of namesakes the first counts, as a series has one value."""
    runs: dict[tuple[str, str], Sample] = {}
    for each in projects:
        if each.run is None or each.run.started is None or each.run.started.tzinfo is None:
            continue
        name = printable(each.name, limit=LONGEST)
        labels = {"feed": each.feed, "project": name, "branch": each.run.branch}
        labels |= {"attempt": str(each.run.attempt or 1), "author": each.run.author}
        started = str(int(each.run.started.timestamp()))
        if len(runs) < MOST_PROJECTS:
            runs.setdefault((each.feed, name), ("", labels, started))
    return _Metric(
        "project_run_started_seconds",
        "gauge",
        "When the run of the last build started, since 1970; only of servers that tell.",
        [*runs.values()],
    )


def _known(project: ProjectReport, fresh: Container[str]) -> Verdict:
    """Return the verdict; NONE for a pass whose feed is not *fresh*."""
    if project.verdict is Verdict.PASSING and project.feed not in fresh:
        return Verdict.NONE
    return project.verdict


def _of_lamps(report: Report) -> Iterable[_Metric]:
    yield _Metric(
        "lamp_signal",
        "gauge",
        "1 for the signal that a lamp shows.",
        [
            ("", {"lamp": lamp.name, "signal": name}, _one(RANKS[lamp.signal] == name))
            for lamp in report.lamps
            for name in dict.fromkeys(RANKS.values())
        ],
    )
    yield _Metric(
        "lamp_light",
        "gauge",
        "1 for how a lamp's light is: ok, waiting or lost.",
        [
            ("", {"lamp": lamp.name, "light": light.value}, _one(lamp.light is light))
            for lamp in report.lamps
            for light in Light
        ],
    )
    yield _Metric(
        "lamp_known",
        "gauge",
        "1 for what stands behind a lamp's light that is ok: confirmed (read back) or told.",
        [
            ("", {"lamp": lamp.name, "known": known.value}, _one(lamp.known is known))
            for lamp in report.lamps
            for known in Known
        ],
    )


def _of_broker(broker: BrokerStats) -> Iterable[_Metric]:
    """Yield what is published over MQTT, if that is configured."""
    if broker.configured:
        for name, kind, told, number in (
            ("connected", "gauge", "1 while the broker is connected.", int(broker.connected)),
            ("connections_total", "counter", "Connections to the broker.", broker.connections),
            ("messages_total", "counter", "Messages that were published.", broker.messages),
            ("bytes_total", "counter", "Bytes of their payloads.", broker.size),
        ):
            yield _Metric(f"mqtt_{name}", kind, told, [("", {}, str(number))])


def _lines(metric: _Metric) -> Iterable[str]:
    name = f"buildlight_{metric.name}"
    yield f"# HELP {name} {metric.help}\n# TYPE {name} {metric.kind}\n"
    for suffix, labels, value in metric.samples:
        told = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{suffix}{{{told}}} {value}\n" if told else f"{name}{suffix} {value}\n"


def _escaped(text: str) -> str:
    plain = printable(text, limit=LONGEST)
    return plain.replace("\\", r"\\").replace('"', r"\"")


def _one(held: bool) -> str:  # noqa: FBT001 - the value to be written
    return "1" if held else "0"
