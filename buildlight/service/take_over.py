"""A user's own configuration, which the service takes over: it cannot read a home folder."""

import os
import stat
from pathlib import Path

from buildlight.errors import ServiceError
from buildlight.service.install import CONFIGURATION, SECRETS
from buildlight.service.plan import Folder, Step, Write

LARGEST = 1024 * 1024
"""Bytes of a file that is taken over."""


def take_over_steps(folder: Path, uid: int) -> tuple[Step, ...]:
    """Return what copies the configuration in *folder* of user *uid*, and its secrets.

    Only regular files of that user are read: what is copied is readable for everybody. Raises
    :class:`ServiceError` for any other.
    """
    secrets = sorted((folder / "secrets").glob("[!.]*")) if (folder / "secrets").is_dir() else []
    return (
        Folder(CONFIGURATION.parent, 0o755),
        Write(CONFIGURATION, _read(folder / CONFIGURATION.name, uid)),
        Folder(SECRETS, 0o700),
        *(Write(SECRETS / file.name, _read(file, uid), 0o600) for file in secrets),
    )


def _read(path: Path, uid: int) -> bytes:
    try:
        # Neither a link nor a pipe, whoever put it there meanwhile.
        with open(path, "rb", opener=_open) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_uid != uid or found.st_size > LARGEST:
                raise ServiceError(f"{path}: is not a file of its owner, or too large")
            return file.read(LARGEST)
    except OSError as exc:
        raise ServiceError(f"{path}: cannot be taken over: {exc.strerror}") from exc


def _open(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY)
