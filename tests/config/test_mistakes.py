"""The list of mistakes: what a person writes, and what is said about it."""

import os
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.config.hours import HoursTable
from buildlight.config.mistakes.listing import mistakes_in
from buildlight.config.mistakes.positions import Place, locate
from buildlight.config.mistakes.quotation import SHOWN, quote
from buildlight.config.mqtt import MqttTable
from buildlight.config.page import PageTable
from buildlight.config.problems import keys_of
from buildlight.config.settings import load_settings
from buildlight.config.tables import FeedTable, LampTable, Top
from buildlight.drivers.serial.options import OnOff
from buildlight.errors import ConfigError
from buildlight.feeds.auth import Auth
from buildlight.redaction import MASK

LIST = Path(__file__).with_name("mistakes.txt")
FEED = '[[feeds]]\nurl = "https://ci.example/cc.xml"\n'
LAMP = '[[lamps]]\ndriver = "console"\n'


class Example(NamedTuple):
    """One of the list: *written* in a file, and *said* by the program."""

    title: str
    written: str
    said: str

    @property
    def raw(self) -> bytes:
        """The whole file: a feed and a lamp are added unless the mistake is about them."""
        whole = self.written
        if "(as it is)" not in self.title and "no lamp" not in self.title:
            whole += "" if re.search(r"^\W*feeds?\b", whole, re.MULTILINE) else FEED
            whole += "" if re.search(r"^\W*lamps?\b", whole, re.MULTILINE) else LAMP
        for name, end in (("CRLF", "\r\n"), ("CR", "\r")):
            if f"(with {name})" in self.title:
                whole = whole.replace("\n", end)
        encoding = re.search(r"\(as ([a-z0-9-]+)\)", self.title)
        return whole.encode(encoding[1] if encoding else "utf-8")


def examples() -> Iterator[Example]:
    """Yield the examples of the list."""
    for part in re.split(r"^=== ", LIST.read_text("utf-8"), flags=re.MULTILINE)[1:]:
        title, _, rest = part.partition("\n")
        written, _, said = rest.partition("---\n")
        yield Example(title, written, re.sub(r"^##.*", "", said, flags=re.MULTILINE).strip("\n"))


EXAMPLES = [*examples()]


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.upper().startswith("BUILDLIGHT_")]:
        monkeypatch.delenv(name)


def said_of(raw: bytes, folder: Path) -> str:
    """Return all that is said of a file that holds *raw*, without its path."""
    file = folder / "buildlight.toml"
    file.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        load_settings(file)
    said = "\n".join(each.removeprefix(f"{file}: ") for each in caught.value.mistakes)
    # What there is grows; the list is about the sentences.
    return re.sub(r"(installed|known) are: [^;\n]+", r"\1 are: …", said)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.title)
def test_a_mistake_is_told_so_that_it_can_be_found(example: Example, tmp_path: Path) -> None:
    """Its line, a caret below it, its table and key by their names, and what to do."""
    assert said_of(example.raw, tmp_path) == example.said


def test_the_list_is_long_enough() -> None:
    """Some eighty mistakes, each once."""
    assert len({example.title for example in EXAMPLES}) == len(EXAMPLES) >= 80


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: each.title)
def test_every_mistake_has_a_line_and_a_caret_and_no_number_of_a_table(example: Example) -> None:
    """As a reader needs it: not ``lamps[0]``, and in the order of the lines."""
    sentences = re.findall(
        r"^line (\d+): (.*)\n +(\d+) \|.*\n +\| +\^+$", example.said, re.MULTILINE
    )

    assert len(sentences) == example.said.count("\n") // 3 + 1
    assert [number for number, _, _ in sentences] == [quoted for _, _, quoted in sentences]
    numbers = [int(number) for number, _, _ in sentences]
    assert numbers == sorted(numbers)
    assert not re.search(r"(feeds|lamps)\[\d", example.said)


# Secrets.

SECRET = "geheim"
FULL = f"""
interval = 30
[[feeds]]
name = "web"
url = "https://lamp:{SECRET}1@ci.example/cc.xml?token={SECRET}2"  # {SECRET}3
auth = {{ kind = "basic", user = "{SECRET}4", secret = "{SECRET}5" }}
headers = {{ Authorization = "Bearer {SECRET}6", X-Token = '{SECRET}7' }}
password = "{SECRET}8"
zugang = "{SECRET}9"
[feeds.auth2]
kind = "bearer"
pat = "{SECRET}10"
[[lamps]]
driver = "console"
pins = {{ pw = "{SECRET}11" }}
mqtt = {{ broker = "mqtt://lamp:{SECRET}12@host", api_key = "{SECRET}13" }}
"""
assert SECRET in FULL


LETTERS = ["", '"', "'", ":", "=", " ", "{", "[", "\\", "“", "x\n"]


def _never(_document: object) -> list[Any]:
    return []


@pytest.mark.parametrize("letter", LETTERS)
def test_no_slip_of_the_pen_shows_a_secret(letter: str) -> None:
    """Whatever is struck out or put in, at any place: what is quoted holds no secret."""
    found = set()
    for at in range(LETTERS.index(letter), len(FULL), 3):  # Each letter at a third of the places.
        cut = at + 1 if not letter else at
        broken = FULL[:at] + letter + FULL[cut:]
        for said in mistakes_in(broken.encode(), _never):
            found |= {said} if SECRET in said else set()

    assert found == set()


def test_a_token_is_hidden_by_its_looks_behind_any_key() -> None:
    """Somebody pasted it into the wrong line."""
    line = 'name = "ghp_0123456789abcdefghij"'

    _, quotation = quote(line, Place(0, 4))

    assert quotation == (f'  1 | name = "{MASK}"', "    | ^^^^")


MASKED = {"secret", "user", "client_key"}
"""Keys of ours whose values are never quoted."""


def test_most_keys_of_ours_are_shown() -> None:
    """A new key is masked until somebody says that it holds no secret."""
    models: list[Any] = [Top, FeedTable, LampTable, HoursTable, PageTable, MqttTable, Auth, OnOff]
    for group in ("buildlight.feeds", "buildlight.drivers"):
        models += [
            each.load().Options
            for each in entry_points(group=group)
            if each.value.startswith("buildlight.") and each.name != "busylight"
        ]

    keys = {key for model in models for key in keys_of(model)}

    assert not MASKED & SHOWN
    assert len(keys - SHOWN - MASKED) < 15


# Places.

WORDS = st.text("abc_-", min_size=1, max_size=4)
TEXTS = st.text("ab \"'#=[]{},.\\", max_size=6)
SCALARS = st.one_of(
    st.integers(-9, 9),
    st.booleans(),
    st.floats(allow_nan=False),
    TEXTS,
    st.dates(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)


def as_toml(value: Any) -> str:
    """Return *value* as TOML, with blanks and breaks where TOML allows them."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        if "'" not in value:
            return f"'{value}'"
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[ # a ] comment\n" + "".join(f"{as_toml(each)} ,\n" for each in value) + "]"
    if isinstance(value, dict):
        return (
            "{ " + ", ".join(f'"{key}"  =  {as_toml(each)}' for key, each in value.items()) + " }"
        )
    return str(value)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Yield the path and the value of everything inside *value*."""
    if path:
        yield path, value
    inner = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value if isinstance(value, list) else ())
    )
    for key, each in inner:
        yield from leaves(each, (*path, key))


@given(
    st.dictionaries(WORDS, VALUES, max_size=3), st.lists(st.dictionaries(WORDS, VALUES), max_size=3)
)
def test_every_key_is_found_where_it_stands(top: dict[str, Any], tables: list[Any]) -> None:
    """What is written at each place is what tomllib read there."""
    text = "".join(f"{key} = {as_toml(value)} # x\n" for key, value in top.items())
    for table in tables:
        text += "[[x.tables]]\n" if "x" not in top else "[[y.tables]]\n"
        text += "".join(f"\t{key}\t=\t{as_toml(value)}\n" for key, value in table.items())
    document = tomllib.loads(text)

    entries = locate(text)

    for path, value in leaves(document):
        entry = entries.get(path)
        if entry is None:  # Only what has no line of its own: the table around [[x.tables]].
            assert path in (("x",), ("y",), ("x", "tables"), ("y", "tables"))
            continue
        written = text[entry.value.start : entry.value.end]
        if not written.startswith("[["):
            assert tomllib.loads(f"value = {written}") == {"value": value}


@given(st.text("abx=[]{}\"'\\#,.:-\n\r\t \u201c\u00a00123", max_size=60))
def test_any_text_gets_a_sentence_or_is_good(text: str) -> None:
    """Nobody sees a traceback, and the lines are those of the text."""
    for said in mistakes_in(text.encode(), _never):
        found = re.match(r"line (\d+): \S", said)
        assert found
        assert 1 <= int(found[1]) <= len(re.split("\r\n|\r|\n", text))


def write() -> None:
    """Write what is said anew into the list: ``python tests/config/test_mistakes.py``."""
    import tempfile  # noqa: PLC0415 - only here

    text = LIST.read_text("utf-8")
    for example in EXAMPLES:
        with tempfile.TemporaryDirectory() as folder:
            said = said_of(example.raw, Path(folder))
        before = f"=== {example.title}\n{example.written}---\n{example.said}"
        text = text.replace(before, f"=== {example.title}\n{example.written}---\n{said}")
    LIST.write_text(text, "utf-8")


if __name__ == "__main__":
    write()
