"""Verdicts kept across restarts, in one small file that is replaced as a whole.

It is written when a verdict changes and when the daemon stops: an SD card wears out. A file
that is damaged or cannot be written costs one warning, and verdicts are learnt anew. While the
new one is not written, the old one goes by another name: its verdicts are doubted after a
restart, as what it calls green may have turned red since.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
)

from buildlight.feeds import FeedOptions
from buildlight.projects.feed_state import FeedState, in_doubt
from buildlight.projects.matching import Key
from buildlight.projects.project import Project
from buildlight.projects.verdict import ProjectState, Verdict
from buildlight.report.update import Update
from buildlight.system.atomic_file import AtomicFile

NAME, OUTDATED = "verdicts.json", "verdicts.old"
VERSION = 1

Verdicts = Mapping[str, Mapping[Key, Verdict]]
"""The verdict of each project of each feed, which is all that makes the file worth writing."""

YEARS = range(1970, 9001)
"""Of what years a time is believed: arithmetic on those at the ends of the calendar overflows."""

FeedStates = Mapping[str, FeedState]
"""How feeds stand, by :func:`feed_key`."""

log = logging.getLogger(__name__)


def _of_a_sane_year(time: datetime) -> datetime:
    if time.year not in YEARS:
        raise ValueError(f"should be of a year from {YEARS[0]} to {YEARS[-1]}")
    return time


_Sane = AfterValidator(_of_a_sane_year)


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    name: str
    nth: Annotated[int, Field(ge=0)] = 0
    verdict: Verdict
    since: Annotated[AwareDatetime, _Sane] | None = None
    label: str = ""
    time: Annotated[datetime, _Sane] | None = None
    confirmed: Annotated[AwareDatetime, _Sane]
    doubted: bool = False


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    version: Literal[1]  # VERSION; a file of another one is not understood
    feeds: Mapping[str, tuple[JsonValue, ...]]  # Row by row: one that is bad spoils no other.


class StateFile:
    """The file of kept verdicts in *folder*.

    A publisher: nothing waits for the disk but :meth:`close`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / NAME
        self._outdated = folder / OUTDATED
        self._file = AtomicFile(self._path, on_trouble=self._warn_of_writing, aside=self._outdated)
        self._written: Verdicts = {}
        self._last: Update | None = None
        self._warned = False

    def load(self, *, now: float, clock: datetime) -> dict[str, FeedState]:
        """Return what was kept, as the feed_states of feeds that have not answered yet.

        They are found by :func:`feed_key`. *now* and *clock* are those of
        :class:`feed_state.Reading`.
        """
        outdated = not self._path.exists()
        try:
            path = self._outdated if outdated else self._path
            kept = _File.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            return {}
        except OSError as exc:
            self._warn(f"cannot be read: {exc.strerror}")
            return {}
        except ValidationError:
            self._warn("is damaged, or of another version; verdicts are learnt anew")
            return {}
        feeds = {key: self._good(rows) for key, rows in kept.feeds.items()}
        feed_states = {
            key: _standing(rows, now=now, clock=clock) for key, rows in feeds.items() if rows
        }
        if outdated:
            self._warn("was not written when it should have been; its verdicts are doubted")
            return {key: in_doubt(feed_state) for key, feed_state in feed_states.items()}
        self._written = _verdicts(feed_states)
        return feed_states

    def publish(self, update: Update) -> None:
        """Write the verdicts of *update*, unless they are what was written last."""
        self._last = update
        verdicts = _verdicts(_by_identity(update))
        if verdicts != self._written:
            self._written = verdicts
            self._file.write(_document_of(update), urgent=True)
        else:
            self._file.start()  # Something may wait that found no thread.

    def close(self, timeout: float) -> None:
        """Write when verdicts were confirmed last, and wait up to *timeout* seconds for it."""
        if self._last is not None:
            verdicts = _verdicts(_by_identity(self._last))
            self._file.write(_document_of(self._last), urgent=verdicts != self._written)
            self._written = verdicts
        if not self.flush(timeout):
            self._warn(
                "is not written yet, is the disk slow? Verdicts may be doubted after a restart"
            )

    def flush(self, timeout: float) -> bool:
        """Wait up to *timeout* seconds until all is written; return whether it is."""
        return self._file.close(timeout)

    def _good(self, rows: Iterable[JsonValue]) -> tuple[_Row, ...]:
        good = []
        for row in rows:
            try:
                good.append(_Row.model_validate(row))
            except ValidationError:
                self._warn("is damaged in places; what was there is learnt anew")
        return tuple(good)

    def _warn_of_writing(self, why: str) -> None:
        log.warning("%s: %s; after a restart verdicts will be doubted", self._path, why)

    def _warn(self, sentence: str) -> None:
        if not self._warned:
            log.warning("%s: %s", self._path, sentence)
        self._warned = True


def feed_key(name: str, options: FeedOptions) -> str:
    """Return the key of a feed's rows: its name, and what identifies it under another name."""
    return f"{name} {options.identity}"


def kept_for(kept: FeedStates, feeds: Mapping[str, FeedOptions]) -> Mapping[str, FeedState]:
    """Return what of *kept* is for each of *feeds*, by its name.

    A feed under whose name nothing is kept was renamed, or one table became two: it is found by
    its address.
    """
    found = {}
    for name, options in feeds.items():
        exact, place = feed_key(name, options), options.identity
        alike = (key for key in kept if key.endswith(f" {place}"))
        key = exact if exact in kept else next(alike, None)
        if key is not None:
            found[name] = kept[key]
    return found


def _by_identity(update: Update) -> FeedStates:
    return {feed.identity: feed.state for feed in update.feeds}


def _document_of(update: Update) -> Callable[[], object]:
    return partial(_document, _by_identity(update), now=update.now, clock=update.report.at)


def _verdicts(feeds: FeedStates) -> Verdicts:
    return {
        feed: {key: known.verdict for key, known in feed_state.projects.items()}
        for feed, feed_state in feeds.items()
        if feed_state.projects
    }


def _document(feeds: FeedStates, *, now: float, clock: datetime) -> dict[str, object]:
    return {
        "version": VERSION,
        "feeds": {
            feed: _rows(feed_state, now=now, clock=clock)
            for feed, feed_state in feeds.items()
            if feed_state.projects
        },
    }


def _rows(feed_state: FeedState, *, now: float, clock: datetime) -> Iterator[dict[str, object]]:
    for key, known in feed_state.projects.items():
        age = now - feed_state.confirmed.get(key, now)
        row = _row(key, known, age=age, clock=clock)
        yield {**row, "doubted": True} if key in feed_state.doubted else row


def _row(key: Key, known: ProjectState, *, age: float, clock: datetime) -> dict[str, object]:
    label, time = known.build
    # A Pi that starts in 1970 takes what was kept for many years old: it stays that, and kept.
    oldest = (clock - _OLDEST).total_seconds()
    return {
        "name": key[0],
        "nth": key[1],
        "verdict": known.verdict.value,
        "since": _written(known.since),
        "label": label,
        "time": _written(time),
        "confirmed": _written(clock - timedelta(seconds=min(age, oldest))),
    }


_OLDEST = datetime(YEARS[0], 1, 1, tzinfo=UTC)


def _written(time: datetime | None) -> str | None:
    """Return *time* in UTC, one without a zone as it is; ``None`` if it would not be believed.

    Servers write 0001-01-01 for never, and zones (``+01:23:45``) that pydantic does not read.
    """
    if time is None:
        return None
    try:
        told = time if time.tzinfo is None else time.astimezone(UTC)
    except OverflowError:
        return None
    return told.isoformat() if told.year in YEARS else None


def _standing(rows: Iterable[_Row], *, now: float, clock: datetime) -> FeedState:
    projects, confirmed, doubted = {}, {}, set()
    for row in rows:
        projects[row.name, row.nth] = ProjectState(
            project=Project(row.name, last_build_label=row.label, last_build_time=row.time),
            verdict=row.verdict,
            building=False,  # Nobody knows what it does now.
            since=row.since,
            build=(row.label, row.time),
        )
        # A clock that was wrong then or is wrong now must not make old news new.
        confirmed[row.name, row.nth] = now - abs((clock - row.confirmed).total_seconds())
        if row.doubted:
            doubted.add((row.name, row.nth))
    return FeedState(projects=projects, confirmed=confirmed, doubted=frozenset(doubted))
