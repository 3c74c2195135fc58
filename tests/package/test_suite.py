"""The tests once more, on trixie's own Python and its packages.

``BUILDLIGHT_SUITE`` names the tests; all of them take ten minutes more.
"""

import importlib.util
import os
import shutil
from pathlib import Path

import pytest

from package.debian import PROJECT, Package, Root

TESTS = os.environ.get("BUILDLIGHT_SUITE") or (
    "tests/config tests/network tests/patterns tests/projects tests/report tests/system"
)
DEBIAN = (
    "hypothesis",
    "jsonschema",
    "prometheus-client",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "trustme",
)
"""Tools of the tests that trixie has."""
OTHERS = ("gpiozero", "colorzero", "looptime", "aiomqtt", "paho")
"""What it has not, or too old; they are taken from where these tests run."""

pytestmark = pytest.mark.parametrize("suite", ["trixie"], indirect=True)


def test_the_tests_pass_with_the_packages_of_debian(root: Root, deb: Package) -> None:
    """Its pydantic, httpx and rich are older than those that pip installs."""
    deb.install()
    wanted = [f"python3-{name}" for name in DEBIAN]
    root.run("apt-get", "install", "-y", "--no-install-recommends", *wanted)
    project = root.folder / "opt/project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns(".*", "buildlight", "build"))
    for name in OTHERS:
        found = importlib.util.find_spec(name)
        assert found
        assert found.origin
        for each in Path(found.origin).parents[1].glob(f"{name}*"):  # And what says its version.
            shutil.copytree(each, root.folder / "opt/others" / each.name)

    script = (
        "cd /opt/project && PYTHONPATH=/opt/others python3 -m pytest -q -p no:cacheprovider "
        f"-n 2 {TESTS}"
    )

    assert " passed" in root.run("sh", "-c", script)
