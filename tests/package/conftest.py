"""What `debian/build` made, and the small Debians in which it is tried."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from package.debian import PATIENCE, PROJECT, SUITES, Package, Root

BUILT = os.environ.get("BUILDLIGHT_BUILT", "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these tests the time that apt takes, where there is something built."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "built" in getattr(
            item, "fixturenames", ()
        ):
            item.add_marker(pytest.mark.timeout(PATIENCE))
            if not BUILT:
                why = "BUILDLIGHT_BUILT names no folder that debian/build has filled"
                item.add_marker(pytest.mark.skip(why))


@pytest.fixture(scope="session")
def built() -> Path:
    """Return the folder with wheel, sdist and .debs."""
    return Path(BUILT).resolve()


@pytest.fixture(scope="module", params=SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    """Return the Debian that is tried."""
    return str(request.param)


@pytest.fixture(scope="module")
def root(suite: str, built: Path) -> Iterator[Root]:
    """Make a machine with this suite, on which our package was never installed."""
    kept = Path(
        os.environ.get("BUILDLIGHT_ROOTS") or Path(tempfile.gettempdir(), "buildlight-roots")
    )
    kept.mkdir(exist_ok=True)
    base = kept / suite
    # What a machine has, and a container has not.
    command = (PROJECT / "debian/root", "make", suite, base, "systemd", "udev", "procps")
    subprocess.run(command, check=True, timeout=PATIENCE)
    with tempfile.TemporaryDirectory(prefix="bl-root-") as folder:
        here = Path(folder, suite)
        subprocess.run(["cp", "-a", "--reflink=auto", base, here], check=True)
        (here / "built").mkdir()
        for deb in built.glob("*.deb"):
            shutil.copy(deb, here / "built")
        root = Root(here)
        root.run("apt-get", "update", "-qq")
        yield root


@pytest.fixture(scope="module")
def deb(suite: str, root: Root) -> Package:
    """Return the package for this suite: the plain one, or the one that brings its libraries."""
    kind = {"trixie": "_all", "bookworm": "~bundled_amd64"}[suite]
    return Package(root, next((root.folder / "built").glob(f"*{kind}.deb")))
