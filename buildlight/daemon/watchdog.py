"""Sends watchdog pings to systemd, only while no poller and no light hangs.

The monitor knows which pollers are late, the lamps know which lights hang.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from buildlight.daemon.loop import seconds_since_boot
from buildlight.lamps.timing import HUNG
from buildlight.system.sd_notify import Systemd

SELDOM = 86_400.0
"""Seconds between two restarts because of a light: a broken light must not stop the others."""
MARK = "restarted-for-a-light"
BOOT = Path("/proc/sys/kernel/random/boot_id")
"""The kernel's boot id, a different text after every boot; see random(4)."""

log = logging.getLogger(__name__)


class Watchdog:
    """Pings *systemd* twice as often as it requires.

    *late_feeds* returns the names of feeds whose poller hangs, *hung_lamps* those of lamps whose
    light has hung for :data:`timing.HUNG` seconds. *folder* holds the time of the last restart
    because of a light; without it, a light causes no restart.
    """

    def __init__(
        self,
        systemd: Systemd,
        *,
        late_feeds: Callable[[], Sequence[str]],
        hung_lamps: Callable[[], Sequence[str]],
        folder: Path | None,
        clock: Callable[[], float] = seconds_since_boot,
        boot: Path = BOOT,
    ) -> None:
        self._systemd = systemd
        self._late_feeds = late_feeds
        self._hung_lamps = hung_lamps
        self._mark = folder / MARK if folder else None
        self._clock = clock
        self._boot = boot
        self._withheld = False
        self._spared: Sequence[str] = ()

    async def run(self) -> None:
        """Send watchdog pings until cancelled, if systemd asked for them."""
        if self._systemd.watchdog is None:
            await asyncio.get_running_loop().create_future()
            return
        while True:
            trouble = self.trouble()
            if trouble is None:
                self._systemd.alive()
            elif not self._withheld:
                log.error("%s; watchdog pings withheld: systemd will restart the daemon", trouble)
            self._withheld = trouble is not None
            await asyncio.sleep(self._systemd.watchdog / 2)

    def ailment(self) -> str | None:
        """Return what hangs, even if a restart cannot help; ``None`` if nothing hangs."""
        late, hung = self._late_feeds(), self._hung_lamps()
        return _late(late) if late else _hung(hung) if hung else None

    def trouble(self) -> str | None:
        """Return what hangs and needs a restart; ``None`` if nothing does."""
        late = self._late_feeds()
        if late:
            return _late(late)
        hung = self._hung_lamps()
        if not hung:
            self._spared = ()
            return None
        if self._withheld or self._may_restart():
            return _hung(hung)
        if hung != self._spared:
            log.error("the light of %s hangs again; unplug it, or mend it", ", ".join(hung))
        self._spared = hung
        return None

    def _may_restart(self) -> bool:
        """Return whether a restart because of a light is due, and record it."""
        if self._mark is None:
            return False
        now = self._clock()
        try:
            # Seconds since boot and the boot's id, because a Pi's time of day jumps.
            boot = self._boot.read_text("ascii").strip()
            if self._mark.exists() and now < _marked(self._mark, boot) + SELDOM:
                return False
            self._mark.parent.mkdir(parents=True, exist_ok=True)
            self._mark.write_text(f"{boot} {now:.0f}\n", "ascii")
        except OSError:
            return False  # Without this record, a restart could follow every minute.
        return True


def _marked(mark: Path, boot: str) -> float:
    """Return the time of *mark*; minus infinity if it is damaged or from another *boot*."""
    then, _, at = mark.read_text("ascii", "replace").rpartition(" ")
    try:
        return float(at) if then == boot else -math.inf
    except ValueError:
        return -math.inf


def _late(feeds: Sequence[str]) -> str:
    return f"the poller of {', '.join(feeds)} hangs"


def _hung(lamps: Sequence[str]) -> str:
    return f"the light of {', '.join(lamps)} has not come back for {HUNG:.0f} seconds"
