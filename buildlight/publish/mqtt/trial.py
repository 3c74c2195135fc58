"""Whether a broker takes what the configuration would publish: tried once, for ``check``."""

from buildlight.network.broker import DENIED, BrokerError, connected, on_denied
from buildlight.publish.mqtt.documents import topics_of
from buildlight.publish.mqtt.settings import MqttSettings


async def try_broker(settings: MqttSettings) -> str:
    """Return why nothing can be published as *settings* say; an empty string if it can.

    The message is empty, not retained, and at a topic where nobody listens.
    """
    base = topics_of(settings.name).base
    denied: list[str] = []
    try:
        async with connected(settings.broker) as client:
            on_denied(client, lambda: denied.append(f"{base}: {DENIED}"))
            await client.publish(f"{base}/check", b"", qos=1)
    except BrokerError as exc:
        return str(exc)
    return "".join(denied)
