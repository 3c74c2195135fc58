"""Feeds to measure with: documents of any size, as a server writes them."""

from datetime import UTC, datetime, timedelta

from buildlight.projects import ccxml
from buildlight.projects.project import Project

LARGE = 10_000
"""Projects of a feed of 2.2 MB."""
GOCD = 587
"""Projects of the largest feed that was seen in the field, of a GoCD server."""

_LAST = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)


def a_feed(projects: int, *, failing: int = 0, label: int = 1) -> bytes:
    """Return the document of so many *projects*, the first *failing* of which are broken."""
    return ccxml.write(
        Project(
            name=f"pipeline-{number // 5:05} :: stage-{number % 5} :: job",
            activity="Sleeping",
            last_build_status="Failure" if number < failing else "Success",
            last_build_label=f"{label}.{number}",
            last_build_time=_LAST - timedelta(minutes=number),
            web_url=f"https://go.example/go/pipelines/pipeline-{number // 5:05}/7/stage/1",
        )
        for number in range(projects)
    )
