"""What a person sees and is asked on the terminal: tables, progress, questions."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from buildlight.cli.check import Finding
from buildlight.patterns.pattern import Channel
from buildlight.redaction import printable
from buildlight.report.report import Report
from buildlight.wording import count


def say(text: str) -> None:
    """Write *text* as a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


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
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("looking", total=total)
        yield lambda step: bar.update(task, advance=1, description=step)


def show_finding(finding: Finding) -> None:
    """Show what a check found."""
    from rich.console import Console  # noqa: PLC0415 - a table is laid out only here
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    report = finding.report
    # Wide where nobody reads along: a link that is folded is no link.
    console = Console(width=None if sys.stdout.isatty() else 250, highlight=False)
    table = Table(box=None, pad_edge=False)
    for heading in ("project", "feed", "verdict", "activity", "age", "link"):
        table.add_column(heading, overflow="fold")
    for row in report.projects:
        name = printable(row.name) or "(no name)"
        left_out = f" (not counted: {row.not_counted_because})" if not row.counted else ""
        cells = (
            f"{name}{left_out}",
            row.feed,
            row.verdict.value,
            "building" if row.building else "idle",
            _span(report.at, row.since) if row.since else "?",
            printable(row.web_url, limit=200),
        )
        style = VERDICT_STYLES[row.verdict.value] if row.counted else "dim"
        table.add_row(*(Text(cell) for cell in cells), style=style)
    if report.projects:
        console.print(table)
    for line in _feed_lines(report):
        console.print(Text(line))
    for name, warning in finding.warnings:
        console.print(Text(f"  {name}: {warning}", style="yellow"))
    for lamp in report.lamps:
        console.print(Text(f"\n{lamp.name} would show: {lamp.pattern.text}", style="bold"))
        console.print(Text(f"  because {lamp.because}"))
    for name, trouble in finding.troubles:
        console.print(Text(f"  {name}: {trouble}", style="bold red"))


VERDICT_STYLES = {"broken": "red", "passing": "green", "none": "yellow"}


def _span(now: datetime, then: datetime) -> str:
    seconds = max((now - then).total_seconds(), 0.0)
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _feed_lines(report: Report) -> Iterator[str]:
    yield ""
    for feed in report.feeds:
        told = feed.error or count(feed.projects, "project")
        yield f"{feed.name}: {told}  <{feed.url}>"


class Asked:
    """A person at the terminal, who is asked after each step of a walk."""

    def say(self, text: str) -> None:
        """Tell the person something."""
        say(text)

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
        say(text)

    def saw(self, text: str) -> bool:
        """Tell what should be seen, and give the time to see it."""
        say(text)
        time.sleep(self._pause)
        return True

    def saw_instead(self, channels: Sequence[Channel]) -> Channel | None:  # noqa: ARG002
        """Never asked."""
        return None
