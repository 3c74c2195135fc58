"""Where files live: what systemd gave, what the user has, and where others may have it."""

from pathlib import Path

import pytest

from buildlight.system.paths import SERVICE_RUN, run_folder, run_folders


@pytest.fixture(autouse=True)
def _nothing_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start without any folder."""
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
