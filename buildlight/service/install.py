"""Installs the service on this machine, removes it, and shows its state."""

import stat
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from buildlight import __version__
from buildlight.errors import ServiceError
from buildlight.service.plan import Clear, Command, Folder, Machine, Offer, Remove, Step, Write
from buildlight.service.unit_files import PACKAGED, UNIT, Shipped

CONFIGURATION = Path("/etc/buildlight/buildlight.toml")
SECRETS = Path("/etc/buildlight/secrets")
RULES = Path("/etc/udev/rules.d/95-buildlight.rules")
PACKAGED_RULES = Path("/usr/lib/udev/rules.d/95-buildlight.rules")
GROUPS = Path("/etc/sysusers.d/buildlight.conf")
INSTALLED = Path("/etc/systemd/system") / UNIT
DROP_INS = Path(f"{INSTALLED}.d")
STATE = ("/var/lib/buildlight", "/var/lib/private/buildlight", "/run/buildlight")
"""Folders that systemd made for the service: the link to its state, its state, its run folder."""

BOOTED = Path("/run/systemd/system")
"""A folder that exists only if systemd runs, see sd_booted(3)."""

_RULED = ("tty", "usb", "hidraw", "leds")
# There is no udev in a container.
UDEV = (
    Command(("udevadm", "control", "--reload"), vain=True),
    Command(("udevadm", "trigger", *(f"--subsystem-match={kind}" for kind in _RULED)), vain=True),
)
"""Makes udev reload its rules and apply them to plugged-in devices."""


def install_steps(files: Shipped, *, configured: bool) -> tuple[Step, ...]:
    """Return the steps that install the service and enable it at boot.

    It is started at once only if it is *configured*.
    """
    start = (Command(("systemctl", "restart", UNIT)),) if configured else ()
    return (
        Write(GROUPS, files.read("buildlight.sysusers")),
        Command(("systemd-sysusers", str(GROUPS))),
        Write(RULES, files.read("buildlight.rules")),
        *UDEV,
        Folder(CONFIGURATION.parent, 0o755),
        Folder(SECRETS, 0o700),
        Offer(CONFIGURATION, files.read("buildlight.toml")),
        Write(INSTALLED, files.read(UNIT)),
        Command(("systemctl", "daemon-reload")),
        Command(("systemctl", "enable", UNIT)),
        *start,
    )


def package_steps(machine: Machine) -> tuple[Step, ...]:
    """Return what makes the service of the Debian package start, and start with the machine.

    What an installation before it left in /etc would hide the package's files for ever.
    """
    hiding = [path for path in (INSTALLED, RULES, GROUPS) if machine.has(path)]
    reread = (Command(("systemctl", "daemon-reload")), *UDEV) if hiding else ()
    return (
        *(Remove(path) for path in hiding),
        *reread,
        # Not enable: a link to the unit that was removed would be in its way.
        Command(("systemctl", "reenable", UNIT)),
        Command(("systemctl", "restart", UNIT)),
    )


def uninstall_steps(*, installed: bool, drop_ins: Iterable[str]) -> tuple[Step, ...]:
    """Return the steps that remove everything of the service except its configuration.

    An *installed* unit is stopped first, which darkens the lamps. Only the drop-ins of *drop_ins*
    are removed: others were written by the owner. The groups stay, because files may belong to
    them.
    """
    stop = (Command(("systemctl", "disable", "--now", UNIT)),) if installed else ()
    return (
        *stop,
        Remove(INSTALLED),
        *(Remove(DROP_INS / name) for name in drop_ins),
        Clear(DROP_INS),
        Command(("systemctl", "daemon-reload")),
        Command(("systemctl", "reset-failed", UNIT), vain=True),
        *(Remove(Path(path)) for path in STATE),
        Remove(RULES),
        *UDEV,
        Remove(GROUPS),
    )


def install(files: Shipped, machine: Machine, *, dry_run: bool) -> bool:
    """Install the service, or show what would be done; returns ``True``.

    Raises :class:`ServiceError` without root, without systemd, or if the service could not read
    its files.
    """
    written = machine.reads(CONFIGURATION)
    configured = written is not None and written != files.read("buildlight.toml")
    if files.packaged:
        steps = package_steps(machine)
    else:
        steps = install_steps(files, configured=configured)
    if dry_run:
        machine.preview(steps)
    else:
        _check_machine(files, machine, "install")
    obstacle = (None if files.packaged else files.hidden()) or _closed(machine)
    if obstacle is not None:
        raise ServiceError(obstacle)
    if dry_run:
        return True
    machine.apply(steps)
    if configured:
        return status(files, machine)
    machine.write_line(
        f"Next: write your feeds and lamps into {CONFIGURATION}, see what the lamp would show "
        f"with: sudo {files.program} check, and begin with: sudo systemctl restart buildlight"
    )
    return True


def uninstall(files: Shipped, machine: Machine, *, dry_run: bool) -> bool:
    """Remove the service, or show what would be done; returns ``True``, as it did.

    Raises :class:`ServiceError`: not root, no systemd, or it belongs to a Debian package.
    """
    if files.packaged:
        raise ServiceError(
            "the service belongs to the Debian package; remove it: sudo apt remove buildlight; "
            "sudo apt purge buildlight also deletes the configuration and the tokens"
        )
    ours = (name for name in files.drop_ins() if _is_shipped(name, files, machine))
    steps = uninstall_steps(installed=machine.has(INSTALLED), drop_ins=ours)
    if dry_run:
        machine.preview(steps)
        return True
    _check_machine(files, machine, "uninstall")
    machine.apply(steps)
    for path in (CONFIGURATION.parent, DROP_INS):
        if machine.has(path):
            machine.write_line(f"{path} stays: it is your configuration")
    return True


def status(files: Shipped, machine: Machine, *, dry_run: bool = False) -> bool:  # noqa: ARG001 - status changes nothing
    """Write the state of the service; returns whether it runs."""
    found = service_state(files, machine)
    for name, value in found.lines:
        machine.write_line(f"{name}: {value}")
    return found.active


def _is_shipped(drop_in: str, files: Shipped, machine: Machine) -> bool:
    return machine.reads(DROP_INS / drop_in) == files.read(f"drop-ins/{drop_in}")


def _check_machine(files: Shipped, machine: Machine, action: str) -> None:
    if machine.user != 0:
        raise ServiceError(f"this needs root: sudo {files.program} service {action}")
    if not machine.has(BOOTED):
        raise ServiceError("systemd does not run here; --dry-run shows what would be done")


def _closed(machine: Machine) -> str | None:
    """Return why the service cannot read the configuration; ``None`` if it can."""
    for path, wanted in ((CONFIGURATION.parent, stat.S_IXOTH), (CONFIGURATION, stat.S_IROTH)):
        if machine.has(path) and not machine.at(path).stat().st_mode & wanted:
            return (
                f"{path} is closed to others, and the service is a user of its own; tokens belong "
                f"into {SECRETS}, and then: sudo chmod a+rX {path}"
            )
    return None


@dataclass(frozen=True, slots=True)
class ServiceState:
    """The state of the service, as lines with a name and a value."""

    lines: tuple[tuple[str, str], ...]
    active: bool


PROPERTIES = (
    "UnitFileState",
    "ActiveState",
    "SubState",
    "StateChangeTimestamp",
    "Result",
    "NRestarts",
    "ConditionResult",
    "StatusText",
    "DropInPaths",
    "NeedDaemonReload",
)


def service_state(files: Shipped, machine: Machine) -> ServiceState:
    """Return the state of the service: its files, and what systemd knows about it."""
    asked = machine.runner(("systemctl", "show", UNIT, f"--property={','.join(PROPERTIES)}"))
    if asked.returncode != 0:
        raise ServiceError(f"systemctl show: {' '.join(asked.stderr.split())}")
    known = dict.fromkeys(PROPERTIES, "") | dict(
        line.split("=", 1) for line in asked.stdout.splitlines() if "=" in line
    )
    lines = (
        *_installed(files, machine),
        ("drop-ins", ", ".join(known["DropInPaths"].split())),
        ("at boot", known["UnitFileState"] or "not started"),
        ("now", _now(known)),
        ("says", known["StatusText"]),
        ("but", _unread(known)),
    )
    known_lines = tuple((name, value) for name, value in lines if value)
    return ServiceState(known_lines, active=known["ActiveState"] == "active")


def _installed(files: Shipped, machine: Machine) -> tuple[tuple[str, str], ...]:
    """Return what is known about the service's files."""
    remedy = f"sudo {files.program} service install"
    unit = machine.reads(INSTALLED)
    if files.packaged:
        program = _program(machine, machine.reads(PACKAGED) if unit is None else unit)
        kept = _packaged(INSTALLED, PACKAGED, machine, remedy)
        rules = _packaged(RULES, PACKAGED_RULES, machine, remedy)
    else:
        program = _program(machine, unit)
        kept = _compared(unit, files.read(UNIT), INSTALLED, remedy)
        rules = _compared(machine.reads(RULES), files.read("buildlight.rules"), RULES, remedy)
    return ("unit", kept), ("program", program), ("rules", rules)


def _packaged(copy: Path, path: Path, machine: Machine, remedy: str) -> str:
    if machine.has(copy):
        return f"{copy}, which hides the one of the Debian package; remove it: {remedy}"
    return f"{path}, of the Debian package, version {__version__}"


def _compared(found: bytes | None, ours: bytes, path: Path, remedy: str) -> str:
    if found is None:
        return f"not installed; install it: {remedy}"
    if found != ours:
        return f"{path}, which is not that of version {__version__}; install that: {remedy}"
    return f"{path}, of version {__version__}"


def _program(machine: Machine, unit: bytes | None) -> str:
    """Return the program that the unit starts, and its version."""
    for line in (unit or b"").decode(errors="replace").splitlines():
        name, _, command = line.partition("=")
        if name == "ExecStart" and command:
            program = command.split()[0]
            if not machine.has(Path(program)):
                return f"{program}, which is gone"
            said = machine.runner((program, "--version")).stdout.strip()
            return f"{program}, {said or 'which does not start'}"
    return ""


def _now(known: Mapping[str, str]) -> str:
    since, result, restarts = (known[key] for key in PROPERTIES[3:6])
    unmet = known["ConditionResult"] == "no" and known["ActiveState"] == "inactive"
    parts = (
        f"{known['ActiveState']} ({known['SubState']})",
        f"there is no {CONFIGURATION}" if unmet else "",
        since and f"since {since}",
        f"{restarts} restarts" if restarts not in ("", "0") else "",
        f"result: {result}; journalctl -u buildlight" if result not in ("", "success") else "",
    )
    return ", ".join(part for part in parts if part)


def _unread(known: Mapping[str, str]) -> str:
    unread = known["NeedDaemonReload"] == "yes"
    return "its files changed: sudo systemctl daemon-reload" if unread else ""


ACTIONS: Mapping[str, Callable[..., bool]] = {
    "install": install,
    "uninstall": uninstall,
    "status": status,
}
