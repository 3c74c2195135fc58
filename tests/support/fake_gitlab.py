"""A GitLab for tests: the project acme/tools/shop, its pipelines, and the answers of its API."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import blake2b
from itertools import takewhile
from typing import Any

import httpx

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PROJECTS = ("/api/v4/projects/acme%2Ftools%2Fshop", "/api/v4/projects/5")
"""Its address by path, and by number."""
WEB = "https://gitlab.com/acme/tools/shop"
UNFINISHED = frozenset({"created", "pending", "preparing", "running", "scheduled"})
DECISIVE = {"success": "passing", "failed": "broken"}
OF_BRANCH = frozenset({"push", "web", "api", "schedule", "trigger"})


@dataclass
class FakePipeline:
    """A pipeline; *retried_red* is whether its jobs show a failure that was retried.

    *ended* is how it ended each time before its jobs were retried.
    """

    id: int
    ref: str = "main"
    status: str = "running"
    source: str = "push"
    retried_red: bool = False
    began: datetime = NOON
    touched: datetime = NOON
    ended: list[str] = field(default_factory=list)
    shown: datetime | None = None


class FakeGitLab(httpx.AsyncBaseTransport):
    """The API, as an HTTP transport."""

    def __init__(self) -> None:
        self.pipelines: list[FakePipeline] = []
        self.expired: list[FakePipeline] = []
        """Pipelines that the project's retention took."""
        self.replica: list[FakePipeline] | None = None
        """What lists show, if they come from a database that lags behind; see :meth:`lag`."""
        self.default_branch: str | None = "main"
        self.clock = NOON
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.requests: list[str] = []
        self._ids = 100

    # What people and machines do.

    def pipeline(self, status: str = "running", **changes: Any) -> FakePipeline:
        """Begin a pipeline, or one that has ended."""
        self._ids += 1
        made = FakePipeline(self._ids, status=status, **changes)
        made.began = made.touched = self.clock
        self.pipelines.append(made)
        return made

    def become(self, pipeline: FakePipeline, status: str) -> None:
        """Have *pipeline* begin, wait or end."""
        pipeline.status, pipeline.touched = status, self.clock

    def has_shown(self, pipeline: FakePipeline) -> bool:
        """Return whether *pipeline* was read as it is: nothing else tells what a retry hides."""
        return pipeline.shown == pipeline.touched

    def retry(self, pipeline: FakePipeline) -> None:
        """Run its failed or cancelled jobs again, or one of those that passed."""
        pipeline.ended.append(pipeline.status)
        pipeline.retried_red |= pipeline.status == "failed"
        self.become(pipeline, "running")

    def delete(self, pipeline: FakePipeline) -> None:
        """Remove it, as people do: a red one is forgotten, what has passed has passed."""
        self.pipelines.remove(pipeline)
        if _verdict(pipeline) == "passing":
            self.expired.append(pipeline)

    def expire(self, count: int) -> None:
        """Remove the oldest pipelines, as retention does, whose end everybody has seen."""
        old = takewhile(
            lambda each: each.status not in UNFINISHED and self.has_shown(each), self.pipelines
        )
        ended = [*old][:count]
        self.expired += ended
        self.pipelines = [each for each in self.pipelines if each not in ended]

    def lag(self) -> None:
        """Have lists show what is there now, until :attr:`replica` is None again."""
        self.replica = deepcopy(self.pipelines)

    def truth(self, *, scheduled: bool = False) -> str | None:
        """Return ``broken`` or ``passing``: how the newest pipeline that decides has ended."""
        for pipeline in sorted([*self.pipelines, *self.expired], key=lambda each: -each.id):
            if pipeline.ref != "main" or pipeline.source not in OF_BRANCH:
                continue
            if (pipeline.source == "schedule") is not scheduled:
                continue
            if (verdict := _verdict(pipeline)) is not None:
                return verdict
        return None

    # What the API answers.

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        raw = request.url.raw_path.decode()
        self.requests.append(raw)
        limits = {
            "Date": format_datetime(self.clock, usegmt=True),
            "Content-Type": "application/json",
            "RateLimit-Limit": "2000",
            "RateLimit-Remaining": "1999",
            "RateLimit-Reset": str(int(self.clock.timestamp()) + 30),
            "Cache-Control": "max-age=0, private, must-revalidate",
        }
        if self.refusal is not None:
            status, headers = self.refusal
            return _response(status, {**limits, **headers}, b"Retry later")
        address = raw.partition("?")[0]
        root = next((each for each in PROJECTS if f"{address}/".startswith(f"{each}/")), None)
        query = dict(request.url.params)
        document = self._document(address.removeprefix(root), query) if root else None
        if document is None:
            return _response(404, limits, b'{"message": "404 Not Found"}')
        if isinstance(document, list):
            limits |= _next_page(request.url, document)
        body = json.dumps(document).encode()
        etag = f'W/"{blake2b(body, digest_size=8).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            return _response(304, {**limits, "ETag": etag}, b"")
        return _response(200, {**limits, "ETag": etag}, body)

    def _document(self, path: str, query: Mapping[str, str]) -> object:
        match path.strip("/").split("/"):
            case [""]:
                return {
                    "id": 5,
                    "name": "shop",
                    "path_with_namespace": "acme/tools/shop",
                    "default_branch": self.default_branch,
                    "web_url": WEB,
                }
            case ["pipelines"]:
                known = self.pipelines if self.replica is None else self.replica
                rows = [each for each in reversed(known) if self._is_listed(each, query)]
                size, page = int(query.get("per_page", 20)), int(query.get("page", 1))
                return [_row(each) for each in rows[(page - 1) * size : page * size]]
            case ["pipelines", number, *rest]:
                found = next((each for each in self.pipelines if each.id == int(number)), None)
                return None if found is None else _jobs(found) if rest else _row(found)
        return None

    def _is_listed(self, pipeline: FakePipeline, query: Mapping[str, str]) -> bool:
        if pipeline.source == "parent_pipeline":
            return False
        if "source" in query:
            return pipeline.source == query["source"] and query.get("ref") in (None, pipeline.ref)
        # The filter adds the merge requests whose source branch it is.
        return pipeline.ref == query.get("ref") or pipeline.ref.startswith("refs/merge-requests/")


def _verdict(pipeline: FakePipeline) -> str | None:
    """Return ``broken`` or ``passing``: how it ended the last time that decides."""
    words = (pipeline.status, *reversed(pipeline.ended))
    return next((DECISIVE[word] for word in words if word in DECISIVE), None)


def _next_page(url: httpx.URL, rows: list[object]) -> dict[str, str]:
    """Return the header that leads on, if *rows* fill their page."""
    page, size = (int(url.params.get(*each)) for each in (("page", 1), ("per_page", 20)))
    if len(rows) < size:
        return {}
    return {"Link": f'<{url.copy_merge_params({"page": page + 1})}>; rel="next"'}


def _response(status: int, headers: Mapping[str, str], body: bytes) -> httpx.Response:
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


def _row(pipeline: FakePipeline) -> dict[str, Any]:
    pipeline.shown = pipeline.touched
    return {
        "id": pipeline.id,
        "iid": pipeline.id - 100,
        "project_id": 5,
        "sha": f"{pipeline.id:040x}",
        "ref": pipeline.ref,
        "status": pipeline.status,
        "source": pipeline.source,
        "created_at": pipeline.began.strftime("%Y-%m-%dT%H:%M:%S.123Z"),
        "updated_at": pipeline.touched.strftime("%Y-%m-%dT%H:%M:%S.456Z"),
        "web_url": f"{WEB}/-/pipelines/{pipeline.id}",
        "name": None,
    }


def _jobs(pipeline: FakePipeline) -> list[dict[str, Any]]:
    last = pipeline.status if pipeline.status != "manual" else "success"
    jobs = [_job(2, pipeline, last)]
    if pipeline.retried_red:
        jobs.append({**_job(1, pipeline, "failed"), "retried": True})
    return jobs


def _job(number: int, pipeline: FakePipeline, status: str) -> dict[str, Any]:
    return {
        "id": number,
        "name": f"job {number}",
        "stage": "test",
        "ref": pipeline.ref,
        "status": status,
        "allow_failure": False,
        "pipeline": {"id": pipeline.id, "status": pipeline.status},
        "web_url": f"{WEB}/-/jobs/{number}",
    }
