"""The mistakes of a configuration: gathered, told with the path of the key, never its value."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from buildlight.errors import ConfigError
from buildlight.redaction import printable

TableT = TypeVar("TableT", bound=BaseModel)


class Problems:
    """Problems gathered so far, so that all can be told at once."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, path: str, sentence: str) -> None:
        """Add one mistake at the key *path*."""
        # A key may be written with anything in it, which a terminal would obey.
        path = printable(path, limit=200)
        self._found.append(f"{path}: {sentence}" if path else sentence)

    def at(
        self, path: str, *, known: Sequence[str] = (), called: Mapping[str, str] | None = None
    ) -> "_Gathering":
        """Gather what is raised in this context about the table at *path*.

        *known* are the table's keys, *called* the names of those that stand elsewhere.
        """
        return _Gathering(self, path, known, called or {})

    def checked(self, model: type[TableT], path: str, table: Mapping[str, Any]) -> TableT | None:
        """Return the table at *path* without its wrong keys, which are gathered.

        ``None`` if it cannot be without one of them.
        """
        try:
            return model.model_validate(table)
        except ValidationError as exc:
            wrong = {error["loc"][0] for error in exc.errors(include_input=False)}
            with self.at(path):
                raise
        with suppress(ValidationError):
            return model.model_validate({key: table[key] for key in table.keys() - wrong})
        return None

    def raise_any(self) -> None:
        """Raise :class:`ConfigError` if there is a mistake."""
        if self._found:
            raise ConfigError(*self._found)


class _Gathering:
    # A class, not @contextmanager: type checkers then know that it swallows what it gathers.
    def __init__(
        self, mistakes: Problems, path: str, known: Sequence[str], called: Mapping[str, str]
    ) -> None:
        self._mistakes = mistakes
        self._path = path
        self._known = known
        self._called = called

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        exc: BaseException | None,
        _trace: TracebackType | None,
    ) -> bool:
        if isinstance(exc, ValidationError):
            for error in exc.errors(include_input=False, include_url=False):
                sentence = _sentence(error["type"], error["msg"], self._known)
                key = _key(self._path, error["loc"])
                self._mistakes.add(self._called.get(key, key), sentence)
        elif isinstance(exc, ConfigError):
            for mistake in exc.mistakes:
                self._mistakes.add(self._path, mistake)
        else:
            return False
        return True


def unknown_key(known: Sequence[str]) -> str:
    """Return what to say of a key that is none of *known*."""
    return f"unknown key; known are: {', '.join(known)}"


def _key(path: str, loc: Sequence[int | str]) -> str:
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":
            path += f".{part}" if path else part
    return path


# What pydantic says in Python's words, in TOML's.
_PLAIN: Mapping[str, str] = {
    "missing": "is missing",
    "tuple_type": "should be a list",
    "dict_type": "should be a table",
    "mapping_type": "should be a table",
    "model_type": "should be a table",
    "string_type": "should be a text",
}


def _sentence(kind: str, message: str, known: Sequence[str]) -> str:
    if kind == "extra_forbidden":
        return unknown_key(known)
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    message = message.removeprefix("Input ")
    return message[:1].lower() + message[1:]
