"""Parts that nobody here wrote: ``.ci/forges`` fetches them into the folder ``TEST_FORGES``."""

import os
from pathlib import Path

import pytest

from support.needed import needed


@pytest.fixture(scope="session")
def parts() -> Path:
    """The folder with GitHub's description of its API, Prism, recordings and other clients."""
    sentence = "TEST_FORGES names no folder (.ci/forges FOLDER makes one)"
    return Path(needed(os.environ.get("TEST_FORGES"), sentence)).absolute()
