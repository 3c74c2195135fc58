"""Verdicts kept across restarts: real files in a real folder."""

import json
import logging
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from buildlight.daemon.state_file import StateFile, feed_key, owners
from buildlight.feeds.cctray import CCTrayOptions
from buildlight.projects.feed_state import FeedState, Rules
from buildlight.projects.matching import Key
from buildlight.projects.verdict import ProjectState, Verdict
from buildlight.report.report import make_report
from buildlight.report.rows import Watched
from buildlight.report.update import Update
from buildlight.system.paths import state_folder
from support.examples import NOON, a_memory, a_project
from support.reports import an_update

PATIENCE = 20.0
DOUBTED = "after a restart servers have to confirm verdicts"


def key_of(url: str, name: str = "web") -> str:
    """Return by what a feed at *url* is found again."""
    return feed_key(name, CCTrayOptions(url=url).identity)


URL = "https://ci.example/cc.xml?token=SECRET"
KEY = key_of(URL)
HOUR = 3600.0
DAY = 86_400.0
RULES = Rules(max_age=110.0)
BROKEN = a_memory(verdict=Verdict.BROKEN)
PASSING = a_memory(verdict=Verdict.PASSING)


def a_feed(
    known: Mapping[Key, ProjectState] | None = None, *, confirmed: float = 0.0, name: str = "web"
) -> dict[str, FeedState]:
    """Return a feed of which *known* is remembered, last *confirmed* at that time."""
    projects = {("shop", 0): BROKEN} if known is None else known
    old = {key: replace(each, unconfirmed_since=confirmed) for key, each in projects.items()}
    feed_state = FeedState(projects=old)
    return {key_of(URL, name): feed_state}


def an_update_of(
    feeds: Mapping[str, FeedState], *, now: float = 0.0, clock: datetime = NOON
) -> Update:
    """Return the turn that found *feeds*."""
    watched = tuple(
        Watched(name, "", feed_state, RULES, identity=identity)
        for key, feed_state in feeds.items()
        for name, identity in [key.split(" ", 1)]
    )
    return an_update(make_report((), (), now=now, clock=clock), feeds=watched, now=now)


def save(
    state: StateFile, feeds: Mapping[str, FeedState], *, now: float = 0.0, clock: datetime = NOON
) -> None:
    """Publish *feeds*, and wait until they are written."""
    state.publish(an_update_of(feeds, now=now, clock=clock))
    assert state.flush(PATIENCE)


def stop(
    state: StateFile, feeds: Mapping[str, FeedState], *, now: float = 0.0, clock: datetime = NOON
) -> None:
    """Publish *feeds* as the last ones, and stop."""
    state.publish(an_update_of(feeds, now=now, clock=clock))
    state.close(PATIENCE)


def loaded(
    state: StateFile,
    *,
    now: float = 0.0,
    clock: datetime = NOON,
    names: Iterable[str] = ("web",),
    url: str = URL,
) -> dict[str, FeedState]:
    """Return what *state* has for feeds of these *names* at *url*."""
    feeds = {name: CCTrayOptions(url=url) for name in names}
    found = state.load(feeds, keep=DAY, now=now, clock=clock)
    return {key_of(url, name): feed_state for name, feed_state in found.items()}


def load(folder: Path, **more: Any) -> dict[str, FeedState]:
    """Return what a daemon that starts finds in *folder*."""
    return loaded(StateFile(folder), **more)


def kept(folder: Path, feed: Mapping[str, FeedState]) -> Path:
    """Keep *feed* in *folder* by a clean stop, and return the file."""
    stop(StateFile(folder), feed)
    return folder / "verdicts.json"


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was warned of."""
    return [each.message for each in caplog.records if each.levelno >= logging.WARNING]


# Round trips.


def test_verdicts_come_back(tmp_path: Path) -> None:
    """What was red before a restart is red after it, since when it was."""
    since = NOON - timedelta(hours=3)
    known = a_memory(verdict=Verdict.BROKEN, since=since, building=True, build=("41", since))
    kept(tmp_path, a_feed({("shop", 0): known}))

    feed_state = load(tmp_path)[KEY]

    shop = feed_state.projects["shop", 0]
    assert (shop.verdict, shop.since, shop.build) == (Verdict.BROKEN, since, ("41", since))
    assert not shop.building
    assert feed_state.answered is None
    assert feed_state.answered is None


@pytest.mark.parametrize("verdict", Verdict)
def test_every_verdict_comes_back(tmp_path: Path, verdict: Verdict) -> None:
    """Broken, passing or none."""
    kept(tmp_path, a_feed({("shop", 0): a_memory(verdict=verdict, since=None)}))

    shop = load(tmp_path)[KEY].projects["shop", 0]

    assert (shop.verdict, shop.since) == (verdict, None)


@pytest.mark.parametrize("name", ["", "Übung №1", "a\nb\x00", "x" * 5000, '"\\', "\U0001f534"])
def test_projects_of_any_name_come_back(tmp_path: Path, name: str) -> None:
    """A server may call a project anything."""
    kept(tmp_path, a_feed({(name, 0): a_memory(name, verdict=Verdict.BROKEN)}))

    assert set(load(tmp_path)[KEY].projects) == {(name, 0)}


def test_projects_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """GoCD repeats names; the second keeps its own verdict."""
    kept(tmp_path, a_feed({("shop", 0): PASSING, ("shop", 1): BROKEN}))

    projects = load(tmp_path)[KEY].projects

    assert {key: known.verdict for key, known in projects.items()} == {
        ("shop", 0): Verdict.PASSING,
        ("shop", 1): Verdict.BROKEN,
    }


def test_a_feed_that_was_renamed_is_found_by_its_address() -> None:
    """A new name, or two of them, and a restart: what was red is red."""
    options = CCTrayOptions(url=URL)

    found = owners({KEY, key_of("https://other.example/cc.xml")}, {"one": options, "two": options})

    assert found == {"one": (KEY, True), "two": (KEY, True)}


def test_a_feed_that_was_not_renamed_keeps_its_own() -> None:
    """Two tables with one address and other words."""
    assert owners({key_of(URL, "strict"), KEY}, {"web": CCTrayOptions(url=URL)}) == {
        "web": (KEY, True)
    }


@pytest.mark.parametrize("url", ["https://ci.example/cc.xml?view=all", "https://new.example/"])
def test_a_feed_with_another_address_keeps_its_reds_in_doubt(tmp_path: Path, url: str) -> None:
    """`?view=all` added: a red that is being rebuilt stays red, and no old green is believed."""
    kept(tmp_path, a_feed({("shop", 0): BROKEN, ("till", 0): PASSING}))

    (found,) = load(tmp_path, url=url).values()

    verdicts = {name: known.verdict for (name, _), known in found.projects.items()}
    assert verdicts == {"shop": Verdict.BROKEN, "till": Verdict.NONE}
    assert found.unwritten(RULES) == {"shop", "till"}


def test_a_feed_that_is_left_out_for_a_while_comes_back(tmp_path: Path) -> None:
    """Left out for one run, or from one reload to the next: what was red is red."""
    kept(tmp_path, {**a_feed(), **a_feed({("till", 0): PASSING}, name="other")})
    state = StateFile(tmp_path)
    loaded(state, names=())
    stop(state, {"new http://new.example/ 1234": FeedState(projects={("api", 0): PASSING})})

    again = load(tmp_path, names=("web", "other"))

    assert again[KEY].projects["shop", 0].verdict is Verdict.BROKEN
    assert again[key_of(URL, "other")].projects["till", 0].verdict is Verdict.PASSING


def test_a_crash_doubts_what_is_known_of_a_feed_left_out(tmp_path: Path) -> None:
    """A project that never had a result is no worse for it."""
    projects = {("shop", 0): BROKEN, ("till", 0): a_memory(verdict=Verdict.NONE)}
    save(StateFile(tmp_path), a_feed(projects))
    state = StateFile(tmp_path)
    loaded(state, names=())
    stop(state, {"new http://new.example/ 12": FeedState(projects={("api", 0): PASSING})})

    found = load(tmp_path)[KEY]

    assert found.unwritten(RULES) == {"shop"}


def test_a_feed_that_is_left_out_for_longer_is_forgotten(tmp_path: Path) -> None:
    """After `keep_verdicts` nobody wants to know any more."""
    kept(tmp_path, a_feed())
    state = StateFile(tmp_path)
    later = NOON + timedelta(days=1)
    loaded(state, names=(), clock=later)

    stop(state, {"new http://new.example/ 12": FeedState(projects={("api", 0): PASSING})})

    assert load(tmp_path, clock=later) == {}


def test_a_daemon_that_did_not_stop_leaves_doubts(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A red may have come within the last millisecond: after a crash no stored pass is believed."""
    save(StateFile(tmp_path), a_feed({("shop", 0): PASSING, ("till", 0): BROKEN}))

    found = feed_states(tmp_path)

    verdicts = {name: known.verdict for (name, _), known in found.projects.items()}
    assert verdicts == {"shop": Verdict.NONE, "till": Verdict.BROKEN}
    assert found.unwritten(RULES) == {"shop", "till"}
    assert "did not stop" in caplog.text


def test_a_start_takes_the_clean_mark_away(tmp_path: Path) -> None:
    """A power cut right after the start: nothing was written since, and much may have happened."""
    kept(tmp_path, a_feed({("shop", 0): PASSING}))
    assert not feed_states(tmp_path).unwritten(RULES)

    assert feed_states(tmp_path).unwritten(RULES) == {"shop"}


def test_a_feed_without_projects_is_not_kept(tmp_path: Path) -> None:
    """There is nothing to remember of it."""
    file = StateFile(tmp_path)

    stop(file, {**a_feed({}), **a_feed(name="other")})

    assert set(load(tmp_path, names=("other",))) == {key_of(URL, "other")}


def test_the_file_holds_no_secret(tmp_path: Path) -> None:
    """It names projects and addresses without their tokens, and no link."""
    project = a_project(web_url="https://ci.example/shop?token=SECRET")

    file = kept(tmp_path, a_feed({("shop", 0): a_memory(project=project)}))

    assert "SECRET" not in file.read_text(encoding="utf-8")
    assert "token=***" in file.read_text(encoding="utf-8")


# How old what was kept is.


def test_time_passes_while_the_daemon_is_stopped(tmp_path: Path) -> None:
    """Confirmed ten minutes before the stop, and an hour for the restart."""
    save(StateFile(tmp_path), a_feed(confirmed=400.0), now=1000.0)

    feed_state = load(tmp_path, now=5.0, clock=NOON + timedelta(hours=1))[KEY]

    assert feed_state.projects["shop", 0].unconfirmed_since == pytest.approx(5.0 - 600.0 - HOUR)


def test_the_zone_of_the_machine_does_not_matter(tmp_path: Path) -> None:
    """A lamp that travels, or a summer that ends, makes no news older."""
    kept(tmp_path, a_feed())
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-7)))

    assert load(tmp_path, clock=elsewhere)[KEY].projects[
        "shop", 0
    ].unconfirmed_since == pytest.approx(0.0)


@pytest.mark.parametrize("off", [timedelta(days=-365), timedelta(days=365)])
def test_a_clock_that_was_wrong_makes_nothing_new(tmp_path: Path, off: timedelta) -> None:
    """A Pi starts in the past: what was kept is old then, and never from the future."""
    kept(tmp_path, a_feed())

    confirmed = load(tmp_path, now=7.0, clock=NOON + off)[KEY].projects["shop", 0].unconfirmed_since

    assert confirmed == pytest.approx(7.0 - timedelta(days=365).total_seconds())


# When it is written.


def test_nothing_known_writes_nothing(tmp_path: Path) -> None:
    """A daemon whose servers never answered leaves no file."""
    save(StateFile(tmp_path), a_feed({}))

    assert list(tmp_path.iterdir()) == []


def test_the_same_verdicts_are_written_once(tmp_path: Path) -> None:
    """An SD card wears out; a thousand polls without news do not touch it."""
    state = StateFile(tmp_path)
    save(state, a_feed())
    before = (tmp_path / "verdicts.json").stat()

    for poll in range(1, 1000):
        at = 30.0 * poll
        building = a_memory(verdict=Verdict.BROKEN, building=bool(poll % 2))
        save(state, a_feed({("shop", 0): building}, confirmed=at), now=at)

    after = (tmp_path / "verdicts.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_was_loaded_is_not_written_again(tmp_path: Path) -> None:
    """A restart without news does not touch the file."""
    before = kept(tmp_path, a_feed()).stat()
    state = StateFile(tmp_path)
    loaded(state)

    save(state, a_feed(), now=30.0)

    after = (tmp_path / "verdicts.old").stat()  # Without its clean mark.
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_new_verdict_is_written_at_once(tmp_path: Path) -> None:
    """Power may fail in the next moment."""
    state = StateFile(tmp_path)
    save(state, a_feed({("shop", 0): PASSING}))

    save(state, a_feed(), now=30.0)

    assert load(tmp_path)[KEY].projects["shop", 0].verdict is Verdict.BROKEN


def test_a_project_that_is_gone_is_gone_from_the_file(tmp_path: Path) -> None:
    """It does not come back with a restart."""
    state = StateFile(tmp_path)
    save(state, a_feed({("shop", 0): PASSING, ("web", 0): BROKEN}))

    save(state, a_feed({("shop", 0): PASSING}), now=30.0)

    assert set(load(tmp_path)[KEY].projects) == {("shop", 0)}


def test_a_stop_writes_when_verdicts_were_confirmed(tmp_path: Path) -> None:
    """The verdicts are the same, but their age is not."""
    state = StateFile(tmp_path)
    save(state, a_feed(confirmed=0.0))

    stop(state, a_feed(confirmed=HOUR), now=HOUR, clock=NOON + timedelta(hours=1))

    feed_state = load(tmp_path, now=0.0, clock=NOON + timedelta(hours=1))[KEY]
    assert feed_state.projects["shop", 0].unconfirmed_since == pytest.approx(0.0)


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Whoever reads while it is written reads the old one to its end."""
    state = StateFile(tmp_path)
    save(state, a_feed())
    file = tmp_path / "verdicts.json"

    with file.open(encoding="utf-8") as reader:
        save(state, a_feed({("shop", 0): PASSING}), now=30.0)
        old = json.load(reader)

    assert old["feeds"][KEY][0]["verdict"] == "broken"
    assert json.loads(file.read_text(encoding="utf-8"))["feeds"][KEY][0]["verdict"] == "passing"
    assert [each.name for each in tmp_path.iterdir()] == ["verdicts.json"]


def test_a_write_that_was_cut_short_is_harmless(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Power failed in the middle of a write: the file before it counts, and the rest goes away."""
    kept(tmp_path, a_feed())
    (tmp_path / "verdicts.new").write_text('{"version": 1, "fee', encoding="utf-8")
    state = StateFile(tmp_path)

    feed_state = loaded(state)[KEY]
    stop(state, a_feed({("shop", 0): PASSING}), now=30.0)

    assert feed_state.projects["shop", 0].verdict is Verdict.BROKEN
    assert [each.name for each in tmp_path.iterdir()] == ["verdicts.json"]
    assert warnings_of(caplog) == []


def test_folders_are_made(tmp_path: Path) -> None:
    """The first start on a new machine."""
    file = kept(tmp_path / "state" / "buildlight", a_feed())

    assert file.is_file()


# Files that are of no use.


def test_a_missing_file_is_no_trouble(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The first start warns of nothing."""
    found = load(tmp_path / "never")

    assert found == {}
    assert warnings_of(caplog) == []


GOOD_ROW = {"name": "shop", "nth": 0, "verdict": "broken", "confirmed": "2026-11-20T12:00:00Z"}


def a_file(**keys: object) -> bytes:
    """Return a file with one row; *keys* go over it."""
    rows = [{**GOOD_ROW, **keys}]
    return json.dumps({"version": 1, "clean": True, "feeds": {KEY: rows}}).encode()


def test_a_row_may_leave_out_what_nobody_knew(tmp_path: Path) -> None:
    """The damaged files below differ from a good one in one thing each."""
    (tmp_path / "verdicts.json").write_bytes(a_file())

    assert set(load(tmp_path)[KEY].projects) == {("shop", 0)}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 4096,
        a_file()[:-10],
        b"[]",
        b'{"version": 1}',
        b'{"feeds": {}}',
        a_file().replace(b"shop", b"sh\xffp"),
        b"[" * 100_000,
        a_file().replace(b'"version": 1', b'"version": 2'),
        b'{"version": 2, "feeds": [{"of": "a later time"}]}',
    ],
    ids=["empty", "zeros", "cut", "list", "no feeds", "no version", "utf-8", "deep", "version 2",
         "version 2, other shape"],
)  # fmt: skip
def test_a_file_of_no_use_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    """Damaged or from a later version: verdicts are learned anew, and kept again."""
    file = tmp_path / "verdicts.json"
    file.write_bytes(content)
    state = StateFile(tmp_path)

    found = loaded(state)
    save(state, a_feed())

    assert found == {}
    assert warnings_of(caplog) == [
        f"{file}: is damaged, or of another version; verdicts are learned anew"
    ]
    assert load(tmp_path)[KEY].projects["shop", 0].verdict is Verdict.BROKEN


@pytest.mark.parametrize(
    "odd",
    [
        {"verdict": "green"},
        {"confirmed": "yesterday"},
        {"confirmed": "2026-11-20T12:00:00"},
        {"confirmed": "9999-12-31T23:59:59-14:00"},
        {"since": "0001-01-01T00:00:00+14:00"},
        {"since": "2026-11-20T12:00:00+01:23:45"},
        {"time": "9999-12-31T23:59:59Z"},
        {"nth": -1},
        {"name": None},
    ],
    ids=str,
)
def test_a_row_of_no_use_costs_one_warning_and_no_other_row(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, odd: Mapping[str, object]
) -> None:
    """What a failing card made of two rows is dropped; the others and other feeds come back."""
    file = tmp_path / "verdicts.json"
    bad, other = {**GOOD_ROW, **odd}, key_of(URL, "other")
    rows = {KEY: [bad, {**GOOD_ROW, "name": "api"}], other: [GOOD_ROW], "bad": [bad, "no row"]}
    file.write_text(json.dumps({"version": 1, "clean": True, "feeds": rows}), encoding="utf-8")

    found = load(tmp_path, names=("web", "other"))

    assert {key: set(feed_state.projects) for key, feed_state in found.items()} == {
        KEY: {("api", 0)},
        other: {("shop", 0)},
    }
    assert warnings_of(caplog) == [f"{file}: is damaged in places; what was there is learned anew"]


@pytest.mark.parametrize(
    ("told", "comes_back"),
    [
        ("2026-11-20T12:00:00+01:23:45", True),
        ("2026-11-20T12:00:00+14:00", True),
        ("2026-11-20T12:00:00", True),
        ("1970-01-01T00:00:00", True),
        ("1970-01-01T00:00:00+14:00", False),
        ("0001-01-01T00:00:00", False),
        ("0001-01-01T00:00:00+14:00", False),
        ("9999-12-31T23:59:59-14:00", False),
    ],
)
def test_an_odd_time_in_a_feed_costs_no_verdict(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, told: str, *, comes_back: bool
) -> None:
    """Servers write any time and any zone: the row is kept, without the time if need be."""
    time = datetime.fromisoformat(told)
    known = a_memory(verdict=Verdict.BROKEN, build=("41", time))
    kept(tmp_path, a_feed({("shop", 0): known}))

    shop = load(tmp_path)[KEY].projects["shop", 0]

    assert shop.verdict is Verdict.BROKEN
    assert shop.build == ("41", time if comes_back else None)
    assert warnings_of(caplog) == []


def test_a_clock_that_starts_in_1970_loses_no_verdict(tmp_path: Path) -> None:
    """A Pi without a network is restarted twice: what was kept is old then, and still kept."""
    beginning = datetime(1970, 1, 1, 0, 1, tzinfo=UTC)
    kept(tmp_path, a_feed())
    state = StateFile(tmp_path)
    found = loaded(state, clock=beginning)

    stop(state, found, now=60.0, clock=beginning)

    assert load(tmp_path, clock=beginning)[KEY].projects["shop", 0].verdict is Verdict.BROKEN


def test_a_file_that_cannot_be_read_or_written_costs_a_warning_of_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Something else has its name: however often that is seen."""
    file = tmp_path / "verdicts.json"
    file.mkdir()
    state = StateFile(tmp_path)

    found = loaded(state)
    save(state, a_feed())
    stop(state, a_feed())

    assert found == {}
    assert warnings_of(caplog) == [
        f"{file}: cannot be used: Is a directory; verdicts are learned anew",
        f"{file}: cannot be written: Is a directory; {DOUBTED}",
    ]


def test_a_folder_that_cannot_be_written_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file is where the folder should be: the daemon goes on, and says what that means."""
    folder = tmp_path / "state"
    folder.touch()
    state = StateFile(folder)

    for verdict in (Verdict.BROKEN, Verdict.PASSING, Verdict.BROKEN):
        save(state, a_feed({("shop", 0): a_memory(verdict=verdict)}))
    stop(state, a_feed())

    (warning,) = warnings_of(caplog)
    assert warning.startswith(f"{folder / 'verdicts.json'}: cannot be written: ")
    assert warning.endswith(DOUBTED)


def test_a_full_disk_costs_one_warning_and_loses_no_red(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """/dev/full takes no byte, like a card with no room left; the old file is put aside."""
    file = kept(tmp_path, a_feed())
    (tmp_path / "verdicts.new").symlink_to("/dev/full")
    state = StateFile(tmp_path)
    loaded(state)

    save(state, a_feed({("shop", 0): PASSING}))
    stop(state, a_feed({("shop", 0): PASSING}))

    assert warnings_of(caplog) == [f"{file}: cannot be written: No space left on device; {DOUBTED}"]
    assert load(tmp_path)[KEY].projects["shop", 0].verdict is Verdict.BROKEN


def test_a_pipe_in_its_place_holds_nobody_up(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A start that waited for a writer would show nothing, and could not be stopped."""
    os.mkfifo(tmp_path / "verdicts.json")

    assert load(tmp_path) == {}
    assert "not a regular file" in caplog.text


def feed_states(folder: Path) -> FeedState:
    """Return how the feed stands by what is in *folder*."""
    return load(folder)[KEY]


def test_what_could_not_be_written_leaves_a_doubt(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file says green, and it was red since: a restart must not believe it."""
    file = kept(tmp_path, a_feed({("shop", 0): PASSING}))
    (tmp_path / "verdicts.new").symlink_to("/dev/full")
    state = StateFile(tmp_path)
    loaded(state)
    save(state, a_feed())
    caplog.clear()

    found = feed_states(tmp_path)

    assert found.projects["shop", 0].verdict is Verdict.NONE
    assert found.unwritten(RULES) == {"shop"}
    assert warnings_of(caplog) == [
        f"{file}: was left by a daemon that did not stop; servers have to confirm verdicts"
    ]


def test_a_doubt_outlives_another_restart(tmp_path: Path) -> None:
    """Whoever was not asked before the next restart is asked after it."""
    (tmp_path / "verdicts.old").write_bytes(kept(tmp_path, a_feed()).read_bytes())
    (tmp_path / "verdicts.json").unlink()
    state = StateFile(tmp_path)

    save(state, loaded(state))

    assert feed_states(tmp_path).unwritten(RULES) == {"shop"}


def test_a_kill_while_it_is_written_leaves_a_doubt(tmp_path: Path) -> None:
    """The old file is out of the way before the new one is begun."""
    kept(tmp_path, a_feed({("shop", 0): PASSING}))
    state = StateFile(tmp_path)
    loaded(state)
    os.mkfifo(tmp_path / "verdicts.new")
    state.publish(an_update_of(a_feed()))
    reader = os.open(tmp_path / "verdicts.new", os.O_RDONLY)  # Returns once the writer is there.

    found = feed_states(tmp_path)
    (tmp_path / "verdicts.new").unlink()
    os.close(reader)

    assert state.flush(PATIENCE)
    assert found.unwritten(RULES) == {"shop"}


def test_verdicts_that_changed_at_the_very_end_outdate_the_file(tmp_path: Path) -> None:
    """The last report is not always told before a stop."""
    kept(tmp_path, a_feed({("shop", 0): PASSING}))
    (tmp_path / "verdicts.new").symlink_to("/dev/full")
    state = StateFile(tmp_path)
    loaded(state)

    stop(state, a_feed())

    assert feed_states(tmp_path).unwritten(RULES) == {"shop"}


# Disks that hang.


def test_a_disk_that_hangs_costs_one_thread_and_a_warning_of_each_kind(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A pipe that nobody empties holds up who writes; once it breaks the newest is written."""
    pipe = tmp_path / "verdicts.new"
    os.mkfifo(pipe)
    state = StateFile(tmp_path)
    before = threading.active_count()
    state.publish(an_update_of(a_feed({("more than a pipe takes" * 10_000, 0): BROKEN})))
    reader = os.open(pipe, os.O_RDONLY)  # Returns once the writer is there.
    pipe.unlink()

    for verdict in (Verdict.BROKEN, Verdict.PASSING, Verdict.NONE):
        state.publish(an_update_of(a_feed({("shop", 0): a_memory(verdict=verdict)})))

    assert threading.active_count() == before + 1
    state.close(0.05)
    state.close(0.05)
    os.close(reader)
    assert state.flush(PATIENCE)
    assert load(tmp_path)[KEY].projects["shop", 0].verdict is Verdict.NONE
    late, broken = warnings_of(caplog)
    assert late.startswith(f"{tmp_path / 'verdicts.json'}: is not written yet; is the disk slow?")
    assert "cannot be written: Broken pipe" in broken


def test_nothing_to_write_needs_no_wait(tmp_path: Path) -> None:
    """A daemon whose servers never answered stops at once."""
    assert StateFile(tmp_path).flush(0.0)


# By what feeds are found.


def test_views_of_one_server_are_told_apart() -> None:
    """Their values are hidden, and their names change places with their tables."""
    web, ios = (key_of(f"https://ci.example/cc.xml?view={view}") for view in ("web", "ios"))

    assert web != ios
    assert "view=***" in web


@pytest.mark.parametrize(
    "url",
    [
        "https://ci.example/cc.xml?view=web&token={}",
        "https://ci.example/cc.xml?{}9f8e7d6c5b4a39281706&view=web",
        "https://{}:s3cret@ci.example/cc.xml?view=web",
        "https://bot:{}-s3cret@ci.example/cc.xml?view=web",
    ],
)
@pytest.mark.parametrize("secret", ["b", "web", "a1b2c3d4e5f6a7b8c9d0"])
def test_no_guess_at_a_secret_changes_the_key(url: str, secret: str) -> None:
    """Who reads the file cannot try passwords on it, and a new token keeps the verdicts."""
    assert key_of(url.format(secret)) == key_of(url.format("another"))


# Where it is.


def test_systemd_names_the_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of those in STATE_DIRECTORY."""
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/buildlight:/var/lib/other")
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere")

    assert state_folder() == Path("/var/lib/buildlight")


def test_a_user_may_have_a_folder_for_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """XDG_STATE_HOME, where systemd does not say anything."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", "/home/lamp/state")

    assert state_folder() == Path("/home/lamp/state/buildlight")


def test_otherwise_it_is_in_the_users_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """~/.local/state, as the README says."""
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/lamp")

    assert state_folder() == Path("/home/lamp/.local/state/buildlight")


def test_a_user_without_a_home_has_a_folder_nevertheless(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container there may be no home: no reason to stop."""

    def unknown(_uid: int) -> None:
        raise KeyError

    monkeypatch.setattr("pwd.getpwuid", unknown)
    for name in ("STATE_DIRECTORY", "XDG_STATE_HOME", "HOME"):
        monkeypatch.delenv(name, raising=False)

    assert state_folder().name == "buildlight"


def test_times_are_kept_in_utc(tmp_path: Path) -> None:
    """Whoever reads the file need not know the machine's zone."""
    clock = NOON.astimezone(timezone(timedelta(hours=5)))
    save(StateFile(tmp_path), a_feed(), now=0.0, clock=clock)

    (row,) = json.loads((tmp_path / "verdicts.json").read_text(encoding="utf-8"))["feeds"][KEY]

    assert datetime.fromisoformat(row["confirmed"]) == NOON
    assert datetime.fromisoformat(row["confirmed"]).tzinfo == UTC


def test_news_that_found_no_thread_are_written_with_the_next_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing else has to change for it."""
    state = StateFile(tmp_path)
    save(state, a_feed({("shop", 0): PASSING}))

    def none(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as poor:
        poor.setattr(threading.Thread, "start", none)
        state.publish(an_update_of(a_feed()))
    save(state, a_feed())

    assert [each.name for each in tmp_path.iterdir()] == ["verdicts.json"]
    assert load(tmp_path)[KEY].projects["shop", 0].verdict is Verdict.BROKEN
