"""The body of an answer: streamed, decompressed, limited in size."""

import asyncio
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress

from buildlight.errors import FeedMalformed
from buildlight.feeds.http.large import Share
from buildlight.network.http_library import httpx

MAX_BYTES = 16 * 2**20
"""Largest body, both as received and decompressed."""

INFLATED = 2**20
"""Most bytes to decompress at a time."""

REASON_BYTES = 2048
REASON_WAIT = 2.0
"""How much of the body of a refusal is read, and for how many seconds."""

_PLAIN = frozenset({"", "identity", "none", "utf-8", "utf8"})
"""Values of Content-Encoding for a body as it is; the last three are mistakes that servers make."""


async def read_body(response: httpx.Response, share: Share) -> bytearray:
    """Return the whole body of *response*, decompressed; raises :class:`FeedMalformed`.

    A large one waits for room in *share*.
    """
    # Not aiter_bytes: it would inflate a whole chunk of a gzip bomb at once.
    decode = _decoder(response.headers.get("Content-Encoding", "").strip().lower())
    # In one piece, which the C library gives back to the system: parts would be kept for long.
    body = bytearray()
    async for chunk in response.aiter_raw():
        # A large body may decompress to nothing.
        _refuse_large(response.num_bytes_downloaded)
        for part in (chunk,) if decode is None else decode(chunk):
            body += part
            _refuse_large(len(body))
            await share.grow(len(body))
    return body


async def read_reason(response: httpx.Response) -> str:
    """Return the first words of the body of a refusal, in lower case; empty if it has none.

    They tell one refusal from another, and are never shown: a server may repeat a token in them.
    """
    body = bytearray()
    with suppress(FeedMalformed, httpx.HTTPError, TimeoutError):
        async with asyncio.timeout(REASON_WAIT):
            decode = _decoder(response.headers.get("Content-Encoding", "").strip().lower())
            async for chunk in response.aiter_raw():
                body += chunk if decode is None else next(decode(chunk), b"")
                if len(body) >= REASON_BYTES:
                    break
    return body[:REASON_BYTES].decode(errors="replace").lower()


def _refuse_large(size: int) -> None:
    if size > MAX_BYTES:
        raise FeedMalformed(f"larger than {MAX_BYTES // 2**20} MiB; is it a feed?")


def _decoder(encoding: str) -> Callable[[bytes], Iterator[bytes]] | None:
    if encoding in _PLAIN:
        return None
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise FeedMalformed("unknown Content-Encoding; configure the server or proxy to use gzip")
    inflater = zlib.decompressobj(wbits=47)  # 32 + 15: gzip or zlib, whichever it is

    def inflate(chunk: bytes) -> Iterator[bytes]:
        try:
            # What follows the end is not the document, as in browsers; zlib would collect it. If
            # it was more of the document, the parser notices that it is missing.
            while chunk and not inflater.eof:
                yield inflater.decompress(chunk, INFLATED)
                chunk = inflater.unconsumed_tail
        except zlib.error as exc:
            raise FeedMalformed("damaged (it does not decompress); check any proxy") from exc

    return inflate
