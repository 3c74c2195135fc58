"""A GitLab for tests: the project acme/tools/shop, its pipelines, and the answers of its API."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from hashlib import blake2b
from typing import Any

import httpx

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PROJECT = "/api/v4/projects/acme%2Ftools%2Fshop"


@dataclass
class FakePipeline:
    """A pipeline; *retried_red* is whether its jobs show a failure that was retried."""

    id: int
    ref: str = "main"
    status: str = "running"
    source: str = "push"
    retried_red: bool = False
    began: datetime = NOON
    touched: datetime = NOON


class FakeGitLab(httpx.AsyncBaseTransport):
    """The API, as an HTTP transport."""

    def __init__(self) -> None:
        self.pipelines: list[FakePipeline] = []
        self.default_branch: str | None = "main"
        self.clock = NOON
        self.refusal: tuple[int, dict[str, str]] | None = None
        self.requests: list[str] = []
        self._ids = 100

    def pipeline(self, status: str = "running", **changes: Any) -> FakePipeline:
        """Begin a pipeline, or one that has ended."""
        self._ids += 1
        made = FakePipeline(self._ids, status=status, **changes)
        made.began = made.touched = self.clock
        self.pipelines.append(made)
        return made

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        raw = request.url.raw_path.decode()
        self.requests.append(raw)
        limits = {
            "Date": format_datetime(self.clock, usegmt=True),
            "RateLimit-Limit": "2000",
            "RateLimit-Remaining": "1999",
            "RateLimit-Reset": str(int(self.clock.timestamp()) + 30),
            "Cache-Control": "max-age=0, private, must-revalidate",
        }
        if self.refusal is not None:
            status, headers = self.refusal
            return _response(status, {**limits, **headers}, b"Retry later")
        path = raw.partition("?")[0].removeprefix(PROJECT)
        document = self._document(path, dict(request.url.params))
        if document is None or not raw.startswith(PROJECT):
            return _response(404, limits, b'{"message": "404 Not Found"}')
        body = json.dumps(document).encode()
        etag = f'W/"{blake2b(body, digest_size=8).hexdigest()}"'
        if request.headers.get("If-None-Match") == etag:
            return _response(304, {**limits, "ETag": etag}, b"")
        return _response(200, {**limits, "ETag": etag}, body)

    def _document(self, path: str, query: Mapping[str, str]) -> object:
        match path.strip("/").split("/"):
            case [""]:
                return {"id": 5, "default_branch": self.default_branch}
            case ["pipelines"]:
                rows = [each for each in reversed(self.pipelines) if self._is_listed(each, query)]
                return [_row(each) for each in rows[: int(query.get("per_page", 20))]]
            case ["pipelines", number, *rest]:
                found = next((each for each in self.pipelines if each.id == int(number)), None)
                return None if found is None else _jobs(found) if rest else _row(found)
        return None

    def _is_listed(self, pipeline: FakePipeline, query: Mapping[str, str]) -> bool:
        if "source" in query:
            return pipeline.source == query["source"] and pipeline.ref == query.get("ref")
        # The filter adds the merge requests whose source branch it is.
        return pipeline.ref == query.get("ref") or pipeline.ref.startswith("refs/merge-requests/")


def _response(status: int, headers: Mapping[str, str], body: bytes) -> httpx.Response:
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(body))


def _row(pipeline: FakePipeline) -> dict[str, Any]:
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
        "web_url": f"https://gitlab.com/acme/tools/shop/-/pipelines/{pipeline.id}",
        "name": None,
    }


def _jobs(pipeline: FakePipeline) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = [{"id": 2, "status": "running", "allow_failure": False}]
    if pipeline.retried_red:
        jobs.append({"id": 1, "status": "failed", "allow_failure": False, "retried": True})
    return jobs
