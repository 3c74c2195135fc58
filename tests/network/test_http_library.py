"""httpx never brings its own command line, also where click is installed."""

import re
import subprocess
import sys
from pathlib import Path

import buildlight

PACKAGE = Path(buildlight.__file__).parent
ASKED = """
import sys
from buildlight.feeds.http import client
print(*(name for name in ("click", "httpx._main") if name in sys.modules))
import click
print(click.__file__)
"""


def test_click_is_hidden_from_httpx_alone(tmp_path: Path) -> None:
    """Debian's httpx depends on click; a plug-in can still import it."""
    click = tmp_path / "click.py"
    click.write_text("")

    told = subprocess.run(
        [sys.executable, "-c", ASKED],
        env={"PYTHONPATH": f"{tmp_path}:{PACKAGE.parent}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.splitlines() == ["", str(click)]


def test_every_module_takes_httpx_from_there() -> None:
    """One that imported it first, past the library, would bring the command line back."""
    direct = re.compile(r"^\s*(import|from) httpx\b", re.MULTILINE)

    found = [
        str(module.relative_to(PACKAGE))
        for module in PACKAGE.rglob("*.py")
        if direct.search(module.read_text("utf-8"))
    ]

    assert found == ["network/http_library.py"]
