"""The configuration that follows from the answers to `buildlight init`."""

import tomllib

import pytest

from buildlight.cli.setup.document import Answers, addable, document, mended, toml
from buildlight.patterns.pattern import Channel

RED, AMBER, GREEN = Channel.RED, Channel.AMBER, Channel.GREEN


@pytest.mark.parametrize(
    "value", [True, False, 7, 2.5, 'a "text"', {"a b": 1, "c": ["x", "y"]}, [1, 2]]
)
def test_a_value_is_read_as_it_was_written(value: object) -> None:
    """Whatever an answer may be."""
    assert tomllib.loads(f"x = {toml(value)}")["x"] == value


def test_the_document_holds_the_answers() -> None:
    """The secret is named, and its file in a comment."""
    auth = {"kind": "bearer", "secret": "ci"}
    feed = {"url": "https://ci.example/cc.xml", "auth": auth}
    lamp = {"driver": "gpio", "pins": {"red": 17, "green": 22}}
    text = document(Answers(feed, lamp, secret_file="/s/ci", page=True), after_a_change="reload")

    written = tomllib.loads(text)
    assert written == {"feeds": [feed], "lamps": [lamp], "page": {"listen": "0.0.0.0"}}
    assert "# the secret is in /s/ci" in text
    assert "after a change: reload" in text


@pytest.mark.parametrize(
    ("keys", "better"),
    [
        ({"pins": {"red": 17, "green": 22}}, {"pins": {"red": 22, "green": 17}}),
        ({"channels": ["red", "amber", "green"]}, {"channels": ["green", "amber", "red"]}),
        ({"board": "a ready-made one"}, None),
    ],
)
def test_swapped_colours_are_exchanged(
    keys: dict[str, object], better: dict[str, object] | None
) -> None:
    """A board knows its own pins, so there is nothing to exchange."""
    assert mended(keys, {RED: GREEN, GREEN: RED, AMBER: AMBER}) == better


def test_what_is_not_swapped_stays() -> None:
    """One colour that lit nothing is a wire, not an exchange."""
    assert mended({"pins": {"red": 17}}, {RED: None}) is None
    assert mended({"pins": {"red": 17, "green": 22}}, {RED: GREEN, GREEN: AMBER}) is None


def test_an_existing_configuration_is_told_what_it_could_have() -> None:
    """Lights that it has already are not among it."""
    found = [{"driver": "serial", "port": "/dev/b"}, {"driver": "console"}]
    written = {"lamps": [{"driver": "serial", "port": "auto"}], "page": {}}
    (more,) = addable(written, found)
    assert 'driver = "console"' in more
    assert len(addable({"lamps": 7}, found)) == 3


def test_what_was_not_answered_is_not_written() -> None:
    """No page unless somebody wants one, and no comment about a secret that there is not."""
    feed, lamp = {"url": "https://ci.example/cc.xml"}, {"driver": "console"}
    text = document(Answers(feed, lamp), after_a_change="reload")

    assert tomllib.loads(text) == {"feeds": [feed], "lamps": [lamp]}
    assert "secret" not in text
