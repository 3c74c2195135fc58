"""README and the manual: every block loads, every command parses, every link leads somewhere."""

import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest

from buildlight.cli.arguments import parser
from buildlight.config.settings import check_settings

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "docs"))
PAGES = sorted(
    chain(
        [ROOT / "README.md", *ROOT.glob("CONTRIBUTING.md")],
        *((ROOT / folder).rglob("*.md") for folder in ("docs", "systemd", "hardware")),
    )
)
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)\s#]*)(?:#([^)\s]*))?\)")
COMMAND = re.compile(r"(?:^|&& |\s)(?:sudo )?(?:\S*/)?(?<![\w-])buildlight ([a-z-][^|>#&…]*)")
A_FEED = {"url": "https://ci.example/cc.xml"}
A_LAMP = {"driver": "console"}


def text(page: Path) -> str:
    """Return the text of *page*."""
    return page.read_text(encoding="utf-8")


def blocks(language: str) -> Iterator[object]:
    """Yield a parameter for each block in *language*, named after its page."""
    for page in PAGES:
        for number, found in enumerate(FENCE.finditer(text(page)), start=1):
            if found[1] == language:
                yield pytest.param(found[2], id=f"{page.relative_to(ROOT)}:{number}")


@pytest.mark.parametrize("block", [*blocks("toml")])
def test_every_configuration_of_the_manual_is_good(
    block: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader can paste it; a block of one table is completed by a feed or a lamp."""
    for name in re.findall(r'secret = "([^"/]+)"', block):
        variable = f"BUILDLIGHT_SECRET_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
        monkeypatch.setenv(variable, "0123456789abcdef")
    document = tomllib.loads(block)
    if "build-system" in document:
        pytest.skip("a pyproject.toml, which the test of the plug-in builds")
    if 'driver = "busylight"' in block:
        pytest.importorskip("busylight_core")
    complete = {"feeds": [A_FEED], "lamps": [A_LAMP], **document}

    assert check_settings(complete).lamps


def commands() -> Iterator[object]:
    """Yield a parameter for each command line of buildlight, in blocks and in the text."""
    for page in PAGES:
        lines = [
            line
            for language, block in FENCE.findall(text(page))
            if language in {"sh", "console"}
            for line in block.splitlines()
            if language == "sh" or line.startswith("$ ")
        ]
        lines += re.findall(r"^    (?:\$ )?(\S.*buildlight .*)$", text(page), re.MULTILINE)
        lines += re.findall(r"`((?:sudo )?buildlight [^`]+)`", text(page))
        for line in lines:
            for found in COMMAND.finditer(line):
                if found[1].startswith("--version"):
                    continue  # It prints, and ends.
                name = f"{page.relative_to(ROOT)}: {found[1].strip()}"
                yield pytest.param(found[1].strip(), id=name)


@pytest.mark.parametrize("command", [*commands()])
def test_every_command_of_the_manual_is_one(command: str) -> None:
    """It has the name and the options that the program knows."""
    words = shlex.split(command.rstrip("',;)\""))

    assert parser().parse_args(words)


def anchors(page: Path) -> set[str]:
    """Return what a link to *page* may have behind its ``#``."""
    headings = re.findall(r"^#+ (.*)$", text(page), re.MULTILINE)
    plain = (re.sub(r"[^\w\s-]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of this repository, and to a heading that it has."""
    lost = []
    for target, anchor in LINK.findall(re.sub(FENCE, "", text(page))):
        file = page.parent / target if target else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            lost.append(f"{target}#{anchor}")

    assert lost == []


def test_the_readme_is_short() -> None:
    """It leads to the first success; the manual has the rest."""
    readme = text(ROOT / "README.md")

    assert readme.count("\n") <= 150
    assert len(readme.encode()) <= 8_000


def test_the_pictures_are_up_to_date() -> None:
    """They are drawn from the program's own tables."""
    import pictures  # noqa: PLC0415 - it lies in docs/

    drawn = {name: draw() for name, draw in pictures.PICTURES.items()}

    assert {name: text(ROOT / "docs" / name) for name in drawn} == drawn
    assert all(len(picture) < 300_000 for picture in drawn.values())


def test_the_reference_is_up_to_date() -> None:
    """It is generated: `python docs/reference.py` writes it."""
    import reference  # noqa: PLC0415 - it lies in docs/

    written = {name: reference.written(name) for name in reference.PAGES}

    assert {name: text(ROOT / "docs" / "reference" / name) for name in written} == written
