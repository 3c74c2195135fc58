"""Where build news comes from: one module for each kind of feed, behind one small contract.

A kind is a name in the entry-point group ``buildlight.feeds`` that points to a class. The
built-in kinds are found the same way, and a kind's library is imported only when a feed is
configured for it. ``conformance.check_feed`` tests whether a kind keeps the contract. Everything
that an author imports is here.
"""

from collections.abc import Mapping
from functools import cache
from typing import cast
from urllib.parse import urlsplit

from buildlight.errors import (
    ConfigError,
    FeedError,
    FeedMalformed,
    FeedRefused,
    FeedUnreachable,
)
from buildlight.feeds.feed import (
    Feed,
    FeedAnswer,
    FeedKind,
    FeedOptions,
    Given,
    PolledFeed,
    PushedFeed,
)
from buildlight.feeds.http.options import HttpOptions
from buildlight.feeds.sharing import Network
from buildlight.projects.project import BuildStatus, Message, Project
from buildlight.system import plugins
from buildlight.wording import did_you_mean

GROUP = "buildlight.feeds"

__all__ = [
    "BuildStatus",
    "Feed",
    "FeedAnswer",
    "FeedError",
    "FeedKind",
    "FeedMalformed",
    "FeedOptions",
    "FeedRefused",
    "FeedUnreachable",
    "Given",
    "HttpOptions",
    "Message",
    "Network",
    "PolledFeed",
    "Project",
    "PushedFeed",
    "kind_of",
    "load_kind",
]


@cache
def load_kind(name: str) -> type[FeedKind]:
    """Return the class of the kind of feed called *name*; raises :class:`ConfigError`.

    Cached, because reading the entry points of every installed package for each of a thousand
    feeds takes longer than the rest of the start. An error is not cached.
    """
    kind = plugins.load_plugin(GROUP, name, what="kind", options=FeedOptions)
    if kind is None:
        kinds = plugins.installed(GROUP)
        close = did_you_mean(name, kinds)
        raise ConfigError(f"kind not found; installed are: {', '.join(kinds)}{close}")
    return cast("type[FeedKind]", kind)


_KINDS: Mapping[str, str] = {
    "github.com": "github",
    "gitlab.com": "gitlab",
    "app.circleci.com": "circleci",
    "circleci.com": "circleci",
    "gitea.com": "gitea",
    "codeberg.org": "forgejo",
}
"""Hosts that publish no cc.xml, and the kind that reads them."""


def kind_of(url: object) -> str:
    """Return the kind of a feed at *url* whose table names none."""
    try:
        parts = urlsplit(url if isinstance(url, str) else "")
    except ValueError:
        return "cctray"
    host = (parts.hostname or "").removeprefix("www.")
    return "cctray" if parts.path.endswith(".xml") else _KINDS.get(host, "cctray")
