"""The publisher behind ``[mqtt]``: connects, publishes what changed, gives signs of life.

A broker that is absent, slow or refuses delays nothing but itself: updates are noted, and a task
of its own does the rest. Every connection begins with everything that holds now.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from buildlight.network.broker import BrokerError, Will, connected, retries
from buildlight.network.origin import ORIGIN
from buildlight.publish.mqtt.documents import (
    BEAT,
    LARGEST,
    LEASE,
    OFFLINE,
    ONLINE,
    Topics,
    documents,
    events,
    time_of,
    too_large,
    topics_of,
)

if TYPE_CHECKING:
    import aiomqtt

    from buildlight.publish.mqtt.settings import MqttSettings
    from buildlight.report.report import Report
    from buildlight.report.update import Update

MOST_EVENTS = 100
"""Events that wait for the broker; the oldest are forgotten first."""
REPEAT = 15.0
"""Seconds after which a lamp's document is published again, for readers that know no beat."""
EXPIRY = 45
"""Seconds after which the broker forgets it."""
FAREWELL = 0.2
"""Seconds that the last word may take at the end."""

log = logging.getLogger(__name__)


class MqttPublisher:
    """A publisher that keeps a broker up to date, if the configuration names one."""

    def __init__(self) -> None:
        self._settings: MqttSettings | None = None
        self._opened = asyncio.Event()
        self._news = asyncio.Event()
        self._report: Report | None = None
        self._events: deque[dict[str, Any]] = deque(maxlen=MOST_EVENTS)
        self._known: dict[str, tuple[int, dict[str, Any]]] = {}
        self._revised: Report | None = None
        self._online = False
        self._seq = 0
        self._told = ""

    def open(self, settings: "MqttSettings | None") -> None:
        """Publish where *settings* say, or nowhere; the same settings change nothing."""
        if settings != self._settings:
            self._settings = settings
            self._opened.set()
        if settings is not None and settings.warning:
            log.warning("mqtt: %s", settings.warning)

    def publish(self, update: "Update") -> None:
        """Note *update* for the broker."""
        self._report = update.report
        if self._settings is not None:
            self._events += events(update.events, at=time_of(update.report))
            self._news.set()

    def close(self, _timeout: float) -> None:
        """Do nothing: the farewell is said where the connection ends."""

    async def run(self) -> None:
        """Keep the broker up to date until cancelled, with one task for each configuration."""
        while True:
            self._opened.clear()
            work = None
            if self._settings is not None:
                work = asyncio.create_task(self._serve(self._settings))
            try:
                await self._opened.wait()
            finally:
                if work is not None:
                    work.cancel()
                    with suppress(asyncio.CancelledError):
                        await work

    async def _serve(self, settings: "MqttSettings") -> None:
        """Connect again and again."""
        topics = topics_of(settings.name)
        delays = retries()
        will = Will(topics.status, OFFLINE)
        while True:
            try:
                async with connected(settings.broker, will=will) as client:
                    delays = retries()
                    self._log(logging.INFO, f"publishing at {topics.base}")
                    await self._session(client, topics)
            except BrokerError as exc:
                self._log(logging.WARNING, f"{exc}; trying again")
            await asyncio.sleep(next(delays))

    async def _session(self, client: "aiomqtt.Client", topics: Topics) -> None:
        """Publish with *client* until it is lost."""
        self._online = False
        reading = asyncio.create_task(self._watch(client, topics))
        try:
            await client.subscribe([(topics.beat, 0), (topics.status, 1)])
            await self._publish_changes(client, topics)
        finally:
            reading.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await reading
            with suppress(Exception):  # It is lost: then its will speaks.
                await client.publish(topics.status, OFFLINE, qos=1, retain=True, timeout=FAREWELL)

    async def _publish_changes(self, client: "aiomqtt.Client", topics: Topics) -> None:
        sent: dict[str, int] = {}
        loop = asyncio.get_running_loop()
        repeated = loop.time()
        while True:
            self._news.clear()
            revisions = self._revise()
            again = loop.time() - repeated >= REPEAT
            repeated = loop.time() if again else repeated
            for key, (revision, document) in self._known.items():
                if sent.get(key) != revision or (again and key.startswith("lamp/")):
                    await self._send(client, topics, key, revision, document)
                    sent[key] = revision
            for key in sent.keys() - self._known.keys():
                await client.publish(f"{topics.base}/{key}", b"", qos=1, retain=True)
                del sent[key]
            if self._report is not None and not self._online:
                self._online = True
                await client.publish(topics.status, ONLINE, qos=1, retain=True)
            while self._events:
                await client.publish(topics.event, _json(self._events[0]), qos=1)
                self._events.popleft()
            if self._online:
                await client.publish(topics.beat, _json(self._beat(revisions)), qos=0)
            with suppress(TimeoutError):
                async with asyncio.timeout(BEAT):
                    await self._news.wait()

    def _revise(self) -> Mapping[str, int]:
        """Give everything that changed a new revision; return the revision of everything."""
        if self._report is not None and self._report is not self._revised:
            self._revised = self._report
            found = documents(self._report)
            for key in self._known.keys() - found.keys():
                del self._known[key]
            for key, document in found.items():
                revision, before = self._known.get(key, (0, {}))
                if document != before:
                    self._known[key] = (revision + 1, document)
        return {key: revision for key, (revision, _) in self._known.items()}

    async def _send(
        self,
        client: "aiomqtt.Client",
        topics: Topics,
        key: str,
        revision: int,
        document: dict[str, Any],
    ) -> None:
        payload = _json({**document, "boot": ORIGIN, "rev": revision})
        if len(payload) > LARGEST:
            self._log(logging.WARNING, f"{document['name']}: has too many projects to publish")
            payload = _json({**too_large(document), "boot": ORIGIN, "rev": revision})
        await client.publish(
            f"{topics.base}/{key}",
            payload,
            qos=1,
            retain=True,
            properties=_expiry() if key.startswith("lamp/") else None,
        )

    def _beat(self, revisions: Mapping[str, int]) -> dict[str, Any]:
        self._seq += 1
        return {"boot": ORIGIN, "seq": self._seq, "lease": LEASE, "revs": revisions}

    async def _watch(self, client: "aiomqtt.Client", topics: Topics) -> None:
        """Take back what is said in this daemon's place: by another one, or by an old will."""
        async for message in client.messages:
            payload = message.payload
            if message.retain or not isinstance(payload, bytes):
                continue
            if str(message.topic) == topics.status:
                if payload.decode(errors="replace") == OFFLINE and self._online:
                    self._online = False  # The connection before this one has ended at last.
                    self._news.set()
            elif ORIGIN.encode() not in payload:
                self._log(
                    logging.ERROR,
                    f"another buildlight publishes at {topics.base}, too, and lamps that follow "
                    "it believe neither; give one of them another name in [mqtt]",
                )

    def _log(self, level: int, sentence: str) -> None:
        if sentence != self._told:
            log.log(level, "mqtt: %s", sentence)
        self._told = sentence


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _expiry() -> Any:
    from paho.mqtt.packettypes import PacketTypes  # noqa: PLC0415 - an extra
    from paho.mqtt.properties import Properties  # noqa: PLC0415

    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.MessageExpiryInterval = EXPIRY
    return properties
