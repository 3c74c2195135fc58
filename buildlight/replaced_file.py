"""A file that is replaced as a whole, by a thread of its own: a disk that hangs stops nobody."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

BREATH, REST = 0.02, 9.0
"""Seconds of CPU after which the thread rests, and how many times as long: it never uses more than
a tenth of a core, however many projects there are and however often they change. Without it, a
loop that waits for the interpreter at every packet would come to hardly any while 100,000
projects are written."""
ROWS = 100
"""Rows of a list that are made into text at a time. All at once would hold up every other thread
for a second, and need the memory for it, with 100,000 projects."""


class ReplacedFile:
    """The JSON document at *path*, of which a reader sees the old one or the new one, whole.

    *mode* is its mode, whatever the umask says; ``None``: what the umask leaves of it. The
    thread lives while there is something to write. *on_trouble* is called, on any thread, with a
    sentence's end (``cannot be written: …``), when writing fails that did not fail before.
    """

    def __init__(
        self, path: Path, *, on_trouble: Callable[[str], None], mode: int | None = None
    ) -> None:
        self._path = path
        self._mode = mode
        self._on_trouble = on_trouble
        self._handing = threading.Lock()
        self._waiting: Callable[[], object] | None = None
        self._thread: threading.Thread | None = None
        self._failing = False
        self._tired = 0.0
        self._hurry = threading.Event()

    def write(self, document: Callable[[], object]) -> None:
        """Have what *document* returns written; it is called on the thread.

        Iterators in it are written as lists are. An older document that still waits is of no use
        any more, and is dropped.
        """
        with self._handing:
            self._waiting = document
            if self._thread is None:
                # A daemon thread: one that a disk blocks must not hold the exit.
                name = self._path.name
                thread = threading.Thread(target=self._run, name=name, daemon=True)
                try:
                    thread.start()
                except RuntimeError:
                    self._fail("there is no thread to spare")
                else:
                    self._thread = thread

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
                self._replace(document())
        except BaseException:
            with self._handing:
                self._thread = None  # A fault in one document must not be the end of all others.
            raise

    def _handed_over(self) -> Callable[[], object] | None:
        with self._handing:
            document, self._waiting = self._waiting, None
            if document is None:
                self._thread = None
            return document

    def _replace(self, document: object) -> None:
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("w", encoding="utf-8") as file:
                if self._mode is not None:
                    os.fchmod(file.fileno(), self._mode)
                file.writelines(self._at_ease(pieces(document)))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as exc:
            self._fail(exc.strerror)
        else:
            self._failing = False

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
