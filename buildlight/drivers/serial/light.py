"""A light on a serial port: opens the port and speaks the protocol of its kind."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum
from pathlib import Path
from typing import ClassVar

from serial.tools.list_ports import comports

from buildlight.drivers import DriverOptions, Known
from buildlight.drivers.serial.options import AUTO, SerialOptions
from buildlight.drivers.serial.port import LightPort, Lines, open_port
from buildlight.drivers.serial.protocols.protocol import Answer, Commands, Greeting
from buildlight.drivers.serial.search import choose_port
from buildlight.errors import LightUnavailable
from buildlight.patterns.pattern import DARK, Channel, Frame, Pattern
from buildlight.redaction import printable

LOOK = 1.0
"""Seconds between two checks whether a light is still there while nothing is sent."""
EARLY = 0.1
"""Seconds by which a repetition may be early; otherwise it would be one whole check late."""
STARTING = 3.0
"""Seconds that a board may need to start: an Arduino restarts whenever its port is opened."""
ANSWERING = 1.0
"""Seconds that a light may take to answer a command."""
ASKING = 0.5
"""Seconds between two greetings to a board that may be starting."""
SETTLING = 0.1
"""Seconds of silence after which the messages that a light sends by itself have ended."""
HEARD = 1000
"""Most bytes of an answer that are read."""


class SerialLight:
    """A light on a serial port, over USB or TCP.

    The port stays open as long as the light answers.
    """

    Options: ClassVar[type[DriverOptions]] = SerialOptions
    # Most of these calls only check the light and send nothing.
    refresh: ClassVar[float | None] = LOOK

    def __init__(
        self, options: SerialOptions, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._clock = clock
        self._spoken = options.spoken()
        self._name = _found(options)
        self._told: Commands = ()
        self._repeat_at = 0.0
        self._lit: frozenset[Channel] | None = None
        self._shaded_at = 0.0
        self._plan: tuple[Pattern, Commands, float] | None = None
        self._health = Health.OBEYS
        self._quiet_until = 0.0
        self._wire: LightPort | None = open_port(
            self._name, baud=options.speed, lines=Lines(options.dtr, options.rts)
        )
        try:
            self._start(self._wire)
        except LightUnavailable:
            self._wire.close(discard=True)
            raise
        self._opened_at = clock()

    @property
    def wiring(self) -> Mapping[Channel, str]:
        """The port, for every channel."""
        return dict.fromkeys(self._spoken.channels, self._name)

    @property
    def known(self) -> Known:
        """What is known: a light that answers each command did what it was told."""
        return Known.TOLD if self._spoken.answer is None else Known.CONFIRMED

    @property
    def patience(self) -> float:
        """Seconds that a call may take: there is a pause after each command."""
        return ANSWERING + self._spoken.pause * (len(self._spoken.channels) + 1)

    def plays(self, pattern: Pattern) -> bool:
        """Return whether the light can play *pattern* by itself, at the pattern's own pace."""
        return self._planned(pattern) is not None

    def play(self, pattern: Pattern) -> None:
        """Let the light play *pattern*; repeat the command only where that causes no jump."""
        planned = self._planned(pattern)
        if planned is None:
            raise ValueError("a pattern that the light does not play")
        commands, period = planned
        repeat = self._spoken.repeat
        self._tell(commands, repeat=max(repeat // period, 1.0) * period if period else repeat)

    def show(self, frame: Frame) -> None:
        """Send the whole state; if it was sent lately, only check that the light is there."""
        commands = self._spoken.encode(frame)
        if frame.lit == self._lit and self._clock() < self._shaded_at + self._spoken.shading:
            # The colours are the same: the brightness can wait until the next step or check.
            commands = self._told or commands
        before = self._told
        self._tell(commands, repeat=self._spoken.repeat)
        if self._told != before:
            self._lit, self._shaded_at = frame.lit, self._clock()

    def close(self) -> None:
        """Send the dark frame if the light still accepts it, and release the port."""
        dark = self._spoken.parting or self._spoken.encode(DARK)
        wire, self._wire = self._wire, None
        if wire is None:
            return
        with suppress(LightUnavailable):  # The light may be unplugged, and dark already.
            if self._health is Health.OBEYS:
                self._send(wire, dark)
            elif self._health is Health.REFUSES:
                # Dark is better than an old green, but answers are not awaited any more.
                for command in dark:
                    self._keep_quiet()
                    wire.write(command)
                    self._quiet_until = time.monotonic() + self._spoken.pause
        wire.close(discard=self._health is Health.GONE)

    def _planned(self, pattern: Pattern) -> tuple[Commands, float] | None:
        # Cached, because it is needed at every step of the lamp.
        if self._plan is None or self._plan[0] != pattern:
            found = self._spoken.play(pattern)
            commands, period = (found.commands, found.period) if found else ((), 0.0)
            self._plan = (pattern, commands, period)
        _, commands, period = self._plan
        return (commands, period) if commands else None

    def _tell(self, commands: Commands, *, repeat: float) -> None:
        if self._wire is None:
            raise LightUnavailable(f"{self._name} is closed")
        now = self._clock()
        # An Arduino ignores what it receives before it has started.
        starting = self._spoken.restarts and now < self._opened_at + STARTING
        try:
            self._wire.probe()
            if commands == self._told and now < self._repeat_at - EARLY and not starting:
                return
            self._told = ()
            self._send_until_started(self._wire, commands)
        except LightUnavailable as exc:
            self._health = Health.REFUSES if isinstance(exc, _Refused) else Health.GONE
            raise
        self._told, self._repeat_at = commands, now + repeat

    def _send_until_started(self, wire: LightPort, commands: Commands) -> None:
        while True:
            try:
                return self._send(wire, commands)
            except _Silent:
                # Opening the port again would only restart the board again.
                if not self._spoken.restarts or self._clock() >= self._opened_at + STARTING:
                    raise

    def _send(self, wire: LightPort, commands: Commands) -> None:
        for command in commands:
            self._keep_quiet()
            wire.write(command)
            self._quiet_until = time.monotonic() + self._spoken.pause
            if self._spoken.answer is not None:
                self._hear(wire, self._spoken.answer)

    def _keep_quiet(self) -> None:
        """Wait for the end of the pause after the last command."""
        if self._spoken.pause:
            time.sleep(max(self._quiet_until - time.monotonic(), 0.0))

    def _hear(self, wire: LightPort, answer: Answer) -> None:
        """Wait for the answer to a command; skip everything else, such as an event or an echo."""
        heard, until = b"", time.monotonic() + ANSWERING
        while True:
            refused = answer.bad.search(heard)
            if answer.good.search(heard) and not refused:
                return
            left = until - time.monotonic()
            if refused or (left <= 0 and heard):
                raise _Refused(f"{self._name} answered {_quoted(heard)} instead of {answer.called}")
            if left <= 0:
                raise _Silent(
                    f"{self._name} did not answer within {ANSWERING:.0f} s; is it the right light?"
                )
            heard = (heard + wire.read(left))[-HEARD:]

    def _start(self, wire: LightPort) -> None:
        """Wait for a board that restarts, and send what is sent once after opening."""
        if self._spoken.greeting is not None:
            return self._greet(wire, self._spoken.greeting)
        heard, until = b"", time.monotonic() + STARTING
        # A board that did not restart is silent; it gets the command all the same.
        while self._spoken.ready not in heard and (left := until - time.monotonic()) > 0:
            heard = (heard + wire.read(left))[-HEARD:]
        if self._spoken.init:
            # Any answer will do: the light may lack this command and support the others.
            with suppress(_Refused):
                self._send(wire, (self._spoken.init,))
        return None

    def _greet(self, wire: LightPort, greeting: Greeting) -> None:
        """Ask until the light answers, because a starting board does not answer at once."""
        heard, ask_at = b"", time.monotonic()
        until = ask_at + STARTING
        while not (found := greeting.answer.search(heard)):
            now = time.monotonic()
            if now >= until:
                raise _Silent(
                    f"{self._name} did not say {greeting.called} within {STARTING:.0f} s; "
                    "is it the right light?"
                )
            if now >= ask_at:
                wire.write(greeting.asked)
                ask_at = now + ASKING
            heard = (heard + wire.read(min(until, ask_at) - now))[-HEARD:]
        if fault := greeting.fault(found):
            raise LightUnavailable(f"{self._name} {fault}")
        # It may have been asked twice, and the second answer must not pass for one to a command.
        while time.monotonic() < until and wire.read(SETTLING):
            pass


class Health(Enum):
    """How a light answered the last command."""

    OBEYS = "obeys"
    REFUSES = "refuses"
    GONE = "gone"


class _Refused(LightUnavailable):
    """The light is there, and rejected the command."""


class _Silent(_Refused):
    """The light is there, and did not answer."""


def _quoted(heard: bytes) -> str:
    return repr(printable(heard.decode("ascii", "replace").strip(), limit=40))


def _found(options: SerialOptions) -> str:
    usb = options.spoken().usb
    if options.port != AUTO or usb is None:
        return options.port
    try:
        ports = comports()
    except (OSError, TypeError, ValueError):
        # The device was unplugged while pyserial read its properties.
        ports = []
    return choose_port(options.protocol, usb, ports, _links())


def _links() -> Mapping[str, str]:
    """Return the names under ``/dev/serial``, and the device of each."""
    return {str(link): str(link.resolve()) for link in Path("/dev/serial").glob("by-*/*")}
