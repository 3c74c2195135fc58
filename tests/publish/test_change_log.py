"""What the log is told: one line for each change of a lamp, and a summary once a day."""

import logging
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from buildlight.projects.selection import Selection
from buildlight.publish.change_log import DAY, ChangeLog
from buildlight.report.poll_stats import PollStats
from buildlight.report.report import Report, make_report
from buildlight.report.rows import Watched
from buildlight.report.shown import Light
from report.test_report import DOWN, a_feed, a_lamp, a_report, broken, passing
from support.examples import NOON, a_project
from support.reports import an_update


@pytest.fixture(autouse=True)
def _all_of_it(caplog: pytest.LogCaptureFixture) -> None:
    """Hear everything but debugging."""
    caplog.set_level(logging.INFO, "buildlight")


def a_moment(*feeds: Watched, light: Light = Light.OK, trouble: str | None = None) -> Report:
    """Return the report of one lamp that watches *feeds*."""
    names = [feed.name for feed in feeds]
    return a_report(*feeds, lamps=[replace(a_lamp(*names), light=light, trouble=trouble)])


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was told since the last time, each with its level."""
    told = [f"{each.levelname}: {each.getMessage()}" for each in caplog.records]
    caplog.clear()
    return told


def publish(journal: ChangeLog, *moments: Report, before: Report | None = None) -> None:
    """Publish *moments*, one after the other."""
    for old, new in pairwise([before, *moments]):
        assert new is not None
        journal.publish(an_update(new, old))


def told(caplog: pytest.LogCaptureFixture, *moments: Report) -> list[str]:
    """Return what is logged of *moments*, one after the other."""
    publish(ChangeLog(), *moments)
    return lines(caplog)


GREEN, RED = a_moment(a_feed(passing())), a_moment(a_feed(broken()))


def test_each_change_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Green, red, green: three lines, each with what it was and why it is."""
    first, second, third = told(caplog, GREEN, RED, GREEN)

    assert first == "INFO: lamp: passing: 1 project passes"
    assert second == "INFO: lamp: broken (was passing): shop"
    assert third == "INFO: lamp: passing (was broken): 1 project passes"


def test_what_stays_is_not_told_again(caplog: pytest.LogCaptureFixture) -> None:
    """A hundred polls that bring nothing new are one line."""
    assert len(told(caplog, *[GREEN] * 100)) == 1


def test_other_reasons_for_the_same_signal_are_not_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A second project that passes is nothing that anybody has to do something about."""
    both = a_moment(a_feed(passing(), passing("till")))

    assert len(told(caplog, GREEN, both)) == 1


def test_another_broken_project_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """The lamp was red before, and somebody else is to blame now."""
    both = a_moment(a_feed(broken(), broken("till")))

    assert told(caplog, RED, both)[1:] == ["INFO: lamp: broken (was broken): shop, till"]


def test_a_name_cannot_forge_a_line(caplog: pytest.LogCaptureFixture) -> None:
    """A project's name is shown, not obeyed; and however long, it is one short line."""
    (line,) = told(caplog, a_moment(a_feed(broken("shop\n<3>lamp: on fire\x1b[2J" + "x" * 9000))))

    assert "\n" not in line
    assert "\x1b" not in line
    assert len(line) < 500


def test_a_light_that_goes_and_comes_back_is_told_once_each(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Unplugged for an hour: a warning with the reason, and a line when it is back."""
    why = "no port /dev/ttyUSB0; is the light plugged in?"
    lost = a_moment(a_feed(passing()), light=Light.LOST, trouble=why)
    journal = ChangeLog()
    publish(journal, GREEN)
    lines(caplog)

    publish(journal, lost, lost, lost, GREEN, GREEN, before=GREEN)

    assert lines(caplog) == [
        "WARNING: lamp: its light is lost: no port /dev/ttyUSB0; is the light plugged in?",
        "INFO: lamp: its light is back",
    ]


def test_a_light_that_hangs_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """It gave no reason: its driver has not come back."""
    lost = a_moment(a_feed(passing()), light=Light.LOST)

    assert told(caplog, GREEN, lost)[1:] == [
        "WARNING: lamp: its light is lost: it does not respond"
    ]


def test_a_light_that_is_not_tried_yet_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    """At the start every light is waited for, for a moment."""
    waiting = a_moment(a_feed(passing()), light=Light.WAITING)

    assert told(caplog, waiting, GREEN) == ["INFO: lamp: passing: 1 project passes"]


def test_each_day_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Polls, those that failed and of what feed, how often each lamp changed, and its signal."""
    journal, polls = ChangeLog(), PollStats()
    publish(journal, GREEN, RED, GREEN)
    for poll in range(2880):
        polls.count("web", DOWN if poll % 1000 == 0 else None, 0.1)
        polls.count("tills", None, 0.1)
    lines(caplog)

    journal.publish(an_update(GREEN, replace(GREEN), polls=polls, now=4.2 + DAY))
    journal.publish(an_update(RED, GREEN, polls=polls, now=5.2 + DAY))
    polls.count("web", None, 0.1)
    journal.publish(an_update(RED, replace(RED), polls=polls, now=4.2 + 2 * DAY))

    assert [line for line in lines(caplog) if "last day" in line] == [
        "INFO: the last day: 5760 polls, 3 failed (web 3); lamp changed 3 times, now passing",
        "INFO: the last day: 1 poll, none failed; lamp changed once, now broken",
    ]


def test_a_pattern_that_comes_to_match_nothing_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """`shp-*` for `shop-*` would keep projects out for ever without a word."""
    choice = Selection(("shop", "till*"))
    found = a_moment(a_feed(passing(), passing("till"), selection=choice))
    lost = a_moment(a_feed(passing(), selection=choice))

    assert (
        told(caplog, found, lost, lost, found, lost)[1:]
        == ["WARNING: web: no project matches 'till*' in include"] * 2
    )


def test_a_project_that_stops_counting_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Time alone turned the lamp green, and nobody saw a build."""
    built = NOON - timedelta(days=30)
    feed = a_feed(broken(project=a_project("shop", last_build_time=built)), passing("till"))
    rules = replace(feed.rules, ignore_older_than=30 * DAY)
    feed = replace(feed, rules=rules)
    lamp = [a_lamp("web")]
    young, old = (
        make_report([feed], lamp, now=4.0, clock=NOON + later)
        for later in (timedelta(), timedelta(hours=1))
    )

    said = told(caplog, young, old, old)

    assert said[1] == (
        "WARNING: web: shop (broken) does not count any more: its last build is 30 days old "
        "(ignore_older_than)"
    )
    assert len(said) == 3


def test_a_lamp_of_another_configuration_is_new(caplog: pytest.LogCaptureFixture) -> None:
    """After a reload a lamp with another name tells how it begins."""
    after = a_report(a_feed(passing()), lamps=[replace(a_lamp("web"), name="shelf")])

    assert told(caplog, GREEN, after)[1:] == ["INFO: shelf: passing: 1 project passes"]


def test_the_moment_is_no_change(caplog: pytest.LogCaptureFixture) -> None:
    """A clock that jumps makes no line."""
    later = replace(GREEN, at=NOON.replace(year=2030))

    assert len(told(caplog, GREEN, later, GREEN)) == 1


def flapping(journal: ChangeLog, seconds: range) -> None:
    """Publish a light that goes or comes back in each of *seconds*."""
    lost = a_moment(a_feed(passing()), light=Light.LOST, trouble="busy")
    before: Report | None = None
    for second in seconds:
        moment = lost if second % 2 else GREEN
        journal.publish(replace(an_update(moment, before), now=float(second)))
        before = moment


def test_a_light_that_comes_and_goes_is_two_lines_an_hour(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A busy ESP8266 is no reason to fill the disk; the next line says how often."""
    journal = ChangeLog()
    publish(journal, GREEN)
    lines(caplog)

    flapping(journal, range(1, 3 * 3600))

    said = [line for line in lines(caplog) if "its light" in line]
    assert said[:2] == ["WARNING: lamp: its light is lost: busy", "INFO: lamp: its light is back"]
    assert len(said) == 6
    assert said[2].endswith("its light is lost: busy (it changed 3599 times since the last line)")


def test_a_light_that_is_lost_after_it_came_and_went_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Ten minutes without a change are no flapping, but a light to look after."""
    journal = ChangeLog()
    flapping(journal, range(1, 6))
    lines(caplog)
    lost = a_moment(a_feed(passing()), light=Light.LOST, trouble="busy")

    for second in range(6, 1200, 30):
        journal.publish(replace(an_update(lost, GREEN), now=float(second)))

    assert lines(caplog) == [
        "WARNING: lamp: its light is lost: busy (it changed 3 times since the last line)"
    ]
