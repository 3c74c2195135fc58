"""What rows of workflow runs mean: each word, and each way in which a listing misled a monitor."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from buildlight.errors import FeedMalformed
from buildlight.feeds.forge import runs as module
from buildlight.feeds.forge.rows import KEPT
from buildlight.feeds.forge.runs import WorkflowRun, decisive, merge, project_of, undecided
from buildlight.feeds.github.runs import EVENTS, counts, parse_runs
from support.examples import NOON


def a_row(number: int = 7, **changes: Any) -> dict[str, Any]:
    """Return a row of a push to main that has passed; *changes* are the keys that matter."""
    row = {
        "id": 1000 + number,
        "workflow_id": 5,
        "path": ".github/workflows/ci.yml",
        "name": "CI",
        "run_number": number,
        "run_attempt": 1,
        "event": "push",
        "status": "completed",
        "conclusion": "success",
        "head_branch": "main",
        "repository": {"id": 1},
        "head_repository": {"id": 1},
        "run_started_at": f"2026-11-20T11:{number:02}:00Z",
        "created_at": f"2026-11-20T11:{number:02}:00Z",
        "updated_at": f"2026-11-20T11:{number:02}:30Z",
        "html_url": f"https://github.example/acme/shop/actions/runs/{1000 + number}",
        "head_sha": "c0ffee",
        "actor": {"login": "ada"},
    }
    return {**row, **changes}


def read(*rows: dict[str, Any]) -> tuple[WorkflowRun, ...]:
    """Return the runs of a listing with *rows*."""
    return parse_runs({"total_count": len(rows), "workflow_runs": [*rows]})


def shown(*listings: tuple[WorkflowRun, ...]) -> tuple[str, str, str]:
    """Return activity, word and label after *listings*, one a poll."""
    known: module.Runs = {}
    for listing in listings:
        known = merge(known, listing)
    project = project_of("shop: ci", known, now=NOON)
    return project.activity, project.last_build_status, project.last_build_label


RUNNING = {"status": "in_progress", "conclusion": None}
BROKEN = {"conclusion": "failure"}


@pytest.mark.parametrize(
    ("conclusion", "word"),
    [
        ("success", "success"),
        ("failure", "failure"),
        ("timed_out", "timed_out"),
        ("startup_failure", "startup_failure"),
        ("skipped", "failure"),
        ("neutral", "failure"),
        ("stale", "failure"),
        ("action_required", "failure"),
        ("half_done", "failure"),
        (None, "failure"),
    ],
)
def test_each_conclusion_of_the_newest_run(conclusion: str | None, word: str) -> None:
    """Four words decide, all others keep the red of the run before."""
    listing = read(a_row(8, conclusion=conclusion), a_row(7, **BROKEN))

    assert shown(listing)[:2] == ("Sleeping", word)


def test_a_run_that_keeps_hides_no_word_that_is_not_known() -> None:
    """The newest was skipped and says nothing; the one before it may have failed."""
    listing = read(a_row(9, conclusion="skipped"), a_row(8, conclusion="half_done"), a_row(7))

    assert shown(listing)[:2] == ("Sleeping", "half_done")


@pytest.mark.parametrize(("conclusion", "word"), [("half_done", "half_done"), (None, "null")])
def test_a_word_that_nobody_knows_confirms_no_pass(conclusion: str | None, word: str) -> None:
    """It is passed on, so that the pass before it grows old, and the word is logged."""
    listing = read(a_row(8, conclusion=conclusion), a_row(7))

    assert shown(listing)[:2] == ("Sleeping", word)


@pytest.mark.parametrize(
    ("status", "activity"),
    [
        ("in_progress", "Building"),
        ("queued", "Pending"),
        ("requested", "Pending"),
        ("pending", "Pending"),
        ("waiting", "Pending"),
        ("thinking", "Sleeping"),
        (None, "Sleeping"),
    ],
)
def test_each_status_of_an_unfinished_run(status: str | None, activity: str) -> None:
    """The verdict is that of the last run that has one."""
    listing = read(a_row(8, status=status, conclusion=None), a_row(7, **BROKEN))

    assert shown(listing) == (activity, "failure", "7")


def test_a_run_that_nothing_touches_for_a_day_is_not_in_motion() -> None:
    """Some stay queued for ever, without a job."""
    then = (NOON - timedelta(hours=25)).isoformat()
    ghost = a_row(8, **RUNNING, updated_at=then, run_started_at=then)

    assert shown(read(ghost, a_row(7)))[0] == "Sleeping"


def test_a_rerun_of_a_red_run_keeps_the_red() -> None:
    """The listing holds no trace of the red, and the run before was green."""
    before = read(a_row(8, **BROKEN), a_row(7))
    again = read(a_row(8, **RUNNING, run_attempt=2), a_row(7))

    assert shown(before, again) == ("Building", "failure", "8")


def test_a_rerun_at_first_sight_decides_nothing_before_it_was_asked_about() -> None:
    """The attempt before it has to be read; until then the verdict is kept."""
    known = merge({}, read(a_row(8, **RUNNING, run_attempt=2), a_row(7)))

    assert [run.number for run in undecided(known)] == [8]
    assert project_of("shop: ci", known, now=NOON).last_build_status == "Unknown"


def test_a_rerun_that_passes_is_green_with_a_label_of_its_own() -> None:
    """So that it is told from the attempt before."""
    assert shown(read(a_row(8, **BROKEN)), read(a_row(8, run_attempt=2))) == (
        "Sleeping",
        "success",
        "8.2",
    )


def test_a_cancelled_run_is_looked_into() -> None:
    """A workflow that cancels itself when a job fails ends as cancelled."""
    known = merge({}, read(a_row(8, conclusion="cancelled"), a_row(7)))
    (asked,) = undecided(known)

    broken = merge(known, [])
    broken = {**broken, 8: replace(asked, jobs_broken=True)}
    superseded = {**broken, 8: replace(asked, jobs_broken=False)}

    assert project_of("x", known, now=NOON).last_build_status == "Unknown"
    assert project_of("x", broken, now=NOON).last_build_status == "failure"
    assert project_of("x", superseded, now=NOON).last_build_status == "success"
    # What was found out outlives the next listing.
    again = merge(broken, read(a_row(8, conclusion="cancelled")))
    assert project_of("x", again, now=NOON).last_build_status == "failure"


def test_a_listing_that_lags_behind_changes_nothing() -> None:
    """The index behind it has been days late."""
    now = read(a_row(9, **BROKEN), a_row(8))
    late = read(a_row(8), a_row(7))

    assert shown(now, late) == ("Sleeping", "failure", "9")


def test_a_listing_that_shows_an_ended_run_as_running_changes_nothing() -> None:
    """An attempt that has ended does not begin again under the same number."""
    assert shown(read(a_row(9, **BROKEN)), read(a_row(9, **RUNNING))) == (
        "Sleeping",
        "failure",
        "9",
    )


def test_the_order_of_rows_means_nothing() -> None:
    """The number does: an older commit's run that ends later is not the newest."""
    assert shown(read(a_row(7), a_row(9, **BROKEN), a_row(8))) == ("Sleeping", "failure", "9")


def test_the_run_that_decides_outlives_many_that_do_not() -> None:
    """A busy main cancels hundreds."""
    red = read(a_row(1, **BROKEN))
    known = merge({}, red)
    for number in range(2, 200):
        (row,) = read(a_row(number, conclusion="skipped", run_started_at="", created_at=""))
        known = merge(known, [row])

    decided = decisive(known)
    assert decided is not None
    assert decided.number == 1
    assert len(known) == KEPT + 1


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({}, True),
        ({"event": "schedule"}, True),
        ({"event": "workflow_dispatch"}, True),
        ({"event": "pull_request", "head_repository": {"id": 2}}, False),
        ({"head_repository": {"id": 2}}, False),
        ({"head_repository": None}, False),
        ({"event": "pull_request_target"}, False),
        ({"event": "workflow_run"}, False),
        ({"head_branch": "topic"}, False),
        ({"head_branch": None}, False),
        ({"head_branch": "gh-readonly-queue/main/pr-1"}, False),
        ({"path": "dynamic/dependabot/updates"}, False),
    ],
)
def test_which_runs_count(changes: dict[str, Any], counted: bool) -> None:  # noqa: FBT001
    """Those of the repository's own branch, started by its people or its clock."""
    (run,) = read(a_row(**changes))

    assert counts(run, branch="main", events=EVENTS) is counted


@pytest.mark.parametrize(
    "row",
    [
        a_row(run_attempt=None, run_started_at=None),
        a_row(path=None),
        a_row(name=None),
        a_row(path=".github/workflows/ci.yml@refs/heads/main"),
        a_row(actor=None, head_sha=7, html_url=[]),
    ],
)
def test_old_and_odd_rows_are_read(row: dict[str, Any]) -> None:
    """Answers of before 2022 lack keys; any field may be null."""
    (run,) = read(row)

    assert (run.number, run.attempt, run.finished) == (7, 1, True)


@pytest.mark.parametrize("document", [None, [], {}, {"workflow_runs": {}}, "html", 7])
def test_what_is_no_listing_is_malformed(document: object) -> None:
    """A proxy's page is not an empty list."""
    with pytest.raises(FeedMalformed):
        parse_runs(document)


def test_rows_without_an_identity_are_left_out() -> None:
    """One bad row hides no other; a listing of nothing else is malformed."""
    rows = [a_row(7), {"id": "x"}, a_row(id=True), "a row"]
    assert [run.number for run in parse_runs({"workflow_runs": rows})] == [7]
    with pytest.raises(FeedMalformed):
        read({"id": 1})
    assert read() == ()


def test_a_rerun_of_a_run_that_never_passed_keeps_the_verdict() -> None:
    """Its first attempt was cancelled: the pass of the run before says nothing about it."""
    (rerun,) = read(a_row(8, run_attempt=2, **RUNNING))
    listing = (replace(rerun, previous="cancelled"), *read(a_row(7)))

    assert shown(listing) == ("Building", "Unknown", "7")


@pytest.mark.parametrize("status", ["thinking", None])
def test_a_status_that_nobody_knows_confirms_no_pass(status: str | None) -> None:
    """The age limit runs, and the word is logged."""
    newest = a_row(8, status=status, conclusion=None)

    assert shown(read(newest, a_row(7)))[:2] == ("Sleeping", status or "null")
    assert shown(read(newest, a_row(7, **BROKEN)))[:2] == ("Sleeping", "failure")
