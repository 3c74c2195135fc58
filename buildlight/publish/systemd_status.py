"""The state of the service as systemd knows it: the status sentence, ready, reloading, stopping."""

from buildlight.report.report import sentence
from buildlight.report.update import Update
from buildlight.system.sd_notify import Systemd


class SystemdStatus:
    """A publisher that passes on to *systemd* what ``systemctl status`` shows."""

    def __init__(self, systemd: Systemd) -> None:
        self._systemd = systemd
        self._ready = False

    def publish(self, update: Update) -> None:
        """Send the report as a sentence, and READY=1 once every feed and light was tried."""
        self._systemd.status(sentence(update.report))
        if update.ready and not self._ready:
            self._ready = True
            self._systemd.ready()

    def reloading(self) -> None:
        """Say that a reload has begun; before the first READY=1 systemd must hear nothing."""
        if self._ready:
            self._systemd.reloading()

    def reloaded(self) -> None:
        """Say that the reload is over, with a new configuration or the old one."""
        if self._ready:
            self._systemd.ready()

    def close(self, _timeout: float) -> None:
        """Do nothing: that the end has begun is said before the lamps go dark."""
