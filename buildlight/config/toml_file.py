"""The file of a configuration, as TOML has it: tables and values that nobody has checked."""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from buildlight.errors import ConfigError


def read_document(path: Path) -> Mapping[str, Any]:
    """Return what is in the file at *path*; raises :class:`ConfigError` if it is no TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"{path}: is no text in UTF-8") from exc
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path}: is no TOML: {exc}") from exc
    except (ValueError, RecursionError) as exc:
        raise ConfigError(f"{path}: has a number that is too long, or is nested too deep") from exc
