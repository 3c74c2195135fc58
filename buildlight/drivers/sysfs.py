"""LEDs of the kernel, in ``/sys/class/leds``: no library, and the kernel can blink them.

The files are described in the kernel's Documentation/ABI/testing/sysfs-class-led and
sysfs-class-led-trigger-timer (drivers/leds/trigger/ledtrig-timer.c).
"""

import errno
import os
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, field_validator

from buildlight.drivers import DriverOptions
from buildlight.errors import LightUnavailable
from buildlight.patterns.pattern import Channel, Frame, Pattern, frame_at

LEDS = Path("/sys/class/leds")

HANDED_OVER = 0.3
"""Seconds that udev may take to change the owner of a new trigger's files from root."""

UDEV_RULE = (
    'SUBSYSTEM=="leds", RUN+="/bin/sh -c \'cd /sys%p && '
    "chgrp gpio brightness trigger delay_*; chmod g+w brightness trigger delay_*'\""
)


def _name(name: Any) -> str:
    if not isinstance(name, str) or name in ("", ".", "..") or {"/", "\0"} & {*name}:
        raise ValueError("is not an LED; use a name from /sys/class/leds, without a slash")
    return name


class SysfsOptions(DriverOptions):
    """The keys of a light of kernel LEDs."""

    leds: Mapping[Channel, Annotated[str, BeforeValidator(_name, json_schema_input_type=str)]] = (
        Field(
            examples=[{"red": "build-red", "green": "build-green"}],
            description="table of the LED of each channel by its name in /sys/class/leds, "
            '`{ red = "build-red", green = "build-green" }`',
        )
    )

    @field_validator("leds")
    @classmethod
    def _one_led_a_channel(cls, leds: Mapping[Channel, str]) -> Mapping[Channel, str]:
        if not leds:
            raise ValueError('names no LED; write it as { red = "build-red" }')
        by_name: dict[str, str] = {}
        for channel, name in leds.items():
            if name in by_name:
                raise ValueError(f"gives one LED to both {by_name[name]} and {channel.value}")
            by_name[name] = channel.value
        return leds

    @property
    def channels(self) -> frozenset[Channel]:
        """One channel for each LED."""
        return frozenset(self.leds)

    @property
    def dims(self) -> bool:
        """Whether every LED has levels; an LED that is missing counts as on or off."""
        return all(_most(LEDS / name) > 1 for name in self.leds.values())

    @property
    def claims(self) -> frozenset[str]:
        """Every LED."""
        return frozenset(f"the LED {name}" for name in self.leds.values())


@dataclass(frozen=True, slots=True)
class _Blink:
    """Settings of the kernel's timer for an LED: brightness, and milliseconds on and off."""

    brightness: int
    on: int
    off: int


class SysfsLight:
    """LEDs that the Linux kernel controls, in /sys/class/leds.

    Nothing is written before the first frame.
    """

    Options: ClassVar[type[DriverOptions]] = SysfsOptions
    # Other programs may also write these files.
    refresh: ClassVar[float | None] = 30.0

    def __init__(self, options: SysfsOptions) -> None:
        self._leds = {channel: _Led(LEDS / name) for channel, name in options.leds.items()}
        self._shown: Frame | None = None
        self._open = True

    @property
    def wiring(self) -> Mapping[Channel, str]:
        """The name of each channel's LED."""
        return {channel: f"LED {led.folder.name}" for channel, led in self._leds.items()}

    def show(self, frame: Frame) -> None:
        """Set the brightness of every LED."""
        self._check_open()
        again, self._shown = frame == self._shown, frame
        for channel, led in self._leds.items():
            led.set(led.brightness(frame[channel]), again=again)

    def plays(self, pattern: Pattern) -> bool:
        """Return whether only one LED blinks, and this program may set its timer.

        Two LEDs would have two timers, and nothing keeps them in step.
        """
        moving = [stroke for stroke in pattern.strokes if len(stroke.rhythm) > 1]
        if len(moving) != 1 or any(stroke.lasts is not None for stroke in pattern.strokes):
            return False
        alone = sum(stroke.channel is moving[0].channel for stroke in pattern.strokes) == 1
        plain = [level > 0 for _, level in moving[0].rhythm] == [True, False]
        return alone and plain and self._open and self._leds[moving[0].channel].can_blink()

    def play(self, pattern: Pattern) -> None:
        """Let the kernel blink the one LED; the others are steady."""
        self._check_open()
        self._shown = None
        first = frame_at(pattern, 0.0)
        moving = {each.channel: each.rhythm for each in pattern.strokes if len(each.rhythm) > 1}
        for channel, led in self._leds.items():
            brightness = led.brightness(first[channel])
            if channel not in moving:
                led.set(brightness, again=True)
                continue
            (on, _), (off, _) = moving[channel]
            led.blink(_Blink(brightness, round(on * 1000), round(off * 1000)))

    def close(self) -> None:
        """Darken the LEDs that were written to."""
        self._open = False
        for led in self._leds.values():
            with suppress(LightUnavailable):
                led.release()

    def _check_open(self) -> None:
        if not self._open:
            raise LightUnavailable("the LEDs are closed")


class _Led:
    """One folder in /sys/class/leds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._touched = False
        self._still = False
        self._blinks: _Blink | None = None
        self._can_blink: bool | None = None
        if not folder.is_dir():
            raise LightUnavailable(_no_such_led(folder))
        for name in ("brightness", "trigger"):
            self._close(self._opened(name))
        self._most = _most(folder)

    def brightness(self, level: float) -> int:
        """Return the brightness for *level*; a lit LED never gets 0."""
        return max(1, round(level * self._most)) if level > 0 else 0

    def set(self, brightness: int, *, again: bool) -> None:
        """Set *brightness*; with *again*, even if another program may have changed the LED."""
        self._touched = True
        if again or not self._still:
            # First, because an active trigger would override the brightness.
            self._write("trigger", "none")
        self._still, self._blinks = True, None
        self._write("brightness", str(brightness))

    def blink(self, wanted: _Blink) -> None:
        """Let the kernel's timer blink the LED; a timer that runs already is not restarted."""
        if wanted == self._blinks and self._is_blinking(wanted):
            return
        self.set(wanted.brightness, again=True)  # The timer uses this brightness.
        self._still = False
        self._write("trigger", "timer")
        self._write("delay_on", str(wanted.on))
        self._write("delay_off", str(wanted.off))
        self._blinks = wanted

    def can_blink(self) -> bool:
        """Return whether the kernel has a timer for this LED, and its files can be written.

        The files appear with the trigger, and belong to root until udev changes that. So the
        only test is a trial, which is made once.
        """
        if self._can_blink is None:
            self._can_blink = self._try_to_blink()
        return self._can_blink

    def release(self) -> None:
        """Go dark, if the LED was ever written to."""
        if self._touched:
            self.set(0, again=True)
            self._touched = False

    def _try_to_blink(self) -> bool:
        if "timer" not in self._read("trigger").replace("[", " ").replace("]", " ").split():
            return False
        self._touched, self._still = True, False
        self._write("trigger", "timer")
        try:
            for name in ("delay_on", "delay_off"):
                self._close(self._opened(name))
        except LightUnavailable:
            return False
        return True

    def _is_blinking(self, wanted: _Blink) -> bool:
        delays = [self._read(name).strip() for name in ("delay_on", "delay_off")]
        return "[timer]" in self._read("trigger") and delays == [str(wanted.on), str(wanted.off)]

    def _read(self, name: str) -> str:
        try:
            return (self.folder / name).read_text(encoding="ascii", errors="replace")
        except OSError:
            return ""

    def _write(self, name: str, text: str) -> None:
        file = self._opened(name, os.O_TRUNC)
        try:
            os.write(file, text.encode())
        except OSError as exc:
            raise _unavailable(self.folder / name, exc) from exc
        finally:
            self._close(file)

    def _opened(self, name: str, flags: int = 0) -> int:
        """Open an existing file for writing; the permission for a delay file may take a moment."""
        path = self.folder / name
        end = time.monotonic() + (HANDED_OVER if name.startswith("delay") else 0.0)
        while True:
            try:
                return os.open(path, os.O_WRONLY | os.O_CLOEXEC | flags)
            except OSError as exc:
                if time.monotonic() >= end:
                    raise _unavailable(path, exc) from exc
            time.sleep(0.01)

    @staticmethod
    def _close(file: int) -> None:
        with suppress(OSError):
            os.close(file)


def _most(folder: Path) -> int:
    """Return the highest brightness; 1 if it is unknown, which works with every LED."""
    try:
        return max(1, int((folder / "max_brightness").read_text(encoding="ascii")))
    except (OSError, ValueError):
        return 1


def _no_such_led(folder: Path) -> str:
    with suppress(OSError):
        there = sorted(each.name for each in LEDS.iterdir())
        if there:
            return f"no LED {folder.name}; there are: {', '.join(there)}"
    return (
        f"no LED {folder.name}: there is none in {LEDS}; on a Raspberry Pi "
        f"dtoverlay=gpio-led,gpio=17,label={folder.name} in config.txt makes one"
    )


def _unavailable(path: Path, exc: OSError) -> LightUnavailable:
    if exc.errno in (errno.EACCES, errno.EPERM):
        return LightUnavailable(
            f"no permission for {path}; write into /etc/udev/rules.d/90-leds.rules: {UDEV_RULE} "
            "and add the user to group gpio"
        )
    if exc.errno in (errno.ENOENT, errno.ENODEV, errno.ENXIO):
        return LightUnavailable(f"the LED {path.parent.name} is gone; is it still plugged in?")
    return LightUnavailable(f"{path} cannot be written: {exc.strerror}")
