"""Everything that is known, and the sentences that explain it."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, time, timedelta, timezone, tzinfo
from functools import cache
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.errors import FeedUnreachable
from buildlight.hours import Hours
from buildlight.patterns.fitting import fit
from buildlight.patterns.known import Known
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import OFF, Channel, Pattern, frame_at
from buildlight.patterns.presets import COLOURS, PRESETS
from buildlight.projects.feed_state import FeedState, Freshness, Rules
from buildlight.projects.project import Message, Run
from buildlight.projects.selection import Selection
from buildlight.projects.signal import Signal
from buildlight.projects.verdict import ProjectState, Verdict
from buildlight.report.as_json import to_json
from buildlight.report.report import LampReport, Report, make_report
from buildlight.report.rows import Watched
from buildlight.report.shown import Light, Shown
from buildlight.report.summary import sentence
from support.examples import NOON, a_memory, a_project

PATTERNS = {signal: parse_pattern(text) for signal, text in COLOURS.items()}
B, P, N = Verdict.BROKEN, Verdict.PASSING, Verdict.NONE
DOWN = FeedUnreachable("nobody answers; is the server running?")
NINE_TWELVE = NOON - timedelta(hours=2, minutes=48)


REVISIONS = count()
"""Each feed that a test makes has other content."""


def a_feed(
    *known: ProjectState,
    name: str = "web",
    selection: Selection | None = None,
    answered: float | None = 0.0,
    failures: int = 0,
) -> Watched:
    """Return a feed that holds *known* and answered at 0 seconds, unless told otherwise."""
    feed_state = FeedState(
        projects={(each.project.name, place): each for place, each in enumerate(known)},
        revision=next(REVISIONS),
        answered=answered,
        failures=failures,
        error=DOWN if failures else None,
    )
    url = f"https://{name}.example/cc.xml?token=***"
    return Watched(name, url, feed_state, Rules(max_age=110.0), selection or Selection())


def a_lamp(*feeds: str, **changes: object) -> Shown:
    """Return a lamp that watches *feeds* (``web`` unless set)."""
    lamp = Shown("lamp", "gpio", frozenset(feeds or ("web",)), PATTERNS)
    return replace(lamp, **changes)  # type: ignore[arg-type]


def a_report(*feeds: Watched, lamps: Sequence[Shown] = (), now: float = 4.2) -> Report:
    """Return the report of *feeds* and *lamps* at noon, so many seconds after their answer."""
    return make_report(feeds, lamps, now=now, clock=NOON)


def told(*feeds: Watched, lamp: Shown | None = None, now: float = 4.2) -> LampReport:
    """Return what one lamp that watches all *feeds* says."""
    lamp = lamp or a_lamp(*(feed.name for feed in feeds))
    return a_report(*feeds, lamps=[lamp], now=now).lamps[0]


def broken(name: str = "shop", **changes: object) -> ProjectState:
    """Return a project that has been broken since 09:12."""
    return a_memory(name, **{"verdict": B, "since": NINE_TWELVE, **changes})


def passing(name: str = "shop", **changes: object) -> ProjectState:
    """Return a project that passes."""
    return a_memory(name, **changes)


def never_built(name: str = "shop", **changes: object) -> ProjectState:
    """Return a project without a verdict."""
    return a_memory(name, verdict=N, **changes)


@pytest.mark.parametrize(
    ("known", "sentence"),
    [
        ([broken()], "shop is broken since 09:12"),
        ([broken(building=True)], "shop is broken since 09:12 and is being built"),
        ([broken(), passing("till", building=True)], "shop is broken since 09:12"),
        (
            [broken("a", since=NOON), broken("b")],
            "b, a are broken, the first since 09:12",
        ),
        (
            [broken("a", building=True), broken("b", building=True)],
            "a, b are broken and are being built, the first since 09:12",
        ),
        (
            [broken("a", building=True), broken("b")],
            "a, b are broken, the first since 09:12",
        ),
        (
            [broken("a"), broken("b"), broken("c")],
            "a, b, c are broken, the first since 09:12",
        ),
        (
            [broken("a"), broken("b"), broken("c"), broken("d")],
            "a, b, c and 1 more are broken, the first since 09:12",
        ),
        (
            [broken("a"), broken("b"), broken("c"), broken("d"), broken("e")],
            "a, b, c and 2 more are broken, the first since 09:12",
        ),
        ([broken(since=None)], "shop is broken"),
        ([broken(since=None, building=True)], "shop is broken and is being built"),
        ([broken("a", since=None), broken("b", since=None)], "a, b are broken"),
        (
            [broken("a", since=None), broken("b")],
            "a, b are broken",  # Nobody saw a begin: it may be the oldest.
        ),
        ([passing()], "1 project passes"),
        ([passing("a"), passing("b"), never_built("c")], "2 projects pass"),
        ([passing(building=True)], "shop is being built; 1 project passes"),
        (
            [passing("a", building=True), never_built("b", building=True)],
            "a, b are being built; 1 project passes",
        ),
        ([never_built()], "no project has a completed build"),
        (
            [never_built(building=True)],
            "shop is being built; no project has a completed build",
        ),
        ([broken("")], "(no name) is broken since 09:12"),
    ],
)
def test_a_lamp_says_why_it_looks_as_it_does(known: list[ProjectState], sentence: str) -> None:
    """`explain` says in a sentence what broke, since when, and what is being built."""
    assert told(a_feed(*known)).because == sentence


@pytest.mark.parametrize(
    ("feed", "now", "sentence"),
    [
        (a_feed(answered=None), 4.2, "the feed has not answered yet"),
        (
            a_feed(answered=None, failures=1),
            4.2,
            "the feed has not answered yet: nobody answers; is the server running?",
        ),
        (a_feed(passing()), 110.0, "the feed gave no good answer for 110 seconds"),
        (a_feed(passing()), 119.0, "the feed gave no good answer for 119 seconds"),
        (a_feed(passing()), 120.0, "the feed gave no good answer for 2 minutes"),
        (a_feed(passing()), 7_100.0, "the feed gave no good answer for 118 minutes"),
        (a_feed(passing()), 7_200.0, "the feed gave no good answer for 2 hours"),
        (a_feed(passing()), 172_799.0, "the feed gave no good answer for 48 hours"),
        (a_feed(passing()), 172_800.0, "the feed gave no good answer for 2 days"),
        (
            a_feed(passing(), failures=3),
            0.0,
            "the feed gave no good answer for 0 seconds: nobody answers; is the server running?",
        ),
        (
            a_feed(),
            4.2,
            "the feed answers, but none of its projects counts; no project of the feed matches",
        ),
        (
            a_feed(passing(), selection=Selection(include=("till*",))),
            4.2,
            "the feed answers, but none of its projects counts; no project of the feed matches",
        ),
        (
            a_feed(broken(), failures=3),
            60.0,
            (
                "shop is broken since 09:12; "
                "the feed gave no good answer for 60 seconds: "
                "nobody answers; is the server running?"
            ),
        ),
        (
            a_feed(broken(building=True), answered=None),
            60.0,
            "shop is broken since 09:12 and is being built; the feed has not answered yet",
        ),
        (a_feed(passing(building=True), answered=None), 60.0, "the feed has not answered yet"),
    ],
)
def test_a_lamp_says_what_it_does_not_know(feed: Watched, now: float, sentence: str) -> None:
    """`explain` says which feed is silent, for how long, and what it answered last."""
    lamp = told(feed, now=now)

    assert lamp.because == sentence
    assert lamp.signal.stale


@pytest.mark.parametrize(
    ("known", "now", "until"),
    [
        ([broken()], 0.0, "a build of shop passes"),
        (
            [broken("a"), broken("b"), passing("c")],
            0.0,
            "one build each of a, b passes",
        ),
        (
            [broken(building=True)],
            0.0,
            "a build of shop passes or a running build ends",
        ),
        ([broken()], 999.0, "a build of shop passes or the feed gives a good answer"),
        ([passing()], 999.0, "the feed gives a good answer"),
        (
            [passing()],
            0.0,
            "a build fails or the feed gives no good answer for 110 seconds, or 3 times in a row",
        ),
        (
            [passing(building=True)],
            0.0,
            (
                "a running build ends or a build fails or "
                "the feed gives no good answer for 110 seconds, or 3 times in a row"
            ),
        ),
        (
            [never_built()],
            0.0,
            (
                "a build completes or a build fails or "
                "the feed gives no good answer for 110 seconds, or 3 times in a row"
            ),
        ),
        ([], 0.0, "the missing projects appear"),
    ],
)
def test_a_lamp_says_what_would_change_it(
    known: list[ProjectState], now: float, until: str
) -> None:
    """Whoever sees a red knows what to wait for."""
    assert told(a_feed(*known), now=now).until == until


def test_a_lamp_says_which_of_its_feeds_would_change_it() -> None:
    """Those that are silent, if it does not know; else all of them, the most hasty one first."""
    patient = replace(a_feed(passing("b"), name="ci"), rules=Rules(max_age=3_600.0))
    late = [a_feed(passing(name), name=name, answered=-110.0) for name in ("old", "older")]

    known, doubtful = told(a_feed(passing("a")), patient), told(a_feed(passing("a")), *late)

    assert (
        known.until
        == "a build fails or web or ci gives no good answer for 110 seconds, or 3 times in a row"
    )
    assert doubtful.until == "old gives a good answer and older gives a good answer"


def test_what_has_to_happen_to_several_feeds_is_told_of_each() -> None:
    """A server that is down, and one that has to say how a project stands."""
    doubtful = a_feed(replace(never_built("b"), doubted=True))

    lamp = told(a_feed(name="a", answered=None), doubtful)

    assert lamp.until == "a gives a good answer and web confirms b"


def test_the_feed_of_a_project_is_told_where_there_are_several() -> None:
    """The oldest comes first, whichever feed it is of; a single feed needs no name."""
    older = replace(broken("b"), since=NOON - timedelta(days=1))
    one, other = a_feed(broken("c"), broken("a", since=None)), a_feed(older, name="ci")

    alone, both = told(one), told(one, other)

    assert (alone.blame, both.blame) == (("a", "c"), ("a", "b", "c"))
    assert alone.because == "a, c are broken"
    assert both.because == "a (web), b (ci), c (web) are broken"
    assert alone.until == "one build each of a, c passes"
    assert both.until == "one build each of a (web), b (ci), c (web) passes"


def test_every_doubtful_feed_is_told() -> None:
    """Two servers that are down are two faults to look after."""
    feeds = [a_feed(name="a", answered=None), a_feed(passing()), a_feed(name="b", failures=9)]

    assert told(*feeds).because == (
        "a has not answered yet; "
        "b gave no good answer for 4 seconds: nobody answers; is the server running?"
    )


def a_doubtful_feed(*known: ProjectState, selection: Selection | None = None) -> Watched:
    """Return a fresh feed that has confirmed nothing for more than two days."""
    old = (replace(each, unconfirmed_since=0.0) for each in known)
    feed = a_feed(*old, selection=selection, answered=200_000.0)
    return replace(feed, rules=Rules(max_age=110.0, expiry=172_800.0))


def test_a_red_that_nothing_confirms_is_told() -> None:
    """A red that nobody has confirmed for days is shown with the stale mark, and explained."""
    lamp = told(a_doubtful_feed(broken("b"), broken("a"), passing("c")), now=200_001.0)

    assert lamp.signal == Signal(B, stale=True)
    assert lamp.because == (
        "b, a are broken, the first since 09:12; "
        "the feed gave no definite result of b, a for 2 days"
    )
    assert lamp.until == ("one build each of b, a passes or the feed confirms b, a")


@pytest.mark.parametrize(
    ("choice", "lamp_choice"),
    [(Selection(exclude=("b",)), Selection()), (Selection(), Selection(include=("c",)))],
)
def test_a_red_that_does_not_count_is_not_doubted(
    choice: Selection, lamp_choice: Selection
) -> None:
    """A project that is left out cannot forbid green."""
    feed = a_doubtful_feed(broken("b"), passing("c"), selection=choice)

    assert told(feed, lamp=a_lamp(selection=lamp_choice), now=200_001.0).signal == Signal(P)


@pytest.mark.parametrize(
    ("lamp_choice", "signal"),
    [(Selection(), Signal(P, stale=True)), (Selection(exclude=("b",)), Signal(P))],
)
def test_what_a_restart_made_doubtful_is_told(lamp_choice: Selection, signal: Signal) -> None:
    """News that could not be written before a restart forbid green, where they count."""
    feed = a_feed(replace(never_built("b"), doubted=True), passing("c"))

    lamp = told(feed, lamp=a_lamp(selection=lamp_choice))

    assert lamp.signal == signal
    if signal.stale:
        assert lamp.because == "the feed has not confirmed b since the restart"
        assert lamp.until == "the feed confirms b"


def test_a_silent_feed_is_told_once() -> None:
    """A feed that is down is one fault, not one for each of its projects."""
    lamp = told(a_doubtful_feed(broken("b")), now=300_000.0)

    assert lamp.because == "b is broken since 09:12; the feed gave no good answer for 28 hours"


@pytest.mark.parametrize(
    ("lamp", "sentence"),
    [
        (a_lamp(feeds=frozenset()), "it watches no feed"),
        (a_lamp(selection=Selection(include=("till",))), "no project named till in web"),
        (
            a_lamp("web", "api", selection=Selection(include=("till", "pos", "shop"))),
            "no project named pos, till in web, api",
        ),
        (a_lamp(selection=Selection(include=("till*",))), "no project of web matches"),
        (
            a_lamp("web", "api", selection=Selection(exclude=("*",))),
            "no project of web, api matches",
        ),
    ],
)
def test_a_lamp_that_watches_nothing_says_so(lamp: Shown, sentence: str) -> None:
    """A choice that matches nothing makes no green lamp, and `explain` says which."""
    report = told(a_feed(passing()), a_feed(passing("api"), name="api"), lamp=lamp)

    assert report.because == sentence
    assert report.signal.stale
    assert report.blame == ()


def test_a_missing_project_is_told_beside_a_broken_one() -> None:
    """Red stays red though another project cannot be found."""
    lamp = told(a_feed(broken()), lamp=a_lamp(selection=Selection(include=("shop", "till"))))

    assert lamp.because == "shop is broken since 09:12; no project named till in the feed"
    assert lamp.signal == Signal(B, stale=True)


def test_a_lamp_in_doubt_does_not_complain_about_names() -> None:
    """A project is not called missing while its feed is silent."""
    lamp = told(a_feed(answered=None), lamp=a_lamp(selection=Selection(include=("till",))))

    assert lamp.because == "the feed has not answered yet"


@pytest.mark.parametrize(
    ("ago", "zone", "when"),
    [
        (timedelta(hours=2), 0, "10:00"),
        (timedelta(hours=2), 1, "11:00"),
        (timedelta(hours=19, minutes=59), 0, "16:01"),
        (timedelta(hours=20), 0, "2026-11-19 16:00"),
        (timedelta(days=400), -5, "2025-10-16 07:00"),
    ],
)
def test_times_are_told_by_the_clock_on_the_wall(ago: timedelta, zone: int, when: str) -> None:
    """Today's failures have an hour, older ones a date, in the zone of the office."""
    clock = NOON.astimezone(timezone(timedelta(hours=zone)))

    report = make_report([a_feed(broken(since=NOON - ago))], [a_lamp()], now=0.0, clock=clock)

    assert report.lamps[0].because == f"shop is broken since {when}"


@pytest.mark.parametrize(
    ("known", "now", "signal", "pattern"),
    [
        ([broken(), passing("till")], 0.0, Signal(B), "red"),
        ([broken(building=True)], 0.0, Signal(B, building=True), "red pulse"),
        ([broken()], 999.0, Signal(B, stale=True), "red, amber double-blink"),
        ([passing()], 0.0, Signal(P), "green"),
        ([passing()], 999.0, Signal(P, stale=True), "amber double-blink"),
        ([never_built()], 0.0, Signal(N), "amber"),
        ([], 0.0, Signal(N, stale=True), "amber double-blink"),
    ],
)
def test_a_lamp_shows_the_pattern_of_its_signal(
    known: list[ProjectState], now: float, signal: Signal, pattern: str
) -> None:
    """What `explain` says is what the lamp shows."""
    lamp = told(a_feed(*known), now=now)

    assert lamp.signal == signal
    assert lamp.pattern == parse_pattern(pattern)


@pytest.mark.parametrize(
    ("holidays", "closed", "because", "pattern"),
    [
        (0, 0.0, "the office is closed until 14:00; 1 project passes", "off"),
        (1, 0.5, "the office is closed until Sat 2026-11-21 14:00; 1 project passes", "green 50%"),
        (999, 0.0, "the office is closed for good; 1 project passes", "off"),
    ],
)
def test_a_closed_office_is_told_before_all_else(
    holidays: int, closed: float, because: str, pattern: str
) -> None:
    """Whoever wonders why the lamp is dark reads when it will not be."""
    days = frozenset(NOON.date() + timedelta(days=day) for day in range(-1, holidays))
    hours = Hours(frozenset(range(7)), time(14), time(19), UTC, days)

    lamp = told(a_feed(passing()), lamp=a_lamp(hours=hours, closed=closed))

    assert lamp.because == because
    assert lamp.pattern.strokes == parse_pattern(pattern).strokes
    assert lamp.until.startswith("the office opens or ")


def test_a_closed_office_is_dark_unless_told_otherwise() -> None:
    """Nobody is there to look."""
    never = Hours(frozenset(), time(8), time(19), UTC)

    assert told(a_feed(broken()), lamp=a_lamp(hours=never)).pattern is OFF


def test_an_open_office_is_not_told() -> None:
    """From eight to seven nobody has to know that there are hours."""
    hours = Hours(frozenset(range(7)), time(8), time(19), UTC)

    lamp = told(a_feed(passing()), lamp=a_lamp(hours=hours))

    assert lamp.because == "1 project passes"
    assert lamp.pattern == PATTERNS["passing"]


def test_the_office_opens_by_the_clock_on_the_wall() -> None:
    """The daemon's clock is in UTC, and a person reads the time of where they are."""
    hours = Hours(frozenset(range(7)), time(14), time(19), UTC)
    berlin = NOON.astimezone(timezone(timedelta(hours=1)))

    lamps = [a_lamp(hours=hours)]
    report = make_report([a_feed(passing())], lamps, now=4.2, clock=berlin)

    assert report.lamps[0].because.startswith("the office is closed until 15:00;")


@pytest.mark.parametrize(
    ("known", "now", "rule"),
    [
        (broken(), 0.0, "it stays broken until a build of it passes"),
        (
            broken(),
            999.0,
            "outranks everything; the amber double blink says that other projects are unknown",
        ),
        (broken(building=True), 0.0, "the lamp moves while every broken project is being built"),
        (
            broken(building=True),
            999.0,
            "being built; the amber double blink says that other projects are unknown",
        ),
        (passing(), 999.0, "results are never shown as passing"),
        (passing(), 0.0, "every feed answered recently"),
        (passing(building=True), 0.0, "stands while the next one runs"),
        (never_built(), 0.0, "neither passes nor is broken"),
        (
            never_built(building=True),
            0.0,
            "neither passes nor is broken; its first build is running",
        ),
    ],
)
def test_a_lamp_says_which_rule_it_follows(known: ProjectState, now: float, rule: str) -> None:
    """Whoever is surprised by a colour reads what it means."""
    assert told(a_feed(known), now=now).rule.endswith(rule)


def test_reports_that_say_the_same_are_the_same() -> None:
    """What they were made of is for the next report, and neither compared nor told."""
    one, other = (
        a_report(replace(feed, state=replace(feed.state, settled=settled)))
        for feed, settled in ((a_feed(passing()), False), (a_feed(passing()), True))
    )

    assert one == other
    assert one.parts != other.parts
    assert "parts" not in repr(one)


def test_a_lamp_is_told_with_its_driver_and_light() -> None:
    """`status` says which light is lost."""
    lamp = told(a_feed(passing()), lamp=a_lamp(name="corner", driver="serial", light=Light.LOST))

    assert (lamp.name, lamp.driver, lamp.light) == ("corner", "serial", Light.LOST)


def test_a_light_is_ok_as_far_as_somebody_knows() -> None:
    """Told unless its driver read back; of one that is not there, nothing but the reason."""
    unread = told(a_feed(passing()))
    read = told(a_feed(passing()), lamp=a_lamp(known=Known.CONFIRMED))
    lost = told(a_feed(passing()), lamp=a_lamp(light=Light.LOST, trouble="it is gone"))
    hung = told(a_feed(passing()), lamp=a_lamp(light=Light.LOST, known=Known.CONFIRMED))

    assert (unread.known, unread.light_because) == (Known.TOLD, None)
    assert (read.known, read.light_because) == (Known.CONFIRMED, None)
    assert (lost.known, lost.light_because) == (None, "it is gone")
    assert (hung.known, hung.light_because) == (None, "it does not respond")


def test_the_report_is_one_line_for_a_log() -> None:
    """Every lamp by its name, its signal, why, and a light that nobody sees."""
    lamps = [a_lamp(name="corner"), a_lamp(name="door", light=Light.LOST)]

    line = sentence(a_report(a_feed(passing()), lamps=lamps))

    assert line == (
        "corner: passing: 1 project passes; door: passing: 1 project passes (its light is lost)"
    )


def test_lights_are_spelt_as_the_report_tells_them() -> None:
    """The status file says `ok`, `waiting` or `lost`; a lamp is well unless told otherwise."""
    assert [light.value for light in Light] == ["ok", "waiting", "lost"]
    assert told(a_feed(passing())).light is Light.OK


def test_a_lamp_heeds_only_its_own_feeds() -> None:
    """The lamp of one team is not red for another's build."""
    web, api = a_feed(passing()), a_feed(broken("api"), name="api", failures=9)

    report = a_report(web, api, lamps=[a_lamp("web"), a_lamp("api")])

    assert [lamp.signal for lamp in report.lamps] == [Signal(P), Signal(B, stale=True)]


def test_a_lamp_heeds_only_what_feed_and_lamp_choose() -> None:
    """A project that either leaves out does not count."""
    feed = a_feed(
        passing("shop"),
        broken("shop-nightly"),
        broken("till"),
        selection=Selection(exclude=("*-nightly",)),
    )

    lamp = told(feed, lamp=a_lamp(selection=Selection(include=("shop*",))))

    assert lamp.signal == Signal(P)
    assert lamp.because == "1 project passes"


@pytest.mark.parametrize(
    ("feed", "blame"),
    [
        (a_feed(broken("a"), passing("b"), broken("c"), failures=9), ("a", "c")),
        (a_feed(passing("a")), ()),
        (a_feed(passing("a"), answered=None), ()),
        (a_feed(broken("c"), broken("a")), ("c", "a")),
        (a_feed(broken("")), ("(no name)",)),
    ],
)
def test_blame_is_on_the_broken(feed: Watched, blame: tuple[str, ...]) -> None:
    """The log says `broken: a, c`, from A to Z."""
    assert told(feed).blame == blame


@pytest.mark.parametrize(
    ("feed", "state", "age", "error"),
    [
        (a_feed(passing(), passing("b")), Freshness.FRESH, 4.2, None),
        (a_feed(passing(), passing("b"), failures=1), Freshness.FRESH, 4.2, str(DOWN)),
        (a_feed(passing(), passing("b"), failures=3), Freshness.STALE, 4.2, str(DOWN)),
        (a_feed(passing(), passing("b"), answered=None), Freshness.NEVER, None, None),
    ],
)
def test_a_feed_is_told_with_its_state(
    feed: Watched, state: Freshness, age: float | None, error: str | None
) -> None:
    """`status` says how old the news of each feed is, and what went wrong last."""
    (told_feed,) = a_report(feed, now=4.23).feeds

    assert (told_feed.name, told_feed.url) == ("web", "https://web.example/cc.xml?token=***")
    assert (told_feed.state, told_feed.age, told_feed.error) == (state, age, error)
    assert told_feed.projects == 2


def test_a_project_says_why_it_does_not_count() -> None:
    """`explain` never hides a project silently."""
    feed = a_feed(
        passing("shop"),
        passing("shop-nightly"),
        passing("till"),
        selection=Selection(exclude=("*-nightly",)),
    )
    lamps = [a_lamp(selection=Selection(include=("shop*",))), a_lamp("other")]

    rows = a_report(feed, lamps=lamps).projects

    assert [(row.name, row.counted, row.not_counted_because) for row in rows] == [
        ("shop", True, None),
        ("shop-nightly", False, "excluded by its feed"),
        ("till", False, "no lamp watches it"),
    ]


@pytest.mark.parametrize(
    ("ago", "building", "why"),
    [
        (timedelta(days=30), False, None),
        (timedelta(days=30, seconds=1), False, "its last build is 30 days old"),
        (timedelta(days=400), False, "its last build is 400 days old"),
        (timedelta(days=400), True, None),
        (None, False, None),
    ],
)
@pytest.mark.parametrize("zone", [UTC, None])
def test_a_dead_project_does_not_count(
    ago: timedelta | None,
    building: bool,  # noqa: FBT001 - a row of the table
    why: str | None,
    zone: tzinfo | None,
) -> None:
    """With `ignore_older_than`, a red that nobody has built for a month is listed, not shown."""
    benefit = timedelta() if zone else timedelta(hours=14)  # it may be the time of any zone
    time = (NOON - ago - benefit).replace(tzinfo=zone) if ago else None
    old = broken("a", project=a_project("a", last_build_time=time), building=building)
    feed = a_feed(old, passing("b"))
    rules = replace(feed.rules, ignore_older_than=30 * 86_400.0)

    report = a_report(replace(feed, rules=rules), lamps=[a_lamp()])

    told_why = {row.name: row.not_counted_because for row in report.projects}
    assert told_why == {"a": why, "b": None}
    assert report.lamps[0].signal.verdict is (P if why else B)


def test_a_lamp_says_which_broken_project_is_too_old() -> None:
    """Time alone turned the lamp green: nobody has to search for the reason."""
    ago = timedelta(days=40)
    old = broken("a", project=a_project("a", last_build_time=NOON - ago))
    feed = a_feed(old, passing("b"))
    rules = replace(feed.rules, ignore_older_than=30 * 86_400.0)

    report = a_report(replace(feed, rules=rules), lamps=[a_lamp()])

    assert report.lamps[0].because == (
        "1 project passes; a is broken, but too old to count (ignore_older_than)"
    )


@pytest.mark.parametrize(("ahead", "counts"), [(0, False), (-400, False), (40, True), (4000, True)])
def test_a_clock_that_is_ahead_makes_nothing_too_old(ahead: int, *, counts: bool) -> None:
    """A Pi whose clock is years ahead would leave out every red; the server knows better."""
    broke = NOON - timedelta(days=31)
    feed = a_feed(broken("a", project=a_project("a", last_build_time=broke)), passing("b"))
    rules = replace(feed.rules, ignore_older_than=30 * 86_400.0)
    state = replace(feed.state, date=NOON - timedelta(days=ahead))

    report = a_report(replace(feed, rules=rules, state=state), lamps=[a_lamp()])

    assert report.lamps[0].signal.verdict is (B if counts else P)
    assert bool(report.feeds[0].warnings) is (ahead > 0)


def test_a_pipeline_counts_as_one() -> None:
    """With `roll_up`, stages and jobs are one project by the name of their pipeline."""
    feed = a_feed(passing("shop :: a"), broken("shop :: b"), passing("till :: a"))

    report = a_report(
        replace(feed, rules=replace(feed.rules, roll_up=True)),
        lamps=[a_lamp(selection=Selection(include=("shop",)))],
    )

    assert [(row.name, row.verdict, row.counted) for row in report.projects] == [
        ("shop", B, True),
        ("till", P, False),
    ]
    assert report.feeds[0].projects == 2
    assert report.lamps[0].because == "shop is broken since 09:12"


def test_one_lamp_is_enough_to_count() -> None:
    """A project counts if any of the lamps heeds it."""
    lamps = [a_lamp(selection=Selection(include=(name,))) for name in ("a", "b")]

    rows = a_report(a_feed(passing("a"), passing("b"), passing("c")), lamps=lamps).projects

    assert [row.counted for row in rows] == [True, True, False]


def test_a_dead_project_is_heeded_by_nobody_though_its_namesake_is() -> None:
    """Two of one name, and the one that nobody built for a year is listed by itself."""
    dead, alive = (
        passing("shop", project=a_project("shop", last_build_time=NOON - timedelta(days=days)))
        for days in (400, 1)
    )
    feed = a_feed(dead, alive)
    rules = replace(feed.rules, ignore_older_than=30 * 86_400.0)

    rows = a_report(replace(feed, rules=rules), lamps=[a_lamp()]).projects

    assert {(row.counted, row.lamps) for row in rows} == {(False, ()), (True, ("lamp",))}


def test_a_project_names_the_lamps_that_heed_it() -> None:
    """Whoever asks for one lamp's projects gets those, each once, namesakes or not."""
    chosen = Selection(include=("a",))
    lamps = [a_lamp(name="all"), a_lamp(name="some", selection=chosen), a_lamp("api", name="other")]

    rows = a_report(a_feed(passing("a"), passing("a"), passing("b")), lamps=lamps).projects

    assert [{*row.lamps} for row in rows] == [{"all", "some"}, {"all", "some"}, {"all"}]
    assert all(len(row.lamps) == len({*row.lamps}) for row in rows)


def test_a_project_names_who_broke_it() -> None:
    """GoCD and CruiseControl.NET say whom they blame; other messages are not people."""
    messages = (
        Message("alice, bob", "Breakers"),
        Message(" ", "Breakers"),
        Message("unit", "FailingTasks"),
    )

    (row,) = a_report(a_feed(broken(project=a_project("a", messages=messages)))).projects

    assert row.breakers == ("alice, bob",)


def test_a_lamp_tells_its_colours_from_top_to_foot() -> None:
    """A lamp is drawn with the lenses that it has, lit or not."""
    assert told(a_feed(passing())).channels == (Channel.RED, Channel.AMBER, Channel.GREEN)


def test_without_a_lamp_nothing_counts() -> None:
    """`check` without a lamp still tells every project."""
    (row,) = a_report(a_feed(passing())).projects

    assert row.not_counted_because == "no lamp watches it"


def test_the_report_as_json_has_this_shape() -> None:
    """The status file, `check --json` and the page tell the same thing in the same words."""
    project = a_project("shop", last_build_label="42", web_url="https://ci.example/shop")
    clock = NOON.astimezone(timezone(timedelta(hours=1)))
    feeds = [
        a_feed(a_memory(project=project, verdict=B, building=True, since=NINE_TWELVE)),
        a_feed(passing("b"), name="api", answered=None, failures=2),
    ]

    report = make_report(feeds, [a_lamp()], now=4.2, clock=clock)

    assert to_json(report) == {
        "version": 1,
        "at": "2026-11-20T12:00:00Z",
        "feeds": [
            {
                "name": "web",
                "url": "https://web.example/cc.xml?token=***",
                "state": "fresh",
                "age": 4.2,
                "error": None,
                "projects": 1,
                "warnings": [],
            },
            {
                "name": "api",
                "url": "https://api.example/cc.xml?token=***",
                "state": "never",
                "age": None,
                "error": "nobody answers; is the server running?",
                "projects": 1,
                "warnings": [],
            },
        ],
        "projects": [
            {
                "feed": "web",
                "name": "shop",
                "verdict": "broken",
                "building": True,
                "since": "2026-11-20T09:12:00Z",
                "label": "42",
                "web_url": "https://ci.example/shop",
                "counted": True,
                "not_counted_because": None,
                "lamps": ["lamp"],
                "last_build_time": None,
                "breakers": [],
                "run": None,
            },
            {
                "feed": "api",
                "name": "b",
                "verdict": "passing",
                "building": False,
                "since": "2026-11-20T12:00:00Z",
                "label": "",
                "web_url": "",
                "counted": False,
                "not_counted_because": "no lamp watches it",
                "lamps": [],
                "last_build_time": None,
                "breakers": [],
                "run": None,
            },
        ],
        "lamps": [
            {
                "name": "lamp",
                "driver": "gpio",
                "light": "ok",
                "known": "told",
                "light_because": None,
                "feeds": ["web"],
                "signal": {"verdict": "broken", "building": True, "stale": False},
                "pattern": "red pulse",
                "since": "2026-11-20T12:00:00Z",
                "because": "shop (web) is broken since 10:12 and is being built",
                "rule": "a running build never hides a broken project; the lamp moves while every "
                "broken project is being built",
                "until": "a build of shop (web) passes or a running build ends",
                "broken": [{"feed": "web", "name": "shop"}],
                "warnings": [],
            }
        ],
    }


@pytest.mark.usefixtures("in_berlin")
def test_moments_are_told_in_utc_wherever_the_machine_is() -> None:
    """Programs read one report of machines in several countries."""
    report = a_report(a_feed(broken()), lamps=[a_lamp()])

    assert to_json(report)["at"] == "2026-11-20T12:00:00Z"
    assert to_json(report)["projects"][0]["since"] == "2026-11-20T09:12:00Z"


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (UTC, "2026-11-20T09:12:00+00:00"),
        (timezone(timedelta(hours=1)), "2026-11-20T09:12:00+01:00"),
        (None, "2026-11-20T09:12:00"),
    ],
)
def test_the_time_of_a_build_is_told_as_the_server_told_it(
    zone: tzinfo | None, expected: str
) -> None:
    """GoCD told times without a zone, and did not say which one it meant."""
    built = NINE_TWELVE.replace(tzinfo=zone, microsecond=250_000)
    feed = a_feed(passing(project=a_project(last_build_time=built)))

    (project,) = to_json(a_report(feed))["projects"]

    assert project["last_build_time"] == expected


def test_an_unknown_age_is_null() -> None:
    """Whoever reads the status file is not told a time that was made up."""
    report = a_report(a_feed(broken(since=None)))

    assert to_json(report)["projects"][0]["since"] is None


def test_the_report_as_json_keeps_its_order() -> None:
    """Whoever reads the status file finds what the README shows, in its order."""
    feed = a_feed(broken())

    shape = to_json(a_report(feed, lamps=[a_lamp()]))

    assert list(shape) == ["version", "at", "feeds", "projects", "lamps"]
    assert json.loads(json.dumps(shape)) == shape


@pytest.mark.parametrize("verdict", [B, P, N])
@given(name=st.one_of(st.text(), st.just("\x1b[2J\x07\r\n"), st.just("a" * 10_000)))
def test_no_name_reaches_a_terminal_as_it_is(verdict: Verdict, name: str) -> None:
    """A project's name can neither clear the screen of `explain` nor fill it."""
    known = [a_memory(name, verdict=verdict, building=True, since=NINE_TWELVE)] * 5

    lamp = told(a_feed(*known))

    for text in (lamp.because, *lamp.blame):
        assert text.isprintable()
        assert len(text) < 400


def test_a_missing_name_is_told_on_one_line() -> None:
    """A name in the configuration is no more trusted than one of a server."""
    lamp = told(
        a_feed(passing()), lamp=a_lamp(selection=Selection(include=("\x1b[2J" + "a" * 10_000,)))
    )

    assert lamp.because.isprintable()
    assert len(lamp.because) < 200


@cache
def shows_green_alone(pattern: Pattern) -> bool:
    """Return whether *pattern* ever looks like a passing build."""
    return any(frame_at(pattern, step / 20).lit == {Channel.GREEN} for step in range(240))


FEEDS = st.builds(
    lambda known, name, include, answered, failures: a_feed(
        *known,
        name=name,
        selection=Selection(include=include),
        answered=answered,
        failures=failures,
    ),
    st.lists(
        st.builds(
            a_memory,
            st.sampled_from(["a", "b", "c"]),
            verdict=st.sampled_from([P, P, N, B]),
            building=st.booleans(),
        ),
        max_size=3,
    ),
    st.sampled_from(["web", "api", "app"]),
    st.sampled_from([(), ("a",), ("[bc]",)]),
    st.sampled_from([None, 0.0, 100.0]),
    st.integers(0, 4),
)
LAMPS = st.builds(
    lambda feeds, include, preset, channels, dims: a_lamp(
        feeds=feeds,
        selection=Selection(include=include),
        patterns={
            signal: fit(parse_pattern(text), channels, dims=dims)
            for signal, text in PRESETS[preset].items()
        },
    ),
    st.frozensets(st.sampled_from(["web", "api", "app"])),
    st.sampled_from([(), ("a",), ("*",), ("b", "c"), ("re:x",)]),
    st.sampled_from([*PRESETS]),
    st.sampled_from(
        [
            frozenset({Channel.RED, Channel.AMBER, Channel.GREEN}),
            frozenset({Channel.RED, Channel.GREEN}),
        ]
    ),
    st.booleans(),
)


@given(
    feeds=st.lists(FEEDS, max_size=3, unique_by=lambda feed: feed.name),
    lamp=LAMPS,
    now=st.sampled_from([100.0, 109.9, 110.0, 205.0, 500.0]),
)
def test_a_lamp_is_green_only_if_somebody_knows(
    feeds: list[Watched], lamp: Shown, now: float
) -> None:
    """Whatever is configured and remembered, no lamp is green while a feed it watches is not."""
    report = told(*feeds, lamp=lamp, now=now)
    watched = [feed for feed in feeds if feed.name in lamp.feeds]
    fresh = all(feed.state.freshness(feed.rules, now=now) is Freshness.FRESH for feed in watched)
    counted = [
        known
        for feed in watched
        for (name, _), known in feed.state.projects.items()
        if name in lamp.selection.of(feed.selection.of([name]))
    ]
    green = fresh and any(known.verdict is P for known in counted)
    red = any(known.verdict is B for known in counted)

    assert green or not shows_green_alone(report.pattern)
    assert not (red and shows_green_alone(report.pattern))
    assert (report.signal.verdict is B) is red
    assert fresh or report.signal.stale
    assert counted or report.signal.stale
    assert report.because


def test_lamps_with_one_choice_are_chosen_for_once() -> None:
    """Twenty lamps over 50,000 projects do not go through their names twenty times."""
    asked: list[tuple[str, ...]] = []

    class Counting(Selection):
        def of(self, names: Iterable[str]) -> frozenset[str]:
            asked.append(tuple(names))
            return super().of(asked[-1])

    lamps = [a_lamp(selection=Counting(include=("shop*",))) for _ in range(20)]

    report = a_report(a_feed(passing("shop"), broken("till")), lamps=lamps)

    assert asked == [("shop", "till")]
    assert {lamp.because for lamp in report.lamps} == {"1 project passes"}
    assert [project.counted for project in report.projects] == [True, False]


def test_a_feed_that_has_not_changed_brings_what_it_brought() -> None:
    """With a thousand feeds, one that changes must not cost a look at all the others."""
    still, moving = a_feed(passing("shop")), a_feed(passing("till"), name="ci")
    lamps = [a_lamp("web", "ci")]
    before = make_report([still, moving], lamps, now=4.2, clock=NOON)
    moved = a_feed(broken("till"), name="ci")

    after = make_report([still, moved], lamps, now=9.0, clock=NOON, before=before)

    anew = make_report([still, moved], lamps, now=9.0, clock=NOON)
    assert after.parts["web"].rows is before.parts["web"].rows
    assert (after.feeds, after.projects) == (anew.feeds, anew.projects)
    assert after.lamps[0].signal == anew.lamps[0].signal == Signal(B)


def test_a_feed_that_told_the_same_again_is_told_with_its_new_answer() -> None:
    """Its projects are the very same; how old its news is and what ails it are not."""
    feed = a_feed(passing("shop"))
    before = make_report([feed], [a_lamp()], now=4.2, clock=NOON)
    later = replace(feed, state=replace(feed.state, answered=7.0, error=DOWN))

    (told_now,) = make_report([later], [a_lamp()], now=9.0, clock=NOON, before=before).feeds

    assert (told_now.age, told_now.error) == (2.0, str(DOWN))


def test_a_lamp_keeps_the_moment_of_its_signal_until_another_one() -> None:
    """A red that stood yesterday is told since yesterday, whatever was polled in between."""
    minute = timedelta(minutes=1)
    lamps = [a_lamp(name="corner"), a_lamp(name="door", selection=Selection(include=("till",)))]
    good, bad = (a_feed(shop, passing("till")) for shop in (passing("shop"), broken("shop")))

    reports = [make_report([good], lamps, now=0.0, clock=NOON)]
    for number, feed in enumerate((good, bad, bad), start=1):
        now, clock = 10.0 * number, NOON + number * minute / 6
        reports.append(make_report([feed], lamps, now=now, clock=clock, before=reports[-1]))

    corner, door = zip(*(report.lamps for report in reports), strict=True)
    assert [lamp.began for lamp in corner] == [0.0, 0.0, 20.0, 20.0]
    assert [lamp.since for lamp in corner] == [NOON, NOON, NOON + minute / 3, NOON + minute / 3]
    assert {(lamp.began, lamp.since) for lamp in door} == {(0.0, NOON)}


@pytest.mark.parametrize(
    "changes",
    [
        {"selection": Selection(exclude=("shop",))},
        {"rules": Rules(max_age=110.0, roll_up=True)},
        {"rules": Rules(max_age=110.0, ignore_older_than=60.0)},
    ],
)
def test_what_counts_is_found_anew_when_the_rules_change(changes: dict[str, object]) -> None:
    """A reload may say otherwise what counts, of projects that are the very same."""
    feed = a_feed(passing("shop"), broken("till/unit"))
    before = make_report([feed], [a_lamp()], now=4.2, clock=NOON)
    other = replace(feed, **changes)  # type: ignore[arg-type]

    after = make_report([other], [a_lamp()], now=4.2, clock=NOON, before=before)

    assert after.projects == make_report([other], [a_lamp()], now=4.2, clock=NOON).projects
    assert after.parts["web"].rows is not before.parts["web"].rows


def test_what_counts_is_found_anew_for_a_lamp_that_chooses_otherwise() -> None:
    """A lamp that leaves a project out makes the report say so."""
    feed = a_feed(passing("shop"))
    before = make_report([feed], [a_lamp()], now=4.2, clock=NOON)
    choosy = a_lamp(selection=Selection(exclude=("shop",)))

    after = make_report([feed], [choosy], now=4.2, clock=NOON, before=before)

    assert [row.counted for row in after.projects] == [False]


def test_what_is_known_of_a_run_is_told() -> None:
    """Branch, commit, attempt, who and when: GitHub tells them, cc.xml does not."""
    run = Run("main", "3f2c1d0e5a", 2, "ada", NOON)
    feed = a_feed(broken(project=a_project(run=run)))

    (project,) = to_json(a_report(feed))["projects"]

    assert project["run"] == {
        "branch": "main",
        "commit": "3f2c1d0e5a",
        "attempt": 2,
        "author": "ada",
        "started": "2026-11-20T12:00:00+00:00",
    }


def test_what_a_server_tells_a_person_is_told() -> None:
    """A token that ends soon is no fault yet; no secret is repeated."""
    state = replace(a_feed(passing()).state, notices=("the token s3cret-1 expires in 2 days",))
    feed = replace(a_feed(passing()), state=state, secrets=frozenset({"s3cret-1"}))

    (told,) = to_json(a_report(feed))["feeds"]

    assert told["warnings"] == ["the token *** expires in 2 days"]
    assert told["error"] is None
