"""Where files live: the system's folders, and the user's (XDG Base Directory Specification)."""

import os
import stat
from dataclasses import dataclass
from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from buildlight.errors import ConfigError

SYSTEM = Path("/etc/buildlight")
FILE = "buildlight.toml"
SERVICE_RUN = Path("/run/buildlight")
RUN_USER = Path("/run/user")
MEMORY = Path("/dev/shm")  # noqa: S108 - what is in there is checked for its owner
LOCALTIME = Path("/etc/localtime")


@dataclass(frozen=True, slots=True)
class FoundConfiguration:
    """The configuration *file* that is read, and those that are *passed_over* because of it."""

    file: Path
    passed_over: tuple[Path, ...] = ()

    def __str__(self) -> str:
        others = "".join(f"; {path} is passed over" for path in self.passed_over)
        return f"reading {self.file}{others}"


def find_file(chosen: Path | None = None) -> Path:
    """Return the configuration file; see :func:`find_files`."""
    return find_files(chosen).file


def find_files(chosen: Path | None = None) -> FoundConfiguration:
    """Return the configuration file: the *chosen* one, or the first that configures anything.

    A file of comments hides no other: it is read only if there is nothing else. Raises
    :class:`ConfigError` if there is no file at all.
    """
    if chosen is not None:
        return FoundConfiguration(chosen)
    places = tuple(folder / FILE for folder in configuration_folders())
    there = [place for place in places if os.path.isfile(place)]  # noqa: PTH113 - false where it may not be seen
    if not there:
        raise ConfigError(
            f"no configuration at {places[0]} nor {places[1]}; `buildlight init` writes one, "
            "--config names another, and `buildlight demo` needs none"
        )
    file = next(filter(configures, there), there[0])
    return FoundConfiguration(file, tuple(each for each in there if each != file))


def own_place() -> Path:
    """Return where a new configuration belongs: the system's folder for root, else the user's."""
    return configuration_folders()[0 if os.geteuid() == 0 else -1] / FILE


def configures(file: Path) -> bool:
    """Return whether *file* has more than comments; a file that cannot be read counts as one."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return os.path.lexists(file)
    return any(
        line.strip("\ufeff \t") and not line.lstrip("\ufeff \t").startswith("#")
        for line in text.splitlines()
    )


def configuration_folders() -> tuple[Path, ...]:
    """Return the folders that are searched for a configuration: the system's, then the user's."""
    return (SYSTEM, _of_the_user("XDG_CONFIG_HOME", "~/.config"))


def state_folder() -> Path:
    """Return the folder for state that survives a restart: systemd's, or the user's."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else _of_the_user("XDG_STATE_HOME", "~/.local/state")


def run_folder() -> Path | None:
    """Return the folder in memory for files of this run, if there is one."""
    folders = _run_folders()
    return folders[0] if folders else None


def given_run_folder() -> Path | None:
    """Return the :func:`run_folder` that systemd gave to this process, if any."""
    given = os.environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else None


def run_folders() -> tuple[Path, ...]:
    """Return where another process may have its :func:`run_folder`, the service's first.

    That process may have been started with other variables than this one: by sudo, by cron, or in
    a terminal without a session.
    """
    given = os.environ.get("RUNTIME_DIRECTORY")
    ours = _run_folders()
    first = (ours[0], SERVICE_RUN, *ours[1:]) if given else (SERVICE_RUN, *ours)
    uids = dict.fromkeys((os.geteuid(), *_caller()))
    more = [] if os.environ.get("XDG_RUNTIME_DIR") == "" else map(_without_session, uids)
    return tuple(dict.fromkeys((*first, *(folder for folders in more for folder in folders))))


def _run_folders() -> tuple[Path, ...]:
    users = os.environ.get("XDG_RUNTIME_DIR")
    if users is None:
        found = (given_run_folder(), *_without_session(os.geteuid())[:1])
    else:  # Set but empty, it means none.
        found = (given_run_folder(), Path(users, "buildlight") if users else None)
    return tuple(folder for folder in found if folder is not None)


def _without_session(uid: int) -> tuple[Path, ...]:
    """Return the folders in memory that user *uid* has without a variable, the better one first."""
    session, memory = RUN_USER / str(uid), MEMORY / f"buildlight-{uid}"
    found = [session / "buildlight"] if _is_there(session) else []
    if _is_there(MEMORY) and _is_free_or_of(memory, uid):
        found.append(memory)
    return tuple(found)


def _is_there(folder: Path) -> bool:
    """Return whether *folder* is there for this process: systemd may hide those of users."""
    try:
        return folder.is_dir()
    except OSError:
        return False


def _is_free_or_of(folder: Path, uid: int) -> bool:
    """Return whether nobody but user *uid* has *folder*: anybody may make one of this name."""
    try:
        found = folder.lstat()
    except OSError:
        return True
    return found.st_uid == uid and stat.S_ISDIR(found.st_mode)


def _caller() -> tuple[int, ...]:
    """Return the user who called sudo."""
    uid = os.environ.get("SUDO_UID", "")
    return (int(uid),) if uid.isdecimal() else ()


def local_zone() -> tzinfo:
    """Return the time zone of this machine, with daylight saving; UTC if none is set."""
    try:
        if os.environ.get("TZ"):
            return ZoneInfo(os.environ["TZ"].removeprefix(":"))
        with LOCALTIME.open("rb") as file:
            return ZoneInfo.from_file(file)
    except (OSError, ValueError):
        return UTC


def _of_the_user(variable: str, otherwise: str) -> Path:
    # Not Path.home, which raises for a user without a home folder.
    return Path(os.environ.get(variable) or os.path.expanduser(otherwise)) / "buildlight"  # noqa: PTH111
