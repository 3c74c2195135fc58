"""What a daemon has lit, written down for whoever darkens it after its end."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from buildlight.cli.off import left_lamps
from buildlight.config.settings import check_settings
from buildlight.lamps.lit_lamps import NAME, LitLampsFile, left_lit
from buildlight.lamps.settings import LampSettings

FEEDS = [{"name": "web", "url": "http://127.0.0.1:9/cc.xml"}]

PINS = {"red": 17, "green": 22}
A_DESK = {"name": "desk", "driver": "gpio", "pins": PINS, "active_high": False}


def lamps(*tables: Mapping[str, Any]) -> tuple[LampSettings, ...]:
    """Return the lamps of a configuration."""
    return check_settings({"feeds": FEEDS, "lamps": [*tables]}).lamps


def test_lights_are_found_again_as_they_were(tmp_path: Path) -> None:
    """Each with its driver's own keys; what it watches and shows is of no use any more."""
    lit = lamps(
        A_DESK,
        {"driver": "serial", "protocol": "lcus", "port": "auto", "channels": ["red", "green"]},
    )

    LitLampsFile(tmp_path).tell(lit)

    found = left_lamps(left_lit(tmp_path))
    assert [(each.name, each.light, each.options) for each in found] == [
        (each.name, each.light, each.options) for each in lit
    ]


def test_the_last_word_counts(tmp_path: Path) -> None:
    """After a reload, the lamps of the configuration before are of no interest."""
    file = LitLampsFile(tmp_path)
    file.tell(lamps({"name": "old", "driver": "console"}))
    file.tell(lamps({"name": "new", "driver": "console"}))

    assert [each.name for each in left_lit(tmp_path)] == ["new"]


def test_nobody_else_reads_it(tmp_path: Path) -> None:
    """A driver of somebody's may have a password among its keys."""
    LitLampsFile(tmp_path).tell(lamps({"driver": "console"}))

    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_what_only_toml_knows_is_written_as_text(tmp_path: Path) -> None:
    """A date among the keys of somebody's driver keeps no lamp from being written down."""
    (lamp,) = lamps({"driver": "console"})
    lamp.keys["since"] = date(2026, 11, 21)  # type: ignore[index]

    LitLampsFile(tmp_path).tell([lamp])

    assert "2026-11-21" in (tmp_path / NAME).read_text()


@pytest.mark.parametrize(
    "content",
    ["", "{", "[1]", "{}", "7", "{}x", '[{"driver": "candle", "keys": {}, "name": 1}]', "\xff"],
)
def test_a_damaged_file_is_told_and_darkens_nothing(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The configuration is still there to go by."""
    (tmp_path / NAME).write_text(content, encoding="latin-1")

    assert left_lit(tmp_path) == ()
    assert "lit.json: " in caplog.text


def test_a_lamp_that_is_unknown_by_now_hides_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody took the package away that its driver came from."""
    gone, there = lamps(A_DESK, {"name": "b", "driver": "console"})
    LitLampsFile(tmp_path).tell([replace(gone, driver="candle"), there])

    assert [each.name for each in left_lamps(left_lit(tmp_path))] == ["b"]
    assert "desk: was lit, and cannot be switched off" in caplog.text


def test_without_a_file_there_is_nothing_to_tell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No daemon came so far as to light a lamp."""
    assert left_lit(tmp_path) == ()
    assert not caplog.records


def test_a_folder_that_cannot_be_written_is_told_and_holds_nobody_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The lamps are lit all the same."""
    (tmp_path / "run").write_text("a file, where a folder should be")

    LitLampsFile(tmp_path / "run").tell(lamps({"driver": "console"}))

    assert "lamps go dark only if" in caplog.text
