"""Which projects count: dead ones do not, pipelines are one, every omission has its reason."""

from datetime import datetime, timedelta

import pytest

from buildlight.projects.feed_state import FeedState, Rules
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import ProjectState, Verdict
from buildlight.report.rows import Excluded, Row, TooOld, Watched, counted, rows_of
from support.examples import NOON, a_memory, a_project

DAY = 86_400.0


def built(name: str, *, ago: timedelta, **attributes: object) -> ProjectState:
    """Return a project that was last built so long *ago*."""
    project = a_project(name, last_build_time=NOON - ago)
    return a_memory(name, project=project, **attributes)


def rows(
    *memories: ProjectState, selection: Selection | None = None, **rules: object
) -> tuple[Row, ...]:
    """Return the rows of a feed that knows *memories*."""
    feed = Watched(
        name="web",
        url="https://ci.example/cc.xml",
        state=FeedState(projects={(each.project.name, 0): each for each in memories}),
        rules=Rules(max_age=110, **rules),  # type: ignore[arg-type]
        selection=selection or Selection(),
    )
    return rows_of(feed, clock=NOON)


def test_a_dead_project_does_not_count_and_is_listed() -> None:
    """A red of last spring does not keep the lamp red, and nobody has to wonder where it went."""
    dead = built("old", ago=timedelta(days=40), verdict=Verdict.BROKEN)
    alive = built("shop", ago=timedelta(days=2))

    told = rows(dead, alive, ignore_older_than=30 * DAY)

    assert [(row.name, row.left_out) for row in told] == [
        ("old", TooOld(40)),
        ("shop", None),
    ]
    assert [row.name for row in counted(told, Selection())] == ["shop"]


def test_a_dead_project_is_told_with_its_feed_and_its_age_in_whole_days() -> None:
    """Half a day more than a month and a day is nearly two days more."""
    (row,) = rows(built("old", ago=timedelta(days=31.5)), ignore_older_than=DAY)

    assert str(row) == "old (web)"
    assert row.left_out == TooOld(32)


@pytest.mark.parametrize("limit", [DAY, 0.5])
def test_a_dead_project_counts_while_it_is_being_built(limit: float) -> None:
    """Somebody has woken it up."""
    (row,) = rows(built("old", ago=timedelta(days=40), building=True), ignore_older_than=limit)

    assert row.left_out is None


@pytest.mark.parametrize("time", [None, NOON.replace(tzinfo=None) - timedelta(hours=37)])
def test_a_project_of_unknown_or_zoneless_age_counts_if_it_may_be_young(
    time: datetime | None,
) -> None:
    """A server that sends no time, or one without a zone, is not taken for dead."""
    memory = a_memory(project=a_project(last_build_time=time))

    (row,) = rows(memory, ignore_older_than=DAY)

    assert row.left_out is None


def test_a_zoneless_time_that_is_old_in_every_zone_is_old() -> None:
    """No zone is more than 14 hours from UTC."""
    time = NOON.replace(tzinfo=None) - timedelta(hours=38, seconds=1)

    (row,) = rows(a_memory(project=a_project(last_build_time=time)), ignore_older_than=DAY)

    assert row.left_out == TooOld(1)


def test_exactly_as_old_as_allowed_still_counts() -> None:
    """The limit itself belongs to the living."""
    (row,) = rows(built("shop", ago=timedelta(days=1)), ignore_older_than=DAY)

    assert row.left_out is None


def test_without_a_limit_nothing_is_dead() -> None:
    """Who did not ask for it gets no amnesty."""
    (row,) = rows(built("old", ago=timedelta(days=4000)))

    assert row.left_out is None


def test_a_pipeline_counts_as_one_and_its_worst_part_wins() -> None:
    """A green stage cannot hide its red job."""
    stage = a_memory("shop :: build")
    job = a_memory("shop :: build :: unit", verdict=Verdict.BROKEN)

    (row,) = rows(stage, job, roll_up=True)

    assert row.name == "shop"
    assert row.known.verdict is Verdict.BROKEN


def test_a_dead_stage_does_not_spoil_its_pipeline() -> None:
    """A stage that was dropped from the pipeline last year is not its worst part."""
    dead = built("shop :: publish", ago=timedelta(days=400), verdict=Verdict.BROKEN)
    alive = built("shop :: build", ago=timedelta(days=1))

    told = rows(dead, alive, roll_up=True, ignore_older_than=30 * DAY)

    assert {row.name: row.left_out is None for row in told} == {
        "shop :: publish": False,
        "shop": True,
    }


def test_a_feeds_choice_is_about_pipelines_where_they_are_rolled_up() -> None:
    """Whoever rolls up writes the names that the report shows."""
    told = rows(
        a_memory("shop :: build"),
        a_memory("till :: build"),
        roll_up=True,
        selection=Selection(include=("shop",)),
    )

    assert {row.name: row.left_out for row in told} == {
        "shop": None,
        "till": Excluded(),
    }


def test_what_a_feed_leaves_out_no_lamp_can_have() -> None:
    """The feed's choice comes first, a lamp's own second."""
    told = rows(a_memory("shop"), a_memory("till"), selection=Selection(exclude=("till",)))

    assert [row.name for row in counted(told, Selection(include=("*",)))] == ["shop"]
    assert counted(told, Selection(include=("till",))) == ()


SECRET = "SHOP-s3cret"


def test_rules_see_the_true_name_and_outputs_do_not() -> None:
    """A server that repeats a token in a name neither hides a red one nor tells the token."""
    link = f"https://lamp:pass@ci.example/job?t={SECRET}"
    project = a_project(f"{SECRET} web", web_url=link, last_build_label=SECRET)
    red = a_memory(project=project, verdict=Verdict.BROKEN)
    feed = Watched(
        name="web",
        url="https://ci.example/cc.xml",
        state=FeedState(projects={(project.name, 0): red}),
        rules=Rules(max_age=110),
        selection=Selection(include=("SHOP-*",)),
        secrets=frozenset({SECRET}),
    )

    (row,) = counted(rows_of(feed, clock=NOON), Selection(include=(f"{SECRET} web",)))

    assert row.name == f"{SECRET} web"
    assert str(row) == "*** web (web)"
    assert row.told.last_build_label == "***"
    assert row.told.web_url == "https://ci.example/job?t=***"
