"""A CircleCI for tests: the project gh/acme/shop, its pipelines, and the answers of API v2."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PAGE = 20
BROKEN = frozenset({"failed", "error", "unauthorized", "failing"})


@dataclass
class FakeWorkflow:
    """A workflow; *broken_job* is what its jobs say if it was cancelled."""

    id: str
    name: str
    status: str
    created: datetime
    stopped: datetime | None = None
    broken_job: bool = False


@dataclass
class FakeCircle:
    """A pipeline."""

    number: int
    branch: str
    created: datetime
    state: str = "created"
    workflows: list[FakeWorkflow] = field(default_factory=list)


class FakeCircleCI(httpx.AsyncBaseTransport):
    """The API, as an HTTP transport."""

    def __init__(self) -> None:
        self.pipelines: list[FakeCircle] = []
        self.default_branch: str | None = "main"
        self.clock = NOON
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.requests: list[str] = []
        self._ids = 0

    # What people and machines do.

    def push(self, *names: str, branch: str = "main", status: str = "running") -> FakeCircle:
        """Begin a pipeline with workflows called *names*."""
        made = FakeCircle(len(self.pipelines) + 1, branch, self.clock)
        self.pipelines.append(made)
        for name in names or ("build",):
            self.run(made, name, status)
        return made

    def run(self, pipeline: FakeCircle, name: str, status: str = "running") -> FakeWorkflow:
        """Begin a workflow, perhaps again."""
        self._ids += 1
        self.clock += timedelta(seconds=1)
        made = FakeWorkflow(f"w{self._ids}", name, "running", self.clock)
        pipeline.workflows.append(made)
        self.become(made, status)
        return made

    def become(self, workflow: FakeWorkflow, status: str, *, broken_job: bool = False) -> None:
        """Have *workflow* wait or end."""
        workflow.status, workflow.broken_job = status, broken_job
        unfinished = status in ("running", "failing", "on_hold")
        workflow.stopped = None if unfinished else self.clock

    def truth(self, name: str = "build") -> str | None:
        """Return ``broken`` or ``passing``: how the newest attempt that decides has ended."""
        for pipeline in reversed(self.pipelines):
            for workflow in reversed(pipeline.workflows if pipeline.branch == "main" else []):
                if workflow.name == name:
                    if workflow.status in BROKEN or workflow.broken_job:
                        return "broken"
                    if workflow.status == "success":
                        return "passing"
        return None

    # What the API answers.

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        self.requests.append(request.url.raw_path.decode())
        headers = {"Date": format_datetime(self.clock, usegmt=True)}
        if self.refusal is not None:
            status, more = self.refusal
            return _response(status, headers | more, {"message": "no"})
        document = self._document(request.url.path, dict(request.url.params))
        if document is None:
            return _response(404, headers, {"message": "Not found"})
        return _response(200, headers, document)

    def _document(self, path: str, query: dict[str, str]) -> object:
        match path.removeprefix("/api/v2/").split("/"):
            case ["project", "gh", "acme", "shop"]:
                return {
                    "slug": "gh/acme/shop",
                    "name": "shop",
                    "vcs_info": {"provider": "GitHub", "default_branch": self.default_branch},
                }
            case ["project", "gh", "acme", "shop", "pipeline"]:
                return self._page(query)
            case ["pipeline", number, "workflow"]:
                rows = self.pipelines[int(number.removeprefix("p")) - 1].workflows
                return {"items": [_row(each) for each in reversed(rows)], "next_page_token": None}
            case ["workflow", name, "job"]:
                found = next(
                    each for one in self.pipelines for each in one.workflows if each.id == name
                )
                status = "failed" if found.broken_job else "canceled"
                return {"items": [{"id": "j1", "status": status}], "next_page_token": None}
        return None

    def _page(self, query: dict[str, str]) -> object:
        branch, begin = query.get("branch"), int(query.get("page-token", "0"))
        known = [each for each in reversed(self.pipelines) if branch in (None, each.branch)]
        more = str(begin + PAGE) if len(known) > begin + PAGE else None
        rows = [_pipeline(each) for each in known[begin : begin + PAGE]]
        return {"items": rows, "next_page_token": more}


def _pipeline(pipeline: FakeCircle) -> dict[str, Any]:
    return {
        "id": f"p{pipeline.number}",
        "number": pipeline.number,
        "project_slug": "gh/acme/shop",
        "state": pipeline.state,
        "errors": [],
        "created_at": _time(pipeline.created),
        "updated_at": _time(pipeline.created),
        "trigger": {"type": "webhook", "actor": {"login": "ada"}},
        "vcs": {"provider_name": "GitHub", "branch": pipeline.branch, "revision": "c0ffee"},
    }


def _row(workflow: FakeWorkflow) -> dict[str, Any]:
    return {
        "id": workflow.id,
        "name": workflow.name,
        "status": workflow.status,
        "created_at": _time(workflow.created),
        "stopped_at": workflow.stopped and _time(workflow.stopped),
    }


def _time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.123Z")


def _response(status: int, headers: dict[str, str], document: object) -> httpx.Response:
    body = httpx.ByteStream(json.dumps(document).encode())
    return httpx.Response(status, headers=headers, stream=body)
