"""Lights on a serial port: one driver, several protocols."""
