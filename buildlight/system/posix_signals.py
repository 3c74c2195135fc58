"""Which signals end a program that holds lamps, and what they do while nobody waits for them."""

import os
import signal
from types import FrameType
from typing import NoReturn

ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


def ending_signals() -> tuple[signal.Signals, ...]:
    """Return the signals after which lamps go dark; not SIGHUP where it is ignored, as by nohup."""
    ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    return tuple(each for each in ENDING if each is not signal.SIGHUP or not ignored)


def reloads() -> bool:
    """Return whether SIGHUP asks for the configuration to be read again, as it does of a daemon.

    Where there is a terminal it tells that this was closed, unless it is ignored, as by nohup.
    """
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return True
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return True
    return False


def end_at_once() -> None:
    """Have each signal end this process with status 0: no lamp is lit yet, or none any more."""
    for number in ending_signals():
        signal.signal(number, _leave)


def reload_later() -> None:
    """Have SIGHUP end nothing, if it asks for a reload: the configuration is read soon anyway."""
    if reloads():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def interrupt_once() -> None:
    """Have the first signal raise KeyboardInterrupt; further ones must not disturb what follows.

    A terminal that is closed sends SIGHUP twice: the shell does, and the kernel.
    """
    for number in ending_signals():
        signal.signal(number, _interrupt)


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    # Not SystemExit: raised in the middle of an import, somebody's code may lose or report it.
    os._exit(0)


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    for number in ending_signals():
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
