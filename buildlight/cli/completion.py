"""`buildlight completion`: prints the completion for a shell, as it was made for this version."""

import argparse
from pathlib import Path

from buildlight.cli import OK
from buildlight.cli.terminal import write_line

SHIPPED = Path(__file__).parents[1] / "shipped" / "completion"
FILES = {"bash": "buildlight.bash", "zsh": "_buildlight", "fish": "buildlight.fish"}


def main(chosen: argparse.Namespace) -> int:
    """Print the completion of the chosen shell."""
    write_line((SHIPPED / FILES[chosen.shell]).read_text("utf-8").rstrip())
    return OK
