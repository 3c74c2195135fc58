"""The line of a mistake as it may be shown: with a caret, without comments and secrets. Pure.

A person may have written a password anywhere. So a value is shown only behind a key that is known
to hold no secret, and only if it does not look like one; everything else is ``***``.
"""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from unicodedata import combining, east_asian_width

from buildlight.config.mistakes.positions import Place
from buildlight.redaction import MASK, looks_random, printable, shown

SHOWN = frozenset({
    "interval", "address", "topic", "manual", "schedules", "building_interval", "max_failures",
    "keep_verdicts", "name", "include", "exclude", "kind", "words", "roll_up", "forget_missing",
    "ignore_older_than", "url", "ca_file", "verify", "client_cert", "timeout", "cache_buster",
    "driver", "feeds", "lamps", "page", "preset", "patterns", "events", "hours", "days", "open",
    "close", "zone", "holidays", "closed", "listen", "port", "names", "wait_for_light", "relay",
    "board", "rgb", "active_high", "dim", "chip", "pins", "protocol", "baud", "order", "channels",
    "commands", "init", "ack", "ready", "leds", "host", "segment", "brightness", "light", "auth",
    "headers", "on", "off", "branch", "workflows", "events_of", "jobs", "project", "ref", "api",
    "required", "red", "amber", "yellow", "orange", "green", "blue", "white", "buzzer", "states",
    "pause", "homeassistant", "rts", "dtr", "repos", "device", "status", "online", "title",
})  # fmt: skip
"""Keys whose values hold no secret."""
WHOLLY_SHOWN = frozenset({"words", "patterns", "events", "pins", "leds", "commands", "hours"})
"""Tables in which any key's value is shown."""
WIDTH = 100
"""Most columns of a line that are shown; around the caret, if it has more."""

_SUSPICIOUS = re.compile(
    "secret|token|passw|passphrase|pwd|credential|geheim|api.?key", re.IGNORECASE
)
_TOKEN = re.compile(
    r'(?P<text>"""|\'\'\'|"(?:[^"\\]|\\.)*(?:"|$)|\'[^\']*(?:\'|$))'
    r"|(?P<comment>#.*)|(?P<mark>[\[\]{},=])"
    r"|(?P<word>[a-z]+://[^\s,\]}\"']+|[^\s\[\]{},=\"'#]+)"
)
_HEADER = re.compile(r"\s*\[{1,2}[\w. -]*(?:\]{1,2}|$)")
_COLON = re.compile(r"([\w.-]+):(?!//)(.*)", re.DOTALL)


def quote(
    text: str, place: Place, *, owners: Collection[str] = (), broken: bool = False
) -> tuple[int, tuple[str, str]]:
    """Return the number of the line of *text* where *place* begins, and its quotation.

    *owners* are the keys around and before the line: ``("lamps", "patterns")``. In a *broken*
    line, all that may be a secret is masked.
    """
    number, line, start = line_at(text, place.start)
    end = max(start + 1, min(start + place.end - place.start, len(line)))
    secret = _secret_part(line) if broken else None
    pieces = [*_masked(line, owners)] if secret is None else secret
    length = max((piece_end for _, piece_end, _ in pieces), default=0)
    for piece_start, piece_end, written in pieces:  # What is masked is marked as a whole.
        if piece_start < start < piece_end and piece_end - piece_start != len(written):
            start = piece_start
    before = _cut(pieces, 0, min(start, length))
    marked = _cut(pieces, min(start, length), end)
    whole = _cut(pieces, 0, length).rstrip()
    caret = " " * _columns(before) + "^" * max(1, _columns(marked.rstrip()))
    whole, caret = _window(whole, caret)
    margin = " " * len(str(number))
    return number, (f"  {number} | {whole}".rstrip(), f"  {margin} | {caret}")


_MARKS = re.compile(r"\s*(?:```|~~~|<{7}|={7}|>{7}|-|//|;|/\*|--)?")
_KEY = re.compile(r"\s*\[{0,2}(?P<key>[\w.-]+(?:[ \t]+[\w-]+(?=\s*=))?)\]{0,2}(?P<end>\s*[=:])?")
_DOUBTFUL = re.compile("[@?]|auth|header|user|pat\\b", re.IGNORECASE)


def _secret_part(line: str) -> "list[_Piece] | None":
    """Return a broken *line* with what may be a secret masked; ``None`` if there is nothing."""
    found = _KEY.match(line)
    harmless = found is not None and is_harmless(found["key"].rpartition(".")[2])
    if harmless and not _DOUBTFUL.search(line) and not _SUSPICIOUS.search(line):
        return None
    if found is not None and found["end"] and not looks_random(found["key"]):
        shown_to = found.end()
    else:
        marks = _MARKS.match(line)
        shown_to = marks.end() if marks else 0
    if not line[shown_to:].strip():
        return None
    shown_to = len(line) - len(line[shown_to:].lstrip())
    return [(0, shown_to, line[:shown_to]), (shown_to, len(line), MASK)]


def line_at(text: str, at: int) -> tuple[int, str, int]:
    """Return the number, the text and the column (from 0) of the line of *text* that has *at*."""
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    line = text[start : len(text) if end < 0 else end].rstrip("\r")
    return text.count("\n", 0, at) + 1, line, at - start


_Piece = tuple[int, int, str]
"""From where to where in the line, and what is shown of it."""


def _masked(line: str, owners: Collection[str]) -> Iterator[_Piece]:
    done = 0
    for start, end, instead in _Line(line, owners).hidden():
        yield done, start, line[done:start]
        if not instead:  # A comment.
            return
        yield start, end, instead
        done = end
    yield done, len(line), line[done:]


class _Line:
    """Reads a line word by word, TOML or not, and knows behind which key a value stands."""

    def __init__(self, line: str, owners: Collection[str]) -> None:
        header = _HEADER.match(line)
        plain = header is not None and not looks_random(header[0].strip("[] "))
        self._line = line
        self._begin = header.end() if header and plain else 0
        *self._owners, self._owner = owners or ("",)
        self._around: list[tuple[str, str]] = []  # What was opened: its bracket, and its key.
        self._value_follows = False

    def hidden(self) -> Iterator[_Piece]:
        """Yield what is shown otherwise than it is written."""
        for found in _TOKEN.finditer(self._line, self._begin):
            if found.lastgroup == "comment":
                yield found.start(), len(self._line), ""
                return
            if found.lastgroup == "mark":
                self._mark(found[0])
            else:
                yield from self._word(found)

    def _mark(self, mark: str) -> None:
        if mark in "[{":
            self._around.append((mark, self._owner))
        elif mark in "]}" and self._around:
            self._owner = self._around.pop()[1]
        elif mark == "," and self._around and self._around[-1][0] == "{":
            self._owner = ""
        self._value_follows = mark == "="

    def _word(self, found: re.Match[str]) -> Iterator[_Piece]:
        word, (start, end) = found[0], found.span()
        colon = None if self._value_follows or found["text"] else _COLON.fullmatch(word)
        first = not (self._around or self._owner or self._line[:start].strip())
        key = not self._value_follows and re.match(r"\s*=", self._line[end:]) is not None
        self._value_follows = False
        if colon:
            self._owner, word, start = colon[1], colon[2], start + len(colon[1]) + 1
        elif key or first:  # A first word may be a key whose = is missing.
            self._owner = word.strip("\"'").rpartition(".")[2]
            if looks_random(self._owner):
                yield start, end, MASK
            return
        containers = {*self._owners, *(key for _, key in self._around)}
        if word and (instead := _instead(word, self._owner, containers)) != word:
            yield start, end, instead


def _instead(token: str, owner: str, containers: Collection[str]) -> str:
    """Return *token*, a value of the key *owner*, as it may be shown."""
    mark = token[0] if token[0] in "\"'" else ""
    content = token.strip("\"'") if mark else token
    masked = f"{mark}{MASK}{mark}"
    if token in ("true", "false", '"""', "'''", "-", '""', "''"):
        return token
    if not (WHOLLY_SHOWN & {*containers} or is_harmless(owner)):
        return masked
    if "://" in content or "@" in content:
        return f"{mark}{shown(content)}{mark}"
    if owner == "url" and "." not in content:
        return masked
    path = content.startswith("/")
    return masked if _SUSPICIOUS.search(content) or (holds_token(content) and not path) else token


def holds_token(text: str) -> bool:
    """Return whether a word of *text* has the looks of a token."""
    return any(map(looks_random, re.findall(r"[\w.~+/=-]+", text)))


def is_harmless(key: str) -> bool:
    """Return whether *key* is one that holds no secret, or a slip of the pen for it."""
    if _SUSPICIOUS.search(key):
        return False
    plain = re.sub(r"[\s-]+", "_", key.lower())
    return plain in SHOWN or bool(get_close_matches(plain, SHOWN, n=1, cutoff=0.75))


def _cut(pieces: Collection[_Piece], start: int, end: int) -> str:
    """Return what is shown of the line from *start* to *end*; a mask is cut at neither end."""
    parts = []
    for piece_start, piece_end, written in pieces:
        if piece_end <= start or piece_start >= end:
            continue
        whole = piece_end - piece_start != len(written)
        parts.append(
            (written if piece_start >= start else "")
            if whole
            else written[max(start - piece_start, 0) : end - piece_start]
        )
    return _plain("".join(parts))


def _plain(text: str) -> str:
    """Return *text* without tabs, and without what a terminal would obey."""
    return printable(text.replace("\t", "    "), limit=len(text) * 4)


def _columns(text: str) -> int:
    return sum(
        0 if combining(each) else 1 + (east_asian_width(each) in ("W", "F")) for each in text
    )


def _window(line: str, caret: str) -> tuple[str, str]:
    """Return as much of *line* as fits a screen, and *caret* below it."""
    if len(line) <= WIDTH:
        return line, caret[: WIDTH + 1] if len(caret) > WIDTH else caret
    first = max(0, len(caret) - len(caret.lstrip()) - WIDTH // 2)
    part = line[first : first + WIDTH]
    ahead, behind = "…" if first else "", "…" if first + WIDTH < len(line) else ""
    caret = caret[first : first + WIDTH]
    return f"{ahead}{part}{behind}", f"{' ' * len(ahead)}{caret}"
