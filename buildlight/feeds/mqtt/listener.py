"""One connection to a broker for all feeds that are followed there."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from buildlight.network.broker import MOST_WAITING, Broker, BrokerError, connected, end, retries

if TYPE_CHECKING:
    import aiomqtt

Heard = asyncio.Queue["aiomqtt.Message | BrokerError | None"]
"""Messages, why the connection was lost, and ``None`` once it is there."""


class BrokerListener:
    """Connects to *broker* while anybody listens, again and again, and hands messages on."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._members: dict[Heard, Mapping[str, int]] = {}
        self._client: aiomqtt.Client | None = None
        self._task: asyncio.Task[None] | None = None
        self._asking: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def joined(self, topics: Mapping[str, int]) -> AsyncIterator[Heard]:
        """Listen to *topics*, each with its QoS, for as long as the block lasts."""
        heard: Heard = asyncio.Queue(MOST_WAITING)
        self._members[heard] = topics
        if self._task is None:
            self._task = asyncio.create_task(self._serve())
        elif self._client is not None:
            heard.put_nowait(None)
            self.ask(topics)
        try:
            yield heard
        finally:
            del self._members[heard]
            if not self._members and self._task is not None:
                task, self._task = self._task, None
                await end(task)

    def ask(self, topics: Mapping[str, int]) -> None:
        """Let the broker say once more what it keeps of *topics*: a message may have been lost."""
        if self._client is not None:
            task = asyncio.create_task(self._subscribe(self._client, topics))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)

    async def _subscribe(self, client: "aiomqtt.Client", topics: Mapping[str, int]) -> None:
        with suppress(Exception):  # It is lost, which the connection says itself.
            await client.subscribe([*topics.items()])

    async def _serve(self) -> None:
        delays = retries()
        while True:
            try:
                async with connected(self._broker) as client:
                    await client.subscribe([*self._topics().items()])
                    self._client = client
                    self._tell(None)
                    async for message in client.messages:
                        delays = retries()
                        self._tell(message, str(message.topic))
            except BrokerError as exc:
                self._tell(exc)
            except Exception as exc:  # noqa: BLE001 - a fault of the library must not end followers
                why = f"{self._broker.where}: the connection failed ({type(exc).__name__})"
                self._tell(BrokerError(why))
            finally:
                self._client = None
            await asyncio.sleep(next(delays))

    def _topics(self) -> Mapping[str, int]:
        return {topic: qos for each in self._members.values() for topic, qos in each.items()}

    def _tell(self, said: "aiomqtt.Message | BrokerError | None", topic: str | None = None) -> None:
        """Hand on what was *said* at *topic*, or to everybody."""
        for heard, topics in self._members.items():
            if topic is not None and topic not in topics:
                continue
            if heard.full():  # Nothing that was dropped is ever believed.
                while not heard.empty():
                    heard.get_nowait()
            heard.put_nowait(said)
