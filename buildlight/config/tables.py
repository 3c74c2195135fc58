"""The tables of a configuration: the keys of each, and their types."""

from collections.abc import Collection, Mapping, Sequence
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
from buildlight.config.repositories import WrittenTable, expand
from buildlight.drivers import Driver, load_driver
from buildlight.feeds import kind_of, load_kind
from buildlight.patterns.pattern import Pattern
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import Event
from buildlight.wording import did_you_mean

PREFIX = "BUILDLIGHT_"
"""The prefix of an environment variable for a top-level key."""


class Top(BaseSettings):
    """The top-level keys of the file; environment variables can override them."""

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
        """Read the environment, then the file, and nothing else; the environment wins."""
        return env_settings, init_settings

    interval: Seconds = Field(
        default=30.0, description="seconds between polls of a feed while nothing builds"
    )
    building_interval: Seconds = Field(
        default=5.0, description="the same while one of its projects is being built"
    )
    max_failures: int = Field(
        default=3,
        ge=1,
        le=100,
        description="number of failed polls in a row after which a feed is stale: its news is "
        "too old",
    )
    keep_verdicts: Age = Field(
        default=86_400.0,
        description="seconds for which a verdict is kept while its server does not confirm it",
    )


class OwnKeys(Table):
    """A table whose other keys belong to its kind of feed or its driver."""

    name: Name | None = Field(
        examples=["web"], default=None, description="name in the log, in `explain` and on the page"
    )
    include: tuple[NamePattern, ...] = Field(
        examples=[["shop-*"]],
        default=(),
        description="list of project names that count, all unless set: globs (`shop-*`), or "
        "regular "
        "expressions after `re:`, which search the first 500 characters; a name without a "
        "wildcard has to exist",
    )
    exclude: tuple[NamePattern, ...] = Field(
        examples=[["*-nightly"]],
        default=(),
        description="list of project names that do not count, in the form of `include`",
    )

    @property
    def selection(self) -> Selection:
        """The keys that select projects."""
        return Selection(include=self.include, exclude=self.exclude)

    @classmethod
    def expanded(cls, table: Mapping[str, Any]) -> Sequence[WrittenTable]:
        """Return the tables that *table* stands for; raises :class:`ValueError`."""
        return (WrittenTable(table),)

    @classmethod
    def with_options(cls, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return *table* with the keys of its kind or driver moved into one field."""
        common = {key: value for key, value in table.items() if key in keys_of(cls)}
        return {**common, "options": {key: table[key] for key in table if key not in common}}

    @classmethod
    def checked_options(cls, owner: Any, keys: Mapping[str, Any]) -> Any:
        """Return *keys* as the ``Options`` of *owner*, a kind of feed or a driver."""
        try:
            return owner.Options.model_validate(keys)
        except ValidationError as exc:
            raise in_plain_words(exc, owner.Options, known=keys_of(cls)) from None


class FeedTable(OwnKeys):
    """One ``[[feeds]]`` table."""

    kind: Annotated[Any, PlainValidator(text_of(load_kind), json_schema_input_type=str)] = Field(
        examples=["cctray"],
        default="cctray",
        validate_default=True,
        description="kind of the feed, see below; for addresses on github.com and gitlab.com it is "
        "`github` and `gitlab` unless set",
    )
    repos: tuple[str, ...] = Field(
        examples=[["acme/shop", "acme/web"]],
        default=(),
        description="list of repositories instead of `url`, each a feed of its own: "
        '`["acme/shop", "acme/web"]`, or their addresses on a server of yours',
    )
    words: Mapping[str, Literal["passing", "broken", "keep"]] = Field(
        examples=[{"flaky": "passing"}],
        default_factory=dict,
        description='meaning of this server\'s status words: `{ flaky = "passing", dead = '
        '"broken", '
        'skipped = "keep" }`',
    )
    roll_up: Literal["pipeline"] | None = Field(
        examples=["pipeline"],
        default=None,
        description='`"pipeline"`: count the stages and jobs of a pipeline as one project, with '
        "the "
        "worst of their verdicts; a name ends at ` :: `, ` / ` or `/`",
    )
    interval: Seconds | None = Field(
        examples=[30], default=None, description="the same as at the top level, for this feed"
    )
    building_interval: Seconds | None = Field(
        examples=[5], default=None, description="the same as at the top level, for this feed"
    )
    forget_missing: Age = Field(
        default=900.0,
        description="seconds after which a broken project is forgotten once it is missing from "
        "the feed; "
        "until then the lamp stays red",
    )
    ignore_older_than: Age | None = Field(
        examples=[86400],
        default=None,
        description="a project whose last build is older (seconds) does not count; it is still "
        "listed",
    )
    options: Any

    @classmethod
    def expanded(cls, table: Mapping[str, Any]) -> Sequence[WrittenTable]:
        """Return a table for each of ``repos``."""
        return expand(table)

    @classmethod
    def with_options(cls, table: Mapping[str, Any]) -> dict[str, Any]:
        """Do the same, and add the kind that belongs to the address of a known host."""
        return super().with_options({"kind": kind_of(table.get("url")), **table})

    @field_validator("options", mode="plain")
    @classmethod
    def _check_options(cls, keys: Mapping[str, Any], info: ValidationInfo) -> Any:
        kind = info.data.get("kind")  # Absent if the kind itself has a problem.
        return kind and cls.checked_options(kind, keys)


class FeedNames(NamedTuple):
    """The names of feeds, for the check of a lamp's table.

    *known* are the names of feeds without problems, *written* all names in the file: a problem
    of a feed is not reported again for its lamp.
    """

    known: Collection[str] = ()
    written: Collection[str] = ()


class NamedDriver(NamedTuple):
    """A driver, and its name in the file."""

    name: str
    make: type[Driver]


def _check_feed(name: str, info: ValidationInfo) -> str:
    feeds: FeedNames = info.context or FeedNames()
    # If there is no feed at all, another sentence says so.
    if feeds.known and name not in {*feeds.known, *feeds.written}:
        close = did_you_mean(name, feeds.known)
        known = f"; known are: {', '.join(sorted(feeds.known))}"
        raise ValueError(f"no feed has this name{close or known}")
    return name


class LampTable(OwnKeys):
    """One ``[[lamps]]`` table."""

    driver: Annotated[
        NamedDriver,
        PlainValidator(
            text_of(lambda name: NamedDriver(name, load_driver(name))), json_schema_input_type=str
        ),
    ] = Field(examples=["gpio"], description="kind of the light; see [Drivers](drivers.md)")
    feeds: tuple[Annotated[str, AfterValidator(_check_feed)], ...] = Field(
        examples=[["web"]],
        default=(),
        description="list of the names of the feeds that the lamp watches; all unless set",
    )
    preset: Literal["colours", "rhythm"] | None = Field(
        examples=["rhythm"],
        default=None,
        description='ready-made set of patterns: `"colours"`, or `"rhythm"` with a different '
        "rhythm for "
        "each signal",
    )
    patterns: SignalPatterns = Field(
        examples=[{"broken": "red blink"}],
        default_factory=dict,
        description='patterns by signal: `{ broken = "red, buzzer 2s", none = "off" }`',
    )
    events: EventPatterns = Field(
        examples=[{"broken": "buzzer 2s"}],
        default_factory=dict,
        description='patterns that are played once: `{ broken = "buzzer 2s", fixed = "green '
        'blink 5s" }`',
    )
    hours: HoursTable | None = Field(
        examples=[{"open": "08:00", "close": "19:00"}],
        default=None,
        description="when the office is open; always unless set",
    )
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
