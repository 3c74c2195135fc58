"""The feeds that pollers publish at a broker: found by listening for a moment."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from buildlight.errors import FeedMalformed
from buildlight.feeds.mqtt.documents import read_document
from buildlight.feeds.mqtt.lease import OFFLINE
from buildlight.network.broker import Broker, connected
from buildlight.network.origin import ORIGIN
from buildlight.projects.project import Project

LISTENING = 1.5
"""Seconds for which it is listened; a broker says at once what it kept."""
MOST = 500
"""Most topics that are looked at."""


@dataclass(frozen=True, slots=True)
class PublishedFeed:
    """A feed at *topic*, with what is known of it; *fault* says why it is not to be believed."""

    topic: str
    projects: tuple[Project, ...]
    fault: str | None = None


async def published_feeds(broker: Broker) -> tuple[PublishedFeed, ...]:
    """Return what is published at *broker*; raises :class:`BrokerError`."""
    found: dict[str, bytes] = {}
    async with connected(broker) as client:
        await client.subscribe([("buildlight/+/feed/+", 1), ("buildlight/+/status", 1)])
        with suppress(TimeoutError):
            async with asyncio.timeout(LISTENING):
                async for message in client.messages:
                    found[str(message.topic)] = message.payload
                    if len(found) >= MOST:
                        break
    gone = {topic.removesuffix("/status") for topic in found if _is_offline(topic, found[topic])}
    feeds = (_read(topic, payload, gone) for topic, payload in sorted(found.items()))
    return tuple(feed for feed in feeds if feed is not None)


def _is_offline(topic: str, payload: bytes) -> bool:
    return topic.endswith("/status") and payload == OFFLINE.encode()


def _read(topic: str, payload: bytes, gone: set[str]) -> PublishedFeed | None:
    base, _, slug = topic.rpartition("/feed/")
    if not base or not slug:
        return None
    try:
        document = read_document(payload, own=ORIGIN)
    except FeedMalformed:
        return None
    fault = "its poller does not run" if base in gone else document.fault
    return PublishedFeed(topic, document.projects, fault)
