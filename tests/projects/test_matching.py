"""Which project is which, where a server repeats names: no mistake may turn a red one green."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.projects.matching import Key, paired
from buildlight.projects.project import STATUS_WORDS, BuildStatus, Project
from buildlight.projects.verdict import ProjectState, Verdict, update
from support.examples import NOON, a_memory, a_project

RED, GREEN = Verdict.BROKEN, Verdict.PASSING


def known(*verdicts: Verdict, urls: tuple[str, ...] = ()) -> dict[Key, ProjectState]:
    """Return namesakes with these verdicts, and these addresses if any."""
    return {
        ("shop", number): a_memory(
            verdict=verdict, project=a_project(web_url=urls[number] if urls else "")
        )
        for number, verdict in enumerate(verdicts)
    }


def told(
    memory: Mapping[Key, ProjectState], *projects: Project
) -> list[tuple[int, Verdict | None]]:
    """Return under which number each project goes on, and with which verdict behind it."""
    pairs = paired(memory, projects, words=STATUS_WORDS)
    return [(key[1], before.verdict if before else None) for key, before, _ in pairs]


def test_a_name_is_enough_where_it_is_not_repeated() -> None:
    """Travis gives every build an address of its own; it is the same project all the same."""
    memory = known(RED, urls=("https://ci.example/1",))

    assert told(memory, a_project(web_url="https://ci.example/2")) == [(0, RED)]


def test_a_project_at_first_sight_has_nothing_behind_it() -> None:
    """Neither alone nor as one of two."""
    assert told({}, a_project()) == [(0, None)]
    assert told({}, a_project(), a_project()) == [(0, None), (1, None)]


def test_an_address_tells_namesakes_apart_in_any_order() -> None:
    """GoCD lists them as it likes."""
    memory = known(RED, GREEN, urls=("/1", "/2"))

    assert told(memory, a_project(web_url="/2"), a_project(web_url="/1")) == [(1, GREEN), (0, RED)]


def test_an_address_tells_more_than_two_apart() -> None:
    """Three of one name, and each has its own verdict behind it."""
    memory = known(RED, GREEN, Verdict.NONE, urls=("/1", "/2", "/3"))
    turned = [a_project(web_url=url) for url in ("/3", "/2", "/1")]

    assert told(memory, *turned) == [(2, Verdict.NONE), (1, GREEN), (0, RED)]


def test_a_namesake_without_a_word_may_have_been_the_worst() -> None:
    """One passes and one is being built, in an order that says nothing: a red stays red."""
    building = a_project(activity="Building", last_build_status="Unknown")
    passing = a_project(last_build_status="Success")

    assert told(known(RED, GREEN), passing, building) == [(0, RED), (1, RED)]


def test_a_namesake_without_a_word_is_not_taken_for_one_that_passes() -> None:
    """One passed and one was never built: while both are being built, neither passes."""
    building = a_project(activity="Building", last_build_status="Unknown")

    after = told(known(GREEN, Verdict.NONE), building, building)

    assert [verdict for _, verdict in after] == [Verdict.NONE, Verdict.NONE]


def test_a_running_build_that_names_the_verdict_before_it_has_no_word() -> None:
    """A server may tell the green of the last build while the next one runs, of either of two."""
    building = a_project(activity="Building", last_build_status="Success")

    assert told(known(RED, GREEN), building, building) == [(0, RED), (1, RED)]


def test_reds_that_are_told_as_red_are_accounted_for() -> None:
    """Both that were broken still are: the one that is being built was the green one."""
    building = a_project(activity="Building", last_build_status="Unknown")
    broken = a_project(last_build_status="Failure")

    after = told(known(RED, RED, GREEN), broken, broken, building)

    assert after == [(0, RED), (1, RED), (2, GREEN)]


def test_more_reds_than_there_were_excuse_nobody_else() -> None:
    """Two are red now and one was: what was never built is still worse than what passed."""
    building = a_project(activity="Building", last_build_status="Unknown")
    broken = a_project(last_build_status="Failure")

    *_, last = told(known(RED, GREEN, Verdict.NONE), broken, broken, building)

    assert last == (2, Verdict.NONE)


def test_a_word_of_the_configuration_is_a_word() -> None:
    """Who says `ok` passes, if a feed's own table says so, and is not taken for the worst."""
    fine = a_project(last_build_status="ok")
    words = {**STATUS_WORDS, "ok": BuildStatus.SUCCESS}

    pairs = paired(known(RED, GREEN), [fine, fine], words=words)

    assert [before and before.verdict for _, before, _ in pairs] == [RED, GREEN]


def test_a_namesake_with_a_word_keeps_its_own_memory() -> None:
    """A stable list gives no news at every poll."""
    pair = (a_project(last_build_status="Failure"), a_project(last_build_status="Success"))

    assert told(known(RED, GREEN), *pair) == [(0, RED), (1, GREEN)]


def test_of_namesakes_that_have_gone_the_worst_is_missed() -> None:
    """One of two is left and nothing tells which: the red one is kept for its grace."""
    left = told(known(RED, GREEN), a_project(last_build_status="Success"))

    assert left == [(1, GREEN)]


@pytest.mark.parametrize(
    ("verdicts", "kept"),
    [
        ((GREEN, RED), [1]),
        ((GREEN, RED, GREEN), [1]),
        ((Verdict.NONE, GREEN, RED), [2]),
        ((GREEN, Verdict.NONE, GREEN, RED), [1, 3]),
    ],
)
def test_what_is_missed_is_the_worst_wherever_it_was_listed(
    verdicts: tuple[Verdict, ...], kept: list[int]
) -> None:
    """A list that gets shorter says nothing about its order."""
    memory = known(*verdicts)
    fine = a_project(last_build_status="Success")

    paired_now = {number for number, _ in told(memory, *[fine] * (len(memory) - len(kept)))}

    assert [number for number in range(len(memory)) if number not in paired_now] == kept


def test_a_namesake_that_comes_is_not_taken_for_another() -> None:
    """It has a number of its own."""
    memory = known(RED, urls=("/1",))
    pair = (a_project(web_url="/2"), a_project(web_url="/1"))

    assert sorted(told(memory, *pair), key=lambda each: each[0]) == [(0, RED), (1, None)]


projects = st.builds(
    a_project,
    name=st.sampled_from(["shop", "till"]),
    web_url=st.sampled_from(["", "/1", "/2"]),
    last_build_status=st.sampled_from(["Success", "Failure", "Unknown"]),
    activity=st.sampled_from(["Sleeping", "Building"]),
)
memories = st.dictionaries(
    st.tuples(st.sampled_from(["shop", "till"]), st.integers(0, 4)),
    st.builds(a_memory, project=projects, verdict=st.sampled_from([RED, GREEN, Verdict.NONE])),
    max_size=5,
)


@given(memories, st.lists(projects, max_size=5))
def test_every_project_is_paired_once_and_no_key_twice(
    memory: dict[Key, ProjectState], group: list[Project]
) -> None:
    """Whatever a server repeats, nothing is lost and nothing is counted twice."""
    pairs = list(paired(memory, group, words=STATUS_WORDS))

    keys = [key for key, _, _ in pairs]
    assert len({*keys}) == len(keys) == len(group)
    assert sorted(map(id, group)) == sorted(id(project) for _, _, project in pairs)
    assert all(key[0] == project.name for key, _, project in pairs)


@given(memories, st.lists(projects, max_size=5))
def test_no_red_ends_without_a_passing_word(
    memory: dict[Key, ProjectState], group: list[Project]
) -> None:
    """A name that was red stays red until one of that name passes for sure."""
    pairs = list(paired(memory, group, words=STATUS_WORDS))
    after = {key: update(before, told, now=NOON) for key, before, told in pairs}

    for name in ("shop", "till"):
        reds = [known.verdict for key, known in memory.items() if key[0] == name].count(RED)
        left = {**memory, **after}
        still = [known.verdict for key, known in left.items() if key[0] == name].count(RED)
        passed = [
            each
            for each in group
            if each.name == name
            and each.last_build_status == "Success"
            and each.activity == "Sleeping"
        ]
        assert still or not reds or passed


def test_a_running_namesake_earns_no_green_by_another_ones_build() -> None:
    """Nothing tells two reds apart: that one build differs from the other is not a new build."""
    reds = {
        ("shop", n): a_memory(verdict=RED, build=(f"{n}", NOON.replace(hour=n))) for n in (1, 2)
    }
    running = a_project(
        activity="Building",
        last_build_status="Success",
        last_build_label="2",
        last_build_time=NOON.replace(hour=2),
    )
    fixed = a_project(last_build_status="Success")

    states = [
        update(before, project, now=NOON).verdict
        for _, before, project in paired(reds, [running, fixed], words=STATUS_WORDS)
    ]

    assert states == [RED, GREEN]
