"""The files that `buildlight init` leaves: written whole, never over another, or taken back."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from buildlight.errors import ConfigError

FOR_ALL, FOR_THE_OWNER = 0o644, 0o600


class Files:
    """Files and folders that are made inside a ``with`` block, and gone if it does not end well."""

    def __init__(self) -> None:
        self._made: list[Path] = []
        self._moved: list[tuple[Path, Path]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if error is None:
            return
        for path in reversed(self._made):
            with suppress(OSError):  # A folder in which somebody else put something stays.
                path.rmdir() if path.is_dir() else path.unlink()
        for before, now in self._moved:
            with suppress(OSError):
                now.rename(before)

    def write(self, path: Path, text: str, *, mode: int) -> None:
        """Write *text* into a new file; folders that are missing are made.

        Raises :class:`ConfigError` if there is a file already, or if it cannot be written.
        """
        with _explained(path):
            self._make_folder(path.parent, 0o700 if mode == FOR_THE_OWNER else 0o755)
            new = path.with_name(f".{path.name}.{os.getpid()}")
            file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            self._made.append(new)
            with os.fdopen(file, "w", encoding="utf-8") as stream:
                os.fchmod(file, mode)
                stream.write(text)
                stream.flush()
                os.fsync(file)
            _name(new, path)
            self._made[-1] = path

    def set_aside(self, path: Path) -> Path:
        """Rename *path*, which holds nothing but comments, and return its new name."""
        number, aside = 1, path.with_name(f"{path.name}.bak")
        while aside.exists():
            number, aside = number + 1, path.with_name(f"{path.name}.bak{number}")
        with _explained(path):
            path.rename(aside)
        self._moved.append((path, aside))
        return aside

    def _make_folder(self, folder: Path, mode: int) -> None:
        missing = [each for each in (folder, *folder.parents) if not each.exists()]
        for each in reversed(missing):
            each.mkdir()
            self._made.append(each)
            each.chmod(mode if each == folder else 0o755)  # Whatever the umask is.


def _name(new: Path, path: Path) -> None:
    """Give the file *new* its name, unless there is a file of this name."""
    try:
        os.link(new, path)
    except FileExistsError:
        raise
    except OSError:  # A FAT file system, such as that of /boot, has no links.
        if path.exists():
            raise FileExistsError(path) from None
        new.rename(path)
    else:
        new.unlink()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise ConfigError(f"{path}: there is a file already; it stays as it is") from None
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be written: {exc.strerror}") from exc
