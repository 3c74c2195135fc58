"""The page comes, moves and goes as the configuration says, and the lamp never waits for it."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable

import httpx
import pytest

from buildlight.publish.web import server
from buildlight.publish.web.server import PageServer
from buildlight.publish.web.settings import PageSettings
from buildlight.report.poll_stats import PollStats
from support.reports import a_feed, a_report, an_update, broken, known
from support.servers import until
from support.serving import ended

REPORT = a_report(a_feed(broken("till")))


def free_port() -> int:
    """Return a port that nobody has."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def run(story: Callable[[PageServer], Awaitable[None]], report: object = REPORT) -> None:
    """Let *story* happen with a door, and close it."""

    async def whole() -> None:
        there = PageServer(polls=PollStats(), ailment=lambda: None)
        try:
            await story(there)
        finally:
            there.close()
            await ended()

    asyncio.run(whole())


async def answers(port: int, path: str = "/api/report", host: str = "127.0.0.1") -> bool:
    """Return whether the page is at *port*."""
    async with httpx.AsyncClient(trust_env=False) as client:
        try:
            told = await client.get(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
        except httpx.TransportError:
            return False
    return told.status_code == 200


async def comes(port: int) -> None:
    """Wait until the page is at *port*."""
    async with asyncio.timeout(10):
        while not await answers(port):  # noqa: ASYNC110 - nothing tells who listens
            await asyncio.sleep(0.01)


def test_it_opens_before_or_after_the_first_report() -> None:
    """Whoever comes first: what is known is shown."""

    async def story(there: PageServer) -> None:
        first, second = free_port(), free_port()
        there.open(PageSettings(port=first))
        there.publish(an_update(REPORT))
        await comes(first)
        there.open(PageSettings(port=second))
        await comes(second)
        assert not await answers(first)

    run(story)


def test_it_opens_to_every_network_at_the_same_port() -> None:
    """The usual reload: first for this machine alone, then for everybody."""

    async def story(there: PageServer) -> None:
        port = free_port()
        there.open(PageSettings(port=port))
        there.publish(an_update(REPORT))
        await comes(port)

        there.open(PageSettings(listen="0.0.0.0", port=port))
        await asyncio.sleep(0)

        assert await answers(port)

    run(story)


def test_a_reload_that_changes_nothing_keeps_the_socket() -> None:
    """Who has the page open notices nothing; new names are heeded at once."""

    async def story(there: PageServer) -> None:
        port = free_port()
        there.open(PageSettings(port=port))
        there.publish(an_update(REPORT))
        await comes(port)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        await reader.readuntil(b"event: news")

        there.open(PageSettings(port=port, names=frozenset({"lamp.example"})))
        there.publish(an_update(a_report(a_feed(known("till")))))

        async with asyncio.timeout(10):
            assert b"Passing" in await reader.readuntil(b"Passing")
        assert await answers(port, host="lamp.example")
        assert not await answers(port, host="other.example")
        writer.close()

    run(story)


def test_it_goes_when_the_configuration_has_none() -> None:
    """Without [page] there is no page, and it comes back with what is known by then."""

    async def story(there: PageServer) -> None:
        port = free_port()
        there.open(PageSettings(port=port))
        there.publish(an_update(REPORT))
        await comes(port)

        there.open(None)
        assert not await answers(port)

        there.open(PageSettings(port=port))
        await comes(port)

    run(story)


def test_a_port_in_use_is_said_and_tried_again(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lamp goes on; when the other program ends, the page comes."""
    monkeypatch.setattr(server, "AGAIN", 0.01)

    async def story(there: PageServer) -> None:
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = int(other.getsockname()[1])
            there.open(PageSettings(port=port))
            there.publish(an_update(REPORT))
            await until(lambda: "another program uses this port" in caplog.text)
            await asyncio.sleep(0.05)
        await comes(port)

    with caplog.at_level("INFO", logger="buildlight"):
        run(story)

    assert caplog.text.count("another program uses this port") == 1
    assert caplog.text.count("INFO") == 1


def test_an_address_of_another_machine_is_said(caplog: pytest.LogCaptureFixture) -> None:
    """At boot the network may be late: the address is tried again until it is there."""

    async def story(there: PageServer) -> None:
        there.open(PageSettings(listen="192.0.2.1", port=free_port()))
        await until(lambda: "this machine does not have this address" in caplog.text)

    run(story)

    assert "page: http://192.0.2.1:" in caplog.text


def test_this_machine_is_called_by_its_name() -> None:
    """`http://buildlight.local:8080/` works without being configured."""
    name = socket.gethostname().lower()

    async def story(there: PageServer) -> None:
        port = free_port()
        there.open(PageSettings(port=port))
        there.publish(an_update(REPORT))
        await comes(port)
        assert await answers(port, host=f"{name}:{port}")
        assert await answers(port, host=f"{name.partition('.')[0]}.local:{port}")

    run(story)


def test_without_a_page_routes_are_not_imported() -> None:
    """The page is optional weight: a lamp on a Pi Zero does not carry it."""
    script = (
        "import sys, asyncio\n"
        "from buildlight.publish.web.server import PageServer\n"
        "import buildlight.daemon.daemon\n"
        "from buildlight.publish.web.settings import PageSettings\n"
        "from buildlight.report.poll_stats import PollStats\n"
        "async def main():\n"
        "    server = PageServer(polls=PollStats(), ailment=lambda: None)\n"
        "    server.open(None)\n"
        "    print('buildlight.publish.web.routes' in sys.modules)\n"
        "    server.open(PageSettings())\n"
        "    await asyncio.sleep(0)\n"
        "    print('buildlight.publish.web.routes' in sys.modules)\n"
        "    server.close()\n"
        "asyncio.run(main())\n"
    )

    told = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    assert told.stdout.split() == ["False", "True"]
