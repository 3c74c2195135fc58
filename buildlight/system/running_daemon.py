"""Finds another buildlight among the processes of this machine."""

import os
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

PROC = Path("/proc")
UNIT = "buildlight.service"


@dataclass(frozen=True, slots=True)
class RunningDaemon:
    """A running ``buildlight run``; *service* if systemd started it."""

    pid: int
    service: bool

    def __str__(self) -> str:
        if self.service:
            return (
                f"the buildlight service has it (pid {self.pid}); stop it with "
                "`sudo systemctl stop buildlight`, and start it again afterwards"
            )
        return f"another `buildlight run` has it (pid {self.pid}); stop it with `kill {self.pid}`"


def find_running_daemon(proc: Path = PROC) -> RunningDaemon | None:
    """Return another running ``buildlight run``, if there is one.

    *proc* is the kernel's folder of processes. Processes that are hidden from this user are not
    found.
    """
    for folder in proc.glob("[0-9]*"):
        pid = int(folder.name)
        if pid != os.getpid() and _runs_buildlight(_read(folder / "cmdline").split("\0")):
            return RunningDaemon(pid, service=is_service(pid, proc))
    return None


def is_service(pid: int, proc: Path = PROC) -> bool:
    """Return whether systemd started process *pid* as the buildlight service."""
    return UNIT in _read(proc / str(pid) / "cgroup")


def _runs_buildlight(arguments: list[str]) -> bool:
    names = [Path(argument).name for argument in arguments]
    return any(pair == ("buildlight", "run") for pair in pairwise(names))


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # The process has ended meanwhile.
