"""The page behind its server, on a real socket, in a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

from buildlight.publish.web.http_server import HttpServer
from buildlight.publish.web.server import PageServer
from buildlight.report.poll_stats import PollStats
from buildlight.report.report import Report
from support.reports import an_update

PATIENCE = 20.0


class Served:
    """``with Served(report) as served: …``; *ailment* is what is wrong, if anything is."""

    def __init__(
        self,
        report: Report | None = None,
        *,
        names: frozenset[str] = frozenset(),
        host: str = "127.0.0.1",
        polls: PollStats | None = None,
    ) -> None:
        self.ailment: str | None = None
        self.port = 0
        self._report = report
        self._names = names
        self._host = host
        self._polls = polls or PollStats()
        self._loop = asyncio.new_event_loop()
        self._up = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        self.page: PageServer
        self.server: HttpServer

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._up.wait(PATIENCE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()

    def show(self, report: Report) -> None:
        """Show another report."""

        async def show() -> None:
            self.page.publish(an_update(report))

        self.call(show)

    def call(self, work: Callable[[], Awaitable[None]]) -> None:
        """Do something in the page's own thread."""

        async def run() -> None:
            await work()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(PATIENCE)

    def url(self, path: str = "/") -> str:
        """Return the address of *path*."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}{path}"

    def connect(self) -> socket.socket:
        """Connect, and say nothing yet."""
        connection = socket.create_connection((self._host, self.port), timeout=PATIENCE)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        return connection

    def say(self, request: bytes) -> bytes:
        """Send *request* as it is, and return everything that comes back."""
        with self.connect() as connection:
            connection.sendall(request)
            return read_all(connection)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self.page = PageServer(polls=self._polls, ailment=lambda: self.ailment)
        self.page.names = self._names
        if self._report is not None:
            self.page.publish(an_update(self._report))
        self.server = HttpServer(self.page.respond)
        self.port = self.server.open(self._host, 0)
        self._up.set()
        await self._stop.wait()
        self.server.close()
        await ended()


async def ended() -> None:
    """Let what was cut off come to its end: a task, its connection, its socket."""
    for _ in range(100):  # Each is a turn of the loop, and they cost nothing.
        await asyncio.sleep(0)


def read_all(connection: socket.socket) -> bytes:
    """Return what comes until the other side closes; a reset ends it, too."""
    told = b""
    try:
        while part := connection.recv(64 * 1024):
            told += part
    except ConnectionResetError:
        pass
    return told
