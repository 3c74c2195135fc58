"""`buildlight service`: installs, removes or shows the systemd service."""

import argparse

from buildlight.cli import FAILED, OK
from buildlight.cli.terminal import write_line
from buildlight.service import install, plan, unit_files
from buildlight.system.running_daemon import running_daemons


def main(chosen: argparse.Namespace) -> int:
    """Do the chosen action; returns whether it succeeded or, for status, whether it runs."""
    if chosen.action == "status":
        for daemon in running_daemons():
            if not daemon.service:
                write_line(f"by hand: `buildlight run` runs besides the service, pid {daemon.pid}")
    files, machine = unit_files.find_shipped(), plan.Machine(write_line=write_line)
    return OK if install.ACTIONS[chosen.action](files, machine, dry_run=chosen.dry_run) else FAILED
