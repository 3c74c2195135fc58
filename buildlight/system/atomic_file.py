"""A file that is replaced as a whole, by a thread of its own: a disk that hangs stops nobody."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

AGAIN = 10.0
"""Seconds after which what could not be written is tried again."""
BREATH, REST = 0.02, 9.0
"""Seconds of CPU after which the thread rests, and how many times as long: it never uses more than
a tenth of a core, however many projects there are and however often they change. Without it, a
loop that waits for the interpreter at every packet would come to hardly any while 100,000
projects are written."""
ROWS = 100
"""Rows of a list that are made into text at a time. All at once would hold up every other thread
for a second, and need the memory for it, with 100,000 projects."""


class AtomicFile:
    """The JSON document at *path*, of which a reader sees the old one or the new one, whole.

    *mode* is its mode, whatever the umask says; ``None``: what the umask leaves of it. The
    thread lives while there is something to write, and tries again what fails. *on_trouble* is
    called, on any thread, with a sentence's end (``cannot be written: …``), when writing fails
    that did not fail before. *aside* is the name that an outdated document has until the new one
    is there: whatever keeps it from being written, nobody takes the old one for true.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_trouble: Callable[[str], None],
        mode: int | None = None,
        aside: Path | None = None,
    ) -> None:
        self._path = path
        self._mode = mode
        self._aside = aside
        self._on_trouble = on_trouble
        self._handing = threading.Lock()
        self._waiting: _Document | None = None
        self._thread: threading.Thread | None = None
        self._failing = False
        self._tired = 0.0
        self._hurry = threading.Event()

    def write(self, document: Callable[[], object], *, outdates: bool = True) -> None:
        """Have what *document* returns written; it is called on the thread.

        Iterators in it are written as lists are. An older document that still waits is of no use
        any more, and is dropped. One that *outdates* nothing leaves what is there in its place.
        """
        with self._handing:
            self._wait_with(_Document(document, outdates))
            if self._thread is None:
                # A daemon thread: one that a disk blocks must not hold the exit.
                name = self._path.name
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    self._fail("there is no thread to spare")
                    self._give_way()
                else:
                    self._thread = thread

    @property
    def stuck(self) -> bool:
        """Whether something is not written, and nobody will try again before :meth:`write`."""
        with self._handing:
            return self._waiting is not None and self._thread is None

    def close(self, timeout: float) -> bool:
        """Wait up to *timeout* seconds until all is written; returns whether it is."""
        thread = self._thread
        if thread is None:
            return True
        self._hurry.set()
        thread.join(timeout)
        self._hurry.clear()
        return not thread.is_alive()

    def _run(self) -> None:
        try:
            while (document := self._handed_over()) is not None:
                last = self._hurry.is_set()
                if not self._replace(document) and not last:
                    self._hurry.wait(AGAIN)
                    self._hand_back(document)
        except BaseException:  # A fault in one document must not be the end of all others.
            with self._handing:
                self._thread = None
            raise

    def _wait_with(self, document: "_Document") -> None:
        before = self._waiting
        outdates = document.outdates or (before is not None and before.outdates)
        self._waiting = replace(document, outdates=outdates)

    def _handed_over(self) -> "_Document | None":
        with self._handing:
            document, self._waiting = self._waiting, None
            if document is None:
                self._thread = None
            return document

    def _hand_back(self, document: "_Document") -> None:
        """Have *document* wait again, unless a newer one does."""
        with self._handing:
            newest = self._waiting or document
            self._waiting = document
            self._wait_with(newest)

    def _replace(self, document: "_Document") -> bool:
        """Put *document* in the place of what is there; returns whether it is."""
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            if document.outdates:
                self._put_aside()
            with new.open("w", encoding="utf-8") as file:
                if self._mode is not None:
                    os.fchmod(file.fileno(), self._mode)
                file.writelines(self._at_ease(pieces(document.make())))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
            if self._aside is not None:
                _sync(self._path.parent)
                self._aside.unlink(missing_ok=True)
        except OSError as exc:
            self._fail(exc.strerror)
            return False
        self._failing = False
        return True

    def _give_way(self) -> None:
        """Put aside what is outdated, at once: nobody knows when a thread can be had."""
        if self._waiting is not None and self._waiting.outdates:
            with suppress(OSError):  # Why is told already.
                self._put_aside()

    def _put_aside(self) -> None:
        if self._aside is not None and self._path.is_file():
            self._path.replace(self._aside)
            _sync(self._path.parent)

    def _fail(self, why: str | None) -> None:
        if not self._failing:
            self._on_trouble(f"cannot be written: {why}")
        self._failing = True

    def _at_ease(self, parts: Iterator[str]) -> Iterator[str]:
        """Yield *parts*, with rests between them, unless somebody waits for the file."""
        begun = time.thread_time()
        for part in parts:
            yield part
            self._tired += time.thread_time() - begun
            if self._tired > BREATH:
                self._hurry.wait(REST * self._tired)
                self._tired = 0.0
            begun = time.thread_time()


@dataclass(frozen=True, slots=True)
class _Document:
    """What *make* returns; *outdates*: what is in its place is not true any more."""

    make: Callable[[], object]
    outdates: bool


def _sync(folder: Path) -> None:
    """Have the names in *folder* on the disk: a power cut must not bring back what is outdated."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def pieces(document: object) -> Iterator[str]:
    """Yield *document* as JSON, its long lists some rows at a time.

    Not :func:`json.dump`, which is written in Python and takes ten times as long.
    """
    if isinstance(document, Mapping):
        yield "{"
        for number, (key, value) in enumerate(document.items()):
            yield f"{', ' if number else ''}{json.dumps(key)}: "
            yield from pieces(value)
        yield "}"
    elif isinstance(document, list | Iterator):
        rows, between = iter(document), ""
        yield "["
        while some := [*islice(rows, ROWS)]:
            yield between + json.dumps(some)[1:-1]
            between = ", "
        yield "]"
    else:
        yield json.dumps(document)
