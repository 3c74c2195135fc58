"""Ready-made requests: Shelly, Tasmota and Hue. Pure.

Shelly: https://shelly-api-docs.shelly.cloud/gen1/ (``/relay/N``, which later generations serve as
well). Tasmota: https://tasmota.github.io/docs/Commands/. Hue: CLIP API v2,
https://developers.meethue.com/develop/hue-api-v2/.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from buildlight.drivers.colour import Rgb, inks, mixed
from buildlight.drivers.http.request import SECRET, LightRequest
from buildlight.drivers.states import Lit
from buildlight.patterns.pattern import Channel, Frame

COLOURS = inks(amber=(255, 126, 0))
"""Amber on a bulb: its colours are corrected for the eye."""


@dataclass(frozen=True, slots=True)
class DevicePlace:
    """Where a device is: *relays* are the channels of its outputs, *light* the id of a bulb."""

    host: str
    relays: Sequence[Channel] = ()
    light: str = ""


@dataclass(frozen=True, slots=True)
class Device:
    """A kind of device; *requests* returns what lights exactly some channels.

    It has *relays*, one for each channel, or mixes every colour. *needs* are the keys besides
    host that it cannot do without.
    """

    requests: Callable[[DevicePlace, Lit], tuple[LightRequest, ...]]
    relays: bool
    needs: tuple[str, ...] = ()


def _shelly(place: DevicePlace, lit: Lit) -> tuple[LightRequest, ...]:
    return tuple(
        LightRequest(
            url=f"http://{place.host}/relay/{number}?turn={'on' if channel in lit else 'off'}",
            expect=f'"ison":{"true" if channel in lit else "false"}',
        )
        for number, channel in enumerate(place.relays)
    )


def _tasmota(place: DevicePlace, lit: Lit) -> tuple[LightRequest, ...]:
    return tuple(
        _command(place, f"Power{number}%20{word}", expect=f':"{word}"')
        for number, channel in enumerate(place.relays, start=1)
        for word in ("ON" if channel in lit else "OFF",)
    )


def _tasmota_rgb(place: DevicePlace, lit: Lit) -> tuple[LightRequest, ...]:
    if not lit:
        return (_command(place, "Power%20OFF", expect=':"OFF"'),)
    colour = "{:02X}{:02X}{:02X}".format(*_colour(lit))
    return (_command(place, f"Color%20{colour}", expect=f'"Color":"{colour}'),)


def _command(place: DevicePlace, command: str, *, expect: str) -> LightRequest:
    return LightRequest(url=f"http://{place.host}/cm?cmnd={command}", expect=expect)


def _hue(place: DevicePlace, lit: Lit) -> tuple[LightRequest, ...]:
    x, y = xy_of(_colour(lit))
    shown = {
        "on": {"on": True},
        "dimming": {"brightness": 100},
        "color": {"xy": {"x": x, "y": y}},
        "dynamics": {"duration": 0},
    }
    return (
        LightRequest(
            method="PUT",
            url=f"https://{place.host}/clip/v2/resource/light/{place.light}",
            headers={"hue-application-key": SECRET, "Content-Type": "application/json"},
            body=json.dumps(shown if lit else {"on": {"on": False}}),
        ),
    )


def _colour(lit: Lit) -> Rgb:
    return mixed(Frame.of(dict.fromkeys(lit, 1.0)), COLOURS)


def xy_of(colour: Rgb) -> tuple[float, float]:
    """Return *colour* (sRGB) as CIE 1931 x and y; black is white's."""
    red, green, blue = (_linear(part / 255) for part in colour)
    x = 0.4124 * red + 0.3576 * green + 0.1805 * blue
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    z = 0.0193 * red + 0.1192 * green + 0.9505 * blue
    total = x + y + z
    return (round(x / total, 4), round(y / total, 4)) if total else (0.3127, 0.329)


DARKEST = 0.04045
"""Below it sRGB is a straight line (IEC 61966-2-1)."""


def _linear(part: float) -> float:
    return part / 12.92 if part <= DARKEST else float(((part + 0.055) / 1.055) ** 2.4)


DEVICES: Mapping[str, Device] = {
    "shelly": Device(_shelly, relays=True, needs=("channels",)),
    "tasmota": Device(_tasmota, relays=True, needs=("channels",)),
    "tasmota-rgb": Device(_tasmota_rgb, relays=False),
    "hue": Device(_hue, relays=False, needs=("light",)),
}
"""By the name that ``device`` gives."""
