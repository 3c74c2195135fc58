"""The JSON schema of the configuration, for editors: made from the settings' own models.

Draft-07, which every editor reads. All keys of all drivers are properties of a lamp, so that an
editor can offer them; below that, each driver says which of them are its own. Rules between keys
are left to ``buildlight check``.
"""

import re
from collections.abc import Iterable, Mapping
from types import NoneType
from typing import Annotated, Any, get_args

from pydantic import BaseModel, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUserError
from pydantic.fields import FieldInfo

from buildlight import drivers, feeds
from buildlight.config.mqtt import MqttTable
from buildlight.config.page import PageTable
from buildlight.config.patterns import EVENTS, SIGNALS
from buildlight.config.problems import OPTIONS
from buildlight.config.tables import FeedTable, LampTable, Top
from buildlight.errors import ConfigError
from buildlight.system import plugins

Schema = dict[str, Any]

TITLE = "The configuration of buildlight"


def make_schema(*, ours_only: bool = False) -> Schema:
    """Return the schema for the drivers and kinds of feeds that are installed.

    With *ours_only* it knows the built-in ones, and takes any other name for a plug-in's.
    """
    names = plugins.built_in if ours_only else plugins.installed
    lights, kinds = names(drivers.GROUP), names(feeds.GROUP)
    lamps = _owned(LampTable, "driver", _options(drivers.GROUP, lights), strict=not ours_only)
    feed = _owned(FeedTable, "kind", _options(feeds.GROUP, kinds), strict=not ours_only)
    top = _table(Top)
    tables = {
        "feeds": {"type": "array", "items": feed, "description": "the feeds, one table each"},
        "lamps": {"type": "array", "items": lamps, "description": "the lamps, one table each"},
        "page": {**_table(PageTable), "description": "the page; without this table there is none"},
        "mqtt": {**_table(MqttTable), "description": "the broker to publish at"},
    }
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": TITLE,
        **top,
        "properties": {**top["properties"], **tables},
    }


def _options(group: str, names: Iterable[str]) -> Mapping[str, type[BaseModel] | None]:
    """Return the options of each plug-in of *group*; ``None`` of one that does not import."""
    load: Any = drivers.load_driver if group == drivers.GROUP else feeds.load_kind
    found: dict[str, type[BaseModel] | None] = {}
    for name in names:
        try:
            found[name] = load(name).Options
        except ConfigError:
            found[name] = None
    return found


def _owned(
    model: type[BaseModel], key: str, owners: Mapping[str, type[BaseModel] | None], *, strict: bool
) -> Schema:
    """Return the schema of a table whose further keys belong to the owner that *key* names."""
    common = _table(model)
    own = {name: _table(options) for name, options in owners.items() if options is not None}
    properties: Schema = {}
    for table in (*own.values(), common):
        for each, found in table["properties"].items():
            properties[each] = _either(properties.get(each, found), found)
    known: Schema = {"type": "string", "enum": sorted(owners)}
    named: Schema = known if strict else {"anyOf": [known, {"type": "string"}]}
    properties[key] = {"description": properties[key]["description"], **named}
    rules = [
        {
            "if": {"properties": {key: {"const": name}}, "required": [key]},
            "then": _only(common, table),
        }
        for name, table in own.items()
    ]
    table = {"type": "object", "properties": properties, "required": common["required"]}
    if key not in common["required"]:  # Without it, the address names the kind.
        absent = {**_only(common, *own.values()), "anyOf": _ADDRESSED}
        rules.append({"if": {"not": {"required": [key]}}, "then": absent})
    return {**table, "allOf": rules}


_WORDS = ("description", "default", "examples")


def _either(one: Schema, other: Schema) -> Schema:
    """Return a key of two owners: what is right for either, if they differ."""
    types = [{key: each[key] for key in each if key not in _WORDS} for each in (one, other)]
    if types[0] == types[1]:
        return other
    return {"description": other.get("description", ""), "anyOf": types}


def _only(common: Schema, *own: Schema) -> Schema:
    """Return which keys a table has of those that are *common* and *own*, and has to have."""
    allowed = {key for each in (common, *own) for key in each["properties"]}
    required = own[0]["required"] if len(own) == 1 else []
    only: Schema = {"propertyNames": {"enum": sorted(allowed)}}
    if "url" in required and "repos" in allowed:
        return {**only, "anyOf": _ADDRESSED}
    return {**only, "required": required}


_ADDRESSED = [{"required": ["url"]}, {"required": ["repos"]}]
"""A feed has an address, or stands for several."""


def _table(model: type[BaseModel]) -> Schema:
    fields = {
        field.alias or name: field for name, field in model.model_fields.items() if name != OPTIONS
    }
    return {
        "type": "object",
        "properties": {key: _property(key, field) for key, field in fields.items()},
        "required": [key for key, field in fields.items() if field.is_required()],
        "additionalProperties": False,
    }


_KEYS: Mapping[str, Iterable[str]] = {"patterns": SIGNALS, "events": EVENTS}


def _property(key: str, field: FieldInfo) -> Schema:
    schema = _of_type(field)
    if key in _KEYS:
        words = {each: {"type": "string"} for each in _KEYS[key]}
        schema = {"type": "object", "properties": words, "additionalProperties": False}
    described = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", field.description or "")
    schema["description"] = " ".join(described.split())
    default = field.default
    if isinstance(default, bool | int | float | str) and default != "":
        schema["default"] = default
    if field.examples:
        schema["examples"] = field.examples
    return schema


def _of_type(field: FieldInfo) -> Schema:
    annotation: Any = field.annotation
    inner = [annotation, *(get_args(annotation) if NoneType in get_args(annotation) else ())]
    for each in inner:
        if isinstance(each, type) and issubclass(each, BaseModel):
            return _table(each)
    for each in field.metadata:
        annotation = Annotated[annotation, each]
    try:
        adapter = TypeAdapter(annotation, config={"arbitrary_types_allowed": True})
        schema = adapter.json_schema()
    except (PydanticUserError, PydanticSchemaGenerationError):
        return {}  # A plug-in's own type: `check` knows better.
    definitions = schema.pop("$defs", {})
    plain = _plain(schema, definitions)
    return plain if isinstance(plain, dict) else {}


def _plain(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """Return *schema* without references, null (which TOML has not) and names of Python."""
    if isinstance(schema, list):
        return [_plain(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _plain(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    kept = {key: each for key, each in schema.items() if key not in ("title", "default")}
    if "anyOf" in kept:
        kept["anyOf"] = [each for each in kept["anyOf"] if each != {"type": "null"}]
        if len(kept["anyOf"]) == 1:
            kept |= kept.pop("anyOf")[0]
    plain = {key: _plain(each, definitions) for key, each in kept.items()}
    words = plain.get("propertyNames", {}).get("enum")
    if words:  # As properties, which an editor can offer.
        del plain["propertyNames"]
        plain["properties"] = dict.fromkeys(words, plain.get("additionalProperties", {}))
        plain["additionalProperties"] = False
    return plain
