"""How a line of the log reads: for a person, and for journald."""

import io
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from buildlight.system.logging_setup import LogThread, formatter


@contextmanager
def journal(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make standard error a stream of its own; gives the ``JOURNAL_STREAM`` that names it."""
    with tempfile.TemporaryFile("w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        found = os.fstat(stream.fileno())
        patch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        yield f"{found.st_dev}:{found.st_ino}"


def a_record(level: int, message: str, exc_info: object = None) -> logging.LogRecord:
    """Return what is logged of *message*."""
    return logging.LogRecord("buildlight", level, "", 0, message, None, exc_info)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("level", "priority"),
    [
        (logging.DEBUG, 7),
        (logging.INFO, 6),
        (logging.WARNING, 4),
        (logging.ERROR, 3),
        (logging.CRITICAL, 2),
        (25, 5),
    ],
)
def test_journald_gets_the_priority_and_no_time(
    monkeypatch: pytest.MonkeyPatch, level: int, priority: int
) -> None:
    """`journalctl -p warning` finds what a person could act on; journald keeps the time itself."""
    with journal(monkeypatch):
        line = formatter().format(a_record(level, "lamp: passing"))

    assert line == f"<{priority}>lamp: passing"


def test_each_line_of_a_traceback_has_its_priority(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Journald takes every line for a message of its own."""
    try:
        int("one\ntwo")
    except ValueError:
        record = a_record(logging.ERROR, "a driver failed to close its light", sys.exc_info())
    with journal(monkeypatch):
        lines = formatter().format(record).split("\n")

    assert lines[0] == "<3>a driver failed to close its light"
    assert lines[-1].endswith("'one\\ntwo'")
    assert len(lines) > 3
    assert all(line.startswith("<3>") for line in lines)


@pytest.mark.parametrize("variable", [None, "", "1:2", "none"])
def test_a_person_gets_the_time(monkeypatch: pytest.MonkeyPatch, variable: str | None) -> None:
    """Standard error was redirected to a file, in a service or outside of one."""
    with journal(monkeypatch) as own:
        assert variable != own
        monkeypatch.delenv("JOURNAL_STREAM")
        if variable is not None:
            monkeypatch.setenv("JOURNAL_STREAM", variable)

        line = formatter().format(a_record(logging.WARNING, "lamp: passing"))

    assert re.fullmatch(r"\d\d:\d\d:\d\d lamp: passing", line)


def test_a_stream_without_a_file_is_no_journal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Standard error is something of Python's own."""
    with journal(monkeypatch):
        monkeypatch.setattr(sys, "stderr", io.StringIO())

        line = formatter().format(a_record(logging.INFO, "lamp: passing"))

    assert re.match(r"\d\d:", line)


class Slow(logging.Handler):
    """A handler that keeps what it is given, and says on which thread."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep *record*."""
        self.lines.append(self.format(record))


def test_the_thread_keeps_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written aside reads as it would have at once."""
    logger = logging.getLogger("buildlight.of_this_test")
    logger.propagate = False
    handler = Slow()
    with journal(monkeypatch):
        handler.setFormatter(formatter())
    log = LogThread(logger, handler)
    log.start()

    logger.error("lamp: %s", "lost")

    assert log.close(10.0)
    assert handler.lines == ["<3>lamp: lost"]
    logger.handlers = []


def test_a_line_is_what_it_was_when_it_was_logged() -> None:
    """What changes before the line is written does not change the line; a traceback is in it."""
    logger = logging.getLogger("buildlight.of_this_test")
    logger.propagate = False
    handler, broken = Slow(), ["shop"]
    log = LogThread(logger, handler)
    log.start()

    logger.warning("broken: %s", broken)
    broken.append("till")
    try:
        int("seventeen")
    except ValueError:
        logger.exception("100 %")

    assert log.close(10.0)
    assert handler.lines[0] == "broken: ['shop']"
    assert handler.lines[1].startswith("100 %\nTraceback")
    assert handler.lines[1].count("ValueError: invalid literal") == 1
    logger.handlers = []


def test_a_line_that_makes_no_sense_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver of somebody's that logs with a slip in it goes on working."""
    stderr = io.StringIO()
    monkeypatch.setattr("sys.stderr", stderr)
    logger = logging.getLogger("buildlight.of_this_test")
    logger.propagate = False
    handler = Slow()
    log = LogThread(logger, handler)
    log.start()

    logger.warning("broken: %d", "shop")
    logger.warning("and on")

    assert log.close(10.0)
    assert handler.lines == ["and on"]
    assert "Logging error" in stderr.getvalue()
    logger.handlers = []
