"""One feed of everything that was read, for clients that people have already. Pure.

It holds what the published schema of the standard wants (https://cctray.org/v1/), every attribute
that the schema requires among it, and the verdict that outlives a build. In it, no old news is
green.
"""

import re
from collections import Counter
from datetime import UTC, datetime

from buildlight.projects.feed_state import Freshness
from buildlight.projects.project import DOUBT, Activity, BuildStatus, Project
from buildlight.projects.verdict import Verdict
from buildlight.publish.web.links import link
from buildlight.report.report import LampReport, ProjectReport, Report
from buildlight.report.rows import NAMELESS

STATUS = {
    Verdict.BROKEN: BuildStatus.FAILURE,
    Verdict.PASSING: BuildStatus.SUCCESS,
    Verdict.NONE: BuildStatus.UNKNOWN,
}

NO_LABEL = "UNKNOWN"
"""The schema wants a label; this is what CruiseControl.NET calls that of a build nobody made."""
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""The schema wants a time; this is what CruiseControl.rb sends when there is none."""


def merge(report: Report, lamp: LampReport | None = None) -> tuple[Project, ...]:
    """Return the projects of *report*, or those that *lamp* heeds, each with a name of its own.

    What passed but may be outdated is in state Exception: clients that hear ``Unknown`` keep their
    green. A feed without fresh news is a row of its own, too, with the name of the feed, and so is
    a lamp whose doubt no feed of it tells.
    """
    feeds = [feed for feed in report.feeds if lamp is None or feed.name in lamp.feeds]
    rows = [row for row in report.projects if lamp is None or lamp.name in row.lamps]
    silent = [feed.name for feed in feeds if feed.state is not Freshness.FRESH or not feed.projects]
    stale = frozenset(silent)
    lamps = report.lamps if lamp is None else (lamp,)
    doubting = [each.name for each in lamps if each.signal.stale and stale.isdisjoint(each.feeds)]
    doubts = dict.fromkeys((*silent, *doubting))  # A lamp may be called as a feed is.
    doubted = {(feed.name, name) for feed in feeds for name in feed.doubted}
    named = _named(report)
    return (
        *(_doubt(name) for name in doubts),
        *(
            _project(
                row,
                named[id(row)],
                doubted=(row.feed, row.name) in doubted
                or (row.feed in stale and row.verdict is Verdict.PASSING),
            )
            for row in rows
        ),
    )


def _doubt(name: str) -> Project:
    # Always with the same time and label: to some clients another one is another failure.
    return Project(
        name=_legal(name),
        activity=Activity.SLEEPING.value,
        last_build_status=BuildStatus.EXCEPTION.value,
        last_build_label=NO_LABEL,
        last_build_time=NO_TIME,
        marks=(DOUBT,),
    )


def _project(row: ProjectReport, name: str, *, doubted: bool) -> Project:
    status = STATUS[row.verdict]
    if doubted and row.verdict is not Verdict.BROKEN:
        status = BuildStatus.EXCEPTION
    return Project(
        name=name,
        activity=(Activity.BUILDING if row.building else Activity.SLEEPING).value,
        last_build_status=status.value,
        last_build_label=_legal(row.label.strip()) or NO_LABEL,
        last_build_time=_time(row.last_build_time),
        web_url=_legal(link(row.web_url)),
        marks=row.marks,
    )


def _named(report: Report) -> dict[int, str]:
    """Return the name of each project of *report*: its own, with its feed behind it if need be.

    Clients know a project by its name alone, and hide all but the first of that name. A project
    keeps its name whether its feed is silent or not: names of feeds and lamps are never its own.
    Rows with fewer marks are named first: between daemons that read each other, names stay as
    they are.
    """
    taken = {_legal(feed.name) for feed in report.feeds}
    taken |= {_legal(lamp.name) for lamp in report.lamps}
    often = Counter((len(row.marks), _legal(row.name) or NAMELESS) for row in report.projects)
    numbers: Counter[str] = Counter()  # Not counted anew each time: a feed may repeat one name.
    named: dict[int, str] = {}
    for row in sorted(report.projects, key=lambda row: len(row.marks)):
        plain = name = _legal(row.name) or NAMELESS
        if often[len(row.marks), plain] > 1 or name in taken:
            plain = name = f"{plain} ({_legal(row.feed)})"
        while name in taken:
            numbers[plain] += 1
            name = f"{plain} {numbers[plain] + 1}"
        taken.add(name)
        named[id(row)] = name
    return named


def _time(told: datetime | None) -> datetime:
    if told is None:
        return NO_TIME
    if told.tzinfo is None:
        return told
    try:
        return told.astimezone(UTC)
    except OverflowError:
        return NO_TIME


_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _legal(text: str) -> str:
    """Return *text* with a mark for every letter that XML cannot hold."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
