"""The service of the Debian package: its files are the package's, and the commands know it."""

from pathlib import Path

import pytest

from buildlight import __version__
from buildlight.errors import ServiceError
from buildlight.service import install as service
from buildlight.service.install import (
    CONFIGURATION,
    GROUPS,
    INSTALLED,
    PACKAGED_RULES,
    RULES,
)
from buildlight.service.unit_files import PACKAGED, UNIT, Shipped, find_shipped
from service.test_install import EDITED, World, world

__all__ = ["world"]  # a fixture

PROGRAM = Path("/usr/bin/buildlight")


@pytest.fixture
def package() -> Shipped:
    """The files of a package."""
    return Shipped(find_shipped().folder, PROGRAM, packaged=True)


@pytest.fixture
def installed(world: World, package: Shipped) -> World:
    """A machine with the package on it, and a configuration."""
    unit = Shipped(package.folder, PROGRAM).read(UNIT)
    for path, content in ((PACKAGED, unit), (PROGRAM, b""), (CONFIGURATION, EDITED)):
        world.write(path, content)
    world.write(PACKAGED_RULES, package.read("buildlight.rules"))
    world.answers[f"{PROGRAM} --version"] = (0, f"buildlight {__version__}\n")
    return world


def test_installing_only_enables_and_starts_it(installed: World, package: Shipped) -> None:
    """A unit in /etc would hide the package's for ever."""
    before = installed.files()

    assert service.install(package, installed.machine, dry_run=False)

    assert installed.files() == before
    assert installed.ran[:2] == [("systemctl", "reenable", UNIT), ("systemctl", "restart", UNIT)]


def test_installing_takes_away_what_hides_the_package(installed: World, package: Shipped) -> None:
    """A virtual environment's unit and rules go; systemd and udev read the package's instead."""
    before = installed.files()
    for path in (INSTALLED, RULES, GROUPS):
        installed.write(path, b"from before")
    service.status(package, installed.machine)
    assert installed.said[0] == (
        f"unit: {INSTALLED}, which hides the one of the Debian package; remove it: "
        f"sudo {PROGRAM} service install"
    )

    service.install(package, installed.machine, dry_run=False)

    assert installed.files() == before
    assert ("systemctl", "daemon-reload") in installed.ran


def test_uninstalling_names_the_command_of_the_package(installed: World, package: Shipped) -> None:
    """Its files are dpkg's to remove."""
    before = installed.files()

    with pytest.raises(ServiceError, match=r"remove it: sudo apt remove buildlight;"):
        service.uninstall(package, installed.machine, dry_run=False)

    assert (installed.files(), installed.ran) == (before, [])


def test_status_says_that_it_is_the_package(installed: World, package: Shipped) -> None:
    """Which unit, which program, which rules; and why nothing runs without a configuration."""
    installed.machine.at(CONFIGURATION).unlink()
    installed.answers["systemctl show"] = (
        0,
        "UnitFileState=enabled\nActiveState=inactive\nSubState=dead\nConditionResult=no\n",
    )

    assert not service.status(package, installed.machine)

    assert installed.said == [
        f"unit: {PACKAGED}, of the Debian package, version {__version__}",
        f"program: {PROGRAM}, buildlight {__version__}",
        f"rules: {PACKAGED_RULES}, of the Debian package, version {__version__}",
        "at boot: enabled",
        f"now: inactive (dead), there is no {CONFIGURATION}",
    ]
