"""Who holds a light: found among the processes, real ones and written ones."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from buildlight.system.running_daemon import RunningDaemon, find_running_daemon

SERVICE = "0::/system.slice/buildlight.service\n"
USER = "0::/user.slice/user-1000.slice/session-1.scope\n"
RUN = ("/opt/venv/bin/python3", "/opt/venv/bin/buildlight", "run")


def a_process(proc: Path, pid: int, *arguments: str, cgroup: str = USER) -> None:
    """Write what the kernel shows of a process with *arguments*."""
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "cmdline").write_text("".join(f"{each}\0" for each in arguments), encoding="utf-8")
    (folder / "cgroup").write_text(cgroup, encoding="utf-8")


def test_the_service_is_found(tmp_path: Path) -> None:
    """Somebody tests the wiring while the service runs."""
    a_process(tmp_path, 1, "/sbin/init")
    a_process(tmp_path, 412, *RUN, "--config", "/etc/x.toml", cgroup=SERVICE)

    holder = find_running_daemon(tmp_path)

    assert holder == RunningDaemon(412, service=True)
    assert str(holder) == (
        "the buildlight service has it (pid 412); stop it with `sudo systemctl stop buildlight`, "
        "and start it again afterwards"
    )


def test_a_run_by_hand_is_found(tmp_path: Path) -> None:
    """Somebody forgot another terminal."""
    a_process(tmp_path, 5000, *RUN)

    holder = find_running_daemon(tmp_path)

    assert str(holder) == ("another `buildlight run` has it (pid 5000); stop it with `kill 5000`")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("/sbin/init",),
        ("/opt/venv/bin/buildlight", "check"),
        ("/opt/venv/bin/buildlight", "test"),
        ("/opt/venv/bin/buildlight",),
        ("vim", "buildlight.toml"),
        ("sh", "-c", "buildlight run"),
        ("podman", "run", "buildlight"),
    ],
)
def test_other_processes_hold_nothing(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Nobody is told to stop what is not a running buildlight."""
    a_process(tmp_path, 412, *arguments)

    assert find_running_daemon(tmp_path) is None


def test_this_process_is_not_the_other_one(tmp_path: Path) -> None:
    """A program does not tell its user to stop it."""
    a_process(tmp_path, os.getpid(), *RUN)

    assert find_running_daemon(tmp_path) is None


def test_what_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    """A process has ended, one is hidden, one has no text for a name: the one behind is found."""
    (tmp_path / "100").mkdir()
    (tmp_path / "101" / "cmdline").mkdir(parents=True)
    a_process(tmp_path, 102, "/bin/true")
    (tmp_path / "102" / "cmdline").write_bytes(b"\xff\xfe\0run\0")
    a_process(tmp_path, 103, *RUN)
    (tmp_path / "103" / "cgroup").unlink()
    (tmp_path / "self").mkdir()

    assert find_running_daemon(tmp_path) == RunningDaemon(103, service=False)


def test_nobody_is_found_where_nobody_shows(tmp_path: Path) -> None:
    """There is not even such a folder."""
    assert find_running_daemon(tmp_path / "none") is None


@pytest.fixture
def running(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A real process that looks like ``buildlight run``."""
    script = tmp_path / "buildlight"
    script.write_text("import sys; print(); sys.stdout.flush(); sys.stdin.read()", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, script, "run"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"\n"
        yield process
        process.kill()


def only(process: subprocess.Popen[bytes], proc: Path) -> Path:
    """Return a folder of processes with the kernel's own view of *process* and of no other."""
    proc.mkdir()
    (proc / str(process.pid)).symlink_to(f"/proc/{process.pid}")
    return proc


def test_a_real_process_is_found(running: subprocess.Popen[bytes], tmp_path: Path) -> None:
    """The way a real kernel shows it."""
    holder = find_running_daemon(only(running, tmp_path / "proc"))

    assert holder == RunningDaemon(running.pid, service=False)


def test_a_process_that_has_ended_is_not_found(
    running: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """What was stopped holds no light."""
    proc = only(running, tmp_path / "proc")
    running.kill()
    running.wait(timeout=10)

    assert find_running_daemon(proc) is None
