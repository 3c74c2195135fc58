"""Reports to show, made as the daemon makes them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

from buildlight.errors import FeedError, FeedUnreachable
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.presets import COLOURS
from buildlight.projects.feed_state import FeedState, Rules
from buildlight.projects.project import Message
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import ProjectState, Verdict
from buildlight.report.poll_stats import PollStats
from buildlight.report.report import Report, make_report
from buildlight.report.rows import Watched
from buildlight.report.shown import Shown
from buildlight.report.update import Update
from support.examples import NOON, a_memory, a_project

PATTERNS = {signal: parse_pattern(text) for signal, text in COLOURS.items()}
DOWN = FeedUnreachable("nobody answers; is the server running?")
EARLIER = NOON - timedelta(hours=2, minutes=48)


def known(name: str = "shop", verdict: Verdict = Verdict.PASSING, **more: object) -> ProjectState:
    """Return a project as it is remembered; *more* are fields of :class:`Project`, or building."""
    building = bool(more.pop("building", False))
    attributes = {
        "web_url": f"https://ci.example/job/{name}/",
        "last_build_label": "42",
        "last_build_time": EARLIER,
        **more,
    }
    return a_memory(
        name,
        project=a_project(name, **attributes),
        verdict=verdict,
        building=building,
        since=EARLIER,
    )


def broken(name: str = "shop", **more: object) -> ProjectState:
    """Return a project that has been broken since 09:12 and has people who broke it."""
    blamed = (Message("alice, bob", "Breakers"),)
    return known(name, Verdict.BROKEN, **{"messages": blamed, **more})


REVISIONS = count()
"""Each feed that a test makes has other content."""


def a_feed(
    *projects: ProjectState,
    name: str = "web",
    error: FeedError | None = None,
    answered: float | None = 0.0,
    selection: Selection | None = None,
) -> Watched:
    """Return a feed that answered at 0 seconds; with an *error* it has failed ever since."""
    keys = [(each.project.name, place) for place, each in enumerate(projects)]
    feed_state = FeedState(
        projects=dict(zip(keys, projects, strict=True)),
        revision=next(REVISIONS),
        answered=answered,
        failures=3 if error else 0,
        error=error,
    )
    url = f"https://{name}.example/cc.xml?token=***"
    return Watched(name, url, feed_state, Rules(max_age=110.0), selection or Selection())


def a_lamp(name: str = "lamp", *feeds: str, **changes: object) -> Shown:
    """Return a lamp that watches *feeds*, or ``web``."""
    lamp = Shown(name, "gpio", frozenset(feeds or ("web",)), PATTERNS)
    return replace(lamp, **changes)  # type: ignore[arg-type]


def a_report(
    *feeds: Watched, lamps: Sequence[Shown] | None = None, before: Report | None = None
) -> Report:
    """Return the report of *feeds* at noon, 4.2 seconds after they answered."""
    otherwise = [a_lamp("lamp", *(feed.name for feed in feeds))]
    return make_report(feeds, lamps or otherwise, now=4.2, clock=NOON, before=before)


def an_update(
    report: Report, before: Report | None = None, *, now: float = 4.2, **more: Any
) -> Update:
    """Return the turn of the loop that made *report*; *more* are other fields of it."""
    fields = {"feeds": (), "polls": PollStats(), **more}
    return Update(report=report, before=before, now=now, **fields)


def many(count: int, *more: ProjectState) -> Watched:
    """Return a feed of so many projects that pass, and *more*."""
    return a_feed(*(known(f"shop-service-{number:03}") for number in range(count)), *more)
