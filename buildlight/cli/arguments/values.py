"""What the values of options are read as; each raises ArgumentTypeError with an example."""

import argparse

TYPE_CHECKING = False  # As type checkers know it; typing itself costs `--version` a tenth.
if TYPE_CHECKING:
    from pathlib import Path


def path(text: str) -> "Path":
    """Return a path."""
    from pathlib import Path  # noqa: PLC0415 - it costs `--version` as much as argparse

    return Path(text)


def channels(text: str) -> list[str]:
    """Return a list of channels: ``red,amber,green``."""
    names = [channel.strip() for channel in text.split(",")]
    if not all(names):
        raise argparse.ArgumentTypeError("write it as red,amber,green")
    return names


def pins(text: str) -> dict[str, str]:
    """Return a table of pins: ``red=17,amber=27``."""
    return _pairs(text, example="red=17,amber=27,green=22")


def leds(text: str) -> dict[str, str]:
    """Return a table of LEDs: ``red=build-red``."""
    return _pairs(text, example="red=build-red,green=build-green")


def _pairs(text: str, *, example: str) -> dict[str, str]:
    pairs = [pair.partition("=") for pair in text.split(",")]
    if not all(channel.strip() and pin.strip() for channel, _, pin in pairs):
        raise argparse.ArgumentTypeError(f"write it as {example}")
    names = [channel.strip() for channel, _, _ in pairs]
    if len({*names}) < len(names):
        raise argparse.ArgumentTypeError("names a channel twice")
    return {channel.strip(): pin.strip() for channel, _, pin in pairs}


def seconds(text: str) -> float:
    """Return a number of seconds above 0."""
    try:
        number = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError("should be a number") from None
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError("should be greater than 0")
    return number
