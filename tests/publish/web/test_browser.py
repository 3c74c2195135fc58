"""The page as people see it: in a real browser, on a phone, without colours, mouse or script."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import RHYTHMS, Channel, frame_at
from buildlight.projects.verdict import Verdict
from buildlight.publish.web import event_stream, html
from buildlight.publish.web.svg import icon_svg
from support.chromium import Chromium, Tab
from support.examples import NOON
from support.reports import DOWN, a_feed, a_lamp, a_report, broken, known, many
from support.serving import Served

PASSING = a_report(a_feed(known("shop"), known("till")))
BROKEN = a_report(a_feed(known("shop"), broken("till")))
BUSY = a_report(
    a_feed(broken("till", building=True), broken("shop-api"), known("stock", building=True)),
    a_feed(known("library"), known("docs", Verdict.NONE), name="libraries"),
    a_feed(known("old"), name="attic", error=DOWN),
    lamps=[a_lamp("lamp", "web", "libraries"), a_lamp("shop corner", "libraries", "attic")],
)
STALE = a_report(a_feed(known("shop"), error=DOWN))
BUILDING = a_report(a_feed(known("shop", building=True), known("till")))
MANY = a_report(many(497, broken("till"), broken("api"), known("stock", building=True)))
HOSTILE = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'


@pytest.fixture
def served() -> Iterator[Served]:
    """A page on which all is well, to begin with."""
    with Served(PASSING) as page:
        yield page


@pytest.fixture
def tab(browser: Chromium, served: Served) -> Iterator[Tab]:
    """A tab, which in the end has nothing to complain of; the page is there as long as it is."""
    page = browser.tab()
    yield page
    complaints = page.complaints
    page.close()
    assert complaints == []


def opened(tab: Tab, served: Served) -> Tab:
    """Open the page, and wait until it follows."""
    tab.open(served.url())
    tab.until("ages.length > 0")
    return tab


def headline(tab: Tab) -> str:
    """Return the verdict as it is written."""
    return str(tab.js("document.querySelector('h2').innerText.trim()"))


def test_a_change_appears_by_itself(tab: Tab, served: Served) -> None:
    """The lamp turns red, and the page with it: nobody reloads, nobody asks."""
    opened(tab, served)
    asked = len(tab.requests)

    served.show(BROKEN)
    tab.until("document.title.includes('Broken')")

    assert headline(tab) == "lamp\n✕ Broken"
    assert "till is broken since 09:12" in tab.js("document.body.innerText")
    assert tab.js("document.querySelector('#broken a').href") == "https://ci.example/job/till/"
    told = {url.removeprefix(served.url()) for url in tab.requests[asked:] if "icon" not in url}
    assert told <= {"rest"}  # The list that is open, which no event holds.


def test_a_change_appears_within_a_second(tab: Tab, served: Served) -> None:
    """Of ten changes the quickest counts: a busy machine may be late, the page is not."""
    opened(tab, served)
    tab.js(
        "window.seen = []; new MutationObserver(() => seen.push(Date.now()))"
        ".observe(document.querySelector('#lamps'), {childList: true})"
    )
    delays = []
    for number in range(10):
        told = tab.js("Date.now()")
        served.show(BROKEN if number % 2 == 0 else PASSING)
        tab.until(f"seen.length === {number + 1}")
        delays.append(tab.js("seen.at(-1)") - told)

    assert min(delays) < 1000


def test_nothing_leaves_the_host(tab: Tab, served: Served) -> None:
    """No font, no script, no picture from elsewhere, whatever is shown."""
    opened(tab, served)
    for report in (BUSY, MANY, STALE):
        served.show(report)
    tab.until("document.title.includes('Unknown')")
    tab.js("document.getElementById('fold').open = true")

    assert tab.requests
    assert [url for url in tab.requests if not url.startswith(served.url())] == []


def test_the_icon_follows_the_worst_lamp(tab: Tab, served: Served) -> None:
    """A tab among many shows whether to look."""
    opened(tab, served)
    good = tab.js(ICON)

    served.show(BUSY)
    tab.until("document.title.startsWith('✕')")

    assert good == "/icon.svg?passing"
    assert tab.js(ICON) == "/icon.svg?broken"


def test_a_hostile_name_stays_text(tab: Tab, served: Served) -> None:
    """In the page as it is loaded, and in what is put in place later."""
    project = broken(HOSTILE, web_url="javascript:window.hurt=1", last_build_label=HOSTILE)
    report = a_report(a_feed(project, known(HOSTILE), name=HOSTILE, error=DOWN))
    served.show(report)
    tab.open(served.url())
    tab.until("ages.length > 0")
    loaded = tab.js("document.querySelector('#broken li').innerText")
    served.show(PASSING)
    tab.until("document.title.includes('Passing')")
    served.show(report)
    tab.until("document.title.includes('Broken')")

    assert HOSTILE in loaded
    assert HOSTILE in tab.js("document.querySelector('#broken li').innerText")
    assert tab.js("document.querySelectorAll('img, #rest script, main script').length") == 0
    assert tab.js("document.querySelectorAll('a[href^=\"javascript\"]').length") == 0
    assert tab.js("window.hurt === undefined") is True


def test_the_policy_would_stop_what_gets_through(browser: Chromium, served: Served) -> None:
    """Were a name not escaped, the browser would still run nothing of it."""
    tab = browser.tab()
    opened(tab, served)

    tab.js('document.body.innerHTML += \'<img src="x:" onerror="window.hurt=1">\'')
    tab.until("document.querySelector('img').complete")

    assert tab.js("window.hurt === undefined") is True
    assert any("Content Security Policy" in each for each in tab.complaints)
    tab.close()


# What the list behind the fold shows.


def test_the_fold_shows_what_is_new_when_it_is_opened(tab: Tab, served: Served) -> None:
    """A closed fold costs nothing; an open one follows."""
    served.show(a_report(many(30)))
    opened(tab, served)
    served.show(a_report(many(31, known("brand-new"))))
    tab.until("document.getElementById('others').innerText.includes('32 passing')")
    asked = [url for url in tab.requests if url.endswith("/rest")]

    served.show(a_report(many(31, known("brand-new"), known("third"))))
    tab.until("document.getElementById('others').innerText.includes('33 passing')")
    tab.js("document.getElementById('fold').open = true")
    tab.until("document.getElementById('rest').innerText.includes('third')")
    served.show(a_report(a_feed(known("shop"), known("fourth"))))
    tab.until("document.getElementById('rest').innerText.includes('fourth')")

    assert asked == []


def test_a_project_is_found_without_a_reload(tab: Tab, served: Served) -> None:
    """In the list behind the fold, too, which opens; news keeps to what is searched for."""
    served.show(MANY)
    opened(tab, served)
    visible = (
        "[...document.querySelectorAll('main li:not(.feeds *)')].filter(e => e.checkVisibility())"
    )
    names = f"{visible}.map(e => e.querySelector('a').innerText)"

    search = "at('find').value = '{}'; at('find').dispatchEvent(new Event('input'))"
    tab.js(search.format("SERVICE-49"))
    tab.until(f"{visible}.length === 7")
    found = tab.js(names)
    served.show(a_report(many(497, broken("till"), broken("service-49"))))
    tab.until("document.title.includes('Broken') && !at('building').innerText")
    tab.until(f"{visible}.length === 8")

    assert found == [f"shop-service-49{number}" for number in range(7)]
    assert tab.js(names)[0] == "service-49"
    assert tab.js("at('nothing').innerText") == "8 found"
    assert tab.js("at('tools').checkVisibility()") is True
    tab.js(search.format("no such"))
    assert tab.js("at('nothing').innerText") == "No project has this in its name."


def test_projects_are_sorted_without_a_reload(tab: Tab, served: Served) -> None:
    """By age, either way round, and by name as people count."""
    red = [
        replace(broken(name), since=NOON - timedelta(minutes=minutes))
        for name, minutes in (("b10", 30), ("b9", 20), ("a", 10))
    ]
    served.show(a_report(many(30, *red)))
    opened(tab, served)
    names = "[...document.querySelectorAll('#broken a')].map(e => e.innerText)"
    told = {}
    for order in ("name", "newest", "oldest"):
        tab.js(f"at('sort').value = '{order}'; at('sort').dispatchEvent(new Event('change'))")
        told[order] = tab.js(names)

    assert told == {
        "name": ["a", "b9", "b10"],
        "newest": ["a", "b9", "b10"],
        "oldest": ["b10", "b9", "a"],
    }


def test_why_stays_open_when_the_lamp_changes(tab: Tab, served: Served) -> None:
    """Who is reading the rule goes on reading."""
    opened(tab, served)
    tab.js("document.querySelector('.why').open = true")

    served.show(BROKEN)
    tab.until("document.title.includes('Broken')")

    assert tab.js("document.querySelector('.why').open") is True


def test_the_whole_card_is_the_link(tab: Tab, served: Served) -> None:
    """A thumb that misses the name meets the project all the same."""
    served.show(BROKEN)
    opened(tab, served)
    corner = (
        "(() => { const box = document.querySelector('#broken li').getBoundingClientRect();"
        " return document.elementFromPoint(box.right - 8, box.bottom - 8).href })()"
    )

    assert tab.js(corner) == "https://ci.example/job/till/"


def test_ages_grow_by_themselves(tab: Tab, served: Served) -> None:
    """How old the news is can be seen while nothing changes."""
    opened(tab, served)
    before = tab.js("document.querySelector('.age').innerText")

    tab.js("const real = Date.now; Date.now = () => real() + 12_000; tick()")
    after = tab.js("document.querySelector('.age').innerText")

    assert [told.partition(" ")[2] for told in (before, after)] == ["seconds ago"] * 2
    assert int(before.split()[0]) >= 4
    assert int(after.split()[0]) >= 16


def test_what_is_put_in_place_has_its_ages(tab: Tab, served: Served) -> None:
    """No feed is without an age for a moment."""
    opened(tab, served)

    served.show(a_report(a_feed(known("shop")), a_feed(known("api"), name="new")))
    tab.until("document.querySelectorAll('.age').length === 2")

    assert "seconds ago" in tab.js("[...document.querySelectorAll('.age')].at(-1).innerText")


def test_a_moment_is_told_in_the_zone_of_the_browser(tab: Tab, served: Served) -> None:
    """And how long ago it was by the server's clock: the browser's may be wrong."""
    served.show(BROKEN)
    tab.call("Emulation.setTimezoneOverride", timezoneId="America/New_York")
    opened(tab, served)
    moment = "document.querySelector('#lamps time')"

    assert tab.js(f"{moment}.innerText") == "04:12 (3 hours ago)"
    assert tab.js(f"{moment}.title").endswith("20 November 2026 at 04:12:00 GMT-5")
    tab.js("now += 86_400_000; tick()")
    assert tab.js(f"{moment}.innerText") == "Fri 20 Nov, 04:12 (27 hours ago)"
    tab.js("now -= 2 * 86_400_000; tick()")
    assert tab.js(f"{moment}.innerText") == "Fri 20 Nov, 04:12 (in 21 hours)"


# When the daemon is gone.

LATER = "const real = Date.now; Date.now = () => real() + 26_000;"
"""Has a page hear nothing for longer than it has patience."""
ICON = "document.getElementById('icon').getAttribute('href')"
FEED_AGE = "getComputedStyle(document.querySelector('.age'))"


def test_without_a_connection_nothing_is_green(browser: Chromium) -> None:
    """A page that hears nothing any more says so, and takes the colour away."""
    tab = browser.tab()
    with Served(PASSING) as served:
        opened(tab, served)
    tab.js(f"{LATER} tick()")

    assert "No connection since" in tab.js("document.getElementById('lost').innerText")
    assert tab.js("document.getElementById('lost').offsetHeight > 0") is True
    assert "grayscale" in tab.js("getComputedStyle(document.querySelector('.lamp')).filter")
    state = "getComputedStyle(document.querySelector('.state'))"
    assert tab.js(f"{state}.color") == tab.js(f"{FEED_AGE}.color")
    assert tab.js(f"{state}.textDecorationLine") == "line-through"
    edge = "getComputedStyle(document.querySelector('#rest .passing li')).borderLeftColor"
    assert tab.js(edge) == tab.js(f"{FEED_AGE}.color")
    tab.close()


def test_a_tab_in_the_background_says_that_it_hears_nothing(browser: Chromium) -> None:
    """Its title and its icon are all that is seen of it, and nobody is left to draw the icon."""
    tab = browser.tab()
    with Served(PASSING) as served:
        opened(tab, served)
    tab.js(f"{LATER} tick()")

    assert tab.js("document.title") == "? Connection lost"
    assert unquote(tab.js(ICON)) == f"data:image/svg+xml,{icon_svg(None)}"
    assert not [each for each in tab.complaints if "Content Security Policy" in each]
    tab.close()


def test_a_sign_of_life_brings_back_the_title_and_the_icon(
    tab: Tab, monkeypatch: pytest.MonkeyPatch, served: Served
) -> None:
    """Even if nothing has changed meanwhile: then only that is told."""
    monkeypatch.setattr(event_stream, "ALIVE", 0.1)
    opened(tab, served)
    tab.js("window.fetch = () => new Promise(() => {})")
    before = [tab.js("document.title"), tab.js(ICON)]

    lost = tab.js(f"{LATER} tick(); [document.title, {ICON}]")
    tab.until("document.getElementById('lost').hidden")

    assert before == ["✓ Passing · lamp", "/icon.svg?passing"]
    assert not {*lost} & {*before}
    assert [tab.js("document.title"), tab.js(ICON)] == before


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_that_is_set_makes_nothing_new(browser: Chromium, hours: int) -> None:
    """Neither forward nor back: an hour ago nobody knew of now."""
    tab = browser.tab()
    with Served(PASSING) as served:
        opened(tab, served)
    tab.js(f"const real = Date.now; Date.now = () => real() + {hours} * 3_600_000; tick()")

    assert tab.js("document.getElementById('lost').hidden") is False
    assert tab.js("document.querySelector('.age').innerText") == "60 minutes ago"
    tab.close()


def test_the_page_comes_back_with_the_daemon(tab: Tab, served: Served) -> None:
    """Any sign of life takes the warning away."""
    opened(tab, served)
    assert tab.js(f"{LATER} tick(); document.body.classList.contains('old')") is True

    served.show(BROKEN)
    tab.until("!document.body.classList.contains('old')")

    assert tab.js("document.getElementById('lost').hidden") is True


HURRY = (
    "const [real, start] = [Date.now, Date.now()]; Date.now = () => start + (real() - start) * 10;"
    "const wait = setInterval; window.setInterval = (work, every) => wait(work, every / 10);"
)
"""Has a page take a second for ten."""


def test_where_nothing_is_told_it_asks(tab: Tab, served: Served) -> None:
    """A browser, or a proxy, without server-sent events is kept up to date, too."""
    tab.call("Page.addScriptToEvaluateOnNewDocument", source=f"delete window.EventSource; {HURRY}")
    tab.open(served.url())

    served.show(BROKEN)
    tab.until("document.title.includes('Broken')")

    assert headline(tab) == "lamp\n✕ Broken"
    assert not [url for url in tab.requests if "/events" in url]
    assert [url for url in tab.requests if url.endswith("/parts")]


def test_where_a_proxy_keeps_the_news_back_it_asks(tab: Tab, served: Served) -> None:
    """Some collect what is streamed until they have enough: the page is right all the same."""
    mute = "window.EventSource = class { addEventListener() {} };"
    lost = "window.lost = 0; setInterval(() => lost += !document.getElementById('lost').hidden, 5);"
    source = f"{mute} {HURRY} addEventListener('load', () => {{ {lost} }});"
    tab.call("Page.addScriptToEvaluateOnNewDocument", source=source)
    tab.open(served.url())

    served.show(BROKEN)
    tab.until("document.title.includes('Broken')")
    served.show(PASSING)
    tab.until("document.title.includes('Passing')")

    assert tab.js("lost") == 0


def test_a_follower_too_many_asks(tab: Tab, served: Served) -> None:
    """Where the server has no room for another follower, the page asks."""
    refuse = "window.EventSource = class { static CLOSED = 2; readyState = 2; addEventListener() {}"
    source = f"{refuse} constructor() {{ setTimeout(() => this.onerror()) }} }}; {HURRY}"
    tab.call("Page.addScriptToEvaluateOnNewDocument", source=source)
    tab.open(served.url())

    served.show(BROKEN)
    tab.until("document.title.includes('Broken')")

    assert tab.js("following") is False


def test_without_javascript_it_is_loaded_again(
    browser: Chromium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain refresh does, and everything is there to begin with, the folded list too."""
    monkeypatch.setattr(html, "REFRESH", 1)
    tab = browser.tab(script=False)
    with Served(BUSY) as served:
        tab.open(served.url())
        text = tab.js("document.body.textContent")
        served.show(PASSING)
        tab.until("document.title.includes('Passing')")

    assert "till" in text
    assert "library" in text
    assert " seconds ago" in text
    assert not [url for url in tab.requests if "page.js" in url or "/events" in url]
    tab.close()


# For everybody.


@pytest.mark.parametrize("text", [f"red {name}" for name in RHYTHMS if name != "on"])
def test_the_lamp_moves_as_the_light_does(tab: Tab, served: Served, text: str) -> None:
    """The browser draws every moment of a rhythm as the light has it."""
    pattern = parse_pattern(text)
    lamp = a_lamp(patterns={**a_lamp().patterns, "passing": pattern})
    served.show(a_report(a_feed(known()), lamps=[lamp]))
    opened(tab, served)
    tab.js("document.querySelector('.lamp').pauseAnimations()")

    for moment in (0.01, 0.11, 0.31, 0.51, 0.71, 1.11, 1.51, 1.91, 2.61, 2.91):
        tab.js(f"document.querySelector('.lamp').setCurrentTime({moment})")
        drawn = "getComputedStyle(document.querySelector('.moving .red')).opacity"
        tab.until(f"Math.abs({drawn} - {frame_at(pattern, moment)[Channel.RED]}) < 0.006")


def test_who_wants_no_motion_gets_none(tab: Tab, served: Served) -> None:
    """The colour stays, the rhythm is in words."""
    served.show(BUILDING)
    opened(tab, served)
    shown = "getComputedStyle(document.querySelector('{}')).display"
    moving = [tab.js(shown.format(layer)) for layer in (".moving", ".still")]

    tab.prefer(reduced_motion="reduce")

    assert moving == ["inline", "none"]
    assert [tab.js(shown.format(layer)) for layer in (".moving", ".still")] == ["none", "inline"]
    tab.js("document.querySelector('.why').open = true")
    assert "shows green pulse" in tab.js("document.body.innerText")


def test_everything_can_be_reached_with_the_keyboard(tab: Tab, served: Served) -> None:
    """Tab goes to every link and the fold, in the order of the page, and it can be seen where."""
    served.show(BUSY)
    opened(tab, served)
    wanted = tab.js(
        "[...document.querySelectorAll('a, summary, input, select')]"
        ".filter(e => e.checkVisibility()).map(e => e.innerText)"
    )
    reached = []
    for _ in wanted:
        tab.press("Tab", code=9)
        reached.append(tab.js("document.activeElement.innerText"))
        after = "getComputedStyle(document.activeElement, '::after')"
        own = "getComputedStyle(document.activeElement)"
        assert tab.js(f"[{own}, {after}].some(e => e.outlineStyle === 'solid')") is True

    assert reached == wanted
    assert len(wanted) >= 7


def test_the_fold_opens_with_the_keyboard(tab: Tab, served: Served) -> None:
    """Enter does."""
    served.show(MANY)
    opened(tab, served)
    tab.js("document.getElementById('others').focus()")

    tab.press("Enter", code=13, text="\r")
    tab.until("document.getElementById('fold').open")

    assert tab.js("document.querySelector('#rest a').checkVisibility()") is True


def test_a_change_leaves_the_keyboard_where_it_was(tab: Tab, served: Served) -> None:
    """What is put in place again does not throw anybody back to the top."""
    served.show(BROKEN)
    opened(tab, served)
    tab.js("document.querySelector('#broken a').focus()")

    served.show(a_report(a_feed(known("shop"), broken("till"), broken("api"))))
    tab.until("document.querySelectorAll('#broken a').length === 2")

    assert tab.js("document.activeElement.innerText") == "till"


def test_a_screen_reader_is_told(tab: Tab, served: Served) -> None:
    """A change of the signal is announced; the first sight of the page is not."""
    opened(tab, served)
    silent = tab.js("document.querySelector('[role=status]').innerText")

    served.show(BROKEN)
    tab.until("document.title.includes('Broken')")

    assert silent == ""
    told = tab.js("document.querySelector('[role=status]').textContent")
    assert told == "lamp: Broken: till is broken since 09:12 UTC"


PICTURES = {
    "passing": PASSING,
    "broken": BROKEN,
    "busy": BUSY,
    "stale": STALE,
    "building": BUILDING,
    "many": MANY,
}
SIGHTS = {
    "light": (1100, "light"),
    "dark": (1100, "dark"),
    "phone": (390, "light"),
    "phone-dark": (390, "dark"),
}


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("sight", SIGHTS)
def test_it_fits_and_is_kept_as_a_picture(
    tab: Tab, served: Served, screenshots: Path, name: str, sight: str
) -> None:
    """Nothing hangs over the edge, on no screen and in no state; light is light, dark is dark."""
    width, scheme = SIGHTS[sight]
    served.show(PICTURES[name])
    tab.resize(width, 800)
    tab.prefer(color_scheme=scheme)
    opened(tab, served)

    tab.screenshot(screenshots / f"{name}-{sight}.png")

    assert tab.js("document.documentElement.scrollWidth <= innerWidth") is True
    paper = tab.js("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert (sum(paper) < 200) is (scheme == "dark")


def test_a_long_name_fits_a_phone(tab: Tab, served: Served) -> None:
    """Names of 200 letters without a space are broken, not cut."""
    served.show(a_report(a_feed(broken("x" * 200), known("y" * 200), name="z" * 90)))
    tab.resize(320, 800)
    opened(tab, served)
    tab.js("document.getElementById('fold').open = true")

    assert tab.js("document.documentElement.scrollWidth <= innerWidth") is True


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PICTURES)
def test_axe_finds_nothing_serious(
    tab: Tab, served: Served, axe: str, name: str, scheme: str
) -> None:
    """Contrast, names, roles, order: what a machine can check of accessibility holds."""
    served.show(PICTURES[name])
    tab.prefer(color_scheme=scheme)
    opened(tab, served)
    tab.js("document.getElementById('fold').open = true")

    assert _serious(tab, axe) == []


def test_axe_is_at_work(browser: Chromium, served: Served, axe: str) -> None:
    """It does find something where there is something to find."""
    tab = browser.tab()
    opened(tab, served)

    tab.js("document.body.append(document.createElement('button'))")

    assert "button-name" in _serious(tab, axe)
    tab.close()


def _serious(tab: Tab, axe: str) -> list[str]:
    tab.js(f"{axe}; undefined")
    found: Any = json.loads(
        tab.js(
            "axe.run(document).then(r => JSON.stringify(r.violations.map("
            "v => [v.id, v.impact, v.nodes.map(n => n.html + n.failureSummary)])))"
        )
    )
    for each in found:
        print(*each)  # noqa: T201 - what a person wants to read when it fails
    return [rule for rule, impact, _ in found if impact in ("serious", "critical")]


def test_the_report_is_shown_by_the_browser(tab: Tab, served: Served) -> None:
    """The links in the footer lead to something that can be read."""
    tab.open(served.url("/api/report"))

    assert json.loads(tab.js("document.body.innerText"))["version"] == 1


@pytest.mark.parametrize("feature", ["forced-colors", "prefers-contrast"])
@pytest.mark.parametrize("name", ["broken", "stale"])
def test_it_can_be_read_in_high_contrast(
    tab: Tab, served: Served, axe: str, feature: str, name: str
) -> None:
    """Marks, words and borders stay where the browser takes the colours away."""
    value = "active" if feature == "forced-colors" else "more"
    served.show(PICTURES[name])
    tab.call("Emulation.setEmulatedMedia", features=[{"name": feature, "value": value}])
    opened(tab, served)

    assert tab.js(f"matchMedia('({feature}: {value})').matches") is True
    assert tab.js("getComputedStyle(document.querySelector('article')).borderTopStyle") == "solid"
    assert _serious(tab, axe) == []


def test_on_paper_it_is_black_on_white(tab: Tab, served: Served) -> None:
    """And says what the screen says."""
    served.show(BROKEN)
    opened(tab, served)

    tab.call("Emulation.setEmulatedMedia", media="print")

    look = "getComputedStyle(document.querySelector('article'))"
    assert tab.js(f"[{look}.color, {look}.backgroundImage]") == ["rgb(0, 0, 0)", "none"]
    assert tab.js("document.querySelector('.because').checkVisibility()") is True
    assert tab.js("document.querySelector('#tools').checkVisibility()") is False
