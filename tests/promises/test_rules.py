"""The rules of meaning, one by one, on the whole daemon: real feeds, real lamp, virtual time."""

import asyncio
import logging
from itertools import pairwise, product
from pathlib import Path

import httpx
import pytest

from buildlight.daemon.monitor import MOST_DROPPED
from buildlight.daemon.state_file import StateFile
from buildlight.feeds.schedule import CEILING, DEADLINE, max_age
from buildlight.patterns.pattern import Channel
from buildlight.projects.project import Project
from buildlight.report.shown import Light
from support.examples import NOON, a_project
from support.world import Server, World

RED, AMBER, GREEN = Channel.RED, Channel.AMBER, Channel.GREEN
INTERVAL = 30.0


def passing(name: str = "shop", label: str = "1") -> Project:
    """Return a project whose last build passed."""
    return a_project(name, last_build_status="Success", last_build_label=label)


def broken(name: str = "shop", label: str = "2") -> Project:
    """Return a project whose last build failed."""
    return a_project(name, last_build_status="Failure", last_build_label=label)


def forgetful(name: str = "shop", label: str = "3") -> Project:
    """Return a building project of a server that forgets the verdict meanwhile."""
    return a_project(name, activity="Building", last_build_status="Unknown", last_build_label=label)


def test_rule_1_colour_tells_the_verdict_and_motion_the_activity() -> None:
    """A red project that is being built stays red, and only begins to move."""
    ci = Server(broken())

    async def story(world: World) -> None:
        assert world.lit == {RED}
        ci.answer = [a_project(activity="Building", last_build_status="Failure")]
        await world.wait(2 * INTERVAL)

    world = World(ci=ci).run(story)

    assert world.signals == ["stale", "broken", "broken-building"]
    since = next(at for at, report in world.reports if report.lamps[0].signal.building)
    moving = {frame.lit for at, frame in world.light.shown if at >= since}
    assert moving == {frozenset(), frozenset({RED})}


def test_rule_2_the_verdict_outlives_the_build(caplog: pytest.LogCaptureFixture) -> None:
    """Green, Building and Unknown, red, Building and Unknown, green: one broken, one fixed."""
    caplog.set_level(logging.DEBUG, "buildlight")
    ci = Server(passing())

    async def story(world: World) -> None:
        for project in (forgetful(), broken(label="3"), forgetful(label="4"), passing(label="4")):
            ci.answer = [project]
            await world.wait(INTERVAL)

    world = World(ci=ci).run(story)

    assert world.signals == [
        "stale", "passing", "passing-building", "broken", "broken-building", "passing",
    ]  # fmt: skip
    events = [
        record.message for record in caplog.records if record.name == "buildlight.daemon.monitor"
    ]
    assert events == [
        "ci: started: shop",
        "ci: broken: shop",
        "ci: started: shop",
        "ci: fixed: shop",
    ]


def test_rule_2_the_verdict_survives_a_restart(tmp_path: Path) -> None:
    """A server that forgets verdicts while it builds meets a daemon that was just restarted."""

    async def story(world: World) -> None:
        await world.wait(1)

    World(ci=Server(broken()), state=StateFile(tmp_path)).run(story)

    world = World(ci=Server(forgetful()), state=StateFile(tmp_path)).run(story)

    assert world.signals == ["broken-stale", "broken-building"]


@pytest.mark.parametrize(
    ("word", "signal"),
    [
        *product(("success", "PASSED", "Normal"), ("passing",)),
        *product(("Failed", "error", "Exception", "unstable", "BROKEN"), ("broken",)),
        *product(("Cancelled", "canceled", "aborted", "Unknown", "pending", "", "odd"), ("none",)),
    ],
)
def test_rule_3_words_are_compared_without_case(word: str, signal: str) -> None:
    """Whatever a server's spelling, the lamp shows what it means."""

    async def story(world: World) -> None:
        await world.wait(1)

    world = World(ci=Server(a_project(last_build_status=word))).run(story)

    assert world.signals == ["stale", signal]


def test_rule_3_an_unknown_word_keeps_the_verdict_and_is_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A word from nowhere changes nothing, and is told once, however often it comes."""
    ci = Server(broken())

    async def story(world: World) -> None:
        ci.answer = [a_project(last_build_status="Splendid")]
        await world.wait(2 * INTERVAL)
        assert world.signal == "broken"
        await world.wait(3 * INTERVAL)

    world = World(ci=ci).run(story)

    assert world.signal == "broken-stale"
    assert sum("splendid" in record.message for record in caplog.records) == 1


def test_rule_3_words_can_be_added_for_a_feed() -> None:
    """A server with words of its own is understood once somebody explained them."""

    async def story(world: World) -> None:
        await world.wait(1)

    feeds = {"ci": {"words": {"Splendid": "passing"}}}
    world = World(ci=Server(a_project(last_build_status="splendid")), feeds=feeds).run(story)

    assert world.signal == "passing"


def test_rule_4_a_build_that_ends_without_a_definite_word_keeps_the_verdict() -> None:
    """An aborted build says nothing about the code."""
    ci = Server(broken())

    async def story(world: World) -> None:
        for status, activity in (("Unknown", "Building"), ("Cancelled", "Sleeping")):
            ci.answer = [a_project(activity=activity, last_build_status=status)]
            await world.wait(INTERVAL)

    world = World(ci=ci).run(story)

    assert world.signals == ["stale", "broken", "broken-building", "broken"]


@pytest.mark.parametrize(
    ("projects", "signal"),
    [
        ((broken("a"), forgetful("b"), passing("c")), "broken"),
        ((a_project("a", activity="Building", last_build_status="Failure"), passing("c")),
         "broken-building"),
        ((a_project("a", activity="Building", last_build_status="Failure"), broken("b")),
         "broken"),
        ((a_project("a", activity="Building", last_build_status="Success"), passing("b")),
         "passing-building"),
        ((passing("a"), a_project("b")), "passing"),
        ((a_project("a"), forgetful("b")), "none-building"),
        ((a_project("a"),), "none"),
    ],
)  # fmt: skip
def test_rule_5_the_worst_is_shown(projects: tuple[Project, ...], signal: str) -> None:
    """Red wins, and is said to be building only if every red one is."""

    async def story(world: World) -> None:
        await world.wait(1)

    world = World(ci=Server(*projects)).run(story)

    assert world.signal == signal


def test_rule_5_stale_outranks_the_building_of_another_feed() -> None:
    """A feed that is down does not hide behind another one's build."""
    down = Server(passing("a"))

    async def story(world: World) -> None:
        down.answer = 503
        world.servers["other"].answer = [forgetful("b")]
        await world.wait(4 * INTERVAL)

    world = World(down=down, other=Server(passing("b"))).run(story)

    assert world.signal == "stale"


def test_rule_6_a_stale_feed_beside_a_green_one_never_shows_green() -> None:
    """One of two servers falls silent: from the moment the news is old, no green at all."""
    silent = Server(passing("a"))

    async def story(world: World) -> None:
        silent.answer = httpx.ConnectError("refused")
        await world.wait(4 * INTERVAL)
        assert world.signal == "stale"
        world.light.shown.clear()
        await world.wait(20 * INTERVAL)

    world = World(silent=silent, fine=Server(passing("b"))).run(story)

    frames = [frame for _, frame in world.light.shown]
    assert frames
    assert not any(GREEN in frame.lit for frame in frames)


def test_rule_6_an_old_green_stands_no_longer_than_promised() -> None:
    """A server that hangs for ever: green is gone three intervals and a deadline after its word."""
    ci = Server(passing())

    async def story(world: World) -> None:
        await world.wait(1)
        ci.answer = None
        await world.wait(10 * INTERVAL)

    world = World(ci=ci).run(story)

    stale_at = [at for at, report in world.reports if report.lamps[0].signal.stale][-1]
    first_stale = next(
        at for at, report in world.reports if at > 1 and report.lamps[0].signal.stale
    )
    assert first_stale <= max_age(INTERVAL) + 0.1
    assert stale_at >= first_stale


def test_rule_6_before_the_first_answer_the_lamp_is_stale() -> None:
    """A lamp that has just started knows nothing, and says so."""

    async def story(world: World) -> None:
        await world.wait(DEADLINE / 2)

    hanging = Server()
    hanging.answer = None
    world = World(ci=hanging).run(story)

    assert world.signals == ["stale"]
    assert {frame.lit for _, frame in world.light.shown} == {frozenset(), frozenset({AMBER})}


def test_rule_6_red_stays_red_with_the_stale_mark() -> None:
    """A red that nobody confirms any more is still red, and marked."""
    ci = Server(broken())

    async def story(world: World) -> None:
        ci.answer = 500
        await world.wait(4 * INTERVAL)
        world.light.shown.clear()
        await world.wait(INTERVAL)

    world = World(ci=ci).run(story)

    assert world.signal == "broken-stale"
    lit = {frame.lit for _, frame in world.light.shown[:-1]}
    assert lit == {frozenset({RED}), frozenset({RED, AMBER})}


@pytest.mark.parametrize(("before", "signal"), [(broken(), "broken-stale"), (passing(), "stale")])
def test_rule_6_after_a_restart_red_is_marked_and_green_is_gone(
    before: Project, signal: str, tmp_path: Path
) -> None:
    """The daemon is restarted while the server is down: red stays, green is old news."""

    async def story(world: World) -> None:
        await world.wait(1)

    World(ci=Server(before), state=StateFile(tmp_path)).run(story)
    down = Server()
    down.answer = 503

    world = World(ci=down, state=StateFile(tmp_path)).run(story)

    assert world.signals == [signal]


def test_rule_6_backing_off_never_exceeds_five_intervals() -> None:
    """A server that comes back after a long night is asked within five intervals."""
    ci = Server()
    ci.answer = 503

    async def story(world: World) -> None:
        await world.wait(100 * INTERVAL)

    World(ci=ci).run(story)

    waits = [after - before for before, after in pairwise(ci.asked)]
    assert max(waits) <= CEILING * INTERVAL + 0.1
    assert max(waits) > 4 * INTERVAL


def test_rule_6_a_feed_recovers_with_its_first_good_answer() -> None:
    """Once the server is back, so is the green."""
    ci = Server(passing())

    async def story(world: World) -> None:
        ci.answer = 503
        await world.wait(4 * INTERVAL)
        ci.answer = [passing()]
        await world.wait(CEILING * INTERVAL)

    world = World(ci=ci).run(story)

    assert world.signals == ["stale", "passing", "stale", "passing"]


def test_rule_6_a_verdict_that_expires_never_turns_a_lamp_green() -> None:
    """A red project that its server stops judging is doubted after a day, not forgotten."""
    ci = Server(broken("a"), passing("b"))

    async def story(world: World) -> None:
        ci.answer = [a_project("a", last_build_status="Unknown"), passing("b")]
        await world.wait(86_400 + 2 * 300)

    world = World(ci=ci, top={"interval": 300}).run(story)

    assert world.signals == ["stale", "broken", "broken-stale"]


def test_rule_6_a_passing_verdict_expires() -> None:
    """A green that its server stops judging is forgotten after a day."""
    ci = Server(passing())

    async def story(world: World) -> None:
        ci.answer = [a_project(last_build_status="Unknown")]
        await world.wait(86_400 + 2 * 300)

    world = World(ci=ci, top={"interval": 300}).run(story)

    assert world.signals == ["stale", "passing", "none"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (b"<html><body>Please sign in</body></html>", "login page"),
        (b"<!doctype html><html><head><meta charset=utf-8></head>", "login page"),
        (b"<access-denied>no</access-denied>", "access-denied"),
        ([passing("repo does not exist or token missing")], "token missing"),
        ([], "answers with no project, but had 1"),
        (b"<Build/>", "the root is <Build>"),
    ],
)
def test_rule_7_a_200_answer_is_no_proof(answer: list[Project] | bytes, sentence: str) -> None:
    """An answer that is no feed counts as a fault of the feed, told with a remedy."""
    ci = Server(passing())

    async def story(world: World) -> None:
        ci.answer = answer
        await world.wait(4 * INTERVAL)

    world = World(ci=ci).run(story)

    assert world.signal == "stale"
    assert sentence in (world.report.feeds[0].error or "")
    assert sentence in world.report.lamps[0].because


def test_rule_7_a_project_named_in_the_configuration_must_exist() -> None:
    """Renamed on the server, it would silently drop out of the sum; here it is a fault."""
    feeds = {"ci": {"include": ["shop", "web-*"]}}
    ci = Server(passing("shop"), passing("web-1"))

    async def story(world: World) -> None:
        assert world.signal == "passing"
        ci.answer = [passing("store"), passing("web-1")]
        await world.wait(4 * INTERVAL)

    world = World(ci=ci, feeds=feeds).run(story)

    assert world.signal == "stale"
    assert "no project named shop" in world.report.lamps[0].because


def test_rule_7_a_missing_project_is_kept_for_a_while_then_dropped_with_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A red project that is deleted on the server leaves the lamp after a grace time."""
    caplog.set_level(logging.INFO, "buildlight")
    ci = Server(broken("a"), passing("b"))

    async def story(world: World) -> None:
        ci.answer = [passing("b")]
        await world.wait(2 * INTERVAL)
        assert world.signal == "broken-stale"
        await world.wait(900.0)

    world = World(ci=ci).run(story)

    assert world.signal == "passing"
    dropped = [
        record.message for record in caplog.records if "no longer has a project" in record.message
    ]
    assert dropped == ["ci: no longer has a project a, which was broken"]


def test_a_server_of_new_names_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """Some of what went at once is named, and the rest is counted."""
    caplog.set_level(logging.INFO, "buildlight")
    ci = Server(passing("a"), *(passing(f"old-{number:05}") for number in range(1_000)))

    async def story(world: World) -> None:
        ci.answer = [passing("a"), passing("new")]
        await world.wait(2 * INTERVAL + max_age(INTERVAL))

    World(ci=ci).run(story)

    dropped = [record.message for record in caplog.records if "no longer" in record.message]
    assert dropped[0] == "ci: no longer has a project old-00000"
    assert dropped[MOST_DROPPED:] == [f"ci: no longer has {1_000 - MOST_DROPPED} other projects"]


def test_rule_8_the_first_good_reading_of_a_feed_is_silent(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A server that was down at start and comes up with red projects announces nothing."""
    caplog.set_level(logging.DEBUG, "buildlight.daemon.monitor")
    ci = Server()
    ci.answer = 503

    async def story(world: World) -> None:
        await world.wait(2 * INTERVAL)
        ci.answer = [broken(), forgetful("b")]
        await world.wait(2 * INTERVAL)

    world = World(ci=ci).run(story)

    assert world.signal == "broken"
    news = [
        record.message for record in caplog.records if record.name == "buildlight.daemon.monitor"
    ]
    assert not [message for message in news if "broken" in message]


def test_rule_8_an_outage_hides_no_event(caplog: pytest.LogCaptureFixture) -> None:
    """What broke while the server was away is announced when it is back."""
    caplog.set_level(logging.DEBUG, "buildlight.daemon.monitor")
    ci = Server(passing())

    async def story(world: World) -> None:
        ci.answer = 503
        await world.wait(4 * INTERVAL)
        ci.answer = [broken()]
        await world.wait(6 * INTERVAL)

    World(ci=ci).run(story)

    news = [each.message for each in caplog.records if each.name == "buildlight.daemon.monitor"]
    assert [message for message in news if "shop" in message] == ["ci: broken: shop"]


def test_rule_9_a_stopped_daemon_leaves_no_light_on() -> None:
    """The last thing a light is told is to be dark."""

    async def story(world: World) -> None:
        await world.wait(1)
        assert world.lit == {GREEN}

    world = World(ci=Server(passing())).run(story)

    assert world.lit == frozenset()


def test_rule_9_a_fault_of_our_own_leaves_no_light_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if the daemon itself breaks, the lamp does not stay green."""

    async def story(world: World) -> None:
        def fail(*_args: object, **_kwargs: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("buildlight.daemon.monitor.absorb", fail)
        await asyncio.sleep(10 * INTERVAL)

    world = World(ci=Server(passing()))

    with pytest.raises(ExceptionGroup):
        world.run(story)

    assert world.lit == frozenset()


def test_rule_9_the_lamp_is_never_dark_while_the_daemon_runs() -> None:
    """Whatever a day brings, between start and stop some channel is lit or about to blink."""
    ci = Server(passing())

    async def story(world: World) -> None:
        for answer in ([passing()], [broken()], [forgetful()], [a_project()], 503, []):
            ci.answer = answer
            await world.wait(5 * INTERVAL)

    world = World(ci=ci).run(story)

    running = world.light.shown[:-1]
    dark = [after - before for (before, frame), (after, _) in pairwise(running) if not frame.lit]
    assert max(dark) <= 1.5


def test_a_light_that_is_unplugged_comes_back_with_the_right_pattern() -> None:
    """Polling goes on without the light, and the light is up to date when it returns."""
    ci = Server(passing())

    async def story(world: World) -> None:
        world.light.gone = True
        ci.answer = [broken()]
        await world.wait(2 * INTERVAL)
        assert world.report.lamps[0].light is Light.LOST
        world.light.gone = False
        await world.wait(2)

    world = World(ci=ci).run(story)

    assert world.report.lamps[0].light is Light.OK
    assert world.light.opened == 2
    assert world.light.shown[-2][1].lit == {RED}


def test_a_clock_that_jumps_back_does_not_keep_old_news_green() -> None:
    """A Pi's clock may leap; how old news is does not depend on it."""
    ci = Server(passing())

    async def story(world: World) -> None:
        ci.answer = None
        world.clock_offset -= NOON - NOON.replace(year=2025)
        await world.wait(max_age(INTERVAL) + 1)

    world = World(ci=ci).run(story)

    assert world.signal == "stale"
