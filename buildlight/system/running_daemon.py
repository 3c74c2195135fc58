"""Finds another buildlight among the processes of this machine."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

PROC = Path("/proc")
UNIT = "buildlight.service"


@dataclass(frozen=True, slots=True)
class RunningDaemon:
    """A running ``buildlight run``; *service* if systemd started it.

    *config* is the configuration that its arguments name, if they name one.
    """

    pid: int
    service: bool
    config: str | None = field(default=None, compare=False)

    def __str__(self) -> str:
        if self.service:
            return (
                f"the buildlight service has it (pid {self.pid}); stop it with "
                "`sudo systemctl stop buildlight`, and start it again afterwards"
            )
        return f"another `buildlight run` has it (pid {self.pid}); stop it with `kill {self.pid}`"


def find_running_daemon(proc: Path = PROC, *, pid: int | None = None) -> RunningDaemon | None:
    """Return another running ``buildlight run``, if there is one; with *pid*, only that process.

    *proc* is the kernel's folder of processes. Processes that are hidden from this user are not
    found.
    """
    return next(running_daemons(proc, pids=None if pid is None else (pid,)), None)


def running_daemons(
    proc: Path = PROC, *, pids: Iterable[int] | None = None
) -> Iterator[RunningDaemon]:
    """Yield every other ``buildlight run``, or those of *pids*."""
    for each in map(int, (folder.name for folder in proc.glob("[0-9]*"))) if pids is None else pids:
        arguments = _read(proc / str(each) / "cmdline").split("\0")
        if each != os.getpid() and _runs_buildlight(arguments):
            yield RunningDaemon(each, is_service(each, proc), _config(arguments))


def is_service(pid: int, proc: Path = PROC) -> bool:
    """Return whether systemd started process *pid* as the buildlight service."""
    return UNIT in _read(proc / str(pid) / "cgroup")


def _runs_buildlight(arguments: list[str]) -> bool:
    names = [Path(argument).name for argument in arguments]
    return any(pair == ("buildlight", "run") for pair in pairwise(names))


def _config(arguments: list[str]) -> str | None:
    for argument, following in pairwise([*arguments, ""]):
        name, _, value = argument.partition("=")
        if name == "--config":
            return value or following
    return None


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""  # The process has ended meanwhile.
