"""Output and questions on the terminal: lines, progress, the person who tests a lamp."""

import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING

from buildlight.errors import LightBusy, LightUnavailable
from buildlight.patterns.pattern import Channel
from buildlight.system.running_daemon import find_running_daemon

if TYPE_CHECKING:
    from buildlight.lamps.settings import LampSettings


def write_line(text: str) -> None:
    """Write *text* as a line and flush it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def wrapped(text: str) -> str:
    """Return *text* wrapped at the terminal's width, between words only.

    In a pipe or file it stays one line. A label such as ``  because:`` gets a hanging indent.
    """
    if not sys.stdout.isatty():
        return text
    label = re.match(r" +(\S+: +)?", text)
    return "\n".join(
        wrap(
            text,
            get_terminal_size().columns,
            subsequent_indent=" " * (label.end() if label else 2),
            break_long_words=False,
            break_on_hyphens=False,
        )
        or [""]
    )


@contextmanager
def progress(total: int) -> Iterator[Callable[[str], None]]:
    """Show on a terminal how many of *total* steps are done; in a pipe or file, nothing.

    Gives a function to be called with the name of each step that is done. It writes to standard
    error, because standard output may go to a file.
    """
    if not sys.stderr.isatty():
        yield lambda _step: None
        return
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415

    # Without markup: a name may be "[/]".
    columns = (TextColumn("{task.description}", markup=False), BarColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking", total=total)
        yield lambda step: bar.update(task, advance=1, description=step)


def describe_trouble(
    lamp: "LampSettings", trouble: LightUnavailable | None, *, patience: float
) -> str:
    """Return why the light of *lamp* does not open, and how to stop a buildlight that uses it.

    Without a *trouble*, it did not open within *patience* seconds.
    """
    if trouble is None:
        return f"driver {lamp.driver!r}: does not open within {patience:.0f} seconds"
    holder = find_running_daemon() if isinstance(trouble, LightBusy) else None
    return f"driver {lamp.driver!r}: {trouble}" + (f": {holder}" if holder else "")


class Interviewer:
    """A person at the terminal, who is asked after each step of a test."""

    def say(self, text: str) -> None:
        """Write *text*."""
        write_line(text)

    def saw(self, text: str) -> bool:
        """Ask whether *text* is seen; raises EOFError when the input ends."""
        while True:
            answer = input(f"{text}. Do you see it? [y/n] ").strip().lower()
            if answer in ("y", "yes", "n", "no"):
                return answer.startswith("y")

    def saw_instead(self, channels: Sequence[Channel]) -> Channel | None:
        """Ask which of *channels* is lit instead; ``None`` if none is."""
        names = {channel.value: channel for channel in channels}
        if not names:
            return None
        while True:
            answer = input(f"  What lights up instead? [{'/'.join(names)}/nothing] ")
            if answer.strip().lower() in ("nothing", "none", "n", ""):
                return None
            if answer.strip().lower() in names:
                return names[answer.strip().lower()]


class Unasked:
    """A person who only watches: each step lasts *pause* seconds."""

    def __init__(self, pause: float) -> None:
        self._pause = pause

    def say(self, text: str) -> None:
        """Write *text*."""
        write_line(text)

    def saw(self, text: str) -> bool:
        """Write what should be seen, and wait."""
        write_line(text)
        time.sleep(self._pause)
        return True

    def saw_instead(self, channels: Sequence[Channel]) -> Channel | None:  # noqa: ARG002
        """Never asked."""
        return None
