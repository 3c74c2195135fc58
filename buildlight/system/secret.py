"""Secrets by name: found where the system keeps them, never in the configuration, never shown."""

import errno
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from buildlight.redaction import MASK, looks_random, scrub
from buildlight.system.paths import configuration_folders
from buildlight.system.regular_file import read_regular_file

PREFIX = "BUILDLIGHT_SECRET_"
FOLDER = "secret_"
"""What systemd puts before the name of a credential that is a file of a whole folder: the id of
``LoadCredential=secret:/etc/buildlight/secrets``, and a line."""
LARGEST = 4096
"""Largest secret in bytes; a longer one is a file that was named by mistake."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that was found; printing it shows nothing."""

    value: str

    def __repr__(self) -> str:
        return MASK


def find_secret(name: object) -> Secret:
    """Return the secret called *name*, or the one in the file at the absolute path *name*.

    By name it is looked for among systemd's credentials (``$CREDENTIALS_DIRECTORY``), in the
    folder ``secrets`` beside the system's and the user's configuration, and in the environment
    (``BUILDLIGHT_SECRET_NAME``). Raises :class:`ValueError` with a remedy.
    """
    if not isinstance(name, str) or not (_NAME.fullmatch(name) or name.startswith("/")):
        raise ValueError("is not the name of a secret; write the name, not the secret itself")
    files = tuple(_files(name))
    for file in files:
        value = _read(file)
        if value is not None:
            return checked_secret(value)
    if name.startswith("/"):
        raise ValueError("the file does not exist")
    variable = PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())
    if variable in os.environ:
        return checked_secret(os.environ[variable])
    places = ", ".join(map(str, files))
    told = f"secret {name} not found; looked in {places} and the variable {variable}"
    # A token in the place of its name is not repeated.
    raise ValueError(scrub(told, {name, variable}) if looks_random(name) else told)


def checked_secret(value: str) -> Secret:
    """Return *value* as a secret, without white space around it; raises :class:`ValueError`."""
    value = value.strip()
    # A line break in a header or an address would let a secret say more than itself.
    if not value or not value.isprintable():
        raise ValueError("the secret has to be one line of text, and not empty")
    if len(value.encode()) > LARGEST:
        raise ValueError(_TOO_LONG)
    return Secret(value)


def _files(name: str) -> Iterator[Path]:
    if name.startswith("/"):
        yield Path(name)
        return
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials:
        yield Path(credentials, name)
        yield Path(credentials, FOLDER + name)
    for folder in configuration_folders():
        yield folder / "secrets" / name


def _read(file: Path) -> str | None:
    try:
        return read_regular_file(file, limit=LARGEST).decode()
    except FileNotFoundError:
        return None
    except PermissionError as exc:
        if os.environ.get("CREDENTIALS_DIRECTORY"):
            raise ValueError(_NOT_HANDED_OVER) from exc
        raise ValueError(_unreadable(file, exc)) from exc
    except OSError as exc:
        if exc.errno == errno.EFBIG:
            raise ValueError(_TOO_LONG) from exc
        if exc.errno == errno.ENAMETOOLONG:  # Not a name, but perhaps the secret itself.
            return None
        raise ValueError(_unreadable(file, exc)) from exc
    except UnicodeDecodeError:
        raise ValueError(f"{file} is not text") from None


def _unreadable(file: Path, exc: OSError) -> str:
    return f"cannot read {file}: {(exc.strerror or type(exc).__name__).lower()}"


_NOT_HANDED_OVER = (
    "the service got no secret of this name when it started; put it into /etc/buildlight/secrets, "
    "and then: sudo systemctl restart buildlight"
)
_TOO_LONG = f"the secret is longer than {LARGEST} bytes; is it the right file?"
