"""Signs of life for systemd, given only while everything moves that has to.

Decides nothing but this; who is late knows the monitor, whose light hangs know the lamps.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from buildlight.systemd import Systemd

HUNG = 60.0
"""Seconds after which a light that does not come back is worth a restart."""
SELDOM = 86_400.0
"""Seconds between two restarts for the sake of a light: a broken one must not stop the others."""
MARK = "restarted-for-a-light"

log = logging.getLogger(__name__)


class Watchdog:
    """Tells *systemd* that all is well, twice as often as it wants to hear it.

    *late_feeds* returns the names of feeds whose poller hangs, *hung_lamps* those of lamps whose
    light has not come back for longer than it is given seconds. *folder* is where the one
    restart a day is remembered, in memory; without it, no light is worth a restart.
    """

    def __init__(
        self,
        systemd: Systemd,
        *,
        late_feeds: Callable[[], Sequence[str]],
        hung_lamps: Callable[[float], Sequence[str]],
        folder: Path | None,
        clock: Callable[[], float] = lambda: time.clock_gettime(time.CLOCK_BOOTTIME),
    ) -> None:
        self._systemd = systemd
        self._late_feeds = late_feeds
        self._hung_lamps = hung_lamps
        self._mark = folder / MARK if folder else None
        self._clock = clock
        self._withheld = False
        self._spared: Sequence[str] = ()

    async def run(self) -> None:
        """Give signs of life until cancelled, if anybody wants them."""
        if self._systemd.watchdog is None:
            await asyncio.get_running_loop().create_future()
            return
        while True:
            trouble = self.trouble()
            if trouble is None:
                self._systemd.alive()
            elif not self._withheld:
                log.error("%s; no more signs of life until systemd restarts this", trouble)
            self._withheld = trouble is not None
            await asyncio.sleep(self._systemd.watchdog / 2)

    def trouble(self) -> str | None:
        """Return what hangs so that only a restart can help; ``None`` if nothing does."""
        late = self._late_feeds()
        if late:
            return f"the poller of {', '.join(late)} hangs"
        hung = self._hung_lamps(HUNG)
        if not hung:
            self._spared = ()
            return None
        if self._withheld or self._may_restart():
            return f"the light of {', '.join(hung)} has not come back for {HUNG:.0f} seconds"
        if hung != self._spared:
            log.error("the light of %s hangs again; unplug it, or mend it", ", ".join(hung))
        self._spared = hung
        return None

    def _may_restart(self) -> bool:
        """Return whether none was made for a light lately, and remember the one that comes."""
        if self._mark is None:
            return False
        now = self._clock()
        try:
            # The folder is emptied at boot, when this clock begins anew.
            if self._mark.exists() and now < self._marked(self._mark) + SELDOM:
                return False
            self._mark.write_text(f"{now:.0f}\n", "ascii")
        except OSError:
            return False  # What cannot be remembered could happen every minute.
        return True

    def _marked(self, mark: Path) -> float:
        """Return when *mark* was made; a damaged one (the folder was full) is made anew."""
        try:
            return float(mark.read_text("ascii"))
        except ValueError:
            mark.write_text(f"{self._clock():.0f}\n", "ascii")
            return self._clock()
