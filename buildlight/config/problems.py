"""Problems of a configuration: each names its key, never the value."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError
from pydantic_settings import BaseSettings

from buildlight.config.mistakes.positions import KeyPath
from buildlight.config.suggestions import Homes, choices, example, model_in, unknown_key
from buildlight.errors import ConfigError, DriverNotFound
from buildlight.redaction import MASK, looks_random, printable
from buildlight.wording import did_you_mean

TableT = TypeVar("TableT", bound=BaseModel)
ValueT = TypeVar("ValueT")

OPTIONS = "options"
"""The field of a table that holds the keys of its kind or driver; the file has no such level."""
MISSING = "is missing"
NONE_FOUND = "none found"


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at the key *path* (``("lamps", 0, "pins", "red")``).

    *about_key*: it is the key itself, and not its value. *meant* is the key that was meant. The
    problem has to do with what is at *other*, too. *variable*: it is not in the file.
    """

    path: KeyPath
    sentence: str
    about_key: bool = False
    meant: str | None = None
    other: KeyPath | None = None
    variable: bool = False

    def __str__(self) -> str:
        path = written(self.path)
        return f"{path}: {self.sentence}" if path else self.sentence


def written(path: KeyPath) -> str:
    """Return *path* as ``lamps[0].pins.red``."""
    parts = (
        f"[{part}]" if isinstance(part, int) else f".{MASK if looks_random(part) else part}"
        for part in path
    )
    # A key can hold control characters, which a terminal would obey.
    return printable("".join(parts).removeprefix("."), limit=200)


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
    model: type[TableT],
    path: KeyPath,
    table: Any,
    problems: list[Problem],
    *,
    context: Any = None,
    homes: Homes | None = None,
) -> TableT | None:
    """Return the *table* at *path* as a *model*; ``None`` if it has problems, which are added.

    *context* is what its validators need to know of other tables, *homes* where keys belong that
    it does not know.
    """
    try:
        if issubclass(model, BaseSettings):
            return model(**table)  # Its constructor also reads the environment.
        return model.model_validate(table, context=context)
    except ValidationError as exc:
        problems += [_problem(path, each, homes or {}) for each in _errors(exc, model)]
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
                type=PydanticCustomError("problem", "problem", {"error": each}),
                loc=each.loc,
                input=None,
            )
            for each in _errors(exc, model, known)
        ],
        hide_input=True,
    )


def text_of(parse: Callable[[str], ValueT]) -> Callable[[object], ValueT]:
    """Return *parse* as a validator for pydantic: it takes any value and raises ValueError."""

    def parse_text(value: object) -> ValueT:
        if not isinstance(value, str):
            raise PydanticCustomError("string_type", "should be a string")
        try:
            return parse(value)
        except DriverNotFound as exc:
            raise ValueError(f"{exc}{did_you_mean(value, exc.installed)}") from exc
        except ConfigError as exc:
            raise ValueError(str(exc)) from exc

    return parse_text


_Loc = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class _TableError:
    """An error of pydantic in our words; *known* is set if its key is not one of those.

    *around* are the keys of the tables around it.
    """

    loc: _Loc
    sentence: str
    known: tuple[str, ...] | None = None
    around: tuple[str, ...] = ()


def _problem(path: KeyPath, error: _TableError, homes: Homes) -> Problem:
    loc = error.loc[1:] if error.loc[:1] == (OPTIONS,) else error.loc
    about_key = error.known is not None or "[key]" in loc
    whole = (*path, *(part for part in loc if part != "[key]"))
    if not about_key:
        return Problem(whole, error.sentence)
    key, table = str(whole[-1]), whole[-2] if len(whole) > len(path) + 1 else None
    if table is not None:
        beside = f"belongs beside {table}, not in it"
        homes = {**homes, **dict.fromkeys(error.around, beside)}
    if error.known is None and key not in homes:
        return Problem(whole, error.sentence, about_key=True)
    sentence, meant = unknown_key(key, error.known or (), homes)
    return Problem(whole, sentence, about_key=True, meant=meant)


# What pydantic says in Python's words, in TOML's; an example of what is right follows.
_TYPES: Mapping[str, str] = {
    **dict.fromkeys(("tuple_type", "list_type", "frozen_set_type"), "should be a list"),
    **dict.fromkeys(("dict_type", "mapping_type", "model_type"), "should be a table"),
    **dict.fromkeys(("string_type", "string_sub_type"), "should be a string"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "should be true or false"),
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
        "should be a whole number",
    ),
    **dict.fromkeys(("float_type", "float_parsing", "finite_number"), "should be a number"),
}


def _errors(
    exc: ValidationError, model: type[BaseModel], known: Collection[str] = ()
) -> Iterator[_TableError]:
    # The value only serves to find the word that it is close to.
    for error in exc.errors(include_url=False):
        kind, loc = error["type"], error["loc"]
        if kind == "problem":
            yield error["ctx"]["error"]
            continue
        around = (*known, *keys_of(model)) if len(loc) > 1 else ()
        if kind == "extra_forbidden":
            others = known if len(loc) == 1 else ()
            beside = (*others, *_keys_beside(model, loc))
            yield _TableError(loc, "", beside, around)
        else:
            yield _TableError(loc, _sentence(error, model), None, around)


def _sentence(error: Any, model: type[BaseModel]) -> str:
    kind, message, loc = error["type"], error["msg"], error["loc"]
    if kind == "missing":
        return MISSING + _known(model, loc)
    if kind == "value_error":
        return str(message).removeprefix("Value error, ")
    if kind in _TYPES:
        at_list = isinstance(loc[-1], int) if loc else False
        right = None if at_list else example(model, [part for part in loc if isinstance(part, str)])
        return f"{_TYPES[kind]}{f', for example: {right}' if right else ''}"
    plain = re.sub(r"^(Input|String|List|Tuple|Value) ", "", str(message))
    if kind in ("literal_error", "enum"):
        known = re.findall("'([^']*)'", str(error["ctx"]["expected"]))
        plain += did_you_mean(error["input"], known)
    return plain[:1].lower() + plain[1:]


def _known(model: type[BaseModel], loc: _Loc) -> str:
    """Return what may be written at *loc*, which is missing."""
    keys = [part for part in loc if isinstance(part, str)]
    words = choices(model, keys)
    if words:
        return f"; known are: {', '.join(words)}"
    right = example(model, keys)
    return f", for example: {right}" if right else ""


def _keys_beside(model: type[BaseModel], loc: _Loc) -> tuple[str, ...]:
    """Return the keys of the table that holds *loc*: that of *model*, or one inside it."""
    for part in loc[:-1]:
        field = model.model_fields.get(str(part))
        model = (field and model_in(field.annotation)) or model
    return keys_of(model)


def without_followers(problems: Collection[Problem]) -> list[Problem]:
    """Return *problems* without those that follow from another: from a misspelt key, say."""
    explained = {(*each.path[:-1], each.meant) for each in problems if each.meant}
    strays = {each.path for each in problems if each.meant}
    return [
        each
        for each in problems
        if not (each.sentence.startswith((MISSING, NONE_FOUND)) and each.path in explained)
        and (each.meant or each.path not in strays)
    ]


def raise_any(problems: Collection[Problem]) -> None:
    """Raise :class:`ConfigError` if there are *problems*."""
    if problems:
        raise ConfigError(*map(str, without_followers(problems)))
