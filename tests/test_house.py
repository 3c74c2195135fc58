"""How the source is built: small rooms, short modules, each class name once, types for plug-ins."""

import ast
from collections import Counter
from pathlib import Path

import buildlight

PACKAGE = Path(buildlight.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
MOST_MODULES, MOST_LINES = 14, 400


def test_no_room_is_crowded() -> None:
    """A folder that grows beyond what a person keeps in mind wants to be two."""
    rooms = Counter(module.parent for module in MODULES if module.name != "__init__.py")

    assert {room.name: count for room, count in rooms.items() if count > MOST_MODULES} == {}


def test_no_module_is_long() -> None:
    """A module is read in one sitting."""
    lines = {module: len(module.read_text("utf-8").splitlines()) for module in MODULES}

    assert {module.name: count for module, count in lines.items() if count > MOST_LINES} == {}


def test_a_class_name_occurs_once() -> None:
    """Whoever searches for a class finds one; private ones count, too."""
    names = Counter(
        node.name
        for module in MODULES
        for node in ast.walk(ast.parse(module.read_text("utf-8")))
        if isinstance(node, ast.ClassDef)
    )

    assert [name for name, count in names.items() if count > 1] == []


def test_types_are_shipped() -> None:
    """A type checker of a plug-in's author sees more than Any."""
    assert (PACKAGE / "py.typed").exists()


LEFT = (
    "how the builds stand",
    "nobody can know",
    "trust anybody who",
    "None is asked twice",
    "how to be let in",
    "wants a user or a token",
    "no machine called",
    "lets nobody in",
    "was read again",
    "no more signs of life",
    "called as the feed is",
    "outranks all else",
    "mark of not knowing",
    "of which a verdict is known",
    "said aloud",
    "may not see it",
    "and was left as it was",
    "which are 8 kB on the way",
)
"""Phrases that need two readings; the usual words stand for them everywhere."""


def test_no_sentence_has_a_phrase_that_needs_two_readings() -> None:
    """Code, manual and guides are in plain words."""
    root = Path(__file__).parents[1]
    folders = ("buildlight", "docs", "hardware", "systemd", "tests")
    files = [root / "README.md", root / "CONTRIBUTING.md"]
    for folder in folders:
        files += [each for end in ("*.py", "*.md", "*.toml") for each in (root / folder).rglob(end)]

    found = [
        f"{file.relative_to(root)}: {phrase}"
        for file in files
        if file != Path(__file__)
        for phrase in LEFT
        if phrase in " ".join(file.read_text(encoding="utf-8").split())
    ]

    assert found == []
