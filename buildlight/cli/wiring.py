"""`buildlight test`: shows each channel and each signal of a lamp to a person who watches.

The answers are compared with what was shown, and wires that look swapped or dead are named. A
:class:`Watcher` asks the person.
"""

import argparse
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from buildlight.cli import FAILED, OK, write_error
from buildlight.cli.arguments.options import BARE
from buildlight.cli.terminal import Interviewer, Unasked, describe_trouble, write_line
from buildlight.config.patterns import SIGNALS
from buildlight.config.settings import lamp_from_keys, load_settings
from buildlight.drivers import Driver, DriverOptions, Wired
from buildlight.errors import ConfigError, LightUnavailable
from buildlight.lamps.lamp import Lamp
from buildlight.lamps.settings import LampSettings
from buildlight.lamps.thread import LampThread
from buildlight.patterns.pattern import OFF, Channel, Pattern, Stroke
from buildlight.system import paths, posix_signals

ANSWERING = 5.0
"""Seconds that a light may take to open, or to show a frame."""


def main(chosen: argparse.Namespace) -> int:
    """Test each chosen lamp; returns whether all of them looked right."""
    # A plain SIGTERM would end the process at once and leave the light lit.
    posix_signals.interrupt_once()
    watcher = Unasked(chosen.pause) if chosen.yes else Interviewer()
    try:
        right = [_walk_and_report(lamp, watcher) for lamp in _chosen_lamps(chosen)]
    except EOFError:
        write_error("no answer; use --yes to walk without questions")
        return FAILED
    return OK if all(right) else FAILED


def _walk_and_report(lamp: LampSettings, watcher: Interviewer | Unasked) -> bool:
    write_line(f"{lamp.name} (driver {lamp.driver})")
    try:
        found = walk(lamp, watcher)
    except LightUnavailable as exc:
        write_error(f"{lamp.name}: {describe_trouble(lamp, exc, patience=ANSWERING)}")
        return False
    for sentence in found.advice:
        write_line(f"  {sentence}")
    right = found.steps - len(found.failed)
    seen = f"{right} of them right" if isinstance(watcher, Interviewer) else "without questions"
    write_line(f"{lamp.name}: {found.steps} steps walked, {seen}")
    return not found.failed


def _chosen_lamps(chosen: argparse.Namespace) -> tuple[LampSettings, ...]:
    if chosen.driver is not None:
        keys = {key: getattr(chosen, key) for key in BARE}
        given = {key: value for key, value in keys.items() if value is not None}
        return (lamp_from_keys(chosen.driver, given),)
    lamps = load_settings(paths.find_file(chosen.config)).lamps
    if chosen.lamp is None:
        return lamps
    named = tuple(lamp for lamp in lamps if lamp.name == chosen.lamp)
    if not named:
        known = ", ".join(lamp.name for lamp in lamps)
        raise ConfigError(f"--lamp: no lamp has this name; known are: {known}")
    return named


class Watcher(Protocol):
    """The person who looks at the lamp during a test."""

    def say(self, text: str) -> None:
        """Show *text* to the person."""
        ...

    def saw(self, text: str) -> bool:
        """Say what should be seen, and return whether it is."""
        ...

    def saw_instead(self, channels: Sequence[Channel]) -> Channel | None:
        """Ask which of *channels* is lit instead; ``None`` if none is."""
        ...


@dataclass(frozen=True, slots=True)
class Walk:
    """The result of one lamp's test: *failed* steps, and *advice* that follows from them."""

    lamp: str
    steps: int
    failed: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


def walk(lamp: LampSettings, watcher: Watcher) -> Walk:
    """Show each channel and each signal of *lamp*, and leave it dark.

    Raises :class:`LightUnavailable` if the light does not open or stops responding.
    """
    with _opened(lamp) as player:
        return _Walking(lamp, player, watcher).walk()


Seen = Mapping[Channel, Channel | None]
"""What lit up when each channel was shown; ``None``: nothing did."""


def see_channels(lamp: LampSettings, watcher: Watcher) -> tuple[Seen, Sequence[str]]:
    """Walk *lamp* through its channels only; return what lit up, and what advice follows.

    Raises :class:`LightUnavailable` as :func:`walk` does.
    """
    with _opened(lamp) as player:
        return _Walking(lamp, player, watcher).walk_channels()


@contextmanager
def _opened(lamp: LampSettings) -> Iterator[LampThread]:
    player = LampThread(lamp.name, Lamp(lamp.open_light))
    player.start(OFF)
    try:
        if not player.wait_tried(ANSWERING):
            raise player.status().trouble or _silent()
        yield player
    finally:
        player.stop()
        player.join(ANSWERING)


def _play(player: LampThread, pattern: Pattern) -> None:
    player.play(pattern)
    if not player.wait_played(pattern, ANSWERING):
        raise player.status().trouble or _silent()


def _silent() -> LightUnavailable:
    return LightUnavailable(f"the light did not answer within {ANSWERING:.0f} seconds")


class _Walking:
    def __init__(self, lamp: LampSettings, player: LampThread, watcher: Watcher) -> None:
        self._lamp = lamp
        self._player = player
        self._watcher = watcher
        self._channels = [each for each in Channel if lamp.options.combines(frozenset({each}))]
        self._wiring = _wiring(player.driver)

    def walk(self) -> Walk:
        seen, advised = self.walk_channels()
        failed = [channel.value for channel, saw in seen.items() if saw is not channel]
        failed += [signal for signal in SIGNALS if not self._see_signal(signal)]
        return Walk(
            lamp=self._lamp.name,
            steps=len(self._channels) + len(SIGNALS),
            failed=tuple(failed),
            advice=advised,
        )

    def walk_channels(self) -> tuple[Seen, tuple[str, ...]]:
        if getattr(self._player.driver, "mock", False):
            self._watcher.say(
                "THESE ARE MOCK PINS: no wire is tested. Unset GPIOZERO_PIN_FACTORY on the Pi."
            )
        seen = {channel: self._see_channel(channel) for channel in self._channels}
        return seen, tuple(advice(seen, self._wiring, keys=_keys(self._lamp.options)))

    def _see_channel(self, channel: Channel) -> Channel | None:
        _play(self._player, Pattern(channel.value, (Stroke(channel),)))
        if self._watcher.saw(f"{_place(channel, self._wiring)}: lit, and nothing else"):
            return channel
        others = [other for other in self._channels if other is not channel]
        return self._watcher.saw_instead(others)

    def _see_signal(self, signal: str) -> bool:
        pattern = self._lamp.patterns[signal]
        _play(self._player, pattern)
        return self._watcher.saw(f"signal {signal}: {pattern.text}")


def _wiring(driver: Driver | None) -> Mapping[Channel, str]:
    return driver.wiring if isinstance(driver, Wired) else {}


def _place(channel: Channel, wiring: Mapping[Channel, str]) -> str:
    return f"{channel.value}: {wiring[channel]}" if channel in wiring else channel.value


def advice(
    seen: Mapping[Channel, Channel | None],
    wiring: Mapping[Channel, str],
    *,
    keys: Mapping[Channel, str] = MappingProxyType({}),
) -> Iterable[str]:
    """Say which wires look swapped or dead, from what was *seen* for each channel.

    *keys* are the configuration keys that hold the places of the channels.
    """
    told: set[Channel] = set()
    for channel, saw in seen.items():
        place = _place(channel, wiring)
        if saw is channel or channel in told:
            continue
        if saw is None:
            yield f"{place} looks dead: {_DEAD[_in_one_place(wiring)]}"
        elif seen.get(saw) is not channel:
            yield f"{place} lights {saw.value} up: {_WRONG[_in_one_place(wiring)]}"
        else:
            told.add(saw)
            remedy = _exchange(channel, saw, wiring, keys.get(channel))
            yield f"{channel.value} and {saw.value} look swapped: {remedy}"


_DEAD = {
    False: "check its wire, its ground, and which way round it is",
    True: "see whether its lamp is broken, and whether this is the light that is configured",
}
_WRONG = {
    False: "its wire goes to the wrong place",
    True: "see whether this is the light that is configured",
}


def _in_one_place(wiring: Mapping[Channel, str]) -> bool:
    """Return whether all channels are in one place: a light without separate wires."""
    return len(wiring) > 1 and len({*wiring.values()}) == 1


def _exchange(
    channel: Channel, other: Channel, wiring: Mapping[Channel, str], key: str | None
) -> str:
    if _in_one_place(wiring):
        return f"edit {key}" if key else _WRONG[True]
    wires = "their wires"
    if channel in wiring and other in wiring:
        wires = f"{wiring[channel]}, and {wiring[other]}"
    return f"exchange {wires}, or edit {key or 'the configuration'}"


def _keys(options: DriverOptions) -> Mapping[Channel, str]:
    """Return the key of *options* that holds the places of the channels, such as ``pins``."""
    return {
        channel: field.alias or name
        for name, field in type(options).model_fields.items()
        if isinstance(held := getattr(options, name), (Mapping, tuple))
        for channel in held
        if isinstance(channel, Channel)
    }
