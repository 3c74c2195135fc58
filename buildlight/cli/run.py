"""`buildlight run`: runs the daemon, and a thread that writes its log."""

import argparse
import faulthandler
import gc
import logging
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from buildlight.cli import FAILED, OK, forsake, write_error
from buildlight.system import paths, posix_signals
from buildlight.system.logging_setup import LogThread
from buildlight.wording import listed

if TYPE_CHECKING:
    from buildlight.daemon.settings import Settings
    from buildlight.report.report import Report

log = logging.getLogger(__name__)

FLUSHING = 0.3
"""Seconds to wait for the rest of the log when the daemon ends."""


def main(chosen: argparse.Namespace) -> int:
    """Run the daemon until a signal ends it."""
    # Modules stay loaded, so the garbage collector need not search them.
    gc.disable()
    from buildlight.config import settings  # noqa: PLC0415
    from buildlight.daemon import daemon  # noqa: PLC0415

    gc.freeze()
    gc.enable()

    # systemd's watchdog sends SIGABRT: the log then shows what hung. (stderr may be None.)
    with suppress(OSError, ValueError):
        faulthandler.enable()

    found = paths.find_files(chosen.config)
    for path in found.passed_over:
        log.info("%s is passed over, because there is %s", path, found.file)
    # An absolute path: a driver may change the working directory before a reload.
    load = partial(_load, found.file.absolute(), settings.load_settings)
    return _run_once(load) if chosen.once else run_with_log_thread(partial(daemon.run, load))


def _run_once(load: "Callable[[], Settings]") -> int:
    from buildlight.cli.check import Finding  # noqa: PLC0415
    from buildlight.daemon.once import run_once  # noqa: PLC0415

    reports: list[Report | None] = []
    status = run_with_log_thread(lambda: reports.append(run_once(load)))
    if status != OK or reports[0] is None:
        return FAILED
    troubles = tuple(
        (lamp.name, lamp.light_because) for lamp in reports[0].lamps if lamp.light_because
    )
    for name, why in troubles:
        write_error(f"{name}: {why}")
    return OK if Finding(reports[0], troubles).sound else FAILED


def _load(file: Path, load_settings: "Callable[[Path], Settings]") -> "Settings":
    settings = load_settings(file)
    log.info(
        "reading %s: feeds: %s; lamps: %s%s",
        file,
        listed([feed.name for feed in settings.feeds]),
        listed([lamp.name for lamp in settings.lamps]),
        "; stop with Ctrl-C" if sys.stderr.isatty() else "",
    )
    return settings


def run_with_log_thread(daemon: Callable[[], None]) -> int:
    """Run *daemon*; a thread writes its log, so that a blocked terminal cannot stop the lamps."""
    root = logging.getLogger("buildlight")
    log = LogThread(root, root.handlers[0])
    log.start()
    status = FAILED
    try:
        daemon()
        status = OK
    finally:
        # The loop has removed its signal handlers, and every lamp is dark.
        posix_signals.end_at_once()
        if not log.close(FLUSHING):
            os._exit(status)
    try:
        sys.stdout.flush()
    except OSError:
        forsake(sys.stdout)  # The lamp was drawn on this output, and the log has the error.
    return status
