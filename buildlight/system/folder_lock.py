"""Lets only one daemon use a state folder, because two would overwrite each other's state."""

import fcntl
import os
from pathlib import Path

from buildlight.errors import FolderInUse
from buildlight.system.running_daemon import is_service

NAME = "daemon.pid"


def lock_folder(folder: Path) -> int | None:
    """Lock *folder* for the life of this process and return the open file.

    ``None`` if no file can be made: then no state can be written either. Raises
    :class:`FolderInUse` if another process holds the lock.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(file, 0)
        os.write(file, f"{os.getpid()}\n".encode())
    except BlockingIOError:
        pid = os.read(file, 20).decode("ascii", "replace").strip()
        os.close(file)
        raise FolderInUse(_in_use(folder, pid)) from None
    except OSError:
        os.close(file)
        return None
    return file


def _in_use(folder: Path, pid: str) -> str:
    service = pid.isdecimal() and is_service(int(pid))
    stop = "sudo systemctl stop buildlight" if service else f"kill {pid or 'PID'}"
    return (
        f"another buildlight (pid {pid or 'unknown'}) keeps its state in {folder}; stop it with "
        f"`{stop}`, or give each its own folder in STATE_DIRECTORY"
    )
