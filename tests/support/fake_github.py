"""A GitHub for tests: a repository with workflows and runs, and the answers of its API.

It behaves as GitHub was seen to: a re-run keeps its number, filtered lists may lag behind, every
answer has an ETag and counts against a limit, 304 is free.
"""

import json
from collections import deque
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import blake2b
from itertools import takewhile
from typing import Any

import httpx

from support import github_documents as documents

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OWN, FORK = 1, 2
UNFINISHED = ("queued", "requested", "pending", "waiting", "in_progress")
BROKEN = frozenset({"failure", "timed_out", "startup_failure"})
COUNTED = frozenset({"push", "schedule", "workflow_dispatch", "repository_dispatch"})
HOUR = timedelta(hours=1)


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


@dataclass
class Quota:
    """The limit of one token, which several repositories may share."""

    limit: int = 5000
    remaining: int = 5000
    resets_at: datetime = NOON + HOUR

    def renew(self, clock: datetime) -> None:
        """Begin another hour, if the last one is over."""
        if clock >= self.resets_at:
            self.remaining = self.limit
            self.resets_at = clock + HOUR


class FakeGitHub(httpx.AsyncBaseTransport):
    """The repository *full_name*, as an HTTP transport."""

    def __init__(
        self,
        *,
        workflows: Mapping[int, str] | None = None,
        limit: int = 5000,
        full_name: str = "acme/shop",
        quota: Quota | None = None,
    ) -> None:
        self.full_name = full_name
        self.workflows = dict(workflows or {5: "ci.yml"})
        self.states = dict.fromkeys(self.workflows, "active")
        self.runs: list[FakeRun] = []
        self.expired: list[FakeRun] = []
        """Runs that retention took: they ended as they did, and nobody can ask for them."""
        self.indexed: list[FakeRun] | None = None
        """What filtered lists show, if they lag behind."""
        self.replica: list[FakeRun] | None = None
        """What all lists show, if they lag behind; see :meth:`lag`."""
        self.default_branch = "main"
        self.clock = NOON
        self.quota = quota or Quota(limit, limit)
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.before: Callable[[], object] | None = None
        """Called before each answer: what happens in the middle of a poll."""
        self.answers: deque[tuple[str, object]] = deque(maxlen=1000)
        """Each path, and the document that it was answered with; the last thousand."""
        self.requests: list[str] = []
        self.listed_at = NOON
        """When somebody read a list that does not lag behind."""
        self.unchanged = 0
        self._ids = 100
        self._numbers: dict[int, int] = {}

    @property
    def limit(self) -> int:
        """Requests an hour."""
        return self.quota.limit

    @property
    def remaining(self) -> int:
        """Requests that are left."""
        return self.quota.remaining

    @remaining.setter
    def remaining(self, requests: int) -> None:
        self.quota.remaining = requests

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
        """Remove it, as people do: a red one is forgotten, what has passed has passed."""
        self.runs.remove(run)
        if _verdict(run) == "passing":
            self.expired.append(run)

    def expire(self, count: int) -> None:
        """Remove the oldest runs, as retention does, whose end everybody has seen."""
        old = takewhile(
            lambda run: run.last.conclusion is not None and run.touched < self.listed_at, self.runs
        )
        ended = [*old][:count]
        self.expired += ended
        self.runs = self.runs[len(ended) :]

    def lag(self) -> None:
        """Have all lists show what is there now, until :attr:`replica` is None again."""
        self.replica = deepcopy(self.runs)

    def truth(self, workflow: int = 5, branch: str = "main") -> str | None:
        """Return ``broken`` or ``passing``: how the newest decisive attempt on *branch* ended."""
        for run in sorted([*self.runs, *self.expired], key=lambda each: -each.number):
            ours = run.repository == OWN and run.branch == branch and run.workflow == workflow
            if not ours or run.event not in COUNTED:
                continue
            if (verdict := _verdict(run)) is not None:
                return verdict
        return None

    # What the API answers.

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request.url.raw_path.decode())
        if self.before is not None:
            self.before()
        self.quota.renew(self.clock)
        if self.refusal is not None:
            status, headers = self.refusal
            return self._response(status, {"message": "no"}, headers=headers)
        path = request.url.path.removeprefix(f"/repos/{self.full_name}")
        document = self._document(path, dict(request.url.params))
        if document is None:
            self.remaining -= 1
            return self._response(404, {"message": "Not Found"})
        self.answers.append((path, document))
        more = _next_page(request.url, document)
        etag = f'W/"{blake2b(json.dumps(document).encode(), digest_size=8).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            self.unchanged += 1
            return self._response(304, None, headers={"ETag": etag})
        self.remaining -= 1
        return self._response(200, document, headers={"ETag": etag, **more})

    def _response(
        self, status: int, document: object, *, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        limits = {
            "date": format_datetime(self.clock, usegmt=True),
            "Content-Type": "application/json; charset=utf-8",
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-used": str(self.limit - self.remaining),
            "x-ratelimit-reset": str(int(self.quota.resets_at.timestamp())),
            "x-ratelimit-resource": "core",
            "Cache-Control": "private, max-age=60, s-maxage=60",
        }
        told = {name.lower(): value for name, value in {**limits, **(headers or {})}.items()}
        body = b"" if document is None else json.dumps(document).encode()
        return httpx.Response(status, headers=told, stream=httpx.ByteStream(body))

    def _document(self, path: str, query: Mapping[str, str]) -> object:
        match path.strip("/").split("/"):
            case [""]:
                return documents.whole_repository(OWN, self.full_name, branch=self.default_branch)
            case ["actions", "workflows"]:
                rows = [self._workflow(number) for number in self.workflows]
                return {"total_count": len(rows), "workflows": rows}
            case ["actions", "runs"]:
                if self.replica is None:
                    self.listed_at = self.clock
                return self._page(self._listed, query)
            case ["actions", "workflows", number, "runs"]:
                return self._history(int(number), query)
            case ["actions", "runs", number, *rest]:
                found = next((run for run in self.runs if run.id == int(number)), None)
                return None if found is None else self._about(found, rest)
        return None

    @property
    def _listed(self) -> list[FakeRun]:
        return self.runs if self.replica is None else self.replica

    def _history(self, workflow: int, query: Mapping[str, str]) -> object:
        lags = "branch" in query and self.indexed is not None
        known = self.indexed if lags and self.indexed is not None else self._listed
        branch = query.get("branch")
        own = [run for run in known if run.workflow == workflow and branch in (None, run.branch)]
        return self._page(own, query)

    def _about(self, run: FakeRun, rest: list[str]) -> object:
        match rest:
            case []:
                return self._row(run)
            case ["jobs"]:
                return self._jobs(self._row(run), run.last)
            case ["attempts", number, *jobs] if 0 < int(number) <= len(run.attempts):
                if jobs:
                    return self._jobs(self._row(run, int(number)), run.attempts[int(number) - 1])
                return self._row(run, int(number))
        return None

    def _workflow(self, number: int) -> dict[str, Any]:
        file, state = self.workflows[number], self.states[number]
        return documents.workflow(number, file, state, full_name=self.full_name)

    def _page(self, runs: list[FakeRun], query: Mapping[str, str]) -> dict[str, Any]:
        size, page = int(query.get("per_page", 30)), int(query.get("page", 1))
        newest = sorted(runs, key=lambda run: -run.id)
        rows = newest[(page - 1) * size : page * size]
        return {"total_count": len(runs), "workflow_runs": [self._row(run) for run in rows]}

    def _row(self, run: FakeRun, attempt: int | None = None) -> dict[str, Any]:
        number = len(run.attempts) if attempt is None else attempt
        shown = run.attempts[number - 1]
        began, sha = run.attempts[0].began, f"{run.id:040x}"
        own = documents.repository(OWN, self.full_name)
        from_fork = documents.repository(FORK, "mallory/shop")
        return {
            "id": run.id,
            "node_id": f"WFR_{run.id}",
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
            "head_sha": sha,
            "head_commit": documents.commit(sha, began),
            "repository": own,
            "head_repository": own if run.repository == OWN else from_fork,
            "created_at": documents.time(began),
            "run_started_at": documents.time(shown.began),
            "updated_at": documents.time(run.touched),
            "actor": documents.user("ada"),
            "triggering_actor": documents.user("ada"),
            "pull_requests": [],
            **documents.run_addresses(self.full_name, run.id, number, run.workflow),
        }

    @staticmethod
    def _jobs(row: Mapping[str, Any], attempt: Attempt) -> dict[str, Any]:
        other = "failure" if attempt.broken_job else attempt.conclusion
        jobs = [documents.job(1, row, "success"), documents.job(2, row, other)]
        return {"total_count": 2, "jobs": jobs}


def _verdict(run: FakeRun) -> str | None:
    """Return ``broken`` or ``passing``: how the newest attempt that decides has ended."""
    for attempt in reversed(run.attempts):
        ended = attempt.conclusion
        if ended in BROKEN or (ended == "cancelled" and attempt.broken_job):
            return "broken"
        if ended == "success":
            return "passing"
    return None


def _next_page(url: httpx.URL, document: object) -> dict[str, str]:
    """Return the header that leads on, if the rows of *document* fill their page."""
    rows = document.get("workflow_runs") if isinstance(document, dict) else None
    page, size = (int(url.params.get(*each)) for each in (("page", 1), ("per_page", 30)))
    if not isinstance(rows, list) or len(rows) < size:
        return {}
    query = url.copy_merge_params({"page": page + 1}).raw_path.decode()
    return {"Link": f'<{documents.API}{query}>; rel="next"'}
