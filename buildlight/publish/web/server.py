"""Lets people in to the page, while the configuration has one.

Without it, nothing of the page is imported.
"""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from buildlight.publish.web.settings import PageSettings
from buildlight.report.poll_stats import PollStats
from buildlight.report.report import Report
from buildlight.report.update import Update

if TYPE_CHECKING:
    from buildlight.publish.web.http_server import Listener
    from buildlight.publish.web.routes import Page

AGAIN = 10.0
"""Seconds after which a port that could not be had is tried again."""

log = logging.getLogger(__name__)


class Door:
    """Where the page is entered; *ailment* returns what is wrong with the daemon, if anything is.

    A door that cannot be opened is said once, and tried again until it can: nothing waits for it.
    """

    def __init__(self, *, polls: PollStats, ailment: Callable[[], str | None]) -> None:
        self._ailment = ailment
        self._tally = polls
        self._settings: PageSettings | None = None
        self._report: Report | None = None
        self._page: Page | None = None
        self._listener: Listener | None = None
        self._opening: asyncio.Task[None] | None = None

    def open(self, settings: PageSettings | None) -> None:
        """Be where *settings* say, or nowhere; a door that is there already stays open."""
        if settings is None:
            self.close()
            return
        here = self._settings is not None and _place(settings) == _place(self._settings)
        if not here:
            self.close()
        self._settings = settings
        if self._page is None:
            self._page = self._make_page()
        self._page.names = settings.names | _own_names()
        if not here:
            self._opening = asyncio.get_running_loop().create_task(self._open(settings, self._page))

    def publish(self, update: Update) -> None:
        """Show the report of *update* from now on."""
        self._report = update.report
        if self._page is not None:
            self._page.tell(update.report)

    def close(self, _timeout: float = 0.0) -> None:
        """Disconnect everybody, and release the port; it takes no time."""
        if self._opening is not None:
            self._opening.cancel()
        if self._listener is not None:
            self._listener.close()
        self._settings = self._page = self._listener = self._opening = None

    def _make_page(self) -> "Page":
        # Not before somebody wants a page: microdot is optional weight.
        from buildlight.publish.web.routes import Page  # noqa: PLC0415

        page = Page(tally=self._tally, ailment=self._ailment)
        if self._report is not None:
            page.tell(self._report)
        return page

    async def _open(self, settings: PageSettings, page: "Page") -> None:
        from buildlight.publish.web.http_server import Listener  # noqa: PLC0415 - likewise

        listener = self._listener = Listener(page.respond)
        told = None
        while True:
            try:
                listener.open(settings.listen, settings.port)
            except OSError as exc:
                if told != exc.errno:
                    log.warning("page: %s: %s", settings.address, _why(exc))
                told = exc.errno
            else:
                log.info("page: %s", settings.address)
                return
            await asyncio.sleep(AGAIN)


def _place(settings: PageSettings) -> tuple[str, int]:
    return settings.listen, settings.port


def _own_names() -> frozenset[str]:
    """Return what this machine is called, by itself and by its neighbours (mDNS)."""
    name = socket.gethostname().lower()
    return frozenset({name, f"{name.partition('.')[0]}.local"}) - {""}


_WHY: Mapping[int, str] = {
    errno.EADDRINUSE: "another program has this port; stop it, or choose another port in [page]",
    errno.EADDRNOTAVAIL: "this machine has no such address, or not yet; see listen in [page]",
    errno.EPERM: "systemd lets this service listen at 8080 alone; allow more with SocketBindAllow=",
    errno.EACCES: "this user may not have this port; choose one above 1023 in [page]",
}


def _why(exc: OSError) -> str:
    return _WHY.get(exc.errno or 0, f"cannot be opened: {exc.strerror}")
