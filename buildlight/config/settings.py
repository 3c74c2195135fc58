"""The configuration: a TOML file and the environment over it, checked into plain objects.

Everything that can be known to be wrong without opening a light or asking a server is found
here, all at once, each mistake with the path of its key and never with its value.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from buildlight.config.fields import Name, NamePattern
from buildlight.config.hours import HoursTable
from buildlight.config.page import KEY, page_settings
from buildlight.config.patterns import fitted_events, fitted_patterns, own_patterns
from buildlight.config.problems import Problems, unknown_key
from buildlight.config.toml_file import read_document
from buildlight.daemon.settings import Settings
from buildlight.drivers import load_driver
from buildlight.errors import ConfigError
from buildlight.feeds import load_kind, secret
from buildlight.feeds.schedule import max_age
from buildlight.feeds.settings import FeedSettings
from buildlight.lamps.settings import LampSettings
from buildlight.projects.feed_state import Rules
from buildlight.projects.project import STATUS_WORDS, BuildStatus
from buildlight.projects.selection import Selection, required
from buildlight.system.paths import local_zone

PREFIX = "BUILDLIGHT_"


Seconds = Annotated[float, Field(gt=0, le=86_400, allow_inf_nan=False)]


class _Top(BaseSettings):
    """The top-level scalars, which the environment may override."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", hide_input_in_errors=True, frozen=True
    )

    interval: Seconds = 30.0
    building_interval: Seconds = 5.0
    max_failures: int = Field(default=3, ge=1, le=100)
    keep_verdicts: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 86_400.0

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment over the file."""
        return env_settings, init_settings


class _Table(BaseModel):
    """A table whose other keys belong to its kind or driver."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True)

    name: Name | None = None
    include: tuple[NamePattern, ...] = ()
    exclude: tuple[NamePattern, ...] = ()

    @property
    def selection(self) -> Selection:
        return Selection(include=self.include, exclude=self.exclude)


Meaning = Literal["passing", "broken", "keep"]


class _FeedTable(_Table):
    kind: str = "cctray"
    words: Mapping[str, Meaning] = {}
    roll_up: Literal["pipeline"] | None = None
    interval: Seconds | None = None
    building_interval: Seconds | None = None
    ignore_older_than: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None


class _LampTable(_Table):
    driver: str
    feeds: tuple[str, ...] = ()
    preset: Literal["colours", "rhythm"] | None = None
    patterns: Mapping[str, str] = {}
    events: Mapping[str, str] = {}
    hours: HoursTable | None = None


_MEANINGS: Mapping[Meaning, BuildStatus] = {
    "passing": BuildStatus.SUCCESS,
    "broken": BuildStatus.FAILURE,
    "keep": BuildStatus.UNKNOWN,
}


def load_settings(path: Path) -> Settings:
    """Return the checked configuration of the file at *path* and the environment.

    Raises :class:`ConfigError` with every mistake, each beginning with *path*.
    """
    document = read_document(path)
    try:
        return check_settings(document)
    except ConfigError as exc:
        raise ConfigError(*(f"{path}: {mistake}" for mistake in exc.mistakes)) from exc


def load_lamps(path: Path) -> tuple[LampSettings, ...]:
    """Return the lamps of the file at *path*, watching nothing: its feeds, and their secrets, may
    be as they like. systemd hands no secrets to what it calls after the daemon's end.

    Raises :class:`ConfigError`.
    """
    return _only_lamps(read_document(path))


def check_settings(document: Mapping[str, Any]) -> Settings:
    """Return the settings that *document* (a TOML file's tables) and the environment make.

    Raises :class:`ConfigError` with every mistake.
    """
    mistakes = Problems()
    top = _top(document, mistakes)
    feeds = _feeds(document, top, mistakes)
    lamps = _lamps(document, [feed.name for feed in feeds], mistakes)
    page = page_settings(document, mistakes)
    mistakes.raise_any()
    return Settings(feeds=feeds, lamps=lamps, page=page)


def lamp_from_keys(driver: str, keys: Mapping[str, Any]) -> LampSettings:
    """Return a lamp that watches nothing, from a driver's name and its keys.

    Raises :class:`ConfigError` with every mistake.
    """
    return _only_lamps({"lamps": [{"driver": driver, **keys}]})[0]


def _only_lamps(document: Mapping[str, Any]) -> tuple[LampSettings, ...]:
    mistakes = Problems()
    lamps = _lamps(document, (), mistakes)
    mistakes.raise_any()
    return lamps


def _top(document: Mapping[str, Any], mistakes: Problems) -> _Top:
    tables = ("feeds", "lamps", KEY)
    known = [*_Top.model_fields, *tables]
    scalars = {key: value for key, value in document.items() if key not in tables}
    for key in [key for key in scalars if key not in _Top.model_fields]:
        mistakes.add(key, unknown_key(known))
        del scalars[key]
    variables = {PREFIX + key.upper(): key for key in _Top.model_fields}
    ours = {
        name: name.upper()
        for name in os.environ
        if name.upper().startswith(PREFIX) and not name.startswith(secret.PREFIX)
    }
    for name, upper in ours.items():
        if upper not in variables:
            mistakes.add(name, f"unknown environment variable; known are: {', '.join(variables)}")
    overriding = {variables[upper]: name for name, upper in ours.items() if upper in variables}
    with mistakes.at("", known=known, called=overriding):
        return _Top(**scalars)
    return _Top.model_construct()


def _tables(
    document: Mapping[str, Any], key: str, mistakes: Problems
) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the tables of ``[[key]]``, each with its path."""
    tables = document.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        mistakes.add(key, f"is no list of tables; write [[{key}]] above each")
        return []
    if not tables:
        mistakes.add(key, f"there are none; add a [[{key}]] table as the README shows")
    return [(f"{key}[{number}]", table) for number, table in enumerate(tables)]


def _own(model: type[BaseModel], table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keys that only the kind or driver knows."""
    return {key: value for key, value in table.items() if key not in model.model_fields}


def _known(model: type[BaseModel], options: type[BaseModel]) -> list[str]:
    fields = {**model.model_fields, **options.model_fields}
    return [field.alias or name for name, field in fields.items()]


def _feeds(document: Mapping[str, Any], top: _Top, mistakes: Problems) -> tuple[FeedSettings, ...]:
    feeds: list[FeedSettings] = []
    names: set[str] = set()
    for path, table in _tables(document, "feeds", mistakes):
        common, keys = mistakes.checked(_FeedTable, path, table), _own(_FeedTable, table)
        feed = _feed(path, common, keys, top, mistakes) if common else None
        if not common or not feed:
            continue
        if common.name in names:
            mistakes.add(f"{path}.name", "is the name of another feed, too")
        feeds.append(_named(feed, names))
        names.add(feeds[-1].name)
    return tuple(feeds)


def _feed(
    path: str, common: _FeedTable, keys: Mapping[str, Any], top: _Top, mistakes: Problems
) -> FeedSettings | None:
    _tell_words_given_twice(path, common, mistakes)
    kind: Any = None
    with mistakes.at(f"{path}.kind"):
        kind = load_kind(common.kind)
    if kind is None:
        return None
    with mistakes.at(path, known=_known(_FeedTable, kind.Options)):
        options = kind.Options.model_validate(keys)
        interval = common.interval or top.interval
        return FeedSettings(
            name=common.name or options.suggested_name,
            kind=kind,
            options=options,
            rules=Rules(
                max_age=max_age(interval, deadline=options.deadline),
                max_failures=top.max_failures,
                expiry=top.keep_verdicts,
                roll_up=common.roll_up is not None,
                ignore_older_than=common.ignore_older_than,
                required=required(common.include),
                words={**STATUS_WORDS, **options.status_words, **_words(common)},
            ),
            selection=common.selection,
            interval=interval,
            building_interval=common.building_interval or top.building_interval,
        )
    return None


def _written_names(document: Mapping[str, Any]) -> list[str]:
    """Return the names of all feeds, those with mistakes too: a lamp's own must not be blamed."""
    tables = document.get("feeds", [])
    if not isinstance(tables, list):
        return []
    named = [table.get("name") for table in tables if isinstance(table, dict)]
    return [name for name in named if isinstance(name, str)]


def _words(common: _FeedTable) -> dict[str, BuildStatus]:
    return {word.strip().lower(): _MEANINGS[meaning] for word, meaning in common.words.items()}


def _tell_words_given_twice(path: str, common: _FeedTable, mistakes: Problems) -> None:
    given: set[str] = set()
    for word in common.words:
        if word.strip().lower() in given:
            mistakes.add(f"{path}.words.{word}", "is given twice: capitals make no other word")
        given.add(word.strip().lower())


def _named(feed: FeedSettings, names: Collection[str]) -> FeedSettings:
    """Return *feed* with a name that is none of *names*: two feeds of a server get numbers."""
    name, number = feed.name, 1
    while name in names:
        number += 1
        name = f"{feed.name} {number}"
    return replace(feed, name=name)


def _lamps(
    document: Mapping[str, Any], feeds: Sequence[str], mistakes: Problems
) -> tuple[LampSettings, ...]:
    lamps: list[LampSettings] = []
    claimed: dict[str, str] = {}
    written = _written_names(document)
    tables = _tables(document, "lamps", mistakes)
    for number, (path, table) in enumerate(tables, start=1):
        common, keys = mistakes.checked(_LampTable, path, table), _own(_LampTable, table)
        if common is None:
            continue
        # Without any feed that is the mistake, and it is told already.
        for name in sorted({*common.feeds} - {*feeds, *written} if feeds else ()):
            at = f"{path}.feeds[{common.feeds.index(name)}]"
            mistakes.add(at, f"no feed has this name; there are: {', '.join(sorted(feeds))}")
        otherwise = "lamp" if len(tables) == 1 else f"lamp {number}"
        lamp = _lamp(path, common, keys, common.name or otherwise, mistakes)
        if lamp is None:
            continue
        if lamp.name in {other.name for other in lamps}:
            mistakes.add(f"{path}.name", "is the name of another lamp, too")
        for claim in sorted(lamp.options.claims & claimed.keys()):
            key = next((key for key, value in keys.items() if value == claim), None)
            # What stands in the file word by word (a port) is told by its key.
            at, what = (path, f"{claim} is") if key is None else (f"{path}.{key}", "is")
            mistakes.add(at, f"{what} used by {claimed[claim]} already")
        claimed |= dict.fromkeys(lamp.options.claims, path)
        lamps.append(replace(lamp, feeds=frozenset(common.feeds or feeds)))
    return tuple(lamps)


def _lamp(
    path: str, common: _LampTable, keys: Mapping[str, Any], name: str, mistakes: Problems
) -> LampSettings | None:
    own = own_patterns(path, common.patterns, mistakes)
    light: Any = None
    with mistakes.at(f"{path}.driver"):
        light = load_driver(common.driver)
    if light is None:
        return None
    with mistakes.at(path, known=_known(_LampTable, light.Options)):
        options = light.Options.model_validate(keys)
        if common.hours and common.hours.closed and not options.dims:
            at = f"{path}.hours.closed"
            mistakes.add(at, 'a light that cannot be dimmed would stay fully lit; use "off"')
        return LampSettings(
            name=name,
            driver=common.driver,
            light=light,
            options=options,
            feeds=frozenset(),
            selection=common.selection,
            patterns=fitted_patterns(path, common.preset, own, options, mistakes),
            events=fitted_events(path, common.events, options, mistakes),
            hours=common.hours.hours(local_zone()) if common.hours else None,
            closed=common.hours.closed if common.hours else 0.0,
            keys=keys,
        )
    return None
