"""The publisher behind ``[mqtt]``: notes every update, and connects to the broker again and again.

A broker that is absent, slow or refuses delays nothing but itself: updates are noted, and a task
of its own does the rest.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from buildlight.network.broker import BrokerError, Will, connected, end, retries
from buildlight.publish.mqtt.connection import Connection, Outbox
from buildlight.publish.mqtt.documents import OFFLINE, events, time_of, topics_of
from buildlight.report.poll_stats import BrokerStats

if TYPE_CHECKING:
    from buildlight.publish.mqtt.settings import MqttSettings
    from buildlight.report.update import Update

log = logging.getLogger(__name__)


class MqttPublisher:
    """A publisher that keeps a broker up to date, if the configuration names one; see *stats*."""

    def __init__(self, stats: BrokerStats | None = None) -> None:
        self._stats = stats or BrokerStats()
        self._settings: MqttSettings | None = None
        self._opened = asyncio.Event()
        self._outbox = Outbox()
        self._told = ""

    def open(self, settings: "MqttSettings | None") -> None:
        """Publish where *settings* say, or nowhere; the same settings change nothing."""
        self._stats.configured = settings is not None
        if settings != self._settings:
            self._settings = settings
            self._opened.set()

    def publish(self, update: "Update") -> None:
        """Note *update* for the broker."""
        if self._settings is not None:
            self._outbox.report = update.report
            self._outbox.events += events(update.events, at=time_of(update.report))
            self._outbox.news.set()

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
                    await end(work)

    async def _serve(self, settings: "MqttSettings") -> None:
        """Connect again and again."""
        topics = topics_of(settings.name)
        delays = retries()
        will = Will(topics.status, OFFLINE)
        while True:
            try:
                async with connected(settings.broker, will=will) as client:
                    delays = retries()
                    self._tell(logging.INFO, f"publishing at {topics.base}")
                    self._stats.connected = True
                    self._stats.connections += 1
                    await Connection(
                        client,
                        topics,
                        self._outbox,
                        prefix=settings.home_assistant,
                        stats=self._stats,
                        tell=self._tell,
                    ).work()
            except BrokerError as exc:
                self._tell(logging.WARNING, f"{exc}; trying again")
            finally:
                self._stats.connected = False
            await asyncio.sleep(next(delays))

    def _tell(self, level: int, sentence: str) -> None:
        if sentence != self._told:
            log.log(level, "mqtt: %s", sentence)
        self._told = sentence
