"""A small Debian in a folder, and a package in it."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).parents[2]
SUITES = ("trixie", "bookworm")
PATIENCE = 900.0
"""Seconds for one test: the first has to make its Debian."""

NOT_OURS = (
    "dev",
    "proc",
    "tmp",
    "run",
    "built",
    "var/cache",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/log",
)
"""Folders that are others' business, below the root."""
CHANGING = {"etc/group-", "etc/gshadow-", "etc/resolv.conf", "var/lib/systemd/catalog/database"}


@dataclass(frozen=True, slots=True)
class Root:
    """A Debian in *folder*; what runs in it shares this machine's network."""

    folder: Path

    def run(self, *command: str, status: int = 0) -> str:
        """Run a command; it has to end with *status*. Returns what it wrote."""
        done = subprocess.run(
            [PROJECT / "debian/root", "run", self.folder, *command],
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        assert done.returncode == status, f"{command}\n{done.stdout}"
        return done.stdout

    def write(self, name: str, text: str, mode: int = 0o644) -> None:
        """Write a file."""
        file = self.folder / name.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)

    def has(self, name: str) -> bool:
        """Return whether a file is there."""
        return os.path.lexists(self.folder / name.lstrip("/"))

    def files(self) -> set[str]:
        """Return every file and folder, but for what changes on its own."""
        found = set()
        for folder, folders, files in os.walk(self.folder):
            here = Path(folder).relative_to(self.folder)
            folders[:] = [each for each in folders if str(here / each) not in NOT_OURS]
            found |= {str(here / each) for each in (*folders, *files)}
        return found - CHANGING


@dataclass(frozen=True, slots=True)
class Package:
    """The .deb *file* within *root*."""

    root: Root
    file: Path

    @property
    def name(self) -> str:
        """Return its path within the root."""
        return f"/built/{self.file.name}"

    def field(self, name: str) -> str:
        """Return a field of its control file."""
        command = ("dpkg-deb", "--field", self.file, name)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def install(self) -> str:
        """Install it as a user does."""
        return self.root.run("apt-get", "install", "-y", "--no-install-recommends", self.name)

    def as_version(self, version: str) -> "Package":
        """Return the same package under another version."""
        tree = self.root.folder / "tmp/tree"
        subprocess.run(["dpkg-deb", "--raw-extract", self.file, tree], check=True)
        control = tree / "DEBIAN/control"
        lines = control.read_text().splitlines()
        changed = [f"Version: {version}" if each.startswith("Version:") else each for each in lines]
        control.write_text("\n".join(changed) + "\n")
        file = self.file.parent / f"buildlight_{version}_{self.field('Architecture')}.deb"
        subprocess.run(["dpkg-deb", "-Znone", "--build", tree, file], check=True)
        subprocess.run(["rm", "-r", tree], check=True)
        return Package(self.root, file)
