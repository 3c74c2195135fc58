"""`service install` offers to take over what a user has: the service cannot read it at home."""

import argparse
import os
import stat
from pathlib import Path

import pytest

from buildlight.cli import service
from buildlight.errors import ServiceError
from buildlight.service.plan import Machine
from buildlight.service.take_over import take_over_steps

TEXT = '[[lamps]]\ndriver = "console"\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of somebody who calls sudo."""
    folder = tmp_path / "home" / ".config" / "buildlight"
    (folder / "secrets").mkdir(parents=True)
    (folder / "buildlight.toml").write_text(TEXT)
    (folder / "secrets" / "jenkins").write_text("a-token")
    monkeypatch.setenv("SUDO_UID", str(os.geteuid()))
    monkeypatch.setattr(service, "_folder_of", lambda _uid: folder)
    return folder


def taken(tmp_path: Path, *, take_over: bool | None, dry_run: bool = False) -> list[str]:
    """Return what was said, on a machine below *tmp_path*."""
    said: list[str] = []
    machine = Machine(write_line=said.append, root=tmp_path / "machine")
    chosen = argparse.Namespace(take_over=take_over, dry_run=dry_run)
    service.take_over(chosen, machine)
    return said


def test_configuration_and_secrets_are_copied(home: Path, tmp_path: Path) -> None:
    """The file for everybody, the token for root alone."""
    taken(tmp_path, take_over=True)

    etc = tmp_path / "machine" / "etc" / "buildlight"
    secret = etc / "secrets" / "jenkins"
    assert (etc / "buildlight.toml").read_text() == TEXT
    assert secret.read_text() == "a-token"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(secret.parent.stat().st_mode) == 0o700
    assert (home / "buildlight.toml").exists()


@pytest.mark.parametrize(("take_over", "dry_run"), [(None, False), (False, False), (True, True)])
def test_nothing_is_copied_unasked(
    home: Path,
    tmp_path: Path,
    take_over: bool | None,  # noqa: FBT001 - a row of the table
    dry_run: bool,  # noqa: FBT001
) -> None:
    """Nobody at the terminal, no, or a dry run."""
    said = taken(tmp_path, take_over=take_over, dry_run=dry_run)

    assert not (tmp_path / "machine").exists()
    assert home.exists()
    assert bool(said) == dry_run  # What is passed over goes to standard output.


def test_the_services_own_stays(home: Path, tmp_path: Path) -> None:
    """A configuration in /etc is never replaced; one of comments is."""
    etc = tmp_path / "machine" / "etc" / "buildlight"
    etc.mkdir(parents=True)
    (etc / "buildlight.toml").write_text("interval = 5\n")
    taken(tmp_path, take_over=True)
    assert (etc / "buildlight.toml").read_text() == "interval = 5\n"

    (etc / "buildlight.toml").write_text("# an example\n")
    taken(tmp_path, take_over=True)

    assert (etc / "buildlight.toml").read_text() == TEXT
    assert home.exists()


def test_only_files_of_the_user_are_taken(home: Path) -> None:
    """A link to somebody else's file would be copied for everybody to read."""
    (home / "secrets" / "jenkins").unlink()
    (home / "secrets" / "jenkins").symlink_to("/etc/hostname")

    with pytest.raises(ServiceError, match="cannot be taken over"):
        take_over_steps(home, os.geteuid())
    with pytest.raises(ServiceError, match="is not a file of its owner"):
        take_over_steps(home, os.geteuid() + 1)
