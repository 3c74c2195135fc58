"""A file that is replaced as a whole, by a thread that nobody waits for."""

import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from buildlight.system import atomic_file
from buildlight.system.atomic_file import ROWS, AtomicFile, pieces

PATIENCE = 10.0


def a_file(folder: Path, troubles: list[str] | None = None, mode: int | None = None) -> AtomicFile:
    """Return the file `kept.json` in *folder*; sentences about trouble go into *troubles*."""
    said = [] if troubles is None else troubles
    return AtomicFile(folder / "kept.json", on_trouble=said.append, mode=mode)


def write_all(file: AtomicFile, document: object, *, urgent: bool = False) -> None:
    """Have *file* write *document*, and wait until it is there."""
    file.write(lambda: document, urgent=urgent)
    assert file.close(PATIENCE)


def written(folder: Path) -> object:
    """Return what a reader finds."""
    return json.loads((folder / "kept.json").read_text())


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until *condition* holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    """Make files as somebody with another umask does."""
    before = os.umask(mask)
    yield
    os.umask(before)


@pytest.fixture
def full(tmp_path: Path) -> Path:
    """A disk without room, until this path is removed."""
    new = tmp_path / "kept.new"
    new.symlink_to("/dev/full")
    return new


# What is written, and when.


def test_a_document_is_written(tmp_path: Path) -> None:
    """Folders are made on the way, nothing else is left in them, and no thread."""
    threads = threading.active_count()
    folder = tmp_path / "deep" / "down"

    write_all(a_file(folder), {"shop": "broken"})

    assert written(folder) == {"shop": "broken"}
    assert [each.name for each in folder.iterdir()] == ["kept.json"]
    assert threading.active_count() == threads


def test_only_the_newest_document_is_made(tmp_path: Path) -> None:
    """Documents that wait while another is written replace one another."""
    file = a_file(tmp_path)
    begun, go_on = threading.Event(), threading.Event()
    made: list[int] = []

    def slow() -> int:
        begun.set()
        assert go_on.wait(PATIENCE)
        return 0

    file.write(slow)
    assert begun.wait(PATIENCE)

    def document(number: int) -> Callable[[], object]:
        def make() -> int:
            made.append(number)
            return number

        return make

    for number in (1, 2, 3):
        file.write(document(number))
    go_on.set()

    assert file.close(PATIENCE)
    assert made == [3]
    assert written(tmp_path) == 3


def test_a_second_passes_between_two_writes(tmp_path: Path) -> None:
    """However often things change, the disk gets one document a second."""
    file = a_file(tmp_path)
    file.write(lambda: 1)
    wait_for((tmp_path / "kept.json").exists)

    begun = time.monotonic()
    file.write(lambda: 2)
    wait_for(lambda: written(tmp_path) == 2)

    assert time.monotonic() - begun > 0.8 * atomic_file.EVERY
    assert file.close(PATIENCE)


def test_an_urgent_document_is_written_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A verdict that changed must survive a power cut in the next moment."""
    monkeypatch.setattr(atomic_file, "EVERY", 3_600.0)
    file = a_file(tmp_path)
    file.write(lambda: 1)
    wait_for((tmp_path / "kept.json").exists)

    file.write(lambda: 2, urgent=True)

    wait_for(lambda: (tmp_path / "kept.json").exists() and written(tmp_path) == 2)
    assert file.close(PATIENCE)


def test_a_reader_finds_a_whole_document_at_any_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never none, never a half, never two mixed."""
    monkeypatch.setattr(atomic_file, "EVERY", 0.0)
    documents = [[number] * 5000 for number in range(2)]
    file = a_file(tmp_path)
    write_all(file, documents[0])
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


def test_the_thread_rests_nine_times_as_long_as_it_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With 100,000 projects that change all the time, the polls need the processor, too."""
    clock = iter(range(10_000))
    rests: list[float] = []
    monkeypatch.setattr("time.thread_time", lambda: next(clock))
    monkeypatch.setattr("time.sleep", rests.append)
    file = a_file(tmp_path)

    file.write(lambda: [*range(3 * ROWS)])
    while not (tmp_path / "kept.json").exists():
        threading.Event().wait(0.001)

    assert rests == [9.0] * 5  # Three pieces, and the brackets.
    assert file.close(PATIENCE)


# What goes wrong.


def test_every_outage_is_reported_once(tmp_path: Path, full: Path) -> None:
    """A disk that is full, well, and full again, years later, is news again."""
    troubles: list[str] = []
    file = a_file(tmp_path, troubles)
    write_all(file, 1)
    write_all(file, 1)
    full.unlink()
    write_all(file, 2)
    full.symlink_to("/dev/full")
    write_all(file, 3)

    assert troubles == ["cannot be written: No space left on device"] * 2


@pytest.mark.parametrize("newer", [None, "newer"])
def test_a_failed_document_is_tried_again(
    tmp_path: Path, full: Path, monkeypatch: pytest.MonkeyPatch, newer: str | None
) -> None:
    """A disk that has room again gets the newest document, by itself."""
    monkeypatch.setattr(atomic_file, "AGAIN", 0.05)
    troubles: list[str] = []
    file = a_file(tmp_path, troubles)
    file.write(lambda: "news", urgent=True)
    wait_for(lambda: bool(troubles))

    if newer:
        file.write(lambda: newer)
    full.unlink()

    wait_for((tmp_path / "kept.json").exists)
    assert written(tmp_path) == (newer or "news")
    assert file.close(PATIENCE)


def test_a_failed_document_outlives_the_thread(tmp_path: Path, full: Path) -> None:
    """It is written once there is room, though nothing newer comes."""
    file = a_file(tmp_path)
    write_all(file, {"number": 1})
    assert not (tmp_path / "kept.json").exists()

    full.unlink()
    assert file.close(PATIENCE)

    assert written(tmp_path) == {"number": 1}


def test_a_file_in_the_place_of_the_folder_is_reported(tmp_path: Path) -> None:
    """What is no folder now may be one later."""
    troubles: list[str] = []
    file = a_file(tmp_path / "folder", troubles)
    (tmp_path / "folder").write_text("a file is in the way")

    write_all(file, 1)
    (tmp_path / "folder").unlink()
    write_all(file, 2)

    assert troubles == ["cannot be written: File exists"]
    assert written(tmp_path / "folder") == 2


def test_a_disk_that_hangs_holds_up_nobody(tmp_path: Path) -> None:
    """Neither a write nor the end of the daemon waits for it."""
    os.mkfifo(tmp_path / "kept.new")  # Opening it waits until somebody reads.
    file = a_file(tmp_path)

    file.write(lambda: "news", urgent=True)

    assert not file.close(0.05)
    assert (tmp_path / "kept.new").read_bytes() == b'"news"'


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
        write_all(file, "as ever")
    finally:
        threading.excepthook = before

    assert [each.exc_type for each in hooked] == [MemoryError]
    assert written(tmp_path) == "as ever"


def test_a_thread_that_cannot_be_started_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next document finds one."""
    troubles: list[str] = []
    file = a_file(tmp_path, troubles)

    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as poor:
        poor.setattr(threading.Thread, "start", none)
        write_all(file, 1)
    write_all(file, 2)

    assert troubles == ["cannot be written: this process cannot start a thread"]
    assert written(tmp_path) == 2


# How it is written.


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


@pytest.mark.parametrize(
    ("mode", "mask", "found"), [(0o644, 0o077, 0o644), (0o644, 0, 0o644), (None, 0o077, 0o600)]
)
def test_the_mode_is_given_or_left_to_the_umask(
    tmp_path: Path, mode: int | None, mask: int, found: int
) -> None:
    """The report is for everybody, whatever the umask; verdicts are their owner's."""
    with umask(mask):
        write_all(a_file(tmp_path, mode=mode), {})

    assert stat.S_IMODE((tmp_path / "kept.json").stat().st_mode) == found
