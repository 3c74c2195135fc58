"""Reads files that a configuration names, only if they are regular and small."""

import errno
import os
import stat
from pathlib import Path


def read_regular_file(path: Path, *, limit: int) -> bytes:
    """Return the content of *path*.

    Raises :class:`OSError` with a sentence in ``strerror`` for a pipe or device, which may block,
    and for more than *limit* bytes.
    """
    with open(path, "rb", opener=_open_without_waiting) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if found.st_size > limit:
            raise OSError(errno.EFBIG, f"larger than {limit // 1024} KiB", str(path))
        # Not read(limit): Python would first allocate all that memory.
        return file.read(found.st_size)


def _open_without_waiting(path: str, flags: int) -> int:
    # Opening a pipe that nobody writes to would wait for ever.
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)
