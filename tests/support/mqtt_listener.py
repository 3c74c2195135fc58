"""Who listens at a broker, as a light does: notes every message, and says what it is told to."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion


@dataclass
class Listener:
    """Every message, as (topic, payload), and those that came with the mark of retained ones."""

    client: Client
    told: list[tuple[str, str]] = field(default_factory=list)
    retained: list[str] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def note(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        """Note *message*."""
        with self.changed:
            self.told.append((message.topic, message.payload.decode()))
            if message.retain:
                self.retained.append(message.topic)
            self.changed.notify_all()

    def until(self, holds: Callable[[], object]) -> None:
        """Wait until *holds*."""
        with self.changed:
            assert self.changed.wait_for(holds, 10), self.told

    def at(self, topic: str) -> list[str]:
        """Return what was said at *topic*."""
        return [payload for where, payload in self.told if where == topic]

    def say(self, topic: str, payload: str, *, retain: bool = True) -> None:
        """Publish, and wait until the broker has it."""
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)


@contextmanager
def listener(port: int, **login: str) -> Iterator[Listener]:
    """Listen to everything at the broker of *port*."""
    client = Client(CallbackAPIVersion.VERSION2)
    if login:
        client.username_pw_set(login["user"], login["password"])
    found = Listener(client)
    ready = threading.Event()
    client.on_message = found.note
    client.on_subscribe = lambda *_: ready.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    client.subscribe("#", 1)
    assert ready.wait(10)
    try:
        yield found
    finally:
        client.disconnect()
        client.loop_stop()
