"""Which projects count, and for which lamp. Pure.

Three things keep a project from counting: its last build is too old, its feed excludes it, its
lamp excludes it. A project that does not count is listed with the reason, never hidden.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

from buildlight.projects.feed_state import FeedState, Rules
from buildlight.projects.pipelines import roll_up
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import ProjectState
from buildlight.redaction import printable


@dataclass(frozen=True, slots=True)
class Watched:
    """A feed and its state; *url* is free of secrets.

    *identity* says what makes it the same feed after a rename or a restart.
    """

    # Not FeedSettings: that holds how a feed is read, which this pure room may not import.
    name: str
    url: str
    state: FeedState
    rules: Rules
    selection: Selection = field(default_factory=Selection)
    identity: str = ""


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
    """One project, or one pipeline, of a feed; *left_out* says why it does not count, if so."""

    feed: str
    name: str
    known: ProjectState
    left_out: LeftOut | None = None

    @property
    def plain_name(self) -> str:
        """The name as a terminal may show it."""
        return printable(self.name) or NAMELESS

    def __str__(self) -> str:
        return f"{self.plain_name} ({self.feed})"


def rows_of(feed: Watched, *, clock: datetime) -> tuple[Row, ...]:
    """Return the rows of *feed* at the time of day *clock*, including those that do not count.

    Dead projects are sorted out before a pipeline is rolled up: a stage that was last built two
    years ago must not keep its pipeline red.
    """
    living, rows = [], []
    for known in feed.state.projects.values():
        if feed.rules.dead(known, clock=clock):
            days = TooOld(round(known.age(clock=clock) / 86_400))
            rows.append(Row(feed.name, known.project.name, known, left_out=days))
        else:
            living.append(known)
    whole = roll_up(living) if feed.rules.roll_up else living
    rows.extend(Row(feed.name, known.project.name, known) for known in whole)
    chosen = feed.selection.of(row.name for row in rows)
    return tuple(
        row if row.left_out or row.name in chosen else replace(row, left_out=Excluded())
        for row in rows
    )


def counted(rows: Iterable[Row], selection: Selection) -> tuple[Row, ...]:
    """Return those of *rows* that count for a lamp with this *selection*."""
    alive = [row for row in rows if row.left_out is None]
    chosen = selection.of(row.name for row in alive)
    return tuple(row for row in alive if row.name in chosen)
