"""A lamp's signal is made of doubts; the sentences about them decide nothing."""

from dataclasses import fields as dataclass_fields
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.projects.feed_state import Rules
from buildlight.projects.selection import Selection
from buildlight.projects.signal import Doubt
from buildlight.projects.verdict import Verdict
from buildlight.report import report as report_module
from buildlight.report.doubts import (
    FeedRows,
    Missing,
    NeverAnswered,
    NothingCounts,
    NothingMatches,
    Silent,
    Unconfirmed,
    UnknownWord,
    Unwritten,
    Vanished,
    doubts_of,
)
from buildlight.report.reasons import remedy, why
from buildlight.report.report import Report, make_report
from buildlight.report.rows import Watched, counted, rows_of
from support.examples import NOON
from support.reports import DOWN, a_feed, a_lamp, known

ALL = Selection()


def doubts(*feeds: Watched, selection: Selection = ALL, now: float = 4.2) -> tuple[Doubt, ...]:
    """Return what forbids green for a lamp with this *selection*."""
    watched = []
    for feed in feeds:
        rows = rows_of(feed, clock=NOON)
        watched.append(FeedRows(feed, rows, counted(rows, selection)))
    return doubts_of(watched, selection, now=now)


def old_red() -> Watched:
    """Return a feed that answers, but has not confirmed its red for two days."""
    red = replace(known("shop", Verdict.BROKEN), unconfirmed_since=0.0)
    feed = a_feed(red, answered=200_000.0)
    return replace(feed, rules=Rules(max_age=110.0, expiry=172_800.0))


def unwritten() -> Watched:
    """Return a feed whose stored verdict is doubted since a restart."""
    return a_feed(replace(known("shop", Verdict.NONE), doubted=True))


def vanished() -> Watched:
    """Return a feed whose last answer did not hold what was broken."""
    return a_feed(replace(known("shop", Verdict.BROKEN), missing_since=0.0))


def unknown_word() -> Watched:
    """Return a feed that has sent an unknown word for as long as news may be old."""
    green = known("shop")
    odd = replace(green.project, last_build_status="Exploded")
    return a_feed(replace(green, project=odd, unconfirmed_since=-110.0))


@pytest.mark.parametrize(
    ("feed", "selection", "now", "expected"),
    [
        (a_feed(known()), ALL, 4.2, ()),
        (a_feed(answered=None), ALL, 4.2, (NeverAnswered("web"),)),
        (a_feed(known(), error=DOWN), ALL, 60.0, (Silent("web", 60.0, str(DOWN)),)),
        (a_feed(known()), ALL, 110.0, (Silent("web", 110.0),)),
        (a_feed(), ALL, 4.2, (NothingCounts("web"), NothingMatches(("web",)))),
        (old_red(), ALL, 200_001.0, (Unconfirmed("web", ("shop",), 172_800.0),)),
        (vanished(), ALL, 4.2, (Vanished("web", ("shop",)),)),
        (unknown_word(), ALL, 4.2, (UnknownWord("web", ("shop",)),)),
        (unwritten(), ALL, 4.2, (Unwritten("web", ("shop",)),)),
        (a_feed(known()), Selection(("till",)), 4.2, (Missing(("till",), ("web",)),)),
        (a_feed(known()), Selection(("till*",)), 4.2, (NothingMatches(("web",)),)),
    ],
)
def test_each_reason_to_forbid_green_is_a_value(
    feed: Watched, selection: Selection, now: float, expected: tuple[Doubt, ...]
) -> None:
    """A publisher can tell a silent feed from a missing project without reading English."""
    assert doubts(feed, selection=selection, now=now) == expected


def test_a_lamp_without_feeds_is_in_doubt() -> None:
    """A lamp that watches nothing is not green."""
    assert doubts() == (NothingMatches(()),)


FEEDS = st.builds(
    lambda projects, name, error, answered: a_feed(
        *projects, name=name, error=error, answered=answered
    ),
    st.lists(
        st.builds(
            lambda name, verdict, building: known(name, verdict, building=building),
            st.sampled_from(["a", "b", "c"]),
            st.sampled_from(Verdict),
            st.booleans(),
        ),
        max_size=3,
    ),
    st.sampled_from(["web", "api"]),
    st.sampled_from([None, DOWN]),
    st.sampled_from([None, 0.0, 100.0]),
)
SELECTIONS = st.builds(Selection, st.sampled_from([(), ("a",), ("z*",), ("b", "c")]))


@given(
    feeds=st.lists(FEEDS, max_size=2, unique_by=lambda feed: feed.name),
    selection=SELECTIONS,
    now=st.sampled_from([0.0, 100.0, 205.0]),
)
def test_no_sentence_can_change_a_signal(
    feeds: list[Watched], selection: Selection, now: float
) -> None:
    """With every sentence empty, each lamp shows the same."""

    def made() -> Report:
        lamp = a_lamp("lamp", "web", "api", selection=selection)
        return make_report(feeds, [lamp], now=now, clock=NOON)

    said = made()
    with pytest.MonkeyPatch.context() as patch:
        for renderer in ("why", "not_counted", "unmatched", "closed_until"):
            patch.setattr(report_module, renderer, lambda *_args, **_more: "")
        for renderer in ("verdict_reasons", "endings"):
            patch.setattr(report_module, renderer, lambda *_args, **_more: ())
        silent = made()

    assert [(lamp.signal, lamp.pattern) for lamp in silent.lamps] == [
        (lamp.signal, lamp.pattern) for lamp in said.lamps
    ]
    assert [each.counted for each in silent.projects] == [each.counted for each in said.projects]
    assert not any(lamp.because.strip("; ") for lamp in silent.lamps)


def test_a_pattern_that_matches_nothing_is_a_warning() -> None:
    """A typo in `include` is told where it stands, of a feed and of a lamp."""
    feed = a_feed(known("shop"), selection=Selection(("shop", "tills*")))
    lamp = a_lamp("lamp", "web", "api", selection=Selection(("shop", "re:^pos", "api*")))
    other = a_feed(known("api-1"), name="api")

    report = make_report([feed, other], [lamp], now=4.2, clock=NOON)

    assert [each.warnings for each in report.feeds] == [
        ("no project matches 'tills*' in include",),
        (),
    ]
    assert report.lamps[0].warnings == ("no project matches 're:^pos' in include",)


def test_a_feed_that_has_not_answered_may_have_what_matches() -> None:
    """After a restart nobody is warned of patterns before every feed has answered."""
    lamp = a_lamp("lamp", "web", "api", selection=Selection(("pos*",)))
    silent = a_feed(name="api", answered=None, selection=Selection(("x*",)))

    report = make_report([a_feed(known()), silent], [lamp], now=4.2, clock=NOON)

    assert [each.warnings for each in report.feeds] == [(), ()]
    assert report.lamps[0].warnings == ()


KINDS = (
    *(NeverAnswered, Silent, Unconfirmed, Unwritten, UnknownWord, Vanished),
    *(NothingCounts, Missing, NothingMatches),
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_doubt_has_a_sentence(kind: type[Doubt]) -> None:
    """A kind of doubt without words would end the daemon at its first report."""
    assert {each.__name__ for each in KINDS} == {each.__name__ for each in Doubt.__subclasses__()}
    values = {"feed": "web", "age": 60.0, "names": ("shop",), "feeds": ("web",), "error": None}
    fields = {each.name: values[each.name] for each in dataclass_fields(kind)}

    assert why(kind(**fields))
    with pytest.raises(NotImplementedError):
        why(Doubt())


def test_what_vanished_comes_back_or_is_forgotten() -> None:
    """`explain` says which key ends a doubt that nothing else ends."""
    told = remedy(Vanished("web", ("shop",)))

    assert told == "web has shop again, or it is forgotten (forget_missing)"
