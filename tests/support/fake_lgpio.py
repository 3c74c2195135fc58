"""A small lgpio under gpiozero's real lgpio pins: it records what the pins were told."""

import types

PULLS = {0: "floating", 32: "up", 64: "down"}


class LgpioError(Exception):
    """Like lgpio's own error, it is no OSError."""


class FakeLgpio(types.ModuleType):
    """What gpiozero uses of lgpio; *calls* records every claim, write and close in order.

    *levels* holds every level that a pin was driven to, by pin. What each call does to a line is
    read from lgpio's source (joan2937/lg: lgGpio.c).
    """

    error = LgpioError
    SET_PULL_NONE, SET_PULL_UP, SET_PULL_DOWN = 0, 32, 64
    RISING_EDGE, FALLING_EDGE, BOTH_EDGES = 1, 2, 3

    def __init__(self) -> None:
        super().__init__("lgpio")
        self.calls: list[tuple[object, ...]] = []
        self.busy: set[int] = set()
        self.said: str | None = None
        """What opening a chip fails with."""
        self.levels: dict[int, list[int]] = {}
        self._outputs: dict[int, int] = {}
        self._pwm: set[int] = set()
        self._open: set[int] = set()
        self._last = 0

    def unplug(self) -> None:
        """Let the chip go away: a handle that is open now never works again."""
        self._open.clear()

    def meddle(self, pin: int, level: int | None) -> None:
        """Do what another program does past the kernel: set a level, or make it an input."""
        if level is None:
            del self._outputs[pin]
        else:
            self._drive(pin, level)

    def gpiochip_open(self, chip: int) -> int:
        """Open a chip."""
        if self.said:
            raise LgpioError(self.said)
        self.calls.append(("open", chip))
        self._last += 1
        self._open.add(self._last)
        return self._last

    def gpiochip_close(self, handle: int) -> None:
        """Let go of the chip."""
        self.calls.append(("close", handle))
        self._check(handle, "unexpected error")
        self._open.remove(handle)

    def gpio_claim_input(self, handle: int, pin: int, flags: int = 0) -> None:
        """Make a pin an input; that ends its PWM, as it does in lgpio."""
        if pin in self.busy:
            raise LgpioError("GPIO busy")
        self._check(handle, "unexpected error")
        self._outputs.pop(pin, None)
        self._pwm.discard(pin)
        self.calls.append(("input", pin, PULLS[flags]))

    def gpio_claim_output(self, handle: int, pin: int, level: int = 0) -> None:
        """Make a pin an output; one that is an output already stays as it is, as in lgpio."""
        self._check(handle, "unexpected error")
        self.calls.append(("output", pin, level))
        if pin not in self._outputs:
            self._drive(pin, level)

    def gpio_get_mode(self, handle: int, pin: int) -> int:
        """Return 2 for an output."""
        self._check(handle, "bad lineinfo IOCTL")
        return 2 if pin in self._outputs else 0

    def gpio_read(self, handle: int, pin: int) -> int:
        """Return the level of a pin."""
        self._check(handle, "bad GPIO read")
        return self._outputs.get(pin, 0)

    def gpio_write(self, handle: int, pin: int, level: bool) -> None:  # noqa: FBT001 - lgpio's
        """Set the level of an output."""
        self._check(handle, "bad lineinfo IOCTL")
        self.calls.append(("write", pin, int(level)))
        self._drive(pin, int(level))

    def tx_pwm(self, handle: int, pin: int, frequency: float, duty: float) -> int:
        """Start, change or (frequency 0) end PWM; ending what never began is an error."""
        self._check(handle, "unexpected error")
        if frequency == 0 and pin not in self._pwm:
            raise LgpioError("bad PWM micros")
        self.calls.append(("pwm", pin, frequency, duty))
        if frequency:
            self._pwm.add(pin)
        else:
            self._pwm.remove(pin)
        return 9

    def _drive(self, pin: int, level: int) -> None:
        self._outputs[pin] = level
        self.levels.setdefault(pin, []).append(level)

    def _check(self, handle: int, sentence: str) -> None:
        if handle not in self._open:
            raise LgpioError(sentence)
