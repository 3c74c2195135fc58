"""How a configured lamp looks: a preset, the patterns laid over it, both fitted to the light."""

from collections.abc import Mapping

from buildlight.config.problems import Problems
from buildlight.drivers import DriverOptions
from buildlight.patterns.fitting import fit
from buildlight.patterns.pattern import (
    LONGEST_EVENT,
    OFF,
    Pattern,
    cheers,
    colours_of,
    length,
    parse_pattern,
    timed,
)
from buildlight.patterns.presets import preset_patterns
from buildlight.projects.signal import RANKS
from buildlight.projects.verdict import Event

SIGNALS: tuple[str, ...] = tuple(dict.fromkeys(RANKS.values()))
"""The names of all signals, worst first."""


def own_patterns(path: str, texts: Mapping[str, str], mistakes: Problems) -> dict[str, Pattern]:
    """Return the patterns that the lamp at *path* writes itself, by signal."""
    own = {}
    for signal, text in texts.items():
        at = f"{path}.patterns.{signal}"
        if signal not in SIGNALS:
            mistakes.add(at, f"unknown signal; known are: {', '.join(SIGNALS)}")
            continue
        with mistakes.at(at):
            own[signal] = parse_pattern(text)
    return own


def fitted_patterns(
    path: str,
    preset: str | None,
    own: dict[str, Pattern],
    options: DriverOptions,
    mistakes: Problems,
) -> Mapping[str, Pattern]:
    """Return the pattern of every signal as the light of the lamp at *path* can show it."""
    channels = options.channels
    # One colour cannot tell red from green: its rhythm has to.
    alone = len(colours_of(channels)) == 1
    preset = preset or ("rhythm" if alone else "colours")
    if alone and preset == "colours":
        mistakes.add(f"{path}.preset", 'one colour looks the same for all signals; use "rhythm"')
    patterns = preset_patterns(preset, channels) | own
    fitted = {
        signal: fit(pattern, channels, dims=options.dims, relay=options.relay)
        for signal, pattern in patterns.items()
    }
    for signal, pattern in fitted.items():
        at = f"{path}.patterns.{signal}"
        if not alone and cheers(pattern) and not signal.startswith("passing"):
            mistakes.add(at, "green alone would say that all is well; add red or amber")
        if not pattern.strokes and pattern.text != OFF.text:
            mistakes.add(at, f"the light cannot show this; {_channels_of(options)}")
    return fitted


def _channels_of(options: DriverOptions) -> str:
    return f"its channels are {', '.join(sorted(each.value for each in options.channels))}"


PLAYED = {each.value: each for each in (Event.BROKEN, Event.STILL_BROKEN, Event.FIXED)}
"""The events for which a lamp may play something, by name."""


def fitted_events(
    path: str, texts: Mapping[str, str], options: DriverOptions, mistakes: Problems
) -> dict[Event, Pattern]:
    """Return what the lamp at *path* plays once for each event, as its light can show it."""
    events = {}
    for name, text in texts.items():
        at = f"{path}.events.{name}"
        if name not in PLAYED:
            mistakes.add(at, f"no such event; there are: {', '.join(PLAYED)}")
            continue
        event = PLAYED[name]
        with mistakes.at(at):
            pattern = fit(
                parse_pattern(text), options.channels, dims=options.dims, relay=options.relay
            )
            if not pattern.strokes:
                mistakes.add(at, f"the light cannot show this; {_channels_of(options)}")
            events[event] = timed(pattern)
            if length(events[event]) > LONGEST_EVENT:
                mistakes.add(at, f"lasts longer than {LONGEST_EVENT:.0f} seconds")
    return events
