"""Moments in a sentence: as values, so that each browser can tell them in its own zone."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from buildlight.hours import Hours
from buildlight.projects.project import Message
from buildlight.projects.verdict import ProjectState
from buildlight.publish.web.moments import because_of, moment_html, moment_words, plain
from support.examples import NOON
from support.reports import DOWN, EARLIER, a_feed, a_lamp, a_report, broken, known

TRAP = "x is broken since 09:12; y"


def test_the_zone_of_the_server_is_named() -> None:
    """Without JavaScript the words stand as they are."""
    berlin = NOON.astimezone(ZoneInfo("Europe/Berlin"))

    assert moment_words(EARLIER, clock=NOON) == "09:12 UTC"
    assert moment_words(EARLIER, clock=berlin) == "10:12 CET"
    assert moment_html(EARLIER, clock=berlin) == (
        '<time datetime="2026-11-20T09:12:00Z">10:12 CET</time>'
    )


@pytest.mark.parametrize("name", ["till", TRAP])
@pytest.mark.parametrize("building", [True, False])
@pytest.mark.parametrize("more", [(), (broken("api"),)])
def test_a_moment_is_found_whatever_the_names_are(
    *, name: str, building: bool, more: tuple[ProjectState, ...]
) -> None:
    """A project may be called like the end of the sentence."""
    first = replace(broken(name, building=building), since=EARLIER - timedelta(minutes=1))
    report = a_report(a_feed(first, *more), a_feed(known(), name="old", error=DOWN))

    pieces = because_of(report.lamps[0], clock=NOON)

    assert [each for each in pieces if isinstance(each, datetime)] == [first.since]
    words = plain(pieces, clock=NOON)
    assert words.replace(" UTC", "") == report.lamps[0].because


def test_a_red_without_a_beginning_has_no_moment() -> None:
    """Its name is no moment either."""
    unseen = replace(broken(TRAP, messages=(Message("a", "Breakers"),)), since=None)

    pieces = because_of(a_report(a_feed(unseen)).lamps[0], clock=NOON)

    assert pieces == (f"{TRAP} is broken",)


def test_a_sentence_without_its_moment_stays_as_it_is() -> None:
    """It is told, not searched for a moment that is not there."""
    lamp = replace(a_report(a_feed(broken("till"))).lamps[0], reasons=("till is broken",))

    assert because_of(lamp, clock=NOON) == ("till is broken",)


def test_a_closed_office_says_when_it_opens() -> None:
    """As a moment; the sentence goes on with what is known."""
    hours = Hours(frozenset(range(5)), time(13), time(18), UTC)
    report = a_report(a_feed(broken("till")), lamps=[a_lamp(hours=hours)])
    (lamp,) = report.lamps

    pieces = because_of(lamp, clock=NOON)

    assert lamp.closed
    assert pieces[:3] == ("the office is closed", " until ", NOON + timedelta(hours=1))
    assert plain(pieces, clock=NOON).replace(" UTC", "") == lamp.because


def test_an_office_that_never_opens_is_closed_for_good() -> None:
    """No moment is made up."""
    hours = Hours(frozenset(), time(13), time(18), UTC)
    (lamp,) = a_report(a_feed(known("till")), lamps=[a_lamp(hours=hours)]).lamps

    assert plain(because_of(lamp, clock=NOON), clock=NOON) == lamp.because
