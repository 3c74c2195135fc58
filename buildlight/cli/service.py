"""`buildlight service`: installs, removes or shows the systemd service."""

import argparse
import os
import pwd
import sys
from pathlib import Path

from buildlight.cli import FAILED, OK
from buildlight.cli.setup.questions import Conversation
from buildlight.cli.terminal import write_line
from buildlight.service import install, plan, unit_files
from buildlight.service.take_over import take_over_steps
from buildlight.system import paths
from buildlight.system.running_daemon import running_daemons


def main(chosen: argparse.Namespace) -> int:
    """Do the chosen action; returns whether it succeeded or, for status, whether it runs."""
    if chosen.action == "status":
        for daemon in running_daemons():
            if not daemon.service:
                write_line(f"by hand: `buildlight run` runs besides the service, pid {daemon.pid}")
    files, machine = unit_files.find_shipped(), plan.Machine(write_line=write_line)
    if chosen.action == "install":
        take_over(chosen, machine)
    return OK if install.ACTIONS[chosen.action](files, machine, dry_run=chosen.dry_run) else FAILED


def take_over(chosen: argparse.Namespace, machine: plan.Machine) -> None:
    """Copy the configuration of who called sudo, if the service has none and the person agrees."""
    user = os.environ.get("SUDO_UID", "")
    if not user.isdecimal() or paths.configures(machine.at(install.CONFIGURATION)):
        return
    folder = _folder_of(int(user))
    if folder is None or not paths.configures(folder / paths.FILE):
        return
    theirs, agrees = folder / paths.FILE, chosen.take_over
    if agrees is None and not chosen.dry_run and sys.stdin and sys.stdin.isatty():
        question = f"The service cannot read {theirs}. Copy it and its secrets to /etc/buildlight?"
        agrees = Conversation(sys.stdout).agrees(question, flag="--take-over", default=True)
    if not agrees:
        write_line(f"{theirs} is passed over; --take-over copies it, and its secrets")
        return
    steps = take_over_steps(folder, int(user))
    machine.preview(steps) if chosen.dry_run else machine.apply(steps)


def _folder_of(uid: int) -> Path | None:
    try:
        return Path(pwd.getpwuid(uid).pw_dir, ".config", "buildlight")
    except KeyError:
        return None
