"""The way of one poll that changes the lamp, from the HTTP transport to the LED.

    python tests/benchmarks/one_poll.py [--list]

Follows one answer that breaks a build, with ``sys.setprofile``, from the moment it leaves the
transport until the red pin of a mocked board is on. Counts the files and functions of buildlight
on that way by name, so that all comprehensions of a file count as one; ``--list`` prints them in
the order in which they are reached.
"""

import argparse
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import buildlight
from buildlight.lamps.group import Player, threaded
from buildlight.lamps.settings import LampSettings
from buildlight.patterns.pattern import Pattern
from support.examples import a_project
from support.world import PINS, Server, World

PACKAGE = str(Path(buildlight.__file__).parent)
MOST_FILES, MOST_FUNCTIONS = 20, 100
HANDED_OVER = {"notify", "notify_all", "put", "put_nowait", "set"}
"""What the loop calls to wake the thread of a lamp: there its part of the way ends."""


@dataclass(slots=True)
class Way:
    """The functions on the way: their full names by file and name, in the order of first events."""

    functions: dict[tuple[str, str], str] = field(default_factory=dict)
    under_way: bool = False
    handed_over: bool = False
    loop_thread: int = field(default_factory=threading.get_ident)

    @property
    def files(self) -> Counter[str]:
        """How many functions each file has on the way."""
        return Counter(file for file, _ in self.functions)

    def follow(self, frame: FrameType, event: str, called: Any) -> None:
        """Note the function of *frame*; what returns on the way is part of it, too."""
        if not self.under_way:
            return
        code = frame.f_code
        on_loop = threading.get_ident() == self.loop_thread
        if code.co_name == "_change_state" and code.co_filename.endswith("pins/mock.py"):
            pin, value = frame.f_locals["self"], frame.f_locals["value"]
            self.under_way = not (pin.info.name == f"GPIO{PINS['red']}" and value)
        elif on_loop and not self.handed_over:
            name = called.__name__ if event == "c_call" else code.co_name
            caller = frame if event == "c_call" else frame.f_back
            self.handed_over = (
                event in {"call", "c_call"}
                and name in HANDED_OVER
                and caller is not None
                and caller.f_code.co_filename.startswith(f"{PACKAGE}/lamps/")
            )
        if code.co_filename.startswith(PACKAGE) and not (on_loop and self.handed_over):
            file = code.co_filename.removeprefix(f"{PACKAGE}/")
            self.functions.setdefault((file, code.co_name), code.co_qualname)


@contextmanager
def _profiled(way: Way) -> Iterator[None]:
    threading.setprofile(way.follow)
    sys.setprofile(way.follow)
    try:
        yield
    finally:
        sys.setprofile(None)
        threading.setprofile(None)


def _opened(lamp: LampSettings, on_light: Callable[[], None]) -> Player:
    """Return the player of a daemon, whose light opens at once in virtual time, too."""
    player = threaded(lamp, on_light)
    start = player.start

    def start_and_wait(pattern: Pattern) -> None:
        start(pattern)
        while player.status().light is None:
            time.sleep(0.001)

    player.start = start_and_wait  # type: ignore[method-assign]
    return player


def one_poll() -> Way:
    """Let a daemon poll until a build breaks, and return the way of that answer."""
    way = Way()
    passing, broken = a_project("shop"), a_project("shop", last_build_status="Failure")

    class Followed(Server):
        async def handle(self, request: Any) -> Any:
            response = await super().handle(request)
            way.under_way |= self.answer == (broken,) and not way.functions
            return response

    server = Followed(passing)

    async def story(world: World) -> None:
        await world.wait(60)
        server.answer = (broken,)
        await world.wait(60)
        while way.under_way:  # The lamp's thread lives in real time.
            time.sleep(0.001)  # noqa: ASYNC251

    os.environ["GPIOZERO_PIN_FACTORY"] = "mock"
    with _profiled(way):
        World(make_player=_opened, shop=server).run(story)
    return way


def main() -> None:
    """Follow a poll, and tell."""
    arguments = argparse.ArgumentParser(description="Count files and functions on a poll's way.")
    arguments.add_argument("--list", action="store_true", help="name each function")
    way = one_poll()
    if arguments.parse_args().list:
        sys.stdout.writelines(f"{file}: {full}\n" for (file, _), full in way.functions.items())
    else:
        sys.stdout.writelines(f"{count:4} {file}\n" for file, count in way.files.most_common())
    sys.stdout.write(
        f"{len(way.files)} files (at most {MOST_FILES}), "
        f"{len(way.functions)} functions (at most {MOST_FUNCTIONS})\n"
    )


if __name__ == "__main__":
    main()
