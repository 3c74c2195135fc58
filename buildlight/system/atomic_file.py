"""A JSON file that a thread replaces as a whole, so that a slow disk cannot delay the daemon."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

EVERY = 1.0
"""Seconds between two writes that are not urgent."""
AGAIN = 10.0
"""Seconds after a failed write until it is tried again."""
REST = 9.0
"""After each piece the thread rests this many times the CPU time of the piece: it never takes more
than a tenth of a core from the loop, which needs the interpreter at every packet."""
ROWS = 100
"""Rows of a list in one piece: 100,000 at once would need memory for all of them."""


class AtomicFile:
    """The JSON document at *path*: a reader sees the old or the new document, never a part.

    *mode* is the mode of the file, whatever the umask is; ``None``: the default of the umask.
    *on_trouble* is called on the thread with the end of a sentence (``cannot be written: …``)
    when writing begins to fail.
    """

    def __init__(
        self,
        path: Path,
        *,
        on_trouble: Callable[[str], None],
        mode: int | None = None,
    ) -> None:
        self._path = path
        self._mode = mode
        self._on_trouble = on_trouble
        self._thread: threading.Thread | None = None
        self._failing = False
        # Guarded by the condition: the slot, whether it is urgent, and whether to end.
        self._changed = threading.Condition()
        self._make: Callable[[], object] | None = None
        self._urgent = self._closing = False

    def start(self) -> None:
        """Start the thread unless it runs, so that :meth:`write` need not start it on a loop."""
        if self._thread is None or not self._thread.is_alive():
            # A daemon thread, so that a blocked disk cannot prevent the exit.
            thread = threading.Thread(target=self._run, name=self._path.name, daemon=True)
            try:
                thread.start()
            except RuntimeError:
                self._report("this process cannot start a thread")
            else:
                self._thread = thread

    def write(self, make: Callable[[], object], *, urgent: bool = False) -> None:
        """Let the thread write the document that *make* returns; iterators in it become lists.

        A document that still waits is replaced. An *urgent* one is written at once.
        """
        with self._changed:
            self._make = make
            self._urgent |= urgent
            self._changed.notify_all()
        self.start()

    def close(self, timeout: float) -> bool:
        """Write what waits, for at most *timeout* seconds; returns whether the thread has ended.

        What could not be written waits for the next :meth:`start`.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._make is not None:
            self.start()
        if self._thread is None:
            self._closing = False
            return True
        self._thread.join(timeout)
        if self._thread.is_alive():
            return False
        self._thread, self._closing = None, False
        return True

    def _run(self) -> None:
        while (make := self._take()) is not None:
            if self._replace(make):
                self._wait(EVERY)
                continue
            with self._changed:
                last, self._make = self._make is None, self._make or make
                if self._closing and last:
                    return  # The document waits for whoever starts the thread again.
            self._wait(AGAIN)

    def _take(self) -> Callable[[], object] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._make is not None or self._closing)
            make, self._make, self._urgent = self._make, None, False
            return make

    def _wait(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._urgent or self._closing, seconds)

    def _replace(self, make: Callable[[], object]) -> bool:
        """Replace the file by the document of *make*; returns whether that succeeded."""
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("w", encoding="utf-8") as file:
                if self._mode is not None:
                    os.fchmod(file.fileno(), self._mode)
                file.writelines(self._with_rests(pieces(make())))
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as exc:
            self._report(exc.strerror)
            return False
        self._failing = False
        return True

    def _with_rests(self, parts: Iterator[str]) -> Iterator[str]:
        begun = time.thread_time()
        for part in parts:
            yield part
            if not self._closing:
                time.sleep(REST * (time.thread_time() - begun))
            begun = time.thread_time()

    def _report(self, why: str | None) -> None:
        if not self._failing:
            self._on_trouble(f"cannot be written: {why}")
        self._failing = True


@dataclass(frozen=True, slots=True)
class JsonText:
    """A part of a document that is already JSON."""

    text: str


def pieces(document: object) -> Iterator[str]:
    """Yield *document* as JSON, with long lists in pieces.

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
    elif isinstance(document, JsonText):
        yield document.text
    else:
        yield json.dumps(document)
