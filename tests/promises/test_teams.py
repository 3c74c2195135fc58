"""Several lamps on one daemon: each has its own feeds, looks, events, hours and troubles."""

import random
from itertools import pairwise
from typing import Any

from buildlight.patterns.pattern import Channel
from buildlight.report.shown import Light
from support.examples import a_project
from support.world import Server, World

RED, AMBER, GREEN, BUZZER = Channel.RED, Channel.AMBER, Channel.GREEN, Channel.BUZZER
HOUR = 3600
GOOD = a_project("shop", last_build_status="Success", last_build_label="1")
BAD = a_project("shop", last_build_status="Failure", last_build_label="2")
TILL = a_project("till", last_build_status="Success")
NIGHTLY = a_project("nightly", last_build_status="Failure")


def pins(first: int) -> dict[str, int]:
    """Return four pins from *first* on."""
    return {"red": first, "amber": first + 1, "green": first + 2, "buzzer": first + 3}


WEB: dict[str, Any] = {
    "name": "web team",
    "feeds": ["web"],
    "pins": pins(2),
    "events": {"broken": "buzzer 2s"},
}
DESK: dict[str, Any] = {
    "name": "desk team",
    "feeds": ["desk"],
    "exclude": ["nightly"],
    "pins": pins(6),
    # The world begins on a Friday at noon.
    "hours": {"days": "mon-fri", "open": "08:00", "close": "19:00", "zone": "UTC"},
    "events": {"broken": "buzzer 2s"},
}
HALL: dict[str, Any] = {
    "name": "hall",
    "pins": pins(10),
    "exclude": ["nightly"],
    "patterns": {"broken": "red blink"},
    "events": {"broken": "amber 1s", "fixed": "green blink"},
}


def an_office() -> tuple[Server, Server, World]:
    """Return the servers of two teams, and a world with a lamp for each and one for both."""
    web, desk = Server(GOOD), Server(TILL, NIGHTLY)
    return web, desk, World(lamp=[WEB, DESK, HALL], web=web, desk=desk)


def lit(world: World) -> dict[str, frozenset[Channel]]:
    """Return what each lamp shows now."""
    return {name: light.shown[-1][1].lit for name, light in world.lights.items()}


def test_each_lamp_shows_what_it_watches_in_its_own_way() -> None:
    """One project lights two lamps, each by its own patterns; the third knows nothing of it."""
    web, _, office = an_office()

    async def story(world: World) -> None:
        assert lit(world) == {"web team": {GREEN}, "desk team": {GREEN}, "hall": {GREEN}}
        web.answer = [BAD]
        await world.wait(40)

    office.run(story)

    seen = {
        name: {frame.lit for at, frame in light.shown if 1 < at < 40}
        for name, light in office.lights.items()
    }
    assert seen == {
        "web team": {frozenset({RED, BUZZER}), frozenset({RED})},
        "desk team": set(),
        "hall": {frozenset({RED, AMBER}), frozenset({RED}), frozenset({AMBER}), frozenset()},
    }


def test_each_lamp_keeps_its_own_hours() -> None:
    """At seven the desk team goes home; the others look on."""
    _, desk, office = an_office()

    async def story(world: World) -> None:
        await world.wait(7 * HOUR + 1)
        assert lit(world) == {"web team": {GREEN}, "desk team": set(), "hall": {GREEN}}
        desk.answer = [a_project("till", last_build_status="Failure"), NIGHTLY]
        await world.wait(40)
        assert lit(world)["web team"] == {GREEN}

    office.run(story)

    at_night = {
        name: {frame.lit for at, frame in light.shown if 7 * HOUR + 1 < at < 7 * HOUR + 41}
        for name, light in office.lights.items()
    }
    assert at_night["desk team"] == set()
    assert {RED} in at_night["hall"]


def test_the_trouble_of_one_lamp_touches_neither_another_nor_the_polling() -> None:
    """One light is pulled out for an hour: the news is fetched, and shown by the others at once."""
    random.seed(0)  # Polls are scattered; none may fall within 0.2 s after a change.
    web, _, office = an_office()
    changes = [at * HOUR / 10 for at in range(1, 10)]

    async def story(world: World) -> None:
        world.lights["web team"].gone = True
        for number in range(len(changes)):
            await world.wait(HOUR / 10)
            web.answer = [BAD] if number % 2 == 0 else [GOOD]
        await world.wait(60)
        assert [lamp.light for lamp in world.report.lamps] == [Light.LOST, Light.OK, Light.OK]
        world.lights["web team"].gone = False
        await world.wait(5)
        assert lit(world)["web team"] == {RED}
        assert [lamp.light for lamp in world.report.lamps] == [Light.OK] * 3

    office.run(story)

    assert all(later - earlier < 35 for earlier, later in pairwise(web.asked))
    for change in changes:
        fetched = next(at for at in web.asked if at > change + 0.2)
        assert any(0 <= at - fetched < 0.1 for at, _ in office.lights["hall"].shown)
