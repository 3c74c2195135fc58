"""A buildlight lamp on a Raspberry Pi Pico. The pins stand in ``pins.py``.

Until the first line comes, Ctrl-C ends the program, so that it can be replaced; from then on
every byte is the host's, and the watchdog starts a program anew that hangs.
"""

import select
import sys
from time import ticks_diff, ticks_ms  # type: ignore[attr-defined] # MicroPython's own

import machine
import micropython
from light import CHANNELS, READY, Light
from pins import PINS

WATCHDOG = 2_000
"""Milliseconds."""
FREQUENCY = 1_000
"""Hertz at which colours are dimmed."""
INTERRUPT = 3
"""What Ctrl-C sends."""


class Colour:
    """A channel that can be dimmed."""

    def __init__(self, pin: int) -> None:
        self._pwm = machine.PWM(machine.Pin(pin), freq=FREQUENCY, duty_u16=0)

    def show(self, level: int) -> None:
        """Show *level* per cent."""
        self._pwm.duty_u16(level * 65_535 // 100)


class Switch:
    """A channel that is on or off: a buzzer, which makes its own tone."""

    def __init__(self, pin: int) -> None:
        self._pin = machine.Pin(pin, machine.Pin.OUT, value=0)

    def show(self, level: int) -> None:
        """Be on at any *level* but 0."""
        self._pin.value(1 if level else 0)


class Lamp:
    """The light on its pins; each is told only what changes."""

    def __init__(self, light: Light) -> None:
        self._light = light
        self._wires = {
            name: Switch(PINS[name]) if name == "buzzer" else Colour(PINS[name])
            for name in CHANNELS
        }
        self._shown = dict.fromkeys(CHANNELS, 0)

    def refresh(self) -> None:
        """Show what the light has to show now."""
        for name in CHANNELS:
            level = self._light.level(name)
            if level != self._shown[name]:
                self._wires[name].show(level)
                self._shown[name] = level

    def dark(self) -> None:
        """Let nothing glow that nobody looks after."""
        for wire in self._wires.values():
            wire.show(0)


def say(text: str) -> None:
    """Send *text* as a line."""
    sys.stdout.write(text + "\n")


def follow(light: Light, lamp: Lamp) -> None:
    """Do what the host says, for ever."""
    watchdog = None
    wire = select.poll()
    wire.register(sys.stdin, select.POLLIN)
    before = ticks_ms()
    while True:
        if wire.poll(1):
            # A byte at a time: to ask for more would wait for more.
            answer = light.hear(sys.stdin.buffer.read(1)[0])
            if answer:
                say(answer)
                if watchdog is None:
                    micropython.kbd_intr(-1)
                    watchdog = machine.WDT(timeout=WATCHDOG)
        now = ticks_ms()
        light.advance(ticks_diff(now, before))
        before = now
        lamp.refresh()
        if watchdog:
            watchdog.feed()


def main() -> None:
    """Start; a mistake in here starts anew, and does not leave a lamp that shows what it did."""
    micropython.kbd_intr(INTERRUPT)
    light = Light()
    lamp = Lamp(light)
    try:
        lamp.refresh()
        say(READY)
        follow(light, lamp)
    except KeyboardInterrupt:
        lamp.dark()
    except Exception:  # noqa: BLE001 - whatever it is, nobody is there to read it
        lamp.dark()
        machine.reset()


main()
