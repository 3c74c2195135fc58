"""A daemon on virtual time: prints its memory in MB after some polls, and after many."""

import asyncio
import gc
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from documents import a_feed
from processes import Process
from support.world import Server, World


def main(feeds: int, projects: int, *counts: int) -> None:
    """Poll until each of *counts* is reached, and print the memory then."""
    servers = {f"ci{number}": Server() for number in range(feeds)}
    for server in servers.values():
        server.answer = a_feed(projects)

    async def story(world: World) -> None:
        polls = 0
        for count in counts:
            while polls < count:
                await asyncio.sleep(600)
                polls += sum(len(server.asked) for server in servers.values())
                for server in servers.values():
                    server.asked.clear()
                world.reports.clear()
                world.light.shown.clear()
            gc.collect()
            sys.stdout.write(f"{Process(os.getpid()).resident()}\n")
            sys.stdout.flush()

    World(**servers).run(story)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:]))
