"""Finding a feed: every guess tried, one after the other, politely.

Nothing is printed here, and no secret is sent where the person did not mean to send it.
"""

import asyncio
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from buildlight.errors import FeedError, FeedRefused, FeedUnreachable
from buildlight.feeds.auth import HOLE, Auth
from buildlight.feeds.cctray import CCTrayFeed, CCTrayOptions
from buildlight.feeds.discovery.candidates import bases, is_document, places, split_hole, ways_in
from buildlight.feeds.feed import FeedAnswer
from buildlight.feeds.http.client import Web
from buildlight.feeds.secret import Secret
from buildlight.feeds.sources import read, scrubbed
from buildlight.network.resolver import ResolverLoop
from buildlight.projects.project import Project

CLOSING = 0.3
"""Seconds that connections may take to close."""

_UNAUTHORISED, _FORBIDDEN, _TOO_OFTEN = 401, 403, 429


@dataclass(frozen=True, slots=True)
class Person:
    """Whoever looks for a feed: *user* and *secret* if they were given, and how to *ask*.

    *ask* returns ``None`` if nobody answers, or does not want to.
    """

    user: str | None = None
    secret: Secret | None = None
    ask: Callable[[], Secret | None] = lambda: None


@dataclass(frozen=True, slots=True)
class Try:
    """One address, asked in one way, and what came of it."""

    options: CCTrayOptions
    outcome: tuple[Project, ...] | FeedError

    @property
    def projects(self) -> tuple[Project, ...]:
        """What the feed holds, nothing if it is none."""
        return () if isinstance(self.outcome, FeedError) else self.outcome

    @property
    def is_feed(self) -> bool:
        """Whether a feed answered, perhaps an empty one."""
        return not isinstance(self.outcome, FeedError)

    @property
    def status(self) -> int | None:
        """The HTTP status of a refusal; ``None`` for one in a document, and for all else."""
        return self.outcome.status if isinstance(self.outcome, FeedRefused) else None

    @property
    def wants_secret(self) -> bool:
        """Whether a user or a token may help: refused, empty, or a page to log in."""
        if not isinstance(self.outcome, FeedRefused):
            return self.outcome == ()
        if self.status is None:  # A web page at the address of a web page is no page to log in.
            return is_document(self.options.url)
        return self.status in (_UNAUTHORISED, _FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was tried; *withheld* if a secret was needed and must not go over http."""

    tries: tuple[Try, ...]
    withheld: bool = False

    @property
    def best(self) -> Try | None:
        """The try that found most; an empty feed or one that wants a secret is second best."""
        return max(
            self.tries,
            key=lambda each: (len(each.projects), each.is_feed, each.wants_secret),
            default=None,
        )


def discover(
    address: str, *, person: Person, on_try: Callable[[CCTrayOptions], None] = lambda _: None
) -> Discovery:
    """Return what is found at *address* and the known places below it.

    Without a scheme it is https, and http if nobody answers there; a secret goes over http only
    where the address says so. *on_try* is called before each try. Raises :class:`ConfigError`
    for an address, a user or a secret that cannot be tried.
    """
    first, *others = bases(address)
    ways_in(first, person.secret or Secret("secret"), person.user)
    with asyncio.Runner(loop_factory=ResolverLoop) as runner:
        web = Web()

        def look(options: Sequence[CCTrayOptions], enough: int) -> tuple[Try, ...]:
            return runner.run(_look(web, options, enough=enough, on_try=on_try))

        try:
            found = _search(first, look, person, secretly=True)
            for base in others if _nobody_there(found.tries) else ():
                more = _search(base, look, person, secretly=False)
                found = Discovery((*found.tries, *more.tries), withheld=more.withheld)
        finally:
            runner.run(_close(web))
    return found


Look = Callable[[Sequence[CCTrayOptions], int], tuple[Try, ...]]


def _search(base: str, look: Look, person: Person, *, secretly: bool) -> Discovery:
    """Look below *base*, first without a secret; with one only if *secretly*."""
    url, name = split_hole(base)
    urls = places(url)
    holed = name is not None or HOLE in url
    plain = () if holed else look(_options(urls, [None]), 1)
    if plain and _stops(plain):
        return Discovery(plain)
    found = [each for each in plain if each.projects]
    wanting = [each.options.url for each in plain if each.wants_secret]
    meant = holed or person.user is not None or person.secret is not None
    if not meant and (found or not wanting):
        return Discovery(plain)
    if not secretly:
        return Discovery(plain, withheld=not found)
    secret = person.secret or person.ask()
    if secret is None:
        return Discovery(plain)
    # Jenkins and Concourse show strangers a part of what is there: does the secret show more?
    enough = max((len(each.projects) for each in found), default=0) + 1
    aims = [each.options.url for each in found] or wanting or urls
    ways = ways_in(base, secret, person.user)
    return Discovery((*plain, *look(_options(aims, ways), enough)))


def _options(urls: Sequence[str], ways: Sequence[Auth | None]) -> list[CCTrayOptions]:
    return [CCTrayOptions(url=url, auth=auth) for auth in ways for url in urls]


async def _look(
    web: Web,
    options: Sequence[CCTrayOptions],
    *,
    enough: int,
    on_try: Callable[[CCTrayOptions], None],
) -> tuple[Try, ...]:
    """Try *options* in their order until one of them finds *enough* projects."""
    tries: list[Try] = []
    for each in options:
        on_try(each)
        tries.append(Try(each, await _read(each, web)))
        if len(tries[-1].projects) >= enough or _stops(tries):
            break
    return tuple(tries)


async def _read(options: CCTrayOptions, web: Web) -> tuple[Project, ...] | FeedError:
    outcome = await read(CCTrayFeed(options, web), options)
    if isinstance(outcome, FeedError):
        return outcome
    projects = outcome.projects if isinstance(outcome, FeedAnswer) else outcome
    return scrubbed(projects, options.secrets)


async def _close(web: Web) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(CLOSING):
            await web.close()


def _stops(tries: Sequence[Try]) -> bool:
    """Return whether one more request would be useless, or rude."""
    last = tries[-1]
    if isinstance(last.outcome, FeedUnreachable):
        # One path may hang on a server that is well.
        return len(tries) == 1 or isinstance(tries[-2].outcome, FeedUnreachable)
    auth = last.options.auth
    if last.status == _UNAUTHORISED and auth is not None and auth.kind == "basic":
        return True  # A wrong password again and again locks the account.
    return last.status == _TOO_OFTEN


def _nobody_there(tries: Sequence[Try]) -> bool:
    """Return whether http is worth a try: never where a certificate is not to be trusted."""
    outcome = tries[0].outcome if len(tries) == 1 else None
    return isinstance(outcome, FeedUnreachable) and not _is_distrust(outcome)


def _is_distrust(exc: BaseException | None) -> bool:
    while exc is not None:
        if isinstance(exc, ssl.SSLCertVerificationError):
            return True
        exc = exc.__cause__ or exc.__context__
    return False
