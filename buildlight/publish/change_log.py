"""The log of changes: one line for each change of a lamp, its light or its warnings, and a
summary once a day.
"""

import logging
from collections import Counter
from collections.abc import Mapping

from buildlight.projects.signal import RANKS
from buildlight.projects.verdict import Verdict
from buildlight.redaction import printable
from buildlight.report.report import FeedReport, LampReport, Report
from buildlight.report.rows import TooOld
from buildlight.report.shown import Light
from buildlight.report.update import Update
from buildlight.wording import count

log = logging.getLogger(__name__)

DAY = 86_400.0
"""Seconds between two summaries."""
HOUR = 3600.0
LINES = 2
"""Lines an hour about a light that comes and goes."""
STEADY = 600.0
"""Seconds after which a light that came and went is logged again, if it stayed as it is."""


class ChangeLog:
    """A publisher that logs what changed since the previous update."""

    def __init__(self) -> None:
        self._changes: Counter[str] = Counter()
        self._lights: dict[str, LightLog] = {}
        self._polls: Mapping[str, tuple[int, int]] = {}
        self._day_ends: float | None = None

    def publish(self, update: Update) -> None:
        """Log what changed of each feed and lamp, and the summary when a day is over."""
        if update.before is update.report:
            return  # The last update at the end repeats the previous report.
        old_feeds, old_lamps = _by_name(update.before)
        for feed in update.report.feeds:
            _log_warnings(old_feeds.get(feed.name), feed)
            _log_notices(old_feeds.get(feed.name), feed)
            _log_too_old(update, feed.name)
        for lamp in update.report.lamps:
            before = old_lamps.get(lamp.name)
            self._log_lamp(before, lamp, now=update.now)
            _log_warnings(before, lamp)
        if self._day_ends is None:
            self._day_ends = update.now + DAY
        elif update.now >= self._day_ends:
            self._day_ends = update.now + DAY
            self._log_day(update)

    def close(self, _timeout: float) -> None:
        """Do nothing, because each line is logged at once."""

    def _log_day(self, update: Update) -> None:
        totals, before = update.polls.totals(), self._polls
        polls = {
            name: (polls - before.get(name, (0, 0))[0], failed - before.get(name, (0, 0))[1])
            for name, (polls, failed) in totals.items()
        }
        failures = ", ".join(
            f"{name} {failed}" for name, (_, failed) in polls.items() if failed and len(polls) > 1
        )
        all_failed = sum(failed for _, failed in polls.values())
        log.info(
            "the last day: %s, %s; %s",
            count(sum(each for each, _ in polls.values()), "poll"),
            f"{all_failed or 'none'} failed{f' ({failures})' if failures else ''}",
            "; ".join(self._day_of(lamp) for lamp in update.report.lamps),
        )
        self._polls = totals
        self._changes.clear()

    def _day_of(self, lamp: LampReport) -> str:
        changes = self._changes[lamp.name]
        times = "once" if changes == 1 else f"{changes} times"
        return f"{lamp.name} changed {times}, now {RANKS[lamp.signal]}"

    def _log_lamp(self, before: LampReport | None, after: LampReport, *, now: float) -> None:
        name = RANKS[after.signal]
        was = RANKS[before.signal] if before else None
        if before is None or was != name or {*before.broken} != {*after.broken}:
            self._changes[after.name] += 1
            log.info("%s: %s%s: %s", after.name, name, f" (was {was})" if was else "", _why(after))
        if (
            after.trouble is not None or after.light is not Light.WAITING
        ):  # otherwise the light was not opened yet
            self._lights.setdefault(after.name, LightLog()).log(after, now=now)


class LightLog:
    """What is logged of one light: when it goes and comes back, at most two lines an hour.

    A light that goes and comes more often is counted, and the next line has the number. One
    that stays as it is for :data:`STEADY` seconds is logged all the same.
    """

    def __init__(self) -> None:
        self._logged = self._seen = Light.OK
        self._since = 0.0
        self._changes = 0
        self._lines: tuple[float, ...] = ()

    def log(self, lamp: LampReport, *, now: float) -> None:
        """Log how the light of *lamp* is at *now* (seconds), if that is news."""
        if lamp.light is not self._seen:
            self._seen, self._since = lamp.light, now
            self._changes += 1
        recent = tuple(line for line in self._lines if now - line < HOUR)
        news = lamp.light is not self._logged or self._changes > 1
        if not news or (
            len(recent) >= LINES and (now - self._since < STEADY or lamp.light is self._logged)
        ):
            return
        self._lines = (*recent, now)
        more = (
            f" (it changed {self._changes} times since the last line)" if self._changes > 1 else ""
        )
        self._logged, self._changes = lamp.light, 0
        if lamp.light is Light.OK:
            log.info("%s: its light is back%s", lamp.name, more)
        else:
            why = lamp.light_because
            log.warning("%s: its light is %s: %s%s", lamp.name, lamp.light.value, why, more)


def _by_name(
    report: Report | None,
) -> tuple[Mapping[str, FeedReport], Mapping[str, LampReport]]:
    if report is None:
        return {}, {}
    return {each.name: each for each in report.feeds}, {each.name: each for each in report.lamps}


def _log_warnings(before: FeedReport | LampReport | None, after: FeedReport | LampReport) -> None:
    known = before.warnings if before is not None else ()
    for warning in after.warnings:
        if warning not in known:
            log.warning("%s: %s", after.name, warning)


def _log_notices(before: FeedReport | None, after: FeedReport) -> None:
    for notice in after.notices:
        if before is None or notice not in before.notices:
            log.warning("%s: %s", after.name, notice)


def _log_too_old(update: Update, feed: str) -> None:
    """Log which projects of *feed* do not count any more: time alone may turn a lamp green."""
    before = update.before.parts.get(feed) if update.before is not None else None
    after = update.report.parts.get(feed)
    if before is None or after is None or after.feed.rules.ignore_older_than is None:
        return
    counted = {row.name for row in before.rows if row.left_out is None}
    aged = [
        (row, row.left_out.days)
        for row in after.rows
        if isinstance(row.left_out, TooOld) and row.name in counted
    ]
    for row, days in aged[:MOST_TOO_OLD]:
        log.warning(
            "%s: %s (%s) does not count any more: its last build is %s old (ignore_older_than)",
            feed,
            row.plain_name,
            row.known.verdict.value,
            count(days, "day"),
        )
    if more := len(aged[MOST_TOO_OLD:]):
        log.warning("%s: %s more do not count any more", feed, count(more, "project"))


MOST_TOO_OLD = 20
"""Projects that are named at once."""


def _why(lamp: LampReport) -> str:
    if lamp.signal.verdict is not Verdict.BROKEN or lamp.signal.stale:
        return lamp.because
    return printable(", ".join(lamp.blame), limit=400)
