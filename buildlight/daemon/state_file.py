"""Verdicts kept across restarts, in one small file that is replaced as a whole.

It is written when a verdict changes and when the daemon stops: an SD card wears out. Only a stop
marks it as clean, and the next start takes the mark away: after a crash or a power cut every
stored pass is doubted until its server confirms it. A damaged file costs one warning.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
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
from buildlight.projects.matching import Key, address_of
from buildlight.projects.project import Project
from buildlight.projects.verdict import ProjectState, Verdict
from buildlight.redaction import scrub
from buildlight.report.rows import Watched
from buildlight.report.update import Update
from buildlight.system.atomic_file import AtomicFile
from buildlight.system.regular_file import read_regular_file

NAME, OUTDATED = "verdicts.json", "verdicts.old"
VERSION = 1
LARGEST = 256 * 1024 * 1024
"""Bytes; 400,000 projects with long names need a third of it."""

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
    address: str = ""


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    version: Literal[1]  # VERSION; a file of another one is not understood
    clean: bool = False
    feeds: Mapping[str, tuple[JsonValue, ...]]  # Row by row: one that is bad spoils no other.


class StateFile:
    """The file of kept verdicts in *folder*.

    A publisher: nothing waits for the disk but :meth:`close`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / NAME
        self._outdated = folder / OUTDATED
        self._file = AtomicFile(self._path, on_trouble=self._warn_of_writing)
        self._stored: Mapping[str, tuple[JsonValue, ...]] | None = None
        self._clean = False
        self._known: FeedStates = {}
        self._written: Verdicts = {}
        self._last: Update | None = None
        self._secrets: frozenset[str] = frozenset()
        self._warned = False

    def read(self) -> None:
        """Read what is stored, and take the clean mark away; may wait for the disk."""
        path = self._path if self._path.exists() else self._outdated
        try:
            stored = _File.model_validate_json(read_regular_file(path, limit=LARGEST))
            clean = stored.clean and path is self._path
            if clean:
                self._path.replace(self._outdated)
                _sync(self.folder)
        except FileNotFoundError:
            stored, clean = None, True
        except OSError as exc:
            self._warn(f"cannot be used: {exc.strerror}; verdicts are learned anew")
            stored, clean = None, True
        except ValidationError:
            self._warn("is damaged, or of another version; verdicts are learned anew")
            stored, clean = None, True
        if not clean:
            self._warn("was left by a daemon that did not stop; servers have to confirm verdicts")
        self._stored, self._clean = stored.feeds if stored else {}, clean

    def load(
        self, feeds: Mapping[str, FeedOptions], *, keep: float, now: float, clock: datetime
    ) -> Mapping[str, FeedState]:
        """Return the stored states of *feeds*, by name.

        What belongs to none of them stays stored, unless nothing confirmed it for *keep* seconds.
        *now* and *clock* are those of :class:`feed_state.Reading`.
        """
        if self._stored is None:
            self.read()
        good = {key: self._good(rows) for key, rows in (self._stored or {}).items()}
        states = {key: _standing(rows, now=now, clock=clock) for key, rows in good.items() if rows}
        self._stored = {}
        self._written = _verdicts(states)
        if not self._clean:
            states = {key: in_doubt(state) for key, state in states.items()}
        self._known = {key: state for key, state in states.items() if _young(state, now, keep)}
        return claimed(states, feeds)

    def claim(self, feeds: Mapping[str, FeedOptions]) -> Mapping[str, FeedState]:
        """Return the states of *feeds* that were at work before, or are stored for them."""
        return claimed(self._known, feeds)

    def publish(self, update: Update) -> None:
        """Write the verdicts of *update*, unless they are what was written last."""
        self._last = update
        self._secrets = self._secrets.union(*(feed.secrets for feed in update.feeds))
        self._known = {
            **_absent(self._known, update.feeds),
            **{feed_key(feed.name, feed.identity): feed.state for feed in update.feeds},
        }
        verdicts = _verdicts(self._known)
        if verdicts != self._written:
            self._written = verdicts
            self._write(update, clean=False)
        else:
            self._file.start()  # Something may wait that found no thread.

    def close(self, timeout: float) -> None:
        """Write everything with the clean mark, and wait up to *timeout* seconds for it."""
        if self._last is not None and _verdicts(self._known):
            self._write(self._last, clean=True)
        self._last = None
        if self.flush(timeout):
            with suppress(OSError):
                self._outdated.unlink(missing_ok=True)
        else:
            self._warn("is not written yet; is the disk slow? Servers have to confirm verdicts")

    def _write(self, update: Update, *, clean: bool) -> None:
        now, clock = update.now, update.report.at
        make = partial(_document, self._known, self._secrets, clean=clean, now=now, clock=clock)
        self._file.write(make, urgent=not clean)

    def start(self) -> None:
        """Start the thread that writes, before the loop runs."""
        self._file.start()

    def flush(self, timeout: float) -> bool:
        """Wait up to *timeout* seconds until all is written; return whether it is."""
        return self._file.close(timeout)

    def _good(self, rows: Iterable[JsonValue]) -> tuple[_Row, ...]:
        good = []
        for row in rows:
            try:
                good.append(_Row.model_validate(row))
            except ValidationError:
                self._warn("is damaged in places; what was there is learned anew")
        return tuple(good)

    def _warn_of_writing(self, why: str) -> None:
        log.warning("%s: %s; after a restart servers have to confirm verdicts", self._path, why)

    def _warn(self, sentence: str) -> None:
        if not self._warned:
            log.warning("%s: %s", self._path, sentence)
        self._warned = True


def _sync(folder: Path) -> None:
    """Have the names in *folder* on the disk: a power cut must not bring the mark back."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def feed_key(name: str, identity: str) -> str:
    """Return the key of a feed's rows: its name, and what identifies it under another name."""
    return f"{name} {identity}"


def claimed(
    states: Mapping[str, FeedState], feeds: Mapping[str, FeedOptions]
) -> Mapping[str, FeedState]:
    """Return what of *states* (by name and identity) belongs to *feeds*, by name.

    A feed under whose name nothing is stored was renamed, or one table became two: it is found by
    its identity. What is left of a name whose address changed is doubted: no green comes of it,
    and no red is forgotten.
    """
    found: dict[str, FeedState] = {}
    keys: set[str] = set()
    for name, options in feeds.items():
        exact = feed_key(name, options.identity)
        alike = (key for key in states if key.endswith(f" {options.identity}"))
        key = exact if exact in states else next(alike, None)
        if key is not None:
            found[name] = states[key]
            keys.add(key)
    for name in feeds.keys() - found.keys():
        named = (key for key in states if key not in keys and _named(key, name))
        if (key := next(named, None)) is not None:
            found[name] = in_doubt(states[key])
    return found


def _named(key: str, name: str) -> bool:
    """Return whether *key* is that of a feed called *name*: an identity has at most one space."""
    return key.startswith(f"{name} ") and key.removeprefix(f"{name} ").count(" ") < 2  # noqa: PLR2004


def _absent(known: FeedStates, at_work: Sequence[Watched]) -> FeedStates:
    """Return what of *known* belongs to no feed *at_work*, under its name or another one."""
    ends = tuple(f" {feed.identity}" for feed in at_work)
    return {key: state for key, state in known.items() if not key.endswith(ends)}


def _young(state: FeedState, now: float, keep: float) -> bool:
    """Return whether anything of *state* was confirmed within *keep* seconds."""
    return any(now - _confirmed(state, each, now) < keep for each in state.projects.values())


def _confirmed(state: FeedState, known: ProjectState, now: float) -> float:
    """Return when *known* was confirmed last; *now* if nobody can say."""
    if known.unconfirmed_since is not None:
        return known.unconfirmed_since
    return now if state.answered is None else state.answered


def _verdicts(feeds: FeedStates) -> Verdicts:
    return {
        feed: {key: known.verdict for key, known in feed_state.projects.items()}
        for feed, feed_state in feeds.items()
        if feed_state.projects
    }


def _document(
    feeds: FeedStates, secrets: frozenset[str], *, clean: bool, now: float, clock: datetime
) -> dict[str, object]:
    return {
        "version": VERSION,
        "clean": clean,
        "feeds": {
            feed: _rows(feed_state, secrets, now=now, clock=clock)
            for feed, feed_state in feeds.items()
            if feed_state.projects
        },
    }


def _rows(
    feed_state: FeedState, secrets: frozenset[str], *, now: float, clock: datetime
) -> Iterator[dict[str, object]]:
    names = Counter(name for name, _ in feed_state.projects)
    for key, known in feed_state.projects.items():
        row = _row(key, known, age=now - _confirmed(feed_state, known, now), clock=clock)
        # The file is an output, too. A name that holds a secret is not found again after a restart.
        row |= {each: scrub(str(row[each]), secrets) for each in ("name", "label")}
        if known.doubted:
            row["doubted"] = True
        # What tells namesakes apart after a restart.
        if names[key[0]] > 1 and (address := known.address or address_of(known.project.web_url)):
            row["address"] = address
        yield row


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
    projects = {}
    for row in rows:
        projects[row.name, row.nth] = ProjectState(
            project=Project(row.name, last_build_label=row.label, last_build_time=row.time),
            verdict=row.verdict,
            building=False,  # Nobody knows what it does now.
            since=row.since,
            build=(row.label, row.time),
            announced_build=(row.label, row.time),
            # A clock that was wrong then or is wrong now must not make old news new.
            unconfirmed_since=now - abs((clock - row.confirmed).total_seconds()),
            doubted=row.doubted,
            address=row.address,
        )
    return FeedState(projects=projects)
