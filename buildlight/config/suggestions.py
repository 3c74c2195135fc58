"""What to do about a key that is not known, or a value of the wrong type. Pure."""

import re
from collections.abc import Collection, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from buildlight.redaction import looks_random
from buildlight.wording import close_to

ABOVE = "belongs above the first [[table]]"
"""What is said of a key at the top of the file that stands below a table."""

Homes = Mapping[str, str]
"""The keys of other tables, and what is said of one that stands in the wrong place."""

_A_SECRET = re.compile("passw|token|secret|api.?key|pwd", re.IGNORECASE)
_BARE = re.compile(r"[A-Za-z0-9_-]{1,60}")
_IN_AUTH = '/etc/buildlight/secrets/jenkins, and write: secret = "jenkins"'
_BESIDE_URL = (
    '/etc/buildlight/secrets/jenkins, and write: auth = { kind = "bearer", secret = "jenkins" }'
)


def unknown(noun: str, word: str, known: Collection[str]) -> str:
    """Return the sentence about *word*, a *noun* that is none of *known*."""
    meant = close_to(word, known)
    if meant is not None:
        return f"unknown {noun}; did you mean `{meant}`?"
    return f"unknown {noun}; known are: {', '.join(known)}"


def unknown_key(key: str, known: Collection[str], homes: Homes) -> tuple[str, str | None]:
    """Return the sentence about *key*, which is none of *known*, and the key that was meant."""
    if key in homes:
        return f"{homes[key]}", key
    meant = close_to(key, known)
    if meant is not None:
        return unknown("key", key, known), meant
    elsewhere = close_to(key, homes, cutoff=0.8)
    if elsewhere is not None:
        return f"unknown key; did you mean `{elsewhere}`? It {homes[elsewhere]}", elsewhere
    if _A_SECRET.search(key):
        where = _IN_AUTH if "secret" in known else _BESIDE_URL
        return f"unknown key; put the secret into a file {where}", "secret"
    return unknown("key", key, known), None


def as_toml(value: Any) -> str:
    """Return *value* as it is written in TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if isinstance(value, Mapping):
        pairs = (f"{key} = {as_toml(inner)}" for key, inner in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, str):
        return f'"{value}"'
    return f"[{', '.join(map(as_toml, value))}]"


def example(model: type[BaseModel], keys: Collection[str]) -> str | None:
    """Return a right line for the last of *keys*, which lead into *model*.

    A key that cannot be shown, or may be a secret, is not repeated.
    """
    field: FieldInfo | None = None
    inside: list[str] = []
    for key in keys:
        fields = {found.alias or name: found for name, found in model.model_fields.items()}
        if key in fields:
            field, inside = fields[key], [key]
            model = model_in(field.annotation) or model
        else:
            inside.append(key)
    if field is None or not _BARE.fullmatch(inside[-1]) or looks_random(inside[-1]):
        return None
    value = _example_value(field)
    if len(inside) > 1:
        value = next(iter(value.values()), None) if isinstance(value, Mapping) else None
    return None if value is None else f"{inside[-1]} = {as_toml(value)}"


def choices(model: type[BaseModel], keys: Collection[str]) -> tuple[str, ...]:
    """Return the words of which the last of *keys* is one, if they are few and fixed."""
    for key in keys:
        field = model.model_fields.get(key)
        if field is None:
            continue
        if get_origin(field.annotation) is Literal:
            return get_args(field.annotation)
        model = model_in(field.annotation) or model
    return ()


def _example_value(field: FieldInfo) -> Any:
    if field.examples:
        return field.examples[0]
    default = field.default
    if isinstance(default, str | int | float) and default != "":
        return default
    return _EXAMPLES.get(_plain_type(field.annotation))


_EXAMPLES: Mapping[object, object] = {
    str: "…",
    int: 3,
    float: 30,
    bool: True,
    tuple: ["…"],
    list: ["…"],
}


def _plain_type(annotation: Any) -> Any:
    """Return the class of *annotation*, without ``Annotated`` and ``None``."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _plain_type(get_args(annotation)[0])
    if origin in (Union, UnionType):
        rest = [each for each in get_args(annotation) if each is not NoneType]
        return _plain_type(rest[0]) if rest else None
    return origin or annotation


def model_in(annotation: object) -> type[BaseModel] | None:
    """Return the model inside *annotation*, if it has one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(model_in, get_args(annotation))), None)
