"""Measure everything, or the parts that are named, and write the table.

    python tests/benchmarks [PART …] [--write FILE]

Parts: parsing, polls, start, memory, idle, reaction, scale, forges, fleet. With --write the table
is put between the marks in FILE, docs/performance.md; a part that was not measured keeps what it
had.
"""

import argparse
import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from table import line, machine, markdown, replaced, written

PARTS: Mapping[str, str] = {
    "parsing": "Parsing a feed",
    "polls": "A poll that changed nothing",
    "start": "Start",
    "memory": "Memory",
    "idle": "Idle",
    "reaction": "Reaction, against a fixed interval with as many requests a day",
    "scale": "Scale",
    "forges": "GitHub",
    "fleet": "MQTT, all on one machine",
}


def main() -> int:
    """Measure, and tell."""
    arguments = argparse.ArgumentParser(description="Measure buildlight.")
    arguments.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    arguments.add_argument("--write", type=Path, metavar="FILE", help="put the table into FILE")
    arguments.add_argument(
        "--alternatives", action="store_true", help="say what cleverer paces would be worth"
    )
    chosen = arguments.parse_args()
    unknown = sorted({*chosen.parts} - PARTS.keys())
    if unknown:
        arguments.error(f"no such part: {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    if chosen.alternatives:
        sys.stdout.writelines(f"{line}\n" for line in importlib.import_module("reaction").worth())
        return 0
    measured = {PARTS[part]: _measured(part) for part in chosen.parts or PARTS}
    on = f"Measured{_only(chosen.parts)} on: {machine()}."
    sys.stdout.writelines(f"{each}\n" for each in [*markdown(measured), "", on])
    if chosen.write is not None:
        document = chosen.write.read_text(encoding="utf-8")
        known = {**written(document), **measured}
        parts = {title: known[title] for title in PARTS.values() if title in known}
        lines = [*markdown(parts), "", on]
        chosen.write.write_text(replaced(document, lines), encoding="utf-8")
    return 0


def _only(parts: Sequence[str]) -> str:
    """Return which *parts* were measured, if the others are of earlier runs."""
    return f" last ({', '.join(parts)})" if parts else ""


def _measured(part: str) -> Sequence[str]:
    sys.stderr.write(f"{part} …\n")
    return [line(row) for row in importlib.import_module(part).rows()]


if __name__ == "__main__":
    sys.exit(main())
