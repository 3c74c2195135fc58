"""The report as a file in memory, for whoever asks this machine why a lamp looks as it does.

It lies in the run folder, not on the SD card, and everybody may read it: it holds no secret.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from buildlight.report.as_json import to_json_by_rows
from buildlight.report.report import Report
from buildlight.system.atomic_file import AtomicFile

NAME = "status.json"
READABLE = 0o644

EVERY = 30.0
"""Seconds after which the file is written though nothing has changed: it shows who still lives."""

log = logging.getLogger(__name__)


class StatusFile:
    """The status file in *folder*; *again* asks for a new report, which comes soon after."""

    def __init__(self, folder: Path, *, again: Callable[[], None]) -> None:
        self._path = folder / NAME
        self._file = AtomicFile(self._path, on_trouble=self._warn, mode=READABLE)
        self._again = again
        self._told: Report | None = None
        self._timer: asyncio.TimerHandle | None = None

    def tell(self, report: Report) -> None:
        """Have *report* written, if it says something new or the file has become old."""
        gist = _without_ages(report)
        if gist == self._told and self._timer is not None:
            return
        self._told = gist
        self._file.write(partial(to_json_by_rows, report))
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(EVERY, self._grow_old)

    def close(self, timeout: float) -> None:
        """Take the file away, if it is written within *timeout* seconds: nobody keeps it true."""
        if self._timer is not None:
            self._timer.cancel()
        # What was never written is another daemon's, if it is there at all.
        if self._told is not None and self._file.close(timeout):
            try:
                self._path.unlink()
            except (FileNotFoundError, NotADirectoryError):
                pass  # It could never be written, which was told.
            except OSError as exc:
                self._warn(f"cannot be taken away: {exc.strerror}")

    def _grow_old(self) -> None:
        self._timer = None
        self._again()

    def _warn(self, sentence: str) -> None:
        log.warning("%s: %s; `buildlight explain` has nothing to read", self._path, sentence)


def _without_ages(report: Report) -> Report:
    """Return *report* without what changes by itself as time goes by."""
    return replace(
        report,
        at=report.at.min,
        feeds=tuple(replace(feed, age=None) for feed in report.feeds),
        lamps=tuple(replace(lamp, since=report.at.min) for lamp in report.lamps),
    )
