"""The report as JSON, in the one shape of the status file, the page and `explain`. Pure."""

from datetime import UTC, datetime
from typing import Any

from buildlight.projects.project import Run
from buildlight.report.report import FeedReport, LampReport, ProjectReport, Report


def to_json(report: Report) -> dict[str, Any]:
    """Return *report* as a value for :mod:`json`."""
    document = to_json_by_rows(report)
    return {**document, "projects": [*document["projects"]]}


def to_json_by_rows(report: Report) -> dict[str, Any]:
    """Return the same with its projects as an iterator, because 100,000 projects need 60 MB."""
    return {
        "version": 1,
        "at": iso(report.at),
        "feeds": [_feed_json(feed) for feed in report.feeds],
        "projects": (_project_json(project) for project in report.projects),
        "lamps": [_lamp_json(lamp) for lamp in report.lamps],
    }


def _feed_json(feed: FeedReport) -> dict[str, Any]:
    return {
        "name": feed.name,
        "url": feed.url,
        "state": feed.state.value,
        "age": feed.age,
        "error": feed.error,
        "projects": feed.projects,
        "warnings": [*feed.warnings, *feed.notices],
    }


def _project_json(project: ProjectReport) -> dict[str, Any]:
    return {
        "feed": project.feed,
        "name": project.name,
        "verdict": project.verdict.value,
        "building": project.building,
        "since": iso(project.since) if project.since else None,
        "label": project.label,
        "web_url": project.web_url,
        "counted": project.counted,
        "not_counted_because": project.not_counted_because,
        "lamps": [*project.lamps],
        "last_build_time": _as_sent(project.last_build_time),
        "breakers": [*project.breakers],
        "run": _run_json(project.run),
    }


def _run_json(run: Run | None) -> dict[str, Any] | None:
    if run is None:
        return None
    return {
        "branch": run.branch or None,
        "commit": run.commit or None,
        "attempt": run.attempt,
        "author": run.author or None,
        "started": _as_sent(run.started),
    }


def _lamp_json(lamp: LampReport) -> dict[str, Any]:
    signal = lamp.signal
    return {
        "name": lamp.name,
        "driver": lamp.driver,
        "light": lamp.light.value,
        "known": lamp.known.value if lamp.known else None,
        "light_because": lamp.light_because,
        "feeds": [*lamp.feeds],
        "signal": {
            "verdict": signal.verdict.value,
            "building": signal.building,
            "stale": signal.stale,
        },
        "pattern": lamp.pattern.text,
        "since": iso(lamp.since),
        "because": lamp.because,
        "rule": lamp.rule,
        "until": lamp.until,
        "broken": [{"feed": feed, "name": name} for feed, name in lamp.broken],
        "warnings": [*lamp.warnings],
    }


def iso(moment: datetime) -> str:
    """Return *moment* in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _as_sent(moment: datetime | None) -> str | None:
    """Return *moment* as the server sent it, possibly without a zone."""
    return moment.isoformat(timespec="seconds") if moment else None
