"""A file that is replaced as a whole, by a thread of its own: a disk that hangs stops nobody."""

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path


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

    def write(self, document: Callable[[], object]) -> None:
        """Have what *document* returns written; it is called on the thread.

        An older one that still waits is of no use any more, and is dropped.
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
        thread.join(timeout)
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
                file.write(json.dumps(document))  # C does it: 50,000 rows take a moment.
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
