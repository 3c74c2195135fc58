"""One ``<Project>`` of a feed, in the standard's words (https://cctray.org/v1/)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from unicodedata import is_normalized, normalize


class Activity(Enum):
    """What a project is doing: cctray.org/v1, and two words of CruiseControl.NET."""

    SLEEPING = "Sleeping"
    BUILDING = "Building"
    CHECKING_MODIFICATIONS = "CheckingModifications"
    PENDING = "Pending"
    UNKNOWN = "Unknown"


class BuildStatus(Enum):
    """How the last build ended: cctray.org/v1, and CruiseControl.NET's ``Cancelled``."""

    SUCCESS = "Success"
    FAILURE = "Failure"
    EXCEPTION = "Exception"
    CANCELLED = "Cancelled"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Message:
    """A ``<message>`` of a project; *kind* is CruiseControl.NET's, ``Breakers`` for instance."""

    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """What some servers tell of the run behind the last build; each part may be absent.

    *attempt* counts from 1. *author* is the person who started it, *started* the time.
    """

    branch: str = ""
    commit: str = ""
    attempt: int | None = None
    author: str = ""
    started: datetime | None = None


@dataclass(frozen=True, slots=True)
class Project:
    """What a feed says about one project, without interpretation.

    *activity* and *last_build_status* keep the server's spelling, because many servers use other
    words than the standard; :func:`activity_of` and :func:`status_of` interpret them. Absent
    attributes are empty strings. A time that is absent or unreadable is ``None``; a time without
    a zone stays naive. *marks* are the daemons that passed the row on, and :data:`DOUBT`.
    *run* is more about the last build, where the server tells it.
    """

    name: str
    activity: str = ""
    last_build_status: str = ""
    last_build_label: str = ""
    last_build_time: datetime | None = None
    next_build_time: datetime | None = None
    web_url: str = ""
    messages: tuple[Message, ...] = ()
    marks: tuple[str, ...] = ()
    run: Run | None = None

    @property
    def stand_in(self) -> bool:
        """Whether the row stands for a doubted feed or lamp of another buildlight."""
        return DOUBT in self.marks

    @property
    def breakers(self) -> tuple[str, ...]:
        """The people whom the server blames for the last build."""
        told = (each.text.strip() for each in self.messages if each.kind == BREAKERS)
        return tuple(text for text in told if text)


BREAKERS = "Breakers"
"""The kind of message in which CruiseControl.NET and GoCD name people."""

DOUBT = "doubt"
"""The mark of a row that stands for a feed or a lamp; all other marks are daemons."""

_DAEMON = re.compile("buildlight-[0-9a-f]{16}")


def is_mark(word: str) -> bool:
    """Return whether *word* is a mark that this program writes."""
    return word == DOUBT or _DAEMON.fullmatch(word) is not None


# Words outside the standard come from CruiseControl.NET, Travis, Solano, Shipit, GoCD and
# Jenkins. A feed's key ``words`` overrides this table.
STATUS_WORDS: Mapping[str, BuildStatus] = {
    "success": BuildStatus.SUCCESS,
    "passed": BuildStatus.SUCCESS,
    "normal": BuildStatus.SUCCESS,
    "passing": BuildStatus.SUCCESS,
    "succeeded": BuildStatus.SUCCESS,
    "successful": BuildStatus.SUCCESS,
    "failure": BuildStatus.FAILURE,
    "failed": BuildStatus.FAILURE,
    "unstable": BuildStatus.FAILURE,
    "broken": BuildStatus.FAILURE,
    "failing": BuildStatus.FAILURE,
    "partiallysucceeded": BuildStatus.FAILURE,
    "timed_out": BuildStatus.FAILURE,
    "timedout": BuildStatus.FAILURE,
    "startup_failure": BuildStatus.FAILURE,
    "error": BuildStatus.EXCEPTION,
    "errored": BuildStatus.EXCEPTION,
    "exception": BuildStatus.EXCEPTION,
    "cancelled": BuildStatus.CANCELLED,
    "canceled": BuildStatus.CANCELLED,
    "aborted": BuildStatus.CANCELLED,
    "skipped": BuildStatus.CANCELLED,
    "stopped": BuildStatus.CANCELLED,
    "not_run": BuildStatus.CANCELLED,
    "unknown": BuildStatus.UNKNOWN,
    "pending": BuildStatus.UNKNOWN,
    "": BuildStatus.UNKNOWN,
}

ACTIVITY_WORDS: Mapping[str, Activity] = {
    "building": Activity.BUILDING,
    "running": Activity.BUILDING,
    "sleeping": Activity.SLEEPING,
    "checkingmodifications": Activity.CHECKING_MODIFICATIONS,
    "pending": Activity.PENDING,
    "has pending changes": Activity.PENDING,  # TeamCity
    "unknown": Activity.UNKNOWN,
    "": Activity.SLEEPING,
}


def status_of(project: Project, words: Mapping[str, BuildStatus] = STATUS_WORDS) -> BuildStatus:
    """Return the meaning of the project's ``lastBuildStatus``; ``UNKNOWN`` for an unknown word.

    *words* has lower-case keys.
    """
    return words.get(project.last_build_status.strip().lower(), BuildStatus.UNKNOWN)


def activity_of(project: Project) -> Activity:
    """Return the meaning of the project's ``activity``; ``UNKNOWN`` for an unknown word."""
    return ACTIVITY_WORDS.get(project.activity.strip().lower(), Activity.UNKNOWN)


def unknown_words(
    projects: Iterable[Project], words: Mapping[str, BuildStatus] = STATUS_WORDS
) -> frozenset[str]:
    """Return the ``lastBuildStatus`` words of *projects* that *words* does not hold."""
    spoken = {project.last_build_status.strip().lower() for project in projects}
    return frozenset(spoken - words.keys())


def unknown_activities(projects: Iterable[Project]) -> frozenset[str]:
    """Return the ``activity`` words of *projects* that are not in :data:`ACTIVITY_WORDS`."""
    spoken = {project.activity.strip().lower() for project in projects}
    return frozenset(spoken - ACTIVITY_WORDS.keys())


def normalize_all(projects: tuple[Project, ...]) -> tuple[Project, ...]:
    """Return *projects* in the form that all rules use.

    Names are in Unicode's normal form C, so that two spellings are one name. A placeholder time
    (1970, 0001, 9999) becomes ``None``.
    """
    if all(map(_is_normal, projects)):
        return projects
    return tuple(each if _is_normal(each) else _normalize(each) for each in projects)


YEARS = range(1990, 2090)
"""Plausible years of a build; servers write 1970, 0001 and 9999 for never."""


def _is_normal(project: Project) -> bool:
    told = project.last_build_time
    return is_normalized("NFC", project.name) and (told is None or told.year in YEARS)


def _normalize(project: Project) -> Project:
    told = project.last_build_time
    return replace(
        project,
        name=normalize("NFC", project.name),
        last_build_time=told if told is not None and told.year in YEARS else None,
    )
