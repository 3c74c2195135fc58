"""A feed of another buildlight, followed at a broker: believed only while it is confirmed."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Annotated, ClassVar, Self

from pydantic import AfterValidator, Field

from buildlight.errors import FeedError, FeedUnreachable
from buildlight.feeds.feed import FeedOptions, Given
from buildlight.feeds.mqtt.documents import read_beat, read_document
from buildlight.feeds.mqtt.lease import LEASE, Belief, Lease
from buildlight.feeds.mqtt.listener import BrokerListener
from buildlight.network.broker import BrokerError
from buildlight.network.broker_keys import BrokerKeys
from buildlight.network.origin import ORIGIN

if TYPE_CHECKING:
    import aiomqtt

    from buildlight.feeds.sharing import Network

_TOPIC = re.compile(r"[a-z0-9/-]+/feed/[a-z0-9-]+")


def _topic(text: str) -> str:
    if not _TOPIC.fullmatch(text):
        raise ValueError(
            'is not the topic of a feed; it looks like "buildlight/office/feed/web", and the '
            "poller's log names it"
        )
    return text


class MqttFeedOptions(BrokerKeys, FeedOptions):
    """The keys of a feed of kind ``mqtt``."""

    topic: Annotated[str, AfterValidator(_topic)] = Field(
        description="topic of the feed, as the other buildlight publishes it"
    )

    @property
    def shown(self) -> str:
        """The broker and the topic."""
        return f"{self.address}/{self.topic}"

    @property
    def suggested_name(self) -> str:
        """The last part of the topic."""
        return self.topic.rpartition("/")[2]

    @property
    def warning(self) -> str | None:
        """A sentence about a password without TLS."""
        return self.in_clear

    @property
    def secrets(self) -> frozenset[str]:
        """The password."""
        return frozenset({self.secret.value} if self.secret else ())

    @property
    def lease(self) -> float | None:
        """Seconds for which one sign of life vouches."""
        return LEASE


class MqttFeed:
    """One feed that a poller publishes."""

    Options: ClassVar[type[FeedOptions]] = MqttFeedOptions

    def __init__(self, options: MqttFeedOptions, listener: BrokerListener) -> None:
        self._listener = listener
        self._topic = options.topic
        base, _, slug = options.topic.rpartition("/feed/")
        self._topics = {self._topic: 1, f"{base}/status": 1, f"{base}/beat": 0}
        self._lease = Lease(f"feed/{slug}")

    @classmethod
    def open(cls, options: MqttFeedOptions, *, network: "Network") -> Self:
        """Return the feed that *options* describe; those of one broker share a connection."""
        key = (BrokerListener, options.model_copy(update={"topic": ""}))
        return cls(options, network.shared(key, lambda: BrokerListener(options.broker)))

    async def readings(self) -> AsyncGenerator[Given | FeedError, None]:
        """Yield the projects whenever they are confirmed, and what is wrong as soon as it is."""
        loop = asyncio.get_running_loop()
        until: float | None = None  # The connection says what is wrong as long as there is none.
        async with self._listener.joined(self._topics) as heard:
            while True:
                try:
                    async with asyncio.timeout_at(until):
                        said = await heard.get()
                except TimeoutError:
                    until = loop.time() + LEASE
                    self._lease.end()
                    yield FeedUnreachable(self._silence())
                    self._listener.ask(self._topics)
                    continue
                if said is None:
                    until = loop.time() + LEASE
                elif isinstance(said, BrokerError):
                    until = None
                    self._lease.end()
                    yield FeedUnreachable(str(said))
                elif (belief := self._taken(said)) is not None:
                    if self._lease.confirmed:
                        until = loop.time() + LEASE
                    yield belief

    def _silence(self) -> str:
        if not self._lease.held:
            return (
                f"nothing comes from {self._topic}; check topic, [mqtt] on the other machine, and "
                "what this user may read at the broker"
            )
        return f"the poller is silent since {LEASE:.0f} seconds; is it running?"

    def _taken(self, message: "aiomqtt.Message") -> Belief:
        topic, payload = str(message.topic), message.payload
        if topic == self._topic:
            try:
                # An empty one takes away what was kept.
                return self._lease.document(read_document(payload, own=ORIGIN)) if payload else None
            except FeedError as exc:
                return exc
        if topic.endswith("/status"):
            return self._lease.status(payload[:20].decode(errors="replace"))
        beat = read_beat(payload)
        return None if beat is None else self._lease.beat(beat, retained=bool(message.retain))

    async def close(self) -> None:
        """Release nothing: the connection ends with the readings."""
