"""What may be shown of an address or a name that others wrote. Pure.

Secrets live in addresses (Travis, CircleCI and Buildkite want a token in the query), and
terminals obey what names may contain.
"""

import re
from collections.abc import Iterable
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit, urlunsplit

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
    forms = {
        form
        for secret in secrets
        for form in (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
        if form
    }
    for form in sorted(forms, key=len, reverse=True):  # One may be the beginning of another.
        text = text.replace(form, MASK)
    return text


def secrets_in(url: str) -> frozenset[str]:
    """Return the password of *url* and what in its query is a token, by its name or its looks.

    Fewer than :func:`shown` hides: ``view=all`` is not shown, but ``all`` is no secret.
    """
    try:
        parts = urlsplit(url)
        password = parts.password
        if password is None and _RANDOM.fullmatch(parts.username or ""):
            password = parts.username  # A token in the user's place: GitHub's way.
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return frozenset()
    found = {value or name for name, value in pairs if _is_token(name, value)}
    return frozenset(found | ({unquote(password)} if password else set()))


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
