"""Which projects count, and for which lamp. Pure.

Three things keep a project from counting: nobody has built it for long, its feed leaves it out,
its lamp leaves it out. Whatever does not count is listed with the reason, never hidden.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from buildlight.projects.feed_state import FeedState, Rules
from buildlight.projects.pipelines import roll_up
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import ProjectState
from buildlight.redaction import printable


@dataclass(frozen=True, slots=True)
class Watched:
    """A feed and how it stands; *url* is free of secrets."""

    name: str
    url: str
    state: FeedState
    rules: Rules
    selection: Selection = field(default_factory=Selection)


NAMELESS = "(no name)"
"""What a project is called that has no name, or none that can be shown."""


@dataclass(frozen=True, slots=True)
class Row:
    """One project, or one pipeline, of a feed; *left_out* says why it does not count, if so."""

    feed: str
    name: str
    known: ProjectState
    left_out: str | None = None

    @property
    def plain_name(self) -> str:
        """The name as a terminal may show it."""
        return printable(self.name) or NAMELESS

    def __str__(self) -> str:
        return f"{self.plain_name} ({self.feed})"


def rows_of(feed: Watched, *, clock: datetime) -> tuple[Row, ...]:
    """Return the rows of *feed* at the time of day *clock*, those that do not count too.

    Dead projects are sorted out before a pipeline is rolled up: a stage that was last built two
    years ago must not keep its pipeline red.
    """
    living, rows = [], []
    for known in feed.state.projects.values():
        if feed.rules.dead(known, clock=clock):
            days = round(known.age(clock=clock) / 86_400)
            why = f"its last build is {days} {'day' if days == 1 else 'days'} old"
            rows.append(Row(feed.name, known.project.name, known, left_out=why))
        else:
            living.append(known)
    whole = roll_up(living) if feed.rules.roll_up else living
    rows.extend(Row(feed.name, known.project.name, known) for known in whole)
    chosen = feed.selection.of(row.name for row in rows)
    why = f"feed {feed.name} leaves it out"
    return tuple(
        row if row.left_out or row.name in chosen else replace(row, left_out=why) for row in rows
    )


def counted(rows: Iterable[Row], selection: Selection) -> tuple[Row, ...]:
    """Return those of *rows* that count for a lamp with this *selection*."""
    alive = [row for row in rows if row.left_out is None]
    chosen = selection.of(row.name for row in alive)
    return tuple(row for row in alive if row.name in chosen)


def names_of(rows: Sequence[Row]) -> str:
    """Return the names of *rows* for a sentence: a few of them, and how many more there are."""
    named = ", ".join(str(row) for row in rows[:NAMED])
    more = len(rows) - NAMED
    return f"{named} and {more} more" if more > 0 else named


NAMED = 3
"""How many projects a sentence names before it counts the rest."""
