"""The table of what was measured: one row a figure, as Markdown."""

import os
import platform
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
PACKAGES = ("httpx", "pydantic", "pydantic-settings", "gpiozero", "defusedxml")


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: a ratio or a count that is judged, and absolute figures that are only *shown*."""

    what: str
    measured: str
    goal: str
    met: bool
    shown: str = ""


def times(ratio: float, more: str = "") -> str:
    """Return *ratio* as a person reads it."""
    digits = 0 if ratio >= 20 else 2
    return f"{ratio:.{digits}f} times" + (f" {more}" if more else "")


def markdown(parts: Iterable[tuple[str, Iterable[Row]]]) -> Iterator[str]:
    """Yield the lines of the table; each of *parts* has a title."""
    yield "| figure | measured | goal | | absolute, here |"
    yield "|---|---|---|---|---|"
    for title, rows in parts:
        yield f"| **{title}** | | | | |"
        for row in rows:
            met = "met" if row.met else "**not met**"
            yield f"| {row.what} | {row.measured} | {row.goal} | {met} | {row.shown} |"


def machine() -> str:
    """Return on what, and with what, the figures were measured."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, {packages}"
    )


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def replaced(document: str, lines: Iterable[str]) -> str:
    """Return *document* with *lines* between the marks; raises ValueError without them."""
    before, _, rest = document.partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise ValueError(f"no {BEGIN} … {END} to write between")
    return "".join([before, BEGIN, "\n", *(f"{line}\n" for line in lines), END, after])
