"""Candidate addresses of a feed, and the ways to send a secret there. Pure.

Nothing is tried here. The paths are from the servers' manuals and from CCMenu.
"""

import re
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from pydantic import ValidationError

from buildlight.errors import ConfigError
from buildlight.feeds.auth import HOLE, Auth
from buildlight.feeds.cctray import CCTrayOptions
from buildlight.redaction import secrets_in
from buildlight.system.secret import Secret

# Appended to the given path, in this order: CCMenu's list (CCTrayProjectList.swift), likely ones
# first, then those of other servers.
KNOWN = (
    "cc.xml",
    "cctray.xml",
    "dashboard/cctray.xml",
    "go/cctray.xml",
    "hudson/cc.xml",
    "xml",
    "XmlStatusReport.aspx",
    "ccnet/XmlStatusReport.aspx",
    "jenkins/cc.xml",
    "app/rest/cctray/projects.xml",
    "guestAuth/app/rest/cctray/projects.xml",
    "api/v1/teams/main/cc.xml",
    "ccmenu.xml",
    "XmlServerReport.aspx",
)
# For a path that names one repository: CircleCI and Travis, Buildkite, Drone and Woodpecker.
KNOWN_OF_A_REPOSITORY = ("{}.cc.xml", "{}.xml", "/api/badges{}/cc.xml")

TOKEN_NAMES = ("circle-token", "access_token", "token")
"""Names of a token in a query: CircleCI's, Buildkite's, everybody else's."""


def base_urls(address: str) -> tuple[str, ...]:
    """Return the addresses that *address* can mean: without a scheme, https and then http.

    Raises :class:`ConfigError`, which does not repeat it, for an invalid address.
    """
    address = address.strip().partition("#")[0]
    has_scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", address)
    found = (address,) if has_scheme else (f"https://{address}", f"http://{address}")
    for base in found:
        _check(base)
    return found


def _check(base: str) -> None:
    try:
        CCTrayOptions(url=base.replace(HOLE, "secret"))
    except ValidationError as exc:
        told = exc.errors(include_input=False)[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(f"URL: {told}") from None
    if "@" in urlsplit(base).netloc:
        raise ConfigError(
            "URL: holds a user; leave it out, and use --user, which asks for the password"
        )
    if secrets_in(split_hole(base)[0]):
        raise ConfigError(
            "URL: holds what looks like a secret, and everybody on this machine can see it in "
            f"the list of processes; write {HOLE} in its place, and the secret is asked for, or "
            "read with --token-file"
        )


def split_hole(url: str) -> tuple[str, str | None]:
    """Return *url* without the parameter whose value is :data:`auth.HOLE`, and its name."""
    parts = urlsplit(url)
    for pair in parts.query.split("&"):
        for name, value in parse_qsl(pair):
            if value == HOLE:
                query = "&".join(each for each in parts.query.split("&") if each != pair)
                return urlunsplit(parts._replace(query=query)), name
    return url, None


def is_document(url: str) -> bool:
    """Return whether *url* looks like the address of a feed, not of a web page."""
    return urlsplit(url).path.rstrip("/").lower().endswith((".xml", ".aspx"))


def candidates(url: str) -> tuple[str, ...]:
    """Return *url* and, if it is not the address of a document, the known places below it.

    The query is kept, because it may choose a branch or a view.
    """
    if is_document(url):
        return (url,)
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    repository = KNOWN_OF_A_REPOSITORY if path else ()
    # Not format: the path may hold the hole for the secret.
    paths = [f"{path}/{known}" for known in KNOWN] + [
        known.replace("{}", path) for known in repository
    ]
    return (url, *(urlunsplit(parts._replace(path=each)) for each in paths))


def credentials(base: str, secret: Secret, user: str | None) -> tuple[Auth, ...]:
    """Return the ways to send *secret* to the server at *base*.

    Raises :class:`ConfigError` for a user or a secret that no request can contain.
    """
    url, name = split_hole(base)
    if (name or HOLE in url) and user is not None:
        raise ConfigError(f"URL: {HOLE} in it and --user do not go together")
    try:
        if user is not None:
            return (Auth(kind="basic", user=user, secret=secret),)
        if HOLE in url:
            return (Auth(kind="path", secret=secret),)
        names = (name,) if name else TOKEN_NAMES
        queries = tuple(Auth(kind="query", name=each, secret=secret) for each in names)
        return queries if name else (Auth(kind="bearer", secret=secret), *queries)
    except ValidationError as exc:
        error = exc.errors(include_input=False)[0]
        told = error["msg"].removeprefix("Value error, ")
        where = "--user" if "user" in error["loc"] else "the secret"
        raise ConfigError(f"{where}: {told}") from None
