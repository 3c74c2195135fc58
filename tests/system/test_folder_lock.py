"""A second daemon that would overwrite what the first one knows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from buildlight.errors import FolderInUse
from buildlight.system.folder_lock import NAME, lock_folder

HOLD = """
import sys
from pathlib import Path
from buildlight.system.folder_lock import lock_folder
lock_folder(Path(sys.argv[1]))
print("locked", flush=True)
sys.stdin.read()
"""


def test_a_second_daemon_is_refused_with_a_remedy(tmp_path: Path) -> None:
    """The sentence names the process, the folder, the command that stops it, and the way out."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"locked\n"

        with pytest.raises(FolderInUse) as refused:
            lock_folder(tmp_path)

        first.kill()
    assert str(refused.value) == (
        f"another buildlight (pid {first.pid}) keeps its state in {tmp_path}; stop it with "
        f"`kill {first.pid}`, or give each its own folder in STATE_DIRECTORY"
    )
    after = lock_folder(tmp_path)  # However the first one ended.
    assert (tmp_path / NAME).read_text() == f"{os.getpid()}\n"
    assert after is not None
    os.close(after)


def test_a_folder_of_no_use_is_no_reason_to_stop(tmp_path: Path) -> None:
    """Nothing can be written there, so nothing can be overwritten."""
    (tmp_path / "state").touch()

    assert lock_folder(tmp_path / "state") is None
