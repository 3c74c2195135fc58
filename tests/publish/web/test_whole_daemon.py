"""The page of a real `buildlight run`: a process with real feeds, a reload and real signals."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from buildlight.projects.ccxml import parse
from publish.web.test_server import free_port
from support.servers import FEED, HANGS, Answer, FeedServer

BUILDLIGHT = Path(sys.executable).with_name("buildlight")
PATIENCE = 20.0
TOKEN = "s3cr3t-t0k3n-0123456789"


class Running:
    """A running daemon with one feed, a lamp on the terminal, and a page."""

    def __init__(self, folder: Path, url: str, page: str) -> None:
        self.file, self.log = folder / "buildlight.toml", folder / "log"
        self._url = url
        (folder / "token").write_text(TOKEN)
        self.configure(page)
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [BUILDLIGHT, "run", "--config", self.file],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
                start_new_session=True,
            )

    def configure(self, page: str) -> None:
        """Write the configuration with this ``[page]``."""
        secret = self.file.with_name("token")
        self.file.write_text(
            f"interval = 0.2\nbuilding_interval = 0.2\n{page}\n"
            f'[[feeds]]\nname = "web"\nurl = "{self._url}"\n'
            f'auth = {{ kind = "query", name = "token", secret = "{secret}" }}\n'
            '[[lamps]]\ndriver = "console"\n'
        )

    def reload(self, page: str) -> None:
        """Have it read another configuration."""
        self.configure(page)
        self.process.send_signal(signal.SIGHUP)

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that the daemon brings about."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.01)


@pytest.fixture
def server() -> Iterator[FeedServer]:
    """A server with one project that passes."""
    with FeedServer() as ci:
        yield ci


@pytest.fixture
def run(tmp_path: Path, server: FeedServer) -> Iterator[Callable[[str], Running]]:
    """Start daemons with a ``[page]`` table, and see that none is left."""
    started: list[Running] = []

    def start(page: str) -> Running:
        started.append(Running(tmp_path, server.url(), page))
        return started[-1]

    yield start
    for each in started:
        each.process.kill()
        each.process.wait()


def get(port: int, path: str) -> httpx.Response | None:
    """Ask for *path*; ``None`` if nobody answers."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False)
    except httpx.TransportError:
        return None


def status(port: int, path: str) -> int | None:
    """Return how *path* is answered."""
    answer = get(port, path)
    return answer.status_code if answer else None


def table(port: int) -> str:
    """Return a ``[page]`` table."""
    return f"[page]\nport = {port}\n"


def test_it_tells_what_the_lamp_knows(run: Callable[[str], Running], server: FeedServer) -> None:
    """From the server to the lamp, and on to whoever asks why."""
    port = free_port()
    daemon = run(table(port))
    daemon.until(lambda: status(port, "/healthz") == 200)
    daemon.until(lambda: "1 project passes" in (get(port, "/") or httpx.Response(200)).text)

    server.answer = Answer(FEED.replace(b"Success", b"Failure").replace(b'"7"', b'"8"'))
    daemon.until(lambda: "shop is broken" in (get(port, "/") or httpx.Response(200)).text)

    feed, metrics = get(port, "/cc.xml"), get(port, "/metrics")
    assert feed is not None
    assert metrics is not None
    assert [(each.name, each.last_build_status) for each in parse(feed.content)] == [
        ("shop", "Failure")
    ]
    assert 'buildlight_lamp_signal{lamp="lamp",signal="broken"} 1\n' in metrics.text
    polls = next(line for line in metrics.text.splitlines() if line.startswith("buildlight_polls"))
    assert int(polls.split()[-1]) >= 2


def test_no_answer_holds_a_secret(run: Callable[[str], Running], server: FeedServer) -> None:
    """Not even where the server repeats the token in names, links and messages."""
    echo = FEED.replace(b'"shop"', f'"shop {TOKEN}"'.encode()).replace(
        b"https://ci.example/shop", f"https://ci:pa55-w0rd@ci.example/?token={TOKEN}".encode()
    )
    server.answer = Answer(echo.replace(b"Success", b"Failure"))
    port = free_port()
    daemon = run(table(port))
    daemon.until(lambda: "broken" in (get(port, "/metrics") or httpx.Response(200)).text)
    daemon.until(lambda: b"Failure" in (get(port, "/cc.xml") or httpx.Response(200)).content)
    paths = ["/", "/rest", "/parts", "/cc.xml", "/api/report", "/healthz", "/metrics"]
    told = [get(port, path) for path in paths]
    with httpx.stream("GET", f"http://127.0.0.1:{port}/events", trust_env=False) as events:
        followed = next(line for line in events.iter_lines() if line.startswith("data: "))
    server.answer = Answer(f"denied: {TOKEN}".encode(), status=403)
    daemon.until(lambda: "403" in (get(port, "/") or httpx.Response(200)).text)
    told += [get(port, path) for path in paths]

    assert server.requests[0].path.endswith(TOKEN)
    for answer in told:
        assert answer is not None
        assert TOKEN not in answer.text
        assert "pa55-w0rd" not in answer.text
        assert TOKEN not in str(answer.headers)
    assert TOKEN not in followed
    assert TOKEN not in daemon.log.read_text()


def test_a_reload_opens_moves_and_closes_it(run: Callable[[str], Running]) -> None:
    """The page follows the configuration; the lamp shines on meanwhile."""
    first, second = free_port(), free_port()
    daemon = run("")
    daemon.until(lambda: "lamp: passing" in daemon.log.read_text())
    assert status(first, "/") is None

    daemon.reload(table(first))
    daemon.until(lambda: status(first, "/healthz") == 200)
    daemon.reload(table(second))
    daemon.until(lambda: status(second, "/healthz") == 200)
    assert status(first, "/") is None
    daemon.reload("")
    daemon.until(lambda: status(second, "/") is None)

    said = daemon.log.read_text()
    assert said.count("configuration reloaded") == 3
    assert said.count("lamp: passing") == 1


def test_a_reload_that_leaves_the_page_leaves_its_followers(
    run: Callable[[str], Running], server: FeedServer
) -> None:
    """Whoever follows the page stays connected through a reload."""
    port = free_port()
    daemon = run(table(port))
    daemon.until(lambda: status(port, "/healthz") == 200)

    with httpx.stream("GET", f"http://127.0.0.1:{port}/events", trust_env=False) as events:
        lines = events.iter_lines()
        next(line for line in lines if line.startswith("event: "))
        daemon.reload(table(port) + 'names = ["lamp.example"]\n')
        daemon.until(lambda: "configuration reloaded" in daemon.log.read_text())
        renamed = httpx.get(
            f"http://127.0.0.1:{port}/healthz", headers={"Host": "lamp.example"}, trust_env=False
        )
        server.answer = Answer(FEED.replace(b"Success", b"Failure").replace(b'"7"', b'"8"'))
        assert next(line for line in lines if "shop is broken" in line)

    assert renamed.status_code == 200


def test_a_port_in_use_stops_no_lamp(run: Callable[[str], Running]) -> None:
    """It is said in a sentence, and the lamp shines."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        daemon = run(table(other.getsockname()[1]))
        daemon.until(lambda: "another program uses this port" in daemon.log.read_text())
        daemon.until(lambda: "lamp: passing" in daemon.log.read_text())

        assert daemon.process.poll() is None


def test_followers_keep_nobody_from_stopping(run: Callable[[str], Running]) -> None:
    """SIGTERM ends it with the page open, in good order, and the port is free at once."""
    port = free_port()
    daemon = run(table(port))
    daemon.until(lambda: status(port, "/healthz") == 200)

    with httpx.stream("GET", f"http://127.0.0.1:{port}/events", trust_env=False) as events:
        assert next(events.iter_lines()) == "retry: 3000"
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(PATIENCE) == 0

    assert "Traceback" not in daemon.log.read_text()
    with socket.create_server(("127.0.0.1", port)):
        pass


def test_before_the_first_answer_nothing_is_green(
    run: Callable[[str], Running], server: FeedServer
) -> None:
    """While the server is silent, the page is up and says that nobody knows."""
    server.answer = HANGS
    port = free_port()
    daemon = run(table(port))
    daemon.until(lambda: status(port, "/") == 200)

    page, feed = get(port, "/"), get(port, "/cc.xml")

    assert page is not None
    assert feed is not None
    assert "the feed has not answered yet" in page.text
    assert [(each.name, each.last_build_status) for each in parse(feed.content)] == [
        ("web", "Exception")
    ]
