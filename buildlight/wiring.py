"""Proving the wiring: every lamp walks through its channels and its signals, and a person watches.

What the person saw is compared with what was shown; a wire that looks swapped or dead is named.
Not in here: how a person is asked. That is a :class:`Watcher`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from buildlight.drivers import Driver, Wired
from buildlight.errors import LightUnavailable
from buildlight.lamp import Lamp, LampThread
from buildlight.looks import SIGNALS
from buildlight.pattern import OFF, Channel, Pattern, Stroke
from buildlight.settings import LampSettings

ANSWERING = 5.0
"""Seconds within which a light has to open, and to show what it is told."""


class Watcher(Protocol):
    """Who looks at the lamp while it is tested."""

    def say(self, text: str) -> None:
        """Tell the person something."""
        ...

    def saw(self, text: str) -> bool:
        """Tell what should be seen, and return whether it is."""
        ...

    def saw_instead(self, channels: Sequence[Channel]) -> Channel | None:
        """Ask which of *channels* lit up instead; ``None`` if none did."""
        ...


@dataclass(frozen=True, slots=True)
class Walk:
    """What came of one lamp's walk: *failed* steps, and what *advice* follows from them."""

    lamp: str
    steps: int
    failed: tuple[str, ...] = ()
    advice: tuple[str, ...] = ()


def walk(lamp: LampSettings, watcher: Watcher) -> Walk:
    """Walk *lamp* through each channel and each signal, and leave it dark.

    Raises :class:`LightUnavailable` if the light does not open or does not answer any more.
    """
    player = LampThread(lamp.name, Lamp(lamp.open_light))
    player.start(OFF)
    try:
        if not player.wait_tried(ANSWERING):
            raise player.trouble or _silent()
        return _Walking(lamp, player, watcher).walk()
    finally:
        player.stop()
        player.join(ANSWERING)


def _play(player: LampThread, pattern: Pattern) -> None:
    player.play(pattern)
    if not player.wait_played(pattern, ANSWERING):
        raise player.trouble or _silent()


def _silent() -> LightUnavailable:
    return LightUnavailable(f"the light did not answer within {ANSWERING:.0f} seconds")


class _Walking:
    def __init__(self, lamp: LampSettings, player: LampThread, watcher: Watcher) -> None:
        self._lamp = lamp
        self._player = player
        self._watcher = watcher
        self._channels = [each for each in Channel if each in lamp.options.channels]
        self._wiring = _wiring(player.driver)

    def walk(self) -> Walk:
        if getattr(self._player.driver, "mock", False):
            self._watcher.say(
                "THESE ARE MOCK PINS: no wire is tested. Unset GPIOZERO_PIN_FACTORY on the Pi."
            )
        seen = {channel: self._see_channel(channel) for channel in self._channels}
        failed = [channel.value for channel, saw in seen.items() if saw is not channel]
        failed += [signal for signal in SIGNALS if not self._see_signal(signal)]
        return Walk(
            lamp=self._lamp.name,
            steps=len(self._channels) + len(SIGNALS),
            failed=tuple(failed),
            advice=tuple(advice(seen, self._wiring)),
        )

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


def advice(seen: Mapping[Channel, Channel | None], wiring: Mapping[Channel, str]) -> Iterable[str]:
    """Say which wires look swapped or dead, from what lit up (*seen*) for each channel."""
    for channel, saw in seen.items():
        if saw is channel:
            continue
        if saw is None:
            place = _place(channel, wiring)
            yield f"{place} looks dead: check its wire, its ground, and which way round it is"
        elif seen.get(saw) is not channel:
            place = _place(channel, wiring)
            yield f"{place} lights {saw.value} up: its wire goes to the wrong place"
        elif channel.value < saw.value:
            yield (
                f"{channel.value} and {saw.value} look swapped: exchange their wires "
                f"({wiring.get(channel, channel.value)}; {wiring.get(saw, saw.value)}), "
                "or edit the configuration"
            )
