"""Verdicts kept across restarts, in one small file that is replaced as a whole.

It is written when a verdict changes and when the daemon stops: an SD card wears out. A file
that is missing, damaged or cannot be written costs one warning, and verdicts are learnt anew.
"""

import json
import logging
import os
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from buildlight.counted import Watched
from buildlight.memory import Remembered, Verdict
from buildlight.project import Project
from buildlight.reading import Key, Standing

NAME = "verdicts.json"
VERSION = 1

Verdicts = Mapping[str, Mapping[Key, Verdict]]
"""The verdict of each project of each feed, which is all that makes the file worth writing."""

log = logging.getLogger(__name__)


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    name: str
    nth: Annotated[int, Field(ge=0)] = 0
    verdict: Verdict
    since: AwareDatetime | None = None
    label: str = ""
    time: datetime | None = None
    confirmed: AwareDatetime


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    version: Literal[1]  # VERSION; a file of another one is not understood
    feeds: Mapping[str, tuple[_Row, ...]]


class StateFile:
    """The file of kept verdicts in *folder*."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME
        self._written: Verdicts = {}
        self._warned = False

    def load(self, *, now: float, clock: datetime) -> dict[str, Standing]:
        """Return what was kept, as the standings of feeds that have not answered yet.

        They are found by :func:`feed_key`. *now* and *clock* are those of
        :class:`reading.Reading`.
        """
        try:
            kept = _File.model_validate_json(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as exc:
            self._warn(f"cannot be read: {exc.strerror}")
            return {}
        except ValidationError:
            self._warn("is damaged, or of another version; verdicts are learnt anew")
            return {}
        self._written = {
            key: {(row.name, row.nth): row.verdict for row in rows}
            for key, rows in kept.feeds.items()
        }
        return {key: _standing(rows, now=now, clock=clock) for key, rows in kept.feeds.items()}

    def save(self, feeds: Iterable[Watched], *, now: float, clock: datetime) -> None:
        """Write the verdicts of *feeds*, unless they are what was written last."""
        feeds = tuple(feeds)
        verdicts = _verdicts(feeds)
        if verdicts != self._written:
            self._written = verdicts
            self._replace(_document(feeds, now=now, clock=clock))

    def refresh(self, feeds: Iterable[Watched], *, now: float, clock: datetime) -> None:
        """Write the verdicts of *feeds* and when they were confirmed, changed or not."""
        self._replace(_document(tuple(feeds), now=now, clock=clock))

    def _replace(self, document: object) -> None:
        new = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with new.open("w", encoding="utf-8") as file:
                json.dump(document, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as exc:
            self._warn(f"cannot be written: {exc.strerror}; a restart will forget verdicts")

    def _warn(self, sentence: str) -> None:
        if not self._warned:
            log.warning("%s: %s", self._path, sentence)
        self._warned = True


def feed_key(name: str, url: str) -> str:
    """Return by what a feed is found again: its name, and its address without secrets."""
    return f"{name} {url}"


def _verdicts(feeds: Iterable[Watched]) -> Verdicts:
    return {
        feed_key(feed.name, feed.url): {
            key: known.verdict for key, known in feed.standing.projects.items()
        }
        for feed in feeds
        if feed.standing.projects
    }


def _document(feeds: Iterable[Watched], *, now: float, clock: datetime) -> dict[str, object]:
    return {
        "version": VERSION,
        "feeds": {
            feed_key(feed.name, feed.url): [
                _row(key, known, age=now - feed.standing.confirmed.get(key, now), clock=clock)
                for key, known in feed.standing.projects.items()
            ]
            for feed in feeds
            if feed.standing.projects
        },
    }


def _row(key: Key, known: Remembered, *, age: float, clock: datetime) -> dict[str, object]:
    label, time = known.build
    return {
        "name": key[0],
        "nth": key[1],
        "verdict": known.verdict.value,
        "since": known.since.isoformat() if known.since else None,
        "label": label,
        "time": time.isoformat() if time else None,
        "confirmed": (clock - timedelta(seconds=age)).astimezone(UTC).isoformat(),
    }


def _standing(rows: Iterable[_Row], *, now: float, clock: datetime) -> Standing:
    projects, confirmed = {}, {}
    for row in rows:
        projects[row.name, row.nth] = Remembered(
            project=Project(row.name, last_build_label=row.label, last_build_time=row.time),
            verdict=row.verdict,
            building=False,  # Nobody knows what it does now.
            since=row.since,
            build=(row.label, row.time),
        )
        # A clock that was wrong then or is wrong now must not make old news new.
        confirmed[row.name, row.nth] = now - abs((clock - row.confirmed).total_seconds())
    return Standing(projects=projects, confirmed=confirmed)
