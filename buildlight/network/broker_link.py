"""A light's connection to an MQTT broker: called from one thread, each message acknowledged.

Its will is the light's own command, so that the broker shows the light as stale when this program
is gone. It never connects again by itself: the client would send what it could not send before.
"""

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from buildlight.network.broker import (
    DENIED,
    KEEPALIVE,
    Broker,
    BrokerError,
    Will,
    of_connection,
    sentence,
    tls_of,
)
from buildlight.network.deadline import Deadline, connect

if TYPE_CHECKING:
    from paho.mqtt.client import Client

CONNECTING = 3.0
"""Seconds for look-up, connection, login and subscription together."""


class BrokerLink:
    """A connection to *broker*, with what it publishes, not retained, if the connection is lost.

    *watched* is a topic; *on_word* is called with each of its messages, on the library's thread.
    Raises :class:`BrokerError`, also later.
    """

    _refusal: int | None = None
    """The reason with which the broker refused the login."""

    def __init__(
        self,
        broker: Broker,
        *,
        will: Will,
        watched: str | None,
        on_word: Callable[[bytes], None],
    ) -> None:
        self._broker = broker
        self._ready, self._over = threading.Event(), threading.Event()
        self._watched = watched
        self._denied: set[int] = set()
        deadline = Deadline(CONNECTING)
        self._client = self._made(will, deadline, on_word)
        try:
            self._client.connect(
                broker.host, broker.port, KEEPALIVE, clean_start=True, properties=of_connection()
            )
            self._client.loop_start()
            if not self._ready.wait(deadline.left()):
                raise TimeoutError("timed out")
        except (OSError, ValueError) as exc:
            self.close()
            raise BrokerError(sentence(exc, broker)) from exc
        if self._refusal is not None:
            self.close()
            raise BrokerError(sentence("", broker, code=self._refusal))

    def _made(self, will: Will, deadline: Deadline, on_word: Callable[[bytes], None]) -> "Client":
        # An extra, imported where it is configured.
        from paho.mqtt.client import Client, MQTTv5  # noqa: PLC0415
        from paho.mqtt.enums import CallbackAPIVersion  # noqa: PLC0415

        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5, reconnect_on_failure=False)
        client.connect_timeout = CONNECTING
        client.username_pw_set(self._broker.user, self._broker.password)
        client.will_set(will.topic, will.payload, qos=1, retain=False)
        if (context := tls_of(self._broker)) is not None:
            client.tls_set_context(context)
        # The library looks names up without a limit.
        client._create_socket_connection = lambda: connect(  # type: ignore[method-assign]  # noqa: SLF001
            self._broker.host, self._broker.port, deadline
        )
        client.on_connect = self._on_connect
        client.on_subscribe = lambda *_: self._ready.set()
        client.on_publish = self._on_publish
        client.on_disconnect = self._on_disconnect
        client.on_message = lambda _client, _data, message: on_word(bytes(message.payload))
        return client

    def _on_connect(self, client: "Client", _data: Any, _flags: Any, code: Any, _more: Any) -> None:
        if code.is_failure:
            self._refusal = code.value
            self._ready.set()
        elif self._watched is None:
            self._ready.set()
        else:
            client.subscribe(self._watched, qos=1)

    def _on_publish(self, _client: "Client", _data: Any, mid: int, code: Any, _more: Any) -> None:
        if code.is_failure:
            self._denied.add(mid)

    def _on_disconnect(self, *_: Any) -> None:
        self._over.set()
        self._ready.set()

    def send(self, messages: Iterable[tuple[str, str]]) -> list[Any]:
        """Hand each topic and payload over, without waiting; may be called from any thread."""
        return [self._client.publish(topic, payload, qos=1) for topic, payload in messages]

    def confirm(self, sent: Iterable[Any], *, seconds: float) -> None:
        """Wait until the broker has what was *sent*; after *seconds* raises BrokerError."""
        deadline = Deadline(seconds)
        try:
            for each in sent:
                _wait_for(each, deadline)
        except (TimeoutError, ValueError, RuntimeError) as exc:
            raise BrokerError(sentence(exc, self._broker)) from exc
        if self._denied:
            raise BrokerError(f"{self._broker.where}: {DENIED}")

    @property
    def lost(self) -> str | None:
        """A sentence, if the connection has ended."""
        return sentence("", self._broker) if self._over.is_set() else None

    def close(self) -> None:
        """Say farewell: the will is not published then. Never raises; safe to call twice."""
        self._client.disconnect()
        self._client.loop_stop()
        # Else its sockets are left to the garbage collector.
        self._client._reset_sockets()  # noqa: SLF001


def _wait_for(sent: Any, deadline: Deadline) -> None:
    sent.wait_for_publish(deadline.left())
    if not sent.is_published():  # It says nothing when the time is over.
        raise TimeoutError("timed out")
