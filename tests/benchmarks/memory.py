"""Memory: what a daemon holds after 1,000 polls, and whether it grows over 100,000.

Against a bare process that imports the same packages and makes one poll with httpx. The 100,000
polls are on virtual time, with the daemon, the lamp and the parser of every day, and no network.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

from processes import Process, folder, python
from scale import ask
from table import Row

FEEDS, PROJECTS = 5, 50
POLLS = 1_000
SOME, MANY = 10_000, 100_000
ROUNDS = 3

CONFIGURATION = """
interval = 0.02
building_interval = 0.02
{feeds}
[[lamps]]
driver = "gpio"
pins = {{ red = 17, amber = 27, green = 22 }}
"""

DAEMON = """
from buildlight.cli import main
main(["run", "--config", "buildlight.toml"])
"""

BARE = """
import asyncio, ssl, sys
import httpx, pydantic, gpiozero, defusedxml.ElementTree

async def poll():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    async with httpx.AsyncClient(verify=context) as client:
        await client.get(sys.argv[1])

asyncio.run(poll())
gpiozero.Device.pin_factory = None
print("polled", flush=True)
sys.stdin.read()
"""


def rows() -> Iterator[Row]:
    """Yield the rows of the table."""
    ours, bare = zip(*(_resident() for _ in range(ROUNDS)), strict=True)
    above = sorted(ours)[1] - sorted(bare)[1]
    yield Row(
        f"{FEEDS} feeds of {PROJECTS} projects, {POLLS:,} polls: MB above a bare process",
        f"{above:.1f} MB",
        "≤ 4 MB",
        met=above <= 4,
        shown=f"{sorted(ours)[1]:.1f} MB; bare: {sorted(bare)[1]:.1f} MB",
    )
    early, late = _virtual()
    grown = late - early
    yield Row(
        f"growth from {SOME:,} to {MANY:,} polls, on virtual time",
        f"{grown:.1f} MB",
        "≤ 0.5 MB",
        met=grown <= 0.5,
        shown=f"{late:.1f} MB",
    )


def _resident() -> tuple[float, float]:
    with ExitStack() as stack:
        place = stack.enter_context(folder())
        server = stack.enter_context(python("server.py", "--projects", str(PROJECTS)))
        assert server.stdout is not None
        url = f"http://127.0.0.1:{int(server.stdout.readline())}"
        feeds = "\n".join(f'[[feeds]]\nurl = "{url}/{number}"' for number in range(FEEDS))
        (place / "buildlight.toml").write_text(CONFIGURATION.format(feeds=feeds))
        bare = stack.enter_context(python(BARE, f"{url}/0"))
        assert bare.stdout is not None
        bare.stdout.readline()
        daemon = stack.enter_context(python(DAEMON, cwd=place))
        asked = 0
        while asked < POLLS:
            time.sleep(0.5)
            asked += sum(len(times) for times in ask(server)["asked"].values())
        return Process(daemon.pid).resident(), Process(bare.pid).resident()


def _virtual() -> tuple[float, float]:
    with python("virtual.py", str(FEEDS), str(PROJECTS), str(SOME), str(MANY)) as process:
        assert process.stdout is not None
        early, late = (float(process.stdout.readline()) for _ in range(2))
    return early, late


if __name__ == "__main__":
    sys.exit("run `python tests/benchmarks memory`")
