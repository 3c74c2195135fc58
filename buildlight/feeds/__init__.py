"""Where build news comes from: one module a kind of feed.

A kind is a name in the entry-point group ``buildlight.feeds`` that leads to a class; the
built-in one uses the same door.
"""

from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import ClassVar, Protocol, cast

from pydantic import BaseModel, ConfigDict

from buildlight.errors import ConfigError
from buildlight.projects.project import Project

GROUP = "buildlight.feeds"


class FeedOptions(BaseModel):
    """The keys of a ``[[feeds]]`` table that only one kind of feed knows."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    @property
    def shown(self) -> str:
        """Where the feed is read, without secrets."""
        return ""

    @property
    def suggested_name(self) -> str:
        """What the feed is called if nobody named it."""
        return "feed"

    @property
    def warning(self) -> str | None:
        """What should be said aloud at every start, because it is unwise."""
        return None


class Feed(Protocol):
    """One feed, ready to be read."""

    Options: ClassVar[type[FeedOptions]]

    async def read(self) -> tuple[Project, ...]:
        """Return the feed's projects; raises :class:`errors.FeedError`.

        The same tuple object as the last time means that nothing changed. Whoever calls sets
        no time limit: the feed keeps its own, :data:`schedule.DEADLINE`.
        """
        ...

    async def close(self) -> None:
        """Let go of what the feed holds; safe to call twice."""
        ...


@cache
def load_kind(name: str) -> Callable[..., Feed]:
    """Return the class of the kind of feed called *name*; raises :class:`ConfigError`.

    Looked for once: to read what every installed package offers, for each of a thousand feeds,
    takes longer than all else at the start. A kind that was not found is looked for again.
    """
    found = entry_points(group=GROUP)
    if name not in found.names:
        raise ConfigError(f"no such kind of feed; installed are: {', '.join(sorted(found.names))}")
    try:
        return cast("Callable[..., Feed]", found[name].load())
    except (ImportError, AttributeError) as exc:
        raise ConfigError(f"this kind is installed but does not import: {exc}") from exc
