"""Name lookups that block neither each other nor the exit.

asyncio looks names up on its default executor: six lookups that hang fill it, a healthy feed
behind them times out, and the exit waits for the threads. Here each name has its own daemon
thread, one at a time, and the exit does not wait for it.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from typing import Any


class ResolverLoop(asyncio.SelectorEventLoop):
    """An event loop whose ``getaddrinfo`` does not touch the default executor."""

    def __init__(self, resolve: Callable[..., Any] = socket.getaddrinfo) -> None:
        super().__init__()
        self._resolve = resolve
        self._pending: dict[tuple[Any, ...], asyncio.Future[Any]] = {}

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        *,
        family: int = 0,
        type: int = 0,  # noqa: A002 - the name is asyncio's
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """Return the result of ``socket.getaddrinfo``, or raise what it raises.

        A second request for a name waits for the lookup that is already running. If no thread
        can be started, that is an OSError, too.
        """
        question = (host, port, family, type, proto, flags)
        answer = self._pending.get(question)
        if answer is None:
            answer = self._pending[question] = self.create_future()
            thread = threading.Thread(
                target=self._look_up, args=(question, answer), name=f"lookup {host}", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as exc:  # No thread left; the next request may get one.
                del self._pending[question]
                raise OSError("no thread for the name lookup") from exc
        return await asyncio.shield(answer)

    def _look_up(self, question: tuple[Any, ...], answer: asyncio.Future[Any]) -> None:
        found: Any = None
        error: OSError | ValueError | OverflowError | None = None
        try:
            found = self._resolve(*question)
        except (OSError, ValueError, OverflowError) as exc:  # impossible names, ports
            error = exc
        try:
            self.call_soon_threadsafe(self._deliver, question, answer, found, error)
        except RuntimeError:
            return  # The loop has ended, and every request with it.

    def _deliver(
        self,
        question: tuple[Any, ...],
        answer: asyncio.Future[Any],
        found: Any,
        error: OSError | ValueError | OverflowError | None,
    ) -> None:
        del self._pending[question]
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)
            answer.exception()  # Retrieved: asyncio logs nothing if every request has timed out.
