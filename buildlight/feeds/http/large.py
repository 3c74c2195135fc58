"""How many large bodies all feeds together may hold: memory is limited in sum, not by feed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LARGE = 2 * 2**20
"""Bytes from which on a body is large, as received or decompressed."""
MOST_LARGE = 4
"""Large bodies at once; the next one waits, within the deadline of its request."""


class Share:
    """What one request holds of the room for large bodies."""

    def __init__(self, slots: asyncio.Semaphore) -> None:
        self._slots = slots
        self._held = False

    async def grow(self, size: int) -> None:
        """Wait for room, if a body of *size* bytes is large and has none yet."""
        if size > LARGE and not self._held:
            await self._slots.acquire()
            self._held = True

    def release(self) -> None:
        """Give the room back."""
        if self._held:
            self._held = False
            self._slots.release()


class Room:
    """The room for large bodies that the feeds of one client share."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(MOST_LARGE)

    @asynccontextmanager
    async def share(self) -> AsyncIterator[Share]:
        """Return a share that is given back at the end of the block."""
        share = Share(self._slots)
        try:
            yield share
        finally:
            share.release()
