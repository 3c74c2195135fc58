"""A feed that another buildlight publishes at an MQTT broker, followed as it changes."""
