"""Every lamp of a configuration made dark, whatever left it lit: a crash, or another program."""

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace

from buildlight.cli.check import explained
from buildlight.config.settings import lamp_from_keys
from buildlight.errors import ConfigError
from buildlight.lamps.lamp import Lamp
from buildlight.lamps.lit_lamps import LitLamp
from buildlight.lamps.settings import LampSettings
from buildlight.lamps.thread import LampThread
from buildlight.lamps.timing import DARKENING, OPENING
from buildlight.patterns.pattern import OFF
from buildlight.report.report import Light

log = logging.getLogger(__name__)


def left_lamps(written: Iterable[LitLamp]) -> tuple[LampSettings, ...]:
    """Return lamps, watching nothing, of what a daemon has *written* down.

    One whose driver was uninstalled meanwhile is logged, and keeps no other from going dark.
    """
    return tuple(lamp for each in written if (lamp := _left_lamp(each)) is not None)


def _left_lamp(written: LitLamp) -> LampSettings | None:
    try:
        return replace(lamp_from_keys(written.driver, written.keys), name=written.name)
    except ConfigError as exc:
        log.warning("%s: was lit, and cannot be darkened: %s", written.name, exc)
        return None


def darken(lamps: Sequence[LampSettings]) -> tuple[tuple[str, str], ...]:
    """Open the lights of *lamps* side by side, make them dark, and let go of them.

    Returns why lamps may still be lit, by their names. A light that does not answer holds up
    neither the others nor, for longer than a few seconds, this.
    """
    players = [(lamp, LampThread(lamp.name, Lamp(lamp.open_light))) for lamp in lamps]
    for _, player in players:
        player.start(OFF)
    end = time.monotonic() + OPENING
    for _, player in players:
        # Tried once is enough: what is not plugged in is not lit.
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
    """Return why the light is perhaps not dark, an empty string if it is."""
    status = player.status()
    if status.light is Light.OK:
        return ""
    if status.trouble is not None:
        return f"driver {lamp.driver!r}: {explained(status.trouble)}"
    return f"driver {lamp.driver!r}: does not open within {OPENING:.0f} seconds"
