"""A fake forge on a real socket, for clients that take no transport of httpx."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread

import httpx


@contextmanager
def served(forge: httpx.AsyncBaseTransport, *, called: str = "https://here") -> Iterator[str]:
    """Serve *forge* on loopback; gives the address, to which addresses below *called* lead, too."""
    turn = Lock()

    class Handler(BaseHTTPRequestHandler):
        """Hands each request to the fake, one at a time."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """Answer."""
            here = f"http://{self.headers['Host']}"
            url = f"{here}{self.path}"
            request = httpx.Request("GET", url, headers=dict(self.headers))
            with turn:
                response, body = asyncio.run(_answer(forge, request))
            body = body.replace(called.encode(), here.encode())
            self.send_response(response.status_code)
            for name, value in response.headers.items():
                if name.lower() not in {"date", "content-length"}:
                    self.send_header(name, value.replace(called, here))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_told: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


async def _answer(
    forge: httpx.AsyncBaseTransport, request: httpx.Request
) -> tuple[httpx.Response, bytes]:
    response = await forge.handle_async_request(request)
    return response, await response.aread()
