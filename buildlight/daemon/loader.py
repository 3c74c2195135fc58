"""Reads the configuration again, on a separate thread, because the disk may hang."""

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
"""Reads a configuration and passes it on, at once or later."""


def load_now(load: Load, done: Callable[[Loaded], None]) -> None:
    """Pass to *done* what *load* returns or raises."""
    try:
        loaded: Loaded = load()
    except ConfigError as exc:
        loaded = exc
    except Exception as exc:  # noqa: BLE001 - a driver's check may be code of a plug-in
        loaded = exc
    done(loaded)


class Loader:
    """A :data:`Reload` on a thread that is started before the loop."""

    def __init__(self) -> None:
        self._wanted: SimpleQueue[tuple[Load, Callable[[Loaded], None]]] = SimpleQueue()
        threading.Thread(target=self._run, name="configuration", daemon=True).start()

    def __call__(self, load: Load, done: Callable[[Loaded], None]) -> None:
        """Call *load* on the thread, and *done* on the running loop."""
        loop = asyncio.get_running_loop()
        self._wanted.put((load, lambda loaded: _call(loop, done, loaded)))

    def _run(self) -> None:
        while True:
            load_now(*self._wanted.get())


def _call(loop: asyncio.AbstractEventLoop, done: Callable[[Loaded], None], loaded: Loaded) -> None:
    with suppress(RuntimeError):  # The loop has ended meanwhile.
        loop.call_soon_threadsafe(done, loaded)
