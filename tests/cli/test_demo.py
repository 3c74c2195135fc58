"""The demo: a day that shows everything a lamp can say, and an end that is clean."""

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from buildlight.cli.demo import ACTS
from buildlight.projects.signal import RANKS
from buildlight.system.posix_signals import ENDING
from support.world import Server, World

BUILDLIGHT = Path(sys.executable).with_name("buildlight")
PATIENCE = 30.0


def test_the_day_shows_every_signal_that_a_lamp_with_news_can_have() -> None:
    """A newcomer sees green, building, red, both, a forgetful server, and a silent one."""
    servers = {name: Server() for name in ACTS[0].servers}

    async def story(world: World) -> None:
        for act in ACTS:
            for name, projects in act.servers.items():
                down = httpx.ConnectError("down")
                servers[name].answer = down if projects is None else projects
            await world.wait(160)

    world = World(jenkins=servers["jenkins"], travis=servers["travis"]).run(story)

    assert world.signals[world.signals.index("passing") :] == [
        "passing",
        "passing-building",
        "broken",
        "broken-building",
        "passing",
        "passing-building",
        "broken",
        "broken-building",
        "passing",
        "stale",
        "passing",
    ]
    assert {*RANKS.values()} >= {*world.signals}


def test_the_demo_ends_by_itself_in_the_dark() -> None:
    """With --seconds it needs nobody to stop it."""
    done = subprocess.run(
        [BUILDLIGHT, "demo", "--seconds", "2"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert done.stderr == ""
    assert lines[0] == "lamp: amber double-blink"
    assert {*lines[1:3]} == {"lamp: green", "09:00  Everything passes."}
    assert lines[-3:-1] == ["18:00  The day is over: the lamp goes dark.", "lamp: off"]
    assert "buildlight discover" in lines[-1]


@pytest.mark.parametrize("number", ENDING, ids=lambda each: each.name)
def test_an_interrupted_demo_ends_cleanly(number: signal.Signals) -> None:
    """Ctrl-C leaves a dark lamp and no traceback."""
    with subprocess.Popen(
        [BUILDLIGHT, "demo"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as demo:
        assert demo.stdout is not None
        while "green" not in (line := demo.stdout.readline()):
            assert line

        demo.send_signal(number)
        out, err = demo.communicate(timeout=PATIENCE)

    assert demo.returncode == 0
    assert err == ""
    assert out.splitlines()[-2] == "lamp: off"
