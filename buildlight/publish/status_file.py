"""Writes the report to a file in memory, for `explain` and other programs on this machine.

The file is in the run folder, not on the SD card. All users may read it: it holds no secret.
"""

import logging
import os
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from buildlight.report.as_json import iso, to_json_by_rows
from buildlight.report.report import Report
from buildlight.report.update import Update
from buildlight.system.atomic_file import AtomicFile

NAME = "status.json"
READABLE = 0o644

log = logging.getLogger(__name__)


class StatusFile:
    """A publisher that keeps the status file in *folder* up to date."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file = AtomicFile(self._path, on_trouble=self._warn, mode=READABLE)
        self._written: Report | None = None
        self._started: datetime | None = None

    def publish(self, update: Update) -> None:
        """Write the report if it has changed, and at every heartbeat."""
        gist = _without_ages(update.report)
        if update.heartbeat or gist != self._written:
            self._written = gist
            self._started = self._started or update.report.at
            self._file.write(partial(_document, update.report, started=self._started))

    def close(self, timeout: float) -> None:
        """Remove the file after the last write, if that ends within *timeout* seconds."""
        # A file that this daemon never wrote belongs to another daemon.
        if self._written is None or not self.flush(timeout):
            return
        self._written = None
        try:
            self._path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            pass  # Every write failed, and that was logged.
        except OSError as exc:
            self._warn(f"cannot be removed: {exc.strerror}")

    def flush(self, timeout: float) -> bool:
        """Wait up to *timeout* seconds until everything is written; return whether it is."""
        return self._file.close(timeout)

    def _warn(self, sentence: str) -> None:
        log.warning("%s: %s; `buildlight explain` has nothing to read", self._path, sentence)


def _document(report: Report, *, started: datetime) -> dict[str, Any]:
    """Return *report* as JSON, with this process and its start."""
    return {"pid": os.getpid(), "started": iso(started), **to_json_by_rows(report)}


def _without_ages(report: Report) -> Report:
    """Return *report* without the values that change as time passes."""
    return replace(
        report,
        at=report.at.min,
        feeds=tuple(replace(feed, age=None) for feed in report.feeds),
        lamps=tuple(replace(lamp, since=report.at.min) for lamp in report.lamps),
    )
