"""Which lights a daemon has lit, in memory: after a crash they are to be darkened, and no others.

The configuration may have been changed since, and may be wrong by then.
"""

import json
import logging
from collections.abc import Iterable
from pathlib import Path

from buildlight.errors import ConfigError
from buildlight.replaced_file import ReplacedFile
from buildlight.settings import LampSettings, lamps_from

NAME = "lit.json"
PRIVATE = 0o600

log = logging.getLogger(__name__)


class LitFile:
    """The file in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._file = ReplacedFile(self._path, on_trouble=self._warn, mode=PRIVATE)
        self._warned = False

    def keep(self, lamps: Iterable[LampSettings]) -> None:
        """Have the lights of *lamps* written, as they are configured."""
        tables = [{"name": lamp.name, "driver": lamp.driver, **lamp.keys} for lamp in lamps]
        self._file.write(lambda: {"lamps": tables})

    def _warn(self, sentence: str) -> None:
        if not self._warned:
            log.warning("%s: %s; after a crash `buildlight off` has to guess", self._path, sentence)
        self._warned = True


def read_lit(folders: Iterable[Path]) -> tuple[LampSettings, ...] | None:
    """Return the lamps that a daemon had lit last, of the first of *folders* that tells.

    ``None`` if none does, or not to this user.
    """
    for folder in folders:
        try:
            document = json.loads((folder / NAME).read_bytes())
            return lamps_from(document) if isinstance(document, dict) else None
        except (OSError, ValueError, ConfigError):
            continue  # Another folder, and at last the configuration, may still say it.
    return None
