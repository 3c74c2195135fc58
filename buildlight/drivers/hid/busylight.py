"""Some thirty kinds of USB HID lights, through busylight-core.

The library is an extra: ``pip install 'buildlight[busylight]'``. Its serial lights are not used,
because the driver ``serial`` supports their protocols better.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from pydantic import Field

from buildlight.drivers import WAIT, DriverOptions
from buildlight.drivers.colour import MixingOptions, inks, mixed
from buildlight.errors import LightUnavailable
from buildlight.patterns.pattern import Channel, Frame

try:
    import busylight_core
except ModuleNotFoundError as exc:
    raise ImportError(
        f"no module {exc.name!r}; install it with pip install 'buildlight[busylight]'"
    ) from exc

# It logs every plugged-in device. This version is silent already; another may not be.
with suppress(AttributeError):
    busylight_core.logger.disable("busylight_core")

# Without gamma correction: a third of a bare LED's green makes amber, a half makes yellow.
COLOURS = inks(amber=(255, 90, 0))


class BusylightOptions(MixingOptions):
    """The keys of a USB light."""

    light: str | None = Field(
        default=None,
        min_length=1,
        description="model (`Blink(1)`) or serial number of the light, if several are plugged in",
    )
    wait_for_light: bool = Field(default=True, description=WAIT)

    @property
    def claims(self) -> frozenset[str]:
        """The name of the light."""
        which = "the only HID light" if self.light is None else f"the light {self.light.lower()}"
        return frozenset({which})


class BusylightLight:
    """A USB light that needs no setup, such as blink(1), Luxafor, BlinkStick or Kuando.

    Each opening searches for it. Nothing is lit before the first frame.
    """

    Options: ClassVar[type[DriverOptions]] = BusylightOptions
    # A steady light is written to as well: only a write shows that it was unplugged. A
    # Kuando goes dark 15 s after the last command if the library's keepalive has died.
    refresh: ClassVar[float | None] = 5.0

    def __init__(self, options: BusylightOptions) -> None:
        self._name, self._light = _opened(options.light)
        self._lit = False

    @property
    def wiring(self) -> Mapping[Channel, str]:
        """The light's name, for every colour."""
        return dict.fromkeys(COLOURS, self._name)

    def show(self, frame: Frame) -> None:
        """Write the colour. A running keepalive goes on and is not restarted."""
        if self._light is None:
            raise LightUnavailable(f"{self._name} is closed")
        self._lit = True
        try:
            self._light.on(mixed(frame, COLOURS), interrupt=False)
        except Exception as exc:  # whatever thirty lights and two HID libraries raise
            raise LightUnavailable(f"{self._name} is gone; is it plugged in?") from exc

    def close(self) -> None:
        """Stop the keepalive, go dark and release the light."""
        light, self._light = self._light, None
        if light is None:
            return
        # Before and after: a keepalive would light the lamp again, and off may start one.
        _quietly(light.cancel_tasks)
        if self._lit:
            _quietly(light.off)
        _quietly(light.cancel_tasks)
        _quietly(light.release)


def _quietly(call: Callable[[], object]) -> None:
    # An unplugged light raises any exception of its library.
    with suppress(Exception):
        call()


def _opened(wanted: str | None) -> tuple[str, Any]:
    """Return the name and the open light that is *wanted*; if none is named, the only one."""
    try:
        found = _found()
    except Exception as exc:  # the HID library's own error, if the system denies access
        raise LightUnavailable(f"cannot search for HID lights: {exc or _kind(exc)}") from exc
    names = ", ".join(sorted(found)) or "none"
    if wanted is None and len(found) > 1:
        raise LightUnavailable(f"several HID lights are plugged in; set light to one of: {names}")
    chosen = [name for name in found if wanted is None or _is(wanted, *found[name])]
    if not chosen:
        what = "HID light" if wanted is None else f"HID light {wanted!r}"
        raise LightUnavailable(f"no {what} is plugged in; there are: {names}")
    if len(chosen) > 1:
        raise LightUnavailable(
            f"several lights are {wanted!r}: {', '.join(sorted(chosen))}; "
            "set light to a serial number"
        )
    kind, hardware = found[chosen[0]]
    try:
        # No reset: it would darken a light that another program uses.
        return chosen[0], kind(hardware, reset=False, exclusive=True)
    except Exception as exc:  # hidapi says "open failed", whatever the reason
        raise LightUnavailable(
            f"{chosen[0]} is plugged in and does not open; no permission for {_path(hardware)}, "
            "or another program holds it; `buildlight service install` brings udev rules that give "
            "it to the group dialout"
        ) from exc


def _found() -> dict[str, tuple[Any, Any]]:
    """Return the kind and the hardware of every HID light, by its name.

    A light may have several interfaces: the first is used, as in the library. Two lights of one
    model without serial numbers look like one light.
    """
    lights: dict[str, tuple[Any, Any]] = {}
    for kind, hardwares in busylight_core.Light.available_hardware().items():
        for hardware in hardwares:
            if getattr(hardware.device_type, "name", "") == "HID":
                lights.setdefault(_name(kind, hardware), (kind, hardware))
    return lights


def _name(kind: Any, hardware: Any) -> str:
    serial = hardware.serial_number
    return f"{_model(kind, hardware)} {serial}" if serial else _model(kind, hardware)


def _model(kind: Any, hardware: Any) -> str:
    return str(kind.supported_device_ids.get(hardware.device_id, _kind(kind)))


def _path(hardware: Any) -> str:
    path = hardware.path
    return path.decode(errors="replace") if isinstance(path, bytes) else str(path)


def _kind(thing: Any) -> str:
    return str(getattr(thing, "__name__", type(thing).__name__))


def _is(wanted: str, kind: Any, hardware: Any) -> bool:
    ways = (_model(kind, hardware), hardware.serial_number, _name(kind, hardware))
    return wanted.casefold() in {str(way).casefold() for way in ways if way}
