"""One lamp for GitHub, GitLab and a cc.xml feed: real processes, real sockets."""

import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from socket import socket
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from support.fake_forge import served
from support.fake_github import FakeGitHub, FakeRun
from support.fake_gitlab import FakeGitLab
from support.running import BUILDLIGHT, Daemon, until
from support.servers import FEED, Answer, FeedServer

TOKEN = "ghp_0123456789abcdef0123456789abcdef"


class Office:
    """A repository on GitHub, a project on GitLab, and a Jenkins; *file* is the configuration."""

    def __init__(self, folder: Path, *, github: str, gitlab: str, jenkins: str) -> None:
        self.github, self.gitlab = FakeGitHub(), FakeGitLab()
        with socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.text = f"""
interval = 0.3
[[feeds]]
url = "https://github.com/acme/shop"
api = "{github}"
auth = {{ kind = "bearer", secret = "github" }}
[[feeds]]
kind = "gitlab"
url = "{gitlab}/acme/tools/shop"
[[feeds]]
name = "jenkins"
url = "{jenkins}"
[[lamps]]
driver = "console"
[page]
port = {self.port}
"""
        self.file = folder / "office.toml"
        self.file.write_text(self.text)

    def push(self, conclusion: str) -> FakeRun:
        """End a run on GitHub."""
        run = self.github.push()
        self.github.end(run, conclusion)
        return run

    def check(self) -> str:
        """Return what `buildlight check` says; all of the office has to be sound."""
        done = subprocess.run(
            [BUILDLIGHT, "check", "--all", "--config", self.file],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert TOKEN not in done.stdout + done.stderr
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def merged(self) -> str:
        """Return the cc.xml of the page; empty while nobody answers."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/cc.xml") as answer:
                return str(answer.read().decode())
        except URLError:
            return ""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    """Everything passes but what a test breaks."""
    for name in [name for name in os.environ if name.upper().startswith("BUILDLIGHT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("BUILDLIGHT_SECRET_GITHUB", TOKEN)
    github, gitlab = FakeGitHub(), FakeGitLab()
    github.clock = gitlab.clock = datetime.now(tz=UTC)
    gitlab.pipeline("success")
    with (
        served(github, called="https://api.github.com") as hub,
        served(gitlab) as lab,
        FeedServer(Answer(FEED)) as jenkins,
    ):
        office = Office(tmp_path, github=hub, gitlab=lab, jenkins=jenkins.url())
        office.github, office.gitlab = github, gitlab
        yield office


def test_a_check_shows_one_lamp_for_all_three(office: Office) -> None:
    """Red on GitHub is enough; mended, all of them together are green."""
    run = office.push("failure")
    red = office.check()

    assert red.startswith("lamp would show: red\n  because shop: ci (acme/shop) is broken")
    assert "shop (acme/tools/shop): passing" in red

    office.github.rerun(run)
    office.github.end(run)
    assert office.check().startswith("lamp would show: green\n")

    office.gitlab.pipeline("failed")
    assert "shop (acme/tools/shop) is broken" in office.check()


def test_the_page_is_a_bridge_for_clients_of_cc_xml(
    office: Office, run: Callable[..., Daemon]
) -> None:
    """CCMenu, Nevergreen and CCTray follow GitHub and GitLab through it, re-runs and all."""
    red = office.push("failure")
    daemon = run(office.text)

    until(
        lambda: '"shop: ci" activity="Sleeping" lastBuildStatus="Failure"' in office.merged(),
        daemon,
    )
    gitlab = 'name="shop (acme/tools/shop)" activity="Sleeping" lastBuildStatus="Success"'
    until(lambda: gitlab in office.merged(), daemon)  # Jenkins has a shop, too.
    office.github.rerun(red)
    until(
        lambda: '"shop: ci" activity="Building" lastBuildStatus="Failure"' in office.merged(),
        daemon,
    )
    office.github.end(red)
    until(lambda: 'lastBuildStatus="Success" lastBuildLabel="1.2"' in office.merged(), daemon)

    assert daemon.stop() == 0
    assert TOKEN not in daemon.said()
