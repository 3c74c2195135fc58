"""Finding the repository of a forge: recognised, asked with a token if need be, and printed."""

import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from buildlight import feeds
from buildlight.cli import main
from buildlight.config.settings import check_settings
from buildlight.feeds.discovery.forges import known_forge
from support.fake_forge import served
from support.fake_gitea import FakeForgejo, FakeGitea
from support.fake_github import FakeGitHub
from support.fake_gitlab import FakeGitLab
from support.servers import FEED, Answer, FeedServer

TOKEN = "glpat-0123456789abcdefgh"
LAMP = '\n[[lamps]]\ndriver = "console"\n'


class Host(httpx.AsyncBaseTransport):
    """A server with a forge in the folder *root*, which hides it from strangers if *private*."""

    def __init__(
        self,
        forge: httpx.AsyncBaseTransport,
        *,
        root: str = "",
        answers: Mapping[str, tuple[int, str]],
        private: str | None = None,
    ) -> None:
        self.forge, self.root, self.answers, self.private = forge, root, answers, private

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer."""
        path = request.url.raw_path.decode()
        if path.partition("?")[0] in self.answers:
            status, body = self.answers[path.partition("?")[0]]
            return httpx.Response(status, stream=httpx.ByteStream(body.encode()))
        hidden = self.private is not None and self.private not in request.headers.values()
        if hidden or not path.startswith(f"{self.root}/api/"):
            return httpx.Response(404, stream=httpx.ByteStream(b'{"message": "404 Not Found"}'))
        path = path.removeprefix(self.root)
        url = request.url.copy_with(raw_path=path.removeprefix("/api/v3").encode())
        return await self.forge.handle_async_request(
            httpx.Request("GET", url, headers=request.headers)
        )


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No proxy, and no secrets of whoever runs the tests."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setattr("buildlight.system.paths.SYSTEM", tmp_path / "system")


@contextmanager
def a_gitlab(*, root: str = "", private: str | None = None) -> Iterator[str]:
    """Serve a GitLab with one project, red; gives the address of a page of it."""
    gitlab = FakeGitLab()
    gitlab.clock = datetime.now(tz=UTC)
    gitlab.pipeline("failed")
    gitlab.pipeline("success", source="schedule")
    version = {f"{root}/api/v4/version": (401, '{"message":"401 Unauthorized"}')}
    with served(Host(gitlab, root=root, answers=version, private=private)) as address:
        yield f"{address}{root}/acme/tools/shop/-/pipelines"


def test_a_gitlab_of_ones_own_is_recognised_below_a_path(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Each pipeline is listed with its verdict, and the block can be pasted as it is."""
    with a_gitlab(root="/gitlab") as address:
        assert main(["discover", address]) == 0

    told = capsys.readouterr().out
    assert "#   shop: broken\n#   shop (schedule): passing\n" in told
    (table,) = tomllib.loads(told)["feeds"]
    root = address.partition("/acme")[0]
    assert table == {
        "name": "acme/tools/shop",
        "kind": "gitlab",
        "url": f"{root}/acme/tools/shop",
        "api": f"{root}/api/v4",
    }
    assert check_settings(tomllib.loads(told + LAMP)).feeds[0].name == "acme/tools/shop"


def test_a_private_project_is_read_with_a_token(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block names the token, and nothing shows it."""
    file = tmp_path / "token"
    file.write_text(TOKEN)
    with a_gitlab(private=TOKEN) as address:
        assert main(["discover", address]) == 1
        assert "if it is private, give a token with --token-file" in capsys.readouterr().err
        assert main(["discover", address, "--token-file", str(file)]) == 0

    told = capsys.readouterr()
    assert TOKEN not in told.out + told.err
    (table,) = tomllib.loads(told.out)["feeds"]
    assert table["auth"] == {"kind": "header", "name": "PRIVATE-TOKEN", "secret": "127.0.0.1"}


def test_a_github_enterprise_is_recognised(capsys: pytest.CaptureFixture[str]) -> None:
    """By its version, which only it tells."""
    github = FakeGitHub()
    github.clock = datetime.now(tz=UTC)
    github.end(github.push(), "failure")
    meta = {"/api/v3/meta": (200, '{"installed_version": "3.19.0"}')}

    with served(Host(github, answers=meta)) as address:
        assert main(["discover", f"{address}/acme/shop/actions/workflows/ci.yml"]) == 0

    told = capsys.readouterr().out
    assert "#   shop: ci: broken\n" in told
    (table,) = tomllib.loads(told)["feeds"]
    assert table == {"name": "acme/shop", "kind": "github", "url": f"{address}/acme/shop"}


@pytest.mark.parametrize(
    ("fake", "kind", "versions"),
    [
        (FakeGitea, "gitea", ["/api/v1/version"]),
        (FakeForgejo, "forgejo", ["/api/v1/version", "/api/forgejo/v1/version"]),
    ],
)
def test_a_gitea_and_a_forgejo_are_told_apart(
    fake: type[FakeGitea], kind: str, versions: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Forgejo answers as Gitea does, and has a version of its own beside it."""
    forge = fake()
    forge.clock = datetime.now(tz=UTC)
    forge.end(forge.push(), "failure")
    answers = dict.fromkeys(versions, (200, '{"version": "9.0"}'))

    with served(Host(forge, answers=answers)) as address:
        assert main(["discover", f"{address}/acme/shop/actions"]) == 0

    (table,) = tomllib.loads(capsys.readouterr().out)["feeds"]
    assert table == {"name": "acme/shop", "kind": kind, "url": f"{address}/acme/shop"}


def test_a_server_with_both_is_tried_both_ways(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CircleCI has an API and, for older projects, a cc.xml."""
    monkeypatch.setitem(feeds._KINDS, "127.0.0.1", "circleci")

    with FeedServer(Answer(b"", status=404)) as server:
        server.answers["/gh/acme/web.cc.xml"] = Answer(FEED)
        assert main(["discover", server.url("/gh/acme/web")]) == 0

    (table,) = tomllib.loads(capsys.readouterr().out)["feeds"]
    assert table["url"].endswith("/gh/acme/web.cc.xml")


@pytest.mark.parametrize(
    ("address", "kind", "url"),
    [
        ("https://github.com/acme/shop", "GitHubFeed", "https://github.com/acme/shop"),
        (
            "https://github.com/acme/shop/actions?query=branch%3Amain",
            "GitHubFeed",
            "https://github.com/acme/shop",
        ),
        (
            "https://gitlab.com/acme/tools/shop/-/pipelines",
            "GitLabFeed",
            "https://gitlab.com/acme/tools/shop",
        ),
        ("https://codeberg.org/acme/shop", "ForgejoFeed", "https://codeberg.org/acme/shop"),
        ("https://gitea.com/acme/shop/actions", "GiteaFeed", "https://gitea.com/acme/shop"),
        (
            "https://app.circleci.com/pipelines/github/acme/web",
            "CircleCIFeed",
            "https://app.circleci.com/pipelines/github/acme/web",
        ),
        ("https://circleci.com/gh/acme/web.cc.xml", None, None),
        ("https://ci.example/acme/shop", None, None),
        ("https://gitlab.com/acme/shop/cc.xml", None, None),
    ],
)
def test_public_forges_are_known_by_their_hosts(
    address: str, kind: str | None, url: str | None
) -> None:
    """A pasted address of a page leads to the repository."""
    forge = known_forge(address)

    assert (forge and forge.kind.__name__, forge and forge.url) == (kind, url)
