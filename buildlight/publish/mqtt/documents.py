"""What is published at a broker: topics, and what their messages say. Pure.

Names of feeds and lamps never become topics, where ``+``, ``#`` and ``/`` have a meaning: each
has a slug. Every message that the broker keeps names the start of the daemon that published it
(*boot*) and a revision, so that a reader can tell whether it still holds.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any
from unicodedata import normalize

from buildlight.projects.signal import RANKS
from buildlight.report.as_json import iso, to_json_by_rows
from buildlight.report.reasons import NOT_WATCHED
from buildlight.report.report import FeedReport, LampReport, Report
from buildlight.report.update import BuildEvent

BEAT = 5.0
"""Seconds between two signs of life."""
LEASE = 3 * BEAT
"""Seconds for which a reader may believe one."""
LARGEST = 120_000
"""Largest message in bytes: brokers in the cloud take 128 kB."""
SMALLEST_ROW = 100
"""Fewer bytes than the row of any project: what has too many rows is not even written."""

TOO_MANY = "it has too many projects to publish; set include for this feed"

ONLINE, OFFLINE = "online", "offline"


@dataclass(frozen=True, slots=True)
class Topics:
    """Where everything is, below ``buildlight/NAME``."""

    base: str

    @property
    def status(self) -> str:
        """``online`` or ``offline``; kept by the broker, which says ``offline`` after a crash."""
        return f"{self.base}/status"

    @property
    def beat(self) -> str:
        """Signs of life, which no broker keeps."""
        return f"{self.base}/beat"

    @property
    def event(self) -> str:
        """Builds that broke, were fixed, were started."""
        return f"{self.base}/event"


def topics_of(name: str) -> Topics:
    """Return the topics of the daemon called *name*."""
    return Topics(f"buildlight/{slug(name)}")


def slug(name: str) -> str:
    """Return *name* in ``[a-z0-9-]``, with a digest behind it if that changed anything.

    Two names that look alike without their accents have two slugs.
    """
    plain = normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    short = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40]
    if short == name:
        return short
    digest = blake2b(name.encode(errors="surrogatepass"), digest_size=3).hexdigest()
    return f"{short}-{digest}" if short else digest


def documents(report: Report) -> dict[str, dict[str, Any]]:
    """Return what holds now by its key in a beat: ``feed/SLUG`` and ``lamp/SLUG``.

    A project that its feed leaves out is no news to a lamp elsewhere either.
    """
    whole = to_json_by_rows(report)
    rows: dict[str, list[Mapping[str, Any]]] = {feed.name: [] for feed in report.feeds}
    small = {feed.name for feed in report.feeds if feed.projects * SMALLEST_ROW < LARGEST}
    for row, project in zip(whole["projects"], report.projects, strict=True):
        if project.feed in small and project.not_counted_because in (None, NOT_WATCHED):
            rows[project.feed].append({**_row(row), "marks": [*project.marks]})
    found = {
        f"feed/{slug(feed.name)}": _feed(feed, rows[feed.name] if feed.name in small else None)
        for feed in report.feeds
    }
    for lamp, told in zip(report.lamps, whole["lamps"], strict=True):
        found[f"lamp/{slug(lamp.name)}"] = _lamp(lamp, told)
    return found


def too_large(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return *document* of a feed without its projects, as one that no reader believes."""
    return {**document, "state": "stale", "error": TOO_MANY, "projects": []}


def _feed(feed: FeedReport, rows: list[Mapping[str, Any]] | None) -> dict[str, Any]:
    document = {
        "version": 1,
        "name": feed.name,
        "state": feed.state.value,
        "error": feed.error,
        "doubted": sorted(feed.doubted),
        "projects": rows or [],
    }
    return too_large(document) if rows is None else document


_KEYS = ("name", "verdict", "building", "label", "web_url", "last_build_time", "breakers", "run")


def _row(project: Mapping[str, Any]) -> dict[str, Any]:
    return {key: project[key] for key in _KEYS if key in project}


def _lamp(lamp: LampReport, told: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "version": 1,
        **told,
        "signal": RANKS[lamp.signal],
        "because": lamp.because[:1000],
        "broken": told["broken"][:50],
    }


def events(happened: Iterable[BuildEvent], *, at: str) -> Iterator[dict[str, Any]]:
    """Yield the message of each event, at the time *at*."""
    for each in happened:
        yield {
            "event_type": each.event.value,
            "feed": each.feed,
            "project": each.project,
            "label": each.after.project.last_build_label,
            "lamps": sorted(each.lamps),
            "at": at,
        }


def time_of(report: Report) -> str:
    """Return the time of *report*, as in its JSON."""
    return iso(report.at)
