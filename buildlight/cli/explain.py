"""`buildlight explain`: why each lamp looks as it does, from the daemon's status file."""

import argparse
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from buildlight.cli import FAILED, OK, write_error
from buildlight.cli.terminal import wrapped, write_line
from buildlight.errors import ConfigError, StatusUnknown
from buildlight.publish.status_file import NAME
from buildlight.redaction import printable
from buildlight.report.update import HEARTBEAT
from buildlight.system import paths, running_daemon
from buildlight.system.regular_file import read_regular_file
from buildlight.system.running_daemon import RunningDaemon
from buildlight.wording import run_in_words, span

OLD = 3 * HEARTBEAT
"""Seconds within which a working daemon writes again, even a busy one."""
VERSION = 1
LARGEST = 1024**3
"""Largest status file, in bytes; 100,000 projects make 30 MB."""
LISTED = 20
"""Most broken projects of a lamp with a line each; the rest is counted."""
WIDE = 2000
"""Maximum length of a sentence, in characters: it may name any number of projects."""
NEVER = "has not answered yet"

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class StatusDocument:
    """The last content of *file*, and *doubt*: why it may be out of date.

    *daemon* is the process that wrote it, if that runs; *passed_over* are files of other daemons.
    """

    file: Path
    document: Document
    doubt: str | None
    daemon: RunningDaemon | None = None
    passed_over: tuple[Path, ...] = ()


def main(chosen: argparse.Namespace) -> int:
    """Print why each lamp looks as it does; returns whether that is up to date."""
    clock = datetime.now(tz=UTC).astimezone()
    status = read_status(
        paths.run_folders(), clock=clock, find_running_daemon=running_daemon.find_running_daemon
    )
    explanation = (*lines(status, clock=clock), *_sources(status))
    if status.doubt is not None:
        write_error(status.doubt)
    for line in (json.dumps(status.document, indent=2),) if chosen.json else explanation:
        write_line(line if chosen.json else wrapped(line))
    return OK if status.doubt is None else FAILED


def _sources(status: StatusDocument) -> Iterator[str]:
    """Yield where all this was read, and what was not read because of it."""
    daemon, others = status.daemon, status.passed_over
    if daemon is not None:
        who = "the service" if daemon.service else "`buildlight run`"
        yield f"reading {status.file}, written by {who} (pid {daemon.pid}){_passed_over(others)}"
        if daemon.config is not None:
            yield f"its configuration is {daemon.config}"
            return
    with suppress(ConfigError):
        yield f"its configuration: {paths.find_files()}"


def _passed_over(others: Sequence[Path]) -> str:
    return "".join(f"; {path} is passed over" for path in others)


def read_status(
    folders: Sequence[Path],
    *,
    clock: datetime,
    find_running_daemon: Callable[..., RunningDaemon | None],
) -> StatusDocument:
    """Return the last status file of a daemon that runs, from the first of *folders* with one.

    If none runs, it is the first file that there is. *clock* is the time of day,
    *find_running_daemon* looks for a daemon, by its pid if the file has it. Raises
    :class:`errors.StatusUnknown` if no file can be read.
    """
    places = [folder / NAME for folder in folders]
    files = [place for place in places if os.path.lexists(place)]
    if not files:
        where = " nor ".join(str(place) for place in places)
        raise StatusUnknown(
            f"no buildlight runs here: there is no {where}; start one with "
            "`sudo systemctl start buildlight`, or `buildlight run`"
        )
    best = first = _judged(files[0], clock, find_running_daemon)
    for file in files[1:]:
        if best.doubt is None:
            break
        with suppress(StatusUnknown):
            best = _judged(file, clock, find_running_daemon)
    best = first if best.doubt is not None else best
    return replace(best, passed_over=tuple(file for file in files if file != best.file))


def _judged(
    file: Path, clock: datetime, find_running_daemon: Callable[..., RunningDaemon | None]
) -> StatusDocument:
    document = _read(file)
    with _whole(file):
        age = (clock - datetime.fromisoformat(document["at"])).total_seconds()
        pid = document.get("pid")  # A daemon of an older version did not write it.
        daemon = find_running_daemon() if pid is None else find_running_daemon(pid=int(pid))
    return StatusDocument(file, document, _doubt(file, age, daemon), daemon)


def _read(file: Path) -> Document:
    try:
        with _whole(file):
            document = json.loads(read_regular_file(file, limit=LARGEST))
    except OSError as exc:
        raise StatusUnknown(f"{file}: cannot be read: {exc.strerror}") from exc
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise StatusUnknown(
            f"{file}: is of another version; restart the daemon after an upgrade, with "
            "`sudo systemctl restart buildlight`"
        )
    return document


@contextmanager
def _whole(file: Path) -> Iterator[None]:
    """Raise :class:`StatusUnknown` where something in *file* is missing or of another type."""
    try:
        yield
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as exc:
        raise StatusUnknown(f"{file}: is damaged; restart the daemon") from exc


def _doubt(file: Path, age: float, daemon: RunningDaemon | None) -> str | None:
    if daemon is None:
        return (
            f"buildlight does not run any more; {file} is {span(abs(age))} old; "
            "look at `systemctl status buildlight`, or start it"
        )
    if abs(age) > OLD:
        return (
            f"the daemon (pid {daemon.pid}) has not written for {span(abs(age))}: it hangs, or the "
            "clock was changed; this may be out of date"
        )
    return None


def lines(status: StatusDocument, *, clock: datetime) -> tuple[str, ...]:
    """Return *status* in words, lamp by lamp; *clock* gives the time zone and the date.

    Raises :class:`errors.StatusUnknown` if something is missing in it.
    """
    with _whole(status.file):
        return (*_lines(status.document, clock=clock),)


def _lines(document: Document, *, clock: datetime) -> Iterator[str]:
    feeds = {feed["name"]: feed for feed in document["feeds"]}
    since = max((clock - datetime.fromisoformat(document["at"])).total_seconds(), 0.0)
    projects = {
        (each["feed"], each["name"]): each
        for each in document["projects"]
        if each["verdict"] == "broken"  # A project of the same name may pass.
    }
    for lamp in document["lamps"]:
        yield f"{lamp['name']} (driver {lamp['driver']}) shows: {lamp['pattern']}"
        if lamp["light"] != "ok":
            yield f"  but its light is {lamp['light']}{_trouble(lamp)}"
        yield f"  because:  {printable(lamp['because'], limit=WIDE)}"
        yield f"  since:    {_moment(lamp['since'], clock)}"
        yield f"  rule:     {lamp['rule']}"
        yield f"  until:    {printable(lamp['until'], limit=WIDE)}"
        if lamp.get("known") in KNOWN:
            yield f"  light:    {KNOWN[lamp['known']]}"
        for warning in lamp.get("warnings", ()):
            yield f"  warning:  {printable(warning, limit=WIDE)}"
        for name in lamp["feeds"]:
            yield f"  feed:     {_feed(feeds[name], since=since)}"
            for warning in feeds[name].get("warnings", ()):
                yield f"  warning:  {name}: {printable(warning, limit=WIDE)}"
        broken = lamp["broken"]
        for each in broken[:LISTED]:
            known = projects[each["feed"], each["name"]]
            feed = f" ({each['feed']})" if len(feeds) > 1 else ""
            yield f"  broken:   {printable(known['name'])}{feed}{_project(known, clock)}"
        if len(broken) > LISTED:
            yield f"  broken:   and {len(broken) - LISTED} more"


KNOWN: Mapping[object, str] = {
    "confirmed": "confirmed: it answers, and what it shows was read back",
    "told": "told: it took what was sent, and cannot be asked what it shows",
}


def _trouble(lamp: Document) -> str:
    """Return why the light is not ok; a daemon of an older version did not write it."""
    because = lamp.get("light_because")
    return f": {printable(because, limit=WIDE)}" if because else "; the log says why"


def _feed(feed: Document, *, since: float) -> str:
    """Return the state of *feed*, which was written *since* seconds ago."""
    state = NEVER
    if feed["age"] is not None:
        age = span(feed["age"] + since)
        # The file is not written for an answer that says nothing new, which a fresh feed gives.
        fresh = feed["state"] == "fresh" and since >= 1
        state = (
            f"is {feed['state']}, answered {f'within the last {age}' if fresh else f'{age} ago'}"
        )
    error = f"; {printable(feed['error'], limit=WIDE)}" if feed["error"] else ""
    return f"{feed['name']} {state}, {feed['url']}{error}"


def _project(project: Document, clock: datetime) -> str:
    since = f" since {_moment(project['since'], clock)}" if project["since"] else ""
    label = f", build {printable(project['label'])}" if project["label"] else ""
    building = ", being built" if project["building"] else ""
    link = f": {printable(project['web_url'], limit=WIDE)}" if project["web_url"] else ""
    run = "".join(f", {each}" for each in _run(project.get("run"), clock))
    return f"{since}{label}{run}{building}{link}"


def _run(run: Document | None, clock: datetime) -> Iterator[str]:
    """Yield what is known of the last build's run; daemons of older versions do not tell it."""
    if run is None:
        return
    for told in run_in_words(run["branch"], run["attempt"], run["author"], run["commit"]):
        yield printable(told)
    if run["started"] is not None:
        yield f"started {_moment(run['started'], clock)}"


def _moment(written: str, clock: datetime) -> str:
    moment = datetime.fromisoformat(written).astimezone(clock.tzinfo or UTC)
    day = "" if moment.date() == clock.date() else f"{moment:%a %Y-%m-%d} "
    return f"{day}{moment:%H:%M:%S}"
