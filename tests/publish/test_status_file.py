"""The report as a file: what a reader finds, when, and what becomes of it."""

import os
import stat
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from buildlight.publish.status_file import NAME
from buildlight.report.as_json import to_json
from buildlight.report.update import HEARTBEAT
from support.examples import a_project
from support.world import Server, World

GOOD, BAD = a_project(last_build_status="Success"), a_project(last_build_status="Failure")
HOUR = 3600.0
SELDOM = {"interval": HOUR}
"""A configuration whose feeds bring nothing for a long time."""


def test_it_holds_the_report_and_everybody_may_read_it(tmp_path: Path) -> None:
    """Whatever the umask says; and what is there is what the daemon knows."""
    before = os.umask(0o077)

    async def story(world: World) -> None:
        status = world.status()
        assert (status.pop("pid"), status.pop("started")) == (os.getpid(), "2026-11-20T12:00:00Z")
        assert status == to_json(world.report)
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o644

    World(web=Server(BAD), folder=tmp_path).run(story)
    os.umask(before)


def test_every_change_is_there_at_once(tmp_path: Path) -> None:
    """Red is in the file as soon as it is on the lamp."""
    ci = Server(GOOD)

    async def story(world: World) -> None:
        assert world.status()["lamps"][0]["signal"]["verdict"] == "passing"
        ci.answer = [BAD]
        await world.wait(31)
        assert world.signal == "broken"
        assert world.status()["lamps"][0]["signal"]["verdict"] == "broken"
        assert world.status()["at"] == to_json(world.report)["at"]

    World(web=ci, folder=tmp_path).run(story)


def test_it_is_written_though_nothing_changes(tmp_path: Path) -> None:
    """With an hour between polls the file still shows who lives, twice a minute."""

    async def story(world: World) -> None:
        times = []
        for _ in range(20):
            times.append(world.status()["at"])
            await world.wait(HEARTBEAT + 0.01)
        assert len(set(times)) == 20

    World(web=Server(GOOD), folder=tmp_path, top=SELDOM).run(story)


def test_polls_that_bring_nothing_write_no_more_than_that(tmp_path: Path) -> None:
    """A feed that is asked every second does not have the file written every second."""
    written = set()

    async def story(world: World) -> None:
        for _ in range(300):
            world.status()
            written.add((tmp_path / NAME).stat().st_mtime_ns)
            await world.wait(1)

    world = World(
        web=Server(GOOD), folder=tmp_path, top={"interval": 1.0, "building_interval": 1.0}
    ).run(story)

    assert len(world.servers["web"].asked) > 200
    assert 300 / HEARTBEAT <= len(written) <= 300 / HEARTBEAT + 3


def test_since_when_survives_in_it(tmp_path: Path) -> None:
    """The moment since when the lamp is red does not move as time goes by."""

    async def story(world: World) -> None:
        first = world.status()["lamps"][0]["since"]
        await world.wait(HOUR)
        last = world.status()
        assert last["lamps"][0]["since"] == first
        assert last["at"] > first

    World(web=Server(BAD), folder=tmp_path).run(story)


def test_it_is_taken_away_at_the_end(tmp_path: Path) -> None:
    """Nobody keeps it true any more, and no other file is left."""

    async def story(world: World) -> None:
        assert world.status() is not None

    world = World(web=Server(GOOD), folder=tmp_path).run(story)

    assert world.status() is None
    assert not [*tmp_path.iterdir()]


def test_a_folder_of_no_use_costs_one_warning_and_no_light(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A file is in the folder's place: the lamp goes on, and the warning says what is lost."""
    folder = tmp_path / "run"
    folder.write_text("")
    ci = Server(GOOD)

    async def story(world: World) -> None:
        ci.answer = [BAD]
        await world.wait(HOUR)
        assert world.signal == "broken"

    World(web=ci, folder=folder).run(story)

    assert [each.getMessage() for each in caplog.records if NAME in each.getMessage()] == [
        f"{folder / NAME}: cannot be written: File exists; `buildlight explain` has nothing to read"
    ]


def test_a_folder_that_was_emptied_is_filled_again(tmp_path: Path) -> None:
    """Somebody tidied up: half a minute later the file is back."""

    async def story(world: World) -> None:
        world.status()
        (tmp_path / "run" / NAME).unlink()
        (tmp_path / "run").rmdir()
        await world.wait(HEARTBEAT + 0.1)
        assert world.status()["at"] == to_json(world.report)["at"]

    World(web=Server(GOOD), folder=tmp_path / "run").run(story)


def test_a_clock_that_jumps_is_written_down(tmp_path: Path) -> None:
    """The file says when it was written by the clock of now, and since when by that, too."""

    async def story(world: World) -> None:
        before = world.status()
        world.clock_offset = timedelta(days=-1)
        await world.wait(HEARTBEAT + 0.1)
        after = world.status()
        assert after["at"] < before["at"]
        assert after["lamps"][0]["since"] < before["lamps"][0]["since"]

    World(web=Server(GOOD), folder=tmp_path).run(story)


def test_a_disk_that_hangs_holds_neither_the_lamp_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe without a reader in the file's place blocks whoever writes it, and nobody else."""
    monkeypatch.setattr("buildlight.system.atomic_file.AGAIN", 0.01)
    os.mkfifo(tmp_path / "status.new")
    ci = Server(GOOD)

    async def story(world: World) -> None:
        ci.answer = [BAD]
        await world.wait(31)
        assert world.signal == "broken"

    World(web=ci, folder=tmp_path).run(story)
    reader = os.open(tmp_path / "status.new", os.O_RDONLY | os.O_NONBLOCK)  # Let the thread end.
    (tmp_path / "status.new").unlink()
    threads = [each for each in threading.enumerate() if each.name == NAME]
    for thread in threads:
        thread.join(10.0)
    os.close(reader)
    assert not any(thread.is_alive() for thread in threads)


def test_a_project_of_any_name_is_told(tmp_path: Path) -> None:
    """The file is for programs: names are in it as they are."""
    name = 'shop "\N{SNOWMAN}\u202e</Projects>'

    async def story(world: World) -> None:
        assert [each["name"] for each in world.status()["projects"]] == [name]

    World(web=Server(a_project(name)), folder=tmp_path).run(story)
