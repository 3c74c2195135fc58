"""Which projects count, and for which lamp. Pure.

Three things keep a project from counting: its last build is too old, its feed excludes it, its
lamp excludes it. A project that does not count is listed with the reason, never hidden.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, zip_longest

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

    *identity* says what makes it the same feed after a rename or a restart. None of *secrets*
    may be in what the report says; rules see the true names.
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
        """Why the last poll failed: one line that a terminal may show, without secrets."""
        if self.state.error is None:
            return None
        # Not before it is scrubbed: half a secret would not be recognised.
        return printable(scrub(str(self.state.error), self.secrets), limit=LONGEST_ERROR)

    @property
    def notices(self) -> tuple[str, ...]:
        """What the server tells a person, as a terminal may show it, without secrets."""
        told = (scrub(each, self.secrets) for each in self.state.notices)
        return tuple(printable(each, limit=LONGEST_ERROR) for each in told)


LONGEST_ERROR = 400
"""Letters of an error: it may repeat names, and those may have any length."""

NAMELESS = "(no name)"
"""How a project is listed that has no name, or none that can be shown."""


@dataclass(frozen=True, slots=True)
class TooOld:
    """The last build is *days* old, more than ``ignore_older_than`` allows."""

    days: int


@dataclass(frozen=True, slots=True)
class Excluded:
    """The feed's patterns leave the project out."""


LeftOut = TooOld | Excluded


@dataclass(frozen=True, slots=True)
class Row:
    """One project, or one pipeline, of a feed.

    *name* and *known* are for rules; *told* is the project as outputs may show it. *left_out*
    says why it does not count, if so.
    """

    feed: str
    name: str
    known: ProjectState
    told: Project
    left_out: LeftOut | None = None

    @property
    def plain_name(self) -> str:
        """The name as a terminal may show it."""
        return printable(self.told.name) or NAMELESS

    def __str__(self) -> str:
        return f"{self.plain_name} ({self.feed})"


def rows_of(feed: Watched, *, clock: datetime) -> tuple[Row, ...]:
    """Return the rows of *feed* at the time of day *clock*, including those that do not count.

    Dead projects are sorted out before a pipeline is rolled up: a stage that was last built two
    years ago must not keep its pipeline red.
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


def counted(rows: Iterable[Row], selection: Selection) -> tuple[Row, ...]:
    """Return those of *rows* that count for a lamp with this *selection*."""
    alive = [row for row in rows if row.left_out is None]
    chosen = selection.of(row.name for row in alive)
    return tuple(row for row in alive if row.name in chosen)


@dataclass(frozen=True, slots=True)
class Tally:
    """What counts for a lamp, sorted by what sentences and signals ask for.

    *voters* are one of each combination of verdict and building: enough for a signal. *passing*
    is the number of projects that pass.
    """

    broken: tuple[Row, ...] = ()
    building: tuple[Row, ...] = ()
    passing: int = 0
    voters: tuple[ProjectState, ...] = ()

    @classmethod
    def of(cls, rows: Sequence[Row]) -> "Tally":
        """Sort *rows*: once when they change, not for each report."""
        states = [row.known for row in rows]
        return cls(
            broken=tuple(row for row in rows if row.known.verdict is Verdict.BROKEN),
            building=tuple(row for row in rows if row.known.building),
            passing=sum(known.verdict is Verdict.PASSING for known in states),
            voters=(*{(known.verdict, known.building): known for known in states}.values(),),
        )

    @classmethod
    def joined(cls, tallies: Sequence["Tally"]) -> "Tally":
        """Return what counts in all *tallies* together."""
        return cls(
            broken=(*chain.from_iterable(each.broken for each in tallies),),
            building=(*chain.from_iterable(each.building for each in tallies),),
            passing=sum(each.passing for each in tallies),
            voters=(*chain.from_iterable(each.voters for each in tallies),),
        )
