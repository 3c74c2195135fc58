"""Problems of a configuration: each names its key, never the value."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings

from buildlight.errors import ConfigError
from buildlight.redaction import printable

TableT = TypeVar("TableT", bound=BaseModel)
ValueT = TypeVar("ValueT")

OPTIONS = "options"
"""The field for the keys of the kind or driver; in the file they are in the table itself."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake at the key *path* (``lamps[0].pins.red``)."""

    path: str
    sentence: str

    def __str__(self) -> str:
        # A key can hold control characters, which a terminal would interpret.
        path = printable(self.path, limit=200)
        return f"{path}: {self.sentence}" if path else self.sentence


class Table(BaseModel):
    """A table of the configuration."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, arbitrary_types_allowed=True
    )


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """Return the keys of *model*, spelt as in the file."""
    return tuple(
        field.alias or name for name, field in model.model_fields.items() if name != OPTIONS
    )


def validated(
    model: type[TableT], path: str, table: Any, problems: list[Problem], *, context: Any = None
) -> TableT | None:
    """Return the *table* at *path* as a *model*; ``None`` if it has problems, which are added.

    *context* is what its validators need from other tables.
    """
    try:
        if issubclass(model, BaseSettings):
            return model(**table)  # Its constructor also reads the environment.
        return model.model_validate(table, context=context)
    except ValidationError as exc:
        problems += [
            Problem(_path(path, loc), sentence) for loc, sentence in _sentences(exc, model)
        ]
        return None


def in_plain_words(
    exc: ValidationError, model: type[BaseModel], *, known: Collection[str]
) -> ValidationError:
    """Return *exc*, raised by *model*, with sentences in TOML's terms.

    *known* are the keys of the table besides those of *model*.
    """
    return ValidationError.from_exception_data(
        exc.title,
        [
            InitErrorDetails(
                type=PydanticCustomError("problem", "{sentence}", {"sentence": sentence}),
                loc=loc,
                input=None,
            )
            for loc, sentence in _sentences(exc, model, known)
        ],
        hide_input=True,
    )


def text_of(parse: Callable[[str], ValueT]) -> Callable[[object], ValueT]:
    """Return *parse* as a validator for pydantic: it takes any value and raises ValueError."""

    def parse_text(value: object) -> ValueT:
        if not isinstance(value, str):
            raise ValueError(_PLAIN["string_type"])  # noqa: TRY004 - pydantic collects no TypeError
        try:
            return parse(value)
        except ConfigError as exc:
            raise ValueError(str(exc)) from exc

    return parse_text


def unknown_key(known: Collection[str]) -> str:
    """Return the sentence about a key that is not in *known*."""
    return f"unknown key; known are: {', '.join(known)}"


_Loc = tuple[int | str, ...]


def _path(path: str, loc: _Loc) -> str:
    loc = loc[1:] if loc[:1] == (OPTIONS,) else loc
    for part in loc:
        if isinstance(part, int):
            path += f"[{part}]"
        elif part != "[key]":
            path += f".{part}" if path else part
    return path


# pydantic's messages use Python's terms; these use TOML's.
_PLAIN: Mapping[str, str] = {
    "missing": "is missing",
    "tuple_type": "should be a list",
    "dict_type": "should be a table",
    "mapping_type": "should be a table",
    "model_type": "should be a table",
    "string_type": "should be a string",
}


def _sentences(
    exc: ValidationError, model: type[BaseModel], known: Collection[str] = ()
) -> Iterator[tuple[_Loc, str]]:
    for error in exc.errors(include_input=False, include_url=False):
        kind, message, loc = error["type"], error["msg"], error["loc"]
        if kind == "extra_forbidden":
            others = known if len(loc) == 1 else ()
            yield loc, unknown_key((*others, *_keys_beside(model, loc)))
        elif kind == "problem":
            yield loc, message
        elif kind == "value_error":
            yield loc, message.removeprefix("Value error, ")
        else:
            message = message.removeprefix("Input ")
            yield loc, _PLAIN.get(kind, message[:1].lower() + message[1:])


def _keys_beside(model: type[BaseModel], loc: _Loc) -> tuple[str, ...]:
    """Return the keys of the table that holds *loc*: that of *model*, or one inside it."""
    for part in loc[:-1]:
        field = model.model_fields.get(str(part))
        model = (field and _model_in(field.annotation)) or model
    return keys_of(model)


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)


def raise_any(problems: Collection[Problem]) -> None:
    """Raise :class:`ConfigError` if there are *problems*."""
    if problems:
        raise ConfigError(*map(str, problems))
