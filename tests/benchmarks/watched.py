"""A daemon that says when its lamp knew what: ends at the end of standard input.

Prints a line of JSON: for each project that was broken or mended in a report, its feed and the
machine's monotonic clock once every lamp had been told.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from buildlight.config.settings import load_settings
from buildlight.daemon.daemon import Daemon
from buildlight.daemon.state_file import StateFile
from buildlight.network.resolver import ResolverLoop
from buildlight.report.report import Report


async def main() -> None:
    """Run the daemon."""
    seen: list[tuple[str, float]] = []
    broken: set[str] = set()

    def note(report: Report) -> None:
        now = {feed for feed, _ in report.lamps[0].broken}
        seen.extend((feed, time.monotonic()) for feed in now ^ broken)
        broken.clear()
        broken.update(now)

    here = Path.cwd()
    settings = load_settings(Path("buildlight.toml"))
    daemon = Daemon(settings, on_report=note, folder=here, state=StateFile(here / "state"))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    await daemon.run(stop)
    sys.stdout.write(f"{json.dumps(seen)}\n")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=ResolverLoop) as runner:
        runner.run(main())
