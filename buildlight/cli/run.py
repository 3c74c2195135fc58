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

from buildlight.cli import FAILED, OK, forsake
from buildlight.system import paths, posix_signals
from buildlight.system.logging_setup import LogThread
from buildlight.wording import listed

if TYPE_CHECKING:
    from buildlight.daemon.settings import Settings

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

    # An absolute path: a driver may change the working directory before a reload.
    file = paths.find_file(chosen.config).absolute()
    return run_with_log_thread(partial(daemon.run, partial(_load, file, settings.load_settings)))


def _load(file: Path, load_settings: "Callable[[Path], Settings]") -> "Settings":
    settings = load_settings(file)
    log.info(
        "%s: feeds: %s; lamps: %s%s",
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
