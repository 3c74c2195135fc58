"""Prism serves GitHub's own description of its API, and refuses what that does not allow."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from buildlight.feeds.github.feed import GitHubFeed
from buildlight.feeds.github.options import GitHubOptions
from buildlight.feeds.sharing import Network

PATIENCE = 60.0


@pytest.fixture(scope="module")
def prism(parts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Prism."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("prism") / "log"
    command: list[str | Path] = [parts / "node_modules/.bin/prism", "mock", "--port", str(port)]
    with (
        log.open("w") as out,
        subprocess.Popen([*command, parts / "github.json"], stdout=out, stderr=out) as process,
    ):
        until = time.monotonic() + PATIENCE
        while "Prism is listening" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
        process.terminate()


class Watched(httpx.AsyncHTTPTransport):
    """A real connection that notes what was asked for, and how it was answered."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, int]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass *request* on."""
        assert request.headers["Accept"] == "application/vnd.github+json"
        request.headers["Accept"] = "application/json"  # The only type that the description names.
        response = await super().handle_async_request(request)
        self.seen.append((request.url.path.rpartition("octocat/hello")[2], response.status_code))
        return response


def test_github_allows_our_requests(prism: str) -> None:
    """Each path, each parameter, each header: Prism answers with GitHub's own examples."""
    watched = Watched()

    async def read() -> list[str]:
        options = GitHubOptions(url="https://github.com/octocat/hello", api=prism)
        feed = GitHubFeed.open(options, network=Network(transport=watched))
        return [each.name for each in (await feed.read()).projects]

    asyncio.run(read())

    assert {path for path, _ in watched.seen} >= {"", "/actions/workflows", "/actions/runs"}
    assert {status for _, status in watched.seen} == {200}


def test_prism_refuses_what_github_does_not_allow(prism: str) -> None:
    """Or the test above would prove nothing."""
    answer = httpx.get(f"{prism}/repos/octocat/hello/actions/runs?per_page=many", trust_env=False)

    assert answer.status_code == 422
