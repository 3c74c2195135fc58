"""The page as a publisher; without a page, no other module of this room is imported."""

import asyncio
import errno
import logging
import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from buildlight.publish.web.settings import TITLE, PageSettings
from buildlight.report.poll_stats import PollStats
from buildlight.report.report import Report
from buildlight.report.update import Update

if TYPE_CHECKING:
    from buildlight.publish.web.event_stream import EventStream
    from buildlight.publish.web.http_server import HttpServer, PageRequest, Reply
    from buildlight.publish.web.routes import Page

AGAIN = 10.0
"""Seconds between attempts to open a port."""

log = logging.getLogger(__name__)


class PageServer:
    """Serves the page of the last update; *ailment* says what is wrong with the daemon.

    A port that cannot be opened is logged once and tried again; nothing waits for it.
    """

    def __init__(self, *, polls: PollStats, ailment: Callable[[], str | None]) -> None:
        self._ailment = ailment
        self._polls = polls
        self.names: frozenset[str] = frozenset()
        """Host names of the page, besides localhost and the address of the connection."""
        self.title = TITLE
        """The heading of the page."""
        self.stream: EventStream | None = None
        """The current page, after the first request."""
        self._place: tuple[str, int] | None = None
        self._report: Report | None = None
        self._page: Page | None = None
        self._server: HttpServer | None = None
        self._opening: asyncio.Task[None] | None = None

    def open(self, settings: PageSettings | None) -> None:
        """Listen as *settings* say, or not at all; an unchanged port stays open."""
        place = (settings.listen, settings.port) if settings else None
        if place != self._place:
            self.close()
        if settings is None:
            return
        self.names, self.title = settings.names | _own_names(), settings.title
        if place != self._place:
            self._place = place
            self._opening = asyncio.get_running_loop().create_task(self._open(settings))

    def publish(self, update: Update) -> None:
        """Show the report of *update* from now on."""
        self._report = update.report
        if self.stream is not None:
            self.stream.show(update.report)

    def close(self, _timeout: float = 0.0) -> None:
        """Disconnect all clients and release the port; returns at once."""
        if self._opening is not None:
            self._opening.cancel()
        if self._server is not None:
            self._server.close()
        self._place = self.stream = self._page = self._server = self._opening = None

    async def respond(self, request: "PageRequest") -> "Reply":
        """Answer a request, by the page once there is a report."""
        # Already imported by _open, which only a daemon with a page calls.
        from buildlight.publish.web import event_stream, routes  # noqa: PLC0415

        if self._page is None:
            if self._report is None:
                return routes.STARTING
            self.stream = event_stream.EventStream(self._report, self._polls)
            self._page = routes.Page(self.stream, self, ailment=self._ailment)
        return await self._page.respond(request)

    async def _open(self, settings: PageSettings) -> None:
        from buildlight.publish.web import http_server, routes  # noqa: F401, PLC0415 - likewise

        server = self._server = http_server.HttpServer(self.respond)
        logged = None
        while True:
            try:
                server.open(settings.listen, settings.port)
            except OSError as exc:
                if logged != exc.errno:
                    log.warning("page: %s: %s", settings.address, _why(exc))
                logged = exc.errno
            else:
                log.info("page: %s", settings.address)
                return
            await asyncio.sleep(AGAIN)


def _own_names() -> frozenset[str]:
    """Return the names of this machine: its host name, and that of mDNS."""
    name = socket.gethostname().lower()
    return frozenset({name, f"{name.partition('.')[0]}.local"}) - {""}


_WHY: Mapping[int, str] = {
    errno.EADDRINUSE: "another program uses this port; stop it, or set another port in [page]",
    errno.EADDRNOTAVAIL: "this machine does not have this address (yet); check listen in [page]",
    errno.EPERM: "systemd lets this service listen at 8080 alone; allow more with SocketBindAllow=",
    errno.EACCES: "permission denied; set a port above 1023 in [page]",
}


def _why(exc: OSError) -> str:
    return _WHY.get(exc.errno or 0, f"cannot open it: {exc.strerror}")
