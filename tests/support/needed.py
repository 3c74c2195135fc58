"""What a test needs of the machine and may be missing there."""

import os

import pytest


def needed(what: str | None, sentence: str) -> str:
    """Return *what* is needed, or skip the test with a *sentence*; in CI that is a failure."""
    if what:
        return what
    if os.environ.get("CI"):
        pytest.fail(f"nothing may be skipped here: {sentence}")
    pytest.skip(sentence)
