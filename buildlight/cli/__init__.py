"""The command line: arguments to calls, errors to one line and an exit status.

Modules are imported only when they are needed: on a Pi Zero that takes seconds.
"""

import argparse
import errno
import io
import os
import sys
from collections.abc import Callable, Mapping, Sequence

from buildlight.cli.arguments import parsed
from buildlight.errors import BuildlightError, ConfigError

# The name that type checkers know; importing typing makes `--version` a tenth slower.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TextIO

OK, FAILED, MISCONFIGURED = 0, 1, 78
"""Exit statuses; 78 is EX_CONFIG of sysexits.h: systemd does not restart the service after it."""
INTERRUPTED = 130

DAEMONS = ("run", "demo")
"""Commands that exit with status 0 when a signal ends them."""
NO_THREAD: Mapping[str, str] = {
    "can't start new thread": "cannot start a thread: too many are running, or memory is short; "
    "see `ulimit -u`, and TasksMax= of the service"
}
"""Python's message when no thread can be started, and ours."""
UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""Errors that mean that the output cannot be written."""

MODULES: Mapping[str, str] = {
    "init": "setup.init",
    "run": "run",
    "discover": "discover",
    "check": "check",
    "explain": "explain",
    "test": "wiring",
    "off": "off",
    "service": "service",
    "hours": "hours",
    "devices": "devices",
    "doctor": "doctor",
    "demo": "demo",
    "schema": "schema",
    "completion": "completion",
}
"""The module of each command; its ``main`` takes the arguments and returns the exit status."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what *arguments* say and return the exit status."""
    by_shell = arguments is None
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] and arguments[0] in DAEMONS:
        _heed_signals(arguments[0])  # First, because the imports below are slow.
    try:
        _ready_streams()
        chosen = _parsed(arguments)
        _log_to_stderr()
        status = _command(chosen.command)(chosen)
        sys.stdout.flush()
        if by_shell and chosen.command == "run":
            os._exit(status)  # Freeing 250,000 projects one by one would take seconds.
    except ConfigError as exc:
        for mistake in exc.mistakes:
            write_error(mistake)
        return MISCONFIGURED
    except KeyboardInterrupt:
        return INTERRUPTED
    except (BuildlightError, OSError, MemoryError, RuntimeError) as exc:
        sentence = _sentence(exc)
        if sentence is None:
            raise
        if isinstance(exc, OSError):
            forsake(sys.stdout)
        if sentence:
            write_error(sentence)
        return FAILED
    return status


def _sentence(exc: Exception) -> str | None:
    """Return the message for *exc*, perhaps an empty one; ``None`` if *exc* is a bug of ours."""
    if isinstance(exc, BuildlightError):
        return str(exc)
    if isinstance(exc, BrokenPipeError):
        return ""  # The reader of the output is gone: a pager was closed, for instance.
    if isinstance(exc, OSError) and exc.errno in UNWRITABLE:
        return f"the output cannot be written: {exc.strerror}"
    if isinstance(exc, MemoryError):
        return "out of memory"
    return NO_THREAD.get(str(exc)) if isinstance(exc, RuntimeError) else None


def _command(name: str) -> "Callable[[argparse.Namespace], int]":
    from importlib import import_module

    command: Callable[[argparse.Namespace], int] = import_module(
        f"buildlight.cli.{MODULES[name]}"
    ).main
    return command


def _heed_signals(command: str) -> None:
    from buildlight.system import posix_signals

    posix_signals.end_at_once()
    if command == "run":
        posix_signals.reload_later()


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    try:
        return parsed(arguments)
    finally:
        sys.stdout.flush()  # The output may have been a help text, and its reader may be gone.


def _ready_streams() -> None:
    """Make standard output and error accept any text; either may be closed."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A project's name may contain characters that this terminal cannot encode.
        sys.stdout.reconfigure(errors="replace")


def write_error(sentence: str) -> None:
    """Write *sentence* to standard error, with a priority in front if journald reads it."""
    from logging import ERROR

    from buildlight.system.logging_setup import journald_reads, prioritised

    line = f"buildlight: {sentence}"
    if journald_reads(sys.stderr):
        line = "\n".join(prioritised(each, level=ERROR) for each in line.splitlines())
    try:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
    except OSError:
        forsake(sys.stderr)  # The exit status reports it.


def forsake(stream: "TextIO") -> None:
    """Discard what *stream* has buffered: at exit, Python would try to write it again, and fail."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def _log_to_stderr() -> None:
    import logging

    from buildlight.system.logging_setup import StderrHandler, formatter

    handler = StderrHandler()
    handler.setFormatter(formatter())
    root = logging.getLogger("buildlight")
    root.handlers = [handler]
    root.setLevel(logging.INFO)
