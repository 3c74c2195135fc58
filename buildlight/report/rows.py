"""Which projects count, and for which lamp. Pure.

A project does not count if its last build is too old, if its feed excludes it, or if the lamp
excludes it. Such a project is listed with the reason, never hidden.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, zip_longest
from typing import Protocol, TypeVar

from buildlight.projects.feed_state import FeedState, Rules
from buildlight.projects.pipelines import roll_up
from buildlight.projects.project import Project
from buildlight.projects.redacted import redacted
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import ProjectState, Verdict
from buildlight.redaction import printable, scrub


@dataclass(frozen=True, slots=True)
class Watched:
    """A feed and its state; *url* is free of secrets.

    *identity* identifies the feed after a rename or a restart. The report must contain none of
    *secrets*; the rules use the true names.
    """

    # Not FeedSettings: that holds how a feed is read, which this pure room may not import.
    name: str
    url: str
    state: FeedState
    rules: Rules
    selection: Selection = field(default_factory=Selection)
    identity: str = ""
    secrets: frozenset[str] = frozenset()

    @property
    def error(self) -> str | None:
        """Why the last poll failed: one printable line without secrets."""
        if self.state.error is None:
            return None
        # Shortened after scrubbing: half a secret would not be recognised.
        return printable(scrub(str(self.state.error), self.secrets), limit=LONGEST_ERROR)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the server tells a person, as a terminal may show it, without secrets."""
        told = (scrub(each, self.secrets) for each in self.state.notices)
        return tuple(printable(each, limit=LONGEST_ERROR) for each in told)


LONGEST_ERROR = 400
"""Most characters of an error, which may contain names of any length."""

NAMELESS = "(no name)"
"""The name in lists of a project without a printable name."""


@dataclass(frozen=True, slots=True)
class TooOld:
    """The last build is *days* old, older than ``ignore_older_than``."""

    days: int


@dataclass(frozen=True, slots=True)
class Excluded:
    """The patterns of the feed exclude the project."""


LeftOut = TooOld | Excluded


@dataclass(frozen=True, slots=True)
class Row:
    """One project, or one pipeline, of a feed.

    *name* and *known* are for rules; *told* is the redacted project for outputs. *left_out* is the
    reason why it does not count, if any.
    """

    feed: str
    name: str
    known: ProjectState
    told: Project
    left_out: LeftOut | None = None

    @property
    def plain_name(self) -> str:
        """The name in a printable form."""
        return printable(self.told.name) or NAMELESS

    @property
    def since(self) -> datetime | None:
        """The time at which the verdict began, if known."""
        return self.known.since

    def __str__(self) -> str:
        return f"{self.plain_name} ({self.feed})"


class Aged(Protocol):
    """A project with the time of its verdict."""

    @property
    def since(self) -> datetime | None:
        """The time at which the verdict began, if known."""


D = TypeVar("D", bound=Aged)


def oldest_first(projects: Iterable[D]) -> tuple[D, ...]:
    """Return *projects* in the order of every list: the oldest verdict first.

    A verdict of unknown age may be the oldest, so it comes first.
    """
    return (*sorted(projects, key=lambda each: each.since or NEVER),)


NEVER = datetime.min.replace(tzinfo=UTC)


def rows_of(feed: Watched, *, clock: datetime) -> tuple[Row, ...]:
    """Return the rows of *feed* at the time of day *clock*, including those that do not count.

    *clock* is not ahead of the server's, as far as that is known.

    Old projects are removed before a pipeline is rolled up (counted as one project): a stage that
    was last built two years ago must not keep its pipeline red.
    """
    living, known, ages = [], [], []
    for each in feed.state.projects.values():
        if feed.rules.dead(each, clock=clock):
            known.append(each)
            ages.append(TooOld(round(each.age(clock=clock) / 86_400)))
        else:
            living.append(each)
    known += roll_up(living) if feed.rules.roll_up else living
    chosen = feed.selection.of(each.project.name for each in known)
    told = redacted((each.project for each in known), feed.secrets)
    return tuple(
        Row(
            feed.name,
            each.project.name,
            each,
            shown,
            too_old or (None if each.project.name in chosen else Excluded()),
        )
        for each, shown, too_old in zip_longest(known, told, ages)
    )


def aged_out(feed: Watched, rows: Iterable[Row], selection: Selection) -> tuple[Row, ...]:
    """Return the broken ones of *rows* that would count for a lamp, were they not too old."""
    if feed.rules.ignore_older_than is None:
        return ()
    old = [
        row
        for row in rows
        if isinstance(row.left_out, TooOld) and row.known.verdict is Verdict.BROKEN
    ]
    chosen = selection.of(feed.selection.of(row.name for row in old))
    return tuple(row for row in old if row.name in chosen)


def counted(rows: Iterable[Row], selection: Selection) -> tuple[Row, ...]:
    """Return those of *rows* that count for a lamp with this *selection*."""
    alive = [row for row in rows if row.left_out is None]
    chosen = selection.of(row.name for row in alive)
    return tuple(row for row in alive if row.name in chosen)


@dataclass(frozen=True, slots=True)
class Tally:
    """The rows that count for a lamp, grouped for sentences and signals, each oldest first.

    *voters* has one row for each combination of verdict and building, which is enough for a
    signal. *passing* is the number of passing projects.
    """

    broken: tuple[Row, ...] = ()
    building: tuple[Row, ...] = ()
    passing: int = 0
    voters: tuple[ProjectState, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Tally":
        """Group *rows*; done once when they change, not for each report."""
        states = [row.known for row in rows]
        return cls(
            broken=oldest_first(row for row in rows if row.known.verdict is Verdict.BROKEN),
            building=oldest_first(row for row in rows if row.known.building),
            passing=sum(known.verdict is Verdict.PASSING for known in states),
            voters=(*{(known.verdict, known.building): known for known in states}.values(),),
        )

    @classmethod
    def joined(cls, tallies: Sequence["Tally"]) -> "Tally":
        """Return the sum of all *tallies*."""
        if len(tallies) == 1:
            return tallies[0]
        return cls(
            broken=oldest_first(chain.from_iterable(each.broken for each in tallies)),
            building=oldest_first(chain.from_iterable(each.building for each in tallies)),
            passing=sum(each.passing for each in tallies),
            voters=(*chain.from_iterable(each.voters for each in tallies),),
        )
