"""Reads the configuration again on a thread of its own: a file may lie on a disk that hangs."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

from buildlight.daemon.settings import Settings
from buildlight.errors import ConfigError

Load = Callable[[], Settings]
"""Reads the configuration; raises :class:`ConfigError`."""

Loaded = Settings | Exception
Reload = Callable[[Load, Callable[[Loaded], None]], None]
"""Reads a configuration, now or soon, and passes it on."""


def load_now(load: Load, done: Callable[[Loaded], None]) -> None:
    """Pass to *done* what *load* returns or raises."""
    try:
        loaded: Loaded = load()
    except ConfigError as exc:
        loaded = exc
    except Exception as exc:  # noqa: BLE001 - a driver's check may be anybody's code
        loaded = exc
    done(loaded)


class Loader:
    """A :data:`Reload` on a thread, which is there before the loop runs."""

    def __init__(self) -> None:
        self._wanted: SimpleQueue[tuple[Load, Callable[[Loaded], None]]] = SimpleQueue()
        threading.Thread(target=self._run, name="configuration", daemon=True).start()

    def __call__(self, load: Load, done: Callable[[Loaded], None]) -> None:
        """Have *load* called on the thread, and *done* on the running loop."""
        loop = asyncio.get_running_loop()
        self._wanted.put((load, lambda loaded: _call(loop, done, loaded)))

    def _run(self) -> None:
        while True:
            load_now(*self._wanted.get())


def _call(loop: asyncio.AbstractEventLoop, done: Callable[[Loaded], None], loaded: Loaded) -> None:
    with suppress(RuntimeError):  # The loop has ended meanwhile.
        loop.call_soon_threadsafe(done, loaded)
