"""A Gitea or a Forgejo for tests: the repository acme/shop, and the answers of its API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from support.fake_github import OWN, FakeGitHub, FakeRun

NEVER = "0001-01-01T00:00:00Z"
_FORGEJO = {"in_progress": "running", "queued": "waiting", "waiting": "blocked"}


class FakeGitea(FakeGitHub):
    """What happens in it is what happens at GitHub; what it says has another shape."""

    async def handle_async_request(self, request: Any) -> Any:
        """Answer a request."""
        root = "/api/v1"
        url = request.url.copy_with(raw_path=request.url.raw_path.removeprefix(root.encode()))
        request.url = url
        response = await super().handle_async_request(request)
        for name in [name for name in response.headers if name.startswith("x-ratelimit")]:
            del response.headers[name]
        return response

    def _page(self, runs: list[FakeRun], query: Mapping[str, str]) -> dict[str, Any]:
        return super()._page(runs, {**query, "per_page": query.get("limit", "30")})

    def _row(self, run: FakeRun, attempt: int | None = None) -> dict[str, Any]:
        row = super()._row(run, attempt)
        ended = row["status"] == "completed"
        return {
            "id": run.id,
            "run_number": run.id,
            "run_attempt": row["run_attempt"],
            "path": f"{self.workflows[run.workflow]}@refs/heads/{run.branch}",
            "event": run.event,
            "status": row["status"],
            "conclusion": row["conclusion"] or "",
            "head_branch": run.branch,
            "head_sha": row["head_sha"],
            "repository": {"id": OWN},
            "head_repository": {"id": run.repository},
            "started_at": row["run_started_at"],
            "completed_at": row["updated_at"] if ended else NEVER,
            "html_url": f"https://gitea.example/acme/shop/actions/runs/{run.id}",
            "trigger_actor": {"login": "ada"},
        }

    def _jobs(self, row: Mapping[str, Any], attempt: Any) -> dict[str, Any]:  # type: ignore[override]
        other = "failure" if attempt.broken_job else attempt.conclusion
        return {
            "jobs": [{"id": 1, "run_id": row["id"], "status": "completed", "conclusion": other}]
        }


class FakeForgejo(FakeGitea):
    """Forgejo's rows: one word for status and conclusion, and no attempts."""

    def _row(self, run: FakeRun, attempt: int | None = None) -> dict[str, Any]:
        assert attempt is None, "Forgejo counts no attempts"
        shown = run.last
        return {
            "id": run.id,
            "index_in_repo": run.id,
            "workflow_id": self.workflows[run.workflow],
            "prettyref": run.branch,
            "trigger_event": run.event,
            "is_fork_pull_request": run.repository != OWN,
            "status": shown.conclusion or _FORGEJO.get(shown.status, shown.status),
            "commit_sha": f"{run.id:040x}",
            "created": _time(run.attempts[0].began),
            "started": _time(shown.began),
            "stopped": _time(run.touched) if shown.conclusion else NEVER,
            "updated": _time(run.touched),
            "html_url": f"https://codeberg.org/acme/shop/actions/runs/{run.id}",
            "trigger_user": {"login": "ada"},
        }

    def _about(self, run: FakeRun, rest: list[str]) -> object:
        match rest:
            case []:
                return self._row(run)
            case ["jobs"]:
                return [{"id": 1, "status": "failure" if run.last.broken_job else "cancelled"}]
        return None


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S+00:00")
