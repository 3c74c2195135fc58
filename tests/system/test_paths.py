"""Where files live: what systemd gave, what the user has, and where others may have it."""

import os
from pathlib import Path

import pytest

from buildlight.errors import ConfigError
from buildlight.system import paths
from buildlight.system.paths import SERVICE_RUN, find_files, run_folder, run_folders


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Start without any folder."""
    monkeypatch.setattr(paths, "RUN_USER", tmp_path / "user")
    monkeypatch.setattr(paths, "MEMORY", tmp_path / "shm")
    monkeypatch.delenv("SUDO_UID", raising=False)
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, None),
        ({"RUNTIME_DIRECTORY": "", "XDG_RUNTIME_DIR": ""}, None),
        ({"RUNTIME_DIRECTORY": "/run/buildlight"}, "/run/buildlight"),
        ({"RUNTIME_DIRECTORY": "/run/one:/run/two"}, "/run/one"),
        ({"XDG_RUNTIME_DIR": "/run/user/1000"}, "/run/user/1000/buildlight"),
        (
            {"RUNTIME_DIRECTORY": "/run/buildlight", "XDG_RUNTIME_DIR": "/run/user/1000"},
            "/run/buildlight",
        ),
    ],
)
def test_the_run_folder_is_the_services_or_the_users(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folder: str | None
) -> None:
    """Without either there is none: nothing is written to a disk instead."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert run_folder() == (None if folder is None else Path(folder))


@pytest.mark.parametrize(
    ("variables", "folders"),
    [
        ({}, [SERVICE_RUN]),
        ({"XDG_RUNTIME_DIR": "/run/user/1"}, [SERVICE_RUN, "/run/user/1/buildlight"]),
        ({"RUNTIME_DIRECTORY": "/run/mine"}, ["/run/mine", SERVICE_RUN]),
        (
            {"RUNTIME_DIRECTORY": "/run/mine", "XDG_RUNTIME_DIR": "/run/user/1"},
            ["/run/mine", SERVICE_RUN, "/run/user/1/buildlight"],
        ),
    ],
)
def test_another_process_looks_where_a_daemon_may_write(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], folders: list[str]
) -> None:
    """What was given here comes first, then the service, then what the user runs."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert run_folders() == tuple(Path(folder) for folder in folders)
    assert run_folder() in (*run_folders(), None)


def test_a_daemon_without_variables_is_found(tmp_path: Path) -> None:
    """sudo, su, cron and containers set none: the user's own folder in memory, wherever it is."""
    memory, session = tmp_path / "shm", tmp_path / "user" / str(os.geteuid())
    memory.mkdir()
    in_memory = memory / f"buildlight-{os.geteuid()}"
    assert run_folder() == in_memory

    session.mkdir(parents=True)

    assert run_folder() == session / "buildlight"
    assert run_folders() == (SERVICE_RUN, session / "buildlight", in_memory)


def test_the_daemon_of_who_called_sudo_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sudo buildlight explain` means the lamp of this person, too."""
    (tmp_path / "user" / "1234").mkdir(parents=True)
    monkeypatch.setenv("SUDO_UID", "1234")

    assert run_folders()[-1] == tmp_path / "user" / "1234" / "buildlight"


def test_a_folder_of_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Anybody may make a folder of that name, where anybody may make folders."""
    (tmp_path / "shm").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shm" / f"buildlight-{os.geteuid()}").symlink_to(tmp_path / "elsewhere")

    assert run_folder() is None


# The configuration.

COMMENTS = "# nothing yet\n\n#[[feeds]]\n"


@pytest.mark.parametrize(
    ("system", "user", "read"),
    [
        ("interval = 5", None, "system"),
        (None, "interval = 5", "user"),
        ("interval = 5", "interval = 5", "system"),
        (COMMENTS, "interval = 5", "user"),
        ("interval = 5", COMMENTS, "system"),
        (COMMENTS, COMMENTS, "system"),
        (COMMENTS, None, "system"),
        ("\ufeff# Notepad", "interval = 5", "user"),
    ],
)
def test_a_file_of_comments_hides_no_other(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    system: str | None,
    user: str | None,
    read: str,
) -> None:
    """`service install` leaves an example: a user's working file goes on to be read."""
    places = {"system": tmp_path / "etc", "user": tmp_path / "buildlight"}
    monkeypatch.setattr(paths, "SYSTEM", places["system"])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    for name, text in (("system", system), ("user", user)):
        if text is not None:
            places[name].mkdir()
            (places[name] / "buildlight.toml").write_text(text)

    found = find_files()

    assert found.file == places[read] / "buildlight.toml"
    passed = "".join(f"; {path} is passed over" for path in found.passed_over)
    assert str(found) == f"reading {found.file}{passed}"
    assert len(found.passed_over) == (system is not None) + (user is not None) - 1


def test_without_a_configuration_init_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next step is a command that can be copied."""
    monkeypatch.setattr(paths, "SYSTEM", tmp_path / "etc")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))

    with pytest.raises(ConfigError, match="`buildlight init` writes one"):
        find_files()


def test_a_folder_that_cannot_be_looked_at_is_none(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The sandbox of the service hides the folders of users: asking raises an error there."""
    monkeypatch.setattr(paths, "RUN_USER", tmp_path / ("x" * 300))
    monkeypatch.setenv("RUNTIME_DIRECTORY", "/run/buildlight")

    assert run_folder() == Path("/run/buildlight")
