"""One feed of everything that was read, for the clients that teams have already."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from buildlight.projects.ccxml import parse, write
from buildlight.projects.feed_state import in_doubt
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import Verdict
from buildlight.publish.web.merged_feed import NO_LABEL, NO_TIME, merge
from buildlight.report.report import Report
from buildlight.report.rows import Watched
from support.reports import DOWN, EARLIER, a_feed, a_lamp, a_report, broken, known

PUBLISHED = Path(__file__).with_name("cctray-1.xsd").read_text("utf-8")
SCHEMA = xmlschema.XMLSchema(PUBLISHED)
# Where the standard's own text says string, names of the world are no tokens: they have spaces.
BY_ITS_TEXT = xmlschema.XMLSchema(
    PUBLISHED.replace(
        '<xs:simpleType name="Name">\n    <xs:restriction base="xs:NMTOKEN"/>',
        '<xs:simpleType name="Name">\n    <xs:restriction base="xs:string"/>',
    )
)
ANYTHING = st.text(st.characters(), max_size=20)
TIMES = st.none() | st.datetimes(timezones=st.none() | st.sampled_from([UTC, timezone.max]))


def told(report: Report, lamp: str | None = None) -> list[tuple[str, str, str]]:
    """Return name, activity and status of each project of the joined feed."""
    chosen = next((each for each in report.lamps if each.name == lamp), None)
    return [(each.name, each.activity, each.last_build_status) for each in merge(report, chosen)]


def test_it_joins_all_feeds() -> None:
    """One address instead of one for each server."""
    report = a_report(a_feed(known("shop")), a_feed(broken("till"), name="api"))

    assert told(report) == [("shop", "Sleeping", "Success"), ("till", "Sleeping", "Failure")]


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (Verdict.PASSING, "Success"),
        (Verdict.BROKEN, "Failure"),
        (Verdict.NONE, "Unknown"),
    ],
)
def test_a_build_that_runs_has_the_remembered_verdict(verdict: Verdict, status: str) -> None:
    """Travis forgets what it built last while it builds; a client of ours never sees that."""
    running = known(
        "shop", verdict, activity="Building", last_build_status="Unknown", building=True
    )

    assert told(a_report(a_feed(running))) == [("shop", "Building", status)]


@pytest.mark.parametrize("answered", [0.0, None])
def test_a_stale_feed_is_a_project_that_fails(answered: float | None) -> None:
    """No client shows old news as green: the feed says so, and so does each row that passed.

    Clients that hear ``Unknown`` keep their green, and filters drop the row of the feed.
    """
    silent = a_feed(known("shop"), broken("till"), error=DOWN, answered=answered)

    assert told(a_report(silent, a_feed(known("other"), name="api"))) == [
        ("web", "Sleeping", "Exception"),
        ("shop", "Sleeping", "Exception"),
        ("till", "Sleeping", "Failure"),
        ("other", "Sleeping", "Success"),
    ]


def test_a_feed_without_projects_is_no_good_news() -> None:
    """A document of nothing would look as if all were well, and the schema wants one project."""
    assert told(a_report(a_feed())) == [("web", "Sleeping", "Exception")]


def test_a_doubt_stays_the_same_project() -> None:
    """Clients announce a failure for each new time or label: a silent feed is one failure."""
    silent = a_feed(known(), error=DOWN)

    (doubt, *_) = merge(a_report(silent))

    assert (doubt.last_build_label, doubt.last_build_time) == (NO_LABEL, NO_TIME)


def test_one_lamp_has_what_it_heeds() -> None:
    """`?lamp=shop corner` is for the team that this lamp belongs to."""
    feeds = a_feed(known("shop"), known("shop-nightly")), a_feed(broken("till"), name="api")
    corner = a_lamp("shop corner", selection=Selection(exclude=("*-nightly",)))

    report = a_report(*feeds, lamps=[a_lamp("lamp", "web", "api"), corner])

    assert told(report, "shop corner") == [("shop", "Sleeping", "Success")]
    assert [name for name, _, _ in told(report)] == ["shop", "shop-nightly", "till"]


def test_a_lamp_in_doubt_says_so() -> None:
    """A lamp that misses a project is not green, and neither is its feed here."""
    lamp = a_lamp("corner", selection=Selection(include=("gone",)))

    assert told(a_report(a_feed(known("shop")), lamps=[lamp]), "corner") == [
        ("corner", "Sleeping", "Exception")
    ]


def test_a_doubt_of_a_restart_is_told_to_everybody() -> None:
    """A server that answers need not have said how its project stands; nor has this feed then.

    Another lamp that reads it would be green beside one that knows better.
    """
    feed = a_feed(known("shop", activity="Building", building=True))
    restarted = replace(feed, state=in_doubt(feed.state))
    silent = a_feed(known("till"), name="api", error=DOWN)
    lamps = [a_lamp("ours", "web"), a_lamp("theirs", "api"), a_lamp("both", "web", "api")]

    alone = told(a_report(restarted))
    beside = told(a_report(restarted, silent, lamps=lamps))

    assert alone == [("lamp", "Sleeping", "Exception"), ("shop", "Building", "Exception")]
    assert beside == [
        ("api", "Sleeping", "Exception"),
        ("ours", "Sleeping", "Exception"),
        ("shop", "Building", "Exception"),
        ("till", "Sleeping", "Exception"),
    ]


def test_a_project_with_an_unknown_word_is_an_exception() -> None:
    """Once the last known word is too old; until then it passes, and a red one stays a failure."""
    odd = [
        replace(
            known(name, verdict, last_build_status="Odd"),
            definite=False,
            unconfirmed_since=since,
        )
        for name, verdict, since in [
            ("old", Verdict.PASSING, -200.0),
            ("young", Verdict.PASSING, 0.0),
            ("red", Verdict.BROKEN, -200.0),
        ]
    ]

    assert told(a_report(a_feed(*odd)))[1:] == [
        ("old", "Sleeping", "Exception"),
        ("young", "Sleeping", "Success"),
        ("red", "Sleeping", "Failure"),
    ]


def test_rows_keep_the_marks_of_the_daemons_that_passed_them_on() -> None:
    """A daemon knows its own rows by them; marks are comments, which the schema allows."""
    others = ("buildlight-00000000000000aa", "buildlight-00000000000000bb")
    report = a_report(a_feed(known("shop"), known("till", marks=others)))

    document = write(merge(report), origin="buildlight-00000000000000cc")

    SCHEMA.validate(document)
    assert [each.marks for each in parse(document)] == [
        ("buildlight-00000000000000cc",),
        ("buildlight-00000000000000cc", *others),
    ]


def test_a_feed_and_a_lamp_of_one_name_are_one_doubt() -> None:
    """No two projects have the same name, whatever the configuration calls its things."""
    lamp = a_lamp("api", "web", selection=Selection(include=("gone",)))

    report = a_report(a_feed(known("shop")), a_feed(name="api"), lamps=[lamp])

    assert told(report) == [("api", "Sleeping", "Exception"), ("shop", "Sleeping", "Success")]


def test_a_lamp_doubts_its_own_feeds_only() -> None:
    """What another team's server does is not this team's failure; what their own does is."""
    feeds = a_feed(known("shop")), a_feed(known("till"), name="api", error=DOWN)

    report = a_report(*feeds, lamps=[a_lamp("ours", "web"), a_lamp("theirs", "api")])

    assert told(report, "ours") == [("shop", "Sleeping", "Success")]
    assert told(report, "theirs") == [
        ("api", "Sleeping", "Exception"),
        ("till", "Sleeping", "Exception"),
    ]


def test_two_of_a_name_are_told_apart() -> None:
    """Neither of two has the plain name: which is which would change with their order."""
    names = [name for name, _, _ in told(a_report(a_feed(known("shop"), known("shop"))))]

    assert names == ["shop (web)", "shop (web) 2"]


def test_what_xml_cannot_hold_is_one_mark() -> None:
    """A letter for a letter, so that a name is still known."""
    assert told(a_report(a_feed(known("a\x00b")))) == [("a\ufffdb", "Sleeping", "Success")]


def test_namesakes_have_names_of_their_own() -> None:
    """CCMenu hides all but the first project of a name; the second may be the broken one."""
    report = a_report(
        a_feed(known("shop"), known("shop"), known("api"), known("lamp")),
        a_feed(broken("shop"), name="api"),
    )

    assert [name for name, _, _ in told(report)] == [
        "shop (web)",
        "shop (web) 2",
        "api (web)",
        "lamp (web)",
        "shop (api)",
    ]


def test_a_project_keeps_its_name_when_a_feed_falls_silent() -> None:
    """Clients know projects by name: none may vanish when a feed needs its own."""
    projects = a_feed(known("api")), a_feed(known("till"), name="api")
    silent = projects[0], a_feed(known("till"), name="api", error=DOWN)

    names = [{name for name, _, _ in told(a_report(*feeds))} for feeds in (projects, silent)]

    assert names == [{"api (web)", "till"}, {"api (web)", "till", "api"}]


def test_a_feed_of_one_name_is_no_burden() -> None:
    """A hostile feed may repeat one name 20,000 times."""
    report = a_report(a_feed(*[known("shop")] * 20_000))

    assert len({name for name, _, _ in told(report)}) == 20_000


@pytest.mark.parametrize(
    ("address", "linked"),
    [
        ("https://ci.example/job/shop/?a=b&c=d#e", "https://ci.example/job/shop/?a=b&c=d#e"),
        ("HTTP://ci.example/", "http://ci.example/"),
        (" https://ci.example/a b ", "https://ci.example/a%20b"),
        ("https://alice:secret@ci.example:8443/x", "https://ci.example:8443/x"),
        ("javascript:alert(1)", ""),
        ("java\nscript:alert(1)", ""),
        ("https://ci.example/\u202e", ""),
        ("//ci.example/", ""),
        ("https:ci.example", ""),
        ("https://[", ""),
        ("file:///etc/passwd", ""),
        ("data:text/html,<script>", ""),
    ],
)
def test_only_the_web_is_linked(address: str, linked: str) -> None:
    """Servers write addresses; a client of ours opens them."""
    (project,) = merge(a_report(a_feed(known("shop", web_url=address))))

    assert project.web_url == linked


# The standard.


def test_the_document_is_valid_by_the_published_schema() -> None:
    """Attribute for attribute, whatever is missing: a time, a label, an address."""
    report = a_report(
        a_feed(known("shop"), known("new", Verdict.NONE, last_build_label="", web_url="")),
        a_feed(broken("till", last_build_time=None, building=True), name="api", error=DOWN),
        a_feed(name="none", answered=None),
    )

    SCHEMA.validate(write(merge(report)))


def test_a_document_without_a_label_is_invalid() -> None:
    """The schema is not so lenient that everything would pass."""
    with pytest.raises(xmlschema.XMLSchemaValidationError, match="lastBuildLabel"):
        SCHEMA.validate(
            '<Projects><Project name="a" activity="Sleeping" lastBuildStatus="Success" '
            'lastBuildTime="2026-11-20T11:00:00Z" webUrl=""/></Projects>'
        )


@st.composite
def feeds_of_anything(draw: st.DrawFn) -> Watched:
    """A feed with whatever a server can write."""
    names = draw(st.lists(ANYTHING | st.sampled_from(["web", "lamp", "shop"]), max_size=5))
    projects = [
        known(
            name,
            draw(st.sampled_from(Verdict)),
            last_build_label=draw(ANYTHING),
            last_build_time=draw(TIMES),
            web_url=draw(ANYTHING | st.just("https://ci.example/")),
            building=draw(st.booleans()),
        )
        for name in names
    ]
    return a_feed(*projects, error=draw(st.none() | st.just(DOWN)))


@given(feeds_of_anything())
def test_whatever_servers_write_the_document_is_valid(feed: Watched) -> None:
    """No name breaks the feed for all clients; names are strings, as the standard's text says."""
    projects = merge(a_report(feed))

    document = write(projects)

    BY_ITS_TEXT.validate(document)
    assert parse(document) == projects
    assert len({each.name for each in projects}) == len(projects)


def test_a_time_beyond_the_calendar_is_no_time() -> None:
    """A year 1 in a zone east of Greenwich was no year in UTC, and ends nobody's feed."""
    first = datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1)))

    (project,) = merge(a_report(a_feed(known("a", last_build_time=first))))

    assert project.last_build_time == NO_TIME == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.usefixtures("in_berlin")
def test_times_are_told_in_utc() -> None:
    """The standard wants a zone, ideally Z; one that nobody told is not invented."""
    berlin = EARLIER.astimezone(timezone(timedelta(hours=1)))
    naive = datetime(2026, 11, 20, 9, 12)  # noqa: DTZ001 - GoCD before 18.4 sends no zone

    report = a_report(a_feed(known("a", last_build_time=berlin), known("b", last_build_time=naive)))

    document = write(merge(report)).decode()
    assert 'lastBuildTime="2026-11-20T09:12:00Z"' in document
    assert 'lastBuildTime="2026-11-20T09:12:00"' in document
