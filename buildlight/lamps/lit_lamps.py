"""The list of lit lights in a file, from which `buildlight off` darkens them after a crash.

The configuration is not enough: it may have been changed since the daemon read it, or may have a
mistake. Then a killed daemon would leave an old green for ever.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from buildlight.lamps.settings import LampSettings
from buildlight.system.atomic_file import AtomicFile

NAME = "lit.json"
PRIVATE = 0o600
"""The mode of the file: keys of a plug-in's driver may be secret."""
PATIENCE = 0.3
"""Seconds that a light waits until it is recorded."""

log = logging.getLogger(__name__)


class LitLampsFile:
    """The file in *folder*, which is in memory and lasts as long as the service."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file = AtomicFile(self._path, on_trouble=self._warn, mode=PRIVATE)

    def tell(self, lamps: Sequence[LampSettings]) -> None:
        """Record *lamps* before they are lit."""
        self._file.write(partial(_document, lamps))
        self._file.close(PATIENCE)

    def _warn(self, sentence: str) -> None:
        log.warning(
            "%s: %s; after a crash, lamps go dark only if the configuration is still the same",
            self._path,
            sentence,
        )


@dataclass(frozen=True, slots=True)
class LitLamp:
    """A recorded lamp: its *driver*, and the *keys* of its light."""

    name: str
    driver: str
    keys: Mapping[str, Any]


def left_lit(folder: Path) -> tuple[LitLamp, ...]:
    """Return the lamps that the previous daemon recorded in *folder*."""
    file = folder / NAME
    try:
        rows = json.loads(file.read_bytes())
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, RecursionError) as exc:
        log.warning("%s: cannot be read: %s", file, type(exc).__name__)
        return ()
    # Row by row, so that the other lamps go dark if one row is damaged.
    found = [_lamp(row, file) for row in (rows if isinstance(rows, list) else [rows])]
    return tuple(lamp for lamp in found if lamp is not None)


def _lamp(row: Any, file: Path) -> LitLamp | None:
    match row:
        case {"name": str(name), "driver": str(driver), "keys": dict(keys)}:
            return LitLamp(name, driver, keys)
    log.warning("%s: a lamp in it cannot be read, and is not darkened", file)
    return None


def _document(lamps: Sequence[LampSettings]) -> object:
    rows = [{"name": lamp.name, "driver": lamp.driver, "keys": {**lamp.keys}} for lamp in lamps]
    return json.loads(json.dumps(rows, default=str))  # TOML has dates, JSON does not.
