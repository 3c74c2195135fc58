"""A CI server in a process of its own: prints its port, then answers until it is ended.

``/N`` is feed N. With ``--hang 10`` each tenth never answers; with ``--flips S`` a project of some
feed breaks or is mended every S seconds on average. A line on standard input is answered with what
happened: how often each feed was asked, the longest wait between two requests, and the flips with
the time of the first request that could see each.
"""

import argparse
import asyncio
import json
import random
import sys
import time
from collections import defaultdict
from contextlib import suppress

from documents import a_feed


class Server:
    """All feeds; times are those of the machine's monotonic clock, which its processes share."""

    def __init__(self, chosen: argparse.Namespace) -> None:
        self._hang = chosen.hang
        self._states = [[a_feed(chosen.projects, failing=failing) for failing in (0, 1)]]
        self._broken: set[int] = set()
        self.asked: dict[int, list[float]] = defaultdict(list)
        self.flips: list[tuple[int, float]] = []

    def flip(self, feed: int) -> None:
        """Break a project of *feed*, or mend it."""
        self._broken ^= {feed}
        self.flips.append((feed, time.monotonic()))

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        # The other side has gone, as it may.
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                feed = int(head.split(b" ", 2)[1].strip(b"/"))
                self.asked[feed].append(time.monotonic())
                if self._hang and feed % self._hang == self._hang - 1:
                    await reader.read()
                    break
                writer.write(self._answer(feed, head))
                await writer.drain()
        writer.close()

    def _answer(self, feed: int, head: bytes) -> bytes:
        broken = feed in self._broken
        etag = b'"%d"' % broken
        if b'if-none-match: "%d"' % broken in head.lower():
            return b"HTTP/1.1 304 Not Modified\r\nETag: %b\r\n\r\n" % etag
        body = self._states[0][broken]
        told = b"HTTP/1.1 200 OK\r\nETag: %b\r\nContent-Length: %d\r\n\r\n" % (etag, len(body))
        return told + body

    def told(self) -> str:
        """Return what happened, as JSON, and forget it."""
        document = {"asked": self.asked, "flips": self.flips}
        self.asked, self.flips = defaultdict(list), []
        return json.dumps(document)


async def _flip_now_and_then(server: Server, chosen: argparse.Namespace) -> None:
    dice = random.Random(9)
    sound = [n for n in range(chosen.feeds) if not chosen.hang or n % chosen.hang < chosen.hang - 1]
    while chosen.flips:
        await asyncio.sleep(dice.expovariate(1 / chosen.flips))
        server.flip(dice.choice(sound))


async def _main() -> None:
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--feeds", type=int, default=1)
    arguments.add_argument("--projects", type=int, default=50)
    arguments.add_argument("--hang", type=int, default=0)
    arguments.add_argument("--flips", type=float, default=0.0)
    chosen = arguments.parse_args()
    server = Server(chosen)
    listening = await asyncio.start_server(server.talk, "127.0.0.1", 0, backlog=2048)
    sys.stdout.write(f"{listening.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    flipping = asyncio.create_task(_flip_now_and_then(server, chosen))
    questions = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(questions), sys.stdin
    )
    while await questions.readline():
        sys.stdout.write(f"{server.told()}\n")
        sys.stdout.flush()
    flipping.cancel()


if __name__ == "__main__":
    asyncio.run(_main())
