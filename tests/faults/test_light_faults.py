"""Faults of lights: the builds are followed all the while, and the light that comes back is right.

While the light fails the builds turn from green to red. Whatever the fault, the other lamp shows
that at once, and the failing one as soon as its light is well: never the old green again.
"""

import fcntl
import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from buildlight.patterns.pattern import Channel
from buildlight.report.shown import Light
from faults.fault_light import FaultLight, Mood
from faults.stage import TRUTHS, Stage
from support.figures import note

pytestmark = pytest.mark.timeout(120)


@dataclass(frozen=True, slots=True)
class LightFault:
    """One thing that goes wrong with a light: *begin* it, *end* it, and what is *told* of it."""

    name: str
    begin: Callable[[FaultLight, ExitStack], None]
    told: str
    end: Callable[[FaultLight], None] = lambda _light: None
    harmless: bool = False
    pty_only: bool = False
    late: bool = False
    """Whether what it was told before the fault may reach it after it."""
    quiet: bool = False
    """Whether a lamp that stays as it is need not notice it soon: what it shows is still true."""


def _moody(mood: Mood) -> Callable[[FaultLight, ExitStack], None]:
    def begin(light: FaultLight, _stack: ExitStack) -> None:
        light.mood = mood

    return begin


def _well(light: FaultLight) -> None:
    light.mood = Mood.WELL


def _unplug(light: FaultLight, _stack: ExitStack) -> None:
    light.unplug()


def _no_permission(light: FaultLight, _stack: ExitStack) -> None:
    """Take the device from whoever opens it anew."""
    light.unplug()
    light.plug()
    light.forbid()


def _held(light: FaultLight, stack: ExitStack) -> None:
    """Let another program take the device while it is away for a moment."""
    light.unplug()
    light.plug()
    held = os.open(light.device, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    stack.callback(os.close, held)


def _block(light: FaultLight, _stack: ExitStack) -> None:
    light.calls.clear()


def _block_opening(light: FaultLight, _stack: ExitStack) -> None:
    light.opening.clear()
    light.unplug()
    light.plug()


FAULTS = (
    LightFault("unplugged", _unplug, "is the light", FaultLight.plug),
    LightFault("silent", _moody(Mood.SILENT), "did not answer within 1 s", _well),
    LightFault("takes no bytes", _moody(Mood.DEAF), "did not answer within 1 s", _well, late=True),
    LightFault("slow", _moody(Mood.SLOW), "", _well, harmless=True),
    LightFault("answers nonsense", _moody(Mood.NONSENSE), "instead of OK", _well),
    LightFault("refuses", _moody(Mood.REFUSING), "instead of OK", _well),
    LightFault(
        "permission lost", _no_permission, "no permission for", FaultLight.allow, pty_only=True
    ),
    LightFault(
        "blocks in a call", _block, "", lambda light: light.calls.set(), late=True, quiet=True
    ),
    LightFault("blocks while it opens", _block_opening, "", lambda light: light.opening.set()),
    LightFault("held by another program", _held, "is held by another", pty_only=True),
)
CELLS = [
    pytest.param(fault, tcp, id=f"{fault.name}, {'tcp' if tcp else 'pty'}")
    for fault in FAULTS
    for tcp in (False, True)
    if not (tcp and fault.pty_only)
]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a stage, which no proxy stands before."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path


@pytest.mark.parametrize(("fault", "tcp"), CELLS)
@pytest.mark.parametrize("column", ["at start", "while green"])
def test_a_light_that_fails_stops_nobody_and_comes_back_right(
    folder: Path, fault: LightFault, column: str, *, tcp: bool
) -> None:
    """Red is on the other lamp while this one fails, and on this one when it is well again."""
    gated = fault.begin is _block  # Only then: a gate hides that the light keeps rhythms itself.
    with FaultLight(folder, tcp=tcp, gated=gated) as light, ExitStack() as stack:
        stage = stack.enter_context(Stage(folder, serial_light=light))
        if column == "at start":
            faulty = stack.enter_context(ExitStack())
            fault.begin(light, faulty)
            stage.start()
        else:
            stage.start()
            stage.until(lambda: light.lit == {"green"}, "green on the light")
            faulty = stack.enter_context(ExitStack())
            fault.begin(light, faulty)
        expected = Light.OK if fault.harmless else Light.LOST
        if column == "at start" and not fault.harmless and fault.told:
            expected = Light.WAITING  # What blocks was there: it counts as lost.
        if column == "at start" or not fault.quiet:
            stage.until(
                lambda: stage.report and stage.lamp("serial").light is expected, expected.value
            )
        asked = len(stage.servers["other"].requests)

        stage.tell(TRUTHS["broken"])

        stage.until_signals("broken", *stage.servers, "all")
        stage.until(lambda: stage.lights["all"].lit == {Channel.RED}, "red on the other light")
        assert len(stage.servers["other"].requests) > asked
        stage.until(lambda: stage.lamp("serial").light in (expected, Light.LOST), expected.value)
        if fault.told:
            stage.until(lambda: fault.told in str(stage.trouble("serial")), fault.told)
        told_before = len(light.lines)

        faulty.close()
        fault.end(light)

        stage.until(lambda: light.lit == {"red"}, "red on the light")
        stage.until(lambda: stage.lamp("serial").light is Light.OK, "a light that is well")
        if not fault.harmless and not fault.late:
            lit = [line for line in light.lines[told_before:] if line.startswith("set_all=")]
            assert not any(line.startswith("set_all=0,0,1") for line in lit), "the old green"
    transport = "TCP" if tcp else "pseudo-terminal"
    told = fault.told and f"… {fault.told} …"
    note("cells", f"light: {fault.name}, {transport} | {column} | light {expected.value} | {told}")
