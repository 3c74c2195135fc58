"""News at an MQTT broker, for lamps in other rooms and for home automation."""
