"""What is remembered of a project: the verdict of its last completed build. Pure.

Half of the servers forget a project's verdict while its next build runs (Travis, Drone,
Woodpecker and Buildkite answer ``Building`` + ``Unknown``). Here it stands until the next build
has completed. What one more reading means for it is decided by three small tables and
:func:`update`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    """What is held of a project after its last completed build."""

    BROKEN = "broken"
    PASSING = "passing"
    NONE = "none"


WORST_FIRST = (Verdict.BROKEN, Verdict.PASSING, Verdict.NONE)
"""Which verdict outweighs which; a project without one does not outweigh one that passes."""


class Event(Enum):
    """What one more reading tells about a project, compared with what was remembered."""

    BROKEN = "broken"
    STILL_BROKEN = "still-broken"
    FIXED = "fixed"
    STARTED = "started"


# The statuses that make a verdict; every other keeps the one there was.
DEFINITE: Mapping[BuildStatus, Verdict] = {
    BuildStatus.SUCCESS: Verdict.PASSING,
    BuildStatus.FAILURE: Verdict.BROKEN,
    BuildStatus.EXCEPTION: Verdict.BROKEN,
}

Build = tuple[str, datetime | None]
"""(label, time) of a build. Neither is ordered nor unique, and either may be missing: good for
telling two builds apart, for nothing else."""


@dataclass(frozen=True, slots=True)
class ProjectState:
    """Everything known of one project of one feed.

    *project* is its last reading, *since* when the verdict came about (``None`` if unknown),
    *build* what the verdict was taken from, *definite* whether the last reading confirmed it.
    *announced* says that the verdict turned red while the build still ran, *announced_build* is
    the build of which events have told, *steady* says that the last two readings had the same
    label and time.

    *missing_since* and *unconfirmed_since* are seconds as in :class:`feed_state.Reading`: the last
    time at which an answer held the project, or a definite word of it; ``None`` if the last one
    did. *doubted*: what was stored before a restart may be outdated. *address* is a digest of the
    project's own page, from before a restart; it tells namesakes apart.
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
        """Return the seconds since the last build, 0 while one runs or if nobody knows.

        A time without a zone may be that of any, and is given the benefit of the doubt.
        """
        told = self.project.last_build_time
        if told is None or self.building:
            return 0.0
        if told.tzinfo is None:
            return (clock - told.replace(tzinfo=UTC) - WIDEST).total_seconds()
        return (clock - told).total_seconds()


WIDEST = timedelta(hours=14)
"""How far a zone can be from UTC."""


@dataclass(frozen=True, slots=True)
class ProjectEvent:
    """An event of the project called *name*, with its state *before* (if any) and *after*."""

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
    """Return the state of *project* after one more reading of it.

    *before* is ``None`` at first sight. *now* has a time zone. A definite word of a project
    that is not building is the verdict, whatever label and time say: they can be missing, stuck
    or equal for years. Of a building project a broken word is taken too, but a passing one only
    if it was earned, see :func:`_earned`.
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
        # Proxies show a running build with the result of the one before and a label of its own.
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
    """Return what happened to a project between two readings, or ``None``.

    A project at first sight is news only if it is broken. The first good reading of a whole
    feed is silent; its reader sees to that. A build that ends without a definite word is none.
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
        # CodePipeline's proxy calls a running build Success, and Travis raises the label early: a
        # new label and a new time together are taken for a build that was missed between two polls.
        return before is None or _both_changed(before.build, _build(project))
    # What a project does is not known: a green may be that of a build that runs.
    build = _build(project)
    if activity is not Activity.UNKNOWN or before is None or not any(build):
        return True
    return before.verdict is not Verdict.BROKEN or before.build != build


def _both_changed(old: Build, new: Build) -> bool:
    given = bool(old[0] and new[0] and old[1] and new[1])
    return given and old[0] != new[0] and old[1] != new[1]


def _completed_another(before: ProjectState, after: ProjectState) -> bool:
    """Return whether a broken build has completed that was not announced yet."""
    if after.building or not after.definite:
        return False
    (old_label, old_time), (label, time) = before.announced_build, _build(after.project)
    other_label = bool(old_label and label) and old_label != label
    other_time = old_time != time and time is not None
    if not before.building:
        # A time that moves at every poll is that of the answer, and no build.
        return other_label or (other_time and before.steady)
    return other_label or not before.announced


def _build(project: Project) -> Build:
    return (project.last_build_label, project.last_build_time)


def _since(
    before: ProjectState | None, project: Project, verdict: Verdict, *, now: datetime
) -> datetime | None:
    # Only a time with a zone and in the past can be told to a person; what was so at first sight
    # may have been so for long.
    if before is not None and verdict is before.verdict:
        return before.since
    told = project.last_build_time
    if told is not None and told.tzinfo is not None and told <= now:
        return told
    return now if before else None
