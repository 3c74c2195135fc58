"""A file that is replaced as a whole, by a thread that nobody waits for."""

import itertools
import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from buildlight.system.atomic_file import BREATH, REST, ROWS, AtomicFile, pieces

PATIENCE = 10.0


def a_file(folder: Path, troubles: list[str] | None = None, mode: int | None = None) -> AtomicFile:
    """Return the file `kept.json` in *folder*; what goes wrong is added to *troubles*."""
    said = [] if troubles is None else troubles
    return AtomicFile(folder / "kept.json", on_trouble=said.append, mode=mode)


def a_file_without_room(folder: Path, news: str) -> AtomicFile:
    """Return the file, once it failed to hold *news* on a full disk: until `kept.new` is gone."""
    (folder / "kept.new").symlink_to("/dev/full")
    troubled = threading.Event()
    file = AtomicFile(folder / "kept.json", on_trouble=lambda _why: troubled.set())
    file.write(lambda: news)
    assert troubled.wait(PATIENCE)
    return file


def written(folder: Path) -> object:
    """Return what a reader finds."""
    return json.loads((folder / "kept.json").read_text())


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Make files as somebody with another umask does."""
    before = os.umask(mask)
    yield
    os.umask(before)


def test_what_was_handed_over_is_written(tmp_path: Path) -> None:
    """Folders are made on the way, and nothing else is left in them."""
    file = a_file(tmp_path / "deep" / "down")

    file.write(lambda: {"shop": "broken"})

    assert file.close(PATIENCE)
    assert written(tmp_path / "deep" / "down") == {"shop": "broken"}
    assert [each.name for each in (tmp_path / "deep" / "down").iterdir()] == ["kept.json"]


def test_every_outage_is_told_once(tmp_path: Path) -> None:
    """A disk that is full, well, and full again, years later, is news again."""
    troubles: list[str] = []
    file = a_file(tmp_path, troubles)
    new = tmp_path / "kept.new"
    for fault in (True, True, False, True):
        if fault:
            new.unlink(missing_ok=True)
            new.symlink_to("/dev/full")
        else:
            new.unlink()

        file.write(lambda: {"shop": "broken"})
        assert file.close(PATIENCE)

    assert troubles == ["cannot be written: No space left on device"] * 2


def test_what_could_not_be_written_is_tried_again_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that has room again holds the news, though there is no other."""
    monkeypatch.setattr("buildlight.system.atomic_file.AGAIN", 0.01)
    file = a_file_without_room(tmp_path, "news")

    (tmp_path / "kept.new").unlink()
    end = time.monotonic() + PATIENCE
    while not (tmp_path / "kept.json").exists():
        assert time.monotonic() < end

    assert written(tmp_path) == "news"
    assert file.close(PATIENCE)


def test_what_is_tried_again_is_the_newest(tmp_path: Path) -> None:
    """A report of ten seconds ago is of no use."""
    file = a_file_without_room(tmp_path, "old")

    file.write(lambda: "new")
    (tmp_path / "kept.new").unlink()

    assert file.close(PATIENCE)
    assert written(tmp_path) == "new"


@pytest.mark.parametrize("outdates", [True, False])
def test_what_is_outdated_goes_by_another_name_until_the_new_one_is_there(
    tmp_path: Path, *, outdates: bool
) -> None:
    """Nobody takes it for true, and nothing of it is lost."""
    aside = tmp_path / "kept.old"
    file = AtomicFile(tmp_path / "kept.json", on_trouble=lambda _why: None, aside=aside)
    file.write(lambda: "green")
    assert file.close(PATIENCE)
    seen: list[set[str]] = []

    def document() -> str:
        seen.append({each.name for each in tmp_path.iterdir()})
        return "red"

    file.write(document, outdates=outdates)
    assert file.close(PATIENCE)

    there = {"kept.old"} if outdates else {"kept.json"}
    assert seen == [{"kept.new"} | there]
    assert [each.name for each in tmp_path.iterdir()] == ["kept.json"]
    assert written(tmp_path) == "red"


def test_a_slow_disk_gets_the_newest_only(tmp_path: Path) -> None:
    """What waits while one is written is replaced by what comes after it."""
    file = a_file(tmp_path)
    begun, go_on = threading.Event(), threading.Event()
    made: list[int] = []

    def slow() -> int:
        begun.set()
        assert go_on.wait(PATIENCE)
        return 0

    def document(number: int) -> Callable[[], object]:
        def make() -> int:
            made.append(number)
            return number

        return make

    file.write(slow)
    assert begun.wait(PATIENCE)
    for number in (1, 2, 3):
        file.write(document(number))
    go_on.set()

    assert file.close(PATIENCE)
    assert made == [3]
    assert written(tmp_path) == 3


def rests(folder: Path, monkeypatch: pytest.MonkeyPatch, *, rows: int, cost: float) -> list[float]:
    """Return how long who writes so many *rows* rests, if each piece takes *cost* seconds."""
    rested: list[float] = []

    class Clocked(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            if timeout is None:
                return super().wait()
            rested.append(timeout)
            return False

    monkeypatch.setattr("threading.Event", Clocked)
    monkeypatch.setattr("time.thread_time", itertools.count(step=cost).__next__)
    file = a_file(folder)
    file.write(lambda: [*range(rows)])
    assert file.close(PATIENCE)
    assert written(folder) == [*range(rows)]
    return rested


def test_who_writes_much_rests_nine_times_as_long_as_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 100,000 projects that change all the time, the polls need the processor, too."""
    number = 2 + 10_000 // ROWS  # of pieces: the brackets are some, too

    rested = rests(tmp_path, monkeypatch, rows=10_000, cost=2 * BREATH)

    assert rested == pytest.approx([REST * 2 * BREATH] * number)


def test_who_writes_little_does_not_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file of an office is there at once, and wakes nobody once more."""
    assert rests(tmp_path, monkeypatch, rows=200, cost=BREATH / 5) == []


def test_a_rest_ends_when_somebody_waits_for_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon that stops does not leave its verdicts unwritten because it is resting."""
    monkeypatch.setattr("time.thread_time", itertools.count(step=1_000).__next__)
    file = a_file(tmp_path)

    for number in range(3):
        file.write(lambda number=number: number)  # type: ignore[misc]
        assert file.close(PATIENCE)

    assert written(tmp_path) == 2


def test_no_thread_is_left_when_all_is_written(tmp_path: Path) -> None:
    """Years of writing leave no threads behind."""
    before = threading.active_count()
    file = a_file(tmp_path)

    for number in range(50):
        file.write(lambda number=number: number)  # type: ignore[misc]
        assert file.close(PATIENCE)

    assert threading.active_count() == before
    assert written(tmp_path) == 49


def test_a_reader_finds_a_whole_document_at_any_moment(tmp_path: Path) -> None:
    """Never none, never a half, never one of two mixed."""
    file = a_file(tmp_path)
    documents = [[number] * 5000 for number in range(2)]
    file.write(lambda: documents[0])
    assert file.close(PATIENCE)
    found: set[int] = set()
    number = 0

    while number < 200 or (len(found) < 2 and number < 20_000):
        number += 1
        file.write(lambda number=number: documents[number % 2])  # type: ignore[misc]
        read = written(tmp_path)
        assert read in documents
        found.add(documents.index(read))

    assert file.close(PATIENCE)
    assert found == {0, 1}


@pytest.mark.parametrize(
    "document",
    [
        1,
        None,
        [],
        {},
        {"version": 1, "feeds": []},
        [[], [1], {"a": [{"b": "c, [é"}]}],
        {"rows": [{"number": number, "name": "x, y"} for number in range(3 * ROWS + 1)], "b": "c"},
        {"feeds": {name: [*range(ROWS)] for name in ("one", 'tw"o')}},
    ],
)
def test_the_pieces_are_the_document(document: object) -> None:
    """A document that is written piece by piece is what it would have been in one."""
    assert "".join(pieces(document)) == json.dumps(document)


def test_rows_are_made_a_few_at_a_time() -> None:
    """The file of 100,000 projects needs no memory for all of them at once."""
    made: list[int] = []

    def rows() -> Iterator[dict[str, int]]:
        for number in range(10 * ROWS):
            made.append(number)
            yield {"number": number}

    written = ""
    for piece in pieces({"rows": rows()}):
        written += piece
        assert len(made) <= written.count("number") + ROWS

    assert json.loads(written) == {"rows": [{"number": number} for number in made]}
    assert len(made) == 10 * ROWS


@pytest.mark.parametrize("mask", [0o077, 0o000])
def test_the_mode_is_what_it_has_to_be(tmp_path: Path, mask: int) -> None:
    """Everybody may read it, and nobody else may write it, whatever the umask says."""
    file = a_file(tmp_path, mode=0o644)

    with umask(mask):
        file.write(dict)
        assert file.close(PATIENCE)

    assert stat.S_IMODE((tmp_path / "kept.json").stat().st_mode) == 0o644


def test_without_a_mode_the_umask_decides(tmp_path: Path) -> None:
    """Verdicts are for their owner if the owner says so."""
    file = a_file(tmp_path)

    with umask(0o077):
        file.write(dict)
        assert file.close(PATIENCE)

    assert stat.S_IMODE((tmp_path / "kept.json").stat().st_mode) == 0o600


def test_what_cannot_be_written_is_told_and_tried_again(tmp_path: Path) -> None:
    """A folder that is none now may be one later."""
    troubles: list[str] = []
    file = a_file(tmp_path / "folder", troubles)
    (tmp_path / "folder").write_text("a file is in the way")

    file.write(lambda: 1)
    assert file.close(PATIENCE)
    (tmp_path / "folder").unlink()
    file.write(lambda: 2)
    assert file.close(PATIENCE)

    assert troubles == ["cannot be written: File exists"]
    assert written(tmp_path / "folder") == 2


def test_a_document_that_cannot_be_made_is_not_the_last(tmp_path: Path) -> None:
    """Memory ran out for a moment: the next one is written as ever."""
    file = a_file(tmp_path)
    hooked: list[threading.ExceptHookArgs] = []
    before, threading.excepthook = threading.excepthook, hooked.append

    def impossible() -> object:
        raise MemoryError

    try:
        file.write(impossible)
        assert file.close(PATIENCE)
        file.write(lambda: "as ever")
        assert file.close(PATIENCE)
    finally:
        threading.excepthook = before

    assert [each.exc_type for each in hooked] == [MemoryError]
    assert written(tmp_path) == "as ever"


def test_a_machine_without_a_thread_to_spare_is_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report that finds no thread is told, and the next one finds one."""
    troubles: list[str] = []
    file = a_file(tmp_path, troubles)

    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as poor:
        poor.setattr(threading.Thread, "start", none)
        file.write(lambda: 1)
        assert file.close(PATIENCE)
    file.write(lambda: 2)

    assert file.close(PATIENCE)
    assert troubles == ["cannot be written: there is no thread to spare"]
    assert written(tmp_path) == 2
