"""Pins: their names, the factory that makes them, an LED on a pin, and the errors of all these."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from traceback import clear_frames
from typing import Any, Protocol, cast

from buildlight.errors import LightBusy, LightUnavailable

try:
    import gpiozero
    from gpiozero.exc import (
        BadPinFactory,
        GPIOPinInUse,
        PinInvalidPin,
        PinPWMUnsupported,
        PinUnknownPi,
    )
    from gpiozero.pins.pi import PiBoardInfo
except ImportError as _exc:  # The Debian package recommends it; plain Debian has only 1.6.
    raise ImportError(
        f"{_exc}; it needs gpiozero 2: sudo apt install python3-gpiozero python3-lgpio on "
        "Raspberry Pi OS; elsewhere install buildlight with pipx"
    ) from _exc

FACTORY = "lgpio"
"""The pin factory, unless ``GPIOZERO_PIN_FACTORY`` names another. There is no silent fallback:
gpiozero's own would end at ``native``, which does not support a Pi 5."""
MOCK = "mock"

LAST_PIN = 27

PI_4B = 0xC03114
"""The revision of a Pi with the header that every Pi has had since 2014: 40 pins."""

_NAME = re.compile(r"(?P<kind>GPIO|BCM|BOARD|)(?P<number>[0-9]{1,3})")


class PinFactory(Protocol):
    """The part of a gpiozero pin factory that this module uses."""

    pins: dict[Any, Any]

    def close(self) -> None:
        """Release the chip."""
        ...


def pin_number(pin: Any) -> int:
    """Return the BCM (GPIO) number of *pin*: ``17``, ``GPIO17``, ``BCM17`` or ``BOARD11``.

    Raises :class:`ValueError` with a sentence that does not repeat *pin*.
    """
    name = None if isinstance(pin, bool) else _NAME.fullmatch(str(pin))
    number = int(name["number"]) if name else -1
    if name and name["kind"] == "BOARD":
        return _on_header(number)
    if not 0 <= number <= LAST_PIN:
        raise ValueError(
            f"is not a pin; use a BCM number, 0 to {LAST_PIN}, or GPIO17 for 17, "
            "or BOARD11 for pin 11 of the header"
        )
    return number


@cache
def _header() -> Mapping[int, str]:
    header = PiBoardInfo.from_revision(PI_4B).headers["J8"]
    return {number: pin.name for number, pin in header.pins.items()}


def _on_header(number: int) -> int:
    name = _header().get(number, "")
    if not name.startswith("GPIO"):
        raise ValueError("is not a GPIO: the header's 40 pins include power and ground")
    return int(name.removeprefix("GPIO"))


def open_factory(*, chip: int | None, dark: int) -> PinFactory:
    """Return a new pin factory on *chip* (``None``: gpiozero's choice).

    Pins of lgpio are at their *dark* level from the first moment. Raises
    :class:`LightUnavailable`.
    """
    name = os.environ.get("GPIOZERO_PIN_FACTORY", FACTORY)
    found = entry_points(group="gpiozero_pin_factories")
    key = name if name in found.names else name.lower()
    if key not in found.names:
        known = ", ".join(sorted({each.lower() for each in found.names}))
        raise LightUnavailable(
            f"GPIOZERO_PIN_FACTORY is not a known pin factory; known are: {known}"
        )
    if chip is not None and key not in (FACTORY, MOCK):
        raise LightUnavailable(
            f"the pin factory {key} cannot choose a chip; remove chip, or unset "
            "GPIOZERO_PIN_FACTORY"
        )
    try:
        with _staying_here():
            factory = _made(found[key], chip=chip, dark=dark)
    except LightUnavailable:
        raise
    except Exception as exc:  # whatever the library of a pin factory raises
        raise LightUnavailable(_no_factory(key, exc)) from exc
    # gpiozero's factories share one table: closing one would release the pins of every lamp.
    factory.pins = {}
    return factory


@contextmanager
def _staying_here() -> Iterator[None]:
    """Undo the change of the working directory that lgpio makes when LG_WD is set.

    lgpio needs that directory only during its import. Without this, a relative path in the
    configuration would name another file after a reload.
    """
    here = os.open(".", os.O_PATH | os.O_CLOEXEC)
    try:
        yield
    finally:
        os.fchdir(here)
        os.close(here)


def _made(found: EntryPoint, *, chip: int | None, dark: int) -> PinFactory:
    if found.name == FACTORY:
        # Not above: importing it imports lgpio.
        from buildlight.drivers.gpio.glitch_free import SteadyFactory  # noqa: PLC0415

        return cast("PinFactory", SteadyFactory(chip, dark=dark))
    return cast("PinFactory", found.load()())


NO_PI = "this is not a Raspberry Pi; to try it without one set GPIOZERO_PIN_FACTORY=mock"


def _no_library(name: str, exc: ModuleNotFoundError) -> str:
    if name != FACTORY:  # A tutorial's setting that was left over.
        return (
            f"GPIOZERO_PIN_FACTORY={name} needs the library {exc.name!r}, which is not installed; "
            "unset GPIOZERO_PIN_FACTORY"
        )
    return (
        f"no library {exc.name!r} for the pins; on a Raspberry Pi: sudo apt install "
        "python3-lgpio, and make a virtual environment with --system-site-packages; elsewhere "
        "set GPIOZERO_PIN_FACTORY=mock"
    )


def _no_factory(name: str, exc: Exception) -> str:
    if isinstance(exc, ModuleNotFoundError):
        return _no_library(name, exc)
    if isinstance(exc, PinUnknownPi):
        return NO_PI
    if isinstance(exc, OSError) and ".lgd-nfy" in str(exc):
        return (
            "lgpio cannot write to the working directory; start in one that is writable, or set "
            "LG_WD to one"
        )
    if isinstance(exc, OSError) and "/proc" in str(exc):
        return (
            f"cannot read {exc.filename}, which identifies a Raspberry Pi; "
            "take ProcSubset=pid out of the service"
        )
    if isinstance(exc, AttributeError) and name == FACTORY:
        # Where PyPI has no wheel, pip can end up with lgpio 0.0.0.2, which is empty.
        return (
            "the library 'lgpio' is empty or too old; uninstall it with pip, and install "
            "python3-lgpio"
        )
    return f"the pin factory {name} does not open: {exc or type(exc).__name__}"


def open_led(pin: int, factory: PinFactory, *, active_high: bool, dims: bool) -> Any:
    """Return a gpiozero LED on *pin*, dark; by PWM only if it *dims*.

    Raises :class:`LightUnavailable`.
    """
    kind = gpiozero.PWMLED if dims else gpiozero.LED
    try:
        return kind(pin, active_high=active_high, pin_factory=factory)
    except GPIOPinInUse as exc:
        raise LightBusy(f"GPIO{pin} is in use by this program already") from exc
    except PinUnknownPi as exc:
        raise LightUnavailable(NO_PI) from exc
    except PinPWMUnsupported as exc:
        raise LightUnavailable(
            f"GPIO{pin}: this pin factory cannot dim; remove dim = true, unset "
            "GPIOZERO_PIN_FACTORY, or for mock set GPIOZERO_MOCK_PIN_CLASS=mockpwmpin"
        ) from exc
    except (PinInvalidPin, BadPinFactory) as exc:
        raise LightUnavailable(f"GPIO{pin}: {exc}") from exc
    except Exception as exc:  # lgpio.error derives from Exception itself
        # The traceback keeps the LED, and the LED its reservation, as long as the error exists.
        clear_frames(exc.__traceback__)
        if "busy" in str(exc).lower():
            raise LightBusy(_held(pin)) from exc
        raise LightUnavailable(f"GPIO{pin}: {exc}") from exc


# Pins that the kernel holds while a bus is enabled (pimoroni/unicornhatmini-python#16,
# adafruit/Adafruit_Blinka#847).
_KERNEL: Mapping[int, str] = {4: "1-Wire", 7: "SPI", 8: "SPI"}


def _held(pin: int) -> str:
    sentence = f"GPIO{pin} is held by another program"
    if pin not in _KERNEL:
        return sentence
    what = _KERNEL[pin]
    return f"{sentence}, or by the kernel for {what}: switch {what} off in raspi-config"
