"""The page and what programs read beside it, asked over a real socket."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, time, timedelta
from html import escape

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.errors import FeedUnreachable
from buildlight.hours import Hours
from buildlight.network.origin import ORIGIN
from buildlight.patterns.known import Known
from buildlight.patterns.language import parse_pattern
from buildlight.projects.ccxml import parse
from buildlight.projects.project import Message, Run
from buildlight.projects.selection import Selection
from buildlight.projects.signal import RANKS
from buildlight.projects.verdict import Verdict
from buildlight.publish.web import html
from buildlight.publish.web.html import document, parts, rest
from buildlight.publish.web.lamp_card import CLOSED, SIGNALS, badge_svg
from buildlight.publish.web.merged_feed import merge
from buildlight.publish.web.svg import lamp_svg
from buildlight.report.as_json import to_json
from buildlight.report.shown import Light
from support.examples import NOON
from support.reports import DOWN, a_feed, a_lamp, a_report, broken, known, many
from support.serving import Served

REPORT = a_report(a_feed(known("shop"), broken("till"), known("stock", building=True)))
CLOSED_NOW = Hours(frozenset(range(5)), time(13), time(18), UTC)
PATHS = ["/", "/rest", "/parts", "/icon.svg", "/page.css", "/page.js", "/live.js",
         "/wall", "/wall/parts", "/wall.css", "/wall.js", "/cc.xml",
         "/cc.xml?lamp=lamp", "/api/report", "/healthz", "/metrics"]  # fmt: skip
TAGGED = [path for path in PATHS if path not in ("/healthz", "/metrics", "/parts")]


@pytest.fixture
def served() -> Iterator[Served]:
    """A page that shows three projects."""
    with Served(REPORT) as page:
        yield page


def get(served: Served, path: str, **headers: str) -> httpx.Response:
    """Ask for *path*."""
    told = {"Accept-Encoding": "identity"} | {k.replace("_", "-"): v for k, v in headers.items()}
    return httpx.get(served.url(path), headers=told, trust_env=False)


def test_the_page_says_why(served: Served) -> None:
    """The sentence, who broke it since when, and what is being built."""
    page = get(served, "/").text

    assert 'till is broken since <time datetime="2026-11-20T09:12:00Z">09:12 UTC</time>.' in page
    assert "broken by alice, bob" in page
    assert 'href="https://ci.example/job/till/"' in page
    assert page.index("till</a>") < page.index("stock</a>") < page.index("shop</a>")
    assert page.index("stock</a>") < page.index('<details id="fold"') < page.index("shop</a>")


def test_the_feed_is_merged(served: Served) -> None:
    """A client reads what the daemon read, each row with a mark of this daemon."""
    answer = get(served, "/cc.xml")

    assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"
    assert parse(answer.content) == tuple(replace(row, marks=(ORIGIN,)) for row in merge(REPORT))


def test_a_lamp_has_a_feed_of_its_own() -> None:
    """`?lamp=` takes the name as it stands in the configuration, written as addresses write it."""
    report = a_report(
        a_feed(known("shop")),
        a_feed(known("till"), name="api"),
        lamps=[a_lamp("shop corner"), a_lamp("Käse & Wein", "api")],
    )

    with Served(report) as served:
        corner = parse(get(served, "/cc.xml?lamp=shop%20corner").content)
        cheese = parse(get(served, "/cc.xml?lamp=K%C3%A4se+%26+Wein").content)
        nobody = get(served, "/cc.xml?lamp=nobody")

    assert [each.name for each in corner] == ["shop"]
    assert [each.name for each in cheese] == ["till"]
    assert nobody.status_code == 404
    assert nobody.text == "no lamp has this name; there are: shop corner, Käse & Wein\n"


def test_the_report_is_the_same_everywhere(served: Served) -> None:
    """`check --json`, the status file and the page have one shape."""
    assert get(served, "/api/report").json() == to_json(REPORT)


def test_health_is_that_of_the_daemon(served: Served) -> None:
    """A broken project is no illness; a poller that hangs is."""
    sound = get(served, "/healthz")
    served.ailment = "the poller of web hangs"
    ill = get(served, "/healthz")

    assert (sound.status_code, sound.text) == (200, "ok\n")
    assert (ill.status_code, ill.text) == (503, "the poller of web hangs\n")


def test_before_the_first_report_nobody_knows() -> None:
    """Nothing is green by default: every answer says that it is starting."""
    with Served() as served:
        told = {path: get(served, path) for path in PATHS if path[1:5] not in ("page", "icon")}

    assert {answer.status_code for answer in told.values()} == {503}
    assert {answer.text for answer in told.values()} == {"it is starting\n"}


@pytest.mark.parametrize("path", PATHS)
def test_every_answer_is_closed_to_strangers(served: Served, path: str) -> None:
    """No frame, no guessing of types, nothing from elsewhere, no referrer."""
    headers = get(served, path).headers

    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert not [name for name in headers if name.lower().startswith("access-control-")]
    assert "Set-Cookie" not in headers


@pytest.mark.parametrize("path", TAGGED)
def test_what_has_not_changed_is_not_sent_again(served: Served, path: str) -> None:
    """A client that asks every ten seconds costs next to nothing."""
    first = get(served, path)

    again = get(served, path, If_None_Match=f'"other", {first.headers["ETag"]}')
    other = get(served, path, If_None_Match='"other"')

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert other.status_code == 200


def test_an_older_report_of_the_same_is_the_same_feed(served: Served) -> None:
    """A poll that brings nothing new changes no tag."""
    before = get(served, "/cc.xml")
    served.show(replace(REPORT, at=NOON + timedelta(seconds=30)))
    after = get(served, "/cc.xml")
    served.show(a_report(a_feed(known("shop"))))
    changed = get(served, "/cc.xml", If_None_Match=before.headers["ETag"])

    assert after.headers["ETag"] == before.headers["ETag"]
    assert changed.status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_packed_or_not_it_is_the_same(served: Served, path: str) -> None:
    """Who takes gzip gets it; the tag of either is good for both."""
    plain, packed = get(served, path), get(served, path, Accept_Encoding="gzip, br")

    # Ages may grow between the two.
    if path not in ("/", "/parts", "/metrics"):
        assert packed.content == plain.content
    if path in TAGGED:
        again = get(served, path, If_None_Match=packed.headers["ETag"])
        assert again.status_code in (304, 200 if path == "/" else 304)


@pytest.mark.parametrize("path", PATHS)
def test_head_is_get_without_a_body(served: Served, path: str) -> None:
    """Monitors ask so."""
    host = f"Host: 127.0.0.1:{served.port}\r\n".encode()

    told = served.say(f"HEAD {path} HTTP/1.1\r\n".encode() + host + b"\r\n")

    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert body == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_nothing_can_be_changed(served: Served, method: str) -> None:
    """Everything here is read-only."""
    answer = httpx.request(method, served.url("/api/report"), trust_env=False)

    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/nope", "/../etc/passwd", "/page.css/", "//", "/assets/page.js"])
def test_there_is_nothing_else(served: Served, path: str) -> None:
    """Only what is listed can be had; no path leads into the file system."""
    host = f"Host: 127.0.0.1:{served.port}\r\n".encode()

    told = served.say(f"GET {path} HTTP/1.1\r\n".encode() + host + b"\r\n")

    assert told.startswith(b"HTTP/1.1 404 ")


# Names.


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1", 200),
        ("127.0.0.1:{port}", 200),
        ("localhost:{port}", 200),
        ("LOCALHOST.", 200),
        ("lamp.example", 200),
        ("evil.example:{port}", 421),
        ("192.0.2.7", 421),
        ("127.0.0.1.evil.example", 421),
        ("evil.example#localhost", 421),
        ("evil.example@localhost", 421),
        ("localhost/evil.example", 421),
        ("[", 421),
        ("", 421),
    ],
)
def test_only_its_own_names_are_answered_to(host: str, status: int) -> None:
    """A stranger's page that makes its name lead here reads nothing (DNS rebinding)."""
    with Served(REPORT, names=frozenset({"lamp.example"})) as served:
        asked = host.format(port=served.port)
        told = served.say(f"GET /api/report HTTP/1.1\r\nHost: {asked}\r\n\r\n".encode())
        nameless = served.say(b"GET /api/report HTTP/1.0\r\n\r\n")

    assert told.startswith(f"HTTP/1.1 {status} ".encode())
    assert nameless.startswith(b"HTTP/1.1 421 ")
    assert status == 200 or b"shop" not in told


def test_an_address_of_the_machine_is_answered_to() -> None:
    """Listening everywhere, it answers to the address at which it was asked; IPv6, too."""
    with Served(REPORT, host="::1") as served:
        assert get(served, "/healthz").status_code == 200


# Strangers.

HOSTILE = '<img src=x onerror="alert(1)">'


def test_a_badge_says_what_the_lamp_says() -> None:
    """That of the worst lamp, or of the one that is named; other pages may show it."""
    feeds = a_feed(broken("till"), name="api"), a_feed(known("shop"))
    lamps = [a_lamp("good"), a_lamp("bad", "api"), a_lamp("closed", "api", hours=CLOSED_NOW)]
    paths = ("", "?lamp=good", "?lamp=closed", "?lamp=none")

    with Served(a_report(*feeds, lamps=lamps)) as served:
        told = [get(served, f"/badge.svg{path}") for path in paths]

    assert [re.findall("<title>(.*)</title>", each.text) for each in told] == [
        *(["Broken"], ["Passing"], ["Closed"]),
        [],
    ]
    assert told[3].status_code == 404
    assert told[0].headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert told[0].headers["Content-Type"].startswith("image/svg+xml")


def test_a_badge_is_there_for_each_signal() -> None:
    """Each signal has a colour; without a lamp nothing is known."""
    (lamp,) = a_report(a_feed(known("shop"))).lamps

    for signal, name in RANKS.items():
        assert f">{SIGNALS[name][1]}</title>" in badge_svg(replace(lamp, signal=signal))
    assert "<title>Unknown</title>" in badge_svg(None)


def test_the_page_can_be_installed() -> None:
    """A telephone puts it among its programs, with its title; there is no service worker."""
    with Served(a_report(a_feed(known("shop")))) as served:
        manifest = get(served, "/manifest.webmanifest").json()
        icon = get(served, manifest["icons"][0]["src"])
        page = get(served, "/").text

    assert manifest["name"] == "Build lamp"
    assert (icon.headers["Content-Type"], icon.content[:4]) == ("image/png", b"\x89PNG")
    assert '<link rel="apple-touch-icon" href="/icon.png">' in page
    assert '<link rel="manifest" href="/manifest.webmanifest">' in page
    assert "serviceWorker" not in page


def test_what_strangers_wrote_is_text() -> None:
    """No name, label, breaker or address becomes markup."""
    project = broken(HOSTILE, web_url="javascript:alert(1)", last_build_label=HOSTILE)
    report = a_report(a_feed(project, known(HOSTILE), name=HOSTILE, error=DOWN))

    with Served(report) as served:
        page, rest, parts = (get(served, path).text for path in ("/", "/rest", "/parts"))

    for text in (page, rest, *json.loads(parts)["parts"].values()):
        assert "<img" not in text
        assert "javascript:" not in text
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in page


def test_a_name_that_turns_text_around_does_not() -> None:
    """What a terminal or a browser would obey is shown as a mark."""
    with Served(a_report(a_feed(broken("a\u202eb\x1b[2J")))) as served:
        page = get(served, "/").text

    assert "\u202e" not in page
    assert "\x1b" not in page


# Size.


def test_500_projects_are_less_than_80_kilobytes() -> None:
    """Everything that a browser loads, unpacked; a phone gets a fifth of it."""
    paths = ("/", "/page.css", "/page.js", "/live.js", "/wall.css", "/wall.js", "/icon.svg")

    with Served(a_report(many(498, broken("till"), known("api", building=True)))) as served:
        plain = sum(len(get(served, path).content) for path in paths)
        sent = 0
        for path in paths:
            with httpx.stream("GET", served.url(path), trust_env=False) as answer:
                body = b"".join(answer.iter_raw())
            packed = answer.headers.get("Content-Encoding") == "gzip"
            assert len(gzip.decompress(body) if packed else body) > 0
            sent += len(body)

    assert plain < 80_000
    assert sent < 16_000


def test_old_news_is_told_as_old() -> None:
    """What passed when the server was last heard is not called passing."""
    report = a_report(a_feed(known("shop"), error=DOWN), a_feed(known("api"), name="other"))

    with Served(report) as served:
        parts = get(served, "/parts").json()["parts"]
        rest = get(served, "/rest").text

    assert parts["others"] == "<b>Projects</b> 1 passing, 1 passed when last heard"
    assert rest.index("Passed when last heard") < rest.index("shop</a>") < rest.index("Passing")


def test_behind_the_fold_everything_is_told_by_what_it_is() -> None:
    """What passes, what was never built, and what does not count and why not."""
    feed = a_feed(
        known("shop"),
        known("api", Verdict.NONE),
        known("old"),
        known("new"),
        selection=Selection(exclude=("old",)),
    )
    report = a_report(feed)

    told = rest(parts(report, now=4.2), report)

    words = [word for word in re.split("<[^>]*>", told) if word]
    assert words == [
        *("Passing", "shop", "new", "Without a build", "api"),
        *("Not counted", "old", " ", "excluded by its feed"),
    ]


def test_a_broken_project_without_a_moment_has_none() -> None:
    """A red that was broken before anybody looked is not told with a time that nobody knows."""
    unknown = replace(broken("shop"), since=None)

    with_one, without = (
        parts(a_report(a_feed(each)), now=4.2).parts["broken"] for each in (broken("shop"), unknown)
    )

    assert "<p>broken since <time" in with_one
    assert "<p>broken · build 42" in without


def test_a_page_has_an_end() -> None:
    """Of 20,000 projects a thousand of each list are told, and how many more there are."""
    with Served(a_report(many(15_000, *(broken(f"b{n}") for n in range(5_000))))) as served:
        page = get(served, "/").text

    assert page.count("<li>") < 2_100
    assert "Broken <small>5000</small>" in page
    assert "and 4000 more, see the" in page
    assert "and 14000 more, see the" in page


@given(st.data())
def test_no_text_of_a_server_breaks_the_page(data: st.DataObject) -> None:
    """Whatever it writes, there is a page, and nothing in it but text."""
    text = st.text(st.characters(), max_size=30) | st.just(HOSTILE)
    project = broken(
        data.draw(text),
        web_url=data.draw(text),
        last_build_label=data.draw(text),
        messages=(Message(data.draw(text), "Breakers"),),
    )
    report = a_report(a_feed(project, known(data.draw(text)), name="web"))

    shown = parts(report, now=5.0)
    page = document(report, shown, version="1", ages=[None]).encode()

    assert b"<img" not in page
    assert set(re.findall(rb"<([a-z0-9!]+)", page)) <= TAGS


TAGS = {
    *b"!doctype html head meta title link script noscript body p main h1 h2 h3 h4 div".split(),
    *b"section details summary ul li a span small b i code time strong footer article".split(),
    *b"input select option".split(),
    *b"svg g rect circle ellipse animate set".split(),
}


# Word by word.


def words_of(part: str) -> list[str]:
    """Return what is read in *part*, element by element."""
    return [word for word in re.split("<[^>]*>", part) if word]


def test_the_title_and_what_is_read_aloud_say_what_the_lamp_says() -> None:
    """The title and the icon tell the worst lamp; a screen reader is told of each."""
    feeds = a_feed(broken("till"), name="api"), a_feed(known("shop"))
    shown = parts(a_report(*feeds, lamps=[a_lamp("good"), a_lamp("bad", "api")]), now=4.2)

    assert shown.title == "✕ Broken · bad"
    assert shown.icon == "broken"
    assert shown.said == (
        "good: Passing: 1 project passes. bad: Broken: till (api) is broken since 09:12 UTC"
    )


def test_without_a_lamp_nothing_is_known() -> None:
    """A title without a name, a question for an icon, and the moment of the report."""
    report = replace(a_report(a_feed(known("shop"))), lamps=())

    shown = parts(report, now=4.2)

    assert (shown.title, shown.icon, shown.said) == ("? Unknown", "stale", "")
    assert shown.parts["lamps"] == ""
    assert words_of(shown.parts["changed"]) == ["12:00 UTC"]


def test_a_lamp_says_what_it_shows_and_why() -> None:
    """The signal, the reason, the pattern since when, the rule, and what would change it."""
    report = a_report(a_feed(broken("till")), lamps=[a_lamp("one"), a_lamp("two")])

    told = words_of(parts(report, now=4.2).parts["lamps"])

    one = [
        *("one", "✕", " Broken", "till is broken since ", "09:12 UTC", "."),
        "Why?",
        (
            "One broken project is enough; it stays broken until a build of it passes. "
            "It changes when a build of till passes."
        ),
        *("one shows ", "red", " since ", "12:00 UTC"),
        ". Told: the light took it, and cannot be asked what it shows.",
    ]
    assert told == [*one, *(word.replace("one", "two") for word in one)]


def test_a_pattern_that_matches_nothing_is_on_the_page() -> None:
    """A typo in `include` is seen by whoever looks at the lamp or at its feed."""
    feed = a_feed(known("shop"), selection=Selection(("shop", "tils*")))
    lamp = a_lamp(selection=Selection(("shop", "pos<*")))

    shown = parts(a_report(feed, lamps=[lamp]), now=4.2).parts

    assert "No project matches &#x27;pos&lt;*&#x27; in include." in shown["lamps"]
    assert "No project matches &#x27;tils*&#x27; in include." in "".join(shown.values())


@pytest.mark.parametrize(
    ("light", "sentence"),
    [(Light.WAITING, "Waiting for its light."), (Light.LOST, "Its light is lost.")],
)
def test_a_lamp_without_its_light_says_so(light: Light, sentence: str) -> None:
    """Else somebody would look at a dark lamp, and believe it."""
    why = "no port <ttyUSB0>; is it plugged in?"
    report = a_report(a_feed(known("shop")), lamps=[a_lamp(light=light, trouble=why)])
    sound = a_report(a_feed(known("shop")))

    told = parts(report, now=4.2)

    assert (
        f'<strong class="doubt">{sentence}</strong> No port &lt;ttyUSB0&gt;; is it plugged in?'
        in told.parts["lamps"]
    )
    assert told.said.endswith(f"{sentence} {why}")
    assert "doubt" not in parts(sound, now=4.2).parts["lamps"]


def test_a_light_that_was_read_back_says_so() -> None:
    """It is more than a light that took bytes."""
    report = a_report(a_feed(known("shop")), lamps=[a_lamp(known=Known.CONFIRMED)])

    assert "Confirmed: what the light shows was read back." in parts(report, now=0).parts["lamps"]


def test_a_lamp_is_drawn_as_far_as_it_is() -> None:
    """Whoever opens the page in between sees the rest of what ends."""
    patterns = dict.fromkeys(RANKS.values(), parse_pattern("red, green 5s"))
    report = a_report(a_feed(known("shop")), lamps=[a_lamp(patterns=patterns)])

    told = parts(report, now=6.2).parts["lamps"]

    assert lamp_svg(report.lamps[0], elapsed=2.0) in told
    assert 'begin="3s"' in told


def test_long_sentences_and_names_are_told_whole() -> None:
    """Up to 200 letters of a name; a sentence may hold several. Only what is longer is cut."""
    fault = FeedUnreachable("nobody answers at " + "x" * 150)
    long = broken("n" * 150, last_build_label="l" * 150, messages=(Message("b" * 150, "Breakers"),))
    report = a_report(a_feed(long), a_feed(name="u" * 150, error=fault))
    (lamp,) = report.lamps
    assert min(len(lamp.because), len(lamp.until)) > 80

    shown = parts(report, now=4.2)

    assert lamp.because in "".join(words_of(shown.parts["lamps"])).replace(" UTC", "")
    assert lamp.until in shown.parts["lamps"]
    assert shown.said.replace(" UTC", "") == f"lamp: Broken, the rest unknown: {lamp.because}"
    assert words_of(shown.parts["broken"])[2] == "n" * 150
    assert f"build {'l' * 150} · broken by {'b' * 150}" in shown.parts["broken"]
    assert f"N{str(fault)[1:]}." in shown.parts["feeds"]
    assert f"https://{'u' * 150}.example/cc.xml?token=***" in shown.parts["feeds"]
    longer = a_report(a_feed(broken("n" * 201, last_build_label="l" * 201)))
    cut = words_of(parts(longer, now=4.2).parts["broken"])
    assert cut[2] == "n" * 199 + "…"
    assert f"build {'l' * 199}… " in cut[-1]


def test_a_change_of_another_day_has_its_date() -> None:
    """The last of all lamps' changes; that of today is told by the clock alone."""
    report = a_report(a_feed(broken("till")), lamps=[a_lamp("one"), a_lamp("two")])
    one, two = report.lamps
    old = [replace(each, since=NOON - timedelta(days=days)) for each, days in ((one, 2), (two, 1))]
    yesterday = replace(report, lamps=tuple(old))

    assert words_of(parts(report, now=4.2).parts["changed"]) == ["12:00 UTC"]
    told = parts(yesterday, now=4.2).parts
    assert words_of(told["changed"]) == ["2026-11-19 12:00 UTC"]
    assert [word for word in words_of(told["lamps"]) if word.startswith("2026")] == [
        "2026-11-18 12:00 UTC",
        "2026-11-19 12:00 UTC",
    ]


def test_what_is_broken_and_what_is_being_built_say_all_that_is_known() -> None:
    """Since when, of which feed, which build and by whom; what has no address is no link."""
    unbuilt = known("new", Verdict.NONE, building=True, last_build_label="", web_url="")
    feed = a_feed(
        broken("till", building=True),
        replace(broken("old", messages=()), since=NOON - timedelta(days=1)),
        known("stock", building=True),
        unbuilt,
    )

    told = parts(a_report(feed), now=4.2).parts

    assert words_of(told["broken"]) == [
        *("Broken ", "2", "old", "broken since ", "2026-11-19 12:00 UTC", " · build 42"),
        *("till", "being built · broken since ", "09:12 UTC"),
        " · build 42 · broken by alice, bob",
    ]
    assert words_of(told["building"]) == [
        *("Building ", "2", "stock", "being built · passed before · build 42"),
        *("new", "being built"),
    ]
    assert '<li><span dir="auto">new</span>' in told["building"]


def test_a_red_that_nobody_saw_begin_is_the_oldest() -> None:
    """It stands above those of which the moment is known."""
    unseen = replace(broken("unknown"), since=None)

    told = parts(a_report(a_feed(broken("till"), unseen)), now=4.2).parts["broken"]

    assert told.index("unknown</a>") < told.index("till</a>")


def test_all_who_broke_it_are_named() -> None:
    """A server may write a message for each."""
    blamed = (Message("alice", "Breakers"), Message("bob", "Breakers"))

    told = parts(a_report(a_feed(broken("till", messages=blamed))), now=4.2).parts["broken"]

    assert told.endswith(" · broken by alice, bob</p></li></ul>")


def test_what_is_known_of_a_run_is_shown() -> None:
    """A branch is a stranger's text, too."""
    run = Run("<main>", "3f2c1d0e5a", 2, "ada", NOON)

    told = parts(a_report(a_feed(broken("till", messages=(), run=run))), now=4.2).parts["broken"]

    assert " · on &lt;main&gt; · attempt 2 · by ada · commit 3f2c1d0 · started <time " in told


def test_a_run_whose_start_is_not_known_has_none() -> None:
    """Neither 1970, nor a time in a zone that was guessed."""
    for started in (None, NOON.replace(tzinfo=None)):
        run = Run("main", "3f2c1d0e5a", 2, "ada", started)

        told = parts(a_report(a_feed(broken("till", messages=(), run=run))), now=4.2).parts

        assert told["broken"].endswith(" · by ada · commit 3f2c1d0</p></li></ul>")


def test_where_nothing_is_broken_there_is_no_list() -> None:
    """Not even a heading."""
    told = parts(
        a_report(a_feed(broken("till"), selection=Selection(exclude=("till",)))), now=4.2
    ).parts

    assert (told["broken"], told["building"]) == ("", "")
    assert told["others"] == "<b>Projects</b> 1 not counted"


def test_the_rest_is_counted_by_what_it_is() -> None:
    """What passes by fresh news apart from what passed; none of a kind is not told."""
    web = a_feed(
        known("a"),
        known("b"),
        known("new", Verdict.NONE),
        known("old"),
        selection=Selection(exclude=("old",)),
    )
    report = a_report(web, a_feed(known("c"), name="api", error=DOWN))

    shown = parts(report, now=4.2)

    assert shown.parts["others"] == (
        "<b>Projects</b> 2 passing, 1 passed when last heard, 1 without a build, 1 not counted"
    )
    assert words_of(rest(shown, report)) == [
        *("web", "Passing", "a", "b", "Without a build", "new"),
        *("Not counted", "old", " ", "excluded by its feed"),
        *("api", "Passed when last heard", "c"),
    ]
    alone = parts(a_report(a_feed(broken())), now=4.2)
    assert alone.parts["others"] == "<b>Others</b> none"


@pytest.mark.parametrize(("count", "more"), [(1_000, None), (1_001, "and 1 more, see the ")])
def test_a_list_has_a_thousand_rows_and_counts_the_rest(count: int, more: str | None) -> None:
    """A whole list says nothing of more."""
    report = a_report(many(count))

    told = words_of(rest(parts(report, now=4.2), report))

    assert sum(word.startswith("shop-service-") for word in told) == 1_000
    assert next((word for word in told if "more" in word), None) == more


def test_few_projects_are_visible_and_many_are_behind_the_fold() -> None:
    """A page that has room for them hides nothing."""
    few, more = a_report(many(html.FEW)), a_report(many(html.FEW + 1))

    pages = [document(each, parts(each, now=4.2), version="1", ages=[0.0]) for each in (few, more)]

    assert ['<details id="fold" open>' in page for page in pages] == [True, False]
    assert ['<b class="many">Projects</b>' in page for page in pages] == [False, True]


def test_a_closed_office_is_a_state_of_its_own() -> None:
    """A dark lamp is not broken, though something is; and another lamp's state comes first."""
    feeds = a_feed(broken("till")), a_feed(known("shop"), name="api")
    closed = a_lamp("closed", hours=CLOSED_NOW)

    alone = parts(a_report(*feeds, lamps=[closed]), now=4.2)
    both = parts(a_report(*feeds, lamps=[closed, a_lamp("open", "api")]), now=4.2)

    assert (alone.title, alone.icon) == ("☾ Closed · closed", "closed")
    assert alone.said.startswith("closed: Closed: the office is closed until 13:00 UTC; till")
    assert "The office is closed until <time" in alone.parts["lamps"]
    assert '<article class="closed">' in alone.parts["lamps"]
    assert both.title == "✓ Passing · open"


def test_the_page_has_the_title_that_was_given_to_it() -> None:
    """As text, whatever it holds."""
    report = a_report(a_feed(known()))
    shown = parts(report, now=4.2)

    told = document(report, shown, version="1", ages=[0.0], title="Team <b>")

    assert "<h1>Team &lt;b&gt;</h1>" in told
    assert "<h1>Build lamp</h1>" in document(report, shown, version="1", ages=[0.0])


def test_what_is_not_shown_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 50,000 broken projects a thousand rows cost time, as they do of as many that pass."""
    feed = a_feed(
        *(broken(f"broken-{n}") for n in range(5)),
        *(known(f"building-{n}", building=True) for n in range(5)),
        *(known(f"passing-{n}") for n in range(5)),
        *(known(f"new-{n}", Verdict.NONE) for n in range(5)),
        *(known(f"old-{n}") for n in range(5)),
        selection=Selection(exclude=("old-*",)),
    )
    report = a_report(feed)
    made: list[str] = []

    def noted(text: str) -> str:
        made.append(text)
        return escape(text)

    monkeypatch.setattr(html, "LISTED", 2)
    monkeypatch.setattr(html, "escape", noted)

    rest(parts(report, now=4.2), report)

    assert [text for text in made if re.fullmatch("[a-z]+-[0-9]", text)] == [
        *("broken-0", "broken-1", "building-0", "building-1"),
        *("passing-0", "passing-1", "new-0", "new-1", "old-0", "old-1"),
    ]


def test_feeds_say_how_they_are() -> None:
    """What they hold, how old it is, and what is wrong in a sentence."""
    feeds = (
        a_feed(known("a")),
        a_feed(known("b"), known("c"), name="api", error=DOWN),
        a_feed(name="new", answered=None, error=FeedUnreachable("no luck: try again!")),
        a_feed(name="none", answered=None, error=FeedUnreachable("done.")),
        a_feed(name="down", answered=None, error=FeedUnreachable("it is down")),
    )
    report = a_report(*feeds)
    ages = [1.9, 2.0, None, None, None]

    page = document(report, parts(report, now=4.2), version="7", ages=ages)

    _, _, told = page.partition('id="feeds">')
    told, _, _ = told.partition("</ul>")
    assert words_of(told) == [
        *("web", " ", "✓ fresh", " ", "just now"),
        *("1 project · ", "https://web.example/cc.xml?token=***"),
        *("api", " ", "? old news", " ", "2 seconds ago"),
        *("2 projects · ", "https://api.example/cc.xml?token=***"),
        "Nobody answers; is the server running?",
        *("new", " ", "? never answered", " "),
        *("0 projects · ", "https://new.example/cc.xml?token=***", "No luck: try again!"),
        *("none", " ", "? never answered", " "),
        *("0 projects · ", "https://none.example/cc.xml?token=***", "Done."),
        *("down", " ", "? never answered", " "),
        *("0 projects · ", "https://down.example/cc.xml?token=***", "It is down."),
    ]
    assert re.findall('data-feed="([^"]*)"', told) == ["0", "1", "2", "3", "4"]
    assert parts(report, now=4.2).parts["feeds"] == re.sub("just now|2 seconds ago", "", told)


def test_no_age_stands_beside_another_feed() -> None:
    """An age for each, or there is no page."""
    report = a_report(a_feed(known()))

    with pytest.raises(ValueError, match="zip"):
        document(report, parts(report, now=4.2), version="1", ages=[1.0, 2.0])


@pytest.mark.usefixtures("in_berlin")
def test_a_moment_is_exact_for_programs() -> None:
    """In UTC, wherever the machine stands."""
    told = parts(a_report(a_feed(broken("till"))), now=4.2).parts["broken"]

    assert '<time datetime="2026-11-20T09:12:00Z">09:12 UTC</time>' in told


def test_every_signal_has_a_sign_and_words() -> None:
    """None is told by its colour alone, and no two alike."""
    assert {*SIGNALS} == {*RANKS.values()}
    assert len({words for _, words in SIGNALS.values()}) == len(SIGNALS)
    assert all(len(sign) == 1 < len(words) for sign, words in (CLOSED, *SIGNALS.values()))


def test_without_a_script_the_page_is_loaded_every_fifteen_seconds() -> None:
    """Only then: a script is told of each change at once."""
    report = a_report(a_feed(known()))

    page = document(report, parts(report, now=4.2), version="1", ages=[0.0])

    assert '<noscript><meta http-equiv="refresh" content="15"></noscript>' in page
