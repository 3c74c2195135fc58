"""Figures that the proofs leave behind, and the report that is made of them.

With ``PROOF_FIGURES`` set to a folder, each figure is a file of lines in it.
``python tests/support/figures.py FOLDER`` prints the report; ``--write docs/proof.md``
puts the figures between the marks of that page.
"""

import argparse
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

FOLDER = "PROOF_FIGURES"
BEGIN, END = "<!-- figures: tests/proof/prove --write -->", "<!-- end of figures -->"
COLUMNS = ("at start", "was passing", "was broken", "while green")
SCORE = re.compile(r"^Score: (.+)$", re.MULTILINE)


def note(figure: str, line: str) -> None:
    """Add *line* to *figure*, if somebody collects figures."""
    folder = os.environ.get(FOLDER)
    if folder:
        with (Path(folder) / figure).open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")


def lines(folder: Path, figure: str) -> list[str]:
    """Return the lines of *figure*, none if nobody noted any."""
    file = folder / figure
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def table(folder: Path) -> Iterator[str]:
    """Yield the table of faults by what the lamp showed before, in Markdown."""
    rows: dict[str, dict[str, str]] = {}
    told: dict[str, str] = {}
    cut = []
    for line in lines(folder, "cells"):
        name, column, signal, sentence = (part.strip() for part in line.split(" | "))
        if name.startswith("cut after byte"):
            cut.append(signal)
            continue
        rows.setdefault(name, {})[column] = signal
        told[name] = max(told.get(name, ""), sentence, key=len)
    yield f"| fault | {' | '.join(COLUMNS)} | what a person is told |"
    yield "|---" * (len(COLUMNS) + 2) + "|"
    for name, signals in rows.items():
        cells = " | ".join(signals.get(column, "") for column in COLUMNS)
        yield f"| {name} | {cells} | {told[name]} |"
    if cut:
        yield f"| cut after any of {len(cut)} bytes | | | {', '.join(sorted({*cut}))} | | … |"


def figures(folder: Path) -> Iterator[str]:
    """Yield the figures, one a line."""
    cells = len(lines(folder, "cells"))
    yield f"| faults of feeds and lights, by what the lamp showed before | {cells} cells |"
    steps = sum(map(int, lines(folder, "steps")))
    yield f"| the whole daemon against an oracle, on virtual time | {steps:,} random steps |"
    runs = [line.split(" ") for line in lines(folder, "executions")]
    each = ", ".join(f"{name} {int(count):,}" for name, count in runs)
    total = sum(int(count) for _, count in runs)
    yield f"| fuzzing, guided by coverage | {total:,} executions ({each}) |"
    readme = Path(__file__).parents[1] / "README.md"
    score = SCORE.search(readme.read_text(encoding="utf-8")) if readme.exists() else None
    yield f"| mutants of the pure core | {score[1] if score else 'not counted'} |"
    samples = sum(map(int, lines(folder, "soak")))
    yield f"| a soak in rotating faults, a sample a second | {samples} samples, flat |"
    covered = lines(folder, "coverage")
    yield f"| branch coverage of the pure modules | {covered[-1] if covered else 'not measured'} |"


def written(text: str, new: Iterable[str]) -> str:
    """Return *text* with *new* lines between the marks."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"no place for the figures: write {BEGIN} and {END}")
    head = "| proof | last run |\n|---|---|"
    return "\n".join([before + BEGIN, head, *new, END + after])


def main() -> None:
    """Print the report, and copy the figures if that is asked for."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--write", type=Path)
    chosen = options.parse_args()
    sys.stdout.write("\n".join([*table(chosen.folder), "", *figures(chosen.folder), ""]))
    if chosen.write is not None:
        text = chosen.write.read_text(encoding="utf-8")
        chosen.write.write_text(written(text, figures(chosen.folder)), encoding="utf-8")


if __name__ == "__main__":
    main()
