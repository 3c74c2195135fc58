"""`buildlight discover`: asks for a secret, and prints the table of the feed.

Standard output is TOML with comments, ready to be pasted into a configuration.
"""

import argparse
import asyncio
import getpass
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from textwrap import wrap
from urllib.parse import urlsplit

from buildlight.cli import FAILED, OK, write_error
from buildlight.cli.setup.document import toml
from buildlight.cli.terminal import write_line
from buildlight.config import schema_line
from buildlight.errors import BuildlightError, ConfigError, FeedError
from buildlight.feeds import kind_of
from buildlight.feeds.auth import Auth
from buildlight.feeds.discovery.discover import Discovery, Person, Try, discover
from buildlight.feeds.discovery.fingerprints import identify
from buildlight.feeds.discovery.lint import lint
from buildlight.feeds.discovery.topics import PublishedFeed, published_feeds
from buildlight.feeds.forge.options import ForgeOptions
from buildlight.feeds.http.options import HttpOptions
from buildlight.feeds.secret import Secret, checked_secret, find_secret
from buildlight.network.broker import BrokerError
from buildlight.network.broker_keys import PORTS, BrokerKeys, broker_keys
from buildlight.network.resolver import ResolverLoop
from buildlight.projects.project import Project, status_of
from buildlight.projects.verdict import DEFINITE, Verdict
from buildlight.redaction import printable, shown
from buildlight.system.paths import configuration_folders, find_files, own_place
from buildlight.wording import count

WIDTH = 96
"""Maximum length of a comment line, in characters."""
LISTED = 30
"""Projects of a forge that are listed; the rest is counted."""
LONGEST_NAME = 60
"""Maximum length of a feed's name, in characters."""


def main(chosen: argparse.Namespace) -> int:
    """Find the feed and print its table; returns whether a feed with projects was found."""
    if urlsplit(chosen.url).scheme in PORTS:
        return _at_broker(chosen)
    found = discover(chosen.url, person=person(chosen.user, chosen.token_file), on_try=on_try())
    best = found.best
    if best is not None and not isinstance(best.outcome, BuildlightError):
        for line in advice(found, best, clock=datetime.now(tz=UTC)):
            write_line(line)
        for line in _next_step(chosen.url):
            sys.stderr.write(f"{line}\n")
    if best is not None and best.projects:
        return OK
    for complaint in complaints(found):
        write_error(complaint)
    return FAILED


def _at_broker(chosen: argparse.Namespace) -> int:
    """Print the table of each feed that is published at a broker."""
    asked = person(chosen.user, chosen.token_file)
    secret = asked.secret or (asked.ask() if asked.user else None)
    keys = broker_keys(chosen.url, user=asked.user, secret=secret)
    try:
        with asyncio.Runner(loop_factory=ResolverLoop) as runner:
            feeds = runner.run(published_feeds(keys.broker))
    except BrokerError as exc:
        write_error(str(exc))
        return FAILED
    if not feeds:
        write_error(
            f"no feed is published at {keys.address}; does another buildlight have [mqtt] with "
            "this address, and may this user read buildlight/#?"
        )
        return FAILED
    write_line(schema_line())
    for feed in feeds:
        for line in _published(feed, keys):
            write_line(line)
    for line in _next_step(keys.address):
        sys.stderr.write(f"{line}\n")
    return OK


def _published(feed: PublishedFeed, keys: BrokerKeys) -> Iterator[str]:
    yield ""
    yield from _comment(f"{summary(feed.projects)}.")
    if feed.fault is not None:
        yield from _comment(f"Note: {printable(feed.fault, limit=LONGEST_NAME * 2)}.")
    host = urlsplit(keys.address).hostname or "broker"
    table = {
        "name": feed.topic.rpartition("/")[2][:LONGEST_NAME],
        "kind": "mqtt",
        "address": keys.address,
        "topic": feed.topic,
        **({"user": keys.user} if keys.user else {}),
        **({"secret": _secret_of(host)} if keys.secret else {}),
    }
    yield "[[feeds]]"
    for key, value in table.items():
        yield f"{key} = {toml(value)}"
    if keys.secret:
        yield from _comment(_store(_secret_of(host)))


def _next_step(address: str) -> Iterator[str]:
    """Yield where the table belongs, or that it went into a file that nobody reads."""
    file = own_place()
    with suppress(ConfigError):
        file = find_files().file
    output = _output_file()
    if sys.stdout.isatty():
        folder = "" if file.parent.is_dir() else f"mkdir -p {file.parent} && "
        yield f"Next: {folder}buildlight discover {quote(shown(address))} >> {file}"
        yield "Or let `buildlight init` ask for the rest."
    elif output is not None and output != file.resolve():
        yield f"{output} is read only with --config; buildlight reads {file}"


def _output_file() -> Path | None:
    """Return the file that standard output goes to, if it is one."""
    try:
        if not stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode):
            return None
        return Path(f"/proc/self/fd/{sys.stdout.fileno()}").readlink()
    except (OSError, ValueError):
        return None


def person(user: str | None, token_file: str | None) -> Person:
    """Return the person who looks for a feed; the secret is read now, or asked for when needed.

    Raises :class:`ConfigError` if the file holds no secret, or if there is a *user* but no
    terminal to ask for the password.
    """
    if token_file is not None:
        return Person(user, read_secret(token_file))
    if not sys.stdin or not sys.stdin.isatty():
        if user is not None:
            raise ConfigError(
                "--user: there is no terminal to ask for the password; give it with "
                "--token-file FILE, or --token-file - for standard input"
            )
        return Person()
    return Person(user, ask=lambda: _ask(user))


def read_secret(token_file: str) -> Secret:
    """Return the secret in *token_file* (-: standard input); raises :class:`ConfigError`."""
    try:
        if token_file == "-":  # noqa: S105 - a sign
            return checked_secret(sys.stdin.readline())
        return find_secret(str(Path(token_file).absolute()))
    except ValueError as exc:
        raise ConfigError(f"--token-file: {exc}") from exc


def _ask(user: str | None) -> Secret | None:
    what = f"Password or API token of {user}" if user else "The server asks for a secret. Token"
    try:
        answer = getpass.getpass(f"{what} (not shown; empty: go on without): ").strip()
    except EOFError:
        return None
    if not answer.isprintable():
        raise ConfigError("the secret has to be one line of text")
    return Secret(answer) if answer else None


def on_try() -> Callable[[HttpOptions], None]:
    """Return a function that writes each try to standard error, if that is a terminal."""
    if not sys.stderr.isatty():
        return lambda _options: None
    return _tell


def _tell(options: HttpOptions) -> None:
    sys.stderr.write(f"trying {_way(options)}\n")


def _way(options: HttpOptions) -> str:
    return f"{options.shown}{_WITH[options.auth.kind](options.auth) if options.auth else ''}"


_WITH: dict[str, Callable[[Auth], str]] = {
    "basic": lambda auth: f" as {printable(str(auth.user))}",
    "bearer": lambda _auth: " with a bearer token",
    "header": lambda auth: f" with a token in {auth.name}",
    "query": lambda auth: f" with ?{auth.name}=",
    "path": lambda _auth: " with the secret in it",
}


def complaints(discovery: Discovery) -> Iterator[str]:
    """Yield the outcome of each try of *discovery*, equal outcomes once, and the next step."""
    answers = [(each, _answer(each)) for each in discovery.tries]
    seen: dict[tuple[object, str], list[Try]] = {}
    for each, answer in answers:
        seen.setdefault((each.options.auth, answer), []).append(each)
    yield "no feed with projects was found"
    for (_, answer), same in seen.items():
        more = f" and {len(same) - 1} more" if len(same) > 1 else ""
        yield f"{_way(same[0].options)}{more}: {answer}"
    forge = any(each.of_forge for each in discovery.tries)
    if discovery.withheld and forge:
        yield "the repository is private or not there; a token is sent over https only: use https"
    elif discovery.withheld:
        yield (
            "the server requires a secret, but http is not encrypted and buildlight sends none; "
            "write http:// before the address to send it anyway"
        )
    elif forge and any(each.wants_secret for each in discovery.tries):
        yield _OF_FORGE[any(each.options.auth for each in discovery.tries)]
    elif any(each.wants_secret for each in discovery.tries) or not discovery.tries:
        yield _MORE[any(each.options.auth for each in discovery.tries)]


# By whether a secret was tried.
_MORE = {
    False: "give a token with --token-file FILE (- for standard input), and --user NAME if the "
    "server knows users (Jenkins, GoCD, TeamCity)",
    True: "check the secret and its permissions; if it belongs to a user, add --user NAME",
}

_OF_FORGE = {
    False: "if it is private, give a token with --token-file FILE (- for standard input)",
    True: "check the address, the token and its permissions",
}


def _answer(each: Try) -> str:
    if isinstance(each.outcome, FeedError):
        return str(each.outcome)
    return "a feed, but it holds no project"


def advice(discovery: Discovery, found: Try, *, clock: datetime) -> Iterator[str]:
    """Yield the lines of TOML about the feed that was *found*: its table, and comments."""
    options, projects = found.options, found.projects
    yield schema_line()
    yield from _comment(f"{options.shown}: {summary(projects)}; {_guess(found)}.")
    yield from _about_the_secret(discovery, found)
    if found.of_forge:
        yield from _rows(projects)
    yield ""
    yield "[[feeds]]"
    for key, value in feed_keys(options).items():
        yield f"{key} = {toml(value)}"
    if options.auth is not None:
        yield from _comment(_store(secret_name(options)))
    if options.warning is not None:
        yield from _comment(f"Note: {options.warning}.")
    for warning in lint(projects, clock):
        yield "#"
        yield from _comment(warning.sentence)
        if warning.line is not None:
            yield f"# {warning.line}"


def _guess(found: Try) -> str:
    options = found.options
    if isinstance(options, ForgeOptions):
        return f'it is read with kind = "{options.forge}"'
    server = identify(options.url, found.projects)
    return f"it looks like {server}" if server else "the server is not recognised"


def _rows(projects: tuple[Project, ...]) -> Iterator[str]:
    """Yield each workflow or pipeline of a forge with its verdict."""
    for project in projects[:LISTED]:
        verdict = DEFINITE.get(status_of(project), Verdict.NONE)
        yield f"#   {printable(project.name, limit=LONGEST_NAME)}: {_WORDS[verdict]}"
    if len(projects) > LISTED:
        yield f"#   and {len(projects) - LISTED} more"


_WORDS = {Verdict.BROKEN: "broken", Verdict.PASSING: "passing", Verdict.NONE: "no verdict"}


def _comment(text: str) -> list[str]:
    lines = wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f"# {line}" for line in lines]


def summary(projects: tuple[Project, ...]) -> str:
    """Return how many *projects* there are, and how many of them have which verdict."""
    verdicts = Counter(DEFINITE.get(status_of(project), Verdict.NONE) for project in projects)
    told = [f"{verdicts[each]} {word}" for each, word in _VERDICTS.items() if verdicts[each]]
    return count(len(projects), "project") + (f" ({', '.join(told)})" if told else "")


_VERDICTS = {
    Verdict.BROKEN: "broken",
    Verdict.PASSING: "passing",
    Verdict.NONE: "without a verdict",
}


def _about_the_secret(discovery: Discovery, found: Try) -> Iterator[str]:
    auth, url = found.options.auth, found.options.url
    tried = any(each.options.auth for each in discovery.tries)
    fewer = [each for each in discovery.tries if each.projects and not each.options.auth]
    if auth is None and tried:
        yield from _comment("No secret is needed: with it, the server shows the same projects.")
    if auth is not None and fewer:
        yield from _comment(
            f"Without the secret the server shows only {count(len(fewer[0].projects), 'project')}."
        )
    if auth is not None and url.startswith("http:"):
        yield from _comment(
            "The secret is sent over http, unencrypted; does the server offer https?"
        )


def feed_keys(options: HttpOptions) -> dict[str, object]:
    """Return the keys of a ``[[feeds]]`` table for *options*, with its secret's name."""
    name = options.suggested_name if isinstance(options, ForgeOptions) else _host(options)
    keys: dict[str, object] = {"name": name[:LONGEST_NAME]}
    if isinstance(options, ForgeOptions):
        if kind_of(options.url) != options.forge:
            keys["kind"] = options.forge
        keys |= {"url": options.url} | ({"api": options.api} if options.api else {})
    else:
        keys["url"] = options.url
    if options.auth is not None:
        keys["auth"] = auth_keys(options.auth, secret_name(options))
    return keys


def _host(options: HttpOptions) -> str:
    return urlsplit(options.url).hostname or "feed"


def secret_name(options: HttpOptions) -> str:
    """Return the server's host as a valid name of a secret."""
    return _secret_of(urlsplit(options.url).hostname or "feed")


def _secret_of(host: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]+", "-", host).strip(".-") or "feed"


def auth_keys(auth: Auth, name: str) -> dict[str, str]:
    """Return the keys of an ``auth`` table for *auth*, whose secret is called *name*."""
    keys = {"kind": auth.kind, "user": auth.user, "name": auth.name, "secret": name}
    return {key: value for key, value in keys.items() if value is not None}


def _store(name: str) -> str:
    return (
        f"Put the secret, alone on one line, into {configuration_folders()[-1]}/secrets/{name} "
        "(readable for you alone), or give it to the service with "
        f"LoadCredential={name}:/path/of/the/file."
    )
