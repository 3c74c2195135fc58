"""What fuzzing starts from, and what it found: tried in every run, without a fuzzer."""

from pathlib import Path

import pytest

from proof.targets import TARGETS

CORPUS = Path(__file__).parent / "corpus"
INPUTS = sorted(CORPUS.glob("*/*"))


@pytest.mark.parametrize("file", INPUTS, ids=lambda each: f"{each.parent.name}/{each.name}")
def test_noise_is_told_in_a_sentence(file: Path) -> None:
    """Nothing that a server, a light or a text editor says comes out as a traceback."""
    TARGETS[file.parent.name](file.read_bytes())


def test_every_target_has_a_corpus() -> None:
    """None is fuzzed from nothing."""
    assert {each.name for each in CORPUS.iterdir()} == {*TARGETS}
    assert all(len([*(CORPUS / name).iterdir()]) >= 5 for name in TARGETS)
