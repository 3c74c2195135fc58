"""Keeps verdicts across restarts, in one small file that is replaced as a whole.

The file is written when a verdict changes and when the daemon stops, because an SD card wears
out. Only a stop marks it as clean, and the next start takes the mark away, by giving the file
another name until a verdict changes: after a crash or a power cut, every stored pass is doubted
until its server confirms it. A damaged file costs one warning.
"""

import json
import logging
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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
    TypeAdapter,
    ValidationError,
)

from buildlight.feeds import FeedOptions
from buildlight.projects.feed_state import FeedState, in_doubt
from buildlight.projects.matching import Key, address_of
from buildlight.projects.project import Project
from buildlight.projects.verdict import ProjectState, Verdict
from buildlight.redaction import scrub
from buildlight.report.update import Update
from buildlight.system.atomic_file import AtomicFile, JsonText
from buildlight.system.regular_file import read_regular_file

NAME, OUTDATED = "verdicts.json", "verdicts.old"
VERSION = 1
LARGEST = 256 * 1024 * 1024
"""Largest file, in bytes; 400,000 projects with long names need a third of it."""

YEARS = range(1970, 9001)
"""Years that a time may be in: arithmetic at the ends of the calendar overflows."""

FeedStates = Mapping[str, FeedState]
"""The states of feeds, by :func:`feed_key`."""

log = logging.getLogger(__name__)


FIRST, LAST = datetime(YEARS[0], 1, 1, tzinfo=UTC), datetime(YEARS[-1], 12, 31, tzinfo=UTC)


def _of_a_sane_year(time: datetime) -> datetime:
    if time.year not in YEARS:
        raise ValueError(f"should be of a year from {YEARS[0]} to {YEARS[-1]}")
    return time


_Sane = AfterValidator(_of_a_sane_year)
_Aware = Annotated[AwareDatetime, Field(ge=FIRST, le=LAST)]  # The same, checked in Rust.


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    name: str
    nth: Annotated[int, Field(ge=0)] = 0
    verdict: Verdict
    since: _Aware | None = None
    label: str = ""
    time: Annotated[datetime, _Sane] | None = None
    confirmed: _Aware
    doubted: bool = False
    address: str = ""


_ROWS = TypeAdapter(tuple[_Row, ...])


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    version: Literal[1]  # VERSION; files of other versions are not read
    clean: bool = False
    feeds: Mapping[
        str, tuple[JsonValue, ...]
    ]  # Row by row, so that a bad row does not spoil the others.


class StateFile:
    """The file of kept verdicts in *folder*.

    A publisher: only :meth:`close` waits for the disk.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._path = folder / NAME
        self._outdated = folder / OUTDATED
        self._file = AtomicFile(self._path, on_trouble=self._warn_of_writing)
        self._loaded: Mapping[str, FeedState] | None = None
        self._absent: Mapping[str, FeedState | JsonText] = {}
        self._at_work: FeedStates = {}
        self._written: dict[str, Mapping[Key, Verdict]] = {}
        self._last: Update | None = None
        self._secrets: frozenset[str] = frozenset()
        self._warned = False

    def load(
        self, feeds: Mapping[str, FeedOptions], *, keep: float, now: float, clock: datetime
    ) -> Mapping[str, FeedState]:
        """Return the stored states of *feeds*, by name; the first call waits for the disk.

        Rows of other feeds stay in the file until they are unconfirmed for *keep* seconds.
        *now* and *clock* are those of :class:`feed_state.Reading`.
        """
        if self._loaded is None:
            stored, clean = self._read()
            owned = owners(stored, feeds)
            taken = {key for key, _ in owned.values()}
            states = {
                key: _standing(self._good(stored[key]), now=now, clock=clock) for key in taken
            }
            self._written = {key: _verdicts(state) for key, state in states.items()}
            self._loaded = {
                name: states[key] if exact and clean else in_doubt(states[key])
                for name, (key, exact) in owned.items()
                if states[key].projects
            }
            self._absent = {
                key: _as_text(rows, doubted=not clean, oldest=clock - timedelta(seconds=keep))
                for key, rows in stored.items()
                if key not in taken
            }
        return self._loaded

    def claim(
        self, feeds: Mapping[str, FeedOptions], *, now: float, clock: datetime
    ) -> Mapping[str, FeedState]:
        """Return the stored states of *feeds*, by name."""
        found = {}
        for name, (key, exact) in owners(self._absent, feeds).items():
            state = self._absent[key]
            if isinstance(state, JsonText):
                state = _standing(self._good(json.loads(state.text)), now=now, clock=clock)
            found[name] = state if exact else in_doubt(state)
        return found

    def publish(self, update: Update) -> None:
        """Write the verdicts of *update* if they differ from the file."""
        self._last = update
        self._secrets = self._secrets.union(*(feed.secrets for feed in update.feeds))
        before = self._at_work
        self._at_work = {feed_key(feed.name, feed.identity): feed.state for feed in update.feeds}
        if before.keys() - self._at_work.keys() or self._absent:
            ends = tuple(f" {feed.identity}" for feed in update.feeds)
            known = {**self._absent, **before}
            self._absent = {key: known[key] for key in known if not key.endswith(ends)}
        if self._news(before):
            self._write(update, clean=False)
        else:
            self._file.start()  # A document may be waiting because no thread could be started.

    def _news(self, before: FeedStates) -> bool:
        """Return whether a verdict differs from the file; most feeds are the same object."""
        news = False
        for key, state in self._at_work.items():
            known = before.get(key)
            if known is None or known.projects is not state.projects:
                verdicts = _verdicts(state)
                news |= verdicts != self._written.get(key, {})
                self._written[key] = verdicts
        return news

    def close(self, timeout: float) -> None:
        """Write everything with the clean mark, and wait up to *timeout* seconds for it."""
        if self._last is not None and (self._absent or any(self._written.values())):
            self._write(self._last, clean=True)
        self._last = None
        if not self.flush(timeout):
            self._warn("is not written yet; is the disk slow? Servers have to confirm verdicts")
        elif self._path.exists():
            with suppress(OSError):
                self._outdated.unlink(missing_ok=True)

    def _write(self, update: Update, *, clean: bool) -> None:
        rows = partial(_rows, secrets=self._secrets, now=update.now, clock=update.report.at)
        known = {**self._absent, **self._at_work}
        self._file.write(partial(_document, known, rows, clean=clean), urgent=not clean)

    def _read(self) -> tuple[Mapping[str, tuple[JsonValue, ...]], bool]:
        """Return the stored rows and whether they are complete; remove the clean mark."""
        path = self._path if self._path.exists() else self._outdated
        try:
            stored = _File.model_validate_json(read_regular_file(path, limit=LARGEST))
            clean = stored.clean and path is self._path
            if clean:
                self._path.replace(self._outdated)
                _sync(self.folder)
        except FileNotFoundError:
            return {}, True
        except OSError as exc:
            self._warn(f"cannot be used: {exc.strerror}; verdicts are learned anew")
            return {}, True
        except ValidationError:
            self._warn("is damaged, or of another version; verdicts are learned anew")
            return {}, True
        if not clean:
            self._warn("was left by a daemon that did not stop; servers have to confirm verdicts")
        return stored.feeds, clean

    def start(self) -> None:
        """Start the thread that writes, before the loop runs."""
        self._file.start()

    def flush(self, timeout: float) -> bool:
        """Wait up to *timeout* seconds until all is written; return whether it is."""
        return self._file.close(timeout)

    def _good(self, rows: Iterable[JsonValue]) -> tuple[_Row, ...]:
        rows, good = [*rows], []
        with suppress(ValidationError):
            return _ROWS.validate_python(rows)
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
    """Flush the names in *folder* to the disk: a power cut must not bring the mark back."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def feed_key(name: str, identity: str) -> str:
    """Return the key of a feed's rows: its name, and what identifies it under another name."""
    return f"{name} {identity}"


def owners(
    keys: Collection[str], feeds: Mapping[str, FeedOptions]
) -> Mapping[str, tuple[str, bool]]:
    """Return for each of *feeds* its key (name and identity) in *keys*, and whether it is certain.

    If nothing is stored under a feed's name, the feed was renamed, or one table became two: it is
    found by its identity. If only the address of a name changed, the match is not certain: broken
    projects stay broken, in doubt, and no project passes.
    """
    found: dict[str, tuple[str, bool]] = {}
    for name, options in feeds.items():
        exact = feed_key(name, options.identity)
        alike = (key for key in keys if key.endswith(f" {options.identity}"))
        if (key := exact if exact in keys else next(alike, None)) is not None:
            found[name] = key, True
    taken = {key for key, _ in found.values()}
    for name in feeds.keys() - found.keys():
        named = (key for key in keys if key not in taken and _named(key, name))
        if (key := next(named, None)) is not None:
            found[name] = key, False
    return found


def _named(key: str, name: str) -> bool:
    """Return whether *key* is that of a feed called *name*: an identity has at most one space."""
    return key.startswith(f"{name} ") and key.removeprefix(f"{name} ").count(" ") < 2  # noqa: PLR2004


def _as_text(rows: Iterable[JsonValue], *, doubted: bool, oldest: datetime) -> JsonText:
    """Return the *rows* confirmed since *oldest*; they stay text, which needs the least memory."""
    young = [row for row in rows if isinstance(row, dict) and _confirmed_at(row) > oldest]
    if doubted:
        known = (Verdict.PASSING.value, Verdict.BROKEN.value)
        young = [{**row, "doubted": True} if row.get("verdict") in known else row for row in young]
    return JsonText(json.dumps(young))


def _confirmed(state: FeedState, known: ProjectState, now: float) -> float:
    """Return when *known* was last confirmed; *now* if that is unknown."""
    if known.unconfirmed_since is not None:
        return known.unconfirmed_since
    return now if state.answered is None else state.answered


def _confirmed_at(row: Mapping[str, JsonValue]) -> datetime:
    try:
        return datetime.fromisoformat(str(row.get("confirmed"))).astimezone(UTC)
    except (ValueError, OverflowError):
        return FIRST


def _verdicts(state: FeedState) -> Mapping[Key, Verdict]:
    return {key: known.verdict for key, known in state.projects.items()}


def _document(
    known: Mapping[str, FeedState | JsonText],
    rows: Callable[[FeedState], Iterable[object]],
    *,
    clean: bool,
) -> dict[str, object]:
    feeds = {
        key: state if isinstance(state, JsonText) else rows(state)
        for key, state in known.items()
        if isinstance(state, JsonText) or state.projects
    }
    return {"version": VERSION, "clean": clean, "feeds": feeds}


def _rows(
    feed_state: FeedState, *, secrets: frozenset[str], now: float, clock: datetime
) -> Iterator[dict[str, object]]:
    names = Counter(name for name, _ in feed_state.projects)
    for key, known in feed_state.projects.items():
        row = _row(key, known, age=now - _confirmed(feed_state, known, now), clock=clock)
        # Redacted, because the file is an output; redacted.with_true_names restores the name.
        row |= {each: scrub(str(row[each]), secrets) for each in ("name", "label")}
        if known.doubted:
            row["doubted"] = True
        # Distinguishes projects of one name after a restart.
        if names[key[0]] > 1 and (address := known.address or address_of(known.project.web_url)):
            row["address"] = address
        yield row


def _row(key: Key, known: ProjectState, *, age: float, clock: datetime) -> dict[str, object]:
    label, time = known.build
    # To a Pi that starts in 1970, stored times lie in the future: such a row is kept.
    oldest = (clock - FIRST).total_seconds()
    return {
        "name": key[0],
        "nth": key[1],
        "verdict": known.verdict.value,
        "since": _written(known.since),
        "label": label,
        "time": _written(time),
        "confirmed": _written(clock - timedelta(seconds=min(age, oldest))),
    }


def _written(time: datetime | None) -> str | None:
    """Return *time* in UTC, a time without a zone unchanged; ``None`` if it is not plausible.

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
            building=False,  # Its current activity is unknown.
            since=row.since,
            build=(row.label, row.time),
            announced_build=(row.label, row.time),
            # A clock that was or is wrong must not make old news look new.
            unconfirmed_since=now - abs((clock - row.confirmed).total_seconds()),
            doubted=row.doubted,
            address=row.address,
        )
    return FeedState(projects=projects)
