"""What the log is told: one line for each change of a lamp, and a summary once a day."""

import logging
from collections import Counter
from collections.abc import Mapping

from buildlight.errors import LightUnavailable
from buildlight.projects.signal import RANKS
from buildlight.projects.verdict import Verdict
from buildlight.redaction import printable
from buildlight.report.report import LampReport, Light, Report

log = logging.getLogger(__name__)

DAY = 86_400.0
"""Seconds from one summary to the next."""

Troubles = Mapping[str, LightUnavailable | None]
"""Why lights are not ok, by the name of the lamp."""


class ChangeLog:
    """What has happened since the last summary, and is told line by line."""

    def __init__(self) -> None:
        self._polls: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        self._changes: Counter[str] = Counter()
        self._lights: dict[str, Light] = {}

    def count_poll(self, feed: str, *, failed: bool) -> None:
        """Remember one poll of *feed*."""
        self._polls[feed] += 1
        self._failures[feed] += failed

    def tell(self, before: Report | None, after: Report, troubles: Troubles) -> None:
        """Tell what changed of each lamp between two reports."""
        old = {lamp.name: lamp for lamp in before.lamps} if before else {}
        for lamp in after.lamps:
            self._tell_lamp(old.get(lamp.name), lamp, troubles.get(lamp.name))

    def tell_day(self, report: Report) -> None:
        """Tell the summary, and begin anew."""
        failed = ", ".join(f"{name} {count}" for name, count in self._failures.items() if count)
        lamps = "; ".join(self._day_of(lamp) for lamp in report.lamps)
        log.info(
            "the last day: %d polls, %s; %s",
            self._polls.total(),
            f"{self._failures.total()} failed ({failed})" if failed else "none failed",
            lamps,
        )
        for each in (self._polls, self._failures, self._changes):
            each.clear()

    def _day_of(self, lamp: LampReport) -> str:
        changes = self._changes[lamp.name]
        times = "once" if changes == 1 else f"{changes} times"
        return f"{lamp.name} changed {times}, now {RANKS[lamp.signal]}"

    def _tell_lamp(
        self, before: LampReport | None, after: LampReport, trouble: LightUnavailable | None
    ) -> None:
        signal_name = RANKS[after.signal]
        was = RANKS[before.signal] if before else None
        if before is None or (was, before.blame) != (signal_name, after.blame):
            self._changes[after.name] += 1
            said = f" (was {was})" if was else ""
            log.info("%s: %s%s: %s", after.name, signal_name, said, _why(after))
        if trouble is not None or after.light is not Light.WAITING:  # else it is not tried yet
            self._tell_light(after, trouble)

    def _tell_light(self, lamp: LampReport, trouble: LightUnavailable | None) -> None:
        if lamp.light is self._lights.get(lamp.name, Light.OK):
            return
        self._lights[lamp.name] = lamp.light
        if lamp.light is Light.OK:
            log.info("%s: its light is there again", lamp.name)
        else:
            why = trouble or "it does not come back from a call"
            log.warning("%s: its light is %s: %s", lamp.name, lamp.light.value, why)


def _why(lamp: LampReport) -> str:
    if lamp.signal.verdict is not Verdict.BROKEN or lamp.signal.stale:
        return lamp.because
    return printable(", ".join(lamp.blame), limit=400)
