"""One configuration follows another: what is known is handed over, and no lamp lies meanwhile."""

import asyncio
import logging
import math
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from buildlight.config.settings import check_settings
from buildlight.daemon.session import handed_over
from buildlight.daemon.settings import Settings
from buildlight.errors import FeedUnreachable
from buildlight.feeds.schedule import max_age
from buildlight.feeds.settings import FeedSettings
from buildlight.lamps.lamp import LampStatus
from buildlight.patterns.pattern import Channel, Pattern
from buildlight.projects.feed_state import FeedState, unanswered
from buildlight.projects.verdict import Verdict
from buildlight.report.shown import Light
from buildlight.system.sd_notify import Systemd
from support.examples import a_memory, a_project
from support.listener import Listener, listening
from support.world import PINS, Document, LoopPlayer, Server, World

RED, AMBER, GREEN = Channel.RED, Channel.AMBER, Channel.GREEN
GOOD, BAD = a_project(last_build_status="Success"), a_project(last_build_status="Failure")
DOWN = FeedUnreachable("connection refused; check that the server is up and the port is right")


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Listen as systemd does."""
    with listening() as found:
        yield found


# What is handed over.


def feeds(*tables: Mapping[str, Any], **top: Any) -> tuple[FeedSettings, ...]:
    """Return the feeds of a configuration."""
    document = {**top, "feeds": [*tables], "lamps": [{"driver": "gpio", "pins": PINS}]}
    return check_settings(document).feeds


WEB = {"name": "web", "url": "http://web.example/cc.xml?token=0123456789abcdefghij"}
TILLS = {"name": "tills", "url": "http://tills.example/cc.xml"}
KNOWN = FeedState(
    projects={("shop", 0): a_memory(verdict=Verdict.BROKEN, unconfirmed_since=80.0, doubted=True)},
    answered=90.0,
    failures=2,
    error=DOWN,
)
DOUBTED = unanswered(KNOWN)
"""The verdicts are known, and no answer vouches for them: the lamp cannot be green by it."""


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"name": "shop floor"},
        {"exclude": ["nightly"]},
        {"include": ["shop-*"]},
        {"roll_up": "pipeline"},
        {"ignore_older_than": 1000},
    ],
    ids=str,
)
def test_a_feed_goes_on_as_it_was(changes: dict[str, Any]) -> None:
    """What counts and what it is called may change: the same answers came from the same place."""
    (feed,) = after = feeds({**WEB, **changes})

    assert handed_over(feeds(WEB), {"web": KNOWN}, after) == {feed.name: KNOWN}


def test_how_often_it_is_asked_changes_nothing_that_is_known() -> None:
    """Another interval at the top of the file."""
    after = feeds(WEB, interval=5.0, max_failures=1, keep_verdicts=60.0)

    assert handed_over(feeds(WEB), {"web": KNOWN}, after) == {"web": KNOWN}


@pytest.mark.parametrize(
    "changes",
    [
        {"url": WEB["url"].replace("0123", "3210")},
        {"words": {"success": "broken"}},
        {"words": {"meh": "passing"}},
        {"include": ["shop-web"]},
        {"verify": False},
    ],
    ids=str,
)
def test_what_judges_a_feed_by_other_rules_doubts_it(changes: dict[str, Any]) -> None:
    """Another token, other words, a name that must be there: verdicts stay, no answer counts."""
    after = feeds({**WEB, **changes})

    handed = handed_over(feeds(WEB), {"web": KNOWN}, after)

    assert handed == {"web": DOUBTED}
    assert handed["web"].answered is None


@pytest.mark.parametrize(
    "changes",
    [
        {"url": "http://other.example/cc.xml"},
        {"url": "https://web.example/cc.xml"},
        {"name": "elsewhere", "url": WEB["url"].replace("0123", "3210")},
    ],
    ids=str,
)
def test_another_feed_knows_nothing(changes: dict[str, Any]) -> None:
    """Another address is another feed, and so is one that is only in part the same."""
    assert handed_over(feeds(WEB), {"web": KNOWN}, feeds({**WEB, **changes})) == {}


@pytest.mark.parametrize(
    "changes", [{"words": {"meh": "passing"}}, {"include": ["shop-web"]}], ids=str
)
def test_a_feed_that_is_renamed_and_judged_by_other_rules_is_doubted(
    changes: dict[str, Any],
) -> None:
    """Verdicts stay, as for one that keeps its name."""
    after = feeds({**WEB, "name": "elsewhere", **changes})

    assert handed_over(feeds(WEB), {"web": KNOWN}, after) == {"elsewhere": DOUBTED}


def test_a_feed_that_becomes_two_is_known_to_both() -> None:
    """A red that is being rebuilt is not forgotten where a table is split."""
    after = feeds(
        {**WEB, "name": "one", "include": ["shop"]}, {**WEB, "name": "two", "include": ["api"]}
    )

    assert handed_over(feeds(WEB), {"web": KNOWN}, after) == {"one": DOUBTED, "two": DOUBTED}


def test_feeds_that_change_places_keep_what_is_theirs() -> None:
    """The order of the tables, and even their names, may change."""
    other = replace(KNOWN, failures=0, error=None)
    before = feeds(WEB, TILLS)
    after = feeds({**TILLS, "name": "web"}, {**WEB, "name": "tills"})

    handed = handed_over(before, {"web": KNOWN, "tills": other}, after)

    assert handed == {"web": other, "tills": KNOWN}


def test_two_readers_of_one_address_keep_what_their_words_made_of_it() -> None:
    """The same document read in two ways: neither gets the other's verdicts."""
    strict = {**TILLS, "name": "strict", "words": {"success": "broken"}}
    passing = replace(KNOWN, projects={("shop", 0): a_memory()})
    before, after = feeds(TILLS, strict), feeds(strict, TILLS)

    handed = handed_over(before, {"tills": passing, "strict": KNOWN}, after)

    assert handed == {"tills": passing, "strict": KNOWN}


def test_a_feed_that_was_never_begun_hands_nothing_over() -> None:
    """Two reloads within a moment: the configuration in between knew nothing."""
    assert handed_over(feeds(WEB), {}, feeds(WEB)) == {}


# What the lamp shows meanwhile.


def changed(world: World, **changes: Any) -> Document:
    """Return the world's configuration, with other keys for its first feed."""
    first, *others = world.document["feeds"]
    return {**world.document, "feeds": [{**first, **changes}, *others]}


STEADY = {"patterns": {"stale": "amber", "broken-stale": "red, amber"}}


def shown_from(world: World, first: int) -> list[Collection[Channel]]:
    """Return what the lamp was lit with since its frame number *first*."""
    return [frame.lit for _, frame in world.light.shown[first:]]


def test_a_feed_that_stays_leaves_the_lamp_alone() -> None:
    """Something else changed in the file: not one frame is shown anew, and nothing opened again."""

    async def story(world: World) -> None:
        seen = len(world.light.shown)
        world.reload(changed(world, exclude=["nightly"]))
        await world.wait(10)
        assert shown_from(world, seen) == []
        assert world.light.opened == 1

    World(web=Server(GOOD), lamp=STEADY).run(story)


@pytest.mark.parametrize(
    ("changes", "then"),
    [
        ({"words": {"success": "broken"}}, {RED}),
        ({"include": ["shop", "till"]}, {AMBER}),
        ({"include": ["shop"]}, {GREEN}),
    ],
    ids=str,
)
def test_green_that_the_new_rules_would_doubt_is_gone_at_once(
    changes: dict[str, Any], then: set[Channel]
) -> None:
    """Before the next answer it is not green, whatever the next answer makes of it."""
    server = Server(GOOD)

    async def story(world: World) -> None:
        assert world.lit == {GREEN}
        server.answer = None
        world.reload(changed(world, **changes))
        await world.wait(1)
        assert world.lit == {AMBER}
        server.answer = [GOOD]
        await world.wait(120)
        assert world.lit == then

    World(web=server, lamp=STEADY).run(story)


def test_red_stays_red_under_new_words() -> None:
    """Nobody has said that it passes; that it is unsure is said on top of it."""
    server = Server(BAD)

    async def story(world: World) -> None:
        server.answer = None
        world.reload(changed(world, words={"meh": "passing"}))
        await world.wait(1)
        assert world.lit == {RED, AMBER}

    World(web=server, lamp=STEADY).run(story)


def test_a_feed_that_is_added_is_doubted_until_it_answers() -> None:
    """One more server: until it has said something, nobody knows."""
    tills = Server()
    tills.answer = None

    async def story(world: World) -> None:
        fewer = {**world.document, "feeds": world.document["feeds"][:1]}
        world.reload(fewer)
        await world.wait(1)
        assert world.lit == {GREEN}
        world.reload(world.document)
        await world.wait(1)
        assert world.lit == {AMBER}

    World(web=Server(GOOD), tills=tills, lamp=STEADY).run(story)


def test_an_old_answer_grows_old_after_a_reload_too() -> None:
    """The server falls silent and the file is edited: green ends when it would have without."""
    server, hour = Server(GOOD), 3600.0

    async def story(world: World) -> None:
        answered = server.asked[0]
        server.answer = 503
        await world.wait(answered + max_age(hour) - 5 - asyncio.get_running_loop().time())
        assert world.lit == {GREEN}
        world.reload(changed(world, exclude=["nightly"]))
        await world.wait(4)
        assert world.lit == {GREEN}
        await world.wait(2)
        assert world.lit == {AMBER}

    World(web=server, lamp=STEADY, top={"interval": hour, "max_failures": 100}).run(story)


def test_since_when_survives_a_reload() -> None:
    """The lamp has been red since this morning, and the file was edited at noon."""

    async def story(world: World) -> None:
        since = world.report.lamps[0].since
        await world.wait(100)
        world.reload(changed(world, exclude=["nightly"]))
        await world.wait(100)
        assert world.report.lamps[0].since == since

    World(web=Server(BAD), lamp=STEADY).run(story)


def test_a_lamp_that_is_added_shows_what_is_known_at_once() -> None:
    """A second light: red from its first frame but one, without a new answer."""
    server = Server(BAD)

    async def story(world: World) -> None:
        server.answer = None
        more = {"name": "shelf", "driver": "gpio", "pins": {"red": 5}}
        document = {**world.document, "lamps": [*world.document["lamps"], more]}
        world.reload(document)
        await world.wait(1)
        light = world.light_of(check_settings(document).lamps[1])
        assert light.shown[-1][1].lit == {RED}

    World(web=server, lamp=STEADY).run(story)


def test_a_lamp_that_goes_is_dark_and_the_other_shines_on() -> None:
    """What the file no longer names is not left lit."""
    shelf = {"name": "shelf", "pins": {"red": 5}}

    async def story(world: World) -> None:
        seen = len(world.light.shown)
        world.reload({**world.document, "lamps": world.document["lamps"][:1]})
        await world.wait(10)
        going = world.light_of(world.settings.lamps[1])
        assert not going.shown[-1][1].lit
        assert shown_from(world, seen) == []
        assert [lamp.name for lamp in world.report.lamps] == ["lamp"]

    World(web=Server(BAD), lamp=[{"name": "lamp"}, shelf]).run(story)


# Twenty configurations, one after the other.

SERVERS: Mapping[str, Callable[[], Server]] = {
    "fine": lambda: Server(GOOD),
    "bad": lambda: Server(BAD),
    "down": lambda: answering(503),
}
MISTAKES: tuple[dict[str, Any], ...] = (
    {"interval": -1},
    {"intervall": 3},
    {"feeds": []},
    {"lamps": [{"driver": "gpio", "pins": PINS}, {"driver": "gpio", "pins": PINS}]},
    {"lamps": [{"driver": "nonesuch"}]},
)


def answering(status: int) -> Server:
    """Return a server that refuses."""
    server = Server()
    server.answer = status
    return server


def allowed(document: Document) -> set[frozenset[Channel]]:
    """Return everything that a lamp may show by *document*, unsure or not, by its own truth."""
    names = {feed["name"] for feed in document["feeds"]}
    reversed_words = any("words" in feed for feed in document["feeds"])
    if "bad" in names or reversed_words:
        return {frozenset({RED}), frozenset({RED, AMBER}), frozenset({AMBER})}
    if "down" in names:
        return {frozenset({AMBER})}
    return {frozenset({GREEN}), frozenset({AMBER})}


def settled(document: Document) -> set[Channel]:
    """Return what a lamp shows by *document* once every server was asked."""
    names = {feed["name"] for feed in document["feeds"]}
    red = "bad" in names or any("words" in feed for feed in document["feeds"])
    if "down" in names:
        return {RED, AMBER} if red else {AMBER}
    return {RED} if red else {GREEN}


def any_document(dice: random.Random, world: World) -> Document:
    """Return some good configuration; the first lamp is in all of them."""
    names = dice.sample(sorted(SERVERS), dice.randint(1, 3))
    tables: list[dict[str, Any]] = [
        {"name": each, "url": f"http://{each}.example/cc.xml"} for each in names
    ]
    if names[0] == "fine" and dice.random() < 0.5:
        tables[0]["words"] = {"success": "broken"}
    lamps = [*world.document["lamps"]]
    if dice.random() < 0.5:
        lamps.append({"name": "shelf", "driver": "gpio", "pins": {"red": 5}})
    return {"feeds": tables, "lamps": lamps, "interval": dice.choice([5.0, 30.0])}


@pytest.mark.parametrize("seed", range(5))
def test_twenty_configurations_in_turn_show_no_wrong_frame(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Each frame is true by the old one or the new one, and none is dark; bad ones are refused."""
    dice = random.Random(seed)

    async def story(world: World) -> None:
        now = world.document
        for turn in range(20):
            seen, refused = len(world.light.shown), len(caplog.records)
            if turn % 2:
                world.reload({**now, **dice.choice(MISTAKES)})
                assert "the old configuration stays" in caplog.records[-1].getMessage()
                new = now
            else:
                new = any_document(dice, world)
                world.reload(new)
                assert len(caplog.records) == refused
            await world.wait(dice.choice([0, 0.01, 1, 40]))
            for lit in shown_from(world, seen):
                assert lit in allowed(now) | allowed(new), (turn, now, new)
                assert lit
            now = new
            if dice.random() < 0.5:
                await world.wait(45)
                assert world.lit == settled(now), (turn, now)
        assert world.light.opened == 1

    given: dict[str, Any] = {name: make() for name, make in SERVERS.items()}
    World(lamp={"name": "lamp", **STEADY}, **given).run(story)


# What systemd is told.


def test_ready_is_said_once_every_light_and_every_feed_was_tried(listener: Listener) -> None:
    """A server that hangs keeps the start from being over until it was given up."""
    server = Server()
    server.answer = None

    async def story(world: World) -> None:
        assert "READY=1" not in listener.hear()
        await world.wait(19)
        assert "READY=1" not in listener.hear()
        await world.wait(2)
        assert "READY=1" in listener.hear()

    World(web=server, fine=Server(GOOD), systemd=Systemd(listener.address)).run(story)

    assert listener.hear()[-1] == "STOPPING=1"


def test_a_light_that_is_waited_for_does_not_hold_the_start(listener: Listener) -> None:
    """It was tried, and is not there: that is known, and the start is over."""

    async def story(world: World) -> None:
        await world.wait(1)
        assert "READY=1" in listener.hear()

    world = World(
        web=Server(GOOD), lamp={"wait_for_light": True}, systemd=Systemd(listener.address)
    )
    world.light.gone = True
    world.run(story)


def test_the_sentence_of_the_lamp_is_told(listener: Listener) -> None:
    """`systemctl status` says why it is red, and says so before it says that all is ready."""
    server = Server(BAD)

    async def story(world: World) -> None:
        said = listener.hear()
        why = "STATUS=lamp: broken: shop is broken"
        assert why in said
        assert said.index(why) < said.index("READY=1")
        server.answer = [GOOD]
        await world.wait(31)
        assert listener.hear() == ["STATUS=lamp: passing: 1 project passes"]

    World(web=server, systemd=Systemd(listener.address)).run(story)


def test_a_reload_is_told_in_the_order_that_systemd_wants(listener: Listener) -> None:
    """RELOADING=1, and READY=1 when the new configuration is at work: one of each."""

    async def story(world: World) -> None:
        listener.hear()
        world.reload(changed(world, exclude=["nightly"]))
        await world.wait(40)
        said = listener.hear()
        assert said[0].startswith("RELOADING=1\nMONOTONIC_USEC=")
        assert [each for each in said[1:] if not each.startswith("STATUS=")] == ["READY=1"]

    World(web=Server(GOOD), systemd=Systemd(listener.address)).run(story)


def test_a_refused_reload_is_over_at_once(listener: Listener) -> None:
    """Systemd does not wait for a configuration that will never be at work."""

    async def story(world: World) -> None:
        listener.hear()
        world.reload({**world.document, "interval": -1})
        first, second = listener.hear()
        assert first.startswith("RELOADING=1\n")
        assert second == "READY=1"

    World(web=Server(GOOD), systemd=Systemd(listener.address)).run(story)


def test_a_driver_that_fails_at_a_reload_ends_nothing(
    listener: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    """Its options are anybody's code; systemd must not wait for the end of that reload for ever."""

    def fails() -> Settings:
        raise KeyError("s3cret")

    async def story(world: World) -> None:
        listener.hear()
        world.reload_from(fails)
        assert listener.hear()[1:] == ["READY=1"]
        await world.wait(60)
        assert world.lit == {GREEN}

    World(web=Server(GOOD), lamp=STEADY, systemd=Systemd(listener.address)).run(story)

    assert "the configuration cannot be read (KeyError)" in caplog.text
    assert "s3cret" not in caplog.text


@pytest.mark.parametrize("good", [True, False], ids=["good", "bad"])
def test_a_reload_does_not_make_the_start_look_finished(listener: Listener, good: bool) -> None:  # noqa: FBT001
    """SIGHUP while a server is still being asked for the first time: it is not ready for that."""
    server = Server()
    server.answer = None

    async def story(world: World) -> None:
        document = changed(world, exclude=["nightly"])
        world.reload(document if good else {**document, "interval": -1})
        await world.wait(10)
        assert not [each for each in listener.hear() if not each.startswith("STATUS=")]
        server.answer = [GOOD]
        await world.wait(60)
        assert "READY=1" in listener.hear()

    World(web=server, lamp=STEADY, systemd=Systemd(listener.address)).run(story)


def test_two_reloads_at_once_end_in_the_second() -> None:
    """Somebody saves twice: the last one is at work."""

    async def story(world: World) -> None:
        world.reload(changed(world, name="first"))
        world.reload(changed(world, name="second"))
        await world.wait(0)
        world.reload(changed(world, name="third"))
        await world.wait(1)
        assert [feed.name for feed in world.report.feeds] == ["third"]
        assert world.lit == {GREEN}

    World(web=Server(GOOD), lamp=STEADY).run(story)


def test_a_stop_in_the_middle_of_a_reload_is_dark(caplog: pytest.LogCaptureFixture) -> None:
    """Both are asked for in the same moment: no lamp is exchanged any more."""

    async def story(world: World) -> None:
        world.reload(changed(world, exclude=["nightly"]))

    caplog.set_level(logging.INFO)
    world = World(web=Server(GOOD), lamp=STEADY).run(story)

    assert world.lit == frozenset()
    assert "configuration reloaded" not in caplog.text


# Lights that hang.


class Hanging(LoopPlayer):
    """Is slow with red, and hangs in the call after it."""

    slow, hangs = math.inf, math.inf

    def status(self) -> LampStatus:
        """Return that it is being called, and blocked less long than the slow call took."""
        now, status = asyncio.get_running_loop().time(), super().status()
        if now < self.slow:
            return status
        return replace(status, called_in=0.0, blocked=max(now - self.hangs, 0.0))

    def play(self, pattern: Pattern) -> None:
        """Play *pattern*, if it is not red."""
        if {stroke.channel for stroke in pattern.strokes} == {RED}:
            self.slow = asyncio.get_running_loop().time()
            self.hangs = self.slow + 0.6
        else:
            super().play(pattern)


def test_a_light_that_hangs_after_a_slow_call_is_missed_soon() -> None:
    """It still shows green: whoever asks is told within seconds that it is not well."""
    ci = Server(GOOD)
    world = World(ci=ci, make_player=lambda lamp, on_light: Hanging(world.light_of(lamp), on_light))

    async def story(world: World) -> None:
        await world.wait(60)
        ci.answer = [BAD]
        await world.wait(60)

    world.run(story)

    (red,) = [at for at, report in world.reports if report.lamps[0].broken][:1]
    (lost,) = [at for at, report in world.reports if report.lamps[0].light is Light.LOST][:1]
    assert lost - red < 3
