"""Changes to a machine as values, which can be shown or applied."""

import os
import shlex
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from buildlight.errors import ServiceError


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder that has to exist, with this mode."""

    path: Path
    mode: int


@dataclass(frozen=True, slots=True)
class Write:
    """A file of this program, with its content."""

    path: Path
    content: bytes
    mode: int = 0o644


@dataclass(frozen=True, slots=True)
class Offer:
    """A file that the owner of the machine may change: written only if it does not exist."""

    path: Path
    content: bytes


@dataclass(frozen=True, slots=True)
class Remove:
    """A file, or a folder with its content, to be removed."""

    path: Path


@dataclass(frozen=True, slots=True)
class Clear:
    """A folder to be removed if it is empty."""

    path: Path


@dataclass(frozen=True, slots=True)
class Command:
    """A program to run; *vain*: its failure is ignored, because it may have nothing to do."""

    command: tuple[str, ...]
    vain: bool = False


Change: TypeAlias = Folder | Write | Offer | Remove | Clear
Step: TypeAlias = Change | Command
Ended: TypeAlias = "subprocess.CompletedProcess[str]"


class Outcome(NamedTuple):
    """The words for a change before it is made, and after."""

    before: str
    after: str


WRITE = Outcome("would write", "wrote")
MAKE = Outcome("would make", "made")
REMOVE = Outcome("would remove", "removed")
KEEP = Outcome("would keep", "kept")
NOTHING = Outcome("is not there:", "was not there:")


def run(command: Sequence[str]) -> Ended:
    """Run a program of the system, and return its output."""
    try:
        return subprocess.run(  # noqa: S603 - fixed commands, without a shell
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    except FileNotFoundError as exc:
        raise ServiceError(f"there is no {command[0]}; this needs a machine with systemd") from exc


@dataclass(frozen=True, slots=True)
class Machine:
    """Applies steps and writes a line about each.

    Tests replace *root* by a folder, *runner* by a function and *user* by any number.
    """

    write_line: Callable[[str], None]
    root: Path = Path("/")
    runner: Callable[[Sequence[str]], Ended] = run
    user: int = field(default_factory=os.geteuid)

    def at(self, path: Path) -> Path:
        """Return *path* below the root."""
        return self.root / path.relative_to("/")

    def has(self, path: Path) -> bool:
        """Return whether *path* exists; a broken link counts."""
        return os.path.lexists(self.at(path))

    def reads(self, path: Path) -> bytes | None:
        """Return the content of a file; ``None`` if it cannot be read."""
        try:
            return self.at(path).read_bytes()
        except OSError:
            return None

    def preview(self, steps: Iterable[Step]) -> None:
        """Write what *step* would do."""
        for step in steps:
            if isinstance(step, Command):
                self.write_line(f"would run {shlex.join(step.command)}")
            else:
                self.write_line(f"{self._outcome(step).before} {step.path}")

    def apply(self, steps: Iterable[Step]) -> None:
        """Apply *step* and write what was done; raises :class:`ServiceError` if it fails."""
        for step in steps:
            if isinstance(step, Command):
                self._run(step)
                continue
            outcome = self._outcome(step)
            if outcome not in (KEEP, NOTHING):
                try:
                    _change(step, self.at(step.path))
                except OSError as exc:
                    raise ServiceError(f"{step.path}: {exc.strerror}") from exc
            self.write_line(f"{outcome.after} {step.path}")

    def _run(self, step: Command) -> None:
        command, ended = shlex.join(step.command), self.runner(step.command)
        if ended.returncode == 0:
            self.write_line(f"ran {command}")
        elif not step.vain:
            said = " ".join(ended.stderr.split()) or f"exit status {ended.returncode}"
            raise ServiceError(f"{command}: {said}")

    def _outcome(self, step: Change) -> Outcome:
        """Return the outcome of *step* on this machine."""
        there = self.has(step.path)
        match step:
            case Write(content=content):
                return KEEP if self.reads(step.path) == content else WRITE
            case Offer():
                return KEEP if there else WRITE
            case Folder(mode=mode):
                found = self.at(step.path).stat().st_mode if there else 0
                return KEEP if stat.S_IMODE(found) == mode else MAKE
            case Remove():
                return REMOVE if there else NOTHING
            case Clear():
                full = there and any(self.at(step.path).iterdir())
                return KEEP if full else REMOVE if there else NOTHING


def _change(step: Change, path: Path) -> None:
    match step:
        case Write(content=content, mode=mode):
            _write(path, content, mode)
        case Offer(content=content):
            _write(path, content, 0o644)
        case Folder(mode=mode):
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(mode)
        case Remove() if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        case Remove():
            path.unlink()
        case Clear():
            path.rmdir()


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a file with this *mode*, as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)  # It may be left of a write that failed.
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    new.chmod(mode)
    new.replace(path)
