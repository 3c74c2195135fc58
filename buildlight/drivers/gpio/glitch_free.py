"""lgpio pins without glitches: dark from the first moment to the last, at either dark level.

gpiozero's own pins first become a low output and get their level after that: a relay that a low
level closes clicks at every start (gpiozero/gpiozero#1177). They also leave a released pin
floating, which can make a transistor glow (gpiozero/gpiozero#1146). Importing this module imports
lgpio, which makes a file in the working directory.
"""

import os
from contextlib import suppress

from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin, lgpio

from buildlight.drivers.gpio.chip_errors import closed_chip, header_chip

PI_5 = 0x17
"""The model in a revision code; ``raspberrypi/documentation:revision-codes``."""


class SteadyPin(LGPIOPin):  # type: ignore[misc]  # gpiozero has no types
    """A pin that is claimed and released at its factory's dark level."""

    @property
    def _line(self) -> tuple[int, int]:
        return self.factory._handle, self._number  # noqa: SLF001 - as gpiozero's own pins do

    @property
    def _dark(self) -> int:
        return int(self.factory.dark)

    def output_with_state(self, state: float) -> None:
        """Make the pin an output with *state* as its very first level."""
        lgpio.gpio_claim_output(*self._line, int(state))

    def close(self) -> None:
        """Make the pin an input, pulled to its dark level."""
        pull = lgpio.SET_PULL_UP if self._dark else lgpio.SET_PULL_DOWN
        # A chip that is gone has nothing to release, and __del__ also calls close.
        with suppress(lgpio.error):
            lgpio.gpio_claim_input(*self._line, pull)

    def _set_function(self, value: str) -> None:
        if value == "output":  # PWMLED calls this
            self.output_with_state(self._dark)
        else:
            super()._set_function(value)

    def _set_frequency(self, value: float | None) -> None:
        if value and not self._pwm:
            # gpiozero starts with a duty of 0: fully lit if a low level lights the LED.
            duty = 100 * self._dark
            lgpio.tx_pwm(*self._line, value, duty)
            self._pwm: tuple[float, int] | None = (value, duty)
        elif self._pwm and not value:
            self._pwm = None
            # PWM stops at the level that it has just reached.
            with suppress(lgpio.error):
                lgpio.tx_pwm(*self._line, 0, 0)
                lgpio.gpio_write(*self._line, self._dark)


class SteadyFactory(LGPIOFactory):  # type: ignore[misc]
    """A factory of pins whose dark level is *dark* (0 or 1)."""

    def __init__(self, chip: int | None, *, dark: int) -> None:
        # Not LGPIOFactory's own: gpiozero 2.0.1 ignores the chip that it is given, and takes 4 on
        # every Pi 5 (gpiozero/gpiozero#1166, #1181).
        super(LGPIOFactory, self).__init__()
        self.dark = dark
        chip = header_chip() if chip is None else chip
        self._chip = self._usual_chip() if chip is None else chip
        self._handle: int | None = None
        try:
            self._handle = lgpio.gpiochip_open(self._chip)
        except lgpio.error as exc:
            raise closed_chip(self._chip, str(exc)) from exc
        self.pin_class = SteadyPin

    def _usual_chip(self) -> int:
        # As gpiozero 2.0.1.post3 chooses.
        pi_5 = (self._get_revision() & 0xFF0) >> 4 == PI_5
        return 4 if pi_5 and os.path.exists("/dev/gpiochip4") else 0  # noqa: PTH110 - as there
