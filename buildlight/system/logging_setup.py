"""The log of a daemon, written by a thread, so that a blocked terminal cannot stop a lamp.

Not ``logging.handlers.QueueListener``: it imports pickle (0.37 MB), its end may wait for ever for
a blocked terminal, and it needs a subclass to drop records.
"""

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
"""Most records that wait to be written; more are dropped."""

# The levels of syslog(3), which journald reads in front of a line on standard error.
_PRIORITIES: Mapping[int, int] = {
    logging.DEBUG: 7,
    logging.INFO: 6,
    logging.WARNING: 4,
    logging.ERROR: 3,
    logging.CRITICAL: 2,
}
_NOTICE = 5


def formatter() -> logging.Formatter:
    """Return the formatter for standard error: for a person, or for journald."""
    if journald_reads(sys.stderr):
        return _ForJournald()
    return logging.Formatter("%(asctime)s %(message)s", datefmt="%H:%M:%S")


class _ForJournald(logging.Formatter):
    """Lines with their priority, and without the time, which journald adds."""

    def format(self, record: logging.LogRecord) -> str:
        lines = super().format(record).splitlines()
        return "\n".join(prioritised(line, level=record.levelno) for line in lines)


def prioritised(line: str, *, level: int) -> str:
    """Return *line* with the priority of *level* in front, for journald."""
    return f"<{_PRIORITIES.get(level, _NOTICE)}>{line}"


def journald_reads(stream: TextIO) -> bool:
    """Return whether *stream* goes to journald (``JOURNAL_STREAM`` of systemd.exec(5))."""
    try:
        found = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to the current standard error, which a lamp drawn on the terminal replaces."""

    @property
    def stream(self) -> TextIO:
        """Standard error."""
        return sys.stderr

    @stream.setter
    def stream(self, stream: TextIO) -> None:
        pass


class LogThread:
    """The thread that passes the records of *logger* to *handler*."""

    def __init__(self, logger: logging.Logger, handler: logging.Handler) -> None:
        self._logger = logger
        self._handler = handler
        self._records: queue.Queue[logging.LogRecord | None] = queue.Queue(ROOM)
        # A daemon thread, so that a blocked output cannot prevent the exit.
        self._thread = threading.Thread(target=self._run, name="log", daemon=True)

    def start(self) -> None:
        """Take over from *handler*."""
        self._logger.handlers = [_Dropping(self._records)]
        self._thread.start()

    def close(self, timeout: float) -> bool:
        """Write the rest of the log within *timeout* seconds, and restore *handler*.

        Returns whether everything was written. If not, standard output or error is blocked, and
        an ordinary exit would wait for it.
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
    """Puts records into the queue, and drops them when it is full."""

    def __init__(self, records: "queue.Queue[logging.LogRecord | None]") -> None:
        super().__init__()
        self._records = records

    def emit(self, record: logging.LogRecord) -> None:
        text = copy(record)
        try:
            # Formatted now, because its arguments may change before it is written.
            text.msg, text.args = self.format(record), None
        except Exception:  # noqa: BLE001 - a driver may log anything, and must not end the daemon
            self.handleError(record)
            return
        text.exc_info = text.exc_text = text.stack_info = None
        with suppress(queue.Full):
            self._records.put_nowait(text)
