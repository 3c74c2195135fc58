"""The machines of the rig, started once for all scenarios, and stopped whatever happens."""

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from support.servers import FeedServer
from vm.machine import BUILDING, Daemon, Pi, Vm

SLOW = 2 * BUILDING
"""Seconds for one scenario: the first one may have to build its machine."""


RIG = os.environ.get("BUILDLIGHT_RIG", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give scenarios the time that an emulated machine takes, where there is one."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(SLOW))
            if not RIG:
                why = "needs a virtual machine: BUILDLIGHT_RIG names no folder of the rig"
                item.add_marker(pytest.mark.skip(why))


@pytest.fixture(scope="session")
def rig() -> Path:
    """Find the rig."""
    # Or a SIGTERM would leave the machines running.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    return Path(RIG).resolve()


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """Make a folder whose name is short enough for the machines' sockets."""
    with tempfile.TemporaryDirectory(prefix="bl-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def vm(rig: Path, home: Path, pytestconfig: pytest.Config) -> Iterator[Vm]:
    """Start the VM and install the built wheel in it."""
    folder = home / "vm"
    folder.mkdir()
    machine = Vm(rig, folder)
    try:
        machine.start(home / "vm.log")
        machine.install(pytestconfig.rootpath, home / "wheels")
        yield machine
    finally:
        machine.stop()


@pytest.fixture
def server(vm: Vm) -> Iterator[FeedServer]:
    """Start a CI server here that the guest can reach."""
    with FeedServer() as server, vm.reaching(server.port):
        yield server


@pytest.fixture
def port(vm: Vm) -> Iterator[str]:
    """Plug the USB light in; what it was told before is forgotten."""
    name = vm.plug()
    vm.forget()
    yield name
    with suppress(AssertionError):  # A scenario that failed may have left it out.
        vm.unplug()


numbers = count(1)


@pytest.fixture
def run(vm: Vm) -> Iterator[Callable[..., Daemon]]:
    """Start daemons in the guest, and see that none is left."""
    daemons: list[Daemon] = []

    def start(configuration: str, *, unit: str = "") -> Daemon:
        daemons.append(Daemon(vm, unit or f"lamp{next(numbers)}", configuration))
        return daemons[-1]

    yield start
    for daemon in daemons:
        daemon.remove()


@pytest.fixture(scope="module")
def image(rig: Path, pytestconfig: pytest.Config) -> Iterator[Pi]:
    """Make the emulated Raspberry Pi, with buildlight in it."""
    with tempfile.TemporaryDirectory(prefix="bl-pi-") as folder:
        pi = Pi(rig, Path(folder))
        pi.prepare(pytestconfig.rootpath)
        yield pi
