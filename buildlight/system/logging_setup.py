"""The log of a daemon, written aside: a pager or a terminal that stands still must stop no lamp."""

import logging
import os
import queue
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from typing import TextIO

ROOM = 1000
"""Records that wait to be written; further ones are dropped."""


# The levels of syslog(3), in front of a line as journald reads it from standard error.
_PRIORITIES: Mapping[int, int] = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}
_NOTICE = 5


def formatter() -> logging.Formatter:
    """Return how a line of the log is written to standard error: for a person, or for journald."""
    if journald_reads(sys.stderr):
        return _ForJournald()
    return logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S")


class _ForJournald(logging.Formatter):
    """Lines with their priority and without the time, which journald keeps itself."""

    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).splitlines()
        return "\n".join(prioritised(line, level=record.levelno) for line in lines)


def prioritised(line: str, *, level: int) -> str:
    """Return *line* as journald wants it, with the *level* of ``logging`` in front."""
    return f"<{_PRIORITIES.get(level, _NOTICE)}>{line}"


def journald_reads(stream: TextIO) -> bool:
    """Return whether systemd made *stream* (``JOURNAL_STREAM`` of systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what standard error is now: a lamp drawn on the terminal replaces it."""

    @property
    def stream(self) -> TextIO:
        """Standard error."""
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        pass


class LogThread:
    """The thread that hands what *logger* logs to *handler*."""

    def __init__(self, logger: logging.Logger, handler: logging.Handler) -> None:
        self._logger = logger
        self._handler = handler
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(ROOM)
        # A daemon thread: one that cannot write must not hold the exit.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def start(self) -> None:
        """Take over from *handler*."""
        self._logger.handlers = [_Dropping(self._records)]
        self._thread.start()

    def close(self, timeout: float) -> bool:
        """Write what is left, for at most *timeout* seconds, and give *handler* its place back.

        Returns whether all was written. If not, standard output or error is blocked, and an
        ordinary exit would wait for it.
        """
        self._logger.handlers = [self._handler]
        end = time.monotonic() + timeout
        with suppress(queue.Full):
            self._records.put(None, timeout=timeout)
            self._thread.join(max(end - time.monotonic(), 0.0))
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (record := self._records.get()) is not None:
            self._handler.handle(record)
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):  # ValueError: the stream was closed
                stream.flush()


class _Dropping(logging.Handler):
    """Hands records over, and drops those for which there is no room.

    Not ``logging.handlers``' own, which imports pickle and a third of a megabyte with it.
    """

    def __init__(self, records: "queue.Queue[logging.LogRecord | None]") -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        told = copy(record)
        try:
            # As text: what it is made of may be another thing by the time it is written.
            told.msg, told.args = self.format(record), None
        except Exception:  # noqa: BLE001 - anybody may log, and a slip in it must end nothing
            self.handleError(record)
            return
        told.exc_info = told.exc_text = told.stack_info = None
        with suppress(queue.Full):
            self._records.put_nowait(told)
