"""Lights on a serial port, each with a protocol of its own."""
