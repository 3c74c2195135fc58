"""Why each lamp looks as it does: what `buildlight explain` says, and when it doubts it."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from buildlight.cli import main
from buildlight.cli.explain import LISTED, OLD, StatusDocument, lines, read_status
from buildlight.errors import StatusUnknown
from buildlight.publish.status_file import NAME
from buildlight.system.running_daemon import RunningDaemon, find_running_daemon
from support.examples import NOON, a_project
from support.lights import as_nobody
from support.running import BUILDLIGHT, PATIENCE, Daemon, Tower, configuration, until
from support.servers import BROKEN_FEED, Answer, FeedServer
from support.world import Server, World

SERVICE = RunningDaemon(412, service=True)
BAD = a_project(last_build_status="Failure", last_build_label="8", web_url="http://ci.example/shop")
GOOD = a_project(last_build_status="Success")


def written(folder: Path, *, seconds: float = 300.0, **keys: Any) -> Any:
    """Return what a daemon writes into *folder* of the world that *keys* make, after a while."""
    found: list[Any] = []

    async def story(world: World) -> None:
        await world.wait(seconds)
        found.append(world.status())

    World(folder=folder, **keys).run(story)
    (folder / NAME).write_text(json.dumps(found[0]))
    return found[0]


def told(
    folder: Path, *, clock: datetime, holder: RunningDaemon | None = SERVICE
) -> StatusDocument:
    """Read what is in *folder*."""
    return read_status([folder], clock=clock, find_running_daemon=lambda **_: holder)


def at(document: Mapping[str, Any]) -> datetime:
    """Return when *document* was written."""
    return datetime.fromisoformat(document["at"])


# What is said.


def test_a_red_lamp_is_explained(tmp_path: Path) -> None:
    """What it shows, why, since when, by what rule, until when, from where, and who is to blame."""
    document = written(tmp_path, web=Server(BAD))

    said = lines(told(tmp_path, clock=at(document)), clock=at(document))

    age = f"{document['feeds'][0]['age']:.0f} seconds"
    assert said == (
        "lamp (driver gpio) shows: red",
        "  because:  shop is broken",
        "  since:    12:00:00",
        "  rule:     one broken project is enough; it stays broken until a build of it passes",
        "  until:    a build of shop passes",
        "  light:    told: it took what was sent, and cannot be asked what it shows",
        f"  feed:     web is fresh, answered {age} ago, http://web.example/cc.xml",
        "  broken:   shop, build 8: http://ci.example/shop",
    )


def test_what_is_known_of_a_run_is_explained(tmp_path: Path) -> None:
    """GitHub tells more than cc.xml."""
    document = written(tmp_path, web=Server(BAD))
    run = {"branch": "main", "commit": "3f2c1d0e5a", "attempt": 2, "author": "ada"}
    document["projects"][0]["run"] = {**run, "started": "2026-11-20T12:00:00+00:00"}
    (tmp_path / NAME).write_text(json.dumps(document))

    said = lines(told(tmp_path, clock=at(document)), clock=at(document))

    assert said[-1].startswith(
        "  broken:   shop, build 8, on main, attempt 2, by ada, commit 3f2c1d0, "
        "started 12:00:00: http"
    )


@pytest.mark.parametrize(("later", "more"), [(20.0, 20.0), (-20.0, 0.0)])
def test_an_answer_has_grown_older_since_it_was_written_down(
    tmp_path: Path, later: float, more: float
) -> None:
    """The file is written every half minute; a clock that was set back makes nothing younger."""
    document = written(tmp_path, web=Server(BAD))
    clock = at(document) + timedelta(seconds=later)

    said = lines(told(tmp_path, clock=clock), clock=clock)

    age = document["feeds"][0]["age"] + more
    # A fresh feed may have answered since: no file is written for the same news again.
    answered = f"within the last {age:.0f} seconds" if more else f"{age:.0f} seconds ago"
    assert any(f"answered {answered}" in line for line in said)


def test_a_silent_server_is_explained(tmp_path: Path) -> None:
    """Why it is not green: what failed, and that a good answer would end it."""
    server = Server()
    server.answer = 503
    document = written(tmp_path, web=server)

    said = lines(told(tmp_path, clock=at(document)), clock=at(document))

    refused = "503 Service Unavailable: the server failed; see its log"
    assert f"  because:  the feed has not answered yet: {refused}" in said
    assert "  rule:     unknown or old results are never shown as passing" in said
    assert "  until:    the feed gives a good answer" in said
    assert f"  feed:     web has not answered yet, http://web.example/cc.xml; {refused}" in said


def test_a_pattern_that_matches_nothing_is_explained(tmp_path: Path) -> None:
    """A typo in `include`, of the lamp and of its feed."""
    feeds = {"web": {"include": ["shop", "tils*"]}}
    document = written(tmp_path, web=Server(GOOD), feeds=feeds, lamp={"include": ["sho*", "pos*"]})

    said = lines(told(tmp_path, clock=at(document)), clock=at(document))

    assert "  warning:  no project matches 'pos*' in include" in said
    assert "  warning:  web: no project matches 'tils*' in include" in said


def test_a_closed_office_is_explained(tmp_path: Path) -> None:
    """A dark lamp is not a broken one."""
    hours = {"days": "mon-fri", "open": "13:00", "close": "19:00", "zone": "UTC"}
    document = written(tmp_path, web=Server(GOOD), lamp={"hours": hours})

    said = lines(told(tmp_path, clock=at(document)), clock=at(document))

    assert said[0] == "lamp (driver gpio) shows: off"
    assert said[1].startswith("  because:  the office is closed until 13:00; ")
    assert any(line.startswith("  until:    the office opens or ") for line in said)


def test_a_light_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The lamp would be red, if anybody plugged it in."""
    found: list[Any] = []

    async def story(world: World) -> None:
        world.light.gone = True
        world.servers["web"].answer = [BAD]
        await world.wait(60)
        found.append(world.status())

    World(web=Server(GOOD), folder=tmp_path).run(story)
    (tmp_path / NAME).write_text(json.dumps(found[0]))

    said = lines(told(tmp_path, clock=at(found[0])), clock=at(found[0]))

    assert said[1] == "  but its light is lost: it is not plugged in"


def test_what_an_older_daemon_did_not_write_is_not_told(tmp_path: Path) -> None:
    """After an upgrade the file is the old daemon's until it is restarted."""
    document = written(tmp_path, web=Server(GOOD))
    (lamp,) = document["lamps"]
    lamp["light"] = "lost"
    del lamp["known"], lamp["light_because"]
    (tmp_path / NAME).write_text(json.dumps(document))

    said = lines(told(tmp_path, clock=at(document)), clock=at(document))

    assert said[1] == "  but its light is lost; the log says why"


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ("confirmed", "confirmed: it answers, and what it shows was read back"),
        ("told", "told: it took what was sent, and cannot be asked what it shows"),
    ],
)
def test_what_is_known_of_a_light_is_told(tmp_path: Path, known: str, words: str) -> None:
    """A light that cannot answer is not known to shine."""
    document = written(tmp_path, web=Server(GOOD))
    document["lamps"][0]["known"] = known
    (tmp_path / NAME).write_text(json.dumps(document))

    said = lines(told(tmp_path, clock=at(document)), clock=at(document))

    assert f"  light:    {words}" in said


def test_a_moment_of_another_day_is_told_with_its_date(tmp_path: Path) -> None:
    """Red since Friday is not red since this morning."""
    document = written(tmp_path, web=Server(BAD))

    monday = at(document) + timedelta(days=3)

    said = lines(told(tmp_path, clock=monday), clock=monday)
    assert "  since:    Fri 2026-11-20 12:00:00" in said


def test_many_broken_projects_are_counted(tmp_path: Path) -> None:
    """A terminal has an end."""
    projects = [a_project(f"shop {number}", last_build_status="Failure") for number in range(50)]
    document = written(tmp_path, web=Server(*projects))

    said = lines(told(tmp_path, clock=at(document)), clock=at(document))

    assert sum(line.startswith("  broken:   shop") for line in said) == LISTED
    assert said[-1] == "  broken:   and 30 more"


HOSTILE = [
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "x" * 20_000,
    "]0;owned",
    "%s %(name)s {0} \\n",
    "</Projects>",
    "\N{SNOWMAN}" * 200,
]


@pytest.mark.parametrize("name", HOSTILE, ids=lambda name: name[:10].encode("unicode_escape"))
def test_no_name_plays_with_the_terminal(tmp_path: Path, name: str) -> None:
    """Whatever a server calls its projects, it is shown and not obeyed, and fits on a line."""
    hostile = a_project(name, last_build_status="Failure", last_build_label=name, web_url=name)
    document = written(tmp_path, web=Server(hostile))
    assert document["projects"][0]["verdict"] == "broken"

    said = lines(told(tmp_path, clock=at(document)), clock=at(document))

    assert all(line.isprintable() for line in said)
    assert max(map(len, said)) < 5000


def test_namesakes_and_pipelines_are_told(tmp_path: Path) -> None:
    """Two projects of one name, one of them broken; and stages that count as one."""
    server = Server(GOOD, BAD, a_project("pay :: build"), a_project("pay :: test"))
    server.answer = [
        GOOD,
        BAD,
        a_project("pay :: build", last_build_status="Success"),
        a_project("pay :: test", last_build_status="Failure"),
    ]
    document = written(tmp_path, web=server, feeds={"web": {"roll_up": "pipeline"}})

    said = lines(told(tmp_path, clock=at(document)), clock=at(document))

    assert [line.split(",")[0] for line in said if "broken: " in line] == [
        "  broken:   shop",
        "  broken:   pay",
    ]


# When it is doubted.


def test_a_daemon_that_writes_is_believed(tmp_path: Path) -> None:
    """There is one, and it wrote half a minute ago."""
    document = written(tmp_path, web=Server(GOOD))

    assert told(tmp_path, clock=at(document) + timedelta(seconds=30)).doubt is None
    assert told(tmp_path, clock=at(document) + timedelta(seconds=OLD)).doubt is None


@pytest.mark.parametrize("jump", [timedelta(minutes=10), -timedelta(days=1)], ids=str)
def test_a_daemon_that_stopped_writing_is_doubted(tmp_path: Path, jump: timedelta) -> None:
    """It hangs, or the clock was changed: the sentence names both."""
    document = written(tmp_path, web=Server(GOOD))

    doubt = told(tmp_path, clock=at(document) + jump).doubt

    span = "10 minutes" if jump > timedelta() else "24 hours"
    assert doubt == (
        f"the daemon (pid 412) has not written for {span}: it hangs, or the clock was changed; "
        "this may be out of date"
    )


def test_a_daemon_that_is_gone_is_told(tmp_path: Path) -> None:
    """It was killed, and its last words are still there."""
    document = written(tmp_path, web=Server(GOOD))

    doubt = told(tmp_path, clock=at(document) + timedelta(seconds=5), holder=None).doubt

    assert doubt == (
        f"buildlight does not run any more; {tmp_path / NAME} is 5 seconds old; "
        "look at `systemctl status buildlight`, or start it"
    )


def test_no_daemon_at_all_is_told(tmp_path: Path) -> None:
    """All places are named where it was looked for."""
    with pytest.raises(StatusUnknown) as caught:
        read_status(
            [tmp_path, tmp_path / "other"], clock=NOON, find_running_daemon=lambda **_: None
        )

    assert str(caught.value) == (
        f"no buildlight runs here: there is no {tmp_path / NAME} nor {tmp_path / 'other' / NAME}; "
        "start one with `sudo systemctl start buildlight`, or `buildlight run`"
    )


def test_the_first_folder_wins(tmp_path: Path) -> None:
    """The service is asked before what somebody runs by hand."""
    first, second = tmp_path / "first", tmp_path / "second"
    second.mkdir()
    document = written(second, web=Server(GOOD))
    clock = at(document)

    def file() -> Path:
        return read_status(
            [first, second], clock=clock, find_running_daemon=lambda **_: SERVICE
        ).file

    assert file() == second / NAME
    first.mkdir()
    (first / NAME).write_text(json.dumps(document))
    assert file() == first / NAME


WHOLE = {"version": 1, "at": "2026-11-20T12:00:00Z", "feeds": [], "projects": [], "lamps": []}
LAMP = {
    "name": "lamp",
    "driver": "gpio",
    "light": "ok",
    "feeds": [],
    "pattern": "red",
    "because": "shop is broken",
    "rule": "",
    "until": "",
    "since": "2026-11-20T12:00:00Z",
    "broken": [],
}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "\N{SNOWMAN}",
        "[" * 100_000,
        '{"version": 1}',
        json.dumps({**WHOLE, "at": None}),
        json.dumps({**WHOLE, "at": "noon"}),
        json.dumps({**WHOLE, "at": "2026-11-20T12:00:00"}),
        json.dumps({**WHOLE, "feeds": None}),
        json.dumps({**WHOLE, "feeds": [{}]}),
        json.dumps({**WHOLE, "projects": "none"}),
        json.dumps({**WHOLE, "lamps": [{}]}),
        json.dumps({**WHOLE, "lamps": [{**LAMP, "feeds": ["web"]}]}),
        json.dumps({**WHOLE, "lamps": [{**LAMP, "since": 7}]}),
        json.dumps({**WHOLE, "lamps": [{**LAMP, "because": None}]}),
        json.dumps({**WHOLE, "lamps": [{**LAMP, "broken": [{"feed": "web", "name": "shop"}]}]}),
    ],
    ids=lambda text: text[-40:],
)
def test_a_damaged_file_is_told(tmp_path: Path, text: str) -> None:
    """One sentence, whatever is in it."""
    (tmp_path / NAME).write_text(text)

    with pytest.raises(StatusUnknown) as caught:
        lines(told(tmp_path, clock=NOON), clock=NOON)

    assert str(caught.value) == f"{tmp_path / NAME}: is damaged; restart the daemon"


def test_a_whole_file_is_not_called_damaged(tmp_path: Path) -> None:
    """What the damaged ones are made of is good."""
    (tmp_path / NAME).write_text(json.dumps({**WHOLE, "lamps": [LAMP]}))

    assert lines(told(tmp_path, clock=NOON), clock=NOON)[0] == "lamp (driver gpio) shows: red"


@pytest.mark.parametrize("text", ['{"version": 2}', "[]", "7", "null", '{"version": "1"}'])
def test_another_version_is_told(tmp_path: Path, text: str) -> None:
    """After an upgrade the old daemon may still run."""
    (tmp_path / NAME).write_text(text)

    with pytest.raises(StatusUnknown, match="is of another version; restart the daemon after"):
        told(tmp_path, clock=NOON)


@pytest.mark.parametrize(
    ("make", "why"), [(Path.mkdir, "Is a directory"), (os.mkfifo, "not a regular file")]
)
def test_a_file_that_cannot_be_read_is_told(
    tmp_path: Path, make: Callable[[Path], None], why: str
) -> None:
    """A folder in its place, or a pipe that would be waited for."""
    make(tmp_path / NAME)

    with pytest.raises(StatusUnknown, match=f"cannot be read: {why}"):
        told(tmp_path, clock=NOON)


def test_a_folder_of_somebody_else_is_passed_over(tmp_path: Path) -> None:
    """`sudo -u` keeps the variable that names the folder of the user before."""
    with as_nobody() as readable:
        closed = readable / "closed"
        closed.mkdir()
        (readable / NAME).write_text(json.dumps(WHOLE))
        closed.chmod(0o000)

        found = read_status(
            [closed / "deep", readable], clock=NOON, find_running_daemon=lambda **_: SERVICE
        )
        closed.chmod(0o700)

    assert found.file == readable / NAME


# As a command.


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Give a machine without any daemon; returns its run folder."""
    run, proc = tmp_path / "run", tmp_path / "proc"
    run.mkdir()
    proc.mkdir()
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(run))
    monkeypatch.setattr("buildlight.system.paths.SERVICE_RUN", tmp_path / "no service")
    monkeypatch.setattr(
        "buildlight.system.running_daemon.find_running_daemon", partial(find_running_daemon, proc)
    )
    monkeypatch.setenv("XDG_RUNTIME_DIR", "")
    return run


def a_daemon(here: Path) -> None:
    """Have a process that looks like one run."""
    (here.parent / "proc" / "412").mkdir()
    (here.parent / "proc" / "412" / "cmdline").write_text("/opt/buildlight\0run\0")


def test_without_a_daemon_it_is_1(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script can ask, too."""
    assert main(["explain"]) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"buildlight: no buildlight runs here: there is no {here / NAME} nor ")


def test_what_is_doubted_is_told_all_the_same(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was left may explain what is still lit; the doubt comes with it, and status 1."""
    (here / NAME).write_text(json.dumps({**WHOLE, "lamps": [LAMP]}))

    assert main(["explain"]) == 1

    out, err = capsys.readouterr()
    assert "lamp (driver gpio) shows: red" in out
    assert "buildlight does not run any more" in err


@pytest.mark.parametrize("options", [[], ["--json"]], ids=["words", "json"])
def test_a_damaged_file_is_1_and_says_nothing_else(
    here: Path, capsys: pytest.CaptureFixture[str], options: list[str]
) -> None:
    """No traceback, and no half of an explanation."""
    (here / NAME).write_text(json.dumps({**WHOLE, "lamps": [LAMP, {}]}))
    a_daemon(here)

    assert main(["explain", *options]) == 1

    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"buildlight: {here / NAME}: is damaged; restart the daemon\n"


def test_json_is_what_was_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For programs: the report as it is everywhere, and 0 if it can be believed."""
    document = {**written(here, web=Server(BAD)), "pid": 412}
    now = datetime.now(tz=NOON.tzinfo).isoformat(timespec="seconds")
    (here / NAME).write_text(json.dumps({**document, "at": now}))
    a_daemon(here)

    assert main(["explain", "--json"]) == 0

    out, err = capsys.readouterr()
    assert json.loads(out) == {**document, "at": now}
    assert err == ""


def test_only_the_writer_vouches_for_its_file(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After kill -9, the daemon of somebody else does not make an old file true."""
    now = datetime.now(tz=NOON.tzinfo).isoformat(timespec="seconds")
    (here / NAME).write_text(json.dumps({**WHOLE, "at": now, "lamps": [LAMP], "pid": 411}))
    a_daemon(here)

    assert main(["explain"]) == 1

    assert "buildlight does not run any more" in capsys.readouterr().err


def test_the_file_of_a_daemon_that_runs_wins(tmp_path: Path) -> None:
    """A service that crashed left its file; the daemon of this user runs."""
    service, user = tmp_path / "service", tmp_path / "user"
    for folder, pid in ((service, 1), (user, 412)):
        folder.mkdir()
        (folder / NAME).write_text(json.dumps({**WHOLE, "pid": pid}))

    found = read_status(
        [service, user],
        clock=datetime.fromisoformat(str(WHOLE["at"])),
        find_running_daemon=lambda pid: RunningDaemon(412, service=False) if pid == 412 else None,
    )

    assert found.file == user / NAME
    assert found.passed_over == (service / NAME,)


@pytest.fixture
def explained(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run the installed program beside a daemon whose run folder is here."""

    def explain(*options: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BUILDLIGHT, "explain", *options],
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, "RUNTIME_DIRECTORY": str(tmp_path / "run")},
            timeout=PATIENCE,
            check=False,
        )

    return explain


def test_a_running_daemon_is_explained(
    run: Callable[..., Daemon],
    tower: Tower,
    tmp_path: Path,
    explained: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Both processes are real: while it runs, and after it was stopped."""
    with FeedServer(Answer(BROKEN_FEED)) as server:
        daemon = run(
            configuration(server.url(), port=tower.port), RUNTIME_DIRECTORY=str(tmp_path / "run")
        )
        until(lambda: "lamp: broken" in daemon.said(), daemon)
        file = tmp_path / "run" / NAME
        until(lambda: json.loads(file.read_text())["lamps"][0]["pattern"] == "red", daemon)

        found = explained()
        assert daemon.stop() == 0
        gone = explained()

    assert (found.returncode, found.stderr) == (0, "")
    assert found.stdout.startswith("lamp (driver serial) shows: red\n  because:  shop is")
    assert re.search(rf"answered .*\d+ seconds?( ago)?, {re.escape(server.url())}", found.stdout)
    assert gone.returncode == 1
    assert "no buildlight runs here" in gone.stderr
