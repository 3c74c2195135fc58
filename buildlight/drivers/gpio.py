"""LEDs on GPIO pins, through gpiozero. On or off: no PWM, which lgpio does in software."""

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import entry_points
from traceback import clear_frames
from typing import Annotated, Any, ClassVar, Protocol, cast

import gpiozero
from gpiozero.exc import BadPinFactory, GPIOPinInUse, PinInvalidPin, PinUnknownPi
from pydantic import BeforeValidator, field_validator

from buildlight.drivers import DriverOptions
from buildlight.errors import LightBusy, LightUnavailable
from buildlight.pattern import Channel, Frame

FACTORY = "lgpio"
"""The pin factory, unless ``GPIOZERO_PIN_FACTORY`` names another. Never a silent fall-back:
gpiozero's own would end in ``native``, which knows no Pi 5."""

LAST_PIN = 27


def _bcm(pin: Any) -> int:
    """Return the BCM number of *pin*: ``17`` or ``GPIO17``."""
    number = str(pin).removeprefix("GPIO").removeprefix("BCM")
    if isinstance(pin, bool) or not number.isdecimal() or int(number) > LAST_PIN:
        raise ValueError(f"is no pin; use a BCM number, 0 to {LAST_PIN}, or GPIO17 for 17")
    return int(number)


class GpioOptions(DriverOptions):
    """``pins``: the BCM number of each channel's pin, ``{ red = 17, green = 22 }``."""

    pins: Mapping[Channel, Annotated[int, BeforeValidator(_bcm)]]

    @field_validator("pins")
    @classmethod
    def _one_wire_a_pin(cls, pins: Mapping[Channel, int]) -> Mapping[Channel, int]:
        if not pins:
            raise ValueError("names no pin; write it as { red = 17, amber = 27, green = 22 }")
        by_pin: dict[int, str] = {}
        for channel, pin in pins.items():
            if pin in by_pin:
                other = by_pin[pin]
                raise ValueError(f"gives GPIO{pin} to both {other} and {channel.value}")
            by_pin[pin] = channel.value
        return pins

    @property
    def channels(self) -> frozenset[Channel]:
        """A channel for each pin."""
        return frozenset(self.pins)

    @property
    def claims(self) -> frozenset[str]:
        """Every pin."""
        return frozenset(f"GPIO{pin}" for pin in self.pins.values())


class _PinFactory(Protocol):
    pins: dict[Any, Any]

    def close(self) -> None: ...


class GpioLight:
    """Separate LEDs, lit by a high level."""

    Options: ClassVar[type[DriverOptions]] = GpioOptions
    refresh: ClassVar[float | None] = None

    def __init__(self, options: GpioOptions) -> None:
        self.leds: dict[Channel, Any] = {}
        self.factory: _PinFactory | None = _open_factory()
        try:
            for channel, pin in options.pins.items():
                self.leds[channel] = _open_led(pin, self.factory)
        except LightUnavailable:
            self.close()
            raise
        self.wiring = {channel: _where(led) for channel, led in self.leds.items()}

    @property
    def mock(self) -> bool:
        """Whether the pins are gpiozero's mock pins, which no wire leads to."""
        return type(self.factory).__name__ == "MockFactory"

    def show(self, frame: Frame) -> None:
        """Light the LEDs of every channel that is not dark."""
        for channel, led in self.leds.items():
            try:
                led.value = channel in frame.lit
            except Exception as exc:  # lgpio.error derives from Exception itself
                raise LightUnavailable(f"{self.wiring[channel]} no longer answers: {exc}") from exc

    def close(self) -> None:
        """Switch off, then release the pins: a released pin floats, a dark one does not."""
        for led in self.leds.values():
            _quietly(led.off)
        for led in self.leds.values():
            _quietly(led.close)
        self.leds = {}
        if self.factory is not None:
            self.factory.pins.clear()  # They are closed; one that fails would keep the chip open.
            _quietly(self.factory.close)
            self.factory = None


def _quietly(call: Callable[[], None]) -> None:
    # A chip that has gone raises lgpio.error here, which derives from Exception itself.
    with suppress(Exception):
        call()


def _open_factory() -> _PinFactory:
    name = os.environ.get("GPIOZERO_PIN_FACTORY", FACTORY)
    found = entry_points(group="gpiozero_pin_factories")
    key = name if name in found.names else name.lower()
    if key not in found.names:
        known = ", ".join(sorted({each.lower() for each in found.names}))
        raise LightUnavailable(f"GPIOZERO_PIN_FACTORY names no pin factory; known are: {known}")
    try:
        factory = cast("_PinFactory", found[key].load()())
    except Exception as exc:  # whatever the library of a pin factory raises
        raise LightUnavailable(_no_factory(key, exc)) from exc
    # gpiozero's factories share one table: closing one would float every other lamp's pins.
    factory.pins = {}
    return factory


def _no_factory(name: str, exc: Exception) -> str:
    if isinstance(exc, ModuleNotFoundError):
        return (
            f"no library {exc.name!r} for the pins; on a Raspberry Pi install python3-lgpio and "
            "make the environment with --system-site-packages; elsewhere set "
            "GPIOZERO_PIN_FACTORY=mock"
        )
    if isinstance(exc, PinUnknownPi):
        return "this is no Raspberry Pi; to try it without one set GPIOZERO_PIN_FACTORY=mock"
    if isinstance(exc, FileNotFoundError):
        return "lgpio cannot write to the working directory; start in one that is writable"
    if "can not open gpiochip" in str(exc):
        return "cannot open the GPIO chip; add the user to group gpio, then log in anew"
    return f"the pin factory {name} does not open: {exc or type(exc).__name__}"


def _open_led(pin: int, factory: Any) -> Any:
    try:
        return gpiozero.LED(pin, pin_factory=factory)
    except GPIOPinInUse as exc:
        raise LightBusy(f"GPIO{pin} is in use by this program already") from exc
    except (PinInvalidPin, PinUnknownPi, BadPinFactory) as exc:
        raise LightUnavailable(f"GPIO{pin}: {exc}") from exc
    except Exception as exc:  # lgpio.error derives from Exception itself
        # The frames hold the LED, and the LED its reservation, for as long as the error lives.
        clear_frames(exc.__traceback__)
        if "busy" in str(exc).lower():
            raise LightBusy(f"GPIO{pin} is held by another program") from exc
        raise LightUnavailable(f"GPIO{pin}: {exc}") from exc


def _where(led: Any) -> str:
    pin = led.pin.info
    return f"{pin.name}, header pin {pin.number}"
