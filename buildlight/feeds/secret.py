"""Secrets by name: found where the system keeps them, never in the configuration, never shown."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from buildlight.redaction import MASK
from buildlight.system.paths import configuration_folders

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
        raise ValueError("is no name of a secret; write the name, not the secret itself")
    for place in _files(name):
        value = _read(place)
        if value is not None:
            return _checked(value)
    variable = PREFIX + re.sub(r"[^A-Z0-9]", "_", name.upper())
    if not name.startswith("/") and variable in os.environ:
        return _checked(os.environ[variable])
    if name.startswith("/"):
        raise ValueError("there is no such file for the secret")
    raise ValueError(
        "no secret of this name; give it to the service with LoadCredential, or put it into the "
        f"file {_folders()[-1]}/NAME or into {PREFIX}NAME"
    )


def _folders() -> tuple[Path, ...]:
    return tuple(folder / "secrets" for folder in configuration_folders())


def _files(name: str) -> Iterator[Path]:
    if name.startswith("/"):
        yield Path(name)
        return
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if credentials:
        yield Path(credentials, name)
        yield Path(credentials, FOLDER + name)
    for folder in _folders():
        yield folder / name


def _read(place: Path) -> str | None:
    try:
        with place.open("rb") as file:
            read = file.read(LARGEST + 1)
        if len(read) > LARGEST:
            raise ValueError(_TOO_LONG)
        return read.decode()
    except FileNotFoundError:
        return None
    except PermissionError as exc:
        if os.environ.get("CREDENTIALS_DIRECTORY"):
            raise ValueError(_NOT_HANDED_OVER) from exc
        raise ValueError(f"its file cannot be read: {exc.strerror}") from exc
    except OSError as exc:
        raise ValueError(f"its file cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise ValueError("its file is no text") from None


def _checked(value: str) -> Secret:
    value = value.strip()
    # A line break in a header or an address would let a secret say more than itself.
    if not value or not value.isprintable():
        raise ValueError("the secret has to be one line of text, and not empty")
    if len(value.encode()) > LARGEST:
        raise ValueError(_TOO_LONG)
    return Secret(value)


_NOT_HANDED_OVER = (
    "the service got no secret of this name when it started; put it into /etc/buildlight/secrets, "
    "and then: sudo systemctl restart buildlight"
)
_TOO_LONG = f"the secret is longer than {LARGEST} bytes; is it the right file?"
