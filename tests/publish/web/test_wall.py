"""The wall: what a team sees from ten metres, word by word and in a real browser."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from buildlight.publish.web.wall import MOST_NAMED, MOST_TILES, wall
from buildlight.report.report import Report
from buildlight.report.shown import Light
from publish.web.test_routes import words_of
from support.chromium import Chromium, Tab
from support.reports import DOWN, a_feed, a_lamp, a_report, broken, known, many
from support.serving import Served

PASSING = a_report(a_feed(known("shop"), known("till")))
BROKEN = a_report(a_feed(known("shop"), broken("till")))
STALE = a_report(a_feed(known("shop"), broken("till")), a_feed(known(), name="old", error=DOWN))
LONG = "checkout-" + "integration" * 12
SCREENS = {"television": (1920, 1080), "4k": (3840, 2160), "portrait": (1080, 1920)}


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


# In a browser.


@pytest.fixture
def served() -> Iterator[Served]:
    """A wall on which all is well, to begin with."""
    with Served(PASSING) as page:
        yield page


@pytest.fixture
def tab(browser: Chromium, served: Served) -> Iterator[Tab]:
    """A tab that shows the wall; in the end it has nothing to complain of."""
    page = browser.tab(width=1920, height=1080)
    page.open(served.url("/wall"))
    page.until("following")
    yield page
    complaints = page.complaints
    page.close()
    assert complaints == []


BACKGROUND = "getComputedStyle(document.body).backgroundColor"


def test_a_change_appears_by_itself(tab: Tab, served: Served) -> None:
    """Words, colour and title."""
    green = tab.js(BACKGROUND)

    served.show(BROKEN)
    tab.until("document.title.includes('Broken')")

    assert tab.js("document.querySelector('.tiles h3').innerText") == "till"
    assert tab.js(BACKGROUND) != green
    assert "seconds ago" in tab.js("document.querySelector('.fresh').innerText")
    assert tab.js("document.getElementById('clock').innerText") != ""


@pytest.mark.parametrize("size", SCREENS)
@pytest.mark.parametrize(
    "report",
    [
        BROKEN,
        STALE,
        a_report(a_feed(*(broken(f"{LONG}-{each}") for each in range(40)))),
        a_report(many(500), a_feed(broken(LONG), broken("בדיקות שילוב"), name="b")),
    ],
    ids=["one", "stale", "forty-long", "right-to-left"],
)
def test_everything_fits_without_scrolling(
    tab: Tab, served: Served, report: Report, size: str
) -> None:
    """However many there are, and however long their names."""
    tab.resize(*SCREENS[size])
    served.show(report)
    tab.until("document.querySelector('.tiles') !== null")

    page = "document.documentElement"
    assert tab.js(f"{page}.scrollHeight <= innerHeight && {page}.scrollWidth <= innerWidth") is True


@pytest.mark.parametrize("size", SCREENS)
def test_it_is_read_from_ten_metres(tab: Tab, served: Served, size: str) -> None:
    """The word and the name of a broken project are a tenth of the shorter side, and more."""
    tab.resize(*SCREENS[size])
    served.show(BROKEN)
    tab.until("document.querySelector('.tiles') !== null")

    for place in (".word", ".tiles h3"):
        letters = tab.js(
            f"parseFloat(getComputedStyle(document.querySelector('{place}')).fontSize)"
        )
        assert letters >= 0.1 * min(SCREENS[size])


def test_it_is_told_within_five_seconds_when_the_daemon_goes(browser: Chromium) -> None:
    """Nothing is green then, and it says so in large letters."""
    tab = browser.tab()
    with Served(PASSING) as served:
        tab.open(served.url("/wall"))
        tab.until("following")
        green = tab.js(BACKGROUND)
    tab.js("{ const real = Date.now; Date.now = () => real() + PATIENCE + 1; } tick()")

    assert tab.js("PATIENCE") <= 5_000
    assert "No connection since" in tab.js("document.getElementById('lost').innerText")
    assert tab.js(BACKGROUND) != green
    assert tab.js("document.body.classList.contains('old')") is True
    tab.close()


def test_no_sign_of_life_makes_an_older_wall_fresh(tab: Tab, served: Served) -> None:
    """A change that could not be fetched is not hidden by the next sign of life."""
    tab.js("window.fetch = () => new Promise(() => {})")
    served.show(BROKEN)
    tab.until("behind")

    before = tab.js("heard")
    tab.js("void alive({ ages: [0], now: 0 })")

    assert tab.js("heard") == before


def test_the_wall_comes_back_with_the_daemon(tab: Tab, served: Served) -> None:
    """What it shows then is what is true then."""
    tab.js("{ const real = Date.now; Date.now = () => real() + 60_000; } tick()")
    served.show(BROKEN)
    tab.until("document.title.includes('Broken')")

    assert tab.js("document.body.className") == "broken"
    assert tab.js("document.getElementById('lost').hidden") is True


def test_the_screen_is_asked_to_stay_awake(tab: Tab, served: Served) -> None:
    """Where the browser has a wake lock; a refusal is nothing to complain of."""
    fake = "Object.defineProperty(navigator, 'wakeLock', {value: {request: (what) => {"
    source = f"window.locks = []; {fake} locks.push(what); return Promise.reject(); }} }} }});"
    tab.call("Page.addScriptToEvaluateOnNewDocument", source=source)

    tab.open(served.url("/wall"))

    assert tab.js("locks") == ["screen"]


@pytest.mark.slow
def test_memory_is_flat_over_ten_thousand_updates(tab: Tab) -> None:
    """A wall survives weeks: what was replaced is let go."""

    def heap() -> float:
        tab.call("HeapProfiler.collectGarbage")
        return float(tab.call("Runtime.getHeapUsage")["usedSize"])

    update = (
        "(async () => { const news = await (await fetch('/wall/parts')).json();"
        " for (let n = 0; n < %d; n++) show({...news, title: 't' + n}); })()"
    )
    tab.js(update % 500)
    before = heap()
    tab.js(update % 10_000)

    assert heap() < before * 1.2 + 200_000
    assert tab.js("document.querySelectorAll('*').length") < 100
