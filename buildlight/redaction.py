"""What may be shown of an address or a name that others wrote. Pure.

Secrets live in addresses (Travis, CircleCI and Buildkite want a token in the query), and
terminals obey what names may contain.
"""

import re
from base64 import b64encode
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import parse_qsl, quote, unquote, urlsplit, urlunsplit

MASK = "***"

# Query parameters that say what is asked for, not who asks.
_HARMLESS = frozenset({"branch", "ccmenu", "locator", "recursive"})


def shown(url: str) -> str:
    """Return *url* as a log may show it: no password, no user, no value that could be a token.

    Works on anything that was written where an address should be.
    """
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        query = "&".join(
            _parameter(name, value)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
        )
    except ValueError:
        return MASK
    if not host and "@" in url:
        return MASK
    user = f"{MASK}@" if "@" in parts.netloc else ""
    return urlunsplit((parts.scheme, user + host, parts.path, query, ""))


def _parameter(name: str, value: str) -> str:
    if not value:  # a word alone could be a token, too
        return name if name in _HARMLESS else MASK
    return f"{quote(name)}={quote(value) if name in _HARMLESS else MASK}"


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Return *text* without any of *secrets*, as they are and as addresses write them.

    For what servers say: some echo the address that was asked for, token and all.
    """
    for secret in sorted(secrets, key=len, reverse=True):  # One may be the beginning of another.
        if secret:
            text = _written(secret).sub(MASK, text)
    return text


@lru_cache(maxsize=256)
def _written(secret: str) -> re.Pattern[str]:
    """Return what finds *secret* however much of it is percent-encoded, and however often.

    Servers disagree about which letters an address may hold, and a login page wants the address
    that was asked for as a parameter of its own. Host names lose their capitals.
    """
    return re.compile("".join(_letter(letter) for letter in secret), re.IGNORECASE)


def _letter(letter: str) -> str:
    if letter.isascii() and letter.isalnum():
        return letter
    encoded = "".join(f"%(?:25)*{byte:02x}" for byte in letter.encode(errors="replace"))
    return f"(?:{re.escape(letter)}|{encoded}{'|[+]' if letter == ' ' else ''})"


def basic(user: str, password: str) -> str:
    """Return *user* and *password* as Basic authentication sends them (RFC 7617)."""
    return b64encode(f"{user}:{password}".encode(errors="replace")).decode()


def secrets_in(url: str) -> frozenset[str]:
    """Return the password of *url* and what in its query is a token, by its name or its looks.

    Fewer than :func:`shown` hides: ``view=all`` is not shown, but ``all`` is no secret.
    """
    try:
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return frozenset()
    found = {value or name for name, value in pairs if _is_token(name, value)}
    if _RANDOM.fullmatch(user):  # A token in the user's place: GitHub's way.
        found.add(user)
    if password:
        found.add(password)
    if password or user in found:  # Some leave out what fills the last letters up.
        found.add(basic(user, password).rstrip("="))
    return frozenset(found)


def _is_token(name: str, value: str) -> bool:
    if name in _HARMLESS:
        return False
    return bool(value and _TOKEN_NAME.search(name)) or bool(_RANDOM.fullmatch(value or name))


_TOKEN_NAME = re.compile("token|key|secret|auth|pass|sig|cred|code", re.IGNORECASE)
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[0-9A-Za-z_.~+/=-]{16,}")


def printable(text: str, *, limit: int = 80) -> str:
    """Return *text* on one line, no longer than *limit*, without what a terminal would obey."""
    plain = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in text[: limit + 1]
    )
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
