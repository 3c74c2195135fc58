"""What a person sees and is asked on the terminal: tables, progress, questions."""

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
    """Write *text* as a line, at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def wrapped(text: str) -> str:
    """Return *text* as lines of the terminal's width, cut between words only.

    Elsewhere it stays one line, for programs. A label such as ``  because:`` gets a hanging indent.
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
    """Show on a terminal how many of *total* steps are done; elsewhere nothing.

    Gives a function to be called with the name of each step when it is done. Standard error
    takes it: standard output may be going into a file.
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
    """Return why the light of *lamp* does not open, and how to stop a buildlight that holds it.

    Without a *trouble* it did not answer within *patience* seconds.
    """
    if trouble is None:
        return f"driver {lamp.driver!r}: does not open within {patience:.0f} seconds"
    holder = find_running_daemon() if isinstance(trouble, LightBusy) else None
    return f"driver {lamp.driver!r}: {trouble}" + (f": {holder}" if holder else "")


class Interviewer:
    """A person at the terminal, who is asked after each step of a walk."""

    def say(self, text: str) -> None:
        """Tell the person something."""
        write_line(text)

    def saw(self, text: str) -> bool:
        """Tell what should be seen, and return whether it is; raises EOFError without answers."""
        while True:
            answer = input(f"{text}. Do you see it? [y/n] ").strip().lower()
            if answer in ("y", "yes", "n", "no"):
                return answer.startswith("y")

    def saw_instead(self, channels: Sequence[Channel]) -> Channel | None:
        """Ask which of *channels* lit up instead; ``None`` if none did."""
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
    """A person who watches and is not asked: each step lasts *pause* seconds."""

    def __init__(self, pause: float) -> None:
        self._pause = pause

    def say(self, text: str) -> None:
        """Tell the person something."""
        write_line(text)

    def saw(self, text: str) -> bool:
        """Tell what should be seen, and give the time to see it."""
        write_line(text)
        time.sleep(self._pause)
        return True

    def saw_instead(self, channels: Sequence[Channel]) -> Channel | None:  # noqa: ARG002
        """Never asked."""
        return None
