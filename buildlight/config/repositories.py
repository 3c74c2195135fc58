"""The key ``repos`` of a ``[[feeds]]`` table, which stands for one table each."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from buildlight.errors import ConfigError
from buildlight.feeds import kind_of, load_kind
from buildlight.feeds.forge.options import ForgeOptions

KEY = "repos"


class WrittenTable(NamedTuple):
    """A table to check; *place* is that of its address in ``repos``, if it comes from there."""

    keys: Mapping[str, Any]
    place: int | None = None

    def path_of(self, path: tuple[str | int, ...]) -> tuple[str | int, ...]:
        """Return where the key at *path* is written in the file."""
        *table, key = path
        of_address = self.place is not None and key == "url"
        return (*table, KEY, self.place or 0) if of_address else path


def expand(table: Mapping[str, Any]) -> Sequence[WrittenTable]:
    """Return *table*, or one table for each of its ``repos``.

    Raises :class:`ValueError` with a sentence about ``repos``.
    """
    if KEY not in table:
        return (WrittenTable(table),)
    repositories = table[KEY]
    if not isinstance(repositories, list) or not all(isinstance(r, str) for r in repositories):
        raise ValueError("should be a list of strings")
    if not repositories:
        raise ValueError("is empty; write OWNER/NAME of each repository")
    for key in ("url", "name"):
        if key in table:
            raise ValueError(
                f"is a feed for each repository; remove {key}, or write a table for each"
            )
    rest = {key: value for key, value in table.items() if key != KEY}
    return tuple(
        WrittenTable({**rest, "url": _address(table.get("kind"), repository)}, place)
        for place, repository in enumerate(repositories)
    )


def _address(kind: object, repository: str) -> str:
    try:
        options = load_kind(kind if isinstance(kind, str) else kind_of(repository)).Options
    except ConfigError:
        return repository  # That the kind is wrong is said where the table is checked.
    if not issubclass(options, ForgeOptions):
        raise ValueError('needs a kind that reads repositories, such as kind = "github"')  # noqa: TRY004
    return options.address_of(repository)
