"""Lights that listen to an MQTT broker."""
