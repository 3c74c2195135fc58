"""`buildlight hours`: lists when each lamp's office opens and closes next."""

import argparse
from itertools import islice

from buildlight.cli import OK
from buildlight.cli.terminal import write_line
from buildlight.config import settings
from buildlight.daemon.daemon import time_of_day
from buildlight.hours import switches
from buildlight.system import paths

SWITCHES = 10
"""Number of openings and closings that are listed for a lamp."""


def main(chosen: argparse.Namespace) -> int:
    """Print the openings and closings of each lamp."""
    for lamp in settings.load_settings(paths.find_file(chosen.config)).lamps:
        if lamp.hours is None:
            write_line(f"{lamp.name}: always open")
            continue
        write_line(f"{lamp.name}:")
        for moment, opens in islice(switches(lamp.hours, time_of_day()), SWITCHES):
            write_line(f"  {moment:%a %Y-%m-%d %H:%M %Z}  {'opens' if opens else 'closes'}")
    return OK
