"""A polite client: what servers see of the daemon over hours, on virtual time."""

from collections.abc import Awaitable, Callable, Mapping
from itertools import pairwise
from typing import Any

import httpx
import pytest

from buildlight import __version__
from buildlight.feeds.schedule import CEILING, JITTER, LONGEST_REST
from buildlight.projects.project import Project
from support.examples import a_project
from support.world import Server, World

PASSING = a_project(last_build_status="Success", last_build_label="1")
BUILDING = a_project(last_build_status="Success", last_build_label="1", activity="Building")
HOUR = 3_600.0
SHORTEST = 30.0 * (1 - JITTER)
"""Seconds between two polls at the default interval, with as much jitter as there may be."""


Feeds = Mapping[str, Mapping[str, Any]]

STILL = {"patterns": {"stale": "amber", "passing-building": "green"}}
"""A lamp whose patterns do not move: blinking for hours would cost real seconds."""


def a_world(*, feeds: Feeds | None = None, **servers: Server) -> World:
    """Return a world with these servers and a lamp that stands still."""
    given: dict[str, Any] = {**servers}
    return World(lamp=STILL, feeds=feeds, **given)


class Listening(Server):
    """A server that keeps what it was asked, and sends *headers* with what it answers."""

    def __init__(self, *projects: Project, **headers: str) -> None:
        super().__init__(*projects)
        self.requests: list[httpx.Request] = []
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}

    async def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request; with 304 if it knows the ETag or the time already."""
        self.requests.append(request)
        response = await super().handle(request)
        response.headers.update(self.headers)
        known = {request.headers.get("If-None-Match"), request.headers.get("If-Modified-Since")}
        told = {self.headers.get("ETag"), self.headers.get("Last-Modified")} - {None}
        return httpx.Response(304, headers=self.headers) if told & known else response

    @property
    def waits(self) -> list[float]:
        """The seconds from each request to the next."""
        return [after - before for before, after in pairwise(self.asked)]

    def sent(self, header: str) -> list[str | None]:
        """Return what each request said in *header*."""
        return [request.headers.get(header) for request in self.requests]


def lasting(seconds: float) -> Callable[[World], Awaitable[None]]:
    """Return a story in which nothing happens for so long."""

    async def story(world: World) -> None:
        await world.wait(seconds)

    return story


# Conditional requests.


@pytest.mark.parametrize(
    ("header", "condition", "value"),
    [
        ("ETag", "If-None-Match", 'W/"1"'),
        ("Last_Modified", "If-Modified-Since", "Fri, 20 Nov 2020 11:00:00 GMT"),
    ],
)
def test_what_has_not_changed_is_not_sent_again(header: str, condition: str, value: str) -> None:
    """Most requests are conditional, and one within 10 minutes is not: no 304 counts for ever."""
    server = Listening(PASSING, **{header: value})

    world = a_world(ci=server).run(lasting(HOUR))

    whole = [at for at, sent in zip(server.asked, server.sent(condition), strict=True) if not sent]
    assert {*server.sent(condition)} == {None, value}
    assert all(300 <= after - before < 600 for before, after in pairwise(whole))
    assert len(server.requests) > 10 * len(whole) - 10
    assert world.signals == ["stale", "passing"]


def test_an_etag_that_never_changes_hides_no_red_for_long() -> None:
    """A server that answers 304 for ever is asked for the whole document within 10 minutes."""
    server = Listening(PASSING, ETag='"constant"')

    async def story(world: World) -> None:
        await world.wait(HOUR)
        server.answer = [a_project(last_build_status="Failure", last_build_label="2")]
        await world.wait(600)

    assert a_world(ci=server).run(story).signals == ["stale", "passing", "broken"]


def test_a_new_document_is_seen_behind_its_new_etag() -> None:
    """A build that breaks is red at the next poll, and asked for by its own ETag from then on."""
    server = Listening(PASSING, ETag='"1"')

    async def story(world: World) -> None:
        await world.wait(100)
        server.answer = [a_project(last_build_status="Failure", last_build_label="2")]
        server.headers = {"ETag": '"2"'}
        await world.wait(100)

    world = a_world(ci=server).run(story)

    assert world.signals == ["stale", "passing", "broken"]
    assert [*dict.fromkeys(server.sent("If-None-Match"))] == [None, '"1"', '"2"']


def test_a_server_that_stops_telling_etags_is_asked_for_all_of_it() -> None:
    """What was known of a former document does not stand in the way of the next."""
    server = Listening(PASSING, ETag='"1"')

    async def story(world: World) -> None:
        await world.wait(40)
        server.answer = [BUILDING]
        server.headers = {}
        await world.wait(40)

    a_world(ci=server).run(story)

    assert server.sent("If-None-Match")[0] is None
    assert server.sent("If-None-Match")[-1] is None
    assert '"1"' in server.sent("If-None-Match")


def test_a_login_page_does_not_take_the_place_of_the_feed() -> None:
    """Its ETag is forgotten: by it, the server would say for ever that nothing has changed."""
    server = Listening(PASSING, ETag='"1"')

    async def story(world: World) -> None:
        await world.wait(40)
        server.answer = b"<html>Log in</html>"
        server.headers = {"ETag": '"login"'}
        await world.wait(300)
        assert world.signal == "stale"
        server.answer = [PASSING]
        server.headers = {"ETag": '"1"'}  # The feed is there again, as it was.
        await world.wait(200)

    world = a_world(ci=server).run(story)

    assert '"login"' not in server.sent("If-None-Match")
    assert world.signals == ["stale", "passing", "stale", "passing"]


def test_a_304_that_nobody_asked_for_is_a_fault() -> None:
    """A proxy that answers 304 to a first question does not make the lamp green."""
    server = Listening()
    server.answer = 304

    world = a_world(ci=server).run(lasting(300))

    assert world.signals == ["stale"]
    assert world.report.feeds[0].error == "304 Not Modified: check the address"


# One request.


def test_two_tables_with_one_address_are_one_request() -> None:
    """Two feeds with filters of their own, two readers, one request a poll."""
    server, idle = Listening(PASSING, a_project("web", last_build_status="Success")), Server()
    address = "http://ci.example/cc.xml"
    feeds: Feeds = {
        "ci": {"include": ["shop"]},
        "more": {"url": address, "include": ["web"]},
        "again": {"url": address},
    }

    world = a_world(feeds=feeds, ci=server, more=idle, again=idle).run(lasting(HOUR))

    assert min(server.waits) >= SHORTEST
    assert [(feed.name, feed.projects, feed.error) for feed in world.report.feeds] == [
        ("ci", 2, None),
        ("more", 2, None),
        ("again", 2, None),
    ]
    assert sum(row.counted for row in world.report.projects) == 4
    assert idle.asked == []


@pytest.mark.parametrize("other", ["s3cret", "an0ther"])
def test_tables_with_one_address_ask_once_for_each_secret(
    other: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One secret under two names is one request; another user sees other projects."""
    monkeypatch.setenv("BUILDLIGHT_SECRET_ONE", "s3cret")
    monkeypatch.setenv("BUILDLIGHT_SECRET_TWO", other)
    server, idle = Listening(PASSING), Server()
    feeds: Feeds = {
        "ci": {"auth": {"kind": "bearer", "secret": "one"}},
        "more": {
            "url": "http://ci.example/cc.xml",
            "auth": {"kind": "bearer", "secret": "two"},
        },
    }

    a_world(feeds=feeds, ci=server, more=idle).run(lasting(10))

    sent = sorted(map(str, server.sent("Authorization")))
    assert sent == sorted({"Bearer s3cret", f"Bearer {other}"})


def test_a_failure_of_one_request_is_a_failure_of_each_of_its_tables() -> None:
    """No reader of a feed that is silent goes on believing it."""
    server, idle = Listening(PASSING), Server()
    feeds: Feeds = {"more": {"url": "http://ci.example/cc.xml"}}

    async def story(world: World) -> None:
        await world.wait(40)
        server.answer = 500
        await world.wait(200)

    world = a_world(feeds=feeds, ci=server, more=idle).run(story)

    assert {feed.state.value for feed in world.report.feeds} == {"stale"}
    assert len({feed.error for feed in world.report.feeds}) == 1


# When.


def test_the_waits_of_a_feed_differ_and_none_exceeds_the_interval() -> None:
    """A hundred lamps that start together after a power cut do not ask in step for long."""
    server = Listening(PASSING)

    a_world(ci=server).run(lasting(HOUR))

    assert len({round(wait, 3) for wait in server.waits}) > 50
    assert all(SHORTEST <= wait <= 30.0 for wait in server.waits)
    assert max(server.waits) - min(server.waits) > 2.0


def test_feeds_are_asked_together_once_and_then_one_after_the_other() -> None:
    """A hundred servers in a minute are a steady trickle, not a hundred answers at one moment."""
    servers = {f"ci{number}": Listening(PASSING) for number in range(100)}
    slower: Any = {"top": {"interval": 60.0}, **servers}

    World(lamp=STILL, **slower).run(lasting(200))

    asked = [server.asked for server in servers.values()]
    assert len({times[0] for times in asked}) == 1
    assert len({times[1] for times in asked}) == 100
    for start in range(10, 180, 10):
        assert sum(start <= at < start + 10 for times in asked for at in times) <= 30


def test_two_feeds_do_not_go_in_step() -> None:
    """Two servers that were asked at one moment are asked at different ones an hour later."""
    one, other = Listening(PASSING), Listening(PASSING)

    a_world(one=one, other=other).run(lasting(HOUR))

    assert one.asked[0] == other.asked[0]
    assert one.asked[50] != other.asked[50]


def test_a_server_that_is_down_is_asked_less_and_less_often() -> None:
    """The waits double up to five intervals, and stay there for as long as it takes."""
    server = Listening()
    server.answer = 503

    a_world(ci=server).run(lasting(2 * HOUR))

    expected = [30.0, 30.0, 30.0, 60.0, 120.0, *[150.0] * (len(server.waits) - 5)]
    assert len(server.waits) > 40
    assert all(
        most * (1 - JITTER) <= wait <= most
        for wait, most in zip(server.waits, expected, strict=True)
    )
    assert max(server.waits) <= CEILING * 30.0


def test_a_server_that_is_up_again_is_asked_as_before() -> None:
    """One good answer ends the back-off."""
    server = Listening()
    server.answer = 503

    async def story(world: World) -> None:
        await world.wait(HOUR)
        server.answer = [PASSING]
        await world.wait(HOUR)

    a_world(ci=server).run(story)

    assert all(SHORTEST <= wait <= 30.0 for wait in server.waits[-50:])


def test_one_feed_that_is_down_slows_no_other() -> None:
    """Each feed has a pace of its own."""
    down, up = Listening(), Listening(PASSING)
    down.answer = 503

    a_world(down=down, up=up).run(lasting(HOUR))

    assert max(up.waits) <= 30.0
    assert max(down.waits) > 100.0


def test_a_building_feed_is_asked_more_often_and_only_while_it_builds() -> None:
    """`building_interval` from the poll that sees the build to the one that sees its end."""
    server, idle = Listening(PASSING), Listening(PASSING)

    async def story(world: World) -> None:
        await world.wait(100)
        server.answer = [BUILDING]
        await world.wait(300)
        server.answer = [PASSING]
        await world.wait(300)

    a_world(ci=server, other=idle).run(story)

    building = [
        wait for at, wait in zip(server.asked, server.waits, strict=False) if 130 < at < 390
    ]
    after = [wait for at, wait in zip(server.asked, server.waits, strict=False) if at > 410]
    assert building
    assert building == pytest.approx([5.0] * len(building))
    assert all(SHORTEST <= wait <= 30.0 for wait in (*after, *idle.waits))


# What a server asks for.


def waits_after(**headers: str) -> list[float]:
    """Return the first waits between polls of a server that is busy and says so in *headers*."""
    server = Listening(**headers)
    server.answer = 429

    a_world(ci=server).run(lasting(3 * HOUR))

    return server.waits


def test_retry_after_in_seconds_is_honoured() -> None:
    """A server that asks for ten minutes gets all ten, each time."""
    waits = waits_after(Retry_After="600")

    assert len(waits) > 10
    assert waits == pytest.approx([600.0] * len(waits))


def test_retry_after_as_a_date_is_measured_on_the_servers_clock() -> None:
    """A Pi without a clock of its own can tell how long ten minutes are."""
    waits = waits_after(
        Date="Sun, 01 Jan 2040 10:00:00 GMT", Retry_After="Sun, 01 Jan 2040 10:10:00 GMT"
    )

    assert waits == pytest.approx([600.0] * len(waits))


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry_After": "86400"},
        {"Retry_After": "9" * 400},
        {
            "Date": "Sun, 01 Jan 2040 10:00:00 GMT",
            "Retry_After": "Sun, 01 Jan 2051 10:00:00 GMT",
        },
    ],
    ids=["a day", "for ever", "eleven years"],
)
def test_nobody_is_left_alone_for_more_than_an_hour(headers: dict[str, str]) -> None:
    """A slip in a server's configuration does not end the lamp's work."""
    waits = waits_after(**headers)

    assert waits == pytest.approx([LONGEST_REST] * len(waits))
    assert LONGEST_REST == HOUR


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry_After": "soon"},
        {"Retry_After": "-5"},
        {"Retry_After": "1e9"},
        {"Retry_After": ""},
        {"Retry_After": "Sun, 01 Jan 2040 10:10:00 GMT"},
        {"Retry_After": "Sun, 01 Jan 2040 10:10:00 GMT", "Date": "today"},
        {"Retry_After": "Sun, 01 Jan 2040 10:10:00 GMT", "Date": "Sun, 01 Jan 2040 10:10:00 -0000"},
        {"Retry_After": "Sat, 99 Jan 2040 10:10:00 GMT", "Date": "Sun, 01 Jan 2040 10:00:00 GMT"},
        {"Retry_After": "Sun, 01 Jan 2034 10:10:00 GMT", "Date": "Sun, 01 Jan 2040 10:00:00 GMT"},
    ],
)
def test_a_retry_after_that_says_nothing_changes_nothing(headers: dict[str, str]) -> None:
    """Nonsense, a date without a date to compare it with, and the past: the usual back-off."""
    waits = waits_after(**headers)

    assert waits[0] <= 30.0
    assert max(waits) <= CEILING * 30.0


def test_a_server_that_asks_for_rest_once_is_asked_as_usual_afterwards() -> None:
    """`Retry-After` holds for one wait."""
    server = Listening(Retry_After="600")
    server.answer = 503

    async def story(world: World) -> None:
        await world.wait(300)
        server.answer, server.headers = [PASSING], {}
        await world.wait(HOUR)

    world = a_world(ci=server).run(story)

    assert server.waits[0] == pytest.approx(600.0)
    assert max(server.waits[1:]) <= 30.0
    assert world.signals == ["stale", "passing"]


# Who asks.


def test_every_request_is_a_get_that_says_who_asks() -> None:
    """Servers in the field answer HEAD wrongly or not at all, so it is never used."""
    servers = [Listening(PASSING), Listening(), Listening(PASSING, ETag='"1"')]
    servers[1].answer = 405

    a_world(good=servers[0], bad=servers[1], cached=servers[2]).run(lasting(HOUR))

    requests = [request for server in servers for request in server.requests]
    assert {request.method for request in requests} == {"GET"}
    assert {request.headers["User-Agent"] for request in requests} == {f"buildlight/{__version__}"}
