"""LEDs on GPIO pins, through gpiozero: separate LEDs, one RGB LED, a ready-made board; a buzzer.

On or off, unless dimming is asked for: lgpio does PWM in software.
"""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Annotated, Any, ClassVar

from pydantic import (
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from buildlight.drivers import DriverOptions
from buildlight.drivers.gpio.boards import BOARDS, Board
from buildlight.drivers.gpio.pins import PinFactory, open_factory, open_led, pin_number
from buildlight.errors import LightUnavailable
from buildlight.patterns.pattern import Channel, Frame
from buildlight.wording import did_you_mean

MIXES: Mapping[Channel, Mapping[Channel, float]] = {
    Channel.RED: {Channel.RED: 1.0},
    # In most RGB LEDs green is brighter than red: half of it makes amber. Without levels: yellow.
    Channel.AMBER: {Channel.RED: 1.0, Channel.GREEN: 0.5},
    Channel.GREEN: {Channel.GREEN: 1.0},
    Channel.BLUE: {Channel.BLUE: 1.0},
    Channel.WHITE: {Channel.RED: 1.0, Channel.GREEN: 1.0, Channel.BLUE: 1.0},
}
"""The levels of an RGB LED's wires for each colour."""

RGB = frozenset({Channel.RED, Channel.GREEN, Channel.BLUE})

EXAMPLE = "{ red = 17, amber = 27, green = 22 }"

FAINTEST = 0.01
"""The lowest lit level: gpiozero rounds levels down to whole per cents."""


class GpioOptions(DriverOptions):
    """The keys of a light at GPIO pins: ``pins`` or ``board``, never both."""

    board: str | None = Field(
        examples=["pi-traffic"],
        default=None,
        description=f"name of a ready-made board, instead of pins: {', '.join(BOARDS)}",
    )
    rgb: bool = Field(
        default=False, description="the pins drive one RGB LED, which mixes the other colours"
    )
    active_high: bool = Field(
        default=True,
        description="a high level lights the lamp; false: a low level, as on most relay boards",
    )
    dim: bool = Field(
        default=False, description="dim by PWM; unless set, the lamps are only on or off"
    )
    chip: Annotated[int, Field(strict=True, ge=0, le=255)] | None = Field(
        examples=[0],
        default=None,
        description="number of the GPIO chip (0 for /dev/gpiochip0); unless set, the one of the "
        "header",
    )
    pins: Mapping[
        Channel, Annotated[int, BeforeValidator(pin_number, json_schema_input_type=int | str)]
    ] = Field(
        examples=[{"red": 17, "amber": 27, "green": 22}],
        default=None,
        validate_default=True,
        description=f"table of the pin of each channel, `{EXAMPLE}`; a number is a GPIO number",
    )

    @field_validator("board")
    @classmethod
    def _known_board(cls, board: str | None) -> str | None:
        if board is None or board.lower() in BOARDS:
            return board and board.lower()
        known = f"{', '.join(BOARDS)}{did_you_mean(board, BOARDS)}"
        raise ValueError(f"is not a known board; known are: {known}")

    @field_validator("rgb", "active_high")
    @classmethod
    def _of_no_board(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001 - pydantic's
        if info.data.get("board") and value != (info.field_name == "active_high"):
            raise ValueError("is for pins; a board knows how its LEDs are lit")
        return value

    @field_validator("dim")
    @classmethod
    def _relays_do_not_dim(cls, dim: bool, info: ValidationInfo) -> bool:  # noqa: FBT001
        if dim and info.data.get("relay"):
            raise ValueError("cannot be together with relay = true: no relay can be dimmed")
        return dim

    @field_validator("pins", mode="before")
    @classmethod
    def _or_a_board(cls, pins: Any, info: ValidationInfo) -> Any:
        # A mistake in board is reported already.
        if info.data.get("board", "wrong"):
            if pins:
                raise ValueError("cannot be together with board, which has its own")
            return {}
        if pins is None:
            raise ValueError(f"is missing; write it as {EXAMPLE}, or name a board")
        if pins == {}:
            raise ValueError(f"names no pin; write it as {EXAMPLE}")
        return pins

    @field_validator("pins")
    @classmethod
    def _wires_of_a_light(
        cls, pins: Mapping[Channel, int], info: ValidationInfo
    ) -> Mapping[Channel, int]:
        if (mistake := _given_twice(pins)) is not None:
            raise ValueError(mistake)
        if pins and info.data.get("rgb") and {*pins} - {Channel.BUZZER} != RGB:
            raise ValueError("should have red, green and blue for rgb = true, and no other colour")
        return pins

    @field_validator("pins", mode="wrap")
    @classmethod
    def _all_at_once(cls, pins: Any, checked: ValidatorFunctionWrapHandler) -> Any:
        """Report a pin that is given twice, even if another value is not a pin."""
        try:
            return checked(pins)
        except ValidationError as exc:
            errors: list[Any] = exc.errors(include_url=False)
            # A mistake without a place concerns all pins, and may be this one.
            of_some = isinstance(pins, Mapping) and all(error["loc"] for error in errors)
            mistake = _given_twice(_right(pins)) if of_some else None
            if mistake is None:
                raise
            more: Any = {
                "type": "value_error",
                "ctx": {"error": ValueError(mistake)},
                "input": pins,
            }
            raise ValidationError.from_exception_data(exc.title, [*errors, more]) from None

    @property
    def ready_made(self) -> Board:
        """The board, or a nameless one made of ``pins`` and ``rgb``."""
        return BOARDS[self.board] if self.board else Board("", self.pins, self.rgb)

    @property
    def wires(self) -> Mapping[Channel, int]:
        """The BCM (GPIO) number of each channel's wire, or of the three wires of an RGB LED."""
        return self.ready_made.pins

    @property
    def channels(self) -> frozenset[Channel]:
        """A channel for each wire; for an RGB LED, every colour that its wires can mix."""
        wires = frozenset(self.wires)
        return wires | MIXES.keys() if self.ready_made.rgb else wires

    @property
    def dims(self) -> bool:
        """As configured."""
        return self.dim

    @property
    def claims(self) -> frozenset[str]:
        """Every pin."""
        return frozenset(f"GPIO{pin}" for pin in self.wires.values())


class GpioLight:
    """LEDs, relays and a buzzer at the GPIO pins of a Raspberry Pi, one pin each.

    It starts no thread, as blinking and pulsing by gpiozero would.
    """

    Options: ClassVar[type[DriverOptions]] = GpioOptions
    # Drives a pin again that another program changed, and notices a chip that is gone.
    refresh: ClassVar[float | None] = 30.0

    def __init__(self, options: GpioOptions) -> None:
        self.leds: dict[Channel, Any] = {}
        """The LED (or buzzer) on each wire."""
        self._board = options.ready_made
        self._dims = options.dims
        self.factory: PinFactory | None = open_factory(
            chip=options.chip, dark=0 if options.active_high else 1
        )
        try:
            for channel, pin in options.wires.items():
                self.leds[channel] = open_led(
                    pin,
                    self.factory,
                    active_high=options.active_high,
                    dims=self._dims and channel is not Channel.BUZZER,
                )
        except LightUnavailable:
            self.close()
            raise
        self._places = {channel: _place(led) for channel, led in self.leds.items()}
        self.wiring = {channel: self._wire(channel) for channel in sorted_channels(options)}

    @property
    def mock(self) -> bool:
        """Whether the pins are gpiozero's mock pins, which have no wires."""
        return type(self.factory).__name__ == "MockFactory"

    def show(self, frame: Frame) -> None:
        """Light the channels of *frame*, with their levels if the light dims."""
        levels = mixed(frame) if self._board.rgb else dict(frame.levels)
        for wire, led in self.leds.items():
            try:
                led.value = self._value(wire, levels.get(wire, 0.0))
            except Exception as exc:  # lgpio.error derives from Exception itself
                raise LightUnavailable(f"{self._places[wire]} stopped responding: {exc}") from exc

    def _value(self, wire: Channel, level: float) -> float:
        if not self._dims or wire is Channel.BUZZER:
            return level > 0
        return max(level, FAINTEST) if level > 0 else 0.0

    def close(self) -> None:
        """Switch off, then release the pins, because a released pin has no defined level."""
        for led in self.leds.values():
            _quietly(led.off)
        for led in self.leds.values():
            _quietly(led.close)
        self.leds = {}
        if self.factory is not None:
            # All of them are closed: one that fails must not keep the chip open.
            self.factory.pins.clear()
            _quietly(self.factory.close)
            self.factory = None

    def _wire(self, channel: Channel) -> str:
        if channel in self._places:
            place = self._places[channel]
        else:
            place = " and ".join(self._places[wire] for wire in MIXES[channel])
        return f"{self._board.title}, {place}" if self._board.title else place


def _right(pins: Mapping[str, Any]) -> Mapping[Channel, int]:
    """Return the *pins* that are valid."""
    right = {}
    for channel, pin in pins.items():
        with suppress(ValueError):
            right[Channel(channel)] = pin_number(pin)
    return right


def _given_twice(pins: Mapping[Channel, int]) -> str | None:
    by_pin: dict[int, str] = {}
    for channel, pin in pins.items():
        if pin in by_pin:
            return f"gives GPIO{pin} to both {by_pin[pin]} and {channel.value}"
        by_pin[pin] = channel.value
    return None


def mixed(frame: Frame) -> Mapping[Channel, float]:
    """Return the levels of an RGB LED's three wires, and of the buzzer's, that show *frame*.

    Where two channels need one wire, the brighter wins.
    """
    levels: dict[Channel, float] = {}
    for channel, level in frame.levels:
        for wire, part in MIXES.get(channel, {channel: 1.0}).items():
            levels[wire] = max(levels.get(wire, 0.0), level * part)
    return levels


def sorted_channels(options: GpioOptions) -> Iterable[Channel]:
    """Yield the channels of *options* in a fixed order."""
    return (channel for channel in Channel if channel in options.channels)


def _quietly(call: Callable[[], None]) -> None:
    # A chip that is gone raises lgpio.error here, which derives directly from Exception.
    with suppress(Exception):
        call()


def _place(led: Any) -> str:
    pin = led.pin.info
    return f"{pin.name}, header pin {pin.number}"
