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
from buildlight.report.update import Update


class Changes:
    """A publisher that notes when a feed came to be broken, or was no longer."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []
        self._broken: set[str] = set()

    def publish(self, update: Update) -> None:
        """Note what changed."""
        now = {feed for feed, _ in update.report.lamps[0].broken}
        self.seen.extend((feed, time.monotonic()) for feed in now ^ self._broken)
        self._broken = now

    def close(self, _timeout: float) -> None:
        """Nothing to finish."""


async def main() -> None:
    """Run the daemon."""
    changes = Changes()
    here = Path.cwd()
    settings = load_settings(Path("buildlight.toml"))
    daemon = Daemon(settings, publishers=[changes], folder=here, state=StateFile(here / "state"))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, stop.set)
    await daemon.run(stop)
    sys.stdout.write(f"{json.dumps(changes.seen)}\n")


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=ResolverLoop) as runner:
        runner.run(main())
