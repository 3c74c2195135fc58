"""What a release says of itself: one version, one changelog, metadata that an index takes."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from buildlight import __version__
from buildlight.config.settings import check_settings
from package.debian import PATIENCE, PROJECT

TOOLS = Path(os.environ.get("BUILDLIGHT_TOOLS", ""))
"""The folder of pipx, uv and twine."""


def metadata() -> dict[str, Any]:
    """Return the package's metadata."""
    document = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))
    project: dict[str, Any] = document["project"]
    return project


def test_the_package_has_the_programs_version() -> None:
    """`.ci/release VERSION` writes both."""
    first = (PROJECT / "debian/changelog").read_text("utf-8").splitlines()[0]

    assert re.fullmatch(r"buildlight \((.+)\) trixie; urgency=medium", first)
    assert f"({__version__})" in first


def test_control_asks_for_what_the_wheel_asks_for() -> None:
    """dh_python3 takes over the names, not the versions."""
    control = (PROJECT / "debian/control").read_text("utf-8")
    names = {"pyserial": "serial"}

    for requirement in metadata()["dependencies"]:
        name, _, version = requirement.partition(">=")
        assert f"python3-{names.get(name, name)} (>= {version})" in control


def test_an_index_finds_addresses() -> None:
    """Home page, manual, changes, problems."""
    assert {"Homepage", "Documentation", "Changelog", "Issues"} <= {*metadata()["urls"]}


@pytest.fixture(scope="module")
def wheels(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with our wheel and those that it needs."""
    folder = tmp_path_factory.mktemp("wheels")
    wheel = next(built.glob("*.whl"))
    command = (sys.executable, "-m", "pip", "-q", "download", "-d", folder, wheel)
    subprocess.run(command, check=True, timeout=PATIENCE)
    return folder


def plays(program: Path) -> None:
    """Assert that an installed *program* runs."""
    for arguments in (["--version"], ["demo", "--seconds", "6"]):
        done = subprocess.run([program, *arguments], check=True, capture_output=True, text=True)
    assert "lamp: green\n" in done.stdout


def test_pipx_installs_the_wheel(built: Path, wheels: Path, tmp_path: Path) -> None:
    """As docs/install.md says, from files instead of an index."""
    wheel = next(built.glob("*.whl"))
    places = {"PIPX_HOME": f"{tmp_path}/pipx", "PIPX_BIN_DIR": f"{tmp_path}/bin"}
    command = [str(TOOLS / "pipx"), "install", "--system-site-packages", str(wheel)]
    offline = [f"--pip-args=--no-index --find-links {wheels}"]

    subprocess.run([*command, *offline], check=True, env={**os.environ, **places})

    plays(tmp_path / "bin/buildlight")


def test_uv_installs_the_wheel(built: Path, wheels: Path, tmp_path: Path) -> None:
    """As docs/install.md says, from files instead of an index."""
    wheel = next(built.glob("*.whl"))
    places = {"UV_TOOL_DIR": f"{tmp_path}/uv", "UV_TOOL_BIN_DIR": f"{tmp_path}/bin"}
    command = [str(TOOLS / "uv"), "tool", "install", "--python", sys.executable, str(wheel)]
    offline = ["--no-config", "--offline", "--no-index", "--find-links", str(wheels)]

    subprocess.run([*command, *offline], check=True, env={**os.environ, **places})

    plays(tmp_path / "bin/buildlight")


def test_an_index_takes_the_files(built: Path) -> None:
    """Twine checks the metadata and renders the long description."""
    files = [*built.glob("*.whl"), *built.glob("*.tar.gz")]

    subprocess.run([TOOLS / "twine", "check", "--strict", *files], check=True)


def test_the_configuration_in_our_user_data_is_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """What cloud-init writes is what the service reads."""
    for name in ("BUILDLIGHT_BUILT", "BUILDLIGHT_TOOLS"):  # For these tests, and no setting.
        monkeypatch.delenv(name, raising=False)
    text = (PROJECT / "docs/user-data.yaml").read_text("utf-8")
    block = re.search(r"content: \|\n((?: {6}.*\n|\n)+)", text)
    assert block

    assert check_settings(tomllib.loads(dedent(block[1]))).lamps
