"""`buildlight off`: makes every lamp dark, for instance after a crash."""

import argparse
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from buildlight.cli import FAILED, OK, write_error
from buildlight.cli.terminal import describe_trouble
from buildlight.config.settings import lamp_from_keys, load_lamps
from buildlight.errors import ConfigError
from buildlight.lamps.group import others
from buildlight.lamps.lamp import Lamp
from buildlight.lamps.lit_lamps import LitLamp, left_lit
from buildlight.lamps.settings import LampSettings
from buildlight.lamps.thread import LampThread
from buildlight.lamps.timing import DARKENING, OPENING
from buildlight.patterns.pattern import OFF
from buildlight.report.shown import Light
from buildlight.system import paths

log = logging.getLogger(__name__)


def main(chosen: argparse.Namespace) -> int:
    """Make every lamp dark; returns whether all are."""
    folder = paths.given_run_folder()
    # First the lamps that the daemon lit: the configuration may have changed, or have mistakes.
    left = left_lamps(left_lit(folder)) if folder else ()
    dark = _darken_and_report(left)
    dark &= _darken_and_report(others(load_lamps(paths.find_file(chosen.config)), left))
    return OK if dark else FAILED


def _darken_and_report(lamps: Sequence[LampSettings]) -> bool:
    troubles = darken(lamps)
    for name, trouble in troubles:
        write_error(f"{name}: {trouble}")
    return not troubles


def left_lamps(written: Iterable[LitLamp]) -> tuple[LampSettings, ...]:
    """Return a lamp for each light that a daemon recorded in *written*.

    A lamp whose driver was uninstalled is logged; the others still go dark.
    """
    return tuple(lamp for each in written if (lamp := _left_lamp(each)) is not None)


def _left_lamp(written: LitLamp) -> LampSettings | None:
    try:
        return replace(lamp_from_keys(written.driver, written.keys), name=written.name)
    except ConfigError as exc:
        log.warning("%s: was lit, and cannot be switched off: %s", written.name, exc)
        return None


def darken(lamps: Sequence[LampSettings]) -> tuple[tuple[str, str], ...]:
    """Open the lights of *lamps* at the same time, make them dark and close them.

    Returns, by name, why lamps may still be lit. A light that does not respond delays this by
    a few seconds at most, and the other lights not at all.
    """
    players = [(lamp, LampThread(lamp.name, Lamp(lamp.open_light))) for lamp in lamps]
    for _, player in players:
        player.start(OFF)
    end = time.monotonic() + OPENING
    for _, player in players:
        # One try is enough: a light that is not plugged in is dark.
        if player.wait_tried(max(end - time.monotonic(), 0.0)):
            player.wait_played(OFF, max(end - time.monotonic(), 0.0))
    troubles = [(lamp.name, _trouble(lamp, player)) for lamp, player in players]
    for _, player in players:
        player.stop()
    end = time.monotonic() + DARKENING
    for _, player in players:
        player.join(max(end - time.monotonic(), 0.0))
    return tuple((name, trouble) for name, trouble in troubles if trouble)


def _trouble(lamp: LampSettings, player: LampThread) -> str:
    """Return why the light may still be lit; an empty string if it is dark."""
    status = player.status()
    if status.light is Light.OK:
        return ""
    return describe_trouble(lamp, status.trouble, patience=OPENING)
