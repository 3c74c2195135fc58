"""A lamp through office days: dark or dimmed at night, and a sound when something happens."""

from datetime import timedelta
from pathlib import Path

import pytest

from buildlight.cli import main
from buildlight.patterns.pattern import Channel
from support.examples import a_project
from support.world import Server, World

RED, AMBER, GREEN, BUZZER = Channel.RED, Channel.AMBER, Channel.GREEN, Channel.BUZZER
HOUR = 3600
# The world begins on a Friday at noon.
OFFICE = {"days": "mon-fri", "open": "08:00", "close": "19:00", "zone": "UTC"}
SELDOM = {"interval": 300}
"""Days pass in less time where nobody polls every half minute."""
PINS = {"red": 17, "amber": 27, "green": 22, "buzzer": 23}
GOOD = a_project(last_build_status="Success", last_build_label="1")
BAD = a_project(last_build_status="Failure", last_build_label="2")


def test_a_lamp_is_dark_when_the_office_is_closed() -> None:
    """At seven it goes out, whatever the builds do; at eight next day it is up to date."""
    ci = Server(GOOD)

    async def story(world: World) -> None:
        await world.wait(7 * HOUR - 1)
        assert world.lit == {GREEN}
        await world.wait(1)
        assert world.lit == frozenset()
        assert "the office is closed until Sat 2026-11-21 08:00" in world.report.lamps[0].because
        ci.answer = [BAD]
        await world.wait(13 * HOUR - 1)
        assert world.lit == frozenset()
        await world.wait(2)
        assert world.lit == {RED}

    World(ci=ci, lamp={"hours": {**OFFICE, "days": "mon-sat"}}, top=SELDOM).run(story)


def test_a_lamp_that_starts_at_night_stays_dark() -> None:
    """A power cut at three lights nobody's bedroom."""
    ci = Server(GOOD)

    async def story(world: World) -> None:
        await world.wait(60)

    world = World(ci=ci, lamp={"hours": {**OFFICE, "open": "18:00"}}).run(story)

    assert world.reports
    assert all(not frame.lit for _, frame in world.light.shown)


def test_the_lamp_switches_on_the_minute_even_if_no_feed_is_polled() -> None:
    """A server that is down for hours does not make the lamp late."""
    ci = Server()
    ci.answer = 503

    async def story(world: World) -> None:
        await world.wait(8 * HOUR)

    steady = {"hours": OFFICE, "patterns": {"stale": "amber"}}
    world = World(ci=ci, lamp=steady, top=SELDOM).run(story)

    went_dark = [at for at, report in world.reports if report.lamps[0].pattern.text == "off"]
    assert abs(went_dark[0] - 7 * HOUR) < 0.01


def test_nothing_is_played_while_the_office_is_closed() -> None:
    """Nobody is woken by a nightly build."""
    ci = Server(GOOD)
    lamp = {"pins": PINS, "hours": OFFICE, "events": {"broken": "buzzer 2s"}}

    async def story(world: World) -> None:
        await world.wait(9 * HOUR)
        world.light.shown.clear()
        ci.answer = [BAD]
        await world.wait(HOUR)

    world = World(ci=ci, lamp=lamp).run(story)

    assert all(not frame.lit for _, frame in world.light.shown)


def test_an_event_is_played_once_over_the_pattern() -> None:
    """The buzzer sounds for two seconds when the lamp turns red, and not again."""
    ci = Server(GOOD)
    lamp = {"pins": PINS, "events": {"broken": "buzzer 2s", "fixed": "green blink"}}

    async def story(world: World) -> None:
        ci.answer = [BAD]
        await world.wait(10 * 30)

    world = World(ci=ci, lamp=lamp).run(story)

    sounded = [(at, frame) for at, frame in world.light.shown if BUZZER in frame.lit]
    ((began, frame),) = sounded
    assert frame.lit == {RED, BUZZER}
    (ended,) = [at for at, each in world.light.shown if at > began and each.lit == {RED}]
    assert abs(ended - began - 2.0) < 0.01


def test_an_event_without_a_duration_ends_by_itself() -> None:
    """A green that blinks for three seconds says that it was fixed just now."""
    ci = Server(BAD)
    lamp = {"pins": PINS, "events": {"fixed": "green blink"}}

    async def story(world: World) -> None:
        ci.answer = [GOOD]
        await world.wait(2 * 30)

    world = World(ci=ci, lamp=lamp).run(story)

    began = next(at for at, frame in world.light.shown if frame.lit == {GREEN})
    blinks = [at - began for at, frame in world.light.shown if at > began and not frame.lit]
    assert [round(each, 2) for each in blinks[:-1]] == [0.5, 1.5, 2.5]
    assert world.light.shown[-2][1].lit == {GREEN}


def test_the_worst_of_several_events_is_played() -> None:
    """One project is fixed while another breaks: that is no moment to celebrate."""
    ci = Server(BAD, a_project("till", last_build_status="Success"))
    lamp = {"pins": PINS, "events": {"broken": "buzzer 1s", "fixed": "green blink 1s"}}

    async def story(world: World) -> None:
        ci.answer = [GOOD, a_project("till", last_build_status="Failure")]
        await world.wait(31)

    world = World(ci=ci, lamp=lamp).run(story)

    assert any(BUZZER in frame.lit for _, frame in world.light.shown)
    assert not any(GREEN in frame.lit for _, frame in world.light.shown)


def test_what_a_lamp_does_not_watch_is_not_played_on_it() -> None:
    """The nightly builds break without a sound."""
    ci = Server(GOOD, a_project("nightly", last_build_status="Success"))
    lamp = {"pins": PINS, "exclude": ["nightly"], "events": {"broken": "buzzer 1s"}}

    async def story(world: World) -> None:
        ci.answer = [GOOD, a_project("nightly", last_build_status="Failure")]
        await world.wait(31)

    world = World(ci=ci, lamp=lamp).run(story)

    assert not any(BUZZER in frame.lit for _, frame in world.light.shown)


def test_a_clock_that_is_set_right_is_believed_at_the_next_poll() -> None:
    """A Pi wakes up in the past; when the network sets its clock, the lamp follows."""
    ci = Server(GOOD)

    async def story(world: World) -> None:
        await world.wait(8 * HOUR)
        assert world.lit == frozenset()
        world.clock_offset -= timedelta(hours=4)
        await world.wait(31)
        assert world.lit == {GREEN}

    World(ci=ci, lamp={"hours": OFFICE}).run(story)


def test_the_next_ten_switches_of_each_lamp_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`buildlight hours` answers whether the lamp is dark on the holiday."""
    file = tmp_path / "buildlight.toml"
    file.write_text(
        '[[feeds]]\nurl = "http://ci.example/cc.xml"\n'
        '[[lamps]]\nname = "shelf"\ndriver = "console"\n'
        'hours = { days = "daily", open = "08:00", close = "19:00", zone = "UTC" }\n'
        '[[lamps]]\nname = "till"\ndriver = "gpio"\npins = { red = 17 }\n'
    )

    status = main(["hours", "--config", str(file)])

    lines = capsys.readouterr().out.splitlines()
    assert status == 0
    assert lines[0] == "shelf:"
    assert len(lines) == 12
    assert {line.split("  ")[-1] for line in lines[1:11]} == {"opens", "closes"}
    assert all("08:00 UTC" in line or "19:00 UTC" in line for line in lines[1:11])
    assert lines[11] == "till: always open"


def test_no_green_is_played_while_something_else_is_broken() -> None:
    """One of two broken projects is fixed: that is good news, but all is not well."""
    till = a_project("till", last_build_status="Failure")
    ci = Server(BAD, till)
    lamp = {"pins": PINS, "events": {"fixed": "green blink"}}

    async def story(world: World) -> None:
        ci.answer = [GOOD, till]
        await world.wait(31)

    world = World(ci=ci, lamp=lamp).run(story)

    assert not any(GREEN in frame.lit for _, frame in world.light.shown)


def test_what_is_played_ends_when_the_lamp_has_something_else_to_say() -> None:
    """Fixed, and broken again within a minute: the cheer does not go on over the red."""
    ci = Server(BAD)
    lamp = {"pins": PINS, "events": {"fixed": "green blink 60s"}}

    async def story(world: World) -> None:
        ci.answer = [GOOD]
        await world.wait(31)
        ci.answer = [a_project(last_build_status="Failure", last_build_label="3")]
        await world.wait(30)
        world.light.shown.clear()
        await world.wait(20)

    world = World(ci=ci, lamp=lamp).run(story)

    assert not any(GREEN in frame.lit for _, frame in world.light.shown)
