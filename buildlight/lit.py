"""Which lights a daemon has lit, written down for whoever darkens them after its end.

The configuration does not tell it any more once somebody has changed it, or made a mistake in it,
and not had it read: a daemon that is killed then would leave an old green for ever.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from buildlight.errors import ConfigError
from buildlight.replaced_file import ReplacedFile
from buildlight.settings import LampSettings, lamp_from_keys

NAME = "lit.json"
PRIVATE = 0o600
"""The keys of somebody's driver may be a secret."""
PATIENCE = 0.3
"""Seconds that a light waits to be written down."""

log = logging.getLogger(__name__)


class LitFile:
    """The file in *folder*, which lies in memory and lives as long as the service."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file = ReplacedFile(self._path, on_trouble=self._warn, mode=PRIVATE)

    def tell(self, lamps: Sequence[LampSettings]) -> None:
        """Write down *lamps*, before they are lit."""
        self._file.write(partial(_document, lamps))
        self._file.close(PATIENCE)

    def _warn(self, sentence: str) -> None:
        log.warning(
            "%s: %s; after a crash, lamps go dark only if the configuration is still the same",
            self._path,
            sentence,
        )


def left_lit(folder: Path) -> tuple[LampSettings, ...]:
    """Return the lamps that the daemon before has written down in *folder*, watching nothing."""
    try:
        rows = json.loads((folder / NAME).read_bytes())
        return tuple(
            replace(lamp_from_keys(row["driver"], row["keys"]), name=row["name"]) for row in rows
        )
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, TypeError, LookupError, RecursionError, ConfigError) as exc:
        log.warning("%s: cannot be used: %s", folder / NAME, type(exc).__name__)
        return ()


def _document(lamps: Sequence[LampSettings]) -> object:
    rows = [{"name": lamp.name, "driver": lamp.driver, "keys": {**lamp.keys}} for lamp in lamps]
    return json.loads(json.dumps(rows, default=str))  # TOML knows dates, JSON does not.
