"""The promise itself, over random histories: no lamp is green on news that nobody can vouch for."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildlight.config.settings import lamp_from_keys
from buildlight.errors import FeedError, FeedUnreachable
from buildlight.patterns.pattern import Channel, frame_at
from buildlight.projects.feed_state import FeedState, Reading, Rules, absorb
from buildlight.projects.project import Project
from buildlight.projects.selection import Selection
from buildlight.projects.verdict import Verdict
from buildlight.report.report import LampReport, make_report
from buildlight.report.rows import Watched
from buildlight.report.shown import Shown
from support.examples import NOON, a_project
from support.world import Server, World

RULES = Rules(max_age=110.0, max_failures=3)
PATTERNS = lamp_from_keys("gpio", {"pins": {"red": 17, "amber": 27, "green": 22}}).patterns
MOMENTS = [moment / 20 for moment in range(120)]

projects = st.builds(
    a_project,
    name=st.sampled_from(["shop", "till", "nightly"]),
    activity=st.sampled_from(["Sleeping", "Building", "CheckingModifications", "odd", ""]),
    last_build_status=st.sampled_from(["Success", "Failure", "Unknown", "Cancelled", "odd", ""]),
    last_build_label=st.sampled_from(["", "1", "2"]),
)
outcomes = st.one_of(st.lists(projects, max_size=3).map(tuple), st.just(FeedUnreachable("refused")))


@dataclass(frozen=True, slots=True)
class Poll:
    """One poll of one of two feeds, so many seconds after the poll before it."""

    feed: int
    after: float
    outcome: tuple[Project, ...] | FeedError


polls = st.builds(
    Poll,
    feed=st.sampled_from([0, 1]),
    after=st.sampled_from([0.0, 10.0, 30.0, 109.0, 111.0, 86_400.0]),
    outcome=outcomes,
)


def lamp_at(feed_states: list[FeedState], now: float) -> LampReport:
    """Return what a lamp shows that watches both feeds, all but the nightly builds."""
    choice = Selection(exclude=("nightly",))
    feeds = [
        Watched(name, "https://ci.example/cc.xml", feed_state, RULES, choice)
        for name, feed_state in zip(("web", "api"), feed_states, strict=True)
    ]
    lamp = Shown("lamp", "gpio", frozenset({"web", "api"}), PATTERNS)
    return make_report(feeds, [lamp], now=now, clock=NOON).lamps[0]


def shows_green(lamp: LampReport) -> bool:
    """Return whether green is lit at any moment of the pattern."""
    return any(Channel.GREEN in frame_at(lamp.pattern, moment).lit for moment in MOMENTS)


@given(st.lists(polls, max_size=12), st.sampled_from([0.0, 60.0, 111.0]))
def test_no_lamp_is_green_on_news_that_nobody_can_vouch_for(
    history: list[Poll], later: float
) -> None:
    """Green means: every feed answered lately, each with a project that counts, none broken."""
    feed_states = [FeedState(), FeedState()]
    good: list[float | None] = [None, None]
    last: list[tuple[Project, ...]] = [(), ()]
    failed = [0, 0]
    now = 0.0

    for poll in history:
        now += poll.after
        reading = Reading(now, NOON, poll.outcome)
        feed_states[poll.feed], _ = absorb(feed_states[poll.feed], reading, rules=RULES)
        if isinstance(poll.outcome, FeedError) or (not poll.outcome and last[poll.feed]):
            failed[poll.feed] += 1
        else:
            good[poll.feed], failed[poll.feed], last[poll.feed] = now, 0, poll.outcome
    now += later

    if shows_green(lamp_at(feed_states, now)):
        for feed in (0, 1):
            answered = good[feed]
            assert answered is not None
            assert now - answered < RULES.max_age
            assert failed[feed] < RULES.max_failures
            known = {key: each.verdict for key, each in feed_states[feed].projects.items()}
            counted = [verdict for (name, _), verdict in known.items() if name != "nightly"]
            assert counted
            assert Verdict.BROKEN not in counted


@given(st.lists(polls, max_size=12))
def test_a_verdict_changes_only_by_what_was_earned(history: list[Poll]) -> None:
    """Rule 4, with the sentence of the rule beside each case."""
    feed_state, now = FeedState(), 0.0

    for poll in history:
        now += min(poll.after, 100.0)
        after, _ = absorb(feed_state, Reading(now, NOON, poll.outcome), rules=RULES)
        for key, known in after.projects.items():
            before = feed_state.projects.get(key)
            namesakes = [name for name, _ in {*feed_state.projects, *after.projects}]
            if before is None or known.verdict is before.verdict or namesakes.count(key[0]) > 1:
                continue  # Of namesakes nobody knows which is which: test_pairing is about them.
            word, building = known.project.last_build_status, known.building
            if known.verdict is Verdict.BROKEN:  # a broken word, building or not
                assert word == "Failure"
            elif known.verdict is Verdict.PASSING:  # no time is given here, so none is earned
                assert word == "Success"
                assert not building
            else:
                assert word not in ("Success", "Failure")
                assert known.unconfirmed_since is not None
                assert now - known.unconfirmed_since >= RULES.expiry
        feed_state = after


@pytest.mark.parametrize(
    ("query", "secret"),
    [
        ("?projectKey=SHOP", None),
        ("?author=SHOP-team&passed=web&sig=SHOP&code=SHOP", None),
        ("?token=SHOP", None),
        ("?token=SHOP-web", None),  # A token, but also a name: it counts, and is not shown.
        ("", "SHOP-web"),
    ],
)
def test_a_secret_that_is_part_of_a_name_keeps_no_red_from_counting(
    query: str, secret: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Patterns see the true names, whatever outputs show of them."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_CI", secret or "unused")
    keys: dict[str, object] = {"url": f"http://ci.example/cc.xml{query}", "include": ["SHOP-*"]}
    if secret:
        keys["auth"] = {"kind": "bearer", "secret": "ci"}
    red = a_project("SHOP-web", last_build_status="Failure")
    ci = Server(red, a_project("SHOP-api", last_build_status="Success"))

    async def story(world: World) -> None:
        await world.wait(60)
        assert world.signal == "broken"
        shown = secret or query.endswith("SHOP-web")
        assert world.recorder.updates[-1].report.lamps[0].blame == ("***" if shown else "SHOP-web",)

    World(feeds={"ci": keys}, ci=ci).run(story)
