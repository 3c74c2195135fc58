"""What the package ships beside the program: completion, manual pages, the schema."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import buildlight
from support.needed import needed

ROOT = Path(__file__).parents[1]
SHIPPED = Path(buildlight.__file__).parent / "shipped"
sys.path.insert(0, str(ROOT / "docs"))


def test_what_is_shipped_is_up_to_date() -> None:
    """It is generated: `python docs/reference.py` writes it."""
    import shipped  # noqa: PLC0415 - it lies in docs/

    written = {name: make() for name, make in shipped.FILES.items()}

    assert {name: (SHIPPED / name).read_text("utf-8") for name in written} == written


@pytest.mark.parametrize("page", ["buildlight.1", "buildlight.toml.5"])
def test_a_manual_page_is_without_a_fault(page: str) -> None:
    """As two programs read it."""
    file = str(SHIPPED / "man" / page)
    for command in (
        [needed(shutil.which("mandoc"), "no mandoc"), "-T", "lint", file],
        [needed(shutil.which("man"), "no man"), "--warnings", "-E", "UTF-8", "-l", "-Tutf8", file],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)

        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert "lint" not in command or done.stdout == ""


def test_the_manual_has_every_command_and_every_key_at_the_top() -> None:
    """Whoever looks finds it."""
    commands = (SHIPPED / "man" / "buildlight.1").read_text("utf-8")
    keys = (SHIPPED / "man" / "buildlight.toml.5").read_text("utf-8")

    for name in ("init", "run", "check", "explain", "schema", "completion"):
        assert f".SS buildlight {name}" in commands
    for name in ("interval", "include", "driver", "pins", "listen"):
        assert f".B {name}" in keys
