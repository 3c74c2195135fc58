"""Reads the configuration (a TOML file, then the environment) and checks it.

Three steps: pydantic checks each table; rules check the tables against one another; tables
without problems become the settings of the rooms. No light is opened and no server is asked. All
problems are reported at once; each names its key, never the value.
"""

import os
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from buildlight.config import mqtt, page, repositories
from buildlight.config.homes import HOMES, TABLES, strays
from buildlight.config.mistakes.positions import KeyPath
from buildlight.config.patterns import look_problems
from buildlight.config.problems import Problem, keys_of, raise_any, validated
from buildlight.config.suggestions import Homes, unknown_key
from buildlight.config.tables import PREFIX, FeedNames, FeedTable, LampTable, OwnKeys, Top
from buildlight.daemon.settings import Settings
from buildlight.errors import ConfigError
from buildlight.feeds.schedule import max_age
from buildlight.feeds.settings import FeedSettings
from buildlight.lamps.settings import LampSettings
from buildlight.projects.feed_state import Rules
from buildlight.projects.project import STATUS_WORDS, BuildStatus
from buildlight.projects.selection import exact, required
from buildlight.system import secret
from buildlight.system.paths import local_zone
from buildlight.system.regular_file import read_regular_file
from buildlight.wording import close_to

LARGEST = 1024 * 1024
"""Largest configuration, in bytes; a larger file was named by mistake."""


def load_settings(path: Path) -> Settings:
    """Return the checked configuration of the file at *path* and the environment.

    Raises :class:`ConfigError` with every mistake, each beginning with *path* and its line.
    """
    return _loaded(path, _settings)


def load_lamps(path: Path) -> tuple[LampSettings, ...]:
    """Return the lamps of the file at *path*, without feeds. Feeds are not checked.

    They may need secrets, and systemd gives none to a command that it runs after the daemon.
    Raises :class:`ConfigError`.
    """
    return _loaded(path, _lamps_only)


def lamp_from_keys(driver: str, keys: Mapping[str, Any]) -> LampSettings:
    """Return a lamp without feeds, from the name of a driver and its keys.

    Raises :class:`ConfigError` with every problem.
    """
    problems: list[Problem] = []
    lamps = _lamps_only({"lamps": [{"driver": driver, **keys}]}, problems)
    raise_any([replace(each, path=each.path[2:]) for each in problems])
    return lamps[0]


def check_settings(document: Mapping[str, Any]) -> Settings:
    """Return the settings from *document* (the tables of a TOML file) and the environment.

    Raises :class:`ConfigError` with every problem.
    """
    problems: list[Problem] = []
    settings = _settings(document, problems)
    raise_any(problems)
    return settings


def _settings(document: Mapping[str, Any], problems: list[Problem]) -> Settings:
    """Return the settings of *document*; they are whole if nothing is added to *problems*."""
    top = _top(document, problems)
    feeds = _tables(FeedTable, "feeds", document, problems, homes=HOMES["feeds"])
    problems += _feed_problems(feeds)
    names = _feed_names(feeds)
    named = FeedNames(known=names, written=_written_names(document))
    lamps = _tables(LampTable, "lamps", document, problems, context=named, homes=HOMES["lamps"])
    problems += _lamp_problems(lamps)
    page_settings = page.page_settings(document, problems, HOMES[page.KEY])
    mqtt_settings = mqtt.mqtt_settings(document, problems, HOMES[mqtt.KEY])
    return Settings(
        feeds=tuple(
            _feed(found.table, name, top) for found, name in zip(feeds, names, strict=True)
        ),
        lamps=_lamps(lamps, names),
        page=page_settings,
        mqtt=mqtt_settings,
    )


def _lamps(lamps: "_Lamps", feeds: Collection[str]) -> tuple[LampSettings, ...]:
    return tuple(
        _lamp(found, name, feeds) for found, name in zip(lamps, _lamp_names(lamps), strict=True)
    )


def _lamps_only(document: Mapping[str, Any], problems: list[Problem]) -> tuple[LampSettings, ...]:
    lamps = _tables(LampTable, "lamps", document, problems, homes=HOMES["lamps"])
    problems += _lamp_problems(lamps)
    return _lamps(lamps, ())


_ReadT = TypeVar("_ReadT")


def _loaded(path: Path, read: Callable[[Mapping[str, Any], list[Problem]], _ReadT]) -> _ReadT:
    """Return what *read* makes of the file at *path*; raises :class:`ConfigError`."""
    try:
        raw = read_regular_file(path, limit=LARGEST)
    except OSError as exc:
        raise ConfigError(f"{path}: cannot be read: {exc.strerror}") from exc
    problems: list[Problem] = []
    with suppress(ValueError, RecursionError):  # Not TOML, or not even text.
        settings = read(tomllib.loads(raw.decode()), problems)
        if not problems:
            return settings

    from buildlight.config.mistakes.listing import mistakes_in  # noqa: PLC0415 - only for a bad file

    def check(document: Mapping[str, Any]) -> list[Problem]:
        if not problems:
            read(document, problems)
        return problems

    raise ConfigError(*(f"{path}: {mistake}" for mistake in mistakes_in(raw, check)))


_TableT = TypeVar("_TableT", bound=OwnKeys)


class _Found(NamedTuple, Generic[_TableT]):
    """A *table* that passed its own checks; *keys* are the keys of its kind or driver."""

    path: KeyPath
    table: _TableT
    keys: Mapping[str, Any]


def _top(document: Mapping[str, Any], problems: list[Problem]) -> Top:
    scalars = {key: value for key, value in document.items() if key not in TABLES}
    for key in [key for key in scalars if key not in keys_of(Top)]:
        sentence, meant = unknown_key(key, (*keys_of(Top), *TABLES), HOMES[None])
        if meant is not None and meant in TABLES:
            sentence = f"unknown table; did you mean {TABLES[meant]}?"
        problems.append(Problem((key,), sentence, about_key=True, meant=meant))
        del scalars[key]
    variables = {PREFIX + key.upper(): key for key in keys_of(Top)}
    written_as: dict[str, str] = {}
    for name in os.environ:
        if name.upper() in variables:
            written_as[variables[name.upper()]] = name
        elif name.upper().startswith(PREFIX) and not name.startswith(secret.PREFIX):
            close = close_to(name.upper().removeprefix(PREFIX), keys_of(Top))
            meant = f"did you mean `{PREFIX}{close.upper()}`?" if close else None
            known = f"known are: {', '.join(variables)}"
            sentence = f"unknown environment variable; {meant or known}"
            problems.append(Problem((name,), sentence, variable=True))
    wrong: list[Problem] = []
    top = validated(Top, (), scalars, wrong)
    for each in wrong:
        variable = written_as.get(str(each.path[0]))
        told = each if variable is None else replace(each, path=(variable,), variable=True)
        problems.append(told)
    return top or Top.model_construct()


def _tables(
    model: type[_TableT],
    key: str,
    document: Mapping[str, Any],
    problems: list[Problem],
    *,
    context: FeedNames | None = None,
    homes: Homes,
) -> list[_Found[_TableT]]:
    """Return the tables of ``[[key]]`` that pass their own checks."""
    written = document.get(key, [])
    if not isinstance(written, list) or not all(isinstance(table, dict) for table in written):
        problems.append(Problem((key,), f"is not a list of tables; write [[{key}]] above each"))
        return []
    if not written:
        problems.append(Problem((key,), f"none found; add a [[{key}]] table"))
    found = []
    for number, keys in enumerate(written):
        path = (key, number)
        try:
            tables = model.expanded(keys)
        except ValueError as exc:
            problems.append(Problem((*path, repositories.KEY), str(exc)))
            continue
        for each in tables:
            gathered = model.with_options(each.keys)
            own: list[Problem] = []
            table = validated(model, path, gathered, own, context=context, homes=homes)
            if table is not None:
                found.append(_Found(path, table, gathered["options"]))
            own += strays(path, gathered["options"], own, homes)
            moved = [replace(problem, path=each.path_of(problem.path)) for problem in own]
            problems += [problem for problem in moved if problem not in problems]
    return found


# Rules between tables.

_Feeds = Sequence[_Found[FeedTable]]
_Lamps = Sequence[_Found[LampTable]]


def _feed_problems(feeds: _Feeds) -> Iterator[Problem]:
    yield from _name_problems(feeds, _feed_names(feeds), "feed")
    for path, table, _ in feeds:
        words = [word.strip().lower() for word in table.words]
        for number, word in enumerate(table.words):
            if words[number] in words[:number]:
                yield Problem((*path, "words", word), "is there twice; case does not matter")


def _lamp_problems(lamps: _Lamps) -> Iterator[Problem]:
    yield from _name_problems(lamps, _lamp_names(lamps), "lamp")
    for path, table, _ in lamps:
        if table.hours and table.hours.closed and not table.options.dims:
            yield Problem(
                (*path, "hours", "closed"),
                'this light cannot be dimmed and would stay fully lit; use "off"',
            )
        yield from look_problems(
            path,
            table.options,
            preset=table.preset,
            patterns=table.fitted,
            events=table.fitted_events,
        )
    yield from _claim_problems(lamps)


def _claim_problems(lamps: _Lamps) -> Iterator[Problem]:
    claimed: dict[str, tuple[str, KeyPath]] = {}
    for (path, table, keys), name in zip(lamps, _lamp_names(lamps), strict=True):
        for claim in sorted(table.options.claims & claimed.keys()):
            keeper, other = claimed[claim]
            key = _key_of(claim, keys)
            # A claim that is in the file word by word (a port) needs no other name.
            subject = "" if len(key) == 1 else f"{claim} "
            yield Problem((*path, *key), f"{subject}is already used by {keeper}", other=other)
        called = f"lamp {name}" if table.name else name
        claimed |= {
            claim: (called, (*path, *_key_of(claim, keys))) for claim in table.options.claims
        }


def _key_of(claim: str, keys: Mapping[str, Any]) -> KeyPath:
    """Return the path of the value in *keys* that makes the *claim*, as far as it can be seen."""
    for key, value in keys.items():
        if value == claim:
            return (key,)
        for inner, each in value.items() if isinstance(value, Mapping) else ():
            if claim in (each, f"GPIO{each}", f"the LED {each}"):
                return (key, inner)
    return ()


def _name_problems(
    tables: Sequence[_Found[Any]], names: Sequence[str], noun: str
) -> Iterator[Problem]:
    for number, found in enumerate(tables):
        if names[number] in names[:number]:
            other = (*tables[names.index(names[number])].path, "name")
            yield Problem((*found.path, "name"), f"another {noun} has this name", other=other)


def _written_names(document: Mapping[str, Any]) -> list[str]:
    tables = document.get("feeds", [])
    if not isinstance(tables, list):
        return []
    return [table["name"] for table in tables if isinstance(table, dict) and "name" in table]


# Translation: from tables without problems to settings.


def _feed_names(feeds: _Feeds) -> tuple[str, ...]:
    """Return the name of each of *feeds*; several feeds of one server get numbers."""
    names: list[str] = []
    for _, table, _ in feeds:
        name, number = table.name or table.options.suggested_name, 1
        while name in names and table.name is None:
            number += 1
            name = f"{table.options.suggested_name} {number}"
        names.append(name)
    return tuple(names)


_MEANINGS: Mapping[str, BuildStatus] = {
    "passing": BuildStatus.SUCCESS,
    "broken": BuildStatus.FAILURE,
    "keep": BuildStatus.UNKNOWN,
}


def _feed(table: FeedTable, name: str, top: Top) -> FeedSettings:
    words = {word.strip().lower(): _MEANINGS[meaning] for word, meaning in table.words.items()}
    options = table.options
    interval = max(table.interval or top.interval, options.least_interval)
    building_interval = table.building_interval or top.building_interval
    return FeedSettings(
        name=name,
        kind=table.kind,
        options=options,
        rules=Rules(
            max_age=options.lease or max_age(interval, deadline=options.deadline),
            max_failures=top.max_failures if options.lease is None else 1,
            expiry=top.keep_verdicts,
            roll_up=table.roll_up is not None,
            ignore_older_than=table.ignore_older_than,
            forget_missing=table.forget_missing,
            required=required(table.include),
            exact=exact(table.include),
            words={**STATUS_WORDS, **options.status_words, **words},
        ),
        selection=table.selection,
        interval=interval,
        building_interval=max(building_interval, options.least_building_interval),
        raised=tuple(_raised(table, top)),
    )


def _raised(table: FeedTable, top: Top) -> Iterator[str]:
    """Yield a sentence for each interval in the file that the server's rate limit forbids."""
    options = table.options
    for key, least in (
        ("interval", options.least_interval),
        ("building_interval", options.least_building_interval),
    ):
        written = getattr(top, key) if key in top.model_fields_set else least
        wanted = getattr(table, key) or written
        if wanted < least:
            yield f"{key} = {wanted:g} is raised to {least:g} s, for the server's rate limit"


def _lamp(found: _Found[LampTable], name: str, feeds: Collection[str]) -> LampSettings:
    table = found.table
    return LampSettings(
        name=name,
        driver=table.driver.name,
        light=table.driver.make,
        options=table.options,
        feeds=frozenset(table.feeds or feeds),
        selection=table.selection,
        patterns=table.fitted,
        events=table.fitted_events,
        hours=table.hours.hours(local_zone()) if table.hours else None,
        closed=table.hours.closed if table.hours else 0.0,
        keys=found.keys,
    )


def _lamp_names(lamps: _Lamps) -> tuple[str, ...]:
    if len(lamps) == 1:
        return (lamps[0].table.name or "lamp",)
    return tuple(found.table.name or f"lamp {n}" for n, found in enumerate(lamps, start=1))
