"""Which addresses that strangers wrote become links: http and https, no password. Pure."""

from urllib.parse import urlsplit, urlunsplit

SCHEMES = frozenset({"http", "https"})


def link(url: str) -> str:
    """Return *url* as a link may lead there, empty if none may."""
    url = url.strip().replace(" ", "%20")
    if not url.isprintable():
        return ""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        if parts.scheme not in SCHEMES or not parts.hostname:
            return ""
        return urlunsplit(parts._replace(netloc=host))
    except ValueError:
        return ""
