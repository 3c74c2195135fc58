"""A client that is not ours reads the joined feed: BuildNotify, in an environment of its own."""

import json
import subprocess
from typing import Any

from buildlight.projects.verdict import Verdict
from support.reports import DOWN, a_feed, a_report, broken, known
from support.serving import Served

# What its tray icon does at each poll, without the tray.
SCRIPT = """
import json, sys
from buildnotifylib.adapters.http import HttpConnection
from buildnotifylib.core.aggregate import OverallIntegrationStatus
from buildnotifylib.core.projects import ProjectLoader
from buildnotifylib.core.settings import ServerSettings

snapshot = ProjectLoader(ServerSettings(sys.argv[1]), 10, HttpConnection()).get_data()
print(json.dumps({
    "error": snapshot.error and str(snapshot.error),
    "icon": OverallIntegrationStatus([snapshot]).get_build_status(),
    "projects": [
        [p.name, p.status, p.activity, p.url, p.last_build_label, p.build_time.isoformat()]
        for p in snapshot.projects
    ],
}))
"""


def read(python: str, url: str) -> Any:
    """Return what BuildNotify makes of *url*."""
    told = subprocess.run(
        [python, "-c", SCRIPT, url], capture_output=True, text=True, check=True, timeout=60
    )
    return json.loads(told.stdout)


def test_buildnotify_reads_all_feeds_at_one_address(buildnotify: str) -> None:
    """Names, verdicts, links and times arrive, with the verdict that outlives a build."""
    running = known("stock", activity="Building", last_build_status="Unknown", building=True)
    report = a_report(
        a_feed(known("shop & <till>"), running),
        a_feed(broken("api"), known("new", Verdict.NONE, last_build_label=""), name="other"),
    )

    with Served(report) as served:
        told = read(buildnotify, served.url("/cc.xml"))

    time = "2026-11-20T09:12:00+00:00"
    job = "https://ci.example/job"
    assert told["error"] is None
    assert told["icon"] == "Failure.Sleeping"
    assert told["projects"] == [
        ["shop & <till>", "Success", "Sleeping", f"{job}/shop%20&%20<till>/", "42", time],
        ["stock", "Success", "Building", f"{job}/stock/", "42", time],
        ["api", "Failure", "Sleeping", f"{job}/api/", "42", time],
        ["new", "Unknown", "Sleeping", f"{job}/new/", "UNKNOWN", time],
    ]


def test_buildnotify_shows_no_old_news_as_green(buildnotify: str) -> None:
    """Everything passed when the server was last heard: its icon is not green."""
    with Served(a_report(a_feed(known("shop"), error=DOWN))) as served:
        told = read(buildnotify, served.url("/cc.xml"))

    assert told["icon"] == "Failure.Sleeping"
    assert [each[:2] for each in told["projects"]] == [["web", "Failure"], ["shop", "Failure"]]
