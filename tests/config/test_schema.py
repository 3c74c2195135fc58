"""The JSON schema: what editors say about the manual's examples and about the list of mistakes."""

import json
import os
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import buildlight
from buildlight.cli import main
from buildlight.config import SCHEMA, schema_line
from buildlight.config.schema import make_schema
from config.test_mistakes import EXAMPLES, Example
from support.needed import needed
from test_manual import blocks

SHIPPED = Path(buildlight.__file__).parent / "shipped" / SCHEMA


def as_json(value: Any) -> Any:
    """Return *value* as JSON knows it."""
    return json.loads(json.dumps(value, default=lambda each: each.isoformat()))


def complaints(schema: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    """Return what an editor marks in *document*."""
    found = jsonschema.Draft7Validator(schema).iter_errors(as_json(document))
    return [f"{each.json_path}: {each.message}" for each in found]


def shipped() -> Any:
    """Return the schema that is shipped."""
    return json.loads(SHIPPED.read_text("utf-8"))


def test_the_schema_is_one() -> None:
    """By the rules of draft-07."""
    jsonschema.Draft7Validator.check_schema(shipped())


@pytest.mark.parametrize("block", [*blocks("toml")])
def test_the_examples_of_the_manual_are_right(block: str) -> None:
    """An editor marks nothing in what a reader pastes."""
    document = tomllib.loads(block)
    if "build-system" not in document:
        assert complaints(shipped(), document) == []


def readable() -> Iterator[Example]:
    """Yield the mistakes that are TOML."""
    for example in EXAMPLES:
        try:
            tomllib.loads(example.raw.decode())
        except ValueError:
            continue
        yield example


UNKNOWN_TO_THE_SCHEMA = {
    # What only the program knows: names, other tables, the machine, the meaning of a text.
    "no lamp at all", "an empty file (as it is)", "a driver, misspelt",
    "a kind that is not installed", "a secret that is not there", "a secret in a header",
    "the secret itself instead of its name", "a certificate that is not there",
    "a regular expression", "two feeds of one name", "a pin that is not there",
    "one pin for two lamps", "one port for two lamps", "a board, misspelt",
    "a host with http://", "a feed that the lamp cannot know", "a rhythm, misspelt",
    "green for what is not well", "a time of day", "days", "a time zone",
    "a name instead of an address of this machine", "an address without https",
    "several mistakes, in the order of their lines",
    "tabs are no mistake, and do not move the caret",
}  # fmt: skip


@pytest.mark.parametrize("example", [*readable()], ids=lambda each: each.title)
def test_an_editor_marks_the_mistakes_of_the_list(example: Example) -> None:
    """All but those that only the program can know."""
    found = complaints(shipped(), tomllib.loads(example.raw.decode()))

    assert bool(found) is (example.title not in UNKNOWN_TO_THE_SCHEMA)


def test_a_plug_in_is_not_marked() -> None:
    """The shipped schema does not know it; that of this machine knows what is installed."""
    document = {"lamps": [{"driver": "somebodys", "colour": "red"}], "feeds": [{"kind": "theirs"}]}

    assert complaints(shipped(), document) == []
    assert len(complaints(make_schema(), document)) == 2


def test_the_command_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    """With the drivers of this machine."""
    assert main(["schema"]) == 0

    assert complaints(json.loads(capsys.readouterr().out), {"interval": "soon"})


def test_the_first_line_of_a_configuration_leads_to_the_schema() -> None:
    """As editors read it."""
    prefix, _, address = schema_line().partition(" file://")

    assert prefix == "#:schema"
    assert json.loads(Path(address).read_text("utf-8"))["title"]


def test_dates_are_taken() -> None:
    """A TOML date is text for an editor."""
    hours = {"open": "08:00", "close": "19:00", "holidays": [date(2026, 12, 25)]}

    assert complaints(shipped(), {"lamps": [{"driver": "console", "hours": hours}]}) == []


def test_taplo_agrees(tmp_path: Path) -> None:
    """The program behind the editors' extension says the same, with the line that we write."""
    taplo = needed(os.environ.get("TEST_TAPLO"), "TEST_TAPLO names no taplo")
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    lamp = '[[lamps]]\ndriver = "gpio"\npins = { red = 17 }\n'
    good.write_text(f"{schema_line()}\n{lamp}", "utf-8")
    bad.write_text(f"{schema_line()}\ninterval = 'x'\n{lamp}pinz = 3\n", "utf-8")

    said = [
        subprocess.run([taplo, "check", file], capture_output=True, text=True, check=False)
        for file in (good, bad)
    ]

    assert said[0].returncode == 0, said[0].stderr
    assert said[1].returncode == 1
    assert "pinz" in said[1].stderr
    assert "interval" in said[1].stderr
