"""What `buildlight init` was told, and the text of the configuration that follows from it. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from buildlight.config import schema_line
from buildlight.feeds.discovery.lint import quoted
from buildlight.patterns.pattern import Channel

Keys = Mapping[str, object]
"""The keys of a table, in the order in which they are written."""


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to every question that has to do with the configuration.

    *feed* and *lamp* are the keys of their tables. *secret_file* is where the feed's secret is
    stored, if it has one. *page* tells whether the office gets a page.
    """

    feed: Keys
    lamp: Keys
    secret_file: str | None = None
    page: bool = False


def document(answers: Answers, *, after_a_change: str) -> str:
    """Return the configuration; the same *answers* give the same text.

    *after_a_change* is the command that makes the daemon read the file again.
    """
    head = (
        f"{schema_line()}\n"
        "# Written by `buildlight init`. `buildlight check` says what the lamp would show;\n"
        f"# after a change: {after_a_change}"
    )
    parts = [
        head,
        feed_table(answers),
        lamp_table(answers.lamp),
    ]
    if answers.page:
        parts.append(PAGE)
    return "\n\n".join(parts) + "\n"


PAGE = (
    '[page]\nlisten = "0.0.0.0"   # every network of this machine; "127.0.0.1" is this machine only'
)


def feed_table(answers: Answers) -> str:
    """Return the ``[[feeds]]`` table."""
    notes = {}
    if answers.secret_file is not None:
        notes["auth"] = f"the secret is in {answers.secret_file}"
    return "\n".join(["[[feeds]]", *_lines(answers.feed, notes)])


def lamp_table(keys: Keys) -> str:
    """Return the ``[[lamps]]`` table with *keys*."""
    return "\n".join(["[[lamps]]", *_lines(keys, _LAMP_NOTES)])


_LAMP_NOTES = {"pins": "GPIO numbers, not positions on the header"}


def _lines(keys: Keys, notes: Mapping[str, str]) -> Iterator[str]:
    for key, value in keys.items():
        note = f"   # {notes[key]}" if key in notes else ""
        yield f"{_key(key)} = {toml(value)}{note}"


def toml(value: object) -> str:
    """Return *value* as TOML on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)
        case Mapping():
            pairs = ", ".join(f"{_key(str(key))} = {toml(each)}" for key, each in value.items())
            return f"{{ {pairs} }}"
        case list() | tuple():
            return f"[{', '.join(map(toml, value))}]"
        case _:
            return quoted(str(value))


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else quoted(key)


def mended(keys: Keys, seen: Mapping[Channel, Channel | None]) -> Keys | None:
    """Return *keys* of a lamp with the channels exchanged that lit each other up.

    *seen* is what lit up for each channel. ``None`` if nothing is swapped, or if the keys do not
    say where the channels are: a board knows its own pins.
    """
    swapped = {shown.value: saw.value for shown, saw in seen.items() if saw not in (None, shown)}
    if not swapped or {*swapped} != {*swapped.values()}:
        return None
    for key in ("pins", "leds", "channels"):
        match keys.get(key):
            case Mapping() as places:
                mapping = {swapped.get(str(name), name): at for name, at in places.items()}
                return {**keys, key: {name: mapping[name] for name in places}}
            case list() | tuple() as names:
                return {**keys, key: [swapped.get(name, name) for name in names]}
    return None


def addable(written: Mapping[str, object], lamps: Sequence[Keys]) -> tuple[str, ...]:
    """Return the tables that an existing configuration, *written*, could have besides its own.

    *lamps* are the keys of the lights that were found on this machine.
    """
    tables = written.get("lamps")
    there = (
        [each for each in tables if isinstance(each, Mapping)] if isinstance(tables, list) else []
    )
    more = [
        lamp_table(keys) for keys in lamps if not any(_same_light(keys, each) for each in there)
    ]
    return (*more, *(() if "page" in written else (PAGE,)))


def _same_light(found: Keys, written: Mapping[str, object]) -> bool:
    if found.get("driver") != written.get("driver"):
        return False
    port = written.get("port")
    return "port" not in found or port in (found["port"], "auto")
