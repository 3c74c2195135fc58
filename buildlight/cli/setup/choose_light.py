"""Choosing the light: what is found first, the drawn one always; then one step a channel."""

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from buildlight.cli.arguments import values
from buildlight.cli.arguments.options import BARE
from buildlight.cli.setup.document import Keys, mended
from buildlight.cli.setup.questions import Asker
from buildlight.cli.terminal import Interviewer, describe_trouble
from buildlight.cli.wiring import ANSWERING, see_channels
from buildlight.config.settings import lamp_from_keys
from buildlight.drivers.gpio.boards import BOARDS
from buildlight.drivers.inventory import Devices, FoundLed, FoundPort, look
from buildlight.errors import ConfigError, LightUnavailable
from buildlight.patterns.pattern import Channel
from buildlight.redaction import printable


@dataclass(frozen=True, slots=True)
class LightOffer:
    """A light that can be chosen: the *keys* that are known, and those that it *wants* yet.

    *found* tells whether it was seen on this machine.
    """

    title: str
    keys: Keys
    wants: tuple[str, ...] = ()
    found: bool = True


@dataclass(frozen=True, slots=True)
class _Question:
    """How a key is asked for; *suggestion* is what most people answer."""

    text: str
    read: Callable[[str], object]
    suggestion: str | None = None


QUESTIONS: Mapping[str, _Question] = {
    "pins": _Question("GPIO number of each colour", values.pins, "red=17,amber=27,green=22"),
    "board": _Question(f"Name of the board ({', '.join(BOARDS)})", str.strip),
    "port": _Question("Port of the light (`buildlight devices` lists them)", str.strip),
    "protocol": _Question("Protocol of the light (such as adafruit-tower)", str.strip),
    "channels": _Question("Colours, from the first relay on", values.channels, "red,amber,green"),
    "leds": _Question("Name of the LED of each colour (such as red=build-red)", values.leds),
    "host": _Question("Name or address of the light (such as wled-office.local)", str.strip),
}
NEEDED: Mapping[str, tuple[str, ...]] = {
    "gpio": ("pins",),
    "serial": ("protocol", "port"),
    "sysfs": ("leds",),
    "wled": ("host",),
}
"""The keys that each driver needs."""

_RECOGNISED: Mapping[str, tuple[tuple[str, str], ...]] = {
    "1a86:7523": (
        ("Adafruit's tower light", "adafruit-tower"),
        ("a board of LCUS relays", "lcus"),
    ),
    "2047:03df": (("a fit-statUSB", "fit-statusb"),),
    "303a:81df": (("a Busy Tag", "busytag"),),
}
"""What is behind a USB id, and its protocol."""


def choose_light(asker: Asker, chosen: argparse.Namespace) -> Keys:
    """Return the keys of the lamp's table, tested channel by channel if somebody watches."""
    given = _given(chosen)
    while True:
        light = _light(asker, given)
        try:
            keys = _asked(asker, light)
            lamp_from_keys(str(keys["driver"]), _without_driver(keys))
        except ConfigError as exc:
            if not asker.attended:
                raise
            for mistake in exc.mistakes:
                asker.say(mistake)
        else:
            if not asker.attended or not chosen.test:
                return keys
            tested = _tested(asker, keys)
            if tested is not None:
                return tested
        given = {}


def _given(chosen: argparse.Namespace) -> Keys:
    """Return the keys that flags gave; none without ``--driver``."""
    if chosen.driver is None:
        return {}
    keys = {key: getattr(chosen, key) for key in BARE if getattr(chosen, key) is not None}
    return {"driver": chosen.driver, **keys}


def _light(asker: Asker, given: Keys) -> LightOffer:
    if given:
        driver = str(given["driver"])
        needed = () if "board" in given else NEEDED.get(driver, ())
        if given.get("protocol") == "lcus":
            needed = (*needed, "channels")
        return LightOffer("", given, tuple(key for key in needed if key not in given))
    if not asker.attended:
        asker.choice("", (), flag="--driver", usual=None)
    lights = tuple(lights_of(look()))
    found = [number for number, light in enumerate(lights) if light.found]
    usual = found[0] if len(found) == 1 else None if found else len(lights) - 1
    asker.say("Which light?")
    titles = [light.title for light in lights]
    return lights[asker.choice("Number of the light", titles, flag="--driver", usual=usual)]


def lights_of(devices: Devices) -> Iterator[LightOffer]:
    """Yield what can be chosen on a machine with *devices*: what is recognised comes first."""
    unknown = []
    for port in devices.ports:
        known = tuple(_recognised(port))
        yield from known
        if not known:
            unknown.append(port)
    leds = _coloured(devices.leds)
    if leds:
        names = ", ".join(leds.values())
        yield LightOffer(
            f"LEDs of the kernel: {printable(names)}", {"driver": "sysfs", "leds": leds}
        )
    pins = bool(devices.chips) or bool(os.environ.get("GPIOZERO_PIN_FACTORY"))
    if pins:
        yield LightOffer("LEDs or relays on GPIO pins", {"driver": "gpio"}, ("pins",))
        yield LightOffer(
            "a ready-made board on the pins", {"driver": "gpio"}, ("board",), found=False
        )
    for port in unknown:
        yield LightOffer(
            f"our own USB light on {_called(port)}",
            {"driver": "serial", "protocol": "buildlight", "port": port.stable or port.device},
            found=False,
        )
    installed = {driver.name for driver in devices.drivers if driver.trouble is None}
    yield LightOffer("another serial light", {"driver": "serial"}, NEEDED["serial"], found=False)
    yield LightOffer("WLED in the network", {"driver": "wled"}, ("host",), found=False)
    for name in sorted(installed - {*NEEDED, "console"}):
        yield LightOffer(f"driver {name}", {"driver": name}, found=False)
    yield LightOffer("none yet: draw it on the terminal", {"driver": "console"}, found=False)


def _recognised(port: FoundPort) -> Iterator[LightOffer]:
    for title, protocol in _RECOGNISED.get(port.usb or "", ()):
        keys = {"driver": "serial", "protocol": protocol, "port": port.stable or port.device}
        wants = ("channels",) if protocol == "lcus" else ()
        # One chip may be several lights, and the first is the likely one.
        first = protocol == _RECOGNISED[port.usb or ""][0][1]
        yield LightOffer(f"{title} on {_called(port)}", keys, wants, found=first)


def _called(port: FoundPort) -> str:
    product = f" ({printable(port.product, limit=40)})" if port.product else ""
    return f"{printable(port.device)}{product}"


def _coloured(leds: Sequence[FoundLed]) -> dict[str, str]:
    """Return the LEDs whose name tells their colour, by that colour."""
    found: dict[str, str] = {}
    for led in leds:
        for word, channel in _COLOURS.items():
            if word in led.name.lower() and channel not in found and _is_free(led):
                found[channel] = led.name
    return found


_COLOURS = {"red": "red", "amber": "amber", "yellow": "amber", "orange": "amber", "green": "green"}


def _is_free(led: FoundLed) -> bool:
    return led.trigger in (None, "none")


def _asked(asker: Asker, light: LightOffer) -> Keys:
    """Return the keys of *light* with what it wants yet."""
    keys = dict(light.keys)
    for key in light.wants:
        question = QUESTIONS[key]
        while True:
            answer = asker.text(question.text, flag=f"--{key}", suggestion=question.suggestion)
            try:
                keys[key] = question.read(answer)
            except argparse.ArgumentTypeError as exc:
                asker.say(f"Please {exc}.")
            else:
                break
    if keys.get("protocol") == "lcus" and "channels" not in keys:
        return _asked(asker, LightOffer("", keys, ("channels",)))
    if isinstance(pins := keys.get("pins"), Mapping):
        keys["pins"] = {each: int(pin) if pin.isdecimal() else pin for each, pin in pins.items()}
    return keys


def _without_driver(keys: Keys) -> Keys:
    return {key: value for key, value in keys.items() if key != "driver"}


def _tested(asker: Asker, keys: Keys) -> Keys | None:
    """Return *keys* with swapped colours mended; ``None`` if another light is wanted."""
    asker.say("One step for each colour; say whether you see it.")
    while True:
        lamp = lamp_from_keys(str(keys["driver"]), _without_driver(keys))
        try:
            seen, advice = see_channels(lamp, Interviewer())
        except LightUnavailable as exc:
            asker.say(describe_trouble(lamp, exc, patience=ANSWERING))
            keep = asker.agrees("Keep this light all the same?", flag="--no-test", default=False)
            return keys if keep else None
        better = mended(keys, seen)
        if better is None:
            for sentence in advice:
                asker.say(sentence)
            return keys
        asker.say(f"Exchanged: {_exchanged(seen)}. Once more:")
        keys = better


def _exchanged(seen: Mapping[Channel, Channel | None]) -> str:
    return ", ".join(
        f"{shown.value} is now where {saw.value} was"
        for shown, saw in seen.items()
        if saw not in (None, shown)
    )
