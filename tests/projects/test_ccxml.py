"""Documents of real shapes, of hostile ones, and the limits between them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.errors import FeedError, FeedMalformed, FeedRefused
from buildlight.projects.ccxml import (
    MAX_BYTES,
    MAX_DEPTH,
    MAX_MESSAGES,
    MAX_PROJECTS,
    PLACEHOLDERS,
    ROOTS,
    SLICE,
    parse,
    parse_in_slices,
    parse_time,
    write,
)
from buildlight.projects.project import Message, Project

WEB_PAGE = (
    "html: the server sent a web page, perhaps a login page; "
    "check the address and whether the server requires authentication"
)
NOT_XML = "not XML; does the address lead to a cc.xml feed?"

WHOLE = b"""<?xml version="1.0" encoding="utf-8"?>
<Projects>
  <Project name="shop" activity="Sleeping" lastBuildStatus="Success" lastBuildLabel="42"
      lastBuildTime="2026-11-20T11:00:00.000Z" nextBuildTime="2026-11-20T13:00:00+01:00"
      webUrl="https://ci.example/shop"/>
  <!-- K\xc3\xa4se -->
  <Project name="K\xc3\xa4se &gt; Theke" activity="Building" lastBuildStatus="Failure">
    <messages><message text="Ada" kind="Breakers"/><message text="fix &amp; go"/></messages>
    <![CDATA[\xc3\xa4]]>
  </Project>
</Projects>"""


def names(document: bytes) -> list[str]:
    """Return the names of the projects in *document*."""
    return [project.name for project in parse(document)]


def sentence_of(document: bytes, error: type[FeedError] = FeedMalformed) -> str:
    """Return how *document* is refused."""
    with pytest.raises(error) as caught:
        parse(document)
    return str(caught.value)


def test_a_feed_is_read_whole() -> None:
    """Every attribute of the standard arrives, and the messages of a project with it."""
    assert parse(WHOLE) == (
        Project(
            name="shop",
            activity="Sleeping",
            last_build_status="Success",
            last_build_label="42",
            last_build_time=datetime(2026, 11, 20, 11, tzinfo=UTC),
            next_build_time=datetime(2026, 11, 20, 12, tzinfo=UTC),
            web_url="https://ci.example/shop",
        ),
        Project(
            name="Käse > Theke",
            activity="Building",
            last_build_status="Failure",
            messages=(Message("Ada", "Breakers"), Message("fix & go")),
        ),
    )


def test_a_project_may_lack_everything() -> None:
    """Solano and GitHub's proxies leave attributes out: what is absent is empty."""
    assert parse(b"<Projects><Project/></Projects>") == (Project(name=""),)


@pytest.mark.parametrize(
    "document",
    [
        b"<Projects/>",
        b"<Projects></Projects>",
        b'<?xml version="1.0"?>\n<Projects>\n</Projects>\n',
        b"<CruiseControl><Projects/><Queues/></CruiseControl>",
    ],
)
def test_a_feed_may_be_empty(document: bytes) -> None:
    """A server without projects is a good answer; what it means is decided elsewhere."""
    assert parse(document) == ()


@pytest.mark.parametrize(
    "document",
    [
        b'\n\n<Projects><Project name="a"/></Projects>',
        b'\r\n \t<?xml version="1.0"?><Projects><Project name="a"/></Projects>\n',
        b'\xef\xbb\xbf<Projects><Project name="a"/></Projects>',
        b'<!-- CI --><Projects><Project name="a"/></Projects><!-- 12 ms -->',
        (
            b"<Projects xmlns:xsi='http://www.w3.org/2001/XMLSchema-instance' "
            b"xsi:noNamespaceSchemaLocation='C:\\x.xsd'><Project name='a' xsi:name='b'/></Projects>"
        ),
        b'<Projects xmlns="urn:cctray"><Project name="a"/></Projects>',
        b'<c:Projects xmlns:c="urn:cctray"><c:Project name="a" c:activity="x"/></c:Projects>',
        (
            b'<CruiseControl><Projects><Project name="a"/></Projects>'
            b'<Queues><Queue name="q"><Request projectName="b"/></Queue></Queues></CruiseControl>'
        ),
        (
            b'<Projects>text<Project name="a" CCType="x">text<unknown><Projects/></unknown>'
            b"</Project><other/></Projects>"
        ),
        (
            b'<!DOCTYPE Projects SYSTEM "http://127.0.0.1:9/x.dtd">'
            b'<Projects><Project name="a"/></Projects>'
        ),
        '<?xml version="1.0" encoding="utf-16"?><Projects><Project name="a"/></Projects>'.encode(
            "utf-16"
        ),
    ],
)
def test_servers_may_bend_the_standard(document: bytes) -> None:
    """Blank lines, marks, comments, namespaces and unknown elements hide no project."""
    assert parse(document) == (Project(name="a"),)


@pytest.mark.parametrize(
    ("encoding", "name"), [("utf-8", "Käse 🧀"), ("iso-8859-1", "Käse"), ("us-ascii", "Kaese")]
)
def test_the_declared_encoding_is_heeded(encoding: str, name: str) -> None:
    """Names arrive as the server wrote them."""
    document = f'<?xml version="1.0" encoding="{encoding}"?><Projects><Project name="{name}"/>'

    assert names(f"{document}</Projects>".encode(encoding)) == [name]


def test_projects_keep_their_order_and_repetition() -> None:
    """GoCD repeats names: no row is lost, and none changes its place."""
    rows = b"".join(b'<Project name="%s"/>' % name for name in (b"b", b"a", b"b", b"b"))

    assert names(b"<Projects>" + rows + b"</Projects>") == ["b", "a", "b", "b"]


def test_a_project_inside_another_is_no_feed() -> None:
    """One of the two would be lost, and it might be the broken one."""
    document = b'<Projects><Project name="a"><Project name="b"/></Project></Projects>'

    assert sentence_of(document) == "has a project within a project; is it a feed?"


def test_messages_stay_with_their_project() -> None:
    """Whoever broke one build is not blamed for the next."""
    document = b"""<Projects><message text="nobody's"/>
        <Project name="a"><messages><message text="Ada"/></messages></Project>
        <message text="nobody's"/>
        <Project name="b"><messages><message kind="Fixer"/></messages></Project>
        <Project name="c"/></Projects>"""

    messages = [project.messages for project in parse(document)]

    assert messages == [(Message("Ada"),), (Message("", "Fixer"),), ()]


def test_these_roots_are_feeds_and_no_others() -> None:
    """A root that is new has to be argued for here."""
    assert {"Projects", "CruiseControl"} == ROOTS


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (b"", "an empty answer; check the address"),
        (b" \r\n\t", "an empty answer; check the address"),
        (b"Hello!", NOT_XML),
        (b'{"projects": []}', NOT_XML),
        (b"\x1f\x8b\x08\x00", NOT_XML),
        (b'<?xml version="1.0" encoding="klingon"?><Projects/>', NOT_XML),
        (b'<?xml version="1.0" encoding="shift_jis"?><Projects/>', NOT_XML),
        (b"<!-- nothing -->", NOT_XML),
        (b"<Project name='a'/>", "the root is <Project>, not <Projects>; is it a feed?"),
        (b"<projects/>", "the root is <projects>, not <Projects>; is it a feed?"),
        (b"<x:rss xmlns:x='urn:x'/>", "the root is <rss>, not <Projects>; is it a feed?"),
        (
            b"<" + b"a" * 40 + b"/>",
            f"the root is <{'a' * 40}>, not <Projects>; is it a feed?",
        ),
        (
            b"<" + b"a" * 41 + b"/>",
            "the root is something else, not <Projects>; is it a feed?",
        ),
        (
            b"<" + b"a" * 1_000 + b"/>",
            "the root is something else, not <Projects>; is it a feed?",
        ),
        (b"<Projects><Project/><Project/>", "cut short after 2 projects"),
        (b"<Projects><Project/><Project na", "cut short after 1 project"),
        (b"<Projects><![CDATA[ab", "cut short after 0 projects"),
        (b"<Projects>\xc3", "cut short after 0 projects"),
        (
            b"<Projects><Project/><Project name='a' name='b'/></Projects>",
            "not well-formed XML after 1 project (duplicate attribute: line 1, column 38)",
        ),
        (
            b"<Projects/><Projects/>",
            "not well-formed XML after 0 projects (junk after document element: line 1, column 11)",
        ),
        (
            b"<Projects>\xff</Projects>",
            (
                "not well-formed XML after 0 projects "
                "(not well-formed (invalid token): line 1, column 10)"
            ),
        ),
        (
            b'<!DOCTYPE P [<!ENTITY a "b">]><Projects><Project name="&a;"/></Projects>',
            "declares XML entities, which no feed needs",
        ),
        (
            b'<!DOCTYPE P [<!ENTITY a SYSTEM "file:///etc/passwd">]><Projects>&a;</Projects>',
            "declares XML entities, which no feed needs",
        ),
    ],
)
def test_what_is_no_feed_is_said_in_a_sentence(document: bytes, sentence: str) -> None:
    """Whoever set up a wrong address reads what came back, and what to check."""
    assert sentence_of(document) == sentence


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (
            b"<access-denied><message>You are not authenticated!</message></access-denied>",
            "access-denied: the server requires authentication; set auth",
        ),
        (b"<!DOCTYPE html>\n<html><meta charset=utf-8><br>", WEB_PAGE),
        (b"<!doctype html><html><body><br></html>", WEB_PAGE),
        (b"<HTML", WEB_PAGE),
        (
            b"<html><body>Sign in</body></html>",
            (
                "html: the server sent a web page, perhaps a login page; "
                "check the address and whether the server requires authentication"
            ),
        ),
        (
            b'<Projects><Project name="repo does not exist or token missing"/></Projects>',
            (
                "the server says: repo does not exist or token missing; "
                "check the address and the token"
            ),
        ),
    ],
)
def test_a_document_in_which_the_server_says_no_is_refused(document: bytes, sentence: str) -> None:
    """A denial that comes with status 200 is told as one, and no lamp turns green."""
    assert sentence_of(document, FeedRefused) == sentence


@pytest.mark.parametrize(
    "document",
    [
        b'<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "x.dtd"><HTML></HTML>',
        b'<html xmlns="http://www.w3.org/1999/xhtml">',
    ],
)
def test_a_web_page_is_recognised_however_it_is_written(document: bytes) -> None:
    """A login page of any age is told as a web page."""
    assert sentence_of(document, FeedRefused).startswith("html: the server sent a web page")


def test_a_refusal_in_a_document_has_no_status() -> None:
    """Only HTTP has a status; a document that says no has none."""
    with pytest.raises(FeedRefused) as caught:
        parse(b"<access-denied/>")

    assert caught.value.status is None


def test_these_names_are_placeholders_and_no_others() -> None:
    """A placeholder that is new has to be argued for here."""
    assert {"repo does not exist or token missing", "unknown - unknown"} == PLACEHOLDERS


def test_one_placeholder_spoils_the_feed() -> None:
    """A real project beside a placeholder does not vouch for the answer."""
    document = (
        b'<Projects><Project name="a"/><Project name="repo does not exist or token missing"/>'
        b'<Project name="b"/></Projects>'
    )

    assert "token" in sentence_of(document, FeedRefused)


def test_the_limits_are_those_of_the_design() -> None:
    """16 MiB, 16 levels, 50,000 projects, 64 KiB without an event."""
    assert (MAX_BYTES, MAX_DEPTH, MAX_PROJECTS, SLICE) == (16_777_216, 16, 50_000, 65_536)
    assert MAX_MESSAGES == 50


def test_a_feed_of_16_mib_is_read() -> None:
    """The largest document that is allowed is read to its end."""
    document = b'<Projects><Project name="a"/></Projects>'

    assert names(document.ljust(16_777_216)) == ["a"]
    assert names(document.rjust(16_777_216)) == ["a"]


def test_more_than_16_mib_are_refused() -> None:
    """One byte more is not even looked at."""
    document = b"<Projects/>".ljust(16_777_217)

    assert sentence_of(document) == "larger than 16 MiB; is it a feed?"


def nested(depth: int) -> bytes:
    """Return a feed whose one project holds elements down to *depth*."""
    inner = depth - 2
    return b"<Projects><Project>" + b"<a>" * inner + b"</a>" * inner + b"</Project></Projects>"


def test_16_levels_are_read() -> None:
    """Elements that nobody knows may be nested, within reason."""
    assert names(nested(16)) == [""]


def test_17_levels_are_refused() -> None:
    """A document of nested tags cannot eat the memory of a Pi."""
    assert sentence_of(nested(17)) == "nested deeper than 16 elements; is it a feed?"


def test_levels_are_counted_from_the_root_whatever_ends_in_between() -> None:
    """A tag that is closed at every level is no way around the limit."""
    document = b"<Projects>" + b"<a/><b>" * 16

    assert sentence_of(document) == "nested deeper than 16 elements; is it a feed?"


def test_siblings_are_not_nested() -> None:
    """A hundred projects with messages are as deep as one of them."""
    project = b'<Project name="a"><messages><message text="b"/></messages></Project>'

    assert len(parse(b"<Projects>" + project * 100 + b"</Projects>")) == 100


def test_50_000_projects_are_read() -> None:
    """The largest feed that is allowed is read to its end."""
    assert len(parse(b"<Projects>" + b"<Project/>" * 50_000 + b"</Projects>")) == 50_000


def test_more_than_50_000_projects_are_refused() -> None:
    """A server that lists everything it ever built is asked for less."""
    document = b"<Projects>" + b"<Project/>" * 50_001 + b"</Projects>"

    assert sentence_of(document) == "more than 50000 projects; ask the server for a view"


# Fills the first slice, so that what comes next starts a slice of its own.
FIRST_SLICE = b"<Projects>".ljust(65_536)
TOO_LONG = "a single piece of 64 KiB; is it a feed?"


def a_comment(size: int) -> bytes:
    """Return a comment of *size* bytes."""
    return b"<!--" + b"x" * (size - 7) + b"-->"


def test_a_piece_of_64_kib_is_read() -> None:
    """The longest comment that is allowed ends with its slice."""
    document = FIRST_SLICE + a_comment(65_536) + b"<Project/></Projects>"

    assert names(document) == [""]


@pytest.mark.parametrize(
    "piece",
    [
        a_comment(65_537),
        b'<Project name="' + b"x" * 65_536 + b'"/>',
        b"<" + b"x" * 65_536 + b"/>",
        b"<?pi " + b"x" * 65_536 + b"?>",
        b"<Project" + b" " * 65_536 + b"/>",
    ],
)
def test_a_longer_piece_is_refused(piece: bytes) -> None:
    """One endless name or comment cannot keep a Pi busy for minutes (expat is quadratic)."""
    assert sentence_of(FIRST_SLICE + piece + b"</Projects>") == TOO_LONG


def test_a_feed_full_of_comments_is_read() -> None:
    """Each slice has as many comments as texts between them, and each of both is a sign of life."""
    remarks = (a_comment(63) + b"\n") * 4_096

    assert names(b"<Projects>" + remarks + b"<Project/></Projects>") == [""]


@pytest.mark.parametrize(("letters", "told"), [(42, True), (43, False), (1_000, False)])
def test_a_long_reason_is_left_out(letters: int, *, told: bool) -> None:
    """What a server wrote into its document does not fill the log; 80 letters of it are short."""
    name = "x" * letters
    document = f'<!DOCTYPE Projects SYSTEM "a"><Projects>&{name};</Projects>'

    reason = f" (undefined entity &{name};: line 1, column 40)"
    expected = "not well-formed XML after 0 projects" + (reason if told else "")
    assert sentence_of(document.encode()) == expected


@pytest.mark.parametrize("start", [b"<!--", b"<?pi ", b" " * 70_000 + b"<!--"])
@pytest.mark.parametrize("filler", [b"x", b" "])
@pytest.mark.parametrize("root", [b"", b"<Projects/>"])
def test_a_longer_piece_around_the_feed_is_refused(
    root: bytes, start: bytes, filler: bytes
) -> None:
    """The limit holds from the first byte to the last, not only within the feed."""
    document = root + start + filler * 200_000 + b"?-->"

    assert sentence_of(document) == TOO_LONG


def test_white_space_behind_the_feed_is_read() -> None:
    """A server that pads its answer is still understood."""
    assert names(b"<Projects><Project/></Projects>" + b" \r\n" * 100_000) == [""]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_white_space_of_two_bytes_is_read(encoding: str) -> None:
    """A line break at the end of a feed in UTF-16 is not cut in half."""
    document = '\N{ZERO WIDTH NO-BREAK SPACE}<Projects><Project name="a"/></Projects>\r\n\n'

    assert names(document.encode(encoding)) == ["a"]


def test_white_space_does_not_complete_a_feed() -> None:
    """A feed that was cut off is cut off, however it is padded."""
    document = b"<Projects><Project/><!--" + b" " * 200_000

    assert sentence_of(document) == "cut short after 1 project"


def test_a_last_piece_without_an_end_is_cut_short() -> None:
    """A document that stops in a comment of exactly one slice was cut, not malicious."""
    assert sentence_of(FIRST_SLICE + b"<!--".ljust(65_536, b"x")) == "cut short after 0 projects"


@pytest.mark.parametrize("filler", [b"text ", b"<!-- x -->", b"<a/>"])
def test_much_that_means_nothing_is_read(filler: bytes) -> None:
    """Text, comments and unknown elements go on for as long as they are short."""
    filling = filler * (200_000 // len(filler))

    assert names(b"<Projects>" + filling + b"<Project/></Projects>") == [""]


def test_comments_before_the_root_are_read() -> None:
    """A long preface of short comments is no reason to refuse a feed."""
    assert names(b"<!-- x -->" * 20_000 + b"<Projects><Project/></Projects>") == [""]


@pytest.mark.parametrize(("size", "slices"), [(1_000, 1), (65_536, 1), (65_537, 2), (131_073, 3)])
def test_a_document_is_read_in_slices(size: int, slices: int) -> None:
    """The daemon can look after its lamps between two slices of a large feed."""
    document = b"<Projects><Project/>".ljust(size - 11) + b"</Projects>"

    parsing = parse_in_slices(document)

    assert len(list(parsing)) == slices


def test_a_feed_that_is_cut_off_anywhere_is_no_feed() -> None:
    """An answer that was lost on the way never passes for a shorter one."""
    for end in range(len(WHOLE)):
        sentence = sentence_of(WHOLE[:end])

        assert sentence in ("an empty answer; check the address", NOT_XML) or sentence.startswith(
            "cut short after "
        )


def only_projects_or_a_fault(document: bytes) -> None:
    """Fail unless *document* gives projects, or a sentence that a terminal may show."""
    sentence = ""
    projects: tuple[Project, ...] = ()
    try:
        projects = parse(document)
    except FeedError as fault:
        sentence = str(fault)

    assert all(isinstance(project, Project) for project in projects)
    assert sentence.isprintable()
    assert len(sentence) < 200


@given(st.binary(max_size=200))
def test_random_bytes_are_never_a_crash(document: bytes) -> None:
    """Whatever answers on the other side, the daemon goes on."""
    only_projects_or_a_fault(document)


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(WHOLE)),
            st.integers(0, 8),
            st.one_of(
                st.binary(max_size=4),
                st.sampled_from([b"<Project/>", b"</Project>", b"&a;", b"<![CDATA[", b"<?", b"'"]),
            ),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_a_damaged_feed_is_never_a_crash(wounds: list[tuple[int, int, bytes]]) -> None:
    """Whatever happened to a feed on its way, the daemon goes on."""
    document = WHOLE
    for place, lost, added in wounds:
        document = document[:place] + added + document[place + lost :]

    only_projects_or_a_fault(document)


@given(
    st.lists(
        st.sampled_from(
            [
                "<Projects>",
                "</Projects>",
                "<CruiseControl>",
                "</CruiseControl>",
                "<Project name='a'>",
                "</Project>",
                "<Project/>",
                "<messages>",
                "</messages>",
                "<message text='a'/>",
                "<x:Project xmlns:x='u}v'/>",
                "text",
            ]
        ),
        max_size=12,
    )
)
def test_tags_in_any_order_are_never_a_crash(tags: list[str]) -> None:
    """A server that mixes up its own tags is told so, and the daemon goes on."""
    only_projects_or_a_fault(f"<Projects>{''.join(tags)}</Projects>".encode())


ONE = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-20T10:30:34Z", datetime(2026, 11, 20, 10, 30, 34, tzinfo=UTC)),
        (" 2026-11-20T10:30:34Z\n", datetime(2026, 11, 20, 10, 30, 34, tzinfo=UTC)),
        ("2026-11-20T10:30:34.636Z", datetime(2026, 11, 20, 10, 30, 34, 636_000, tzinfo=UTC)),
        ("2026-11-20T10:30:34.636+0000", datetime(2026, 11, 20, 10, 30, 34, 636_000, tzinfo=UTC)),
        ("2026-11-20T10:30:34+0100", datetime(2026, 11, 20, 10, 30, 34, tzinfo=ONE)),
        ("2026-11-20T10:30:34+01:00", datetime(2026, 11, 20, 10, 30, 34, tzinfo=ONE)),
        (
            "2026-11-20T10:30:34.6362160+01:00",
            datetime(2026, 11, 20, 10, 30, 34, 636_216, tzinfo=ONE),
        ),
        ("2026-11-20T10:30:34.0000000-00:00", datetime(2026, 11, 20, 10, 30, 34, tzinfo=UTC)),
        ("2026-11-20 10:30:34 UTC", datetime(2026, 11, 20, 10, 30, 34, tzinfo=UTC)),
        ("Fri Nov 20 10:30:34 UTC 2026", datetime(2026, 11, 20, 10, 30, 34, tzinfo=UTC)),
        ("Fri Nov 20 10:30:34 GMT 2026", datetime(2026, 11, 20, 10, 30, 34, tzinfo=UTC)),
    ],
)
def test_a_time_with_a_zone_is_read(text: str, moment: datetime) -> None:
    """However a server writes its times, `explain` tells the same moment."""
    told = parse_time(text)

    assert told == moment
    assert told.tzinfo is not None


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-20T10:30:34",
        "2026-11-20T10:30:34.00000",
        "2026-11-20 10:30:34",
        "Fri Nov 20 10:30:34 CET 2026",
        "Fri Nov 20 10:30:34 2026",
    ],
)
def test_a_time_without_a_known_zone_stays_without(text: str) -> None:
    """Nobody guesses the zone of GoCD's old servers, nor of Java's `CET`."""
    assert parse_time(text) == datetime(2026, 11, 20, 10, 30, 34)  # noqa: DTZ001 - the point


@pytest.mark.parametrize(
    ("month", "name"),
    [
        (1, "Jan"),
        (2, "Feb"),
        (3, "Mar"),
        (4, "Apr"),
        (5, "May"),
        (6, "Jun"),
        (7, "Jul"),
        (8, "Aug"),
        (9, "Sep"),
        (10, "Oct"),
        (11, "Nov"),
        (12, "Dec"),
    ],
)
def test_java_names_its_months_in_english(month: int, name: str) -> None:
    """A Pi that speaks German reads Java's times, too."""
    assert parse_time(f"Sat {name} 07 01:02:03 UTC 2026") == datetime(
        2026, month, 7, 1, 2, 3, tzinfo=UTC
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "never",
        "2026-13-01T00:00:00Z",
        "2026-11-20T25:00:00Z",
        "yesterday UTC",
        "Fri Nov 31 10:30:34 UTC 2026",
        "Fri Nov 20 10:30 UTC 2026",
        "Fre Nov 20 10:30:34 UTC 99999999999999999999",
        "Fri Okt 20 10:30:34 UTC 2026",
        "a b c d e",
        "-undefined",
    ],
)
def test_a_time_that_tells_none_is_none(text: str) -> None:
    """An unreadable time spoils nothing but itself."""
    assert parse_time(text) is None


@given(st.one_of(st.text(), st.from_regex(r"\w{3} (Jan|Dec) [0-9]+ [0-9:]+ ?\w* [0-9]+")))
def test_no_time_is_a_crash(text: str) -> None:
    """Whatever a server writes for a time, its projects are still read."""
    told = parse_time(text)

    assert told is None or isinstance(told, datetime)


def test_a_feed_is_written_as_the_standard_has_it() -> None:
    """Whoever reads our cc.xml finds what the standard requires, and what else is known."""
    projects = [
        Project(""),
        Project("Käse & <Theke>"),
        Project(
            "shop",
            activity="Building",
            last_build_status="Failure",
            last_build_label="42",
            last_build_time=datetime(2026, 11, 20, 11, tzinfo=UTC),
            next_build_time=datetime(2026, 11, 20, 13, tzinfo=ONE),
            web_url="https://ci.example/?a=1&b=2",
            messages=(Message("Ada", "Breakers"),),
        ),
    ]

    assert write(projects).decode() == (
        "<?xml version='1.0' encoding='utf-8'?>\n"
        '<Projects><Project name="" activity="" lastBuildStatus="" webUrl="" />'
        '<Project name="Käse &amp; &lt;Theke&gt;" activity="" lastBuildStatus="" webUrl="" />'
        '<Project name="shop" activity="Building" lastBuildStatus="Failure" lastBuildLabel="42" '
        'lastBuildTime="2026-11-20T11:00:00Z" nextBuildTime="2026-11-20T13:00:00+01:00" '
        'webUrl="https://ci.example/?a=1&amp;b=2">'
        '<messages><message text="Ada" kind="Breakers" /></messages></Project></Projects>'
    )


def test_an_empty_feed_is_written() -> None:
    """No projects are a feed, too."""
    assert parse(write([])) == ()


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=20)
TIMES = st.one_of(st.none(), st.datetimes(), st.datetimes(timezones=st.sampled_from([UTC, ONE])))


@given(
    st.lists(
        st.builds(
            Project,
            name=TEXT.filter(lambda name: name not in PLACEHOLDERS),
            activity=TEXT,
            last_build_status=TEXT,
            last_build_label=TEXT,
            last_build_time=TIMES,
            next_build_time=TIMES,
            web_url=TEXT,
            messages=st.lists(st.builds(Message, TEXT, TEXT), max_size=2).map(tuple),
        ),
        max_size=3,
    ).map(tuple)
)
def test_what_is_written_is_read_again(projects: tuple[Project, ...]) -> None:
    """One buildlight can watch another's cc.xml without losing a word."""
    assert parse(write(projects)) == projects


def test_a_flood_of_messages_is_cut_without_a_word() -> None:
    """Who broke it is worth fifty lines; a document full of them is not worth 100 MiB."""
    flood = b"".join(b'<message text="%d"/>' % number for number in range(MAX_MESSAGES + 1000))
    document = (
        b'<Projects><Project name="a"><messages>'
        + flood
        + b'</messages></Project><Project name="b"><message text="Ada"/></Project></Projects>'
    )

    first, second = parse(document)

    assert [message.text for message in first.messages] == [*map(str, range(MAX_MESSAGES))]
    assert second.messages == (Message("Ada"),)


def test_only_marks_of_this_program_are_read() -> None:
    """Any other comment is skipped: what a server writes there would be repeated to others."""
    mark = "buildlight-0123456789abcdef"
    document = (
        f"<Projects><!----><!-- buildlight: {mark} --><!--buildlight: s3cr3t--><Project name='a'/>"
        f"<Project name='b'><!--buildlight: {mark} doubt a- {mark}0--></Project></Projects>"
    )

    assert [project.marks for project in parse(document.encode())] == [(), (mark, "doubt")]
