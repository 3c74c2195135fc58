"""Rule 4: when a word becomes the verdict, and what is news."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.projects.project import (
    STATUS_WORDS,
    Activity,
    BuildStatus,
    Project,
    activity_of,
)
from buildlight.projects.verdict import DEFINITE, Event, ProjectState, Verdict, event, update
from support.examples import NOON, a_memory, a_project

TEN = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)
ELEVEN = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)

PASSING_WORDS = ("Success", "Passed", "NORMAL")
BROKEN_WORDS = ("Failure", "Failed", "Error", "Exception", "Unstable", "Broken")
OTHER_WORDS = ("Unknown", "Pending", "", "Cancelled", "Canceled", "Aborted", "Successggg")

PASSING = a_memory(build=("41", TEN), since=TEN, definite=True)
BROKEN = a_memory(
    verdict=Verdict.BROKEN,
    build=("41", TEN),
    announced_build=("41", TEN),
    since=TEN,
    definite=True,
)
NEVER_BUILT = a_memory(verdict=Verdict.NONE)


def a_reading(
    words: str, label: str = "42", time: datetime | None = ELEVEN, name: str = "shop"
) -> Project:
    """Return the project that *words* (activity and status, as in ``Building Success``) tell."""
    activity, _, status = words.partition(" ")
    return a_project(
        name,
        activity=activity,
        last_build_status=status,
        last_build_label=label,
        last_build_time=time,
    )


def a_story(projects: Iterable[Project]) -> tuple[list[Verdict], list[Event]]:
    """Return the verdicts and events of *projects* read one after the other."""
    verdicts, events = [], []
    known: ProjectState | None = None
    for minute, project in enumerate(projects):
        after = update(known, project, now=NOON + timedelta(minutes=minute))
        what = event(known, after)
        verdicts.append(after.verdict)
        events += [what] if what else []
        known = after
    return verdicts, events


def test_definite_statuses_are_these_and_no_others() -> None:
    """Success passes; a failure and an exception break; nothing else says anything."""
    assert dict(DEFINITE) == {
        BuildStatus.SUCCESS: Verdict.PASSING,
        BuildStatus.FAILURE: Verdict.BROKEN,
        BuildStatus.EXCEPTION: Verdict.BROKEN,
    }


def test_verdicts_and_events_are_spelt_as_they_are_told() -> None:
    """The status file and MQTT say `broken`, `still-broken` and so on."""
    assert [verdict.value for verdict in Verdict] == ["broken", "passing", "none"]
    assert [each.value for each in Event] == ["broken", "still-broken", "fixed", "started"]


@pytest.mark.parametrize(
    "activity", ["Sleeping", "CheckingModifications", "Pending", "Unknown", ""]
)
@pytest.mark.parametrize("before", [None, PASSING, BROKEN, NEVER_BUILT])
@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        *((word, Verdict.PASSING) for word in PASSING_WORDS),
        *((word, Verdict.BROKEN) for word in BROKEN_WORDS),
    ],
)
def test_a_definite_word_is_the_verdict_of_what_is_not_building(
    activity: str, before: ProjectState | None, word: str, verdict: Verdict
) -> None:
    """A project at rest is what its server says of it."""
    after = update(before, a_reading(f"{activity} {word}"), now=NOON)

    assert after.verdict is verdict
    assert after.definite
    assert not after.building


@pytest.mark.parametrize(
    ("label", "time"), [("41", TEN), ("", None), ("41", None), ("", TEN), ("42", TEN), ("41", NOON)]
)
@pytest.mark.parametrize(("before", "word"), [(PASSING, "Failure"), (BROKEN, "Success")])
def test_a_definite_word_counts_whatever_label_and_time_say(
    label: str, time: datetime | None, before: ProjectState, word: str
) -> None:
    """A server with stuck or missing labels and times is still believed."""
    after = update(before, a_reading(f"Sleeping {word}", label, time), now=NOON)

    assert after.verdict is not before.verdict


@pytest.mark.parametrize("activity", ["Sleeping", "Building"])
@pytest.mark.parametrize("word", OTHER_WORDS)
@pytest.mark.parametrize("before", [PASSING, BROKEN, NEVER_BUILT])
def test_any_other_word_keeps_the_verdict(activity: str, word: str, before: ProjectState) -> None:
    """A build that is running, queued or cancelled leaves the lamp's colour alone."""
    after = update(before, a_reading(f"{activity} {word}"), now=NOON)

    assert after.verdict is before.verdict
    assert after.since == before.since
    assert after.build == before.build
    assert not after.definite


@pytest.mark.parametrize("activity", ["Sleeping", "Building"])
@pytest.mark.parametrize("word", OTHER_WORDS)
def test_any_other_word_is_no_verdict_at_first_sight(activity: str, word: str) -> None:
    """A project that never completed a build is neither green nor red."""
    after = update(None, a_reading(f"{activity} {word}"), now=NOON)

    assert after.verdict is Verdict.NONE
    assert not after.definite


@pytest.mark.parametrize("before", [None, PASSING, BROKEN, NEVER_BUILT])
@pytest.mark.parametrize("word", BROKEN_WORDS)
@pytest.mark.parametrize(("label", "time"), [("41", TEN), ("", None), ("42", ELEVEN)])
def test_a_broken_word_of_a_building_project_is_taken(
    before: ProjectState | None, word: str, label: str, time: datetime | None
) -> None:
    """Jenkins repeats the last verdict while it builds: red news is never missed."""
    after = update(before, a_reading(f"Building {word}", label, time), now=NOON)

    assert after.verdict is Verdict.BROKEN
    assert after.building
    assert after.definite


@pytest.mark.parametrize("word", PASSING_WORDS)
def test_a_passing_word_of_a_building_project_is_taken_at_first_sight(word: str) -> None:
    """After start, a project that is just being built shows its last verdict."""
    after = update(None, a_reading(f"Building {word}"), now=NOON)

    assert after.verdict is Verdict.PASSING
    assert after.building
    assert after.definite


@pytest.mark.parametrize("before", [BROKEN, NEVER_BUILT])
@pytest.mark.parametrize(
    ("old", "new"),
    [
        (("41", TEN), ("41", TEN)),
        (("41", TEN), ("42", TEN)),
        (("41", TEN), ("41", ELEVEN)),
        (("41", TEN), ("42", None)),
        (("41", TEN), ("", ELEVEN)),
        (("41", None), ("42", ELEVEN)),
        (("", TEN), ("42", ELEVEN)),
        (("", None), ("", None)),
    ],
)
def test_a_running_build_that_calls_itself_success_has_not_earned_it(
    before: ProjectState, old: tuple[str, datetime | None], new: tuple[str, datetime | None]
) -> None:
    """CodePipeline's proxy says Success of every running build; red stays red."""
    known = a_memory(verdict=before.verdict, build=old)

    after = update(known, a_reading("Building Success", *new), now=NOON)

    assert after.verdict is before.verdict
    assert after.build == old
    assert not after.definite


@pytest.mark.parametrize("before", [BROKEN, a_memory(verdict=Verdict.NONE, build=("41", TEN))])
def test_a_building_project_with_new_label_and_time_has_passed_meanwhile(
    before: ProjectState,
) -> None:
    """A build that passed between two polls turns the lamp green, though the next one runs."""
    after = update(before, a_reading("Building Success"), now=NOON)

    assert after.verdict is Verdict.PASSING
    assert after.build == ("42", ELEVEN)


def test_what_is_earned_is_compared_with_the_build_of_the_verdict() -> None:
    """Words in between that mean nothing do not use up the change of label and time."""
    readings = [
        a_reading("Sleeping Failure", "41", TEN),
        a_reading("Building Unknown", "42", ELEVEN),
        a_reading("Building Success", "42", ELEVEN),
    ]

    verdicts, _ = a_story(readings)

    assert verdicts == [Verdict.BROKEN, Verdict.BROKEN, Verdict.PASSING]


def test_a_red_build_seen_while_building_has_to_be_followed_by_another() -> None:
    """A failure that came with its own label and time is not undone by the same two."""
    readings = [
        a_reading("Sleeping Success", "40", None),
        a_reading("Building Failure", "41", TEN),
        a_reading("Building Success", "41", TEN),
    ]

    verdicts, _ = a_story(readings)

    assert verdicts == [Verdict.PASSING, Verdict.BROKEN, Verdict.BROKEN]


def test_a_feed_may_bring_its_own_words() -> None:
    """Whoever declares cancelled builds broken sees red for them."""
    words = {**STATUS_WORDS, "cancelled": BuildStatus.FAILURE}

    after = update(PASSING, a_reading("Sleeping Cancelled"), now=NOON, words=words)

    assert after.verdict is Verdict.BROKEN


def test_the_last_reading_is_remembered() -> None:
    """The page links to where the project is now, not to where it was."""
    project = a_reading("Building Unknown", name="shop")

    assert update(PASSING, project, now=NOON).project is project


@pytest.mark.parametrize(
    "told",
    [
        TEN,
        NOON,
        datetime(2026, 11, 20, 12, 30, tzinfo=timezone(timedelta(hours=2))),
    ],
)
def test_a_verdict_stands_since_the_time_of_its_build(told: datetime) -> None:
    """`explain` says since when it is red as the server tells it."""
    assert update(None, a_reading("Sleeping Failure", "42", told), now=NOON).since == told


IMPLAUSIBLE = [
    None,
    datetime(2026, 11, 20, 11, 0),  # noqa: DTZ001 - a server that names no zone
    NOON + timedelta(seconds=1),
]


@pytest.mark.parametrize("told", IMPLAUSIBLE)
def test_a_time_that_cannot_be_true_is_replaced_by_the_moment_of_the_turn(
    told: datetime | None,
) -> None:
    """A time without a zone, or in the future, is not shown."""
    after = update(PASSING, a_reading("Sleeping Failure", "42", told), now=NOON)

    assert after.since == NOON


@pytest.mark.parametrize("told", IMPLAUSIBLE)
@pytest.mark.parametrize("words", ["Sleeping Failure", "Sleeping Success", "Building Unknown"])
def test_nobody_knows_since_when_the_first_verdict_stands(
    told: datetime | None, words: str
) -> None:
    """What was red when the daemon started may have been red for weeks: no time is made up."""
    assert update(None, a_reading(words, "42", told), now=NOON).since is None


def test_a_verdict_of_unknown_age_stays_so() -> None:
    """A second red build does not tell when the first one was."""
    before = a_memory(verdict=Verdict.BROKEN, since=None)

    assert update(before, a_reading("Sleeping Failure"), now=NOON).since is None


def test_a_verdict_that_stays_keeps_its_age() -> None:
    """Ten failed builds in a row are red since the first of them."""
    after = update(BROKEN, a_reading("Sleeping Failure", "42", ELEVEN), now=NOON)

    assert after.since == TEN
    assert after.build == ("42", ELEVEN)


def test_a_verdict_that_turns_is_as_old_as_its_build() -> None:
    """A project is fixed since the build that fixed it."""
    after = update(BROKEN, a_reading("Sleeping Success", "42", ELEVEN), now=NOON)

    assert after.since == ELEVEN


@pytest.mark.parametrize(
    ("before", "words", "expected"),
    [
        (None, "Sleeping Failure", Event.BROKEN),
        (None, "Building Failure", Event.BROKEN),
        (None, "Sleeping Success", None),
        (None, "Building Success", None),
        (None, "Building Unknown", None),
        (None, "Sleeping Unknown", None),
        (NEVER_BUILT, "Sleeping Failure", Event.BROKEN),
        (NEVER_BUILT, "Sleeping Success", None),
        (NEVER_BUILT, "Building Unknown", Event.STARTED),
        (PASSING, "Sleeping Failure", Event.BROKEN),
        (PASSING, "Building Failure", Event.BROKEN),
        (PASSING, "Sleeping Success", None),
        (PASSING, "Building Success", Event.STARTED),
        (PASSING, "Building Unknown", Event.STARTED),
        (PASSING, "Sleeping Cancelled", None),
        (BROKEN, "Sleeping Success", Event.FIXED),
        (BROKEN, "Building Success", Event.FIXED),
        (BROKEN, "Sleeping Failure", Event.STILL_BROKEN),
        (BROKEN, "Building Failure", Event.STARTED),
        (BROKEN, "Building Unknown", Event.STARTED),
        (BROKEN, "Sleeping Unknown", None),
        (BROKEN, "Sleeping Cancelled", None),
    ],
)
def test_what_is_news(before: ProjectState | None, words: str, expected: Event | None) -> None:
    """The log and MQTT tell of a break, another red build, a fix and a start, once each."""
    after = update(before, a_reading(words), now=NOON)

    assert event(before, after) is expected


@pytest.mark.parametrize("build", [("41", TEN), ("", None)])
@pytest.mark.parametrize("words", ["Sleeping Failure", "Building Failure"])
def test_the_same_red_build_is_told_once(build: tuple[str, datetime | None], words: str) -> None:
    """A red project that is polled again and again is no news."""
    first = update(None, a_reading(words, *build), now=NOON)

    again = update(first, a_reading(words, *build), now=NOON)

    assert event(first, again) is None


@pytest.mark.parametrize("build", [("42", TEN), ("41", ELEVEN), ("42", None), ("", ELEVEN)])
def test_either_of_label_and_time_tells_a_red_build_at_rest_from_the_last(
    build: tuple[str, datetime | None],
) -> None:
    """A server with a stuck label or a missing time still has its second failure announced."""
    steady = replace(BROKEN, steady=True)

    after = update(steady, a_reading("Sleeping Failure", *build), now=NOON)

    assert event(steady, after) is Event.STILL_BROKEN


def test_a_time_that_moves_at_every_poll_is_no_event() -> None:
    """It is the time of the answer: a buzzer would sound every 30 seconds."""
    readings = [
        a_reading("Sleeping Failure", "", TEN + timedelta(seconds=30 * poll)) for poll in range(9)
    ]

    _, events = a_story(readings)

    assert events == [Event.BROKEN]


def test_a_running_build_with_the_result_of_the_one_before_is_one_event() -> None:
    """Proxies give it a label and a time of its own; it is announced when it has ended."""
    readings = [
        a_reading("Sleeping Failure", "41", TEN),
        a_reading("Building Failure", "42", ELEVEN),
        a_reading("Building Failure", "42", ELEVEN),
        a_reading("Sleeping Failure", "42", NOON),
        a_reading("Sleeping Failure", "42", NOON),
    ]

    _, events = a_story(readings)

    assert events == [Event.BROKEN, Event.STARTED, Event.STILL_BROKEN]


def test_a_build_that_breaks_before_it_ends_is_announced_once() -> None:
    """GoCD calls a stage Failing while its other jobs still run."""
    readings = [
        a_reading("Sleeping Success", "41", TEN),
        a_reading("Building Failure", "42", ELEVEN),
        a_reading("Sleeping Failure", "42", NOON),
    ]

    _, events = a_story(readings)

    assert events == [Event.BROKEN]


@pytest.mark.parametrize("activity", ["Unknown", "Waiting"])
def test_an_unknown_activity_earns_no_green_for_the_red_build(activity: str) -> None:
    """A proxy whose server is down says Success of the build that is known to be red."""
    same = update(BROKEN, a_reading(f"{activity} Success", "41", TEN), now=NOON)
    next_one = update(BROKEN, a_reading(f"{activity} Success", "42", ELEVEN), now=NOON)

    assert (same.verdict, next_one.verdict) == (Verdict.BROKEN, Verdict.PASSING)


@pytest.mark.parametrize("build", [("42", TEN), ("41", ELEVEN), ("42", None), ("", ELEVEN)])
def test_one_of_label_and_time_tells_nothing_while_building(
    build: tuple[str, datetime | None],
) -> None:
    """A label that is raised early is the start of a build, not a second failure."""
    after = update(BROKEN, a_reading("Building Failure", *build), now=NOON)

    assert event(BROKEN, after) is Event.STARTED


@pytest.mark.parametrize("build", [("41", TEN), ("", None)])
def test_a_build_that_ends_red_is_news_though_label_and_time_are_stuck(
    build: tuple[str, datetime | None],
) -> None:
    """Without label and time the end of a build is told by its activity."""
    readings = [
        a_reading("Sleeping Failure", *build),
        a_reading("Building Failure", *build),
        a_reading("Sleeping Failure", *build),
    ]

    _, events = a_story(readings)

    assert events == [Event.BROKEN, Event.STARTED, Event.STILL_BROKEN]


@pytest.mark.parametrize("word", OTHER_WORDS)
@pytest.mark.parametrize("status", ["Success", "Failure"])
def test_a_build_that_ends_without_a_definite_word_is_no_event(word: str, status: str) -> None:
    """Whoever cancels a build changes neither colour nor log."""
    readings = [
        a_reading(f"Sleeping {status}", "41", TEN),
        a_reading("Building Unknown", "42", None),
        a_reading(f"Sleeping {word}", "42", ELEVEN),
    ]

    verdicts, events = a_story(readings)

    assert len(set(verdicts)) == 1
    assert events[-1] is Event.STARTED


def test_a_start_is_told_once() -> None:
    """A build that runs over many polls started but once."""
    running = a_reading("Building Unknown", "42", None)

    _, events = a_story([a_reading("Sleeping Success", "41", TEN), running, running, running])

    assert events == [Event.STARTED]


@pytest.mark.parametrize("time", [None, TEN])
@pytest.mark.parametrize("label", ["", "41"])
def test_a_verdict_outlives_builds_that_forget_it(label: str, time: datetime | None) -> None:
    """Travis forgets the verdict while it builds; the lamp breaks once and is fixed once."""
    words = (
        "Sleeping Success",
        "Building Unknown",
        "Sleeping Failure",
        "Building Unknown",
        "Sleeping Success",
    )

    verdicts, events = a_story(a_reading(each, label, time) for each in words)

    assert verdicts == [
        Verdict.PASSING,
        Verdict.PASSING,
        Verdict.BROKEN,
        Verdict.BROKEN,
        Verdict.PASSING,
    ]
    assert events == [Event.STARTED, Event.BROKEN, Event.STARTED, Event.FIXED]


def test_a_second_red_build_is_still_broken() -> None:
    """Red, built again, red again: told as still broken, not as broken."""
    readings = [
        a_reading("Sleeping Failure", "41", TEN),
        a_reading("Building Unknown", "42", None),
        a_reading("Sleeping Failure", "42", ELEVEN),
    ]

    verdicts, events = a_story(readings)

    assert set(verdicts) == {Verdict.BROKEN}
    assert events == [Event.BROKEN, Event.STARTED, Event.STILL_BROKEN]


def test_a_red_build_after_a_cancelled_one_is_told() -> None:
    """A cancelled build in between does not swallow the news of the next."""
    readings = [
        a_reading("Sleeping Failure", "41", TEN),
        a_reading("Sleeping Cancelled", "42", ELEVEN),
        a_reading("Sleeping Failure", "43", NOON),
    ]

    _, events = a_story(readings)

    assert events == [Event.BROKEN, Event.STILL_BROKEN]


READINGS = st.lists(
    st.builds(
        a_reading,
        st.builds(
            "{} {}".format,
            st.sampled_from(["Sleeping", "Building", "running", "Pending", "", "Waiting"]),
            st.sampled_from(PASSING_WORDS + BROKEN_WORDS + OTHER_WORDS),
        ),
        st.sampled_from(["", "41", "42", "43"]),
        st.sampled_from([None, TEN, ELEVEN, NOON]),
    ),
    min_size=1,
    max_size=12,
)


@given(READINGS)
def test_rule_4_holds_for_any_sequence_of_readings(projects: list[Project]) -> None:
    """Whatever a server says in whatever order, no verdict is made of nothing."""
    known: ProjectState | None = None
    source: Project | None = None
    for project in projects:
        after = update(known, project, now=NOON)
        building = project.activity in ("Building", "running")
        old = known.verdict if known else Verdict.NONE
        passes, breaks = (
            project.last_build_status in PASSING_WORDS,
            project.last_build_status in BROKEN_WORDS,
        )

        assert after.building is building
        if breaks or (
            passes and activity_of(project) is Activity.UNKNOWN and _is_red_build(known, project)
        ):
            assert after.verdict is Verdict.BROKEN
        elif passes and (not building or source is None or _both_changed(source, project)):
            assert after.verdict is Verdict.PASSING
        else:
            assert after.verdict is old
        if source is None or breaks or (passes and (not building or after.definite)):
            source = project
        known = after


def _is_red_build(known: ProjectState | None, project: Project) -> bool:
    build = project.last_build_label, project.last_build_time
    if activity_of(project) is not Activity.UNKNOWN:
        return False
    red = known is not None and known.verdict is Verdict.BROKEN
    return red and any(build) and known is not None and known.build == build


def _both_changed(old: Project, new: Project) -> bool:
    labels = {old.last_build_label, new.last_build_label}
    times = {old.last_build_time, new.last_build_time}
    return len(labels) == len(times) == 2 and "" not in labels and None not in times


@given(READINGS)
def test_breaks_and_fixes_take_turns(projects: list[Project]) -> None:
    """Nobody reads `fixed` twice, nor `fixed` of what was never broken."""
    verdicts, events = a_story(projects)

    turns = [each for each in events if each in (Event.BROKEN, Event.FIXED)]

    assert turns[::2] == [Event.BROKEN] * len(turns[::2])
    assert turns[1::2] == [Event.FIXED] * len(turns[1::2])
    assert (verdicts[-1] is Verdict.BROKEN) is (len(turns) % 2 == 1)


@given(READINGS)
def test_news_of_red_comes_only_with_red(projects: list[Project]) -> None:
    """`still-broken` is told of red projects only, and never by an unclear word."""
    known: ProjectState | None = None
    for project in projects:
        after = update(known, project, now=NOON)
        what = event(known, after)

        if what in (Event.BROKEN, Event.STILL_BROKEN):
            assert after.verdict is Verdict.BROKEN
            assert project.last_build_status in BROKEN_WORDS
        known = after


def test_what_was_kept_is_not_confirmed() -> None:
    """A verdict from before a restart stands, and still waits for a reading that says the same."""
    kept = ProjectState(a_project(), Verdict.PASSING, building=False, since=NOON)

    assert not kept.definite
    assert kept.build == ("", None)
