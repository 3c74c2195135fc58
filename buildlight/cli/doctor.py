"""`buildlight doctor`: everything that a bug report needs, without secrets."""

import argparse
import grp
import os
import platform
import pwd
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import buildlight
from buildlight import __version__
from buildlight.cli import OK, devices, explain
from buildlight.cli.setup.existing import secrets_of, without_secrets
from buildlight.cli.terminal import write_line
from buildlight.config.settings import LARGEST, load_settings
from buildlight.drivers.inventory import look
from buildlight.errors import BuildlightError, ConfigError
from buildlight.redaction import SHORTEST_SECRET, printable, scrub
from buildlight.service.install import service_state
from buildlight.service.plan import Machine
from buildlight.service.unit_files import find_shipped
from buildlight.system import paths, running_daemon, secret
from buildlight.system.regular_file import read_regular_file

LINES = 50
"""Lines of the log."""
PATIENCE = 10.0
"""Seconds that a program of the system may take."""
PACKAGES = (
    *("httpx", "httpcore", "h11", "pydantic", "pydantic-core", "pydantic-settings"),
    *("defusedxml", "rich", "pyserial", "gpiozero", "lgpio", "rpi-lgpio", "busylight-core"),
    *("aiomqtt", "paho-mqtt", "click"),
)
DEVICES = ("gpiochip*", "ttyUSB*", "ttyACM*", "ttyAMA*", "hidraw*", "i2c-*", "spidev*")


def main(_chosen: argparse.Namespace) -> int:
    """Print everything; a part that fails says so, and hides no other."""
    secrets = known_secrets()
    write_line("Secrets are masked. Addresses and names of projects are not: read this first.")
    for title, part in PARTS.items():
        write_line(f"\n== {title}")
        for line in _told(part):
            write_line(printable(scrub(line, secrets), limit=2000))
    return OK


def _told(part: Callable[[], Iterable[str]]) -> Iterator[str]:
    try:
        yield from part()
    except (BuildlightError, OSError, ValueError, subprocess.SubprocessError) as exc:
        yield f"cannot be told: {exc}"


def known_secrets() -> frozenset[str]:
    """Return every secret that this user can read, whether the configuration is sound or not."""
    found = {value for name, value in os.environ.items() if name.startswith(secret.PREFIX)}
    for folder in paths.configuration_folders():
        for file in _files(folder / "secrets"):
            try:
                found.add(read_regular_file(file, limit=secret.LARGEST).decode().strip())
            except (OSError, UnicodeDecodeError):
                continue
    try:
        text = _text(paths.find_file())
    except (BuildlightError, OSError):
        return frozenset(found)
    found |= secrets_of(text)
    try:
        for feed in load_settings(paths.find_file()).feeds:
            found |= feed.options.secrets
    except BuildlightError:
        pass  # The part about the configuration lists its mistakes.
    return frozenset(each for each in found if len(each) >= SHORTEST_SECRET)


def _files(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _text(file: Path) -> str:
    return read_regular_file(file, limit=LARGEST).decode(errors="replace")


def _versions() -> Iterator[str]:
    yield f"buildlight {__version__} in {Path(buildlight.__file__).parent}"
    yield f"Python {sys.version.split()[0]}, {sys.executable}"
    found = {name: _version(name) for name in PACKAGES}
    yield ", ".join(f"{name} {each}" for name, each in found.items() if each)
    yield f"not installed: {', '.join(name for name, each in found.items() if not each)}"


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _system() -> Iterator[str]:
    names = re.findall(r'^PRETTY_NAME="?([^"\n]*)', _start_of("/etc/os-release"), re.MULTILINE)
    yield f"{names[0] if names else 'unknown system'}, kernel {platform.release()}"
    yield f"{platform.machine()}: {_start_of('/proc/device-tree/model').strip(chr(0)) or 'a PC'}"
    yield f"time {datetime.now(tz=UTC).astimezone():%Y-%m-%d %H:%M:%S %Z}"
    yield f"encoding {sys.stdout.encoding}, LANG {os.environ.get('LANG', 'not set')}"


def _start_of(file: str) -> str:
    try:
        return Path(file).read_text(encoding="utf-8", errors="replace")[:4096]
    except OSError:
        return ""


def _user() -> Iterator[str]:
    groups = sorted(_group(number) for number in {*os.getgroups(), os.getegid()})
    yield f"{_user_name(os.geteuid())} in groups {', '.join(groups)}"
    for needed, what in (("gpio", "pins"), ("dialout", "serial ports")):
        if needed not in groups and os.geteuid() != 0:
            yield f"not in group {needed}, which {what} need: sudo usermod -aG {needed} $USER"


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _permissions() -> Iterator[str]:
    found = [path for glob in DEVICES for path in sorted(Path("/dev").glob(glob))]
    for path in found:
        status = path.stat()
        owner = f"{_user_name(status.st_uid)}:{_group(status.st_gid)}"
        may = "may be opened" if os.access(path, os.R_OK | os.W_OK) else "may NOT be opened"
        yield f"{path}: {status.st_mode & 0o777:o} {owner}, {may} by this user"
    if not found:
        yield "no pins, serial ports or HID devices in /dev"


def _lights() -> Iterator[str]:
    yield from devices.render(look()).splitlines()


def _service() -> Iterator[str]:
    for daemon in running_daemon.running_daemons():
        kind = "the service" if daemon.service else "`buildlight run`"
        yield f"{kind} runs, pid {daemon.pid}, configuration {daemon.config or 'not named'}"
    shipped = find_shipped()
    yield f"files for systemd: {shipped.folder}{', of the package' if shipped.packaged else ''}"
    for name, value in service_state(shipped, Machine(write_line=write_line)).lines:
        yield f"{name}: {value}"


def _status() -> Iterator[str]:
    clock = datetime.now(tz=UTC).astimezone()
    status = explain.read_status(
        paths.run_folders(), clock=clock, find_running_daemon=running_daemon.find_running_daemon
    )
    if status.doubt:
        yield status.doubt
    yield from explain.lines(status, clock=clock)


def _configuration() -> Iterator[str]:
    found = paths.find_files()
    yield str(found)
    yield from without_secrets(_text(found.file)).splitlines()
    try:
        load_settings(found.file)
    except ConfigError as exc:
        for mistake in exc.mistakes:
            yield from mistake.splitlines()
    else:
        yield "(it has no mistakes)"


def _log() -> Iterator[str]:
    command = ("journalctl", "--unit=buildlight", f"--lines={LINES}", "--no-pager")
    try:
        ended = subprocess.run(  # noqa: S603 - a command of ours, without a shell
            [*command, "--output=short-iso"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        yield "journalctl is not installed: this machine runs without systemd"
        return
    yield from (ended.stdout or ended.stderr).splitlines()[-LINES:]


PARTS = {
    "Versions": _versions,
    "System": _system,
    "User": _user,
    "Devices and their permissions": _permissions,
    "Drivers and lights": _lights,
    "Service": _service,
    "What the lamps show": _status,
    "Configuration": _configuration,
    f"Last {LINES} lines of the service's log": _log,
}
"""The parts of a report, in this order."""
