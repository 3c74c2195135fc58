"""Text to tables: each mistake in TOML is named, and mended so that the rest can be read. Pure."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from buildlight.config.mistakes.positions import Place
from buildlight.config.mistakes.traps import Slip, slip_in

MOST = 20
"""Most mistakes of a file that are told."""


@dataclass(slots=True)
class Mended:
    """What could be read of a text that is not TOML.

    *text* is what tomllib can read, line by line as it was written but for the *lines* in which
    *slips* are; ``None`` if nothing helped. *incomplete* says that some of it was left out: what
    seems to be missing may be there.
    """

    slips: list[tuple[Place, str]] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)
    document: Mapping[str, Any] | None = None
    text: str = ""
    incomplete: bool = False


def mend(text: str) -> Mended:
    """Return what can be read of *text*, which has ``LF`` at the end of each line."""
    mended = Mended()
    written = text.split("\n")
    starts = [0]
    for line in written:
        starts.append(starts[-1] + len(line) + 1)
    lines = [*written]
    for _ in range(MOST):
        mended.text = "\n".join(lines)
        try:
            mended.document = tomllib.loads(mended.text)
        except tomllib.TOMLDecodeError as exc:
            number, slip = _slip(lines, str(exc))
            before = starts[number] + min(slip.start, len(written[number]))
            end = starts[number] + min(slip.end, len(written[number]))
            place = Place(before, end)
            if number not in mended.lines or slip.sentence != mended.slips[-1][1]:
                mended.slips.append((place, slip.sentence))
            if not _cure(lines, number, slip, mended):
                return mended
        else:
            return mended
    return mended


_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def _slip(lines: list[str], message: str) -> tuple[int, Slip]:
    """Return the line of the mistake of which tomllib says *message*, and what it is."""
    found = _AT.search(message)
    number = int(found[1]) - 1 if found and found[1] else len(lines) - 1
    column = int(found[2]) - 1 if found and found[2] else len(lines[number])
    reason = _AT.sub("", message)
    opened = _opened(lines, number, reason)
    if opened is not None:
        return opened
    slip = slip_in(lines[number], reason)
    if slip is not None:
        return number, slip
    if not lines[number].strip():  # The end of the file: something before it was left open.
        number = max((n for n, line in enumerate(lines[: number + 1]) if line.strip()), default=0)
        column = len(lines[number])
    start = min(column, max(len(lines[number]) - 1, 0))
    return number, Slip(start, start + 1, _plain(reason), whole=False)


def _opened(lines: list[str], number: int, reason: str) -> tuple[int, Slip] | None:
    """Return the slip of a list, a table or a text that began in an earlier line."""
    if '"""' in reason or "'''" in reason or "Unterminated" in reason:
        marks = [(n, line.find(mark)) for n, line in enumerate(lines) for mark in _LONG]
        first, at = max((each for each in marks if each[1] >= 0), default=(-1, 0))
        if first >= 0:
            mark = lines[first][at : at + 3]
            return first, Slip(at, at + 3, f"the closing {mark} is missing", whole=False)
    for n in range(number, -1, -1):
        bare = _STRING_OR_COMMENT.sub(lambda found: " " * len(found[0]), lines[n])
        begins = _BEGINS.match(bare)
        if begins and _open_still(bare, begins["open"]):
            return _left_open(lines, n, begins, earlier=n < number and "array" in reason)
        if n < number and (begins or re.match(r"\s*\[", bare)):
            return None
    return None


def _open_still(line: str, mark: str) -> bool:
    return line.count(mark) > line.count("]" if mark == "[" else "}")


_LONG = ('"""', "'''")
_STRING_OR_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'|#.*')
_BEGINS = re.compile(r"\s*[\w.-]+\s*=\s*(?P<open>[\[{])")


def _left_open(
    lines: list[str], number: int, begins: re.Match[str], *, earlier: bool
) -> tuple[int, Slip] | None:
    """Return the slip of what *begins* in line *number* and does not end there."""
    start, end = begins.span("open")
    if begins["open"] == "{":
        return number, Slip(start, end, "{ } has to end on the line on which it begins")
    if not earlier:
        return None
    return number, Slip(start, end, "the closing ] is missing", lines[number].rstrip() + "]")


def _cure(lines: list[str], number: int, slip: Slip, mended: Mended) -> bool:
    """Put what was meant in place of line *number*; return whether reading on makes sense."""
    line = lines[number]
    if slip.sentence.startswith("{ }"):
        return _join(lines, number, mended)
    head = line.lstrip().startswith("[") and "=" not in line
    if not line.strip() or slip.cured == line or (head and not slip.cured):
        return False  # Without the head of a table, its keys would seem to be another's.
    again = number in mended.lines and not slip.whole
    lines[number] = "" if again else slip.cured
    mended.incomplete |= not slip.whole
    mended.lines.add(number)
    return True


def _join(lines: list[str], number: int, mended: Mended) -> bool:
    """Put the lines of an inline table into its first one."""
    for end in range(number + 1, len(lines)):
        if "}" in lines[end]:
            parts = (line.partition("#")[0].strip() for line in lines[number : end + 1])
            whole = re.sub(r",?\s*\}", " }", " ".join(parts), count=1)
            lines[number : end + 1] = [whole, *[""] * (end - number)]
            mended.lines |= {*range(number, end + 1)}
            return True
        if re.match(r"\s*\[", lines[end]):
            break
    return False


_PLAIN: Mapping[str, str] = {
    "Invalid statement": "is neither a key with a value nor the head of a table",
    "Invalid value": "the value is not one of TOML",
    "Expected '=' after a key in a key/value pair": "= is missing behind the key",
    "Expected newline or end of document after a statement": "nothing may follow in this line",
    "Unclosed array": "the closing ] is missing",
    "Unclosed inline table": "the closing } is missing",
}
"""What tomllib says, in fewer words."""


def _plain(reason: str) -> str:
    # Its other sentences may repeat what is written.
    return _PLAIN.get(reason, "is not TOML")
