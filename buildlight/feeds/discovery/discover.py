"""Finds a feed: tries every candidate, one after the other.

Nothing is printed here, and no secret is sent where the person did not mean to send it.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from buildlight.errors import FeedError, FeedRefused, FeedUnreachable
from buildlight.feeds import load_kind
from buildlight.feeds.auth import HOLE, Auth
from buildlight.feeds.cctray import CCTrayOptions
from buildlight.feeds.discovery.candidates import (
    base_urls,
    candidates,
    credentials,
    is_document,
    split_hole,
)
from buildlight.feeds.discovery.forges import Forge, find_forge, known_forge
from buildlight.feeds.feed import FeedAnswer, PolledFeed
from buildlight.feeds.forge.options import ForgeOptions
from buildlight.feeds.http.options import HttpOptions, is_in_the_clear
from buildlight.feeds.secret import Secret
from buildlight.feeds.sharing import Network
from buildlight.feeds.sources import read
from buildlight.network.resolver import ResolverLoop
from buildlight.projects.project import Project
from buildlight.projects.redacted import redacted

_UNAUTHORISED, _FORBIDDEN, _NOT_FOUND, _TOO_OFTEN = 401, 403, 404, 429


@dataclass(frozen=True, slots=True)
class Person:
    """The person who looks for a feed: *user* and *secret* if given, and how to *ask* for one.

    *ask* returns ``None`` if there is no answer.
    """

    user: str | None = None
    secret: Secret | None = None
    ask: Callable[[], Secret | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Try:
    """One address, requested in one way, and the outcome."""

    options: HttpOptions
    outcome: tuple[Project, ...] | FeedError

    @property
    def of_forge(self) -> bool:
        """Whether a forge was asked, not a cc.xml feed."""
        return isinstance(self.options, ForgeOptions)

    @property
    def projects(self) -> tuple[Project, ...]:
        """The projects of the feed; none if it is not a feed."""
        return () if isinstance(self.outcome, FeedError) else self.outcome

    @property
    def is_feed(self) -> bool:
        """Whether the answer is a feed, perhaps an empty one."""
        return not isinstance(self.outcome, FeedError)

    @property
    def status(self) -> int | None:
        """The HTTP status of a refusal; ``None`` for any other outcome."""
        return self.outcome.status if isinstance(self.outcome, FeedRefused) else None

    @property
    def wants_secret(self) -> bool:
        """Whether a user or a token may help: refused, empty, or a login page."""
        if self.of_forge:  # It hides a private repository from strangers.
            return self.status in (_UNAUTHORISED, _FORBIDDEN, _NOT_FOUND)
        if not isinstance(self.outcome, FeedRefused):
            return self.outcome == ()
        if self.status is None:  # A web page at the address of a web page is not a login page.
            return is_document(self.options.url)
        return self.status in (_UNAUTHORISED, _FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Discovery:
    """Every try; *withheld* if a secret was needed but is not sent over http."""

    tries: tuple[Try, ...]
    withheld: bool = False

    @property
    def best(self) -> Try | None:
        """The try with the most projects; then an empty feed, then one that needs a secret."""
        return max(
            self.tries,
            key=lambda each: (len(each.projects), each.is_feed, each.wants_secret),
            default=None,
        )


def discover(
    address: str, *, person: Person, on_try: Callable[[HttpOptions], None] = lambda _: None
) -> Discovery:
    """Return what is found at *address* and at the candidates below it.

    Without a scheme it is https, then http if nobody answers there. A secret is sent over http
    only if the address says http. *on_try* is called before each try. Raises
    :class:`ConfigError` for an invalid address, user or secret.
    """
    first, *others = base_urls(address)
    credentials(first, person.secret or Secret("secret"), person.user)
    with asyncio.Runner(loop_factory=ResolverLoop) as runner:
        look = _Look(runner, on_try)
        forge = known_forge(first)
        if forge is not None:
            found = _search_forge(forge, look, person, secretly=True)
            if not forge.has_ccxml or any(each.projects for each in found.tries):
                return found
            more = _search(first, look, person, secretly=True)
            return Discovery((*found.tries, *more.tries), withheld=more.withheld)
        found = _search(first, look, person, secretly=True)
        for base in others if _nobody_there(found.tries) else ():
            more = _search(base, look, person, secretly=False)
            found = Discovery((*found.tries, *more.tries), withheld=more.withheld)
    return found


class _Look:
    """Makes requests, and calls *on_try* before each try."""

    def __init__(self, runner: asyncio.Runner, on_try: Callable[[HttpOptions], None]) -> None:
        self._runner = runner
        self._on_try = on_try
        self._network = Network()

    def __call__(self, options: Sequence[HttpOptions], enough: int) -> tuple[Try, ...]:
        """Try *options* in order until one of them finds *enough* projects."""
        look = _look(self._network, options, enough=enough, on_try=self._on_try)
        return self._runner.run(look)

    def forge_of(self, url: str) -> Forge | None:
        """Ask the server of *url* whether it is a forge."""
        return self._runner.run(find_forge(url, self._network.http))


def _search_forge(forge: Forge, look: _Look, person: Person, *, secretly: bool) -> Discovery:
    """Read a repository, without a secret unless one is given; then with one if it is hidden."""
    secret = person.secret if secretly else None
    tries = look([forge.options(secret)], 1)
    if secret is not None or not tries[-1].wants_secret:
        return Discovery(tries)
    if not secretly or is_in_the_clear(forge.url):
        return Discovery(tries, withheld=True)
    secret = person.ask()
    return Discovery(tries if secret is None else (*tries, *look([forge.options(secret)], 1)))


def _search(base: str, look: _Look, person: Person, *, secretly: bool) -> Discovery:
    """Search below *base*, first without a secret; with one only if *secretly*."""
    url, name = split_hole(base)
    urls = candidates(url)
    holed = name is not None or HOLE in url
    plain = () if holed else look(_options(urls, [None]), 1)
    if plain and _stops(plain):
        return Discovery(plain)
    found = [each for each in plain if each.projects]
    unknown = not (found or holed or is_document(url) or known_forge(url))
    forge = look.forge_of(url) if unknown else None
    if forge is not None:
        return _search_forge(forge, look, person, secretly=secretly)
    wanting = [each.options.url for each in plain if each.wants_secret]
    meant = holed or person.user is not None or person.secret is not None
    if not meant and (found or not wanting):
        return Discovery(plain)
    if not secretly:
        return Discovery(plain, withheld=not found)
    secret = person.secret or person.ask()
    if secret is None:
        return Discovery(plain)
    # Jenkins and Concourse show a part of their projects without a secret.
    enough = max((len(each.projects) for each in found), default=0) + 1
    aims = [each.options.url for each in found] or wanting or urls
    ways = credentials(base, secret, person.user)
    return Discovery((*plain, *look(_options(aims, ways), enough)))


def _options(urls: Sequence[str], ways: Sequence[Auth | None]) -> list[CCTrayOptions]:
    return [CCTrayOptions(url=url, auth=auth) for auth in ways for url in urls]


async def _look(
    network: Network,
    options: Sequence[HttpOptions],
    *,
    enough: int,
    on_try: Callable[[HttpOptions], None],
) -> tuple[Try, ...]:
    """Try *options* in order until one of them finds *enough* projects."""
    tries: list[Try] = []
    for each in options:
        on_try(each)
        tries.append(Try(each, await _read(each, network)))
        if len(tries[-1].projects) >= enough or _stops(tries):
            break
    return tuple(tries)


async def _read(options: HttpOptions, network: Network) -> tuple[Project, ...] | FeedError:
    kind = load_kind(options.forge if isinstance(options, ForgeOptions) else "cctray")
    feed = kind.open(options, network=network)
    assert isinstance(feed, PolledFeed)  # noqa: S101 - for the type checker
    outcome = await read(feed, options)
    if isinstance(outcome, FeedError):
        return outcome
    projects = outcome.projects if isinstance(outcome, FeedAnswer) else outcome
    return redacted(projects, options.secrets)


def _stops(tries: Sequence[Try]) -> bool:
    """Return whether one more request would be useless or rude."""
    last = tries[-1]
    if isinstance(last.outcome, FeedUnreachable):
        # One path may hang on a healthy server.
        return len(tries) == 1 or isinstance(tries[-2].outcome, FeedUnreachable)
    auth = last.options.auth
    if last.status == _UNAUTHORISED and auth is not None and auth.kind == "basic":
        return True  # A wrong password again and again locks the account.
    return last.status == _TOO_OFTEN


def _nobody_there(tries: Sequence[Try]) -> bool:
    """Return whether http is worth a try: never after an untrusted certificate."""
    outcome = tries[0].outcome if len(tries) == 1 else None
    return isinstance(outcome, FeedUnreachable) and not _is_distrust(outcome)


def _is_distrust(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
