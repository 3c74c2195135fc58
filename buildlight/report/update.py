"""The update: one turn of the daemon's loop as a value, and the contract of its receivers. Pure.

The session decides first, without an ``await``: it makes an :class:`Update`. Then it acts: it
passes the update to one list of publishers. Lamps come first, so that nothing delays them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from buildlight.projects.feed_state import News
from buildlight.projects.redacted import redacted
from buildlight.projects.verdict import Event, ProjectState
from buildlight.redaction import scrub
from buildlight.report.poll_stats import PollStats
from buildlight.report.report import Report
from buildlight.report.rows import Watched
from buildlight.report.shown import Shown


@dataclass(frozen=True, slots=True)
class BuildEvent:
    """An event of *project* in *feed*, with its state *before* and *after*, without secrets.

    *before* is ``None`` for a new project. *lamps* are the names of the lamps for
    which the project counts, *breakers* the people whom the server blames.
    """

    event: Event
    feed: str
    project: str
    before: ProjectState | None
    after: ProjectState
    lamps: frozenset[str] = frozenset()

    @property
    def breakers(self) -> tuple[str, ...]:
        """Return the people whom the server blames for the build."""
        return self.after.project.breakers


@dataclass(frozen=True, slots=True)
class Update:
    """The result of one turn of the loop; *before* is the report of the previous turn.

    *now* is seconds as in :class:`feed_state.Reading`. A *heartbeat* is due every
    :data:`HEARTBEAT` seconds, even without a change. *ready* means that every feed and every
    light was tried once. *polls* are live counts; a slow reader copies them.
    """

    report: Report
    before: Report | None
    feeds: tuple[Watched, ...]
    polls: PollStats
    now: float
    events: tuple[BuildEvent, ...] = ()
    ready: bool = False
    heartbeat: bool = False


HEARTBEAT = 30.0
"""Seconds between two updates without a change, which show that the daemon is alive."""


class Publisher(Protocol):
    """A receiver of updates: the lamps, the log, a file, systemd, the page."""

    def publish(self, update: Update, /) -> None:
        """Publish *update*; never block, and never raise for a failure outside of this process."""

    def close(self, timeout: float, /) -> None:
        """Finish publishing within *timeout* seconds; safe to call twice."""


@runtime_checkable
class Running(Publisher, Protocol):
    """A publisher that also needs a task."""

    async def run(self) -> None:
        """Work until cancelled."""


def build_events(
    news: Iterable[tuple[Watched, News]], lamps: Sequence[Shown]
) -> tuple[BuildEvent, ...]:
    """Return the events of *news*, each with the *lamps* for which its project counts."""
    events = []
    for feed, told in news:
        names = feed.selection.of(each.name for each in told.events)
        counting = {
            lamp.name: lamp.selection.of(names) for lamp in lamps if feed.name in lamp.feeds
        }
        events += [
            BuildEvent(
                event=each.event,
                feed=feed.name,
                project=scrub(each.name, feed.secrets),
                before=each.before and _redacted(each.before, feed.secrets),
                after=_redacted(each.after, feed.secrets),
                lamps=frozenset(name for name, chosen in counting.items() if each.name in chosen),
            )
            for each in told.events
        ]
    return tuple(events)


def _redacted(state: ProjectState, secrets: frozenset[str]) -> ProjectState:
    (project,) = redacted((state.project,), secrets)
    return replace(state, project=project)
