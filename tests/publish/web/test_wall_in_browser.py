"""The wall in a real browser: how it looks, also without a daemon, and for weeks."""

from collections.abc import Iterator

import pytest

from buildlight.report.report import Report
from publish.web.test_wall import BROKEN, PASSING, STALE
from support.chromium import Chromium, Tab
from support.reports import a_feed, a_report, broken, many
from support.serving import Served

LONG = "checkout-" + "integration" * 12
SCREENS = {"television": (1920, 1080), "4k": (3840, 2160), "portrait": (1080, 1920)}


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
