"""What the page's tests need of the machine: a browser, and programs that are not ours.

Each is skipped where it is missing, unless ``CI`` says that nothing may be.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.chromium import PROGRAM, Chromium
from support.needed import needed


@pytest.fixture(scope="package")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """A real browser."""
    needed(PROGRAM, "there is no chromium; apt-get install chromium")
    with Chromium(tmp_path_factory.mktemp("chromium")) as program:
        yield program


@pytest.fixture(scope="session")
def axe() -> str:
    """The script of axe-core, from its own package."""
    file = needed(os.environ.get("TEST_AXE"), "TEST_AXE names no axe.min.js (npm pack axe-core)")
    return Path(file).read_text("utf-8")


@pytest.fixture(scope="session")
def buildnotify() -> str:
    """The Python of an environment that has BuildNotify."""
    where = "TEST_BUILDNOTIFY names no Python with BuildNotify (pip install buildnotify)"
    return needed(os.environ.get("TEST_BUILDNOTIFY"), where)


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pictures of the page are kept."""
    told = os.environ.get("TEST_SCREENSHOTS")
    folder = Path(told) if told else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
