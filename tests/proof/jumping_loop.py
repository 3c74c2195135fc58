"""An event loop whose clock jumps to the next thing that is due.

As looptime's, with less ado: no idle steps, which count where a million steps are taken.
"""

import asyncio
import selectors
from typing import Any


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop on virtual time, from 0 on."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        """Return the seconds that have passed in this loop's world."""
        return self.now


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: JumpingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        """Return what is ready; if nothing is, let the time pass until something is due."""
        ready = super().select(0)
        if not ready and timeout is not None:
            self._loop.now += timeout
        return ready or (super().select(None) if timeout is None else [])
