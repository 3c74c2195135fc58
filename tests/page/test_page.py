"""The page and what programs read beside it, asked over a real socket."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from conftest import NOON
from hypothesis import given
from hypothesis import strategies as st

from buildlight.aggregate import RANKS
from buildlight.cctray import parse
from buildlight.counted import Choice
from buildlight.memory import Verdict
from buildlight.project import Message
from buildlight.publish.html import SIGNALS, document, parts, rest
from buildlight.publish.joined import joined
from buildlight.report import to_json
from page.reports import DOWN, a_feed, a_lamp, a_report, broken, known, many
from page.serving import Served

REPORT = a_report(a_feed(known("shop"), broken("till"), known("stock", building=True)))
PATHS = ["/", "/rest", "/parts", "/icon.svg", "/page.css", "/page.js", "/cc.xml",
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

    assert "till (web) is broken since 09:12" in page
    assert "broken by alice, bob" in page
    assert 'href="https://ci.example/job/till/"' in page
    assert page.index("till</a>") < page.index("stock</a>") < page.index("shop</a>")
    assert page.index("stock</a>") < page.index("<details") < page.index("shop</a>")


def test_the_feed_is_joined(served: Served) -> None:
    """What a client reads is what was read, in the standard's words."""
    answer = get(served, "/cc.xml")

    assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"
    assert parse(answer.content) == joined(REPORT)


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
    served.tell(replace(REPORT, at=NOON + timedelta(seconds=30)))
    after = get(served, "/cc.xml")
    served.tell(a_report(a_feed(known("shop"))))
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


def test_500_projects_are_less_than_60_kilobytes() -> None:
    """Everything that a browser loads, unpacked; a phone gets a fifth of it."""
    paths = ("/", "/page.css", "/page.js", "/icon.svg")

    with Served(a_report(many(498, broken("till"), known("api", building=True)))) as served:
        plain = sum(len(get(served, path).content) for path in paths)
        sent = 0
        for path in paths:
            with httpx.stream("GET", served.url(path), trust_env=False) as answer:
                body = b"".join(answer.iter_raw())
            packed = answer.headers.get("Content-Encoding") == "gzip"
            assert len(gzip.decompress(body) if packed else body) > 0
            sent += len(body)

    assert plain < 60_000
    assert sent < 12_000


def test_old_news_is_told_as_old() -> None:
    """What passed when the server was last heard is not called passing."""
    report = a_report(a_feed(known("shop"), error=DOWN), a_feed(known("api"), name="other"))

    with Served(report) as served:
        parts = get(served, "/parts").json()["parts"]
        rest = get(served, "/rest").text

    assert parts["others"] == "<b>The rest</b> 1 passing, 1 passed when last heard"
    assert rest.index("Passed when last heard") < rest.index("shop</a>") < rest.index("Passing")


def test_behind_the_fold_everything_is_told_by_what_it_is() -> None:
    """What passes, what was never built, and what does not count and why not."""
    feed = a_feed(
        known("shop"),
        known("api", Verdict.NONE),
        known("old"),
        known("new"),
        choice=Choice(exclude=("old",)),
    )
    report = a_report(feed)

    told = rest(parts(report, now=4.2), report)

    words = [word for word in re.split("<[^>]*>", told) if word]
    assert words == [
        *("web", "Passing", "shop", "new", "Without a build", "api"),
        *("Not counted", "old", " ", "feed web leaves it out"),
    ]


def test_a_broken_project_without_a_moment_has_none() -> None:
    """A red that was broken before anybody looked is not told with a time that nobody knows."""
    unknown = replace(broken("shop"), since=None)

    with_one, without = (
        parts(a_report(a_feed(each)), now=4.2).parts["broken"] for each in (broken("shop"), unknown)
    )

    assert " since " in with_one
    assert " since " not in without


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
    *b"svg g rect circle ellipse animate set".split(),
}


def test_every_signal_has_a_sign_and_words() -> None:
    """None is told by its colour alone, and no two alike."""
    assert {*SIGNALS} == {*RANKS.values()}
    assert len({words for _, words in SIGNALS.values()}) == len(SIGNALS)
    assert all(sign and words for sign, words in SIGNALS.values())
