"""Prints as JSON what another client reads from a server: ``second_reader.py KIND ADDRESS``.

Runs in the environment of the other clients.
"""

import json
import sys
from typing import Any


def github(address: str) -> dict[str, Any]:
    """Read with PyGithub."""
    from github import Github  # noqa: PLC0415 - each has its own library

    repository = Github(base_url=address, retry=None).get_repo("acme/shop")
    runs = repository.get_workflow_runs()
    first = runs[0]
    return {
        "branch": repository.default_branch,
        "workflows": {each.id: [each.path, each.state] for each in repository.get_workflows()},
        "runs": [[run.run_number, run.run_attempt, run.status, run.conclusion] for run in runs],
        "first": [first.path, first.event, first.head_branch, first.head_repository.id],
        "own": [run.id for run in repository.get_workflows()[0].get_runs(branch="main")],
        "jobs": [job.conclusion for job in first.jobs()],
        "again": repository.get_workflow_run(first.id).run_started_at.isoformat(),
    }


def gitlab(address: str) -> dict[str, Any]:
    """Read with python-gitlab."""
    import gitlab as library  # noqa: PLC0415

    project = library.Gitlab(address).projects.get("acme/tools/shop")
    listed = project.pipelines.list(ref="main", get_all=True)
    first = project.pipelines.get(listed[0].id)
    return {
        "branch": project.default_branch,
        "pipelines": [[each.iid, each.status, each.source, each.ref] for each in listed],
        "jobs": [job.status for job in first.jobs.list(include_retried=True, get_all=True)],
        "scheduled": [each.id for each in project.pipelines.list(source="schedule", get_all=True)],
    }


json.dump({"github": github, "gitlab": gitlab}[sys.argv[1]](sys.argv[2]), sys.stdout)
