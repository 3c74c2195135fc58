"""What is remembered of a project: the verdict of its last completed build. Pure.

Many servers forget a project's verdict while its next build runs (Travis, Drone, Woodpecker and
Buildkite answer ``Building`` + ``Unknown``). Here the verdict stays until the next build has
completed. Three small tables and :func:`update` decide what a new reading means.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import Enum

from buildlight.projects.project import (
    STATUS_WORDS,
    Activity,
    BuildStatus,
    Project,
    activity_of,
    status_of,
)


class Verdict(Enum):
    """The result of a project's last completed build."""

    BROKEN = "broken"
    PASSING = "passing"
    NONE = "none"


WORST_FIRST = (Verdict.BROKEN, Verdict.PASSING, Verdict.NONE)
"""Ranks of verdicts; a passing project outranks one without a verdict."""


class Event(Enum):
    """What a new reading means for a project, compared with its remembered state."""

    BROKEN = "broken"
    STILL_BROKEN = "still-broken"
    FIXED = "fixed"
    STARTED = "started"


# The statuses that make a verdict; all others keep the previous one.
DEFINITE: Mapping[BuildStatus, Verdict] = {
    BuildStatus.SUCCESS: Verdict.PASSING,
    BuildStatus.FAILURE: Verdict.BROKEN,
    BuildStatus.EXCEPTION: Verdict.BROKEN,
}

Build = tuple[str, datetime | None]
"""(label, time) of a build. Both may be missing, and neither is ordered or unique: they only show
that two builds differ."""


@dataclass(frozen=True, slots=True)
class ProjectState:
    """Everything known of one project of one feed.

    *project* is its last reading, *since* the time at which the verdict began (``None`` if
    unknown), *build* the build of the verdict. *definite* says whether the last reading confirmed
    the verdict. *announced* says that the verdict became red while the build still ran,
    *announced_build* is the build of the last event. *steady* says that the last two readings had
    the same label and time.

    *missing_since* and *unconfirmed_since* are seconds as in :class:`feed_state.Reading`: the time
    of the last answer with the project, or with a definite word for it; ``None`` if that was the
    last answer. *doubted* says that the verdict was stored before a restart and may be outdated.
    *address* is a digest of the project's page, which distinguishes namesakes after a restart.
    """

    project: Project
    verdict: Verdict
    building: bool
    since: datetime | None
    build: Build = ("", None)
    definite: bool = False
    announced: bool = False
    announced_build: Build = ("", None)
    steady: bool = field(default=False, compare=False)
    missing_since: float | None = None
    unconfirmed_since: float | None = None
    doubted: bool = False
    address: str = ""

    def age(self, *, clock: datetime) -> float:
        """Return the seconds since the last build; 0 while one runs, or if the time is unknown.

        A time without a zone counts as the latest time that it can mean.
        """
        told = self.project.last_build_time
        if told is None or self.building:
            return 0.0
        if told.tzinfo is None:
            return (clock - told.replace(tzinfo=UTC) - WIDEST).total_seconds()
        return (clock - told).total_seconds()


WIDEST = timedelta(hours=14)
"""Largest distance of a time zone from UTC."""


@dataclass(frozen=True, slots=True)
class ProjectEvent:
    """An event of the project *name*, with its state *before* (if any) and *after*."""

    event: Event
    name: str
    before: ProjectState | None
    after: ProjectState


def update(
    before: ProjectState | None,
    project: Project,
    *,
    now: datetime,
    words: Mapping[str, BuildStatus] = STATUS_WORDS,
) -> ProjectState:
    """Return the new state of *project*.

    *before* is ``None`` for a new project. *now* has a time zone. If the project is not building,
    a definite word is the verdict; label and time do not matter, because they can be missing,
    stuck or equal for years. If it is building, a broken word also counts, but a passing one
    only if it is earned, see :func:`_earned`.
    """
    activity = activity_of(project)
    building = activity is Activity.BUILDING
    word = DEFINITE.get(status_of(project, words))
    taken = word is not None and (word is Verdict.BROKEN or _earned(before, project, activity))
    verdict = word if taken and word else before.verdict if before else Verdict.NONE
    turned = before is not None and verdict is not before.verdict
    return ProjectState(
        project=project,
        verdict=verdict,
        building=building,
        since=_since(before, project, verdict, now=now),
        build=_build(project) if taken or not before else before.build,
        # Proxies show a running build with the result of the previous one and the new label.
        announced_build=before.announced_build
        if before and not (taken and (turned or not building))
        else _build(project),
        definite=taken,
        announced=building
        and (turned or before is None or before.announced)
        and verdict is Verdict.BROKEN,
        steady=before is not None and _build(before.project) == _build(project),
    )


def event(before: ProjectState | None, after: ProjectState) -> Event | None:
    """Return the event between two readings of a project, or ``None``.

    A new project makes an event only if it is broken. The caller drops the events of the first
    good reading of a feed. A build that ends without a definite word makes no event.
    """
    old = before.verdict if before else Verdict.NONE
    if after.verdict is not old:
        return _TURNS.get((old, after.verdict))
    if before is None:
        return None
    if after.verdict is Verdict.BROKEN and _completed_another(before, after):
        return Event.STILL_BROKEN
    return Event.STARTED if after.building and not before.building else None


_TURNS: Mapping[tuple[Verdict, Verdict], Event] = {
    (Verdict.NONE, Verdict.BROKEN): Event.BROKEN,
    (Verdict.PASSING, Verdict.BROKEN): Event.BROKEN,
    (Verdict.BROKEN, Verdict.PASSING): Event.FIXED,
}


def _earned(before: ProjectState | None, project: Project, activity: Activity) -> bool:
    """Return whether a passing word is believed."""
    if activity is Activity.BUILDING:
        # CodePipeline's proxy calls a running build Success, and Travis raises the label early. So
        # only a new label together with a new time counts: that build ran between two polls.
        return before is None or _both_changed(before.build, _build(project))
    # The activity is unknown: the green may belong to a build that is still running.
    build = _build(project)
    if activity is not Activity.UNKNOWN or before is None or not any(build):
        return True
    return before.verdict is not Verdict.BROKEN or before.build != build


def _both_changed(old: Build, new: Build) -> bool:
    given = bool(old[0] and new[0] and old[1] and new[1])
    return given and old[0] != new[0] and old[1] != new[1]


def _completed_another(before: ProjectState, after: ProjectState) -> bool:
    """Return whether a broken build has completed that had no event yet."""
    if after.building or not after.definite:
        return False
    (old_label, old_time), (label, time) = before.announced_build, _build(after.project)
    other_label = bool(old_label and label) and old_label != label
    other_time = old_time != time and time is not None
    if not before.building:
        # A time that changes at every poll is the time of the answer, not of a build.
        return other_label or (other_time and before.steady)
    return other_label or not before.announced


def _build(project: Project) -> Build:
    return (project.last_build_label, project.last_build_time)


def _since(
    before: ProjectState | None, project: Project, verdict: Verdict, *, now: datetime
) -> datetime | None:
    # Only a past time with a zone is shown to a person. A new project may have had its verdict for
    # long.
    if before is not None and verdict is before.verdict:
        return before.since
    told = project.last_build_time
    if told is not None and told.tzinfo is not None and told <= now:
        return told
    return now if before else None


def forgotten(known: ProjectState) -> ProjectState:
    """Return *known* without its verdict if that is passing."""
    if known.verdict is not Verdict.PASSING:
        return known
    return replace(known, verdict=Verdict.NONE, since=None)
