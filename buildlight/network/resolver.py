"""Looking up names without holding anybody up.

asyncio looks names up on its default executor: six names whose look-up hangs fill it, a healthy
feed behind them times out, and the exit waits for the threads. Here every name is looked up on
a daemon thread of its own, at most one a name, and nothing waits for it at exit.
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
        self._asked: dict[tuple[Any, ...], asyncio.Future[Any]] = {}

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
        """Return what ``socket.getaddrinfo`` does, and raise what it raises.

        Whoever asks for a name while its look-up still runs waits for that one. No thread to be
        had is an OSError, too.
        """
        question = (host, port, family, type, proto, flags)
        answer = self._asked.get(question)
        if answer is None:
            answer = self._asked[question] = self.create_future()
            thread = threading.Thread(
                target=self._ask, args=(question, answer), name=f"lookup {host}", daemon=True
            )
            try:
                thread.start()
            except RuntimeError as exc:  # The machine has no thread to spare; the next may get one.
                del self._asked[question]
                raise OSError("no thread to look the name up") from exc
        return await asyncio.shield(answer)

    def _ask(self, question: tuple[Any, ...], answer: asyncio.Future[Any]) -> None:
        found: Any = None
        error: OSError | ValueError | OverflowError | None = None
        try:
            found = self._resolve(*question)
        except (OSError, ValueError, OverflowError) as exc:  # impossible names, ports
            error = exc
        try:
            self.call_soon_threadsafe(self._tell, question, answer, found, error)
        except RuntimeError:
            return  # The loop has ended, and with it whoever asked.

    def _tell(
        self,
        question: tuple[Any, ...],
        answer: asyncio.Future[Any],
        found: Any,
        error: OSError | ValueError | OverflowError | None,
    ) -> None:
        del self._asked[question]
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)
            answer.exception()  # Whoever asked may have given up: no complaint about that.
