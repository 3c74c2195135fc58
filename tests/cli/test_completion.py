"""Completion in real shells: what Tab offers, by the files that the package ships."""

import os
import pty
import select
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from buildlight.cli import main
from buildlight.cli.completion import FILES, SHIPPED
from support.needed import needed
from support.terminal import _take_terminal

CONFIGURATION = """
[[feeds]]
name = "web"
url = "https://ci.example/cc.xml"

[[lamps]]   # the first
name = "shop corner"
driver = "console"

[[lamps]]
driver = "console"
name = 'shelf'   # the second

[page]
names = ["lamp.example"]
"""
START: Mapping[str, Sequence[str]] = {
    "bash": ("--norc", "--noprofile", "-i"),
    "zsh": ("-f", "-i"),
    "fish": ("--no-config", "-i"),
}
READY: Mapping[str, str] = {
    "bash": "bind 'set bell-style none'; bind 'set enable-bracketed-paste off'; "
    "bind 'set show-all-if-ambiguous on'; source {file}; PS1='READY'",
    "zsh": "unsetopt zle_bracketed_paste beep; fpath=({folder} $fpath); autoload -U compinit; "
    "compinit -D -u; PS1='READY'",
    "fish": "source {file}; function fish_prompt; printf READY; end",
}
PATIENCE = 20.0


class Shell:
    """A shell on a terminal of its own, in which somebody types."""

    def __init__(self, name: str, folder: Path) -> None:
        program = needed(shutil.which(name), f"no {name}")
        self._end, terminal = pty.openpty()
        self._process = subprocess.Popen(
            [program, *START[name]],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - one system call, and no lock
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "XDG_CONFIG_HOME": str(folder),
                "TERM": "xterm",
                "LC_ALL": "C.UTF-8",
            },
        )
        os.close(terminal)
        self.shown = ""
        self.type(READY[name].format(file=SHIPPED / FILES[name], folder=SHIPPED) + "\r")
        self.wait_for("READY", times=2)  # Once as it is typed.

    def type(self, text: str) -> None:
        """Press the keys of *text*."""
        os.write(self._end, text.encode())

    def wait_for(self, text: str, *, times: int = 1) -> None:
        """Wait until *text* was shown so many *times*."""
        end = time.monotonic() + PATIENCE
        while self.shown.count(text) < times:
            assert time.monotonic() < end, self.shown
            if select.select([self._end], [], [], 0.1)[0]:
                self.shown += os.read(self._end, 65_536).decode(errors="replace")
                self._answer()

    def _answer(self) -> None:
        """Answer what a shell asks its terminal: what it is, and where the cursor stands."""
        for question, answer in (("\x1b[c", "\x1b[?62c"), ("\x1b[6n", "\x1b[1;1R")):
            if question in self.shown:
                self.shown = self.shown.replace(question, "")
                self.type(answer)

    def close(self) -> None:
        """End the shell."""
        self._process.kill()
        self._process.wait(timeout=PATIENCE)
        os.close(self._end)


@pytest.fixture(params=FILES)
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shell]:
    """Each shell, in a folder with a configuration."""
    (tmp_path / "buildlight").mkdir()
    (tmp_path / "buildlight" / "buildlight.toml").write_text(CONFIGURATION, "utf-8")
    (tmp_path / "other.toml").write_text('[[lamps]]\nname = "attic"\n', "utf-8")
    started = Shell(request.param, tmp_path)
    yield started
    started.close()


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("buildlight expl", ("explain",)),
        ("buildlight check --a", ("--all",)),
        ("buildlight service inst", ("install",)),
        ("buildlight completion fi", ("fish",)),
        ("buildlight test --driver sys", ("sysfs",)),
        ("buildlight test --protocol adafr", ("adafruit-tower",)),
        ("buildlight check --config oth", ("other.toml",)),
        ("buildlight test --config other.toml --lamp at", ("attic",)),
        ("buildlight test --config other.toml --lamp ", ("attic",)),
    ],
)
def test_tab_completes(shell: Shell, typed: str, shown: Sequence[str]) -> None:
    """Commands, options and values; the names of lamps come from the configuration."""
    shell.shown = ""

    shell.type(f"{typed}\t")

    for word in shown:
        shell.wait_for(word)


@pytest.mark.skipif(Path("/etc/buildlight/buildlight.toml").exists(), reason="it comes first")
def test_the_lamps_of_the_users_configuration_are_offered(shell: Shell) -> None:
    """In whatever quotes their names are, with a space in one."""
    shell.type("buildlight test --lamp s\t\t")

    shell.wait_for("shelf")
    shell.wait_for("corner")


@pytest.mark.parametrize("name", FILES)
def test_the_command_prints_what_is_shipped(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For an installation without a package."""
    assert main(["completion", name]) == 0

    assert capsys.readouterr().out == (SHIPPED / FILES[name]).read_text("utf-8")


def test_completion_starts_no_program_of_ours() -> None:
    """A Pi Zero would take seconds for each Tab."""
    for name in FILES.values():
        text = (SHIPPED / name).read_text("utf-8")

        assert "python" not in text.lower()
        assert "$(buildlight" not in text
