"""A GitHub for tests: a repository with workflows and runs, and the answers of its API.

It behaves as GitHub was seen to: a re-run keeps its number, filtered lists may lag behind, every
answer has an ETag and counts against a limit, 304 is free.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import blake2b
from typing import Any

import httpx

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OWN, FORK = 1, 2
UNFINISHED = ("queued", "requested", "pending", "waiting", "in_progress")
BROKEN = frozenset({"failure", "timed_out", "startup_failure"})


@dataclass
class Attempt:
    """One attempt of a run; *broken_job* is what its jobs say if it was cancelled."""

    status: str = "queued"
    conclusion: str | None = None
    broken_job: bool = False
    began: datetime = NOON


@dataclass
class FakeRun:
    """A run with all of its attempts."""

    id: int
    workflow: int
    number: int
    branch: str = "main"
    event: str = "push"
    repository: int = OWN
    attempts: list[Attempt] = field(default_factory=lambda: [Attempt()])
    touched: datetime = NOON

    @property
    def last(self) -> Attempt:
        """The attempt that a listing shows."""
        return self.attempts[-1]


class FakeGitHub(httpx.AsyncBaseTransport):
    """The repository acme/shop, as an HTTP transport."""

    def __init__(self, *, workflows: Mapping[int, str] | None = None, limit: int = 5000) -> None:
        self.workflows = dict(workflows or {5: "ci.yml"})
        self.states = dict.fromkeys(self.workflows, "active")
        self.runs: list[FakeRun] = []
        self.indexed: list[FakeRun] | None = None
        """What filtered lists show, if they lag behind."""
        self.default_branch = "main"
        self.clock = NOON
        self.limit, self.remaining = limit, limit
        self.resets_at = NOON + timedelta(hours=1)
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.requests: list[str] = []
        self.unchanged = 0
        self._ids = 100
        self._numbers: dict[int, int] = {}

    # What people and machines do.

    def push(self, workflow: int = 5, **changes: Any) -> FakeRun:
        """Begin a run."""
        self._ids += 1
        self._numbers[workflow] = self._numbers.get(workflow, 0) + 1
        run = FakeRun(self._ids, workflow, self._numbers[workflow], **changes)
        run.last.began = run.touched = self.clock
        self.runs.append(run)
        return run

    def start(self, run: FakeRun) -> None:
        """Give it a runner."""
        run.last.status, run.touched = "in_progress", self.clock

    def end(self, run: FakeRun, conclusion: str = "success", *, broken_job: bool = False) -> None:
        """End its last attempt."""
        run.last.status, run.last.conclusion = "completed", conclusion
        run.last.broken_job, run.touched = broken_job, self.clock

    def rerun(self, run: FakeRun) -> None:
        """Begin another attempt."""
        run.attempts.append(Attempt(status="in_progress", began=self.clock))
        run.touched = self.clock

    def delete(self, run: FakeRun) -> None:
        """Remove it, as people and retention do."""
        self.runs.remove(run)

    def truth(self, workflow: int = 5, branch: str = "main") -> str | None:
        """Return ``broken`` or ``passing``: how the newest decisive attempt on *branch* ended."""
        for run in sorted(self.runs, key=lambda each: -each.number):
            ours = run.repository == OWN and run.branch == branch and run.workflow == workflow
            if not ours or run.event.startswith("pull_request"):
                continue
            for attempt in reversed(run.attempts):
                ended = attempt.conclusion
                if ended in BROKEN or (ended == "cancelled" and attempt.broken_job):
                    return "broken"
                if ended == "success":
                    return "passing"
        return None

    # What the API answers.

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request.url.raw_path.decode())
        if self.refusal is not None:
            status, headers = self.refusal
            return self._response(status, {"message": "no"}, headers=headers)
        path = request.url.path.removeprefix("/repos/acme/shop")
        document = self._document(path, dict(request.url.params))
        if document is None:
            return self._response(404, {"message": "Not Found"})
        etag = f'W/"{blake2b(json.dumps(document).encode(), digest_size=8).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            self.unchanged += 1
            return self._response(304, None, headers={"ETag": etag})
        self.remaining -= 1
        return self._response(200, document, headers={"ETag": etag})

    def _response(
        self, status: int, document: object, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        limits = {
            "date": format_datetime(self.clock, usegmt=True),
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(int(self.resets_at.timestamp())),
            "Cache-Control": "private, max-age=60, s-maxage=60",
        }
        told = {name.lower(): value for name, value in {**limits, **(headers or {})}.items()}
        body = b"" if document is None else json.dumps(document).encode()
        return httpx.Response(status, headers=told, stream=httpx.ByteStream(body))

    def _document(self, path: str, query: Mapping[str, str]) -> object:
        match path.strip("/").split("/"):
            case [""]:
                return {"default_branch": self.default_branch, "archived": False}
            case ["actions", "workflows"]:
                rows = [self._workflow(number) for number in self.workflows]
                return {"total_count": len(rows), "workflows": rows}
            case ["actions", "runs"]:
                return self._page(self.runs, query)
            case ["actions", "workflows", number, "runs"]:
                return self._history(int(number), query)
            case ["actions", "runs", number, *rest]:
                found = next((run for run in self.runs if run.id == int(number)), None)
                return None if found is None else self._about(found, rest)
        return None

    def _history(self, workflow: int, query: Mapping[str, str]) -> object:
        lags = "branch" in query and self.indexed is not None
        known = self.indexed if lags and self.indexed is not None else self.runs
        branch = query.get("branch")
        own = [run for run in known if run.workflow == workflow and branch in (None, run.branch)]
        return self._page(own, query)

    def _about(self, run: FakeRun, rest: list[str]) -> object:
        match rest:
            case ["attempts", number, "jobs"]:
                return self._jobs(run.attempts[int(number) - 1])
            case ["attempts", number]:
                return self._row(run, int(number))
        return self._row(run)

    def _workflow(self, number: int) -> dict[str, Any]:
        return {
            "id": number,
            "name": f"Workflow {number}",
            "path": f".github/workflows/{self.workflows[number]}",
            "state": self.states[number],
        }

    def _page(self, runs: list[FakeRun], query: Mapping[str, str]) -> dict[str, Any]:
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        newest = sorted(runs, key=lambda run: -run.id)
        rows = newest[(page - 1) * size : page * size]
        return {"total_count": len(runs), "workflow_runs": [self._row(run) for run in rows]}

    def _row(self, run: FakeRun, attempt: int | None = None) -> dict[str, Any]:
        number = len(run.attempts) if attempt is None else attempt
        shown = run.attempts[number - 1]
        return {
            "id": run.id,
            "name": "CI",
            "display_title": "A change",
            "workflow_id": run.workflow,
            "path": f".github/workflows/{self.workflows[run.workflow]}",
            "run_number": run.number,
            "run_attempt": number,
            "event": run.event,
            "status": shown.status,
            "conclusion": shown.conclusion,
            "head_branch": run.branch,
            "head_sha": f"{run.id:040x}",
            "repository": {"id": OWN},
            "head_repository": {"id": run.repository},
            "created_at": _time(run.attempts[0].began),
            "run_started_at": _time(shown.began),
            "updated_at": _time(run.touched),
            "html_url": f"https://github.com/acme/shop/actions/runs/{run.id}",
            "actor": {"login": "ada"},
            "pull_requests": [],
        }

    def _jobs(self, attempt: Attempt) -> dict[str, Any]:
        other = "failure" if attempt.broken_job else attempt.conclusion
        jobs = [{"id": 1, "conclusion": "success"}, {"id": 2, "conclusion": other}]
        return {"total_count": 2, "jobs": jobs}


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
