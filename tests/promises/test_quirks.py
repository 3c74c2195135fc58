"""What servers do that the standard does not say: the catalogue's quirks Q1 to Q25, one by one.

Each is shown on documents of the servers that do it, see ``feeds/`` and ``test_feed_documents``.
"""

import asyncio
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from buildlight.errors import FeedError, FeedMalformed, FeedRefused
from buildlight.feeds.cctray import CCTrayFeed, CCTrayOptions
from buildlight.feeds.http.client import HttpClient
from buildlight.projects.ccxml import SLICE, parse, parse_in_slices, parse_time
from buildlight.projects.feed_state import Rules
from buildlight.projects.project import (
    STATUS_WORDS,
    Activity,
    BuildStatus,
    Project,
    activity_of,
    status_of,
)
from buildlight.projects.verdict import Event, Verdict
from support.corpus import document, last, played, projects, sequence
from support.examples import NOON, a_project
from support.servers import Answer, FeedServer, redirect
from support.world import Server, World

# In which document of a server's broken-and-fixed a build first runs, and one runs after a red.
FORGETFUL = [("travis", 3, 6), ("drone", 2, 4), ("woodpecker", 2, 4), ("buildkite", 2, 4)]
KEEPING = [("jenkins", 2, 4), ("gocd", 2, 5), ("concourse", 2, 4), ("ccnet", 3, 6),
           ("cruisecontrolrb", 4, 6)]  # fmt: skip


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine's proxy, if it has one, is not asked for 127.0.0.1."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def server(no_proxy: None) -> Iterator[FeedServer]:
    """A server that gives a good feed until it is told otherwise."""
    with FeedServer() as running:
        yield running


def read(server: FeedServer, **keys: object) -> tuple[Project, ...]:
    """Return what a feed with these *keys* reads from *server*."""
    options = CCTrayOptions.model_validate({"url": server.url(), **keys})

    async def reading() -> tuple[Project, ...]:
        client = HttpClient()
        return await CCTrayFeed(options, client).read()

    return asyncio.run(reading())


def events(*answers: bytes) -> list[Event]:
    """Return what *answers* announce, one after the other."""
    return [each.event for _, news, _ in played(*answers) for each in news.events]


@pytest.mark.parametrize(("name", "_starts", "rebuilds"), FORGETFUL)
def test_q01_a_running_build_does_not_take_the_red_away(
    name: str, _starts: int, rebuilds: int
) -> None:
    """A red project that is being rebuilt stays red, though its server says Unknown."""
    answers = sequence(f"{name}/broken-and-fixed")[:rebuilds]
    (project,) = parse(answers[-1])

    _, _, signal = last(*answers)

    assert (project.activity, project.last_build_status) == ("Building", "Unknown")
    assert signal == "broken-building"


@pytest.mark.parametrize(("name", "_starts", "_rebuilds"), FORGETFUL)
def test_q01_breaking_and_fixing_are_announced_across_running_builds(
    name: str, _starts: int, _rebuilds: int
) -> None:
    """The team hears once that it broke, once that it still is, and once that it is fixed."""
    heard = events(*sequence(f"{name}/broken-and-fixed"))

    assert [event for event in heard if event is not Event.STARTED] == [
        Event.BROKEN,
        Event.STILL_BROKEN,
        Event.FIXED,
    ]


@pytest.mark.parametrize(("name", "starts", "_rebuilds"), FORGETFUL)
def test_q01_a_lamp_that_is_switched_on_during_a_build_guesses_nothing(
    name: str, starts: int, _rebuilds: int
) -> None:
    """Neither green nor red is claimed before the build is over."""
    _, _, signal = last(sequence(f"{name}/broken-and-fixed")[starts - 1])

    assert signal == "none-building"


@pytest.mark.parametrize(("count", "signal"), [(2, "passing"), (5, "broken")])
def test_q02_a_queued_build_changes_nothing(count: int, signal: str) -> None:
    """Travis says Unknown as soon as a build is queued: the lamp stays as it is, and still."""
    answers = sequence("travis/broken-and-fixed")[:count]
    (project,) = parse(answers[-1])

    feed_state, news, shown = last(*answers)

    assert (project.activity, project.last_build_status) == ("Sleeping", "Unknown")
    assert shown == signal
    assert not feed_state.building
    assert news.events == ()


@pytest.mark.parametrize(("name", "starts", "rebuilds"), KEEPING)
def test_q03_a_running_build_with_the_previous_verdict_is_believed(
    name: str, starts: int, rebuilds: int
) -> None:
    """A lamp that is switched on during a build is green or red at once, and pulses."""
    answers = sequence(f"{name}/broken-and-fixed")

    assert last(answers[starts - 1])[2] == "passing-building"
    assert last(answers[rebuilds - 1])[2] == "broken-building"


def test_q03_a_build_that_was_missed_is_seen_while_the_next_one_runs() -> None:
    """A server that never rests still turns the lamp red and green."""
    heard = events(*sequence("jenkins/build-after-build"))

    assert heard == [Event.BROKEN, Event.FIXED]


def test_q04_a_running_build_that_calls_itself_a_success_stays_red() -> None:
    """CodePipeline's proxy says Success while it builds: the lamp waits for the end."""
    answers = sequence("aws/broken-and-fixed")[:4]
    (project,) = parse(answers[-1])

    _, news, signal = last(*answers)

    assert (project.activity, project.last_build_status) == ("Building", "Success")
    assert signal == "broken-building"
    assert [each.event for each in news.events] == [Event.STARTED]


def test_q04_a_row_that_never_ran_hides_nothing() -> None:
    """GoCD calls a new row a success: it announces nothing, and no red of another goes away."""
    red = document("gocd/cancelled/3")
    new = document("gocd/never-run").split(b"<Projects>")[1]

    _, news, signal = last(red, red.replace(b"</Projects>", new))

    assert signal == "broken"
    assert news.events == ()


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("jenkins/lower-case", {"success": "Success", "failure": "Failure"}),
        ("teamcity/cradiator", {"NORMAL": "Success", "FAILURE": "Failure"}),
        (
            "travis/organisation",
            {
                "Success": "Success",
                "Error": "Exception",
                "Canceled": "Cancelled",
                "Unknown": "Unknown",
            },
        ),
        (
            "ccnet/byte-order-mark",
            {"Pending": "Unknown", "unknown_state": "Unknown", "Cancelled": "Cancelled"},
        ),
        ("shipit/stack", {"Pending": "Unknown"}),
        ("solano/session", {"Failed": "Failure", "": "Unknown"}),
        ("concourse/jobs", {"Exception": "Exception"}),
    ],
)
def test_q05_words_outside_the_standard_are_understood(name: str, words: dict[str, str]) -> None:
    """Each server may say it in its own word: what is broken is red, what is unclear no green."""
    understood = {each.last_build_status: status_of(each).value for each in projects(name)}

    assert understood == words


def test_q05_a_word_that_nobody_knows_is_told_and_never_green() -> None:
    """Whoever runs the lamp reads which word the configuration should explain."""
    _, news, signal = last(document("ccnet/byte-order-mark"))

    assert signal == "none"
    assert news.unknown_words == {"unknown_state"}


def test_q05_the_configuration_explains_a_word() -> None:
    """Whoever knows that `unknown_state` is bad says so, and the lamp turns red."""
    words = {**STATUS_WORDS, "unknown_state": BuildStatus.FAILURE}

    _, news, signal = last(
        document("ccnet/byte-order-mark"), rules=Rules(max_age=110.0, words=words)
    )

    assert signal == "broken"
    assert news.unknown_words == frozenset()


@pytest.mark.parametrize(
    ("name", "activities"),
    [
        (
            "teamcity/configurations",
            [Activity.PENDING, Activity.BUILDING, Activity.SLEEPING],
        ),
        ("ccnet/byte-order-mark", [Activity.SLEEPING, Activity.PENDING, Activity.SLEEPING]),
        ("cruisecontrolrb/projects", [Activity.CHECKING_MODIFICATIONS, Activity.UNKNOWN]),
        ("rebelinblue/never-deployed", [Activity.UNKNOWN]),
        ("github-actions/cancelled", [Activity.SLEEPING]),
        ("bob/runs", [Activity.SLEEPING, Activity.BUILDING]),
    ],
)
def test_q06_activities_outside_the_standard_are_no_builds(
    name: str, activities: list[Activity]
) -> None:
    """Only what is being built pulses; pending changes, queues and oddities do not."""
    assert [activity_of(project) for project in projects(name)] == activities


def test_q06_pending_changes_keep_the_verdict() -> None:
    """TeamCity's "Has pending changes" leaves a red project red."""
    answers = sequence("teamcity/broken-and-fixed")[:5]
    (project,) = parse(answers[-1])

    _, news, signal = last(*answers)

    assert project.activity == "Has pending changes"
    assert signal == "broken"
    assert news.events == ()


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("github-actions/broken-and-fixed", [""] * 8),
        ("ccnet/broken-and-fixed", ["12"] * 8 + ["13"]),
        ("cruisecontrol/broken-and-fixed", ["build.512"] * 3 + [""] * 3 + ["build.513"]),
        ("aws/broken-and-fixed", [""] * 7),
    ],
)
def test_q07_builds_are_told_apart_without_labels(name: str, labels: list[str]) -> None:
    """A label that is missing, empty or stuck for years costs no announcement."""
    answers = sequence(name)
    told = [project.last_build_label for answer in answers for project in parse(answer)]

    heard = events(*answers)

    assert told == labels
    assert heard[0] is Event.STARTED
    assert heard[-1] is Event.FIXED
    assert heard.count(Event.BROKEN) == heard.count(Event.FIXED) == 1
    assert Event.STILL_BROKEN in heard


def test_q07_labels_in_no_order_tell_builds_apart() -> None:
    """Semaphore's labels are UUIDs: one more broken build is still announced."""
    heard = events(*sequence("semaphore/broken-and-fixed"))

    assert heard == [Event.STARTED, Event.BROKEN, Event.STILL_BROKEN, Event.STARTED, Event.FIXED]


def test_q07_a_label_that_jumps_early_announces_nothing() -> None:
    """Travis shows the next number while the build is queued: that alone is no news."""
    before, queued, *_ = sequence("travis/broken-and-fixed")

    assert parse(before)[0].last_build_label != parse(queued)[0].last_build_label
    assert events(before, queued) == []


def test_q07_a_second_run_under_the_same_number_can_fix() -> None:
    """GoCD runs a stage again as `8 :: 2`, and the lamp turns green."""
    answers = sequence("gocd/cancelled")

    assert [parse(answer)[0].last_build_label for answer in answers[-2:]] == ["8", "8 :: 2"]
    assert last(*answers)[2] == "passing"


HOUR = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-20T09:00:05Z", datetime(2026, 11, 20, 9, 0, 5, tzinfo=UTC)),
        ("2026-11-20T09:00:05.120Z", datetime(2026, 11, 20, 9, 0, 5, 120_000, tzinfo=UTC)),
        ("2026-11-20T09:00:05+01:00", datetime(2026, 11, 20, 9, 0, 5, tzinfo=HOUR)),
        ("2026-11-20T09:00:05.120+01:00", datetime(2026, 11, 20, 9, 0, 5, 120_000, tzinfo=HOUR)),
        ("2026-11-20T09:00:05.71875+01:00", datetime(2026, 11, 20, 9, 0, 5, 718_750, tzinfo=HOUR)),
        ("2026-11-20T09:00:05.796875+01:00", datetime(2026, 11, 20, 9, 0, 5, 796_875, tzinfo=HOUR)),
        (
            "2026-11-20T09:00:05.6362169+01:00",
            datetime(2026, 11, 20, 9, 0, 5, 636_216, tzinfo=HOUR),
        ),
        ("2026-11-20T09:00:05.0000000-00:00", datetime(2026, 11, 20, 9, 0, 5, tzinfo=UTC)),
        ("2026-11-20T09:00:05.000+0000", datetime(2026, 11, 20, 9, 0, 5, tzinfo=UTC)),
        ("2026-11-20T09:00:05+0100", datetime(2026, 11, 20, 9, 0, 5, tzinfo=HOUR)),
        ("2026-11-20T09:00:05", datetime(2026, 11, 20, 9, 0, 5)),  # noqa: DTZ001 - nobody knows
        ("2026-11-20T09:00:05.21875", datetime(2026, 11, 20, 9, 0, 5, 218_750)),  # noqa: DTZ001
        ("2026-11-20 09:00:05", datetime(2026, 11, 20, 9, 0, 5)),  # noqa: DTZ001
        ("2026-11-20 09:00:05 UTC", datetime(2026, 11, 20, 9, 0, 5, tzinfo=UTC)),
        ("2026-11-20 09:00:05 +0100", datetime(2026, 11, 20, 9, 0, 5, tzinfo=HOUR)),
        ("Fri Nov 20 09:00:05 UTC 2026", datetime(2026, 11, 20, 9, 0, 5, tzinfo=UTC)),
        ("Fri Nov 20 09:00:05 CET 2026", datetime(2026, 11, 20, 9, 0, 5)),  # noqa: DTZ001
        ("1970-01-01T00:00:00.001Z", datetime(1970, 1, 1, 0, 0, 0, 1_000, tzinfo=UTC)),
        ("1970-01-01T00:00:00.000000-00:00", datetime(1970, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00.0000000", datetime(1, 1, 1)),  # noqa: DTZ001
        ("9999-12-31T23:59:59.9999999", datetime(9999, 12, 31, 23, 59, 59, 999_999)),  # noqa: DTZ001
        (" 2026-11-20T09:00:05Z\n", datetime(2026, 11, 20, 9, 0, 5, tzinfo=UTC)),
        ("", None),
        ("Never", None),
        ("1", None),
        ("1795165205", None),
        ("tomorrow, perhaps", None),
        ("20.11.2026 09:00:05", None),
        ("2026-02-30T09:00:05Z", None),
        ("2026-11-20T25:00:05Z", None),
        ("2026-11-20T09:00:05+99:00", None),
        ("Fri Nov 31 09:00:05 UTC 2026", None),
        ("Fre Nov 20 09:00 MEZ 2026", None),
        ("Fri Foo 20 09:00:05 UTC 2026", None),
        ("99999-01-01T00:00:00Z", None),
    ],
)
def test_q08_every_shape_of_a_time_is_read_or_none(text: str, time: datetime | None) -> None:
    """No server's idea of a time stops the lamp, and no zone is made up."""
    read_time = parse_time(text)

    assert read_time == time
    assert (read_time and read_time.utcoffset()) == (time and time.utcoffset())


@pytest.mark.parametrize(
    "name",
    [
        "cruisecontrol/broken-and-fixed",  # no zone
        "solano/broken-and-fixed",  # no zone, a space
        "circleci/without-time",  # none at all
    ],
)
def test_q08_a_time_that_cannot_be_believed_dates_nothing(name: str) -> None:
    """`explain` tells since when it is red by the lamp's own clock."""
    moments = list(played(*sequence(name)))
    breaks = next(
        n
        for n, (_, news, _) in enumerate(moments)
        if Event.BROKEN in [each.event for each in news.events]
    )
    (known,) = moments[breaks][0].projects.values()

    assert known.since == NOON + timedelta(seconds=30 * breaks)


def test_q08_a_placeholder_of_1970_dates_nothing() -> None:
    """A project that CruiseControl.rb never built has no age of half a century."""
    feed_state, _, _ = last(document("cruisecontrolrb/projects"))

    assert feed_state.projects["payments", 0].verdict is Verdict.NONE
    assert feed_state.projects["payments", 0].since is None


@pytest.mark.parametrize(
    ("name", "web_url"),
    [
        ("concourse/old-names", ""),
        ("aws/stage", ""),
        ("standard/unknown-children", "1"),
        ("bob/runs", "#"),
        ("cruisecontrolrb/projects", "http://ci.example:3333/projectsprojects/shop"),
    ],
)
def test_q09_an_address_of_no_use_costs_nothing(name: str, web_url: str) -> None:
    """A project without a good link is shown like any other."""
    project, *_ = projects(name)

    assert project.name
    assert project.web_url == web_url


def test_q10_the_other_root_of_ccnet_is_a_feed() -> None:
    """Whoever gives XmlServerReport.aspx instead of XmlStatusReport.aspx gets the same lamp."""
    _, _, signal = last(document("ccnet/server-report"))

    assert signal == "broken"


@pytest.mark.parametrize(
    ("name", "error", "word"),
    [
        ("gocd/access-denied", FeedRefused, "access-denied"),
        ("teamcity/active-projects", FeedMalformed, "<ActiveProjects>"),
        ("standard/other-root", FeedMalformed, "<rss>"),
        ("standard/login-page-xhtml", FeedRefused, "html"),
    ],
)
def test_q10_any_other_root_is_named(name: str, error: type[FeedError], word: str) -> None:
    """Whoever gave a wrong address, or no token, reads what came instead of a feed."""
    with pytest.raises(error, match=word):
        projects(name)


@pytest.mark.parametrize(
    ("name", "start", "names"),
    [
        ("ccnet/byte-order-mark", b"\xef\xbb\xbf<", ["shop", "payments", "website"]),
        ("ccnet/namespace", b"<Projects xmlns:xsi=", ["shop"]),
        ("ccnet/status-report", b"<Projects CCType=", ["shop"]),
        ("concourse/old-names", b"\n<Projects>", ["shop :: test"]),
        ("teamcity/cradiator", b"\n\n\n<Projects ", ["Shop", "Payments"]),
        ("standard/unknown-children", b"<!-- made by hand -->\n", ["shop"]),
        ("standard/late-declaration", b"\r\n\n<?xml ", ["Käse"]),
        ("solano/session", b'<?xml version="1.0"', ["Shop (main)", "Payments (main)"]),
    ],
)
def test_q11_what_surrounds_the_projects_hides_none(
    name: str, start: bytes, names: list[str]
) -> None:
    """Marks, blank lines, comments, namespaces and strange elements are read past."""
    assert document(name).startswith(start)
    assert [project.name for project in projects(name)] == names


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ccnet/raw-markup", "not well-formed XML after 0 projects"),
        ("travis/unescaped", "not well-formed XML after 0 projects"),
        ("standard/duplicate-attribute", "duplicate attribute"),
        ("teamcity/cut-short", "cut short after 2 projects"),
    ],
)
def test_q12_a_broken_document_is_no_news_and_soon_no_green(name: str, reason: str) -> None:
    """Half an answer is not taken for the whole, and a green that nobody renews is not kept."""
    good = document("standard/broken-and-fixed/1")
    moments = list(played(good, *[document(name)] * 3))

    assert [signal for _, _, signal in moments] == ["passing", "passing", "passing", "stale"]
    assert reason in str(moments[-1][0].error)


@pytest.mark.parametrize("name", ["gocd/repeated-names", "standard/empty-names"])
def test_q13_of_two_projects_with_one_name_the_red_one_shows(name: str) -> None:
    """GoCD repeats names, and a name may be empty: no green row stands in front of a red one."""
    feed_state, _, signal = last(document(name))

    assert [known.verdict for known in feed_state.projects.values()] == [
        Verdict.BROKEN,
        Verdict.PASSING,
    ]
    assert signal == "broken"


def test_q15_a_project_that_vanishes_is_kept_for_a_while_and_then_told() -> None:
    """Buildkite renames a project for a branch filter: its red does not vanish in one poll."""
    signals = [signal for _, _, signal in played(*sequence("buildkite/renamed"))]

    assert signals == ["broken", "broken", "broken", "broken-stale", "broken-stale"]


def test_q15_a_project_that_was_named_must_be_there() -> None:
    """Whoever asked for "shop" by name reads that it is gone, and sees no green."""
    rules = Rules(max_age=110.0, required=frozenset({"shop"}))
    renamed = sequence("buildkite/renamed")[1]

    feed_state, _, signal = last(renamed, rules=rules)

    assert str(feed_state.error).startswith("no project named shop;")
    assert signal == "stale"


def test_q17_a_folder_that_is_always_unknown_does_not_dim_the_green() -> None:
    """Jenkins lists folders and multibranch parents as Unknown: the jobs in them decide."""
    feed_state, _, signal = last(document("jenkins/folders"))

    assert feed_state.projects["shop", 0].verdict is Verdict.NONE
    assert signal == "passing"


def test_q18_a_placeholder_with_status_200_is_a_refusal() -> None:
    """Woodpecker without a token shows a made-up success: the lamp says token, not green."""
    with pytest.raises(FeedRefused, match="check the address and the token"):
        projects("woodpecker/token-missing")


def test_q18_a_placeholder_does_not_touch_what_is_known() -> None:
    """A token that expires leaves red red, and marks it as old after three polls."""
    *moments, (_, news, signal) = played(*sequence("woodpecker/token-expired"))

    assert [shown for _, _, shown in moments] == ["broken", "broken", "broken", "broken-stale"]
    assert signal == "passing"
    assert [(each.event, each.name) for each in news.events] == [(Event.FIXED, "acme/shop")]


def test_q19_a_feed_that_shrinks_to_nothing_is_a_fault() -> None:
    """A user who lost its rights gets an empty list: the lamp does not stay green over it."""
    good, *empty, _ = sequence("jenkins/signed-out")

    feed_state, _, signal = last(good, *empty)

    assert signal == "stale"
    assert "does the server still accept the token?" in str(feed_state.error)


@pytest.mark.parametrize("name", ["jenkins/anonymous", "concourse/nothing-exposed"])
def test_q19_a_feed_that_was_always_empty_is_not_green(name: str) -> None:
    """Nothing to watch is no reason to show green."""
    _, _, signal = last(document(name))

    assert signal == "stale"


def test_q19_a_feed_that_shows_fewer_jobs_lacks_what_was_named() -> None:
    """An anonymous user sees the public jobs only: the job that was asked for is missed."""
    rules = Rules(max_age=110.0, required=frozenset({"payments » main"}))

    feed_state, _, _ = last(
        document("jenkins/jobs"), document("jenkins/broken-and-fixed/1"), rules=rules
    )

    assert str(feed_state.error).startswith("no project named payments » main;")


def test_q20_a_login_page_with_status_200_is_a_refusal(server: FeedServer) -> None:
    """A front end that asks for a password is told as such, not as a feed without projects."""
    page = document("standard/login-page")
    server.answer = Answer(page, headers={"Content-Type": "text/html; charset=utf-8"})

    with pytest.raises(FeedRefused, match="perhaps a login page"):
        read(server)


@pytest.mark.parametrize("page", ["standard/login-page", "standard/login-page-xhtml"])
def test_q20_a_redirect_to_a_login_page_is_a_refusal(page: str, server: FeedServer) -> None:
    """Single sign-on answers from another host: the lamp names the login page."""
    with FeedServer(Answer(document(page))) as sign_on:
        server.answer = redirect(sign_on.url("/sso/login"))

        with pytest.raises(FeedRefused, match="perhaps a login page"):
            read(server)


def test_q22_the_last_pipeline_of_any_branch_decides_and_is_named() -> None:
    """Woodpecker's one row may be a pull request's: its label and link tell whose it is."""
    told = [
        (signal, known.project.last_build_label, known.project.web_url[-2:])
        for feed_state, _, signal in played(*sequence("woodpecker/any-branch"))
        for known in feed_state.projects.values()
    ]

    assert told == [("passing", "41", "41"), ("broken", "42", "42"), ("passing", "43", "43")]


def test_q23_a_redirect_to_the_same_address_with_a_slash_is_followed(server: FeedServer) -> None:
    """Jenkins sends /cc.xml to /cc.xml/: whoever typed either gets the feed."""
    server.answers = {
        "/cc.xml": redirect("/cc.xml/"),
        "/cc.xml/": Answer(document("jenkins/jobs")),
    }

    read_projects = read(server)

    assert read_projects == projects("jenkins/jobs")
    assert [request.path for request in server.requests] == ["/cc.xml", "/cc.xml/"]


def test_q24_a_long_single_line_is_read_whole() -> None:
    """A server with hundreds of jobs on one line of 157 kB and more loses none of them."""
    line = document("jenkins/one-line")
    rows = line.removeprefix(b"<Projects>").removesuffix(b"</Projects>")
    long = b"<Projects>" + rows * 250 + b"</Projects>"

    assert b"\n" not in long
    assert len(long) > 157_000
    assert parse(long) == projects("jenkins/one-line") * 250
    assert len(list(parse_in_slices(long))) == -(-len(long) // SLICE)


def test_q25_without_a_time_a_poll_is_no_news() -> None:
    """Old CircleCI sends no time at all: a red project is not announced again at every poll."""
    red = document("circleci/without-time")
    (project,) = parse(red)

    _, news, signal = last(red, *[red] * 5)

    assert project.last_build_time is None
    assert events(red, *[red] * 5) == []
    assert news.events == ()
    assert signal == "broken"


def test_q25_without_a_time_breaking_and_fixing_are_news() -> None:
    """What changes is announced, with or without a time."""
    heard = events(*sequence("circleci/without-time"))

    assert heard == [Event.STARTED, Event.BROKEN, Event.FIXED]


def test_q14_a_green_stage_cannot_hide_its_red_job() -> None:
    """GoCD lists a stage and its jobs: rolled up they are one pipeline, and it is red."""
    feeds = {"gocd": {"roll_up": "pipeline"}}
    world = World(gocd=Server(*projects("gocd/pipelines")), feeds=feeds).run(a_moment)

    assert world.signal == "broken"
    assert [row.name for row in world.report.projects] == ["shop"]
    assert world.report.lamps[0].because == "shop is broken since 08:16"


def test_q14_a_broken_pipeline_is_announced_once(caplog: pytest.LogCaptureFixture) -> None:
    """Its stage and its job are red together; that is one piece of news."""
    caplog.set_level(logging.DEBUG, "buildlight.daemon.monitor")
    stage, job = (
        a_project(name, last_build_status="Success") for name in ("s :: a", "s :: a :: b")
    )
    server = Server(stage, job)

    async def story(world: World) -> None:
        server.answer = [replace(each, last_build_status="Failure") for each in (stage, job)]
        await world.wait(31)

    World(gocd=server, feeds={"gocd": {"roll_up": "pipeline"}}).run(story)

    news = [each.message for each in caplog.records if each.name == "buildlight.daemon.monitor"]
    assert [message for message in news if "broken" in message] == ["gocd: broken: s"]


def test_q16_a_project_that_nobody_builds_stops_counting() -> None:
    """Red since a release of last year: listed, with the reason, and no longer on the lamp."""
    dead = a_project("old", last_build_status="Failure", last_build_time=NOON - timedelta(days=300))
    alive = a_project("shop", last_build_status="Success", last_build_time=NOON)
    feeds = {"ci": {"ignore_older_than": 30 * 86_400}}

    world = World(ci=Server(dead, alive), feeds=feeds).run(a_moment)

    assert world.signal == "passing"
    why = {row.name: row.not_counted_because for row in world.report.projects}
    assert why == {"old": "its last build is 300 days old", "shop": None}


def test_q21_a_server_that_never_asks_is_told_who_we_are(
    server: FeedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Jenkins and GoCD answer 403 without a challenge: the first request has to carry the user."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_GOCD", "s3cret")
    auth = {"kind": "basic", "user": "lamp", "secret": "gocd"}

    read(server, auth=auth)

    (request,) = server.requests
    assert request.headers["authorization"] == "Basic bGFtcDpzM2NyZXQ="


async def a_moment(world: World) -> None:
    """Let the first answers arrive."""
    await world.wait(1)
