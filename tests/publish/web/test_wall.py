"""The wall: what a team sees from ten metres, word by word."""

from dataclasses import replace
from typing import Any

import httpx
import pytest

from buildlight.publish.web.wall import MOST_NAMED, MOST_TILES, wall
from buildlight.report.report import Report
from buildlight.report.shown import Light
from publish.web.test_routes import words_of
from support.reports import DOWN, a_feed, a_lamp, a_report, broken, known
from support.serving import Served

PASSING = a_report(a_feed(known("shop"), known("till")))
BROKEN = a_report(a_feed(known("shop"), broken("till")))
STALE = a_report(a_feed(known("shop"), broken("till")), a_feed(known(), name="old", error=DOWN))


def inner(report: Report, lamp: Any = None) -> list[str]:
    """Return what is read on the wall of *report*."""
    return words_of(wall(report, lamp, now=4.2).inner)


def test_a_project_has_a_tile_with_who_and_since_when() -> None:
    """Its name stands once; the feed is named only where there are several."""
    assert inner(BROKEN) == [
        *("✕", " Broken", "1 of 2 projects", "till", "since ", "09:12 UTC", " · by alice, bob"),
        *("✓", " News of "),
    ]
    assert "web · since " in inner(STALE)


def test_a_tile_says_what_is_known() -> None:
    """A red that was there at the first look has no beginning, and perhaps nobody to blame."""
    report = a_report(a_feed(replace(broken("till", messages=()), since=None)))

    assert inner(report)[2:4] == ["1 of 1 project", "till"]
    assert "since " not in inner(report)


def test_old_news_is_said_beside_what_is_broken() -> None:
    """Both are true, and the class of the wall draws both."""
    shown = wall(STALE, None, now=4.2)

    assert shown.look == "broken-stale"
    assert any("old gave no good answer" in word for word in words_of(shown.inner))
    assert " Old news: " in words_of(shown.inner)
    assert "fresh not" in shown.inner


def test_tiles_and_names_have_an_end() -> None:
    """What has no place is counted."""
    red = [broken(f"red-{number}") for number in range(MOST_TILES + 2)]
    busy = [known(f"busy-{number}", building=True) for number in range(MOST_NAMED + 3)]

    told = inner(a_report(a_feed(*red, *busy)))

    assert len([word for word in told if word.startswith("red-")]) == MOST_TILES
    assert "and 2 more" in told
    assert " and 3 more" in told


@pytest.mark.parametrize(("number", "columns"), [(1, 1), (2, 2), (5, 3), (10, 4), (17, 6)])
def test_tiles_grow_as_there_are_fewer(number: int, columns: int) -> None:
    """One fills the wall, thirty share it."""
    report = a_report(a_feed(*(broken(f"red-{each}") for each in range(number))))

    assert f'<ul class="tiles of-{columns}">' in wall(report, None, now=4.2).inner


def test_a_lamp_has_a_wall_of_its_own() -> None:
    """Its projects, its feeds; another lamp's red is no business of its own."""
    feeds = a_feed(broken("till")), a_feed(known("core"), name="libraries")
    report = a_report(*feeds, lamps=[a_lamp("shop"), a_lamp("platform", "libraries")])

    everything = wall(report, None, now=4.2)
    alone = wall(report, report.lamps[1], now=4.2)

    assert (everything.look, alone.look) == ("broken", "passing")
    assert ">till<" not in alone.inner
    assert 'data-feed="1"' in alone.inner
    assert words_of(everything.inner)[0] == "shop"
    assert "platform" in words_of(everything.inner)


def test_a_lost_light_and_no_lamp_are_said() -> None:
    """A wall claims no light that is not there."""
    lost = a_report(a_feed(known()), lamps=[a_lamp(light=Light.LOST, trouble="no port <x>")])

    assert "Its light is lost. no port &lt;x&gt;" in inner(lost)
    assert "There is no lamp." in inner(replace(PASSING, lamps=()))
    assert wall(replace(PASSING, lamps=()), None, now=4.2).look == "stale"


def test_an_unknown_lamp_has_no_wall() -> None:
    """The answer names those that there are."""
    with Served(PASSING) as served:
        told = [
            httpx.get(served.url(path), trust_env=False)
            for path in ("/wall?lamp=x", "/wall/parts?lamp=x", "/wall?lamp=lamp")
        ]

    assert [each.status_code for each in told] == [404, 404, 200]
    assert told[0].text == "no lamp has this name; there are: lamp\n"
