"""Processes to measure: what they cost is read from the kernel, not from the clock on the wall."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

HERE = Path(__file__).parent
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def environment(folder: Path | None = None) -> dict[str, str]:
    """Return the environment of a daemon with mock pins, whose files go to *folder*."""
    kept = {name: text for name, text in os.environ.items() if name not in _SPOILING}
    places = dict.fromkeys(("XDG_RUNTIME_DIR", "RUNTIME_DIRECTORY", "STATE_DIRECTORY"), str(folder))
    return {**kept, "GPIOZERO_PIN_FACTORY": "mock", **(places if folder else {})}


# Without compiled files every import would compile, which no installed program does.
_SPOILING = ("PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "NOTIFY_SOCKET", "WATCHDOG_USEC")


def seconds_of(command: Sequence[str], *, cwd: Path | None = None) -> float:
    """Run *command* to its end; return the seconds of CPU that it took, children not counted."""
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
        process = subprocess.Popen(
            command, cwd=cwd, env=environment(), stdout=nowhere, stderr=nowhere
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime


def interleaved(rounds: int, *measures: Callable[[], float]) -> list[float]:
    """Return the median of each of *measures*, taken in turns, so that noise hits all alike."""
    for measure in measures:
        measure()
    found = [[measure() for measure in measures] for _ in range(rounds)]
    return [median(column) for column in zip(*found, strict=True)]


@dataclass(frozen=True, slots=True)
class Process:
    """A process that runs, as /proc tells of it."""

    pid: int

    def cpu(self) -> float:
        """Return the seconds of CPU that it has used."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def resident(self) -> float:
        """Return its resident memory in MB, with what it has mapped of files."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        sizes = {line.split()[0]: line.split()[1:2] for line in lines if line}
        return int(sizes["VmRSS:"][0]) / 1024

    def wakeups(self) -> dict[str, int]:
        """Return how often each of its threads waited and was woken, by the thread's number."""
        found = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            status = (task / "status").read_text()
            count = next(line for line in status.splitlines() if line.startswith("voluntary"))
            found[task.name] = int(count.split()[1])
        return found


@contextmanager
def python(
    script: str, *arguments: str, cwd: Path | None = None
) -> Iterator[subprocess.Popen[str]]:
    """Run a script of this folder, or code, for as long as the block lasts."""
    code = [str(HERE / script)] if script.endswith(".py") else ["-c", script]
    process = subprocess.Popen(
        [sys.executable, *code, *arguments],
        cwd=cwd,
        env=environment(cwd),
        stdout=subprocess.PIPE,
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextmanager
def folder() -> Iterator[Path]:
    """Return a folder that lasts as long as the block."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)
