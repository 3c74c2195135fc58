"""Daemons that read each other's `/cc.xml`: in a chain and in a circle, as real processes."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from buildlight.projects.ccxml import parse
from publish.web.test_server import free_port
from publish.web.test_whole_daemon import BUILDLIGHT, PATIENCE, get
from support.servers import BROKEN_FEED, FEED, RESETS, Answer, FeedServer

Start = Callable[[int, Sequence[str]], None]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start daemons: each with the port of its page, and its feeds as lines of TOML."""
    started: list[subprocess.Popen[bytes]] = []

    def daemon(port: int, feeds: Sequence[str]) -> None:
        folder = tmp_path / str(port)
        folder.mkdir()
        tables = "".join(f"[[feeds]]\n{feed}\n" for feed in feeds)
        (folder / "buildlight.toml").write_text(
            f"interval = 0.2\nbuilding_interval = 0.2\n[page]\nport = {port}\n{tables}"
            '[[lamps]]\ndriver = "console"\n'
        )
        with (folder / "log").open("w") as log:
            process = subprocess.Popen(
                [BUILDLIGHT, "run", "--config", folder / "buildlight.toml"],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
                start_new_session=True,
            )
        started.append(process)

    yield daemon
    for each in started:
        each.kill()
        each.wait()


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server with one project that passes."""
    with FeedServer() as ci:
        yield ci


def page(port: int, name: str, *more: str) -> str:
    """Return the feed called *name* that reads the page at *port*."""
    return "\n".join([f'name = "{name}"', f'url = "http://127.0.0.1:{port}/cc.xml"', *more])


def rows(port: int) -> dict[str, str]:
    """Return the status of each project that counts at *port*, by name."""
    answer = get(port, "/cc.xml?lamp=lamp")
    if answer is None or answer.status_code != 200:
        return {}
    return {each.name: each.last_build_status for each in parse(answer.content)}


def until(condition: Callable[[], bool], seen: Callable[[], object]) -> None:
    """Wait for something that the daemons bring about; *seen* is what a failure shows."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, seen()
        time.sleep(0.05)


def test_doubt_travels_through_a_chain_with_filters(start: Start, server: FeedServer) -> None:
    """A silent server is not green at the far end, and passes again as soon as it answers."""
    near, middle, far = (free_port() for _ in range(3))
    start(near, [f'name = "web"\nurl = "{server.url()}"'])
    start(middle, [page(near, "near", 'include = ["shop"]')])
    start(far, [page(middle, "middle", 'include = ["shop"]')])

    until(lambda: rows(far) == {"shop": "Success"}, lambda: rows(far))
    server.answer = RESETS
    until(lambda: rows(far) == {"shop": "Failure"}, lambda: rows(far))
    assert rows(near) == {"web": "Exception", "shop": "Exception"}
    server.answer = Answer(FEED)
    until(lambda: rows(far) == {"shop": "Success"}, lambda: rows(far))
    server.answer = Answer(BROKEN_FEED)
    until(lambda: rows(far) == {"shop": "Failure"}, lambda: rows(far))


def test_a_row_of_doubt_leaves_a_reader_at_once(start: Start, server: FeedServer) -> None:
    """It is not a broken project that has vanished, which would stay red for 15 minutes."""
    near, far = free_port(), free_port()
    start(near, [f'name = "web"\nurl = "{server.url()}"'])
    start(far, [page(near, "near")])

    server.answer = RESETS
    until(lambda: rows(far).get("web") == "Failure", lambda: rows(far))
    server.answer = Answer(FEED)

    until(lambda: rows(far) == {"shop": "Success"}, lambda: rows(far))


@pytest.mark.slow
def test_a_circle_does_not_grow(start: Start, server: FeedServer) -> None:
    """Three that read each other have three projects each, with the same names at every poll."""
    ports = {name: free_port() for name in "abc"}
    before = {"a": "c", "b": "a", "c": "b"}
    for name, port in ports.items():
        own = f'name = "web"\nurl = "{server.url()}"'
        start(port, [own, page(ports[before[name]], before[name])])

    def everything() -> dict[str, dict[str, str]]:
        return {name: rows(port) for name, port in ports.items()}

    passing = {
        name: dict.fromkeys(
            ["shop", *(f"shop ({other})" for other in "abc" if other != name)], "Success"
        )
        for name in ports
    }
    until(lambda: everything() == passing, everything)
    for _ in range(20):
        assert everything() == passing
        time.sleep(0.1)
    server.answer = RESETS
    until(lambda: all("Success" not in each.values() for each in everything().values()), everything)
    server.answer = Answer(FEED)
    until(lambda: everything() == passing, everything)


def test_a_daemon_that_reads_only_itself_says_so(start: Start) -> None:
    """It has no projects, and the reason is in words."""
    port = free_port()
    start(port, [page(port, "self")])

    def report() -> str:
        answer = get(port, "/api/report")
        return answer.text if answer else ""

    until(lambda: "comes from this daemon" in report(), report)
    assert rows(port) == {"self": "Exception"}
