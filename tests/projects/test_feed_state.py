"""How a feed stands after a poll: when it is stale, and what makes a good answer a fault."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.errors import FeedError, FeedMalformed, FeedUnreachable
from buildlight.projects.ccxml import MAX_PROJECTS
from buildlight.projects.feed_state import (
    FeedState,
    Freshness,
    News,
    Reading,
    Rules,
    absorb,
    in_doubt,
    nothing_new,
    unanswered,
)
from buildlight.projects.project import STATUS_WORDS, BuildStatus, Project
from buildlight.projects.vanished import MOST_MISSING
from buildlight.projects.verdict import Event, Verdict
from support.examples import NOON, a_memory, a_project

RULES = Rules(max_age=110.0)
DOWN = FeedUnreachable("nobody answers")


def an_answer(at: float, *projects: Project) -> Reading:
    """Return a good-looking answer *at* so many seconds after noon."""
    return Reading(at, NOON + timedelta(seconds=at), projects)


def a_fault(at: float, fault: FeedError = DOWN) -> Reading:
    """Return a poll that failed."""
    return Reading(at, NOON + timedelta(seconds=at), fault)


def after(readings: Iterable[Reading], rules: Rules = RULES) -> tuple[FeedState, News]:
    """Return how a feed stands after *readings*, and the news of the last of them."""
    feed_state, news = FeedState(), News()
    for reading in readings:
        feed_state, news = absorb(feed_state, reading, rules=rules)
    return feed_state, news


def pairs(news: News) -> tuple[tuple[Event, str], ...]:
    """Return the events of *news*, each with the name of its project."""
    return tuple((each.event, each.name) for each in news.events)


def verdicts(feed_state: FeedState) -> dict[tuple[str, int], Verdict]:
    """Return the verdicts by project."""
    return {key: known.verdict for key, known in feed_state.projects.items()}


GREEN = a_project(last_build_status="Success")
RED = a_project(last_build_status="Failure")


def test_states_are_spelt_as_the_report_tells_them() -> None:
    """The status file says `fresh`, `stale` or `never`."""
    assert [state.value for state in Freshness] == ["fresh", "stale", "never"]


def test_a_feed_that_never_answered_says_so() -> None:
    """Right after start, nothing is known, and the lamp shows that."""
    feed_state = FeedState()

    assert feed_state.freshness(RULES, now=0.0) is Freshness.NEVER
    assert feed_state.projects == {}


@pytest.mark.parametrize("failures", [1, 2, 3, 10])
def test_failures_do_not_make_an_answer(failures: int) -> None:
    """A feed that has been down since the start has never answered, not gone stale."""
    feed_state, _ = after(a_fault(30.0 * poll) for poll in range(failures))

    assert feed_state.freshness(RULES, now=300.0) is Freshness.NEVER
    assert feed_state.failures == failures
    assert feed_state.error is DOWN


@pytest.mark.parametrize(
    ("now", "state"), [(0.0, Freshness.FRESH), (109.9, Freshness.FRESH), (110.0, Freshness.STALE)]
)
def test_an_answer_grows_too_old(now: float, state: Freshness) -> None:
    """A daemon that hears nothing for `max_age` seconds no longer vouches for green."""
    feed_state, _ = after([an_answer(0.0, GREEN)])

    assert feed_state.freshness(RULES, now=now) is state


@pytest.mark.parametrize(
    ("failures", "state"),
    [(0, Freshness.FRESH), (2, Freshness.FRESH), (3, Freshness.STALE), (4, Freshness.STALE)],
)
def test_three_failures_in_a_row_are_stale(failures: int, state: Freshness) -> None:
    """Two lost answers are tolerated, the third is shown."""
    answers = [an_answer(0.0, GREEN), *(a_fault(1.0 + poll) for poll in range(failures))]

    feed_state, _ = after(answers)

    assert feed_state.freshness(RULES, now=10.0) is state


@pytest.mark.parametrize(("failures", "state"), [(0, Freshness.FRESH), (1, Freshness.STALE)])
def test_the_tolerance_can_be_set(failures: int, state: Freshness) -> None:
    """With `max_failures = 1` the first lost answer is shown."""
    rules = Rules(max_age=110.0, max_failures=1)
    answers = [an_answer(0.0, GREEN), *(a_fault(1.0) for _ in range(failures))]

    feed_state, _ = after(answers, rules)

    assert feed_state.freshness(rules, now=10.0) is state


def test_a_good_answer_clears_the_failures() -> None:
    """A server that comes back is fresh with its first good answer."""
    feed_state, _ = after([an_answer(0.0, GREEN), *[a_fault(60.0)] * 5, an_answer(200.0, GREEN)])

    assert feed_state.freshness(RULES, now=200.0) is Freshness.FRESH
    assert feed_state.failures == 0
    assert feed_state.error is None
    assert feed_state.answered == 200.0


def test_a_failure_keeps_what_is_known() -> None:
    """Red stays red while the server is down, and so does its age."""
    before, _ = after([an_answer(0.0, RED)])

    feed_state, news = absorb(before, a_fault(30.0), rules=RULES)

    assert feed_state.projects is before.projects
    assert feed_state.answered == 0.0
    assert (feed_state.failures, feed_state.error) == (1, DOWN)
    assert news == News()


def test_a_feed_builds_while_one_of_its_projects_does() -> None:
    """One running build is enough to poll the feed faster."""
    idle, _ = after([an_answer(0.0, a_project("a"), a_project("b"))])
    busy, _ = after([an_answer(0.0, a_project("a"), a_project("b", activity="Building"))])

    assert not idle.building
    assert busy.building
    assert not FeedState().building


def test_the_first_good_answer_is_silent() -> None:
    """A restart of the daemon does not announce yesterday's failures again."""
    _, news = after([a_fault(0.0), an_answer(30.0, RED)])

    assert news.events == ()


def test_later_answers_bring_events() -> None:
    """Breaks and fixes are told with the names of their projects."""
    first = an_answer(0.0, a_project("a", last_build_status="Failure"), a_project("b"))
    second = an_answer(
        30.0,
        a_project("a", last_build_status="Success"),
        a_project("b", last_build_status="Error"),
        a_project("c", last_build_status="Success"),
        a_project("d", activity="Building", last_build_status="Failure"),
    )

    _, news = after([first, second])

    assert pairs(news) == ((Event.FIXED, "a"), (Event.BROKEN, "b"), (Event.BROKEN, "d"))


def test_a_project_that_is_missing_for_a_moment_is_kept() -> None:
    """A red project does not vanish because a server left it out once."""
    feed_state, news = after(
        [an_answer(0.0, RED, a_project("b")), an_answer(109.9, a_project("b"))]
    )

    assert verdicts(feed_state)["shop", 0] is Verdict.BROKEN
    assert feed_state.projects["shop", 0].missing_since == 0.0
    assert news == News()


def test_a_missing_project_is_no_news() -> None:
    """A build that was running when its project vanished has not failed again with each poll."""
    building = a_project(activity="Building", last_build_status="Failure")
    first = an_answer(0.0, building, a_project("b"))
    rest = [an_answer(10.0, RED, a_project("b")), an_answer(20.0, a_project("b"))]

    _, news = after([first, *rest])

    assert news.events == ()


def test_a_project_that_is_missing_for_long_is_given_up() -> None:
    """A green that was removed from the server leaves the lamp after `max_age` seconds."""
    rest = [an_answer(at, a_project("b")) for at in (60.0, 110.0)]

    feed_state, news = after([an_answer(0.0, GREEN, a_project("b")), *rest])

    assert feed_state.projects.keys() == {("b", 0)}
    assert (news.dropped, news.dropped_red) == (("shop",), ())


@pytest.mark.parametrize(("age", "kept"), [(899.9, True), (900.0, False)])
def test_a_red_that_vanishes_is_kept_with_a_doubt_and_then_dropped(
    age: float,
    kept: bool,  # noqa: FBT001 - what the table says
) -> None:
    """An exporter that lists only the latest run's jobs does not fix what was broken."""
    polls = [an_answer(at, a_project("b")) for at in (60.0, age)]

    feed_state, news = after([an_answer(0.0, RED, a_project("b")), *polls])

    assert feed_state.vanished(RULES) == ({"shop"} if kept else set())
    assert news.dropped_red == (() if kept else ("shop",))


def test_how_long_a_red_is_kept_can_be_set() -> None:
    """`forget_missing = 60` for a server that deletes jobs every day."""
    rules = replace(RULES, forget_missing=60.0)

    feed_state, _ = after(
        [an_answer(0.0, RED, a_project("b")), an_answer(60.0, a_project("b"))], rules
    )

    assert feed_state.projects.keys() == {("b", 0)}


STANDIN = a_project("shop (main branch)", last_build_status="Unknown", last_build_label="0")
RENAMED = a_project("shop (main)", last_build_status="Success")


def test_a_stand_in_is_a_fault_for_as_long_as_it_stands() -> None:
    """A proxy whose server is down sends one project of another name, without a result."""
    feed_state, _ = after(
        [an_answer(0.0, RED), *(an_answer(60.0 * n, STANDIN) for n in range(1, 9))]
    )

    assert str(feed_state.error) == (
        "shop is gone, and shop (main branch) has come instead; renamed, or a stand-in? It counts "
        "after its next build"
    )
    assert feed_state.answered == 0.0
    assert verdicts(feed_state) == {("shop", 0): Verdict.BROKEN}


def test_a_stand_in_of_one_of_many_is_a_fault_too() -> None:
    """The other projects go on, which proves nothing for the one that could not be read."""
    others = (
        a_project("b", last_build_status="Success"),
        a_project("c", last_build_status="Success"),
    )

    feed_state, _ = after([an_answer(0.0, RED, *others), an_answer(30.0, STANDIN, *others)])

    assert feed_state.error is not None


@pytest.mark.parametrize(("stood", "believed"), [(109.9, False), (110.0, True)])
def test_new_names_are_believed_once_they_have_stood(
    stood: float,
    believed: bool,  # noqa: FBT001 - what the table says
) -> None:
    """Somebody added a branch to the address: each of the new names has a result."""
    feed_state, _ = after(
        [an_answer(0.0, RED), an_answer(30.0, RENAMED), an_answer(30 + stood, RENAMED)]
    )

    assert (feed_state.error is None) is believed
    assert ("shop", 0) in feed_state.projects  # The red one stays for a while.


def test_a_new_project_beside_the_old_ones_is_believed_at_once() -> None:
    """A job that was just made, and never built."""
    feed_state, _ = after([an_answer(0.0, GREEN), an_answer(30.0, GREEN, a_project("new"))])

    assert feed_state.error is None


def test_a_pattern_that_is_a_name_makes_it_required() -> None:
    """In brackets, too, which a glob reads otherwise."""
    name = "[infra] pipeline:main"
    rules = replace(RULES, exact=frozenset({name}))
    first = an_answer(0.0, a_project(name, last_build_status="Success"), a_project("b"))

    feed_state, _ = after([first, an_answer(30.0, a_project("b"))], rules)

    assert str(feed_state.error).startswith(f"no project named {name}")


def test_two_spellings_of_one_name_are_one_project() -> None:
    """A server that changes its form of Unicode has renamed nothing."""
    feed_state, _ = after(
        [
            an_answer(0.0, a_project("Caf\u00e9", last_build_status="Failure")),
            an_answer(30.0, a_project("Cafe\u0301", activity="Building")),
        ]
    )

    assert verdicts(feed_state) == {("Caf\u00e9", 0): Verdict.BROKEN}


@pytest.mark.parametrize(("age", "unknown"), [(109.9, set()), (110.0, {"shop"})])
def test_an_unknown_word_confirms_nothing(age: float, unknown: set[str]) -> None:
    """After a pass, `Exploded` is no green for longer than old news would be."""
    odd = a_project(last_build_status="Exploded")
    polls = [an_answer(30.0 * number, odd) for number in range(1, 4)]

    feed_state, news = after([an_answer(0.0, GREEN), *polls, an_answer(age, odd)])

    assert feed_state.unknown(RULES, now=age) == unknown
    assert news.unknown_words == {"exploded"}


def test_an_unknown_activity_is_told() -> None:
    """So that the log can name it."""
    _, news = after([an_answer(0.0, a_project(activity="Thinking"))])

    assert news.unknown_activities == {"thinking"}


@pytest.mark.parametrize("year", [1, 1970, 1989, 2090, 9999])
def test_a_placeholder_for_a_time_is_no_time(year: int) -> None:
    """A red with one is not twenty thousand days old, and counts."""
    rules = replace(RULES, ignore_older_than=86_400.0)
    never = datetime(year, 1, 1, tzinfo=UTC)

    feed_state, _ = after([an_answer(0.0, replace(RED, last_build_time=never))], rules)

    known = feed_state.projects["shop", 0]
    assert known.project.last_build_time is None
    assert not rules.dead(known, clock=NOON)


def test_a_feed_that_rests_is_fresh_for_three_rests() -> None:
    """A rate limit may ask for a pause of minutes; it counts as the interval."""
    feed_state, _ = after([replace(an_answer(0.0, GREEN), rest=300.0)])

    assert feed_state.freshness(RULES, now=899.0) is Freshness.FRESH
    assert feed_state.freshness(RULES, now=900.0) is Freshness.STALE


def test_several_projects_are_given_up_in_order() -> None:
    """The log names what was dropped from A to Z."""
    names = ("d", "a", "c", "b")
    first = an_answer(0.0, *(a_project(name) for name in names))

    _, news = after([first, *(an_answer(at, a_project("c")) for at in (100.0, 200.0))])

    assert news.dropped == ("a", "b", "d")


def test_a_project_that_comes_back_is_remembered() -> None:
    """A project that was left out once carries on with the verdict it had."""
    building = a_project(activity="Building", last_build_status="Unknown")
    readings = [an_answer(0.0, RED, a_project("b")), an_answer(30.0, a_project("b"))]

    feed_state, _ = after([*readings, an_answer(60.0, building, a_project("b"))])

    assert verdicts(feed_state)["shop", 0] is Verdict.BROKEN


def test_a_feed_may_be_empty_from_the_start() -> None:
    """A new server without a project is a good answer; that no green comes of it is report's."""
    feed_state, _ = after([an_answer(0.0)])

    assert feed_state.freshness(RULES, now=0.0) is Freshness.FRESH


def test_a_feed_that_shrinks_to_nothing_is_a_fault() -> None:
    """Jenkins shows strangers an empty list: a lost login must not turn the lamp green."""
    feed_state, news = after([an_answer(0.0, RED, a_project("b")), an_answer(30.0)])

    assert isinstance(feed_state.error, FeedMalformed)
    assert str(feed_state.error) == (
        "answers with no project, but had 2; does the server still accept the token?"
    )
    assert feed_state.failures == 1
    assert feed_state.answered == 0.0
    assert verdicts(feed_state)["shop", 0] is Verdict.BROKEN
    assert news == News()


def test_a_required_project_that_is_missing_is_a_fault() -> None:
    """A project that the configuration names cannot be renamed without notice."""
    rules = Rules(max_age=110.0, required=frozenset({"till", "shop", "pos"}))

    feed_state, news = after([an_answer(0.0, GREEN)], rules)

    assert isinstance(feed_state.error, FeedMalformed)
    assert str(feed_state.error) == (
        "no project named pos, till; was it renamed, or is access missing?"
    )
    assert feed_state.freshness(rules, now=0.0) is Freshness.NEVER
    assert feed_state.projects == {}
    assert news == News()


def test_a_required_project_that_is_there_is_no_fault() -> None:
    """A feed that holds what was asked for is good."""
    rules = Rules(max_age=110.0, required=frozenset({"shop"}))

    feed_state, _ = after([an_answer(0.0, GREEN, a_project("b"))], rules)

    assert feed_state.error is None


def test_a_name_that_is_repeated_is_not_merged() -> None:
    """GoCD repeats names: a green row does not hide the red one of the same name."""
    feed_state, _ = after([an_answer(0.0, RED, GREEN), an_answer(30.0, RED, GREEN)])

    assert verdicts(feed_state) == {("shop", 0): Verdict.BROKEN, ("shop", 1): Verdict.PASSING}


def test_of_two_rows_of_one_name_nobody_knows_which_was_red() -> None:
    """While both are built and nothing tells them apart, either may be the broken one."""
    building = a_project(activity="Building", last_build_status="Unknown")

    feed_state, _ = after([an_answer(0.0, RED, GREEN), an_answer(30.0, building, building)])

    assert verdicts(feed_state) == {("shop", 0): Verdict.BROKEN, ("shop", 1): Verdict.BROKEN}


def test_a_longer_rest_makes_no_old_news_fresh() -> None:
    """Beyond 300 seconds a feed that rests is stale, and says so."""
    feed_state, _ = after([replace(an_answer(0.0, GREEN), rest=3600.0)])

    assert feed_state.freshness(RULES, now=899.0) is Freshness.FRESH
    assert feed_state.freshness(RULES, now=900.0) is Freshness.STALE


def test_a_memory_from_before_a_restart_is_carried_on() -> None:
    """After a restart, a red project that is just being built is still red."""
    kept = a_memory(verdict=Verdict.BROKEN)
    restored = FeedState(projects={("shop", 0): kept})
    building = a_project(activity="Building", last_build_status="Unknown")

    feed_state, news = absorb(restored, an_answer(1.0, building), rules=RULES)

    assert restored.freshness(RULES, now=0.0) is Freshness.NEVER
    assert verdicts(feed_state) == {("shop", 0): Verdict.BROKEN}
    assert news.events == ()


def test_a_memory_from_before_a_restart_has_its_grace() -> None:
    """A red project that the first answer leaves out is kept as long as any other."""
    red, other = a_memory(verdict=Verdict.BROKEN), a_memory("b")
    restored = FeedState(projects={("shop", 0): red, ("b", 0): other})

    first, _ = absorb(restored, an_answer(1_000.0, a_project("b")), rules=RULES)
    second, _ = absorb(first, an_answer(1_899.0, a_project("b")), rules=RULES)
    third, news = absorb(second, an_answer(1_900.0, a_project("b")), rules=RULES)

    assert ("shop", 0) in first.projects
    assert ("shop", 0) in second.projects
    assert ("shop", 0) not in third.projects
    assert news.dropped_red == ("shop",)


def test_a_project_that_is_missing_after_an_outage_has_its_grace() -> None:
    """A server that comes back from a long outage with half a list does not turn a lamp green."""
    readings = [an_answer(0.0, RED, a_project("b")), *[a_fault(60.0)] * 5]
    back = [an_answer(at, a_project("b")) for at in (110.0, 1_009.0)]

    kept, _ = after([*readings, *back])
    dropped, news = absorb(kept, an_answer(1_010.0, a_project("b")), rules=RULES)

    assert verdicts(kept)["shop", 0] is Verdict.BROKEN
    assert ("shop", 0) not in dropped.projects
    assert news.dropped_red == ("shop",)


def test_an_outage_before_a_project_vanished_counts_for_its_age() -> None:
    """A red that comes back without a result was confirmed before the outage, and never since."""
    rules = replace(RULES, expiry=1_000.0)
    back = replace(RED, activity="Building", last_build_status="Unknown")
    other = a_project("b")

    feed_state, _ = after(
        [an_answer(0.0, RED, other), an_answer(950.0, other), an_answer(1_000.0, back, other)],
        rules,
    )

    assert feed_state.doubtful(rules, now=1_000.0) == {"shop"}


UNCLEAR = a_project(last_build_status="Unknown")
RUNNING = a_project(activity="Building", last_build_status="Success")
DAY = 86_400.0


def days_of_doubt(first: Project, age: float, then: Project = UNCLEAR) -> FeedState:
    """Return how a feed stands that told *first*, and *then* something else up to *age*."""
    polls = [an_answer(60.0 * minute, then) for minute in range(1, int(age // 60))]
    return after([an_answer(0.0, first), *polls, an_answer(age, then)])[0]


@pytest.mark.parametrize(
    ("age", "verdict"), [(DAY - 1, Verdict.PASSING), (DAY, Verdict.NONE), (2 * DAY, Verdict.NONE)]
)
def test_a_green_that_nothing_confirms_is_forgotten(age: float, verdict: Verdict) -> None:
    """A project that was reset on its server is not green for ever."""
    feed_state = days_of_doubt(GREEN, age)

    assert verdicts(feed_state) == {("shop", 0): verdict}
    assert feed_state.doubtful(RULES, now=age) == frozenset()


def test_a_forgotten_green_has_no_age() -> None:
    """Nobody reads since when a project has had no verdict."""
    assert days_of_doubt(GREEN, DAY).projects["shop", 0].since is None


@pytest.mark.parametrize(("age", "doubtful"), [(DAY - 1, set()), (DAY, {"shop"})])
def test_a_red_that_nothing_confirms_is_doubted_but_kept(age: float, doubtful: set[str]) -> None:
    """Forgetting a red could turn a lamp green."""
    feed_state = days_of_doubt(RED, age)

    assert verdicts(feed_state) == {("shop", 0): Verdict.BROKEN}
    assert feed_state.doubtful(RULES, now=age) == doubtful


def test_no_more_is_kept_of_what_is_missing_than_an_answer_may_hold(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server that has other projects at every poll fills no memory: the latest are kept."""
    assert MOST_MISSING == MAX_PROJECTS
    monkeypatch.setattr("buildlight.projects.vanished.MOST_MISSING", 2)
    answers = [
        an_answer(
            at,
            a_project("a"),
            *(a_project(f"{letter} {n}", last_build_status="Success") for n in (1, 2)),
        )
        for at, letter in zip((0.0, 5.0, 10.0), "zxy", strict=True)
    ]

    feed_state, news = after(answers)

    assert {name for name, _ in feed_state.projects} == {"a", "x 1", "x 2", "y 1", "y 2"}
    assert news.dropped == ("z 1", "z 2")


# What a daemon before could not write down.


WRITTEN = 60.0


def outdated(*known: Project) -> FeedState:
    """Return how a feed stands of which *known* was written, and no later news."""
    kept, _ = after([an_answer(WRITTEN, *known)])
    return in_doubt(unanswered(kept))


def test_outdated_news_holds_no_green_and_loses_no_red() -> None:
    """What passed may be broken by now; what never had a verdict is no worse than it was."""
    names = GREEN, a_project("till", last_build_status="Failure"), a_project("new")

    feed_state = outdated(*names)

    assert verdicts(feed_state) == {
        ("shop", 0): Verdict.NONE,
        ("till", 0): Verdict.BROKEN,
        ("new", 0): Verdict.NONE,
    }
    assert feed_state.unwritten(RULES) == {"shop", "till"}


@pytest.mark.parametrize("before", [GREEN, RED])
@pytest.mark.parametrize(
    ("then", "doubted"), [(GREEN, set()), (RED, set()), (UNCLEAR, {"shop"}), (RUNNING, {"shop"})]
)
def test_outdated_news_is_doubted_until_it_is_confirmed(
    before: Project, then: Project, doubted: set[str]
) -> None:
    """A build that runs since proves nothing, whatever it calls itself."""
    feed_state, _ = absorb(outdated(before), an_answer(70.0, then), rules=RULES)

    assert feed_state.unwritten(RULES) == doubted
    assert (verdicts(feed_state) == {("shop", 0): Verdict.PASSING}) == (then is GREEN)


@pytest.mark.parametrize(("age", "doubted"), [(DAY - 1, {"shop"}), (DAY, set())])
def test_outdated_news_is_no_doubt_for_ever(age: float, doubted: set[str]) -> None:
    """A project that is never built again keeps no lamp from green for longer than a day."""
    feed_state, _ = absorb(outdated(GREEN), an_answer(WRITTEN + age, UNCLEAR), rules=RULES)

    assert feed_state.unwritten(RULES) == doubted


def test_outdated_news_of_what_is_gone_is_no_doubt() -> None:
    """A project that was deleted on its server is forgotten as ever."""
    till = a_project("till", last_build_status="Success")

    feed_state, _ = absorb(outdated(GREEN, till), an_answer(500.0, till), rules=RULES)

    assert feed_state.unwritten(RULES) == set()


def test_outdated_news_is_of_pipelines_where_they_are_rolled_up() -> None:
    """A lamp knows a pipeline by its own name."""
    kept, _ = after([an_answer(0.0, a_project("shop :: test", last_build_status="Success"))])

    assert in_doubt(kept).unwritten(replace(RULES, roll_up=True)) == {"shop"}


@pytest.mark.parametrize("told", [GREEN, RED])
def test_a_verdict_that_is_confirmed_never_expires(told: Project) -> None:
    """A project that is not built for weeks keeps its colour while its server says so."""
    feed_state = days_of_doubt(told, 2 * DAY, then=told)

    assert feed_state.projects["shop", 0].unconfirmed_since is None
    assert feed_state.doubtful(RULES, now=2 * DAY) == frozenset()
    assert verdicts(feed_state) != {("shop", 0): Verdict.NONE}


def test_a_verdict_expires_by_its_last_confirmation() -> None:
    """A definite word starts the day anew, whatever stood before."""
    readings = [an_answer(0.0, RED), an_answer(60.0, RED), an_answer(120.0, UNCLEAR)]

    feed_state, _ = after(readings)

    assert feed_state.projects["shop", 0].unconfirmed_since == 60.0


def test_the_expiry_can_be_set() -> None:
    """Whoever builds once a week may let a verdict stand for longer, or shorter."""
    rules = Rules(max_age=110.0, expiry=50.0)

    feed_state, _ = after([an_answer(0.0, GREEN), an_answer(50.0, UNCLEAR)], rules)

    assert verdicts(feed_state) == {("shop", 0): Verdict.NONE}


def test_a_verdict_that_has_expired_has_no_moment() -> None:
    """Nobody knows since when nobody knows."""
    rules = Rules(max_age=110.0, expiry=50.0)

    before, _ = after([an_answer(0.0, RED), an_answer(30.0, GREEN)], rules)
    expired, _ = absorb(before, an_answer(80.0, UNCLEAR), rules=rules)

    assert before.projects["shop", 0].since == NOON + timedelta(seconds=30)
    assert expired.projects["shop", 0].since is None


def test_a_reading_is_dated_with_the_time_of_day() -> None:
    """`explain` tells since when by the clock on the wall, not by seconds since boot."""
    feed_state, _ = after([an_answer(0.0, GREEN), an_answer(30.0, RED)])

    assert feed_state.projects["shop", 0].since == NOON + timedelta(seconds=30)


ROLLED = Rules(max_age=110.0, roll_up=True, required=frozenset({"shop"}))


def a_stage(name: str, status: str, **attributes: object) -> Project:
    """Return one row of GoCD's pipeline ``shop``."""
    return a_project(f"shop :: {name}", last_build_status=status, **attributes)


def test_news_of_a_pipeline_is_told_once() -> None:
    """A stage and its jobs that break together are one break, by the name of the pipeline."""
    first = an_answer(0.0, a_stage("unit", "Success"), a_stage("unit :: a", "Success"))
    second = an_answer(30.0, a_stage("unit", "Failure"), a_stage("unit :: a", "Failure"))

    _, news = after([first, second], ROLLED)

    assert pairs(news) == ((Event.BROKEN, "shop"),)


def test_a_pipeline_is_fixed_when_all_of_it_is() -> None:
    """A pipeline with one red job left is not fixed."""
    first = an_answer(0.0, a_stage("a", "Failure"), a_stage("b", "Failure"))
    second = an_answer(30.0, a_stage("a", "Success"), a_stage("b", "Failure"))
    third = an_answer(60.0, a_stage("a", "Success"), a_stage("b", "Success"))

    _, half = after([first, second], ROLLED)
    _, whole = after([first, second, third], ROLLED)

    assert half.events == ()
    assert pairs(whole) == ((Event.FIXED, "shop"),)


def test_a_stage_that_nobody_builds_any_more_is_no_news() -> None:
    """What does not count keeps no pipeline red, and none from breaking or being fixed."""
    rules = replace(ROLLED, ignore_older_than=86_400.0)
    dead = a_stage("old", "Failure", last_build_time=NOON - timedelta(days=700))
    words = ("Success", "Failure", "Success")
    answers = [
        an_answer(30.0 * number, dead, a_stage("new", word, last_build_time=NOON))
        for number, word in enumerate(words)
    ]

    told = [pairs(after(answers[:count], rules)[1]) for count in (1, 2, 3)]

    assert told == [(), ((Event.BROKEN, "shop"),), ((Event.FIXED, "shop"),)]


def test_a_pipeline_is_required_by_its_own_name() -> None:
    """With `roll_up`, `include = ["shop"]` means the pipeline, and its parts are enough."""
    good, _ = after([an_answer(0.0, a_stage("a", "Success"))], ROLLED)
    bad, _ = after([an_answer(0.0, a_project("till :: a"))], ROLLED)

    assert good.error is None
    assert bad.error is not None


def test_a_pipeline_in_doubt_has_its_own_name() -> None:
    """A red stage that nothing confirms is told by its pipeline."""
    unclear = an_answer(86_400.0, a_stage("a", "Unknown"))

    feed_state, _ = after([an_answer(0.0, a_stage("a", "Failure")), unclear], ROLLED)

    assert feed_state.doubtful(ROLLED, now=86_400.0) == {"shop"}


def test_odd_words_are_told() -> None:
    """The first answer already tells which words the configuration should explain."""
    _, news = after([an_answer(0.0, a_project(last_build_status="Weird"))])

    assert news.unknown_words == {"weird"}


def test_a_feed_is_read_with_its_own_words() -> None:
    """Words that the configuration explains make verdicts, and no complaints."""
    rules = Rules(max_age=110.0, words={**STATUS_WORDS, "weird": BuildStatus.FAILURE})

    feed_state, news = after([an_answer(0.0, a_project(last_build_status="Weird"))], rules)

    assert verdicts(feed_state) == {("shop", 0): Verdict.BROKEN}
    assert news.unknown_words == frozenset()


OUTCOMES = st.one_of(
    st.just(DOWN),
    st.lists(
        st.builds(
            a_project,
            st.sampled_from(["a", "b"]),
            activity=st.sampled_from(["Sleeping", "Building"]),
            last_build_status=st.sampled_from(["Success", "Failure", "Unknown"]),
        ),
        max_size=3,
    ).map(tuple),
)


@given(st.lists(st.tuples(st.floats(0.1, 200), OUTCOMES), max_size=10))
def test_a_feed_is_fresh_only_by_a_recent_good_answer(
    polls: list[tuple[float, tuple[Project, ...] | FeedError]],
) -> None:
    """Whatever a server does, no news older than `max_age` is called fresh."""
    feed_state, now, answered = FeedState(), 0.0, None
    for pause, outcome in polls:
        now += pause
        feed_state, news = absorb(feed_state, Reading(now, NOON, outcome), rules=RULES)
        answered = now if feed_state.failures == 0 else answered

        assert feed_state.answered == answered
        assert isinstance(outcome, tuple) or news == News()
        for late in (0.0, 109.9, 110.0):
            fresh = feed_state.freshness(RULES, now=now + late) is Freshness.FRESH
            assert not fresh or (answered is not None and now + late < answered + 110.0)


def test_a_green_from_before_a_restart_that_is_gone_vouches_for_nothing() -> None:
    """Yesterday's green of a project that the server no longer has is not shown once more."""
    restored = FeedState(projects={("shop", 0): a_memory(), ("till", 0): a_memory("till")})

    feed_state, news = absorb(restored, an_answer(1.0, a_project("till")), rules=RULES)

    assert ("shop", 0) not in feed_state.projects
    assert news.dropped == ("shop",)


# The same answer again: the very tuple, as a feed returns it that was not changed.

ANSWERS = st.lists(
    st.builds(
        a_project,
        st.sampled_from(["shop", "till"]),
        activity=st.sampled_from(["Sleeping", "Building"]),
        last_build_status=st.sampled_from(["Success", "Failure", "Unknown"]),
        last_build_label=st.sampled_from(["", "1", "2"]),
        web_url=st.sampled_from(["", "/a", "/b"]),
    ),
    max_size=3,
).map(tuple)

LEFT_OUT: dict[str, Any] = {"answer": None, "settled": False, "error": None, "revision": 0}
"""What knows of the shortcut, and errors, which are equal to themselves alone."""


@given(
    answers=st.lists(ANSWERS, min_size=1, max_size=2),
    polls=st.lists(
        st.tuples(st.sampled_from([0, 0, 0, 1, None]), st.sampled_from([30.0, 120.0, 90_000.0])),
        max_size=8,
    ),
)
def test_the_same_answer_again_means_what_a_copy_of_it_would(
    answers: list[tuple[Project, ...]], polls: list[tuple[int | None, float]]
) -> None:
    """A server's 304 is a shortcut: it never leads elsewhere than the long way."""
    short, long, at = FeedState(), FeedState(), 0.0

    for number, gap in polls:
        at += gap
        if number is None:
            answer, copy = a_fault(at), a_fault(at)
        else:
            projects = answers[number % len(answers)]
            answer = Reading(at, NOON + timedelta(seconds=at), projects)
            copy = an_answer(at, *projects)
        before = short
        short, news = absorb(short, answer, rules=RULES)
        long, told = absorb(long, copy, rules=RULES)

        assert str(short.error) == str(long.error)
        assert replace(short, **LEFT_OUT) == replace(long, **LEFT_OUT)
        assert (news.events, news.dropped) == (told.events, told.dropped)
        if nothing_new(before, short, RULES):
            assert news == News()
            assert (
                before.freshness(RULES, now=at) is short.freshness(RULES, now=at) is Freshness.FRESH
            )
            assert before.doubtful(RULES, now=at) == short.doubtful(RULES, now=at)


def test_nothing_is_new_from_the_third_time_on() -> None:
    """The first tells it, the second shows that it leads nowhere else, the third is free."""
    answer = (GREEN, a_project("till", last_build_status="Failure"))
    feed_states = [FeedState()]

    for at in (0.0, 30.0, 60.0):
        reading = Reading(at, NOON + timedelta(seconds=at), answer)
        feed_states.append(absorb(feed_states[-1], reading, rules=RULES)[0])

    steps = pairwise(feed_states)
    assert [nothing_new(old, new, RULES) for old, new in steps] == [False, True, True]
    assert feed_states[3].revision == feed_states[1].revision


def test_the_same_again_is_good_news_after_a_fault() -> None:
    """All of it has been seen and confirmed now, and the fault is over."""
    answer = (GREEN, a_project("till", last_build_status="Failure"))
    readings = [replace(an_answer(at), outcome=answer) for at in (0.0, 30.0, 90.0)]

    feed_state, _ = after([*readings[:2], a_fault(60.0), readings[2]])

    assert feed_state.settled
    assert feed_state.answered == 90.0
    assert (feed_state.failures, feed_state.error) == (0, None)


def test_what_has_been_the_same_for_long_is_still_read_when_it_changes() -> None:
    """After a quiet night the first red of the morning is seen, and so is the green after it."""
    quiet, red = (GREEN,), (RED,)
    answers = [quiet] * 5 + [red] * 5 + [quiet]
    feed_state, told = FeedState(), []

    for number, answer in enumerate(answers):
        reading = an_answer(30.0 * number)
        reading = replace(reading, outcome=answer)
        feed_state, news = absorb(feed_state, reading, rules=RULES)
        told.append([each.event for each in news.events])

    assert [number for number, events in enumerate(told) if events] == [5, 10]
    assert (told[5], told[10]) == ([Event.BROKEN], [Event.FIXED])


def test_a_feed_that_sorts_out_old_builds_always_has_news() -> None:
    """Time alone makes a build old, so that a report has to look every time."""
    rules = replace(RULES, ignore_older_than=3_600.0)
    feed_state, reading = FeedState(), Reading(0.0, NOON, (GREEN,))

    for _ in range(5):
        before = feed_state
        feed_state, _ = absorb(feed_state, reading, rules=rules)

    assert not nothing_new(before, feed_state, rules)


def test_a_stage_counts_by_itself_unless_told_otherwise() -> None:
    """Only who asks for it has pipelines rolled up."""
    assert Rules(max_age=110.0).name_of("shop / web") == "shop / web"
    assert Rules(max_age=110.0, roll_up=True).name_of("shop / web") == "shop"
