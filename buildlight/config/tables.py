"""The tables of a configuration: which keys each may hold, and of which type."""

from collections.abc import Collection, Mapping
from functools import cached_property
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from buildlight.config.fields import Age, Name, NamePattern, Seconds
from buildlight.config.hours import HoursTable
from buildlight.config.patterns import (
    EventPatterns,
    SignalPatterns,
    event_patterns,
    signal_patterns,
)
from buildlight.config.problems import Table, in_plain_words, keys_of, text_of
from buildlight.drivers import Driver, load_driver
from buildlight.feeds import kind_of, load_kind
from buildlight.patterns.pattern import Pattern
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import Event

PREFIX = "BUILDLIGHT_"
"""How the name of an environment variable for a key at the top begins."""


class Top(BaseSettings):
    """The keys at the top of the file, which the environment may override."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", hide_input_in_errors=True, frozen=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the signature is pydantic-settings'
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the environment over the file, and read nothing else."""
        return env_settings, init_settings

    interval: Seconds = Field(
        default=30.0, description="seconds between polls of a feed while nothing builds"
    )
    building_interval: Seconds = Field(
        default=5.0, description="the same while one of its projects is being built"
    )
    max_failures: int = Field(
        default=3, ge=1, le=100, description="polls in a row that may fail before a feed is stale"
    )
    keep_verdicts: Age = Field(
        default=86_400.0,
        description="seconds for which a verdict stands that its server no longer confirms",
    )


class OwnKeys(Table):
    """A table whose other keys belong to its kind of feed or its driver."""

    name: Name | None = Field(
        default=None, description="its name in the log, in `explain` and on the page"
    )
    include: tuple[NamePattern, ...] = Field(
        default=(),
        description="list of names that count, all unless set: globs (`shop-*`), or regular "
        "expressions behind `re:`, which look at the first 500 letters; a name without a "
        "wildcard has to exist",
    )
    exclude: tuple[NamePattern, ...] = Field(
        default=(), description="list of names that do not count, written like those of `include`"
    )

    @property
    def selection(self) -> Selection:
        """Which projects count."""
        return Selection(include=self.include, exclude=self.exclude)

    @classmethod
    def with_options(cls, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return *table* with the keys that are not in every such table gathered in one."""
        common = {key: value for key, value in table.items() if key in keys_of(cls)}
        return {**common, "options": {key: table[key] for key in table if key not in common}}

    @classmethod
    def checked_options(cls, owner: Any, keys: Mapping[str, Any]) -> Any:
        """Return *keys* as the options of *owner*, a kind of feed or a driver."""
        try:
            return owner.Options.model_validate(keys)
        except ValidationError as exc:
            raise in_plain_words(exc, owner.Options, known=keys_of(cls)) from None


class FeedTable(OwnKeys):
    """One ``[[feeds]]`` table."""

    kind: Annotated[Any, PlainValidator(text_of(load_kind))] = Field(
        default="cctray",
        validate_default=True,
        description="kind of the feed, see below; `github` or `gitlab` for addresses on "
        "github.com and gitlab.com",
    )
    words: Mapping[str, Literal["passing", "broken", "keep"]] = Field(
        default_factory=dict,
        description='what words of this server mean: `{ flaky = "passing", dead = "broken", '
        'skipped = "keep" }`',
    )
    roll_up: Literal["pipeline"] | None = Field(
        default=None,
        description='`"pipeline"`: names are cut at ` :: `, ` / ` or `/`, and the worst part is '
        "the verdict of the pipeline",
    )
    interval: Seconds | None = Field(
        default=None, description="the same as at the top level, for this feed"
    )
    building_interval: Seconds | None = Field(
        default=None, description="the same as at the top level, for this feed"
    )
    forget_missing: Age = Field(
        default=900.0,
        description="seconds after which a broken project that the feed no longer holds is "
        "forgotten; until then the lamp stays red",
    )
    ignore_older_than: Age | None = Field(
        default=None,
        description="seconds since its last build after which a project does not count; it is "
        "listed all the same",
    )
    options: Any

    @classmethod
    def with_options(cls, table: Mapping[str, Any]) -> dict[str, Any]:
        """Do the same, and name the kind that the address of a known host means."""
        return super().with_options({"kind": kind_of(table.get("url")), **table})

    @field_validator("options", mode="plain")
    @classmethod
    def _check_options(cls, keys: Mapping[str, Any], info: ValidationInfo) -> Any:
        kind = info.data.get("kind")  # Absent if it has a problem itself.
        return kind and cls.checked_options(kind, keys)


class FeedNames(NamedTuple):
    """The context in which a lamp's table is checked.

    *known* are the names of feeds without problems, *written* those in the file, problems or not:
    a lamp is not blamed for the problem of its feed.
    """

    known: Collection[str] = ()
    written: Collection[str] = ()


class NamedDriver(NamedTuple):
    """A driver and its name in the file."""

    name: str
    make: type[Driver]


def _check_feed(name: str, info: ValidationInfo) -> str:
    feeds: FeedNames = info.context or FeedNames()
    # Without any feed, that is the problem, and another sentence says so.
    if feeds.known and name not in {*feeds.known, *feeds.written}:
        raise ValueError(f"no feed has this name; known are: {', '.join(sorted(feeds.known))}")
    return name


class LampTable(OwnKeys):
    """One ``[[lamps]]`` table."""

    driver: Annotated[
        NamedDriver, PlainValidator(text_of(lambda name: NamedDriver(name, load_driver(name))))
    ] = Field(description="kind of the light; see [Drivers](drivers.md)")
    feeds: tuple[Annotated[str, AfterValidator(_check_feed)], ...] = Field(
        default=(), description="list of the names of the feeds that it watches; all unless set"
    )
    preset: Literal["colours", "rhythm"] | None = Field(
        default=None,
        description='set of patterns: `"colours"`, or `"rhythm"` with a rhythm of its own for '
        "each signal",
    )
    patterns: SignalPatterns = Field(
        default_factory=dict,
        description='pattern by signal: `{ broken = "red, buzzer 2s", none = "off" }`',
    )
    events: EventPatterns = Field(
        default_factory=dict,
        description='what is played once: `{ broken = "buzzer 2s", fixed = "green blink 5s" }`',
    )
    hours: HoursTable | None = Field(default=None, description="when the office is open; always")
    options: Any

    @field_validator("options", mode="plain")
    @classmethod
    def _check_options(cls, keys: Mapping[str, Any], info: ValidationInfo) -> Any:
        light = info.data.get("driver")
        return light and cls.checked_options(light.make, keys)

    @cached_property
    def fitted(self) -> Mapping[str, Pattern]:
        """The pattern of every signal, as the light can show it."""
        return signal_patterns(self.preset, self.patterns, self.options)

    @cached_property
    def fitted_events(self) -> Mapping[Event, Pattern]:
        """The pattern of each event, as the light can show it."""
        return event_patterns(self.events, self.options)
