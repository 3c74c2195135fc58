"""The table of what was measured: one row a figure, as Markdown."""

import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
PACKAGES = ("httpx", "pydantic", "gpiozero", "defusedxml")


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


def line(row: Row) -> str:
    """Return *row* as a line of Markdown."""
    met = "" if not row.goal else "met" if row.met else "**not met**"
    return f"| {row.what} | {row.measured} | {row.goal} | {met} | {row.shown} |"


def markdown(parts: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Yield the lines of the table: those of each part under its title."""
    yield "| figure | measured | goal | | absolute, here |"
    yield "|---|---|---|---|---|"
    for title, lines in parts.items():
        yield f"| **{title}** | | | | |"
        yield from lines


def written(document: str) -> Mapping[str, list[str]]:
    """Return the lines of each part of the table in *document*, by title."""
    parts: dict[str, list[str]] = {}
    lines: list[str] = []
    for each in document.partition(BEGIN)[2].partition(END)[0].splitlines():
        if each.startswith("| **"):
            lines = parts.setdefault(each.split("**")[1], [])
        elif parts and each.startswith("|"):
            lines.append(each)
    return parts


def machine() -> str:
    """Return on what, and with what, the figures were measured."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {_kernel()}, "
        f"Python {platform.python_version()}, {packages}"
    )


def _kernel() -> str:
    """Return the version of the kernel, without what its builder calls it."""
    return ".".join(platform.release().split(".")[:2])


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
