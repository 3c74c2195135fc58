"""Which addresses from servers become links: http and https, without passwords. Pure."""

from urllib.parse import urlsplit, urlunsplit

SCHEMES = frozenset({"http", "https"})


def link(url: str) -> str:
    """Return *url* as a safe link, empty if it is not one."""
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
