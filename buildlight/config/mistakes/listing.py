"""What is said about a file that cannot be used: for each mistake its line, table, key and cure.

Only a file with a mistake is looked at here; a good one costs nothing of this.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from buildlight.config.mistakes.positions import Entry, KeyPath, Place, locate
from buildlight.config.mistakes.quotation import holds_token, line_at, quote
from buildlight.config.mistakes.syntax import Mended, mend
from buildlight.config.problems import MISSING, NONE_FOUND, Problem, without_followers, written
from buildlight.redaction import printable

Check = Callable[[Mapping[str, Any]], Collection[Problem]]
"""Returns the problems of a document."""

SINGLE = ("page", "mqtt")
"""Tables that may stand in the file once."""

TOO_DEEP = "has a number that is too long, or is nested too deep"

_Slip = tuple[Place, str]


def mistakes_in(raw: bytes, check: Check) -> tuple[str, ...]:
    """Return what is wrong with the file that holds *raw*, in the order of its lines.

    *check* finds the problems of what it means. Each mistake is a sentence and, on two further
    lines, the quoted line and a caret.
    """
    text, encoded = decode(raw)
    try:
        read = mend(text)
        file = _ConfigFile(text, read, locate(read.text) if read.document is not None else {})
        problems = check(read.document) if read.document is not None else ()
    except (ValueError, RecursionError):
        return (TOO_DEEP,)
    told = [
        (text.rfind("\n", 0, place.start), file.quoted(place, sentence)[1])  # First in its line.
        for place, sentence in encoded
    ]
    told += [
        file.quoted(place, file.subject_of(place) + sentence) for place, sentence in read.slips
    ]
    told += [file.told(each) for each in without_followers(problems) if file.shows(each)]
    return tuple(_shown(sentence) for _, sentence in sorted(told, key=lambda each: each[0]))


def _shown(sentence: str) -> str:
    """Return *sentence*, its lines kept, without what a terminal would obey: it may hold a key."""
    return "\n".join(printable(line, limit=len(line) + 1) for line in sentence.split("\n"))


# Bytes to text.


def decode(raw: bytes) -> tuple[str, list[_Slip]]:
    """Return the text of *raw* with ``LF`` as its only line end, and what is wrong with it."""
    slips: list[_Slip] = []
    start = Place(0, 1)
    text, sentence = _in_utf_16(raw)
    if sentence:
        slips.append((start, sentence))
    elif raw.startswith(b"\xef\xbb\xbf"):
        slips.append((start, _MARK))
        raw = raw[3:]
    text = text or raw.decode("utf-8", "surrogateescape")
    wrong = re.search("[\udc80-\udcff]", text)
    if wrong:
        slips.append((Place(*wrong.span()), _NOT_UTF_8))
        text = re.sub("[\udc80-\udcff]", _of_windows, text)
    text = text.replace("\r\n", "\n")
    old = text.find("\r")
    if old >= 0:
        slips.append((Place(old, old + 1), _OLD_LINE_END))
    return text.replace("\r", "\n"), slips


_MARK = (
    "the file begins with a byte order mark (BOM), as Windows editors write it; save it as "
    "UTF-8 without BOM"
)
_UTF_16 = 'the file is UTF-16, which Windows editors call "Unicode"; save it as UTF-8'
_NOT_UTF_8 = (
    "is not UTF-8 text: a letter is written in Latin-1 or Windows-1252; save the file as UTF-8"
)
_OLD_LINE_END = "the line ends with a carriage return alone; save the file with line ends of Unix"


def _in_utf_16(raw: bytes) -> tuple[str, str]:
    marked = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    zeros = raw[:200].count(0)
    if not marked and (not zeros or zeros * 3 < len(raw[:200])):
        return "", ""
    big = raw.startswith(b"\xfe\xff") or (not marked and raw[:1] == b"\0")
    return raw.decode("utf-16-be" if big else "utf-16-le", "replace").lstrip("\ufeff"), _UTF_16


def _of_windows(found: re.Match[str]) -> str:
    return bytes([ord(found[0]) - 0xDC00]).decode("cp1252", "replace")


# Places in the file, and their names.


@dataclass(frozen=True, slots=True)
class _ConfigFile:
    """The *text* of a file, what could be *read* of it, and its *entries*."""

    text: str
    read: Mended
    entries: Mapping[KeyPath, Entry]

    def quoted(self, place: Place, sentence: str, path: KeyPath | None = None) -> tuple[int, str]:
        """Return where *place* begins, and *sentence* with the quotation of it."""
        owners = [str(part) for part in path or () if isinstance(part, str)]
        number, line, _ = line_at(self.text, place.start)
        if re.match(r"\s*[\w.\"'-]+\s*=", line):
            owners = self._table(number)  # The key itself is in the line.
        number, quotation = quote(self.text, place, owners=owners, broken=path is None)
        return place.start, "\n".join((f"line {number}: {sentence}", *quotation))

    def subject_of(self, place: Place) -> str:
        """Return the table and the key of the line of *place*, in front of a sentence."""
        number, line, _ = line_at(self.text, place.start)
        key = re.match(r"\s*([\w.-]+)\s*[=:]", line)
        if key is None or key[1] in ("feeds", "lamps", *SINGLE):
            return ""
        return _title(self._table_path(number), self.read.document or {}) + f"{key[1]}: "

    def _table_path(self, number: int) -> KeyPath:
        """Return the path of the table in which line *number* is."""
        before = [
            (entry.key.start, path)
            for path, entry in self.entries.items()
            if self.read.text[entry.key.start] == "["
            and self.read.text.count("\n", 0, entry.key.start) < number
        ]
        return max(before, default=(0, ()))[1]

    def _table(self, number: int) -> list[str]:
        return [*(part for part in self._table_path(number) if isinstance(part, str)), ""]

    def shows(self, problem: Problem) -> bool:
        """Return whether *problem* is one of the file, and not of what could not be read of it."""
        if self.read.incomplete and problem.sentence.startswith((MISSING, NONE_FOUND)):
            return False
        line = line_at(self.text, self._place(problem).start)[0]
        return problem.variable or line - 1 not in self.read.lines

    def told(self, problem: Problem) -> tuple[int, str]:
        """Return where *problem* begins, and what is said about it."""
        if problem.variable:
            return 0, str(problem)
        sentence = problem.sentence
        if problem.other is not None and (entry := self._entry(problem.other)):
            sentence += f"; see line {line_at(self.text, self._original(entry.key).start)[0]}"
        title = _title(problem.path, self.read.document or {})
        key = _key(problem.path)
        subject = f"{title}{key}: " if key else title
        return self.quoted(self._place(problem), subject + sentence, problem.path)

    def _entry(self, path: KeyPath) -> Entry | None:
        for number in range(len(path), 0, -1):
            for candidate in (path[:number], (*path[:number], 0)):
                if candidate in self.entries:
                    return self.entries[candidate]
        return None

    def _place(self, problem: Problem) -> Place:
        entry = self._entry(problem.path)
        if entry is None:  # Of the whole file: what is missing goes to its end.
            end = len(self.text.rstrip())
            return Place(max(end - 1, 0), end)
        missing = problem.sentence.startswith(MISSING) and problem.path not in self.entries
        place = entry.key if problem.about_key or missing else entry.value
        return self._original(_within(self.read.text, place, problem.sentence))

    def _original(self, place: Place) -> Place:
        """Return where *place* of what was read is in the text: mended lines have other lengths."""
        number, _, column = line_at(self.read.text, place.start)
        start = 0
        for _ in range(number - 1):
            start = self.text.index("\n", start) + 1
        return Place(start + column, start + column + place.end - place.start)


_CHARACTER = re.compile(r"(?:^|see )character (\d+)(?P<after> after re:)?")


def _within(text: str, place: Place, sentence: str) -> Place:
    """Return the place of the character of a text of which *sentence* speaks; else *place*."""
    found = _CHARACTER.search(sentence)
    written = text[place.start : place.end]
    if not found or "\\" in written or "\n" in written or written[:1] not in ("'", '"'):
        return place
    start = place.start + int(found[1]) + (3 if found["after"] else 0)
    return Place(start, start + 1) if start < place.end else place


_ORDINALS = (
    *("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth"),
    *("tenth", "eleventh", "twelfth"),
)


def _title(path: KeyPath, document: Mapping[str, Any]) -> str:
    """Return which table of *document* has *path*, in front of its key; empty for the top."""
    if len(path) > 1 and path[0] in SINGLE:
        return f"[{path[0]}]: "
    if len(path) < 2 or not isinstance(path[1], int):  # noqa: PLR2004 - a table and its number
        return ""
    root, number = str(path[0]), path[1]
    tables = document.get(root, ())
    table = tables[number] if number < len(tables) else {}
    ordinal = _ORDINALS[number] if number < len(_ORDINALS) else f"{number + 1}th"
    which = f"the {ordinal} " if len(tables) > 1 else "the "
    name = table.get("name") if isinstance(table, Mapping) else None
    known = isinstance(name, str) and name.strip() and not holds_token(name)
    return f"{which}[[{root}]] table{f', {printable(str(name), limit=60)}' if known else ''}: "


def _key(path: KeyPath) -> str:
    """Return the key of *path* as it is written in its table."""
    if len(path) > 1 and isinstance(path[1], int):
        path = path[2:]
    elif path[:1] and path[0] in SINGLE:
        path = path[1:] or path
    entry = f", entry {int(path[-1]) + 1}" if path and isinstance(path[-1], int) else ""
    return written(tuple(part for part in path if isinstance(part, str))) + entry
