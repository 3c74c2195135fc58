"""Which signals end a daemon, and which has it read its configuration again."""

import os
import pty
import subprocess
import sys

import pytest

PATIENCE = 20.0
ASK = """
import signal, sys
from buildlight.system import posix_signals
{before}
sys.stdout.write(f"{{posix_signals.reloads()}} {{signal.SIGHUP in posix_signals.ending_signals()}}")
"""


def asked(before: str = "", *, terminal: bool) -> str:
    """Return whether SIGHUP reloads and whether it ends, in a process with or without terminal."""
    command = [sys.executable, "-c", ASK.format(before=before)]
    if not terminal:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            start_new_session=True,
            check=True,
        )
        return done.stdout
    child, master = pty.fork()
    if child == 0:
        os.execv(command[0], command)
    said = b""
    try:
        while part := os.read(master, 1024):
            said += part
    except OSError:  # The terminal is closed at its end.
        pass
    os.waitpid(child, 0)
    os.close(master)
    return said.decode().strip()


IGNORED = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"


@pytest.mark.parametrize(
    ("before", "terminal", "said"),
    [
        ("", False, "True True"),
        (IGNORED, False, "True False"),
        ("posix_signals.reload_later()", False, "True False"),
        ("", True, "False True"),
        (IGNORED, True, "True False"),
        ("posix_signals.reload_later()", True, "False True"),
    ],
    ids=[
        "service",
        "nohup",
        "service that starts",
        "terminal",
        "nohup at a terminal",
        "terminal that starts",
    ],
)
def test_sighup_reloads_where_no_terminal_can_be_closed(
    before: str,
    terminal: bool,  # noqa: FBT001 - a row of a table
    said: str,
) -> None:
    """A service is told by it to read its file, a person's daemon that the person has gone."""
    assert asked(before, terminal=terminal) == said


def test_a_reload_that_is_asked_for_too_early_ends_nothing() -> None:
    """The file is read soon anyway."""
    script = (
        "import os, signal\nfrom buildlight.system import posix_signals\n"
        "posix_signals.end_at_once()\nposix_signals.reload_later()\n"
        "os.kill(os.getpid(), signal.SIGHUP)\nprint('lives')"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        timeout=PATIENCE,
        start_new_session=True,
        check=False,
    )

    assert (done.returncode, done.stdout) == (0, b"lives\n")
