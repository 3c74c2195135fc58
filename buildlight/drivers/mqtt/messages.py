"""What a light that listens to a broker is told: ready-made messages, and templates. Pure.

WLED: https://kno.wled.ge/interfaces/mqtt/ and wled00/mqtt.cpp. Tasmota:
https://tasmota.github.io/docs/MQTT/. ESPHome: https://esphome.io/components/mqtt, with Home
Assistant's JSON schema of a light. Zigbee2MQTT: https://www.zigbee2mqtt.io/guide/usage/.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from buildlight.drivers.colour import BLACK, MIXED, Rgb, inks, mixed
from buildlight.drivers.wled_effects import COLOURS as STRIP
from buildlight.drivers.wled_effects import SOLID, Effect, effect_of, state_of
from buildlight.patterns.pattern import STEADY, Channel, Frame, Pattern, Stroke, frame_at

BULB = inks(amber=(255, 126, 0))
"""Amber on a bulb: its colours are corrected for the eye."""
WORDS = {channel.value: channel for channel in Channel}
MIXES = frozenset({"r", "g", "b", "rgb_hex"})
PLAIN = frozenset({"state", "brightness"})
_PLACE = re.compile(r"\{([^\s\"{}][^\"{}]*)\}")

Message = tuple[str, str]
"""A topic and a payload."""


@dataclass(frozen=True, slots=True)
class Template:
    """A message of the configuration; *on* and *off* are what ``{red}`` becomes."""

    topic: str
    payload: str
    on: str = "ON"
    off: str = "OFF"

    @property
    def places(self) -> frozenset[str]:
        """The names in braces."""
        return frozenset(_PLACE.findall(self.payload))

    def filled(self, frame: Frame) -> Message:
        """Return the message for *frame*; only known names are replaced, and nothing evaluated."""
        level = max((level for _, level in frame.levels), default=0.0)
        red, green, blue = _full(frame)
        known = {
            "state": self.on if frame.levels else self.off,
            "brightness": str(_byte(level)),
            "r": str(red),
            "g": str(green),
            "b": str(blue),
            "rgb_hex": f"{red:02X}{green:02X}{blue:02X}",
            **{name: self.on if frame[each] else self.off for name, each in WORDS.items()},
        }
        return self.topic, _PLACE.sub(lambda found: known[found[1]], self.payload)


def check_template(template: Template) -> Template:
    """Return *template*; raises :class:`ValueError` with what is wrong."""
    unknown = template.places - WORDS.keys() - MIXES - PLAIN
    if unknown:
        known = ", ".join(sorted({*WORDS, *MIXES, *PLAIN}))
        raise ValueError(f"has the unknown placeholder {{{min(unknown)[:20]}}}; known are: {known}")
    if not template.places:
        raise ValueError("has no placeholder, such as {rgb_hex} or {red}: it never changes")
    for frame in (Frame(), Frame.of(dict.fromkeys(MIXED, 1.0))):
        filled = template.filled(frame)[1]
        if filled.startswith("{"):
            try:
                json.loads(filled)
            except ValueError:
                raise ValueError("begins like JSON, and is not JSON once filled in") from None
    return template


def channels_of(templates: Sequence[Template]) -> frozenset[Channel]:
    """Return what *templates* can show: every colour, or a channel for each name in braces."""
    places = frozenset[str]().union(*(each.places for each in templates))
    named = frozenset(WORDS[name] for name in places & WORDS.keys())
    return named | MIXED if places & MIXES else named


@dataclass(frozen=True, slots=True)
class ListeningDevice:
    """A light that is known: its *topic*, its *relays* in their order, and a WLED's *segment*."""

    topic: str
    relays: Sequence[Channel] = ()
    segment: int = 0


@dataclass(frozen=True, slots=True)
class DeviceKind:
    """How a kind of device is told a frame, and *status*: where it says whether it is there."""

    tell: Callable[[ListeningDevice, Frame], Message]
    status: Callable[[str], str]
    slow: bool = True


def _wled(device: ListeningDevice, frame: Frame) -> Message:
    return of_effect(device, Effect(SOLID, mixed(frame, STRIP)))


def of_effect(device: ListeningDevice, effect: Effect) -> Message:
    """Return the message that makes a WLED show *effect*."""
    state = dict(state_of(effect, segment=device.segment, brightness=None))
    del state["v"]  # Asks for an answer, which MQTT does not have.
    return f"{device.topic}/api", _json(state)


def _tasmota(device: ListeningDevice, frame: Frame) -> Message:
    if device.relays:
        outputs = (
            f"Power{number} {'ON' if frame[channel] else 'OFF'}"
            for number, channel in enumerate(device.relays, start=1)
        )
        # One message, so that it can be a will.
        return f"cmnd/{device.topic}/Backlog", "; ".join(outputs)
    colour = mixed(frame, BULB)
    if colour == BLACK:
        return f"cmnd/{device.topic}/Power", "OFF"
    return f"cmnd/{device.topic}/Color", "{:02X}{:02X}{:02X}".format(*colour)


def _esphome(device: ListeningDevice, frame: Frame) -> Message:
    red, green, blue = _full(frame)
    lit = {"brightness": _level(frame, 255), "color": {"r": red, "g": green, "b": blue}}
    return f"{device.topic}/command", _json(_switched(frame, lit))


def _zigbee(device: ListeningDevice, frame: Frame) -> Message:
    lit = {
        "brightness": _level(frame, 254),
        "color": {"hex": "#{:02X}{:02X}{:02X}".format(*_full(frame))},
    }
    return f"{device.topic}/set", _json(_switched(frame, lit))


def _switched(frame: Frame, lit: Mapping[str, Any]) -> Mapping[str, Any]:
    # IKEA's bulbs ignore OFF during a transition.
    return {"state": "ON", **lit, "transition": 0} if frame.levels else {"state": "OFF"}


def _full(frame: Frame) -> Rgb:
    """Return the colour of *frame* at full brightness, which is told beside it."""
    level = max((level for _, level in frame.levels), default=1.0)
    return mixed(Frame.of({channel: each / level for channel, each in frame.levels}), BULB)


def _level(frame: Frame, most: int) -> int:
    return max(1, round(max((level for _, level in frame.levels), default=0.0) * most))


def _byte(level: float) -> int:
    return max(1, round(level * 255)) if level else 0


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))


KINDS: Mapping[str, DeviceKind] = {
    "wled": DeviceKind(_wled, lambda topic: f"{topic}/status", slow=False),
    "tasmota": DeviceKind(_tasmota, lambda topic: f"tele/{topic}/LWT"),
    "esphome": DeviceKind(_esphome, lambda topic: f"{topic.partition('/light/')[0]}/status"),
    "zigbee2mqtt": DeviceKind(_zigbee, lambda topic: f"{topic.partition('/')[0]}/bridge/state"),
}
"""By the name that ``device`` gives."""


def still(pattern: Pattern) -> Frame:
    """Return *pattern* without its rhythm: what it is at its brightest."""
    strokes = tuple(Stroke(each.channel, each.level, STEADY) for each in pattern.strokes)
    return frame_at(Pattern("", strokes), 0.0)


def effect_for(kind: str | None, pattern: Pattern) -> Effect | None:
    """Return the effect with which a device of *kind* plays *pattern* by itself, if it can."""
    return effect_of(pattern) if kind == "wled" else None


def is_there(payload: bytes, online: str) -> bool:
    """Return whether *payload* of a status topic says *online*, as a word or as ``state``."""
    text = payload[:200].decode(errors="replace").strip()
    if text.startswith("{"):
        try:
            text = str(json.loads(text).get("state"))
        except ValueError:
            return False
    return text.casefold() == online.casefold()
