"""How Home Assistant is told of this daemon and its lamps: one message for the device. Pure.

Keys and behaviour are those of Home Assistant's MQTT discovery, as of 2026.11. No name from a
feed or a lamp is part of a template: it would be evaluated.
"""

from collections.abc import Collection, Mapping
from typing import Any

from buildlight.projects.signal import RANKS
from buildlight.projects.verdict import Event
from buildlight.publish.mqtt.documents import OFFLINE, ONLINE, Topics, slug

PREFIX = "homeassistant"
EXPIRY = 45
"""Seconds after which a state that nobody repeats is unavailable."""

# A lamp with old news has no problem that is known, and is not known to have none.
_PROBLEM = (
    "{{ 'ON' if value_json.signal.startswith('broken') "
    "else 'OFF' if value_json.signal.startswith('passing') else 'None' }}"
)
_ATTRIBUTES = (
    "{{ {'because': value_json.because, 'since': value_json.since, "
    "'broken': value_json.broken | map(attribute='name') | list} | tojson }}"
)


def identifier(topics: Topics) -> str:
    """Return what Home Assistant calls the device of the daemon at *topics*."""
    return topics.base.replace("/", "-")


def config_topic(topics: Topics, *, prefix: str = PREFIX) -> str:
    """Return where the device is announced."""
    return f"{prefix}/device/{identifier(topics)}/config"


def announcement(
    topics: Topics, lamps: Collection[str], *, announced: Collection[str] = (), version: str
) -> dict[str, Any]:
    """Return the message that announces the device and its *lamps*, by name.

    *announced* are the components that the message before it had: one that is only left out would
    stay for ever.
    """
    me = identifier(topics)
    components = _of_device(topics, me)
    for name in lamps:
        components |= _of_lamp(topics, me, name)
    gone = {each: {"platform": _platform(each)} for each in announced if each not in components}
    return {
        "device": {
            "identifiers": [me],
            "name": f"buildlight {topics.base.rpartition('/')[2]}",
            "manufacturer": "buildlight",
            "model": "Build lamp",
            "sw_version": version,
        },
        "origin": {"name": "buildlight", "sw_version": version},
        "qos": 1,
        "components": {**components, **gone},
    }


def components_of(message: object) -> frozenset[str]:
    """Return the components that *message*, an announcement of before, had and did not remove."""
    components = message.get("components") if isinstance(message, Mapping) else None
    if not isinstance(components, Mapping):
        return frozenset()
    return frozenset(
        key
        for key, component in components.items()
        if isinstance(component, Mapping) and len(component) > 1 and _platform(key)
    )


def _of_device(topics: Topics, me: str) -> dict[str, Any]:
    return {
        "event": {
            "platform": "event",
            "unique_id": f"{me}-event",
            "name": "Build",
            "state_topic": topics.event,
            "event_types": [each.value for each in Event],
            **_availability(topics),
        },
        "connectivity": {
            "platform": "binary_sensor",
            "unique_id": f"{me}-connectivity",
            "name": "News",
            "device_class": "connectivity",
            "entity_category": "diagnostic",
            "state_topic": topics.status,
            "payload_on": ONLINE,
            "payload_off": OFFLINE,
            # Without availability: otherwise it could never say that it is off.
        },
    }


def _of_lamp(topics: Topics, me: str, name: str) -> dict[str, Any]:
    key = slug(name)
    topic = f"{topics.base}/lamp/{key}"
    shared = {"state_topic": topic, "expire_after": EXPIRY, **_availability(topics)}
    return {
        f"signal-{key}": {
            "platform": "sensor",
            "unique_id": f"{me}-signal-{key}",
            "name": name,
            "device_class": "enum",
            "options": sorted(set(RANKS.values())),
            "value_template": "{{ value_json.signal }}",
            "json_attributes_topic": topic,
            "json_attributes_template": _ATTRIBUTES,
            **shared,
        },
        f"problem-{key}": {
            "platform": "binary_sensor",
            "unique_id": f"{me}-problem-{key}",
            "name": f"{name} problem",
            "device_class": "problem",
            "value_template": _PROBLEM,
            **shared,
        },
    }


def _availability(topics: Topics) -> dict[str, Any]:
    return {
        "availability_topic": topics.status,
        "payload_available": ONLINE,
        "payload_not_available": OFFLINE,
    }


def _platform(component: str) -> str:
    kind = component.partition("-")[0]
    return {
        "signal": "sensor",
        "problem": "binary_sensor",
        "event": "event",
        "connectivity": "binary_sensor",
    }.get(kind, "")
