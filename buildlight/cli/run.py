"""`buildlight run`: the daemon, with its log written by a thread."""

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
"""Seconds to wait at a daemon's end for the rest of its log to be written."""


def main(chosen: argparse.Namespace) -> int:
    """Run the daemon until a signal ends it."""
    # What is imported stays: there is no use in looking for garbage in it, now or ever.
    gc.disable()
    from buildlight.config import settings  # noqa: PLC0415
    from buildlight.daemon import daemon  # noqa: PLC0415

    gc.freeze()
    gc.enable()

    # The watchdog of systemd sends SIGABRT: the log then says what hung. (A stream may be none.)
    with suppress(OSError, ValueError):
        faulthandler.enable()

    # Absolute: somebody's driver may change the working directory before a reload.
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
    """Run *daemon* while a thread writes its log: a reader that stands still cannot hold it up."""
    root = logging.getLogger("buildlight")
    log = LogThread(root, root.handlers[0])
    log.start()
    status = FAILED
    try:
        daemon()
        status = OK
    finally:
        posix_signals.end_at_once()  # The loop took its handlers away, and every lamp is dark.
        if not log.close(FLUSHING):
            os._exit(status)
    try:
        sys.stdout.flush()
    except OSError:
        forsake(sys.stdout)  # The lamp was drawn there, and its trouble is in the log.
    return status
