"""What is published, and that a follower reads of it what was meant."""

import json
from typing import Any

import pytest

from buildlight.errors import FeedMalformed
from buildlight.feeds.mqtt.documents import MOST, Document, read_beat, read_document
from buildlight.projects.project import BuildStatus
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import Event
from buildlight.publish.mqtt.documents import (
    LARGEST,
    documents,
    events,
    slug,
    time_of,
    too_large,
)
from buildlight.report.as_json import to_json
from buildlight.report.report import Report
from buildlight.report.update import BuildEvent
from support.reports import DOWN, a_feed, a_report, broken, known, many

BOOT = "buildlight-" + "0" * 16


@pytest.mark.parametrize(
    ("name", "begins"),
    [("web", "web"), ("shop-api", "shop-api"), ("a/set", "a-set-"), ("+/#", ""), ("Büro", "buro-")],
)
def test_a_name_becomes_a_slug(name: str, begins: str) -> None:
    """Nothing in a name has a meaning in a topic."""
    assert slug(name).startswith(begins)
    assert set(slug(name)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_two_names_never_share_a_slug() -> None:
    """One would overwrite the news of the other."""
    names = ["Büro", "buro", "BURO", "büro", "bu/ro", "bu ro", "", "-", "東京", "大阪"]
    assert len({slug(name) for name in names}) == len(names)


def sent(report: Report) -> Document:
    """Return what a follower reads of the first feed of *report*."""
    told = documents(report)["feed/web"]
    return read_document(json.dumps({**told, "boot": BOOT, "rev": 1}).encode(), own="")


def test_a_follower_reads_the_verdicts_and_the_builds() -> None:
    """What is written is read as it was meant."""
    red, green = sent(a_report(a_feed(broken("shop"), known("till", building=True)))).projects
    assert (red.name, red.last_build_status) == ("shop", BuildStatus.FAILURE.value)
    assert [each.text for each in red.messages] == ["alice, bob"]
    assert red.last_build_label == "42"
    assert (green.name, green.activity) == ("till", "Building")


def test_what_the_poller_cannot_vouch_for_is_a_fault() -> None:
    """Its error is the error of every follower."""
    assert sent(a_report(a_feed(known()))).fault is None
    assert sent(a_report(a_feed(known(), error=DOWN))).fault == str(DOWN)


def test_a_project_that_its_feed_leaves_out_is_not_published() -> None:
    """It would make a lamp elsewhere red."""
    feed = a_feed(known("shop"), broken("legacy"), selection=Selection(exclude=("legacy",)))
    assert [each.name for each in sent(a_report(feed)).projects] == ["shop"]


def test_a_feed_that_is_too_large_is_published_as_one_that_nobody_believes() -> None:
    """The document before it must not stay in its place."""
    whole = documents(a_report(a_feed(*many(1500).state.projects.values())))["feed/web"]
    assert whole["projects"] == []
    assert whole["state"] == "stale"
    assert "include" in whole["error"]
    assert len(json.dumps(too_large(whole))) < LARGEST


GOOD: dict[str, Any] = {
    "version": 1,
    "boot": BOOT,
    "rev": 1,
    "state": "fresh",
    "projects": [{"name": "shop", "verdict": "passing", "building": False}],
}


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"boot": "x"},
        {"rev": True},
        {"rev": -1},
        {"state": "green"},
        {"projects": {}},
        {"projects": [{"name": 7, "verdict": "passing", "building": False}]},
        {"projects": [{"name": "shop", "verdict": "green", "building": False}]},
        {"projects": [{"name": "shop", "verdict": "passing", "building": "no"}]},
        {"projects": [GOOD["projects"][0]] * (MOST + 1)},
    ],
)
def test_what_is_no_document_of_ours_is_one_sentence(change: dict[str, Any]) -> None:
    """Nothing that came in is trusted."""
    with pytest.raises(FeedMalformed, match="check topic"):
        read_document(json.dumps({**GOOD, **change}).encode(), own="")


@pytest.mark.parametrize("payload", [b"", b"{", b"[" * 100_000, b"null", b"\xff", b"7"])
def test_bytes_that_are_no_json_are_one_sentence_and_no_beat(payload: bytes) -> None:
    """Anybody may publish anything."""
    with pytest.raises(FeedMalformed, match="check topic"):
        read_document(payload, own="")
    assert read_beat(payload) is None


def test_rows_of_this_daemon_itself_are_left_out() -> None:
    """Two daemons that follow each other would otherwise grow by each other's rows."""
    other = "buildlight-" + "1" * 16
    row = {**GOOD["projects"][0], "marks": [other]}
    payload = json.dumps({**GOOD, "projects": [row]}).encode()
    assert read_document(payload, own=BOOT).projects == ()
    assert read_document(payload, own=other).projects == ()
    (row_of_others,) = read_document(payload, own="").projects
    assert row_of_others.marks == (other, BOOT)


def test_an_event_says_whose_build_it_is_and_for_which_lamps() -> None:
    """At the time of the report that it came with."""
    report = a_report(a_feed(broken("shop")))
    event = BuildEvent(
        Event.BROKEN, "web", "shop", None, broken("shop"), frozenset({"shelf", "desk"})
    )

    assert [*events([event], at=time_of(report))] == [
        {
            "event_type": "broken",
            "feed": "web",
            "project": "shop",
            "label": "42",
            "lamps": ["desk", "shelf"],
            "at": to_json(report)["at"],
        }
    ]
