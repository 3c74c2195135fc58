"""Clients that others maintain read from our fakes what is in them."""

import json
import subprocess
from pathlib import Path
from typing import Any

import httpx

from support.fake_forge import served
from support.fake_github import FakeGitHub
from support.fake_gitlab import FakeGitLab
from support.github_documents import API

HERE = Path(__file__).parent


def read(parts: Path, kind: str, forge: httpx.AsyncBaseTransport) -> Any:
    """Return what the other client of *kind* reads from *forge*."""
    with served(forge, called=API) as address:
        ended = subprocess.run(
            [parts / "readers/bin/python", HERE / "second_reader.py", kind, address],
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_pygithub_reads_our_github(parts: Path) -> None:
    """Workflows, runs of several pages, attempts, jobs."""
    github = FakeGitHub(workflows={5: "ci.yml", 6: "busy.yml"})
    for _ in range(35):
        github.end(github.push())
    run = github.push()
    github.end(run, "failure")
    github.rerun(run)
    github.end(run, "cancelled", broken_job=True)

    told = read(parts, "github", github)

    assert told["branch"] == "main"
    assert told["workflows"]["6"] == [".github/workflows/busy.yml", "active"]
    assert len(told["runs"]) == 36
    assert told["runs"][0] == [36, 2, "completed", "cancelled"]
    assert told["first"] == [".github/workflows/ci.yml", "push", "main", 1]
    assert told["own"][0] == run.id
    assert told["jobs"] == ["success", "failure"]
    assert told["again"] == "2026-11-20T12:00:00+00:00"


def test_python_gitlab_reads_our_gitlab(parts: Path) -> None:
    """Pipelines of several pages, their jobs, those of a schedule."""
    gitlab = FakeGitLab()
    nightly = gitlab.pipeline("success", source="schedule")
    for _ in range(24):
        gitlab.pipeline("success")
    last = gitlab.pipeline("failed")
    gitlab.retry(last)

    told = read(parts, "gitlab", gitlab)

    assert told["branch"] == "main"
    assert len(told["pipelines"]) == 26
    assert told["pipelines"][0] == [26, "running", "push", "main"]
    assert told["jobs"] == ["running", "failed"]
    assert told["scheduled"] == [nightly.id]
