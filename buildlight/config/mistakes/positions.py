"""Where in the text of a TOML file each key and each value stands. Pure.

A scanner, not a parser: it is only given what tomllib has read, so it need not check anything.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

KeyPath = tuple[str | int, ...]
"""Keys and numbers that lead to a value, such as ``("lamps", 0, "pins", "red")``."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: from *start* to *end*, counted in characters of the text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Entry:
    """The places of a *key* (of a table: its header) and of its *value*."""

    key: Place
    value: Place


def locate(text: str) -> Mapping[KeyPath, Entry]:
    """Return the entry of everything in *text*, which tomllib has read without an error."""
    scanner = _Scanner(text)
    scanner.document()
    return scanner.found


_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_TEXT = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'',
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]*")


class _Scanner:
    """Walks over *text* once; *found* grows meanwhile."""

    def __init__(self, text: str) -> None:
        self.found: dict[KeyPath, Entry] = {}
        self._text = text
        self._at = 0
        self._lengths: dict[KeyPath, int] = {}  # Of arrays of tables.

    def document(self) -> None:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return found[0] if found else ""

    def _header(self) -> KeyPath:
        start, brackets = self._at, 2 if self._text.startswith("[[", self._at) else 1
        self._at += brackets
        parts = [part for part, _ in self._key()]
        self._at += brackets
        path: KeyPath = ()
        for number, part in enumerate(parts, start=1):
            path = (*path, part)
            if brackets == 2 and number == len(parts):  # noqa: PLR2004 - [[ ]]
                self._lengths[path] = self._lengths.get(path, 0) + 1
            if path in self._lengths:
                path = (*path, self._lengths[path] - 1)
        place = Place(start, self._at)
        self.found[path] = Entry(place, place)
        return path

    def _key(self) -> list[tuple[str, Place]]:
        """Return the parts of a dotted key, each with its place."""
        parts = []
        while True:
            self._skip(_SPACE)
            start = self._at
            quoted = self._text[start] in "\"'"
            written = self._skip(_TEXT if quoted else _BARE_KEY)
            part = next(iter(tomllib.loads(f"{written} = 0"))) if quoted else written
            parts.append((part, Place(start, self._at)))
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return parts
            self._at += 1

    def _pair(self, table: KeyPath) -> None:
        parts = self._key()
        self._at += 1  # The equals sign.
        self._skip(_SPACE)
        path = table
        value = self._value((*table, *(part for part, _ in parts)))
        for part, place in parts:
            path = (*path, part)
            self.found.setdefault(path, Entry(Place(parts[0][1].start, place.end), value))

    def _value(self, path: KeyPath) -> Place:
        start, first = self._at, self._text[self._at]
        if first in "\"'":
            self._skip(_TEXT)
        elif first == "[":
            self._array(path)
        elif first == "{":
            self._inline_table(path)
        else:
            written = self._skip(_SCALAR)
            self._at = start + len(written.rstrip())
        return Place(start, self._at)

    def _array(self, path: KeyPath) -> None:
        for number, _ in enumerate(self._items("]")):
            value = self._value((*path, number))
            self.found[(*path, number)] = Entry(value, value)

    def _inline_table(self, path: KeyPath) -> None:
        for _ in self._items("}"):
            self._pair(path)

    def _items(self, end: str) -> Iterator[None]:
        """Stop at each item up to *end*, and pass over what is between them."""
        self._at += 1
        self._skip(_BLANK)
        while self._text[self._at] != end:
            yield
            self._skip(_BLANK)
            if self._text[self._at] == ",":
                self._at += 1
                self._skip(_BLANK)
        self._at += 1
