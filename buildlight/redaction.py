"""Removes secrets and control characters from text that leaves the program. Pure.

Addresses contain secrets (Travis, CircleCI and Buildkite take a token in the query), servers
repeat requests in their answers, and names can contain control characters. The rules use the true
text; every output is redacted with the functions of this module.
"""

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import lru_cache
from html import unescape
from urllib.parse import parse_qsl, quote, unquote, unquote_to_bytes, urlsplit, urlunsplit

MASK = "***"
SHORTEST_SECRET = 6
"""Shortest secret, in characters: a shorter one would be part of many harmless words."""

# Query parameters that select something, and are not tokens.
_HARMLESS = frozenset({"branch", "ccmenu", "locator", "recursive"})


def shown(url: str) -> str:
    """Return *url* for a log: without password, user and every value that could be a token.

    Accepts any text, also one that is not an address.
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
    if not value:  # A parameter without a value could be a token, too.
        return name if name in _HARMLESS else MASK
    return f"{quote(name)}={quote(value) if name in _HARMLESS else MASK}"


def shown_link(url: str) -> str:
    """Return *url*, a server's link to a build, without user, password and tokens."""
    try:
        parts = urlsplit(url)
        pairs = [(pair, secrets_in(f"?{pair}")) for pair in parts.query.split("&")]
        query = "&".join(
            f"{pair.partition('=')[0]}={MASK}" if found else pair for pair, found in pairs
        )
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query=query))
    except ValueError:
        return MASK


def identifying(url: str) -> str:
    """Return *url* without user and password, and without every parameter that may be a secret.

    Removes more than :func:`secrets_in` finds, because the result is stored.
    """
    parts = urlsplit(url)
    query = "&".join(
        pair
        for pair in parts.query.split("&")
        if not any(_may_be_token(*each) for each in parse_qsl(pair, keep_blank_values=True))
    )
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))


def secrets_in(url: str) -> frozenset[str]:
    """Return the password of *url* and the tokens in its query, found by name or by their form.

    These are fewer than :func:`shown` hides: ``all`` in ``view=all`` is hidden there, but is not
    a secret, and neither is ``SHOP`` in ``projectKey=SHOP``.
    """
    try:
        parts = urlsplit(url)
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        pairs = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return frozenset()
    found = {value or name for name, value in pairs if _is_token(name, value)}
    if looks_random(user):  # A token as the user, as on GitHub.
        found.add(user)
    if password:
        found |= {password, f"{user}:{password}"}
    return frozenset(each for each in found if len(each) >= SHORTEST_SECRET)


def looks_random(text: str) -> bool:
    """Return whether *text* looks like a token: long, with digits and letters."""
    return bool(_RANDOM.fullmatch(text))


def _is_token(name: str, value: str) -> bool:
    if name in _HARMLESS:
        return False
    return bool(value and _TOKEN_NAME.search(name)) or looks_random(value or name)


def _may_be_token(name: str, value: str) -> bool:
    return _is_token(name, value) or bool(value and _SUSPICIOUS_NAME.search(name))


_TOKEN_NAME = re.compile(r"token|secret|passw(or)?d|(api|access|private)[-_]?key", re.IGNORECASE)
_SUSPICIOUS_NAME = re.compile("key|auth|pass|sig|cred|code", re.IGNORECASE)
_RANDOM = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[0-9A-Za-z_.~+/=-]{16,}")


def basic(user: str, password: str) -> str:
    """Return *user* and *password* as Basic authentication sends them (RFC 7617)."""
    return b64encode(f"{user}:{password}".encode(errors="replace")).decode()


# The forms of a secret in a text.


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Return *text* without any of *secrets*, in every encoding of :func:`_forms`.

    In addition, any part of it may be percent-encoded or escaped as in HTML, JSON or JavaScript,
    several times. Case is ignored, because host names become lower case.
    """
    needles = _needles(frozenset(secrets))
    hidden = bytearray(len(text))
    for reading, marks in _readings(text) if needles else ():
        folded = _folded(reading)
        if any(needle in folded for needle in needles):
            origins = _origins(text, marks)
            for start, end in _places(folded, needles):
                first, last = origins[start][0], origins[end - 1][1]
                hidden[first:last] = b"\x01" * (last - first)
    return "".join(_masked(text, hidden)) if any(hidden) else text


def holds_secret(text: str, secrets: Iterable[str]) -> bool:
    """Return whether :func:`scrub` would change *text*; fast for long text without secrets."""
    needles = _needles(frozenset(secrets))
    return bool(needles) and any(
        needle in folded
        for reading, _ in _readings(text)
        for folded in (_folded(reading),)
        for needle in needles
    )


def holds_part(text: str, secrets: Iterable[str]) -> bool:
    """Return whether *text* may contain a part of a secret; a server may have changed the rest."""
    size = SHORTEST_SECRET
    parts = {each[at : at + size] for each in secrets for at in range(len(each) - size + 1)}
    return holds_secret(text, parts)


def _places(folded: str, needles: Iterable[str]) -> Iterator[tuple[int, int]]:
    for needle in needles:
        at = folded.find(needle)
        while at >= 0:
            yield at, at + len(needle)
            at = folded.find(needle, at + 1)


@lru_cache(maxsize=256)
def _needles(secrets: frozenset[str]) -> tuple[str, ...]:
    return tuple({_folded(form) for each in secrets for form in _forms(each)})


def _forms(secret: str) -> Iterator[str]:
    """Yield the forms of *secret* to search for."""
    if len(secret) < SHORTEST_SECRET:
        return
    yield secret
    yield secret.replace(" ", "+")  # As in a web form.
    yield secret.encode(errors="replace").decode("latin-1")  # UTF-8 read as Latin-1.
    # As in a header, and as in an address.
    for raw in {secret.encode(errors="replace"), quote(secret, safe="", errors="replace").encode()}:
        yield raw.hex()
        yield from _in_base64(raw)


def _in_base64(raw: bytes) -> Iterator[str]:
    for shift in range(3):  # Base64: three bytes make four letters, and it may start anywhere.
        encoded = b64encode(bytes(shift) + raw).decode()
        # Characters at the edges also depend on their neighbours; padding may be missing.
        part = encoded[(0, 2, 3)[shift] : (shift + len(raw)) * 8 // 6]
        yield part
        yield part.replace("+", "-").replace("/", "_")


# By their first character; without IGNORECASE, which is much slower.
_ESCAPES = {
    "%": re.compile(r"%[0-9a-fA-F]{2}(?:%[0-9a-fA-F]{2})*"),
    "&": re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});?"),
    "\\": re.compile(r"\\(?:u[0-9a-fA-F]{4}(?:\\u[0-9a-fA-F]{4})*|x[0-9a-fA-F]{2}|[^\s\w])"),
}
_READINGS = 30
"""Most orders in which the kinds of escapes of a text are undone."""


def _readings(text: str) -> Iterator[tuple[str, str]]:
    """Yield *text* with its escapes undone in every order, and the kinds that were undone."""
    marks = {text: ""}
    readings = [text]
    for reading in readings:  # The list grows in the loop.
        yield reading, marks[reading]
        for mark, pattern in _ESCAPES.items():
            if mark in reading and len(readings) < _READINGS:
                plain = pattern.sub(lambda match: _plain(match[0]), reading)
                if plain not in marks:
                    marks[plain] = marks[reading] + mark
                    readings.append(plain)


def _origins(text: str, marks: str) -> list[tuple[int, int]]:
    """Return the position in *text* of each character after the escapes of *marks* are undone."""
    origins = [(at, at + 1) for at in range(len(text))]
    for mark in marks:
        at = 0
        plain: list[str] = []
        following: list[tuple[int, int]] = []
        for match in _ESCAPES[mark].finditer(text):
            start, end = match.span()
            letters = _plain(match[0])
            plain += (text[at:start], letters)
            following += origins[at:start]
            following += [(origins[start][0], origins[end - 1][1])] * len(letters)
            at = end
        text, origins = "".join((*plain, text[at:])), following + origins[at:]
    return origins


@lru_cache(maxsize=1024)
def _plain(escape: str) -> str:
    """Return the characters that *escape* stands for."""
    if escape[0] == "&":
        return unescape(escape)
    if escape[0] == "%":
        raw = unquote_to_bytes(escape)
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    if escape[1] == "x":
        return bytes.fromhex(escape[2:]).decode("latin-1")
    if escape[1] == "u":
        raw = bytes.fromhex(escape.replace("\\u", ""))
        return raw.decode("utf-16-be", errors="replace")
    return escape[1]


def _folded(text: str) -> str:
    """Return *text* in lower case, with the same length."""
    folded = text.lower() if text.isascii() else text.casefold()
    if len(folded) == len(text):
        return folded
    return "".join(one if len(one := each.casefold()) == 1 else each for each in text)


def _masked(text: str, hidden: bytearray) -> Iterator[str]:
    at = 0
    for match in re.finditer(rb"\x01+", hidden):
        yield text[at : match.start()]
        yield MASK
        at = match.end()
    yield text[at:]


def printable(text: str, *, limit: int = 80) -> str:
    """Return *text* as one line of at most *limit* characters, without control characters."""
    plain = "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for letter in text[: limit + 1]
    )
    return plain if len(plain) <= limit else plain[: limit - 1] + "…"
