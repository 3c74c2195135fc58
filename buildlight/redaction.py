"""What may be shown of an address or a name that others wrote. Pure.

Secrets live in addresses (Travis, CircleCI and Buildkite want a token in the query), and
terminals obey what names may contain.
"""

from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

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


def printable(text: str, *, limit: int = 80) -> str:
    """Return *text* on one line, no longer than *limit*, without what a terminal would obey."""
    plain = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in text[: limit + 1]
    )
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
