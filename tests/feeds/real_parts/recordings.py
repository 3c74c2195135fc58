"""What the real GitHub answered to others: the exchanges in PyGithub's source archive."""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

API = "api.github.com"
_BEGIN = re.compile(
    r"^https?\n(GET)\n(.+)\n.*\n(/.*)\n.*\n.*\n(\d{3})\n(\[.*\])\n(.*)\n", re.MULTILINE
)
_ENCODED = frozenset({"content-encoding", "content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One answer to a GET of *path*."""

    file: str
    path: str
    status: int
    headers: tuple[tuple[str, str], ...]
    body: str

    @property
    def document(self) -> object:
        """What the answer says; ``None`` unless it is JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None

    def response(self) -> httpx.Response:
        """Return the answer, as it came off the wire but for its compression."""
        body = httpx.ByteStream(self.body.encode())
        return httpx.Response(self.status, headers=[*self.headers], stream=body)


def exchanges(folder: Path) -> Iterator[Exchange]:
    """Yield every GET of GitHub's API in *folder*."""
    for file in sorted(folder.glob("*.txt")):
        for _, host, path, status, headers, body in _BEGIN.findall(file.read_text("utf-8")):
            if host == API:
                told = tuple(
                    (str(name), str(value))
                    for name, value in ast.literal_eval(headers)
                    if name.lower() not in _ENCODED
                )
                yield Exchange(file.name, path, int(status), told, body)


class Replay(httpx.AsyncBaseTransport):
    """A server that answers each path of *known* as it was recorded."""

    def __init__(self, known: Mapping[str, Exchange]) -> None:
        self.known = known

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answer, whatever the query; 404 if nobody has asked for the path."""
        found = self.known.get(request.url.raw_path.decode().partition("?")[0])
        if found is None:
            return httpx.Response(404, stream=httpx.ByteStream(b'{"message": "Not Found"}'))
        return found.response()
