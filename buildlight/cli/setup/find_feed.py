"""Finding the feed: the search of `discover`, or one look at a forge, and a login if needed."""

import argparse
import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from buildlight.cli.discover import (
    auth_keys,
    complaints,
    feed_keys,
    on_try,
    read_secret,
    secret_name,
    summary,
)
from buildlight.cli.setup.document import Keys
from buildlight.cli.setup.questions import ADDRESS, Asker, MissingAnswer
from buildlight.config.fields import NamePattern
from buildlight.errors import BuildlightError, ConfigError, FeedError, FeedRefused
from buildlight.feeds import kind_of, load_kind
from buildlight.feeds.auth import Auth
from buildlight.feeds.discovery.candidates import base_urls
from buildlight.feeds.discovery.discover import Person, discover
from buildlight.feeds.discovery.lint import lint
from buildlight.feeds.feed import FeedAnswer, PolledFeed
from buildlight.feeds.http.options import HttpOptions
from buildlight.feeds.sharing import Network
from buildlight.feeds.sources import read
from buildlight.network.resolver import ResolverLoop
from buildlight.projects.project import Project, status_of
from buildlight.projects.redacted import redacted
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import DEFINITE, Verdict
from buildlight.redaction import printable
from buildlight.system.secret import Secret, checked_secret
from buildlight.wording import count

LISTED = 12
"""Projects that are listed by name; the rest is counted."""
_LOGIN = (401, 403, 404)
"""Statuses with which a forge hides a repository from somebody who is not logged in."""


@dataclass(frozen=True, slots=True)
class FoundFeed:
    """A feed that answered: the *keys* of its table, its *projects*, and the *secret* it needs."""

    keys: Keys
    projects: tuple[Project, ...]
    secret: Secret | None = None

    @property
    def secret_name(self) -> str | None:
        """The name of the secret; ``None`` if there is none."""
        auth = self.keys.get("auth")
        return str(auth["secret"]) if isinstance(auth, dict) else None


class NoFeedFound(BuildlightError):
    """Nothing to follow at an address; *sentences* say what was answered."""

    def __init__(self, *sentences: str, wants_login: bool = False) -> None:
        self.sentences = sentences
        self.wants_login = wants_login
        super().__init__("\n".join(sentences))


@dataclass(frozen=True, slots=True)
class Login:
    """A *secret*, and the *user* of the server to whom it belongs, if the server has users."""

    secret: Secret
    user: str | None = None


def find_feed(asker: Asker, chosen: argparse.Namespace) -> FoundFeed:
    """Ask for an address until something is found there.

    Raises :class:`NoFeedFound` or :class:`ConfigError` where it cannot ask again.
    """
    address, login = chosen.feed, _given_login(asker, chosen)
    while True:
        address = address or asker.text(ADDRESS, flag="--feed")
        try:
            return _found(asker, address, kind=chosen.kind, login=login)
        except (NoFeedFound, ConfigError) as exc:
            if not asker.attended:
                raise
            for sentence in exc.sentences if isinstance(exc, NoFeedFound) else exc.mistakes:
                asker.say(sentence)
        address = login = None


def _given_login(asker: Asker, chosen: argparse.Namespace) -> Login | None:
    if chosen.token_file is not None:
        return Login(read_secret(chosen.token_file), chosen.user)
    return None if chosen.user is None else _asked_login(asker, chosen.user)


def _asked_login(asker: Asker, user: str | None = None) -> Login | None:
    """Ask for user and secret; ``None`` if the secret is left empty."""
    if not asker.attended:
        raise MissingAnswer("--token-file")
    if user is None:
        user = asker.text("User (empty: a token alone)", flag="--user", default="") or None
    what = f"Password or API token of {printable(user)}" if user else "Token"
    while True:
        answer = asker.secret(f"{what} (not shown; empty: go back)", flag="--token-file")
        if not answer:
            return None
        try:
            return Login(checked_secret(answer), user)
        except ValueError as exc:
            asker.say(f"That cannot be it: {exc}.")


def _found(asker: Asker, address: str, *, kind: str | None, login: Login | None) -> FoundFeed:
    """Return what is at *address*, with a login if the server asks for one."""
    base = base_urls(address)[0]
    while True:
        asker.say("Looking …")
        try:
            if kind in (None, "cctray"):
                return _search(address, login)
            return _read_forge(kind, base, login)
        except NoFeedFound as exc:
            if not exc.wants_login or (login is not None and not asker.attended):
                raise
            for sentence in exc.sentences if login is not None else ():
                asker.say(sentence)
            if login is None:
                asker.say("The server asks for a login.")
            login = _asked_login(asker)
            if login is None:
                raise NoFeedFound from None


def _search(address: str, login: Login | None) -> FoundFeed:
    asked: list[None] = []  # An entry for each time that the search wanted a secret.
    person = Person(ask=lambda: asked.append(None))
    if login is not None:
        person = Person(login.user, login.secret)
    discovery = discover(address, person=person, on_try=on_try())
    best = discovery.best
    # A repository that nothing was built in yet is one all the same.
    if best is None or not (best.projects or (best.is_feed and best.of_forge)):
        wants = bool(asked) or any(each.wants_secret for each in discovery.tries)
        raise NoFeedFound(*complaints(discovery), wants_login=wants and not discovery.withheld)
    auth = best.options.auth
    return FoundFeed(feed_keys(best.options), best.projects, auth.secret if auth else None)


def _read_forge(kind: str, url: str, login: Login | None) -> FoundFeed:
    """Return what a repository of a forge, such as GitHub, says about itself."""
    of_kind = load_kind(kind)
    try:
        auth = login and Auth(kind="bearer", secret=login.secret)
        options = of_kind.Options.model_validate({"url": url, **({"auth": auth} if auth else {})})
    except ValidationError as exc:
        told = exc.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{printable(url)}: {told}") from None
    outcome = _read_once(of_kind, options)
    if isinstance(outcome, FeedError):
        refused = isinstance(outcome, FeedRefused) and outcome.status in _LOGIN
        raise NoFeedFound(f"{options.shown}: {outcome}", wants_login=refused)
    keys: dict[str, object] = {"name": options.suggested_name[:60]}
    if kind_of(url) != kind:
        keys["kind"] = kind
    keys["url"] = url
    if auth and isinstance(options, HttpOptions):
        keys["auth"] = auth_keys(auth, secret_name(options))
    return FoundFeed(keys, outcome, login.secret if login else None)


def _read_once(kind: Any, options: Any) -> tuple[Project, ...] | FeedError:
    async def look() -> tuple[Project, ...] | FeedError:
        feed = kind.open(options, network=Network())
        if not isinstance(feed, PolledFeed):
            raise ConfigError("--kind: init does not know this kind; write its table by hand")
        try:
            outcome = await read(feed, options)
        finally:
            await feed.close()
        if isinstance(outcome, FeedError):
            return outcome
        return redacted(
            outcome.projects if isinstance(outcome, FeedAnswer) else outcome, options.secrets
        )

    with asyncio.Runner(loop_factory=ResolverLoop) as runner:
        return runner.run(look())


def choose_projects(asker: Asker, chosen: argparse.Namespace, found: FoundFeed) -> Keys:
    """Return the keys that say which projects of the feed count: all, unless somebody chooses."""
    for line in _listing(found.projects):
        asker.say(line)
    include, exclude = list(chosen.include or ()), list(chosen.exclude or ())
    while True:
        if not include and not exclude:
            include, exclude = _split(asker.text(PROJECTS, flag="--include", default="all"))
        try:
            _check([*include, *exclude])
        except ConfigError as exc:
            if not asker.attended:
                raise
            asker.say(str(exc))
        else:
            names = [project.name for project in found.projects]
            counted = Selection(include=(*include,), exclude=(*exclude,)).of(names)
            if counted or not names:  # Nothing to choose from yet.
                if include or exclude:
                    asker.say(f"Counted: {len(counted)} of {count(len(names), 'project')}.")
                return {
                    **({"include": include} if include else {}),
                    **({"exclude": exclude} if exclude else {}),
                }
            asker.say("That matches no project of this feed.")
            if not asker.attended:
                return {"include": include, "exclude": exclude}
        include, exclude = [], []


PROJECTS = (
    "Which projects count? Names or patterns such as shop-*, with commas between them; "
    "a ! before a name leaves it out"
)


def _split(answer: str) -> tuple[list[str], list[str]]:
    names = [name.strip() for name in answer.split(",") if name.strip()]
    if [name.lower() for name in names] == ["all"]:
        return [], []
    without = [name[1:].strip() for name in names if name.startswith("!")]
    return [name for name in names if not name.startswith("!")], without


def _check(patterns: list[str]) -> None:
    for pattern in patterns:
        try:
            TypeAdapter(NamePattern).validate_python(pattern)
        except ValidationError as exc:
            told = exc.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
            raise ConfigError(f"{printable(pattern)}: {told}") from None


def _listing(projects: tuple[Project, ...]) -> Iterator[str]:
    yield f"Found {summary(projects)}:"
    worst_first = sorted(projects, key=lambda each: _verdict(each) is not Verdict.BROKEN)
    for project in worst_first[:LISTED]:
        name = printable(project.name, limit=60) or "(no name)"
        yield f"  {name}: {_WORDS.get(_verdict(project), 'no verdict')}"
    if len(projects) > LISTED:
        yield f"  and {len(projects) - LISTED} more"
    for warning in lint(projects, datetime.now(tz=UTC)):
        yield f"Note: {warning.sentence}"


_WORDS = {Verdict.BROKEN: "broken", Verdict.PASSING: "passing"}


def _verdict(project: Project) -> Verdict:
    return DEFINITE.get(status_of(project), Verdict.NONE)
