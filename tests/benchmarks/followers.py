"""What it costs the daemon that many people have the page open: run this to see.

A real server with many projects, of which one breaks or is mended at every poll, a real
`buildlight run`, and followers on real sockets: first nobody, then all of them.

    .venv/bin/python tests/benchmarks/followers.py --followers 200 --projects 500
"""

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from buildlight.projects.ccxml import write
from publish.web.test_server import free_port
from support.examples import a_project
from support.servers import Answer, FeedServer, Request

BUILDLIGHT = Path(sys.executable).with_name("buildlight")
TICKS = os.sysconf("SC_CLK_TCK")


class Changing(FeedServer):
    """A server of so many projects, one of which is another at every poll."""

    def __init__(self, projects: int) -> None:
        super().__init__()
        rest = [
            a_project(
                f"shop-service-{number:03}",
                last_build_status="Success",
                last_build_label=str(number),
                web_url=f"https://ci.example/job/shop-service-{number:03}/",
            )
            for number in range(projects - 1)
        ]
        self._documents = [
            write([a_project("till", last_build_status=word), *rest])
            for word in ("Failure", "Success")
        ]
        self.polls: list[float] = []
        self.respond = self._answer

    def _answer(self, _request: Request) -> Answer:
        self.polls.append(time.monotonic())
        return Answer(self._documents[len(self.polls) % 2])


@contextmanager
def daemon(server: Changing, folder: Path, *, port: int, interval: float) -> Iterator[int]:
    """Run buildlight with a page, and yield its process id."""
    file = folder / "buildlight.toml"
    file.write_text(
        f"interval = {interval}\nbuilding_interval = {interval}\n[page]\nport = {port}\n"
        f'[[feeds]]\nname = "web"\nurl = "{server.url()}"\n[[lamps]]\ndriver = "console"\n'
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [BUILDLIGHT, "run", "--config", file],
            stdout=log,
            stderr=log,
            env={**os.environ, "XDG_STATE_HOME": str(folder)},
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait()


def cpu(pid: int) -> float:
    """Return the seconds of a core that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int) -> int:
    """Return the KiB of memory that a process has."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


async def follow(port: int, heard: list[float]) -> None:
    """Follow the page for ever; write down when each change was heard."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    writer.write(f"GET /events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
    try:
        while line := await reader.readline():
            if line == b"event: news\n":
                heard.append(time.monotonic())
    finally:
        writer.close()


async def phase(
    name: str, server: Changing, pid: int, heard: Sequence[list[float]], *, seconds: float
) -> None:
    """Watch for so many seconds, and tell what was seen."""
    before, first, start = cpu(pid), len(server.polls), time.monotonic()
    await asyncio.sleep(seconds)
    took, polls = time.monotonic() - start, server.polls[first:]
    gaps = [later - earlier for earlier, later in pairwise(polls)]
    print(f"{name}:")
    print(f"  the daemon used {(cpu(pid) - before) / took:.1%} of a core, {memory(pid)} KiB")
    print(
        f"  {len(polls)} polls, {statistics.mean(gaps):.3f} s apart, "
        f"{min(gaps):.3f} to {max(gaps):.3f}"
    )
    delays = sorted(
        at - max(poll for poll in polls if poll <= at)
        for each in heard
        for at in each
        if polls and at >= polls[0]
    )
    if delays:
        middle, last = delays[len(delays) // 2], delays[-1]
        print(f"  {len(delays)} changes heard, {middle:.3f} s after the poll, at most {last:.3f}")


async def main() -> None:
    """Measure."""
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("--followers", type=int, default=200)
    told.add_argument("--projects", type=int, default=500)
    told.add_argument("--interval", type=float, default=1.0)
    told.add_argument("--seconds", type=float, default=20.0)
    chosen = told.parse_args()
    port = free_port()
    with (
        tempfile.TemporaryDirectory() as folder,
        Changing(chosen.projects) as server,
        daemon(server, Path(folder), port=port, interval=chosen.interval) as pid,
    ):
        while len(server.polls) < 2:  # noqa: ASYNC110 - a server in a thread sets no event
            await asyncio.sleep(0.1)
        await phase("nobody looks", server, pid, [], seconds=chosen.seconds)
        heard: list[list[float]] = [[] for _ in range(chosen.followers)]
        async with asyncio.TaskGroup() as following:
            tasks = [following.create_task(follow(port, each)) for each in heard]
            await asyncio.sleep(2.0)
            for each in heard:
                each.clear()
            name = f"{chosen.followers} follow"
            await phase(name, server, pid, heard, seconds=chosen.seconds)
            print(f"  {sum(bool(each) for each in heard)} of them heard of changes")
            for task in tasks:
                task.cancel()


if __name__ == "__main__":
    asyncio.run(main())
