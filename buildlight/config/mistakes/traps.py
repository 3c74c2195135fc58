"""Slips that make a file something other than TOML, each by its name and with its cure. Pure.

A cure makes the line readable, so that what follows can be checked as well. Nobody writes it back.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Slip:
    """What is wrong in a line from *start* to *end*.

    *cured* is the line as it was probably meant. What is not *whole* has lost something.
    """

    start: int
    end: int
    sentence: str
    cured: str = ""
    whole: bool = True


Cure = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class _Trap:
    """*pattern* finds it in a line whose strings are blanked; its group ``at`` is the place.

    *cure* is the line instead, as a template of :meth:`re.Match.expand`.
    """

    pattern: re.Pattern[str]
    sentence: Cure
    cure: Cure = ""


def _trap(pattern: str, sentence: Cure, cure: Cure = "") -> _Trap:
    return _Trap(re.compile(pattern, re.IGNORECASE), sentence, cure)


_DOUBLE, _SINGLE = "\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033", "\u2018\u2019\u201a\u201b"
STRAIGHT = str.maketrans({**dict.fromkeys(_DOUBLE, '"'), **dict.fromkeys(_SINGLE, "'")})
"""Quotes of word processors, and what they should be."""

_INVISIBLE = "\u00a0\u00ad\u1680\u2000-\u200f\u2028\u2029\u202f\u205f\u2060\u3000\ufeff"
_ROOTS: Mapping[str, str] = {
    "feed": "[[feeds]]",
    "lamp": "[[lamps]]",
    "page": "[page]",
    "mqtt": "[mqtt]",
}


def _header(name: str, opening: str = "[") -> str:
    root = _ROOTS.get(name.lower().removesuffix("s"))
    return root or f"{opening}{name}{']' * len(opening)}"


def _underscored(key: str) -> str:
    return re.sub(r"[\s-]+", "_", key.strip())


_YAML = "this is YAML; TOML has [[feeds]] above each table, and key = value below it"

LINES = (
    _trap(
        r"(?P<at><{7}|={7}|>{7}|\|{7}).*",
        "a merge conflict was left in the file; keep one side and delete this line",
    ),
    _trap(r"\s*(?P<at>```|~~~).*", "a fence of Markdown is not part of the file; delete this line"),
    _trap(r"\s*(?P<at>---|\.\.\.)\s*", f"{_YAML}; delete this line"),
    _trap(r"\s*(?P<at>//|;|/\*|\*/|--|<!--).*", "a comment begins with #"),
    _trap(
        rf".*?(?P<at>[{_INVISIBLE}]).*",
        lambda found: f"invisible character U+{ord(found['at']):04X}; delete it, or type a space",
        lambda found: re.sub(f"[{_INVISIBLE}]", " ", found.string),
    ),
    _trap(
        r"\s*(?P<at>(?P<open>\[\[)\s*(?P<name>[\w.-]+)\s*\]?(?!\s*\])|(?P<one>\[)\s*(?P<name1>[\w.-]+)\s*"
        r"(?:\]\]|(?![\s\w.\]-])))\s*(?:#.*)?",
        lambda found: "the brackets do not match; write " + _header(*_opened(found)),
        lambda found: _header(*_opened(found)),
    ),
    _trap(
        r"\s*(?P<at>[({<]+(?P<name>feeds?|lamps?|page|mqtt)[)}>]+)\s*",
        lambda found: f"is not the start of a table; write {_header(found['name'])}",
        lambda found: _header(found["name"]),
    ),
    _trap(
        r"\s*(?P<at>(?P<name>feeds?|lamps?|page|mqtt)\s*:)\s*",
        lambda found: f"this is YAML; TOML has {_header(found['name'])}",
        lambda found: _header(found["name"]),
    ),
    _trap(r"\s*(?P<at>-\s).*", _YAML),
    _trap(
        r"(?P<key>\s*[\w.-]+)\s*(?P<at>:=|=>|=\s*=|=:|:|→)\s*(?P<rest>.+)",
        "write = between the key and its value",
        lambda found: f"{found['key']} = {found.string[found.start('rest') :]}",
    ),
    _trap(
        r"(?P<key>\s*[\w.-]+)(?P<at>\s+)(?P<rest>(?:[\"'\[{]|[+-]?\d|true\b|false\b).*)",
        "= is missing between the key and its value",
        lambda found: f"{found['key']} = {found.string[found.start('rest') :]}",
    ),
    _trap(
        r"\s*(?P<at>[\w-]+(?:[ \t]+[\w-]+)+)\s*=.*",
        lambda found: f"a key has no spaces; did you mean `{_underscored(found['at'])}`?",
        lambda found: _underscored(found["at"]) + " " + found.string[found.end("at") :].lstrip(),
    ),
    _trap(
        r"\s*(?P<at>[^\s=\"'\[\]{}#]*[^\x00-\x7f\s][^\s=\"'\[\]{}#]*)\s*=.*",
        "a key with letters other than A to Z, digits, _ and - needs quotes",
        lambda found: f'"{found["at"]}"{found.string[found.end("at") :]}',
    ),
    _trap(r"(?P<at>\s*[\w.\"'-]+\s*=)\s*(?:#.*)?", "the value behind = is missing"),
    _trap(
        r".*?[{,]\s*[\w-]+\s*(?P<at>:)\s*[^/].*",
        "write = between a key and its value, inside { } as well",
        lambda found: re.sub(r"([{,]\s*[\w-]+)\s*:", r"\1 =", found.string),
    ),
    _trap(
        r"[^\[{]*=\s*(?P<whole>\d+)(?P<at>,)(?P<part>\d+)\s*(?:#.*)?",
        "a number has a point, not a comma",
        lambda found: found.string[: found.start("at")] + "." + found["part"],
    ),
    _trap(
        r".*?(?P<at>,)\s*\}.*",
        "delete the comma before }",
        lambda found: re.sub(r",(\s*\})", r"\1", found.string),
    ),
    _trap(
        r"(?P<rest>\s*[\w.-]+\s*=(?:[^\[\]{}#]|\[[^\[\]#]*\]|\{[^{}#]*\})*?)(?P<at>[,;])\s*(?:#.*)?",
        "nothing stands behind the value; delete this mark",
        lambda found: found.string[: found.start("at")],
    ),
)
"""Looked for in this order in a line that is no TOML."""


def _opened(found: re.Match[str]) -> tuple[str, str]:
    return (found["name"], "[[") if found["open"] else (found["name1"], "[")


def slip_in(line: str, message: str) -> Slip | None:
    """Return what is wrong in *line*, of which tomllib says *message*; ``None``: nothing known."""
    blanked = _STRING.sub(lambda found: f'"{"·" * (len(found[0]) - 2)}"', line)
    control = re.search(r"[\x00-\x08\x0b-\x1f\x7f]", line)
    if control:
        sentence = f"control character U+{ord(control[0]):04X}; delete it"
        return Slip(*control.span(), sentence, re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "", line))
    if smart := re.search(f"[{_DOUBLE}{_SINGLE}]", blanked):
        sentence = 'a smart quote from a word processor; write straight ones: "…"'
        return Slip(*smart.span(), sentence, line.translate(STRAIGHT))
    if "overwrite" in message or "Duplicate" in message:
        key = re.match(r"\s*([^=\s\[\]]+)\s*=", line)
        if key:
            return Slip(
                *key.span(1), "is there twice in this table; delete one of the two", "", whole=False
            )
    for trap in LINES:
        found = trap.pattern.fullmatch(blanked)
        if found:
            cured = _cured(trap, found, line)
            whole = bool(cured) or "delete this line" in _made(trap.sentence, found)
            return Slip(*found.span("at"), _made(trap.sentence, found), cured, whole)
    return _head_slip(line, message) or next(_value_slips(line, message), None)


def _head_slip(line: str, message: str) -> Slip | None:
    """Return what is wrong with the head of a table whose brackets match."""
    found = re.fullmatch(
        r"\s*(?P<head>(\[{1,2})\s*(?P<name>[\w. -]+?)\s*\]{1,2})(?P<rest>.*)", line
    )
    if found is None:
        return None
    if " " in found["name"]:
        sentence = "is not the head of a table; write [[feeds]], [[lamps]] or [page]"
        return Slip(*found.span("head"), sentence)
    name, rest = found["name"], found["rest"].partition("#")[0].strip()
    if rest:
        start, end = found.span("rest")
        sentence = "nothing may follow the head of a table; begin a new line here"
        return Slip(start + 1, max(end, start + 2), sentence, found["head"], whole=False)
    if name in ("feeds", "lamps") and found[2] == "[":
        return Slip(*found.span("head"), f"write [[{name}]] above each", f"[[{name}]]")
    if "twice" in message or "overwrite" in message or "mutate" in message:
        return Slip(*found.span("head"), f"[{name}] is there twice; put its keys together")
    return None


_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'')


def _made(cure: Cure, found: re.Match[str]) -> str:
    return cure if isinstance(cure, str) else cure(found)


def _cured(trap: _Trap, found: re.Match[str], line: str) -> str:
    """Return the cured line, with the strings that were blanked as *line* has them."""
    written = iter(_STRING.findall(line))
    return re.sub(r'"·*"', lambda _: next(written, '""'), _made(trap.cure, found))


# Values. A scalar of TOML that needs no quotes; everything else without quotes is a slip.

_SCALAR = re.compile(
    r"true|false|[+-]?(?:inf|nan)|[+-]?(?:0|[1-9](?:_?\d)*)(?:\.\d(?:_?\d)*)?(?:e[+-]?\d+)?"
    r"|0x[0-9A-Fa-f_]+|0o[0-7_]+|0b[01_]+"
    r"|\d{4}-\d\d-\d\d(?:[Tt ]\d\d:\d\d:\d\d\S*)?|\d\d:\d\d:\d\d\S*"
)
_BOOLEANS: Mapping[str, str] = {
    **dict.fromkeys(("true", "yes", "on", "enabled"), "true"),
    **dict.fromkeys(("false", "no", "off", "disabled"), "false"),
}
_WITH_UNIT = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:s|secs?|seconds?|m|mins?|minutes?|h|hours?|ms)", re.IGNORECASE
)
_KEY = re.compile(r"\s*(?P<key>[\w.-]+|\"[^\"]*\"|'[^']*')\s*=\s*")


def _value_slips(line: str, message: str) -> Iterator[Slip]:
    if "\\" in line and ("scape" in message or "hex" in message):
        yield _backslash(line)
    found = _KEY.match(line)
    key, begin = (found["key"], found.end()) if found else ("", 0)
    if not found and (message != "Invalid value" or line.lstrip().startswith("[")):
        return
    # Strings of one private character: neither a mark nor part of a word.
    empty = _STRING.sub(lambda each: _FILLED * len(each[0]), line)
    if opened := re.search(r"[\"']", empty):
        yield _open_quote(line, begin, opened, key)
    if second := re.search(rf"[{_FILLED}\]}}\w]\s+(?P<at>[\w.-]+)\s*=", empty[begin:]):
        start, end = (begin + each for each in second.span("at"))
        sentence = "a second key in one line; begin a new line here"
        cured = "" if "{" in line else line[:start]
        yield Slip(start, end, sentence, cured, whole=False)
    if gap := re.search(rf"(?P<at>{_FILLED}\s+){_FILLED}", empty):
        at = gap.start("at") + 1
        cured = f"{line[:at]},{line[at:]}"
        yield Slip(at, gap.end("at"), "a comma is missing between two values", cured)
    inside = line[begin : begin + 1] in ("[", "{")
    for start, end in _bare(empty, begin):
        yield from _bare_slip(line, start, end, "" if inside else key)


_FILLED = "\ue000"


def _open_quote(line: str, begin: int, opened: re.Match[str], key: str) -> Slip:
    """Return the slip of a quote without its fellow."""
    mark, rest = opened[0], line[begin:].strip()
    if opened.start() == begin:
        sentence = f"the closing {mark} of this text is missing"
        return Slip(begin, len(line), sentence, line.rstrip() + mark)
    if rest[0] not in "\"'[{":
        text = rest.replace('"', "").replace("\\", "")
        return Slip(begin, begin + len(rest), _quotes(key), f'{line[:begin]}"{text}"')
    return Slip(*opened.span(), f"a {mark} is missing before or after this text", whole=False)


def _quotes(key: str) -> str:
    return f'text needs quotes: {key} = "…"' if key else 'text needs quotes: "…"'


def _backslash(line: str) -> Slip:
    found = next(
        (each for each in _STRING.finditer(line) if "\\" in each[0] and each[0][0] == '"'), None
    )
    start, end = found.span() if found else (line.index("\\"), line.index("\\") + 1)
    content = line[start + 1 : end - 1]
    cured = f"{line[:start]}'{content}'{line[end:]}" if found and "'" not in content else ""
    sentence = "a backslash inside \"…\" has to be doubled; or put this text between '…'"
    return Slip(start, end, sentence, cured, bool(cured))


def _bare(empty: str, begin: int) -> Iterator[tuple[int, int]]:
    """Yield where in a line without its strings a value without quotes begins and ends."""
    inside = begin == 0 or empty[begin : begin + 1] in ("[", "{")
    word = rf"[^\s\[\]{{}},=#{_FILLED}][^\[\]{{}},=#{_FILLED}]*"
    for found in re.finditer(word if inside else r"[^\s\[{#](?:[^#]|(?<!\s)#)*", empty[begin:]):
        start, end = begin + found.start(), begin + found.start() + len(found[0].rstrip())
        if _FILLED not in empty[start:end] and not (inside and re.match(r"\s*=", empty[end:])):
            yield start, end
        if not inside:
            return


def _bare_slip(line: str, start: int, end: int, key: str) -> Iterator[Slip]:
    """Yield what is wrong with the value without quotes from *start* to *end*, if anything is."""
    word, ahead, behind = line[start:end], line[:start], line[end:]
    if _SCALAR.fullmatch(word):
        return
    if word.lower() in _BOOLEANS:
        meant = _BOOLEANS[word.lower()]
        yield Slip(start, end, "write true or false, in small letters", ahead + meant + behind)
    elif word.lower() in ("null", "none", "nil", "undefined"):
        yield Slip(start, end, "TOML has no word for nothing; delete this line", "")
    elif number := _WITH_UNIT.fullmatch(word):
        sentence = f"a number has no unit; seconds are a plain number: {key or 'interval'} = 30"
        yield Slip(start, end, sentence, ahead + number[1] + behind)
    elif re.fullmatch(r"0\d+", word):
        cured = ahead + str(int(word)) + behind
        yield Slip(start, end, "a number does not begin with 0", cured)
    elif not re.search(r"[\"\\]", word):
        yield Slip(start, end, _quotes(key), f'{ahead}"{word}"{behind}')
