"""How a configured lamp looks: a preset, and the patterns that replace some of it.

Both are fitted to what the light can show.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import AfterValidator, PlainValidator

from buildlight.config.mistakes.positions import KeyPath
from buildlight.config.problems import Problem, text_of
from buildlight.config.suggestions import unknown
from buildlight.drivers import DriverOptions
from buildlight.drivers.states import spell
from buildlight.patterns.fitting import fit
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import (
    LONGEST_EVENT,
    OFF,
    Pattern,
    cheers,
    colours_of,
    duration_of,
    limit_duration,
)
from buildlight.patterns.presets import preset_patterns
from buildlight.patterns.together import Lit, laid_over, lit_sets
from buildlight.projects.signal import RANKS
from buildlight.projects.verdict import Event

SIGNALS: tuple[str, ...] = tuple(dict.fromkeys(RANKS.values()))
"""The names of all signals, worst first."""

EVENTS = {each.value: each for each in (Event.BROKEN, Event.STILL_BROKEN, Event.FIXED)}
"""The events for which a lamp can play a pattern, by name."""


def _check_signal(name: str) -> str:
    if name not in SIGNALS:
        raise ValueError(unknown("signal", name, SIGNALS))
    return name


def _check_event(name: str) -> str:
    if name not in EVENTS:
        raise ValueError(unknown("event", name, EVENTS))
    return name


_Written = Annotated[Pattern, PlainValidator(text_of(parse_pattern), json_schema_input_type=str)]
SignalPatterns = Mapping[Annotated[str, AfterValidator(_check_signal)], _Written]
"""The ``patterns`` table of a lamp."""
EventPatterns = Mapping[Annotated[str, AfterValidator(_check_event)], _Written]
"""The ``events`` table of a lamp."""


def signal_patterns(
    preset: str | None, own: Mapping[str, Pattern], options: DriverOptions
) -> Mapping[str, Pattern]:
    """Return the pattern of every signal as a light with *options* can show it."""
    # With one colour, only the rhythm distinguishes the signals.
    preset = preset or ("rhythm" if _has_one_colour(options) else "colours")
    return {
        signal: _fitted(pattern, options)
        for signal, pattern in {**preset_patterns(preset, options.channels), **own}.items()
    }


def event_patterns(own: Mapping[str, Pattern], options: DriverOptions) -> Mapping[Event, Pattern]:
    """Return the pattern of each event, played once, as a light with *options* can show it."""
    return {
        EVENTS[name]: limit_duration(_fitted(pattern, options)) for name, pattern in own.items()
    }


def look_problems(
    path: KeyPath,
    options: DriverOptions,
    *,
    preset: str | None,
    patterns: Mapping[str, Pattern],
    events: Mapping[Event, Pattern],
) -> Iterator[Problem]:
    """Yield a problem for each of *patterns* and *events* that the light at *path* cannot show."""
    alone = _has_one_colour(options)
    channels = ", ".join(sorted(each.value for each in options.channels))
    invisible = f"the light cannot show this; its channels are {channels}"
    if alone and preset == "colours":
        yield Problem((*path, "preset"), 'one colour looks the same for all signals; use "rhythm"')
    for signal, pattern in patterns.items():
        at = (*path, "patterns", signal)
        if not alone and cheers(pattern) and not signal.startswith("passing"):
            yield Problem(at, "green alone would say that all is well; add red or amber")
        if not pattern.strokes and pattern.text != OFF.text:
            yield Problem(at, invisible)
        yield from _combination_problems(at, options, lit_sets(pattern))
    beneath: frozenset[Lit] = frozenset().union(*map(lit_sets, patterns.values()))
    beneath = frozenset(lit for lit in beneath if options.combines(lit))  # Others are problems.
    for event, pattern in events.items():
        at = (*path, "events", event.value)
        if not pattern.strokes:
            yield Problem(at, invisible)
        if duration_of(pattern) > LONGEST_EVENT:
            yield Problem(at, f"lasts longer than {LONGEST_EVENT:.0f} seconds")
        yield from _combination_problems(at, options, laid_over(beneath, pattern))


def _combination_problems(
    path: KeyPath, options: DriverOptions, sets: frozenset[Lit]
) -> Iterator[Problem]:
    """Yield a problem if the light has no command for one of the *sets* of channels."""
    missing = sorted(spell(lit) for lit in sets if not options.combines(lit))
    if missing:
        yield Problem(
            path,
            f"needs {', '.join(missing)}, which states does not have; add it to states, choose "
            'another pattern, or set preset = "rhythm", which lights one channel at a time',
        )


def _has_one_colour(options: DriverOptions) -> bool:
    return len(colours_of(options.channels)) == 1


def _fitted(pattern: Pattern, options: DriverOptions) -> Pattern:
    return fit(pattern, options.channels, dims=options.dims, pace=options.pace)
