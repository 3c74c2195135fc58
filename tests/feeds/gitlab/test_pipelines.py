"""What rows of pipelines mean: each status, and each way in which a listing misled a monitor."""

from datetime import timedelta
from typing import Any

import pytest

from buildlight.errors import FeedMalformed
from buildlight.feeds.forge.rows import KEPT
from buildlight.feeds.gitlab import pipelines as module
from buildlight.feeds.gitlab.pipelines import (
    Pipeline,
    counts,
    decisive,
    merge,
    parse_pipelines,
    project_of,
)
from support.examples import NOON


def a_row(number: int = 7, **changes: Any) -> dict[str, Any]:
    """Return a row of a push to main that has passed; *changes* are the keys that matter."""
    row = {
        "id": 1000 + number,
        "iid": number,
        "project_id": 5,
        "ref": "main",
        "status": "success",
        "source": "push",
        "created_at": f"2026-11-20T11:{number:02}:00.123Z",
        "updated_at": f"2026-11-20T11:{number:02}:30.456Z",
        "web_url": f"https://gitlab.example/acme/shop/-/pipelines/{1000 + number}",
        "sha": "c0ffee",
        "name": None,
    }
    return {**row, **changes}


def read(*rows: dict[str, Any]) -> tuple[Pipeline, ...]:
    """Return the pipelines of a listing with *rows*."""
    return parse_pipelines([*rows])


def shown(*listings: tuple[Pipeline, ...], manual_passes: bool = False) -> tuple[str, str, str]:
    """Return activity, word and label after *listings*, one a poll."""
    known: module.Pipelines = {}
    for listing in listings:
        known = merge(known, listing)
    project = project_of("acme/shop", known, now=NOON, manual_passes=manual_passes)
    return project.activity, project.last_build_status, project.last_build_label


@pytest.mark.parametrize(
    ("status", "activity", "word"),
    [
        ("success", "Sleeping", "success"),
        ("failed", "Sleeping", "failed"),
        ("canceled", "Sleeping", "failed"),
        ("skipped", "Sleeping", "failed"),
        ("manual", "Sleeping", "failed"),
        ("running", "Building", "failed"),
        ("created", "Pending", "failed"),
        ("waiting_for_resource", "Pending", "failed"),
        ("waiting_for_callback", "Pending", "failed"),
        ("preparing", "Pending", "failed"),
        ("pending", "Pending", "failed"),
        ("canceling", "Pending", "failed"),
        ("scheduled", "Pending", "failed"),
        ("half_done", "Sleeping", "failed"),
        (None, "Sleeping", "failed"),
    ],
)
def test_each_status_of_the_newest_pipeline(status: str | None, activity: str, word: str) -> None:
    """Two words decide, all others keep the red of the pipeline before."""
    listing = read(a_row(8, status=status), a_row(7, status="failed"))

    assert shown(listing)[:2] == (activity, word)


@pytest.mark.parametrize(("status", "word"), [("half_done", "half_done"), (None, "null")])
def test_a_word_that_nobody_knows_confirms_no_pass(status: str | None, word: str) -> None:
    """It is passed on, so that the pass before it grows old, and the word is logged."""
    assert shown(read(a_row(8, status=status), a_row(7)))[:2] == ("Sleeping", word)


def test_a_retried_pipeline_keeps_its_red() -> None:
    """The listing holds no trace of it, and the pipeline before was green."""
    before = read(a_row(8, status="failed"), a_row(7))
    again = read(a_row(8, status="running"), a_row(7))

    assert shown(before, again) == ("Building", "failed", "8")
    assert shown(before, again, read(a_row(8))) == ("Sleeping", "success", "8")


def test_a_listing_that_lags_behind_changes_nothing() -> None:
    """A copy of the database may be seconds old; its time of the last change tells."""
    running = read(a_row(8, status="running", updated_at="2026-11-20T11:08:10Z"), a_row(7))

    assert shown(read(a_row(8, status="failed")), running) == ("Sleeping", "failed", "8")


def test_times_that_cannot_be_compared_tell_no_order() -> None:
    """One with a zone and one without: the newer answer counts."""
    naive = read(a_row(8, status="failed", updated_at="2026-11-20T11:08:10"))

    assert shown(read(a_row(8, status="running")), naive) == ("Sleeping", "failed", "8")


def test_a_manual_pipeline_passes_only_where_that_was_asked_for() -> None:
    """Another job of it may have failed: GitLab calls it manual before it calls it failed."""
    listing = read(a_row(8, status="manual"), a_row(7, status="failed"))

    assert shown(listing, manual_passes=True) == ("Sleeping", "success", "8")


def test_a_pipeline_that_nothing_touches_for_a_day_is_not_in_motion() -> None:
    """A manual job in a child keeps its parent running for ever."""
    then = (NOON - timedelta(hours=25)).isoformat()

    assert shown(read(a_row(8, status="running", updated_at=then), a_row(7)))[0] == "Sleeping"


def test_the_pipeline_that_decides_outlives_many_that_do_not() -> None:
    """A list of a hundred skipped ones hides no red."""
    known = merge({}, read(a_row(1, status="failed")))
    for number in range(2, 99):
        known = merge(known, read(a_row(number, status="skipped", created_at=None)))

    decided = decisive(known)
    assert decided is not None
    assert (decided.label, len(known)) == ("1", KEPT + 1)


@pytest.mark.parametrize(
    ("changes", "counted"),
    [
        ({}, True),
        ({"source": "schedule"}, True),
        ({"source": "something_new"}, True),
        ({"source": None}, True),
        ({"ref": "refs/merge-requests/3/head"}, False),
        ({"ref": "topic"}, False),
        ({"source": "merge_request_event"}, False),
        ({"source": "parent_pipeline"}, False),
    ],
)
def test_which_pipelines_count(changes: dict[str, Any], counted: bool) -> None:  # noqa: FBT001
    """Those of the branch itself: GitLab's filter adds merge requests from it."""
    (pipeline,) = read(a_row(**changes))

    assert counts(pipeline, branch="main") is counted


@pytest.mark.parametrize("document", [None, {}, "html", 7, [{"id": "x"}], [{}]])
def test_what_is_no_listing_is_malformed(document: object) -> None:
    """A proxy's page is not an empty list."""
    with pytest.raises(FeedMalformed):
        parse_pipelines(document)


def test_rows_without_an_id_are_left_out() -> None:
    """One bad row hides no other."""
    rows = [a_row(7, web_url=3, sha=None), {"id": True}, "a row"]

    assert [each.label for each in parse_pipelines(rows)] == ["7"]
    assert read() == ()


def test_an_unknown_word_before_one_that_keeps_confirms_no_pass() -> None:
    """Of these the newest ended with a word that is known, and says nothing."""
    listing = read(a_row(9, status="canceled"), a_row(8, status="of_tomorrow"), a_row(7))

    assert shown(listing) == ("Sleeping", "of_tomorrow", "8")


def test_fifty_skipped_commits_hide_no_pipeline_that_runs() -> None:
    """Bots skip CI by the dozen; what was begun before them may still decide."""
    before = read(a_row(7), a_row(8, status="running"))
    skipped = read(*(a_row(number, status="skipped") for number in range(9, 69)))

    assert shown(before, skipped)[0] == "Building"
