"""All projects as one cc.xml feed, for CCMenu and other clients. Pure.

The document is valid by the published schema of the standard (https://cctray.org/v1/). A project
keeps its verdict while a build runs, and outdated news is never green.
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
"""The label of a project without a build, as in CruiseControl.NET; the schema requires one."""
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a project without a build, as in CruiseControl.rb; the schema requires one."""


def merge(report: Report, lamp: LampReport | None = None) -> tuple[Project, ...]:
    """Return the projects of *report*, or those that count for *lamp*, each with a unique name.

    A pass that may be outdated becomes ``Exception``, because clients keep green at ``Unknown``. A
    feed without fresh news adds a row with its name, and so does a lamp with a doubt that does
    not belong to a feed.
    """
    feeds = [feed for feed in report.feeds if lamp is None or feed.name in lamp.feeds]
    rows = [row for row in report.projects if lamp is None or lamp.name in row.lamps]
    silent = [feed.name for feed in feeds if feed.state is not Freshness.FRESH or not feed.projects]
    stale = frozenset(silent)
    lamps = report.lamps if lamp is None else (lamp,)
    doubting = [each.name for each in lamps if each.signal.stale and stale.isdisjoint(each.feeds)]
    doubts = dict.fromkeys((*silent, *doubting))  # A lamp and a feed may have the same name.
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
    # With a constant time and label: some clients would count a change as a new failure.
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
    """Return a unique name for each project of *report*: its own, followed by its feed if needed.

    Clients identify a project by its name, and show only the first of several with one name. No
    project gets the name of a feed or lamp, so that its name does not change when the feed falls
    silent. Rows with fewer marks are named first, so that names stay the same between daemons
    that read each other.
    """
    taken = {_legal(feed.name) for feed in report.feeds}
    taken |= {_legal(lamp.name) for lamp in report.lamps}
    often = Counter((len(row.marks), _legal(row.name) or NAMELESS) for row in report.projects)
    # The counters are kept, because a feed may repeat one name many times.
    numbers: Counter[str] = Counter()
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
    """Return *text* with a replacement for every character that XML cannot contain."""
    return _ILLEGAL.sub("\N{REPLACEMENT CHARACTER}", text)
