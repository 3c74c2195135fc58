"""The contract of a feed: its options, and what it gives when it is read.

A kind of feed is a class. Its ``Options`` check the keys of a ``[[feeds]]`` table, its ``open``
makes one feed of them, and that feed is either polled or pushed.
"""

from collections.abc import AsyncIterator, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict

from buildlight.errors import FeedError
from buildlight.feeds.schedule import DEADLINE
from buildlight.projects.project import BuildStatus, Project

if TYPE_CHECKING:
    from buildlight.feeds.sharing import Network

COMMON_KEYS = frozenset(
    {
        *("name", "kind", "include", "exclude", "words", "roll_up", "ignore_older_than", "repos"),
        *("forget_missing", "interval", "building_interval"),
    }
)
"""The keys that every ``[[feeds]]`` table has; no kind can use them for something else."""


class FeedOptions(BaseModel):
    """The keys of a ``[[feeds]]`` table that only one kind of feed knows.

    Every kind derives its own. Unknown keys are errors; an error names the key, never its value.
    Two tables with equal options share one feed and one request.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    status_words: ClassVar[Mapping[str, BuildStatus]] = MappingProxyType({})
    """Words of this kind of server, in lower case; they override ``STATUS_WORDS``."""

    @property
    def shown(self) -> str:
        """Where the feed is read, without secrets."""
        return ""

    @property
    def suggested_name(self) -> str:
        """The name of the feed if the configuration gives none."""
        return "feed"

    @property
    def warning(self) -> str | None:
        """A sentence about an insecure setting; logged at every start."""
        return None

    @property
    def secrets(self) -> frozenset[str]:
        """Everything that no output may show. The program removes it; the kind need not."""
        return frozenset()

    @property
    def identity(self) -> str:
        """What makes this the same feed after a rename or with a new token; holds no secret.

        The verdicts from before a restart are found by it.
        """
        return self.shown

    @property
    def least_interval(self) -> float:
        """Seconds to which a shorter ``interval`` is raised, for a server's rate limit."""
        return 0.0

    @property
    def least_building_interval(self) -> float:
        """The same for ``building_interval``."""
        return 0.0

    @property
    def lease(self) -> float | None:
        """Seconds for which one answer of a pushed feed is vouched for; ``None``: as if polled.

        With it, the first fault makes the feed stale: there is no next poll that might succeed.
        """
        return None

    @property
    def deadline(self) -> float:
        """Seconds that one read may take."""
        return DEADLINE


@dataclass(frozen=True, slots=True)
class FeedAnswer:
    """Projects, and what the server says beside them.

    An equal *revision*, unless ``None``, means that nothing changed since the last answer.
    *rest* is how many seconds the server asks to be left alone, for a rate limit. *notices* are
    sentences for a person: nothing is wrong yet, but somebody should act, as before a token ends.
    """

    projects: tuple[Project, ...]
    revision: Hashable = None
    rest: float | None = None
    notices: tuple[str, ...] = ()


Given = tuple[Project, ...] | FeedAnswer
"""What a feed gives; the same tuple object as before means that nothing changed."""


class Feed(Protocol):
    """One open feed: polled or pushed."""

    async def close(self) -> None:
        """Release everything; safe to call twice, and without any read."""
        ...


@runtime_checkable
class PolledFeed(Feed, Protocol):
    """A feed that is asked again and again. Most are."""

    async def read(self) -> Given:
        """Return all projects; raises :class:`errors.FeedError`.

        It keeps its own time limit, ``options.deadline``, and may be cancelled at any moment.
        """
        ...


@runtime_checkable
class Dated(Protocol):
    """A feed that knows what time of day its server has; any feed may be one."""

    @property
    def date(self) -> datetime | None:
        """The server's time of day at its last answer, with a zone.

        Projects do not become too old by a clock of ours that is ahead of it.
        """
        ...


@runtime_checkable
class PushedFeed(Feed, Protocol):
    """A feed whose server speaks by itself."""

    def readings(self) -> AsyncIterator[Given | FeedError]:
        """Yield all projects, or what is wrong, as soon as it is known.

        Silence proves nothing: yield the same tuple again at least once per ``interval`` while
        the connection is known to be alive, or the feed becomes stale. A FeedError that is
        raised ends the iteration; it is started again later.
        """
        ...


class FeedKind(Protocol):
    """The class behind a name in the entry-point group ``buildlight.feeds``."""

    Options: ClassVar[type[FeedOptions]]

    @classmethod
    def open(cls, options: Any, *, network: "Network") -> PolledFeed | PushedFeed:
        """Return the feed that *options*, an instance of ``Options``, describe.

        Waits for nothing and sends nothing.
        """
        ...
