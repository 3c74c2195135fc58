"""What many projects add up to."""

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.projects.pipelines import pipeline_of, roll_up
from buildlight.projects.selection import idle, required, select
from buildlight.projects.signal import RANKS, Doubt, Signal, aggregate
from buildlight.projects.verdict import ProjectState, Verdict
from support.examples import NOON, a_memory

B, P, N = Verdict.BROKEN, Verdict.PASSING, Verdict.NONE

TWELVE = {
    (B, False, False): "broken",
    (B, False, True): "broken-stale",
    (B, True, False): "broken-building",
    (B, True, True): "broken-building-stale",
    (P, False, True): "stale",
    (P, True, True): "stale",
    (N, False, True): "stale",
    (N, True, True): "stale",
    (P, True, False): "passing-building",
    (N, True, False): "none-building",
    (P, False, False): "passing",
    (N, False, False): "none",
}


def row(verdict: Verdict, *, building: bool = False) -> ProjectState:
    """Return a project with this verdict."""
    return a_memory(verdict=verdict, building=building)


@pytest.mark.parametrize(("row", "name"), TWELVE.items())
def test_every_signal_has_its_name(row: tuple[Verdict, bool, bool], name: str) -> None:
    """Whoever writes `patterns = { broken = … }` means this signal."""
    verdict, building, stale = row

    assert RANKS[Signal(verdict, building=building, stale=stale)] == name


def test_the_ranks_are_in_the_order_of_the_design() -> None:
    """Broken, broken and building, stale, building, passing, none; and nothing is missing."""
    assert list(RANKS) == [Signal(*row) for row in TWELVE]


@pytest.mark.parametrize(("row", "name"), TWELVE.items())
def test_one_project_is_its_own_signal(row: tuple[Verdict, bool, bool], name: str) -> None:
    """A lamp that watches one project shows just that."""
    verdict, building, stale = row
    watched = [a_memory(verdict=verdict, building=building)]

    signal = aggregate(watched, doubts=[Doubt()] * stale)

    assert RANKS[signal] == name
    assert signal == Signal(verdict, building=building, stale=stale)


@pytest.mark.parametrize("stale", [False, True])
def test_nothing_watched_is_stale(stale: bool) -> None:  # noqa: FBT001 - a row of the table
    """A filter that matches nothing never makes a green lamp."""
    assert aggregate([], doubts=[Doubt()] * stale) == Signal(N, building=False, stale=True)


@pytest.mark.parametrize(
    ("watched", "expected"),
    [
        ([row(P), row(B), row(N)], Signal(B)),
        ([row(N), row(P)], Signal(P)),
        ([row(P), row(N, building=True)], Signal(P, building=True)),
        ([row(P), row(P, building=True)], Signal(P, building=True)),
        ([row(N), row(N, building=True)], Signal(N, building=True)),
        ([row(B), row(B, building=True)], Signal(B)),
        ([row(B), row(P, building=True)], Signal(B)),
        ([row(B, building=True), row(P)], Signal(B, building=True)),
        ([row(B, building=True), row(B, building=True), row(N)], Signal(B, building=True)),
    ],
)
def test_the_worst_verdict_wins_and_red_pulses_only_if_all_red_is_built(
    watched: list[ProjectState], expected: Signal
) -> None:
    """A pulsing red says that every broken project is on its way to be fixed."""
    assert aggregate(watched, doubts=()) == expected
    assert aggregate(reversed(watched), doubts=()) == expected


@given(
    st.lists(st.builds(row, st.sampled_from(Verdict), building=st.booleans()), max_size=6),
    st.booleans(),
)
def test_green_is_never_shown_without_knowing(watched: Sequence[ProjectState], stale: bool) -> None:  # noqa: FBT001 - drawn
    """Whatever is remembered: a stale or empty watch is never plain green, nor is any red."""
    signal = aggregate(iter(watched), doubts=[Doubt()] * stale)
    name = RANKS[signal]
    verdicts = {known.verdict for known in watched}
    red = [known.building for known in watched if known.verdict is B]

    assert signal.stale is (stale or not watched)
    assert (signal.verdict is B) is (B in verdicts)
    assert name.startswith("passing") is (P in verdicts and B not in verdicts and not stale)
    assert signal.building is (all(red) if red else any(known.building for known in watched))


@pytest.mark.parametrize(
    ("name", "pipeline"),
    [
        ("shop", "shop"),
        ("shop :: unit", "shop"),
        ("shop :: unit :: a", "shop"),
        ("web/shop :: unit", "web/shop"),
        ("Shop / Unit", "Shop"),
        ("web/shop / unit", "web/shop"),
        ("shop/unit", "shop"),
        ("shop/unit/a", "shop"),
        ("/unit", "/unit"),
        (" :: unit", " :: unit"),
        ("shop::unit", "shop::unit"),
        ("", ""),
    ],
)
def test_a_pipeline_is_the_first_part_of_a_name(name: str, pipeline: str) -> None:
    """GoCD, TeamCity and Concourse name their parts `shop :: unit`, `Shop / Unit`, `shop/unit`."""
    assert pipeline_of(name) == pipeline


def test_a_pipeline_is_the_worst_of_its_parts() -> None:
    """A green stage does not hide its red job, and any part that is built moves the lamp."""
    first, second = NOON - timedelta(hours=2), NOON - timedelta(hours=1)
    parts = [
        a_memory("shop :: unit", since=first - timedelta(hours=1), building=True),
        a_memory("till :: unit", verdict=N),
        a_memory("shop :: unit :: a", verdict=B, since=second),
        a_memory("shop :: unit :: b", verdict=B, since=first),
        a_memory("shop :: unit :: c", verdict=B, since=None),
    ]

    shop, till = roll_up(parts)

    assert (shop.project.name, shop.verdict, shop.building) == ("shop", B, True)
    assert shop.since == first
    assert (till.project.name, till.verdict, till.building) == ("till", N, False)


def test_a_pipeline_of_unknown_age_has_none() -> None:
    """No time is made up for a pipeline whose parts have none."""
    (shop,) = roll_up([a_memory("shop :: a", verdict=B, since=None), a_memory("shop :: b")])

    assert shop.since is None


NAMES = ("shop", "shop-api", "shop-nightly", "Shop", "till", "a[b]")


@pytest.mark.parametrize(
    ("include", "exclude", "chosen"),
    [
        ((), (), set(NAMES)),
        (("shop",), (), {"shop"}),
        (("shop*",), (), {"shop", "shop-api", "shop-nightly"}),
        (("shop-*",), ("*-nightly",), {"shop-api"}),
        (("shop", "till"), (), {"shop", "till"}),
        ((), ("shop*", "till"), {"Shop", "a[b]"}),
        (("[sS]hop",), (), {"shop", "Shop"}),
        (("sho?",), (), {"shop"}),
        (("re:api",), (), {"shop-api"}),
        (("re:^shop$", "till"), (), {"shop", "till"}),
        (("re:(?i)shop",), ("re:-",), {"shop", "Shop"}),
        (("hop",), (), set()),
        (("a[[]b]",), (), {"a[b]"}),
    ],
)
def test_names_are_chosen_by_globs_and_regular_expressions(
    include: tuple[str, ...], exclude: tuple[str, ...], chosen: set[str]
) -> None:
    """`include` and `exclude` take whole names, globs, and `re:` for the rest."""
    assert select(NAMES, include=include, exclude=exclude) == chosen


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [("re:shop", True), ("re:t", False), ("*till", True), ("x*till", True)],
)
def test_a_regular_expression_looks_at_500_letters(pattern: str, *, chosen: bool) -> None:
    """One with `.*` would take minutes over the longest names that a server can send."""
    name = "x" * 496 + "shop" + "till"

    assert select([name], include=[pattern]) == ({name} if chosen else set())


def test_plain_names_are_required() -> None:
    """A project that is named letter by letter has to exist; a pattern may match nothing."""
    include = ("shop", "shop-*", "sho?", "[s]hop", "re:shop", "XL :: test")

    assert required(include) == {"shop", "XL :: test"}


@pytest.mark.parametrize(
    ("name", "pipeline"),
    [
        ("shop :: build :: unit", "shop"),
        ("Shop / Build", "Shop"),
        ("acme/shop", "acme"),
        ("acme/shop :: build", "acme/shop"),
        ("acme/shop / build", "acme/shop"),
        ("shop", "shop"),
        ("shop::build", "shop::build"),
        ("/shop", "/shop"),
        (" :: shop", " :: shop"),
        ("", ""),
    ],
)
def test_a_pipeline_is_what_stands_before_the_first_separator(name: str, pipeline: str) -> None:
    """GoCD and old Concourse write colons, TeamCity a spaced slash, Concourse a bare one."""
    assert pipeline_of(name) == pipeline


def test_a_rolled_up_pipeline_is_its_worst_part() -> None:
    """Red wins over green and green over unknown; the first red in the feed's order is told."""
    parts = [
        a_memory("shop :: a", verdict=Verdict.NONE, since=None),
        a_memory("shop :: b"),
        a_memory("shop :: c", verdict=Verdict.BROKEN, since=NOON),
        a_memory("shop :: d", verdict=Verdict.BROKEN, since=NOON - timedelta(hours=1)),
        a_memory("till :: a", verdict=Verdict.NONE, building=True, since=None),
    ]

    rolled = roll_up(parts)

    assert [(each.project.name, each.verdict, each.since, each.building) for each in rolled] == [
        ("shop", Verdict.BROKEN, NOON - timedelta(hours=1), False),
        ("till", Verdict.NONE, None, True),
    ]


def test_a_pipeline_is_being_built_if_any_part_of_it_is() -> None:
    """GoCD's other stages wait while one runs."""
    parts = [a_memory("shop :: a", verdict=Verdict.BROKEN), a_memory("shop :: b", building=True)]

    (rolled,) = roll_up(parts)

    assert rolled.verdict is Verdict.BROKEN
    assert rolled.building


def test_patterns_that_match_nothing_are_counted_from_one() -> None:
    """Plain names are left out: that they are missing is a fault of its own."""
    include = ("shop-*", "shp-*", "gone", "re:^till$", "re:x", "shop-[ab]*")

    assert idle(include, {"shop-api", "till"}) == (2, 5)
