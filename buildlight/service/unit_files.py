"""The files for systemd that belong to this program, and a check that a service can read it."""

import os
import stat
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import buildlight
from buildlight.errors import ServiceError

UNIT = "buildlight.service"

PACKAGED = Path("/usr/lib/systemd/system", UNIT)
"""The unit of a Debian package, which also brings the rules and the groups."""
PACKAGES = Path("/usr/lib")
"""Where Debian packages have their Python code; what pip installs goes elsewhere."""
PACKAGE = Path("/usr/share/buildlight/systemd")
"""Where the package has the other files for systemd."""

PLACE = "/opt/buildlight"
"""The path of the program in the files as shipped."""
PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._+-")
"""Characters that the path of a unit's program may contain without quotes."""
HIDDEN: Mapping[str, str] = {
    "/home": "ProtectHome",
    "/root": "ProtectHome",
    "/run/user": "ProtectHome",
    "/tmp": "PrivateTmp",  # noqa: S108 - nothing is written there
    "/var/tmp": "PrivateTmp",  # noqa: S108
}
"""Folders that are hidden from the service, and the option of its unit that hides them."""


@dataclass(frozen=True, slots=True)
class Shipped:
    """The *folder* of files for systemd that came with *program*.

    If the program is *packaged*, its unit, its rules and its groups belong to the Debian package.
    """

    folder: Path
    program: Path
    packaged: bool = False

    def read(self, name: str) -> bytes:
        """Return the content of a file to install, with the paths of this installation."""
        text = (self.folder / name).read_text(encoding="utf-8")
        text = text.replace(f"{PLACE}/share/buildlight/systemd", str(self.folder))
        return text.replace(f"{PLACE}/bin/buildlight", str(self.program)).encode()

    def drop_ins(self) -> tuple[str, ...]:
        """Return the names of the drop-ins, which may have been installed by hand."""
        return tuple(sorted(file.name for file in (self.folder / "drop-ins").glob("*.conf")))

    def hidden(self) -> str | None:
        """Return why the service cannot read this installation; ``None`` if it can."""
        strange = {*str(self.program)} - PLAIN
        if strange:
            return f"{self.program}: the path has {min(strange)!r}, which a unit cannot have"
        for path in (self.program, Path(sys.executable), Path(buildlight.__file__), self.folder):
            for each in (path, Path(os.path.realpath(path))):
                why = _kept_from_the_service(each)
                if why is not None:
                    return f"{each}: {why}; install it in {PLACE}, as {self.folder}/README.md says"
        return None


def find_shipped() -> Shipped:
    """Find the files: in the checkout of this program, else where its package or wheel put them.

    Raises :class:`ServiceError` if they are missing.
    """
    if Path(buildlight.__file__).is_relative_to(PACKAGES) and PACKAGED.is_file():
        return Shipped(PACKAGE, Path("/usr/bin/buildlight"), packaged=True)
    beside = Path(sys.executable).with_name("buildlight")
    program = beside if beside.exists() else Path(sysconfig.get_path("scripts"), "buildlight")
    checkout = Path(buildlight.__file__).resolve().parents[1] / "systemd"
    if (checkout / UNIT).is_file():
        return Shipped(checkout, program)
    try:
        recorded = [file for file in files("buildlight") or () if file.name == UNIT]
    except PackageNotFoundError:
        recorded = []
    for file in recorded:
        # Links are not resolved: a link to the environment may be intended.
        path = Path(os.path.normpath(str(file.locate())))
        if path.is_file():
            return Shipped(path.parent, program)
    raise ServiceError("the files for systemd are missing; install buildlight anew")


def _kept_from_the_service(path: Path) -> str | None:
    for folder, option in HIDDEN.items():
        if path.is_relative_to(folder):
            return f"the service sees nothing of {folder} ({option})"
    for part in (*reversed(path.parents), path):
        mode = part.stat().st_mode
        if not mode & (stat.S_IXOTH if stat.S_ISDIR(mode) else stat.S_IROTH):
            return f"the service is a user of its own, and {part} is closed to others"
    return None
