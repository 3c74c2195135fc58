"""Receivers of the report besides the lamps: log, files, systemd, page."""
