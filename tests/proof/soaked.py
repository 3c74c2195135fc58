"""The daemon of a soak: ``soaked.py FOLDER SECONDS``.

The folder holds its configuration, and gets its samples. It is `buildlight run` but for three
things: names are looked up in here, a poll has so many seconds, and once a second a thread writes
down what the process holds.
"""

import asyncio
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from buildlight.config.settings import check_settings
from buildlight.daemon import daemon
from buildlight.daemon.state_file import StateFile
from buildlight.feeds.http import client
from buildlight.network.resolver import ResolverLoop
from buildlight.system.paths import state_folder

FOLDER = Path(sys.argv[1])


def resolve(host: str | bytes, port: Any, *_: object) -> list[Any]:
    """Look a name up: every one is this machine, but for the one in the file ``nameless``."""
    name = host.decode() if isinstance(host, bytes) else host
    if name.startswith((FOLDER / "nameless").read_text() or "\n"):
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]


def sample(loop: asyncio.AbstractEventLoop) -> dict[str, float]:
    """Return what this process holds now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "seconds": round(time.monotonic() - BEGUN, 1),
        "memory": pages * os.sysconf("SC_PAGESIZE") / 2**20,
        "threads": threading.active_count(),
        "descriptors": len([*Path("/proc/self/fd").iterdir()]),
        "tasks": len(asyncio.all_tasks(loop)),
    }


def watch(loop: asyncio.AbstractEventLoop) -> None:
    """Write a sample a second."""
    with (FOLDER / "samples").open("a", buffering=1) as file:
        while True:
            time.sleep(1)
            file.write(json.dumps(sample(loop)) + "\n")


def main() -> None:
    """Run until a signal comes."""
    setattr(client, "LONGEST", float(sys.argv[2]))  # noqa: B010 - it is nobody else's to set
    settings = check_settings(json.loads((FOLDER / "tables.json").read_text()))
    with asyncio.Runner(loop_factory=lambda: ResolverLoop(resolve)) as runner:
        threading.Thread(target=watch, args=(runner.get_loop(),), daemon=True).start()
        runner.run(daemon._run_until_signal(settings, lambda: settings, StateFile(state_folder())))


BEGUN = time.monotonic()

if __name__ == "__main__":
    main()
