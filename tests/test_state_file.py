"""Verdicts kept across restarts: real files in a real folder."""

import json
import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from conftest import NOON, a_memory, a_project

from buildlight.counted import Watched
from buildlight.memory import Remembered, Verdict
from buildlight.places import state_folder
from buildlight.reading import Key, Rules, Standing
from buildlight.state_file import StateFile, feed_key

URL = "https://ci.example/cc.xml?token=***"
KEY = feed_key("web", URL)
HOUR = 3600.0
BROKEN = a_memory(verdict=Verdict.BROKEN)
PASSING = a_memory(verdict=Verdict.PASSING)


def a_feed(
    known: Mapping[Key, Remembered] | None = None, *, confirmed: float = 0.0, name: str = "web"
) -> Watched:
    """Return a feed of which *known* is remembered, last *confirmed* at that time."""
    projects = {("shop", 0): BROKEN} if known is None else known
    standing = Standing(projects=projects, confirmed=dict.fromkeys(projects, confirmed))
    return Watched(name, URL, standing, Rules(max_age=110))


def load(folder: Path, *, now: float = 0.0, clock: datetime = NOON) -> dict[str, Standing]:
    """Return what a daemon that starts finds in *folder*."""
    return StateFile(folder).load(now=now, clock=clock)


def kept(folder: Path, feed: Watched) -> Path:
    """Keep *feed* in *folder*, and return the file."""
    StateFile(folder).save([feed], now=0.0, clock=NOON)
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

    standing = load(tmp_path)[KEY]

    shop = standing.projects["shop", 0]
    assert (shop.verdict, shop.since, shop.build) == (Verdict.BROKEN, since, ("41", since))
    assert not shop.building
    assert standing.answered is None
    assert standing.seen == {}


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


def test_a_feed_is_found_by_its_name_and_its_address(tmp_path: Path) -> None:
    """A feed that moved to another server does not inherit the old one's verdicts."""
    kept(tmp_path, a_feed())

    found = load(tmp_path)

    assert set(found) == {feed_key("web", URL)}
    assert feed_key("web", "https://other.example/cc.xml") not in found


def test_a_feed_without_projects_is_not_kept(tmp_path: Path) -> None:
    """There is nothing to remember of it."""
    file = StateFile(tmp_path)

    file.refresh([a_feed({}), a_feed(name="other")], now=0.0, clock=NOON)

    assert set(load(tmp_path)) == {feed_key("other", URL)}


def test_the_file_holds_no_secret(tmp_path: Path) -> None:
    """It names projects and addresses without their tokens, and no link."""
    project = a_project(web_url="https://ci.example/shop?token=SECRET")

    file = kept(tmp_path, a_feed({("shop", 0): a_memory(project=project)}))

    assert "SECRET" not in file.read_text(encoding="utf-8")
    assert "token=***" in file.read_text(encoding="utf-8")


# How old what was kept is.


def test_time_passes_while_the_daemon_is_stopped(tmp_path: Path) -> None:
    """Confirmed ten minutes before the stop, and an hour for the restart."""
    StateFile(tmp_path).save([a_feed(confirmed=400.0)], now=1000.0, clock=NOON)

    standing = load(tmp_path, now=5.0, clock=NOON + timedelta(hours=1))[KEY]

    assert standing.confirmed["shop", 0] == pytest.approx(5.0 - 600.0 - HOUR)


def test_the_zone_of_the_machine_does_not_matter(tmp_path: Path) -> None:
    """A lamp that travels, or a summer that ends, makes no news older."""
    kept(tmp_path, a_feed())
    elsewhere = NOON.astimezone(timezone(timedelta(hours=-7)))

    assert load(tmp_path, clock=elsewhere)[KEY].confirmed["shop", 0] == pytest.approx(0.0)


@pytest.mark.parametrize("off", [timedelta(days=-365), timedelta(days=365)])
def test_a_clock_that_was_wrong_makes_nothing_new(tmp_path: Path, off: timedelta) -> None:
    """A Pi starts in the past: what was kept is old then, and never from the future."""
    kept(tmp_path, a_feed())

    confirmed = load(tmp_path, now=7.0, clock=NOON + off)[KEY].confirmed["shop", 0]

    assert confirmed == pytest.approx(7.0 - timedelta(days=365).total_seconds())


# When it is written.


def test_nothing_known_writes_nothing(tmp_path: Path) -> None:
    """A daemon whose servers never answered leaves no file."""
    StateFile(tmp_path).save([a_feed({})], now=0.0, clock=NOON)

    assert list(tmp_path.iterdir()) == []


def test_the_same_verdicts_are_written_once(tmp_path: Path) -> None:
    """An SD card wears out; a thousand polls without news do not touch it."""
    state = StateFile(tmp_path)
    state.save([a_feed()], now=0.0, clock=NOON)
    before = (tmp_path / "verdicts.json").stat()

    for poll in range(1, 1000):
        at = 30.0 * poll
        building = a_memory(verdict=Verdict.BROKEN, building=bool(poll % 2))
        state.save([a_feed({("shop", 0): building}, confirmed=at)], now=at, clock=NOON)

    after = (tmp_path / "verdicts.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_what_was_loaded_is_not_written_again(tmp_path: Path) -> None:
    """A restart without news does not touch the file."""
    before = kept(tmp_path, a_feed()).stat()
    state = StateFile(tmp_path)
    state.load(now=0.0, clock=NOON)

    state.save([a_feed()], now=30.0, clock=NOON)

    after = (tmp_path / "verdicts.json").stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_new_verdict_is_written_at_once(tmp_path: Path) -> None:
    """Power may fail in the next moment."""
    state = StateFile(tmp_path)
    state.save([a_feed()], now=0.0, clock=NOON)

    state.save([a_feed({("shop", 0): PASSING})], now=30.0, clock=NOON)

    assert load(tmp_path)[KEY].projects["shop", 0].verdict is Verdict.PASSING


def test_a_project_that_is_gone_is_gone_from_the_file(tmp_path: Path) -> None:
    """It does not come back with a restart."""
    state = StateFile(tmp_path)
    state.save([a_feed({("shop", 0): PASSING, ("web", 0): BROKEN})], now=0.0, clock=NOON)

    state.save([a_feed({("shop", 0): PASSING})], now=30.0, clock=NOON)

    assert set(load(tmp_path)[KEY].projects) == {("shop", 0)}


def test_a_stop_writes_when_verdicts_were_confirmed(tmp_path: Path) -> None:
    """The verdicts are the same, but their age is not."""
    state = StateFile(tmp_path)
    state.save([a_feed(confirmed=0.0)], now=0.0, clock=NOON)

    state.refresh([a_feed(confirmed=HOUR)], now=HOUR, clock=NOON + timedelta(hours=1))

    standing = load(tmp_path, now=0.0, clock=NOON + timedelta(hours=1))[KEY]
    assert standing.confirmed["shop", 0] == pytest.approx(0.0)


def test_the_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    """Whoever reads while it is written reads the old one to its end."""
    state = StateFile(tmp_path)
    state.save([a_feed()], now=0.0, clock=NOON)
    file = tmp_path / "verdicts.json"

    with file.open(encoding="utf-8") as reader:
        state.save([a_feed({("shop", 0): PASSING})], now=30.0, clock=NOON)
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

    standing = state.load(now=0.0, clock=NOON)[KEY]
    state.save([a_feed({("shop", 0): PASSING})], now=30.0, clock=NOON)

    assert standing.projects["shop", 0].verdict is Verdict.BROKEN
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
    return json.dumps({"version": 1, "feeds": {KEY: rows}}).encode()


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
        a_file(verdict="green"),
        a_file(confirmed="yesterday"),
        a_file(confirmed="2026-11-20T12:00:00"),
        a_file(nth=-1),
        a_file(name=None),
        a_file().replace(b"shop", b"sh\xffp"),
        b"[" * 100_000,
        a_file().replace(b'"version": 1', b'"version": 2'),
        b'{"version": 2, "feeds": [{"of": "a later time"}]}',
    ],
    ids=["empty", "zeros", "cut", "list", "no feeds", "no version", "verdict", "time", "zone",
         "number", "name", "utf-8", "deep", "version 2", "version 2, other shape"],
)  # fmt: skip
def test_a_file_of_no_use_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: bytes
) -> None:
    """Damaged or from a later version: verdicts are learnt anew, and kept again."""
    file = tmp_path / "verdicts.json"
    file.write_bytes(content)
    state = StateFile(tmp_path)

    found = state.load(now=0.0, clock=NOON)
    state.save([a_feed()], now=0.0, clock=NOON)

    assert found == {}
    assert warnings_of(caplog) == [
        f"{file}: is damaged, or of another version; verdicts are learnt anew"
    ]
    assert load(tmp_path)[KEY].projects["shop", 0].verdict is Verdict.BROKEN


def test_a_file_that_cannot_be_read_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Something else has its name: one line, although writing fails as well."""
    file = tmp_path / "verdicts.json"
    file.mkdir()
    state = StateFile(tmp_path)

    found = state.load(now=0.0, clock=NOON)
    state.save([a_feed()], now=0.0, clock=NOON)
    state.refresh([a_feed()], now=0.0, clock=NOON)

    assert found == {}
    assert warnings_of(caplog) == [f"{file}: cannot be read: Is a directory"]


def test_a_folder_that_cannot_be_written_costs_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file is where the folder should be: the daemon goes on, and says what that means."""
    folder = tmp_path / "state"
    folder.touch()
    state = StateFile(folder)

    for verdict in (Verdict.BROKEN, Verdict.PASSING, Verdict.BROKEN):
        state.save([a_feed({("shop", 0): a_memory(verdict=verdict)})], now=0.0, clock=NOON)
    state.refresh([a_feed()], now=0.0, clock=NOON)

    (warning,) = warnings_of(caplog)
    assert warning.startswith(f"{folder / 'verdicts.json'}: cannot be written: ")
    assert warning.endswith("; a restart will forget verdicts")


def test_a_full_disk_costs_one_warning_and_spares_the_old_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """/dev/full takes no byte, like a card with no room left."""
    file = kept(tmp_path, a_feed())
    (tmp_path / "verdicts.new").symlink_to("/dev/full")
    state = StateFile(tmp_path)
    state.load(now=0.0, clock=NOON)

    state.save([a_feed({("shop", 0): PASSING})], now=0.0, clock=NOON)
    state.refresh([a_feed({("shop", 0): PASSING})], now=0.0, clock=NOON)

    assert warnings_of(caplog) == [
        f"{file}: cannot be written: No space left on device; a restart will forget verdicts"
    ]
    assert load(tmp_path)[KEY].projects["shop", 0].verdict is Verdict.BROKEN


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
    StateFile(tmp_path).save([a_feed()], now=0.0, clock=clock)

    (row,) = json.loads((tmp_path / "verdicts.json").read_text(encoding="utf-8"))["feeds"][KEY]

    assert datetime.fromisoformat(row["confirmed"]) == NOON
    assert datetime.fromisoformat(row["confirmed"]).tzinfo == UTC
