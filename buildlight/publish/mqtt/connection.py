"""One connection to a broker: begins with everything that holds, then publishes what changes."""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from buildlight import __version__
from buildlight.network.broker import DENIED, expiring, on_denied
from buildlight.network.origin import ORIGIN
from buildlight.publish.mqtt.documents import (
    BEAT,
    LARGEST,
    LEASE,
    OFFLINE,
    ONLINE,
    TOO_MANY,
    Topics,
    too_large,
)
from buildlight.publish.mqtt.home_assistant import announcement, components_of, config_topic
from buildlight.publish.mqtt.revisions import Revisions
from buildlight.report.poll_stats import BrokerStats
from buildlight.report.report import Report

if TYPE_CHECKING:
    import aiomqtt

MOST_EVENTS = 100
"""Events that wait for the broker; the oldest are forgotten first."""
REPEAT = 15.0
"""Seconds after which a lamp's document is published again, for readers that know no beat."""
EXPIRY = 45
"""Seconds after which the broker forgets it."""
FAREWELL = 0.2
"""Seconds that the last word may take at the end."""
REMEMBERED = 0.5
"""Seconds in which the broker says what was announced to Home Assistant before."""


@dataclass
class Outbox:
    """What waits for a broker; *news* is set whenever something was added."""

    report: Report | None = None
    revisions: Revisions = field(default_factory=Revisions)
    events: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MOST_EVENTS))
    news: asyncio.Event = field(default_factory=asyncio.Event)
    beats: int = 0

    def beat(self) -> dict[str, Any]:
        """Return the next sign of life."""
        self.beats += 1
        revisions = self.revisions.numbers()
        return {"boot": ORIGIN, "seq": self.beats, "lease": LEASE, "revs": revisions}


class Connection:
    """A *client* that publishes what is in *outbox*, until it is lost.

    *prefix* is that of Home Assistant's discovery, if it is used; *stats* counts, *tell* logs a
    sentence.
    """

    def __init__(
        self,
        client: "aiomqtt.Client",
        topics: Topics,
        outbox: Outbox,
        *,
        prefix: str | None,
        stats: BrokerStats,
        tell: Callable[[int, str], None],
    ) -> None:
        self._client = client
        self._topics = topics
        self._outbox = outbox
        self._config = config_topic(topics, prefix=prefix) if prefix is not None else None
        self._stats = stats
        self._tell = tell
        self._online = False
        self._sent: dict[str, int] = {}
        self._announced: bytes | None = None
        self._components: frozenset[str] = frozenset()
        on_denied(client, lambda: tell(logging.WARNING, f"{topics.base}: {DENIED}"))

    async def work(self) -> None:
        """Publish until the connection is lost; says ``offline`` when cancelled."""
        watching = asyncio.create_task(self._watch())
        repeated = asyncio.get_running_loop().time()
        try:
            await self._client.subscribe([(self._topics.beat, 0), (self._topics.status, 1)])
            if self._config is not None:
                await self._client.subscribe(self._config, 1)
                await asyncio.sleep(REMEMBERED)
            while True:
                self._outbox.news.clear()
                again = asyncio.get_running_loop().time() - repeated >= REPEAT
                repeated += REPEAT if again else 0.0
                await self._publish(again=again)
                with suppress(TimeoutError):
                    async with asyncio.timeout(BEAT):
                        await self._outbox.news.wait()
        finally:
            watching.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await watching
            with suppress(Exception):  # It is lost: then its will speaks.
                await self._send(self._topics.status, OFFLINE.encode(), timeout=FAREWELL)

    async def _publish(self, *, again: bool) -> None:
        """Publish what changed, then the sign of life that confirms it."""
        revisions, topics = self._outbox.revisions, self._topics
        if self._outbox.report is None:
            return
        revisions.take(self._outbox.report)
        for key, revision, document in revisions:
            if self._sent.get(key) != revision or (again and key.startswith("lamp/")):
                await self._send_document(key, revision, document)
                self._sent[key] = revision
        for key in self._sent.keys() - revisions.numbers().keys():
            await self._send(f"{topics.base}/{key}", b"")
            del self._sent[key]
        if not self._online:
            self._online = True
            await self._send(topics.status, ONLINE.encode())
        await self._announce([lamp.name for lamp in self._outbox.report.lamps])
        while self._outbox.events:
            await self._send(topics.event, as_json(self._outbox.events[0]), retain=False)
            self._outbox.events.popleft()
        beat = as_json(self._outbox.beat())
        await self._client.publish(topics.beat, beat, qos=0)
        self._stats.count(beat)

    async def _announce(self, lamps: Collection[str]) -> None:
        """Tell Home Assistant of *lamps*, if they are others than before."""
        if self._config is None:
            return
        told = announcement(self._topics, lamps, announced=self._components, version=__version__)
        payload = as_json(told)
        if payload != self._announced:
            self._announced = payload
            self._components = components_of(told)
            await self._send(self._config, payload)

    async def _send_document(self, key: str, revision: int, document: dict[str, Any]) -> None:
        signed = {"boot": ORIGIN, "rev": revision}
        payload = as_json({**document, **signed})
        if len(payload) > LARGEST:
            document = too_large(document)
            payload = as_json({**document, **signed})
        if document.get("error") == TOO_MANY:
            self._tell(logging.WARNING, f"{document['name']}: {TOO_MANY}")
        await self._send(
            f"{self._topics.base}/{key}",
            payload,
            properties=expiring(EXPIRY) if key.startswith("lamp/") else None,
        )

    async def _send(self, topic: str, payload: bytes, *, retain: bool = True, **more: Any) -> None:
        await self._client.publish(topic, payload, qos=1, retain=retain, **more)
        self._stats.count(payload)

    async def _watch(self) -> None:
        """Take back what is said in this daemon's place: by another one, or by an old will."""
        async for message in self._client.messages:
            topic, payload = str(message.topic), message.payload
            if topic == self._config:
                self._remember(payload)
            elif message.retain:
                continue
            elif topic == self._topics.status:
                if payload == OFFLINE.encode() and self._online:
                    self._online = False  # The connection before this one has ended at last.
                    self._outbox.news.set()
            elif ORIGIN.encode() not in payload:
                self._tell(
                    logging.ERROR,
                    f"another buildlight publishes at {self._topics.base}, too, and lamps that "
                    "follow it believe neither; give one of them another name in [mqtt]",
                )

    def _remember(self, payload: bytes) -> None:
        """Note which components an earlier start announced, so that old ones are removed."""
        if self._announced is None:
            with suppress(ValueError, RecursionError):
                self._components = components_of(json.loads(payload))


def as_json(document: Mapping[str, Any]) -> bytes:
    """Return *document* as it is published."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()
