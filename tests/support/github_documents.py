"""Documents of GitHub's API, whole, as its OpenAPI description wants them."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

API = "https://api.github.com"
WEB = "https://github.com"

_OF_USER = (
    *("events", "followers", "following", "gists", "organizations", "received_events", "repos"),
    *("starred", "subscriptions"),
)
_OF_REPOSITORY = (
    *("archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits"),
    *("compare", "contents", "contributors", "deployments", "downloads", "events", "forks"),
    *("git_commits", "git_refs", "git_tags", "hooks", "issue_comment", "issue_events", "issues"),
    *("keys", "labels", "languages", "merges", "milestones", "notifications", "pulls"),
    *("releases", "stargazers", "statuses", "subscribers", "subscription", "tags", "teams"),
    "trees",
)
_COUNTS = (
    *("forks", "forks_count", "open_issues", "open_issues_count", "size", "stargazers_count"),
    *("watchers", "watchers_count", "network_count", "subscribers_count"),
)
_SWITCHES = ("has_issues", "has_projects", "has_wiki", "has_pages", "has_discussions", "disabled")


def time(moment: datetime) -> str:
    """Return *moment* as GitHub writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def user(login: str) -> Mapping[str, Any]:
    """Return a user, or an organization, in short."""
    url = f"{API}/users/{login}"
    return {
        "login": login,
        "id": len(login),
        "node_id": f"U_{login}",
        "avatar_url": f"{url}/avatar",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{WEB}/{login}",
        "type": "User",
        "site_admin": False,
        **{f"{each}_url": f"{url}/{each}" for each in _OF_USER},
    }


@cache
def repository(number: int, full_name: str) -> Mapping[str, Any]:
    """Return a repository in short, as it stands in each row."""
    owner, name = full_name.split("/")
    url = f"{API}/repos/{full_name}"
    return {
        "id": number,
        "node_id": f"R_{number}",
        "name": name,
        "full_name": full_name,
        "private": False,
        "owner": user(owner),
        "html_url": f"{WEB}/{full_name}",
        "description": None,
        "fork": number != 1,
        "url": url,
        **{f"{each}_url": f"{url}/{each}" for each in _OF_REPOSITORY},
    }


def whole_repository(number: int, full_name: str, *, branch: str) -> dict[str, Any]:
    """Return a repository as it is asked for by its name."""
    page = f"{WEB}/{full_name}"
    then = "2026-01-01T00:00:00Z"
    return {
        **repository(number, full_name),
        "clone_url": f"{page}.git",
        "git_url": f"git://github.com/{full_name}.git",
        "ssh_url": f"git@github.com:{full_name}.git",
        "svn_url": page,
        "default_branch": branch,
        "homepage": None,
        "language": None,
        "license": None,
        "mirror_url": None,
        "archived": False,
        "pushed_at": then,
        "created_at": then,
        "updated_at": then,
        **dict.fromkeys(_COUNTS, 0),
        **dict.fromkeys(_SWITCHES, False),
    }


def workflow(number: int, file: str, state: str, *, full_name: str) -> dict[str, Any]:
    """Return a row of the list of workflows."""
    return {
        "id": number,
        "node_id": f"W_{number}",
        "name": f"Workflow {number}",
        "path": f".github/workflows/{file}",
        "state": state,
        "created_at": "2026-01-01T00:00:00.000+10:00",
        "updated_at": "2026-01-01T00:00:00.000+10:00",
        "url": f"{API}/repos/{full_name}/actions/workflows/{number}",
        "html_url": f"{WEB}/{full_name}/blob/main/.github/workflows/{file}",
        "badge_url": f"{WEB}/{full_name}/workflows/{number}/badge.svg",
    }


def commit(sha: str, moment: datetime) -> dict[str, Any]:
    """Return the head commit of a run."""
    person = {"name": "Ada", "email": "ada@acme.example"}
    return {
        "id": sha,
        "tree_id": sha,
        "message": "A change",
        "timestamp": time(moment),
        "author": person,
        "committer": person,
    }


def run_addresses(full_name: str, number: int, attempt: int, workflow: int) -> dict[str, Any]:
    """Return the addresses in a row of a run."""
    repository_url = f"{API}/repos/{full_name}"
    url = f"{repository_url}/actions/runs/{number}"
    parts = ("jobs", "logs", "cancel", "rerun", "artifacts")
    return {
        "url": url,
        "html_url": f"{WEB}/{full_name}/actions/runs/{number}",
        "check_suite_url": f"{repository_url}/check-suites/{number}",
        "workflow_url": f"{repository_url}/actions/workflows/{workflow}",
        "previous_attempt_url": f"{url}/attempts/{attempt - 1}" if attempt > 1 else None,
        **{f"{each}_url": f"{url}/{each}" for each in parts},
    }


def job(number: int, run: Mapping[str, Any], conclusion: str | None) -> dict[str, Any]:
    """Return a job of the attempt that the row *run* shows."""
    url = f"{run['repository']['url']}/actions"
    return {
        "id": number,
        "node_id": f"J_{number}",
        "run_id": run["id"],
        "run_url": run["url"],
        "run_attempt": run["run_attempt"],
        "head_sha": run["head_sha"],
        "head_branch": run["head_branch"],
        "workflow_name": run["name"],
        "name": f"Job {number}",
        "status": "completed" if conclusion else "in_progress",
        "conclusion": conclusion,
        "created_at": run["created_at"],
        "started_at": run["run_started_at"],
        "completed_at": run["updated_at"] if conclusion else None,
        "url": f"{url}/jobs/{number}",
        "html_url": f"{run['html_url']}/job/{number}",
        "check_run_url": f"{url}/check-runs/{number}",
        "labels": ["ubuntu-latest"],
        "steps": [],
        "runner_id": None,
        "runner_name": None,
        "runner_group_id": None,
        "runner_group_name": None,
    }
