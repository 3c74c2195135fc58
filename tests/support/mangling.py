"""Answers in which one field has another type, for any fake forge."""

import json

import httpx
from hypothesis import strategies as st

SHAPES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ["id", "workflow_id", "path", "run_number", "run_attempt", "event", "status", "conclusion"]
KEYS += ["head_branch", "repository", "head_repository", "run_started_at", "updated_at", "html_url"]
KEYS += ["workflow_runs", "workflows", "default_branch", "jobs", "state", "actor", "head_sha"]
KEYS += ["name", "started", "stopped"]


class Mangled(httpx.AsyncBaseTransport):
    """The answers of *forge*, with *value* wherever *key* is."""

    def __init__(self, forge: httpx.AsyncBaseTransport, key: str, value: object) -> None:
        self.forge, self.key, self.value = forge, key, value

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer otherwise."""
        response = await self.forge.handle_async_request(request)
        body = await response.aread()
        if body:
            body = json.dumps(json.loads(body, object_hook=self._mangle)).encode()
        stream = httpx.ByteStream(body)
        return httpx.Response(response.status_code, headers=response.headers, stream=stream)

    def _mangle(self, found: dict[str, object]) -> dict[str, object]:
        return {**found, self.key: self.value} if self.key in found else found
