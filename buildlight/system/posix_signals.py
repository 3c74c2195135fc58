"""The signals that end a program with lit lamps, and their effect before and after the loop."""

import os
import signal
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals after which lamps go dark; without SIGHUP if nohup ignores it."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return tuple(each for each in ENDING if each is not signal.SIGHUP or not ignored)


def reloads() -> bool:
    """Return whether SIGHUP means to reload the configuration, as for every daemon.

    With a terminal, SIGHUP means that the terminal was closed, unless nohup ignores it.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return True
    return False


def end_at_once() -> None:
    """Let each signal end this process with status 0, because no lamp is lit."""
    for number in ending_signals():
        signal.signal(number, _leave)


def reload_later() -> None:
    """Ignore SIGHUP if it means a reload, because the configuration will be read soon anyway."""
    if reloads():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def interrupt_once() -> None:
    """Let the first signal raise KeyboardInterrupt, and ignore the others.

    When a terminal is closed, SIGHUP comes twice: from the shell and from the kernel.
    """
    for number in ending_signals():
        signal.signal(number, _interrupt)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    # Not SystemExit: during an import, other code may swallow or report it.
    os._exit(0)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in ending_signals():
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
