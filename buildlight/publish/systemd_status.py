"""Tells systemd the state of the service: the status sentence, ready, reloading."""

from buildlight.report.summary import sentence
from buildlight.report.update import Update
from buildlight.system.sd_notify import Systemd


class SystemdStatus:
    """A publisher that sends *systemd* the sentence for ``systemctl status``."""

    def __init__(self, systemd: Systemd) -> None:
        self._systemd = systemd
        self._ready = False

    def publish(self, update: Update) -> None:
        """Send the report as a sentence, and READY=1 when every feed and light was tried once."""
        self._systemd.status(sentence(update.report))
        if update.ready and not self._ready:
            self._ready = True
            self._systemd.ready()

    def reloading(self) -> None:
        """Say that a reload has begun, but not before the first READY=1."""
        if self._ready:
            self._systemd.reloading()

    def reloaded(self) -> None:
        """Say that the reload is over, with a new configuration or the old one."""
        if self._ready:
            self._systemd.ready()

    def close(self, _timeout: float) -> None:
        """Do nothing, because STOPPING=1 is sent before the lamps go dark."""
