"""Options that several commands have: the configuration's file, and a lamp that is not in one."""

import argparse
from collections.abc import Mapping

from buildlight.cli.arguments.values import channels, leds, path, pins

BARE: Mapping[str, str] = {
    "pins": "gpio",
    "board": "gpio",
    "port": "serial",
    "protocol": "serial",
    "channels": "serial",
    "leds": "sysfs",
    "host": "wled",
}
"""Options of a lamp without a configuration, and the driver that each mostly belongs to."""


def add_config(command: argparse.ArgumentParser) -> None:
    """Add ``--config``."""
    command.add_argument(
        "--config",
        metavar="FILE",
        type=path,
        help="the configuration (default: /etc/buildlight/buildlight.toml, else "
        "~/.config/buildlight/buildlight.toml)",
    )


def add_light(command: argparse.ArgumentParser, title: str) -> None:
    """Add ``--driver`` and the options of :data:`BARE`, below *title*."""
    bare = command.add_argument_group(title)
    bare.add_argument("--driver", metavar="NAME", help="its driver: console, gpio, serial, …")
    bare.add_argument(
        "--pins", metavar="CHANNEL=PIN,…", type=pins, help="for gpio: red=17,amber=27,green=22"
    )
    bare.add_argument("--board", metavar="NAME", help="for gpio: a ready-made one, pi-stop-a+")
    bare.add_argument("--port", metavar="DEVICE", help="for serial: /dev/serial/by-id/…")
    bare.add_argument("--protocol", metavar="NAME", help="for serial: adafruit-tower")
    bare.add_argument(
        "--channels", metavar="CHANNEL,…", type=channels, help="for serial: red,amber,green"
    )
    bare.add_argument("--leds", metavar="CHANNEL=LED,…", type=leds, help="for sysfs: red=build-red")
    bare.add_argument("--host", metavar="NAME", help="for wled: wled-office.local")
