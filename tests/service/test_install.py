"""The service: its unit under systemd's own analyser; what is put on a machine and taken away."""

import json
import os
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from buildlight import __version__
from buildlight.config.settings import load_settings
from buildlight.drivers.serial.protocols.adafruit_tower import TOWER
from buildlight.drivers.serial.protocols.busytag import BUSYTAG
from buildlight.drivers.serial.protocols.fit_statusb import FIT_STATUSB
from buildlight.drivers.serial.protocols.lcus import lcus
from buildlight.drivers.sysfs import UDEV_RULE
from buildlight.errors import ConfigError, ServiceError
from buildlight.patterns.pattern import Channel
from buildlight.service import install as service
from buildlight.service.install import (
    CONFIGURATION,
    DROP_INS,
    GROUPS,
    INSTALLED,
    RULES,
    SECRETS,
)
from buildlight.service.plan import Ended, Machine
from buildlight.service.unit_files import UNIT, Shipped, find_shipped

BUILDLIGHT = Path(sys.executable).with_name("buildlight")
PROGRAM = Path("/opt/buildlight/bin/buildlight")
ROOT = Path(__file__).parents[2]
EXPOSURE = 1.3
RUNNING = (
    "UnitFileState=enabled\nActiveState=active\nSubState=running\nResult=success\nNRestarts=0\n"
    "StateChangeTimestamp=Sat 2026-11-21 10:00:00 UTC\nStatusText=lamp: broken: shop\n"
    "DropInPaths=\nNeedDaemonReload=no\n"
)
EDITED = b"# edited\n"


@pytest.fixture
def files() -> Shipped:
    """The files that are shipped, for a program in /opt/buildlight."""
    return Shipped(find_shipped().folder, PROGRAM)


class World:
    """A machine that is a folder: its programs are written down, and answer as they are told."""

    def __init__(self, root: Path) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.said: list[str] = []
        self.answers: dict[str, tuple[int, str]] = {"systemctl show": (0, RUNNING)}
        self.machine = Machine(write_line=self.said.append, root=root, runner=self._run, user=0)
        self.machine.at(service.BOOTED).mkdir(parents=True)

    def _run(self, command: Sequence[str]) -> Ended:
        self.ran.append(tuple(command))
        status, text = self.answers.get(" ".join(command[:2]), (0, ""))
        said = {"stdout": text, "stderr": text}
        return subprocess.CompletedProcess(list(command), status, **said)

    def write(self, path: Path, content: bytes) -> Path:
        """Write a file of the machine."""
        file = self.machine.at(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def files(self) -> dict[str, bytes]:
        """Return every file of the machine."""
        root = self.machine.root
        found = (path for path in root.rglob("*") if path.is_file())
        return {f"/{path.relative_to(root)}": path.read_bytes() for path in found}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A machine on which every installation can be read."""
    monkeypatch.setattr(Shipped, "hidden", lambda _files: None)
    return World(tmp_path / "root")


# The unit, as systemd sees it.


@pytest.fixture
def analyze() -> Callable[..., Ended]:
    """Systemd's own analyser, which CI has to have."""
    program = shutil.which("systemd-analyze")
    if program is None:
        if "CI" in os.environ:
            pytest.fail("systemd-analyze is missing: apt-get install systemd")
        pytest.skip("needs systemd-analyze, which is not installed here")

    def call(*arguments: object) -> Ended:
        return subprocess.run(
            [program, *map(str, arguments)], capture_output=True, text=True, check=False
        )

    return call


@pytest.fixture
def unit(tmp_path: Path, files: Shipped) -> Path:
    """The unit, of a program that is there."""
    file = tmp_path / UNIT
    file.write_bytes(Shipped(files.folder, BUILDLIGHT).read(UNIT))
    return file


def test_systemd_has_nothing_to_say_about_the_unit(
    analyze: Callable[..., Ended], unit: Path
) -> None:
    """Neither an error nor a warning: an option that 252 does not know would be one."""
    verified = analyze("verify", unit)

    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_a_misspelt_option_would_be_noticed(analyze: Callable[..., Ended], unit: Path) -> None:
    """The analyser says so, and ends with 0 all the same: only its silence proves anything."""
    unit.write_text(unit.read_text().replace("ProtectHome=yes", "ProtectHomes=yes"))

    assert "ProtectHomes" in analyze("verify", unit).stderr


def test_systemd_has_nothing_to_say_about_the_drop_ins(
    analyze: Callable[..., Ended], unit: Path, files: Shipped
) -> None:
    """All of them together, beside the unit."""
    shutil.copytree(files.folder / "drop-ins", f"{unit}.d")

    verified = analyze("verify", unit)

    assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


def test_the_sandbox_is_as_tight_as_promised(analyze: Callable[..., Ended], unit: Path) -> None:
    """Systemd counts what the service could do: 10 is everything, and 1.3 is promised."""
    counted = analyze(
        "security", "--offline=true", f"--threshold={EXPOSURE * 10:.0f}", "--no-pager", unit
    )

    told = re.search(r"Overall exposure level for buildlight.service: ([0-9.]+)", counted.stdout)
    assert told
    assert float(told[1]) <= EXPOSURE
    assert counted.returncode == 0


def test_every_option_that_is_not_set_has_its_reason_in_the_unit(
    analyze: Callable[..., Ended], unit: Path
) -> None:
    """Whatever systemd finds missing, the unit says why."""
    rows = json.loads(
        analyze("security", "--offline=true", "--json=short", "--no-pager", unit).stdout
    )

    text = unit.read_text()
    missing = {
        name.partition("=")[0] + "="
        for row in rows
        if row["set"] is False
        for name in row["name"].split("/")
    }
    assert "PrivateDevices=" in missing
    assert not [name for name in missing if name not in text]


def test_the_unit_promises_what_the_readme_says(files: Shipped) -> None:
    """Forty seconds: the watchdog, and ten for what follows; nothing that 252 does not know."""
    options = dict(
        line.split("=", 1)
        for line in files.read(UNIT).decode().splitlines()
        if "=" in line and not line.startswith("#")
    )

    assert options["Type"] == "notify"
    assert int(options["WatchdogSec"]) + 10 == 40
    assert int(options["TimeoutAbortSec"]) < 10
    assert int(options["TimeoutStopSec"]) <= 40 / 2
    assert options["StartLimitIntervalSec"] == "0"
    assert options["RestartPreventExitStatus"] == "78"
    assert options["ExecStopPost"].startswith(f"-{PROGRAM} off ")
    assert options["SupplementaryGroups"].split() == ["gpio", "dialout"]
    assert not {"RestartSteps", "RestartMaxDelaySec", "RuntimeDirectoryPreserve"} & {*options}


def test_the_files_name_this_installation(files: Shipped) -> None:
    """What is installed has the right paths, wherever the program is."""
    elsewhere = Shipped(files.folder, Path("/srv/lamp/bin/buildlight"))

    text = elsewhere.read(UNIT).decode()

    assert "ExecStart=/srv/lamp/bin/buildlight run --config" in text
    assert "/opt/buildlight/bin" not in text
    assert f"Documentation=file:{files.folder}/README.md" in text


def test_udev_knows_every_serial_light_and_the_leds(files: Shipped) -> None:
    """Each USB id of a protocol is kept from ModemManager; LEDs go to the group of the service."""
    rules = files.read("buildlight.rules").decode()
    protocols = (TOWER, FIT_STATUSB, BUSYTAG, lcus([Channel.RED]))

    for vendor, product in {protocol.usb for protocol in protocols if protocol.usb}:
        light = f'ATTRS{{idVendor}}=="{vendor:04x}", ATTRS{{idProduct}}=="{product:04x}"'
        assert f'SUBSYSTEM=="usb|tty", {light}, ENV{{BUILDLIGHT}}="1"' in rules
        assert f'SUBSYSTEM=="tty", {light}, SYMLINK+="buildlight/' in rules
    for boards in ("2341|2a03", "2e8a"):
        assert f'SUBSYSTEM=="usb|tty", ATTRS{{idVendor}}=="{boards}", ' in rules
    assert UDEV_RULE in rules


def test_the_example_is_refused_until_somebody_edits_it(
    files: Shipped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it is, the service says what is missing and stops; without its # it is a configuration."""
    for name in [name for name in os.environ if name.upper().startswith("BUILDLIGHT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("BUILDLIGHT_SECRET_JENKINS", "t0ken-1")
    file = tmp_path / "buildlight.toml"
    file.write_bytes(files.read("buildlight.toml"))

    with pytest.raises(ConfigError) as refused:
        load_settings(file)

    assert len(refused.value.mistakes) == 2
    file.write_text(re.sub(r"(?m)^#(?=[\[a-z])", "", file.read_text()))
    settings = load_settings(file)
    assert [feed.name for feed in settings.feeds] == ["web"]
    assert [lamp.driver for lamp in settings.lamps] == ["gpio"]


# Installing.


def test_a_first_installation_enables_the_service_and_does_not_start_it(
    world: World, files: Shipped
) -> None:
    """There is nothing to show yet: an example is left, and what to do next is said."""
    assert service.install(files, world.machine, dry_run=False)

    assert world.files() == {
        str(INSTALLED): files.read(UNIT),
        str(RULES): files.read("buildlight.rules"),
        str(GROUPS): files.read("buildlight.sysusers"),
        str(CONFIGURATION): files.read("buildlight.toml"),
    }
    assert [" ".join(command[:2]) for command in world.ran] == [
        f"systemd-sysusers {GROUPS}",
        "udevadm control",
        "udevadm trigger",
        "systemctl daemon-reload",
        "systemctl enable",
    ]
    assert f"wrote {INSTALLED}" in world.said
    assert "ran systemctl enable buildlight.service" in world.said
    assert f"write your feeds and lamps into {CONFIGURATION}" in world.said[-1]


def test_everybody_may_read_what_is_installed_and_nobody_the_tokens(
    world: World, files: Shipped
) -> None:
    """The service is a user of its own; its tokens are handed to it by systemd."""
    before = os.umask(0o077)
    try:
        service.install(files, world.machine, dry_run=False)
    finally:
        os.umask(before)

    modes = {
        path: stat.S_IMODE(world.machine.at(path).stat().st_mode)
        for path in (INSTALLED, RULES, CONFIGURATION, CONFIGURATION.parent, SECRETS)
    }
    assert [*modes.values()] == [0o644, 0o644, 0o644, 0o755, 0o700]


def test_a_configuration_is_kept_and_the_service_starts_with_it(
    world: World, files: Shipped
) -> None:
    """It is never overwritten; the lamp's sentence is the last word."""
    world.write(CONFIGURATION, EDITED)

    assert service.install(files, world.machine, dry_run=False)

    assert world.files()[str(CONFIGURATION)] == EDITED
    assert ("systemctl", "restart", UNIT) in world.ran
    assert f"kept {CONFIGURATION}" in world.said
    assert world.said[-1] == "says: lamp: broken: shop"


def test_installing_twice_changes_nothing(world: World, files: Shipped) -> None:
    """Whoever repeats it gets the same machine, and hears that all was there."""
    service.install(files, world.machine, dry_run=False)
    first = world.files()
    world.said.clear()

    service.install(files, world.machine, dry_run=False)

    assert world.files() == first
    assert not [line for line in world.said if line.startswith(("wrote", "made"))]


def test_an_old_unit_is_replaced(world: World, files: Shipped) -> None:
    """An upgrade installs its own unit over that of the version before."""
    world.write(INSTALLED, b"[Unit]\n")

    service.install(files, world.machine, dry_run=False)

    assert world.files()[str(INSTALLED)] == files.read(UNIT)


def test_a_dry_run_says_all_of_it_and_does_nothing(world: World, files: Shipped) -> None:
    """Neither a file nor a program, and nobody has to be root."""
    machine = Machine(world.said.append, world.machine.root, world.machine.runner, user=1000)

    assert service.install(files, machine, dry_run=True)
    assert service.uninstall(files, machine, dry_run=True)

    assert world.files() == {}
    assert world.ran == []
    assert f"would write {INSTALLED}" in world.said
    assert "would run systemctl enable buildlight.service" in world.said
    assert f"is not there: {RULES}" in world.said


@pytest.mark.parametrize("action", ["install", "uninstall"])
def test_whoever_is_not_root_is_told_what_to_write(
    world: World, files: Shipped, action: str
) -> None:
    """The whole line, with the path of this installation."""
    machine = Machine(world.said.append, world.machine.root, world.machine.runner, user=1000)

    with pytest.raises(ServiceError, match=f"^this needs root: sudo {PROGRAM} service {action}$"):
        service.ACTIONS[action](files, machine, dry_run=False)

    assert world.files() == {}


def test_a_machine_without_systemd_is_left_alone(world: World, files: Shipped) -> None:
    """A container, or another init."""
    world.machine.at(service.BOOTED).rmdir()

    with pytest.raises(ServiceError, match="systemd does not run here"):
        service.install(files, world.machine, dry_run=False)

    assert (world.files(), world.ran) == ({}, [])


def test_the_first_program_that_fails_ends_it_with_what_it_said(
    world: World, files: Shipped
) -> None:
    """A service that does not start, for instance."""
    world.write(CONFIGURATION, EDITED)
    world.answers["systemctl restart"] = (1, "Job for buildlight.service failed\nSee it.\n")

    with pytest.raises(
        ServiceError, match=r"^systemctl restart buildlight\.service: Job .* See it"
    ):
        service.install(files, world.machine, dry_run=False)


def test_a_machine_without_udev_is_no_failure(world: World, files: Shipped) -> None:
    """A container with systemd has none."""
    world.answers["udevadm control"] = world.answers["udevadm trigger"] = (1, "no udev")

    assert service.install(files, world.machine, dry_run=False)


def test_a_configuration_that_the_service_cannot_read_is_told_before_anything_is_done(
    world: World, files: Shipped
) -> None:
    """It is another user; where tokens belong is said, too."""
    world.write(CONFIGURATION, EDITED).chmod(0o600)

    with pytest.raises(ServiceError, match=rf"closed to others.*chmod a\+rX {CONFIGURATION}"):
        service.install(files, world.machine, dry_run=False)

    assert world.ran == []


def test_a_file_that_cannot_be_written_is_named(world: World, files: Shipped) -> None:
    """A folder stands in its way, for instance."""
    world.machine.at(RULES).mkdir(parents=True)

    with pytest.raises(ServiceError, match=f"^{RULES}: "):
        service.install(files, world.machine, dry_run=False)


# What the service could not read.


def test_an_installation_in_a_home_is_refused(files: Shipped) -> None:
    """The service sees no homes; the remedy names the place and the guide."""
    hidden = Shipped(files.folder, Path("/home/pi/lamp/bin/buildlight")).hidden()

    assert hidden
    assert hidden.startswith("/home/pi/lamp/bin/buildlight: the service sees nothing of /home")
    assert hidden.endswith(f"install it in /opt/buildlight, as {files.folder}/README.md says")


def test_an_installation_that_is_closed_to_others_is_refused(
    files: Shipped, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that is in the way is named."""
    monkeypatch.setattr("buildlight.service.unit_files.HIDDEN", {})
    program = tmp_path / "closed" / "buildlight"
    program.parent.mkdir(mode=0o700)
    program.touch()

    hidden = Shipped(files.folder, program).hidden()

    assert hidden
    assert "is a user of its own, and" in hidden


def test_a_path_that_no_unit_can_have_is_refused(files: Shipped) -> None:
    """A space would end the path, a % would be a specifier."""
    hidden = Shipped(files.folder, Path("/opt/my lamp/bin/buildlight")).hidden()

    assert hidden == "/opt/my lamp/bin/buildlight: the path has ' ', which a unit cannot have"


# Uninstalling.


def test_uninstalling_leaves_the_configuration_and_nothing_else(
    world: World, files: Shipped
) -> None:
    """The unit, our drop-ins, the rules, the groups' file, and what systemd made for it."""
    world.write(CONFIGURATION, EDITED)
    service.install(files, world.machine, dry_run=False)
    world.write(DROP_INS / "sysfs-leds.conf", files.read("drop-ins/sysfs-leds.conf"))
    world.write(Path("/var/lib/private/buildlight/verdicts.json"), b"{}")
    world.machine.at(Path("/var/lib/buildlight")).symlink_to("private/buildlight")
    world.ran.clear()

    assert service.uninstall(files, world.machine, dry_run=False)

    assert world.files() == {str(CONFIGURATION): EDITED}
    assert not world.machine.has(Path("/var/lib/buildlight"))
    assert not world.machine.has(DROP_INS)
    assert [" ".join(command[:2]) for command in world.ran] == [
        "systemctl disable",
        "systemctl daemon-reload",
        "systemctl reset-failed",
        "udevadm control",
        "udevadm trigger",
    ]
    assert world.ran[0] == ("systemctl", "disable", "--now", UNIT)
    assert world.said[-1] == "/etc/buildlight stays: it is your configuration"


def test_a_drop_in_that_somebody_wrote_stays(world: World, files: Shipped) -> None:
    """It is configuration: one of `systemctl edit`, and one of ours with an address put in."""
    service.install(files, world.machine, dry_run=False)
    edited = [DROP_INS / "network.conf", DROP_INS / "override.conf"]
    for drop_in in edited:
        world.write(drop_in, EDITED)

    service.uninstall(files, world.machine, dry_run=False)

    assert [world.files()[str(drop_in)] for drop_in in edited] == [EDITED, EDITED]
    assert f"{DROP_INS} stays: it is your configuration" in world.said


def test_uninstalling_twice_is_no_failure(world: World, files: Shipped) -> None:
    """Nothing is stopped that is not there, and nobody is asked to forget its failures in vain."""
    world.answers["systemctl reset-failed"] = (1, "not loaded")

    assert service.uninstall(files, world.machine, dry_run=False)

    assert not [command for command in world.ran if "disable" in command]


# How it stands.


def test_status_says_what_the_lamp_says(world: World, files: Shipped) -> None:
    """Where it is, which version, whether it starts at boot, since when it runs."""
    world.answers[f"{PROGRAM} --version"] = (0, f"buildlight {__version__}\n")
    world.write(PROGRAM, b"")
    service.install(files, world.machine, dry_run=False)
    world.said.clear()

    assert service.status(files, world.machine)

    assert world.said == [
        f"unit: {INSTALLED}, of version {__version__}",
        f"program: {PROGRAM}, buildlight {__version__}",
        f"rules: {RULES}, of version {__version__}",
        "at boot: enabled",
        "now: active (running), since Sat 2026-11-21 10:00:00 UTC",
        "says: lamp: broken: shop",
    ]


def test_status_notices_what_is_not_as_it_should_be(world: World, files: Shipped) -> None:
    """An old unit, a program that is gone, a service that failed and is tried again."""
    world.write(INSTALLED, files.read(UNIT) + b"# old\n")
    failed = (
        "UnitFileState=disabled\nActiveState=activating\nSubState=auto-restart\n"
        "Result=watchdog\nNRestarts=3\nStateChangeTimestamp=Sat\nStatusText=\n"
        f"DropInPaths={DROP_INS}/a.conf {DROP_INS}/b.conf\nNeedDaemonReload=yes\n"
    )
    world.answers["systemctl show"] = (0, failed)

    assert not service.status(files, world.machine)

    remedy, why = f"sudo {PROGRAM} service install", "result: watchdog; journalctl -u buildlight"
    assert world.said == [
        f"unit: {INSTALLED}, which is not that of version {__version__}; install that: {remedy}",
        f"program: {PROGRAM}, which is gone",
        f"rules: not installed; install it: {remedy}",
        f"drop-ins: {DROP_INS}/a.conf, {DROP_INS}/b.conf",
        "at boot: disabled",
        f"now: activating (auto-restart), since Sat, 3 restarts, {why}",
        "but: its files changed: sudo systemctl daemon-reload",
    ]


def test_status_without_systemd_says_so(world: World, files: Shipped) -> None:
    """What systemctl says of it is told."""
    world.answers["systemctl show"] = (1, "System has not been booted with systemd\n")

    with pytest.raises(ServiceError, match="not been booted with systemd"):
        service.status(files, world.machine)


# The command, and the guide.


def test_the_command_shows_its_plan_and_why_it_would_not_carry_it_out(tmp_path: Path) -> None:
    """A real process, of an installation that stands below /tmp or wherever tests run."""
    shown = subprocess.run(
        [BUILDLIGHT, "service", "install", "--dry-run"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    why = find_shipped().hidden()
    assert re.search(rf"(?m)^would (write|keep) {INSTALLED}$", shown.stdout)
    assert shown.stderr == (f"buildlight: {why}\n" if why else "")
    assert shown.returncode == (1 if why else 0)


def test_a_machine_without_the_programs_of_systemd_is_told_so(tmp_path: Path) -> None:
    """No traceback where there is no systemctl."""
    asked = subprocess.run(
        [BUILDLIGHT, "service", "status"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": str(tmp_path)},
    )

    assert asked.stderr == "buildlight: there is no systemctl; this needs a machine with systemd\n"
    assert asked.returncode == 1


def test_the_guide_knows_every_drop_in_and_the_place_of_the_unit(files: Shipped) -> None:
    """Nothing is shipped that nobody explains, and nothing is explained that is not there."""
    guide = (files.folder / "README.md").read_text()

    assert {*re.findall(r"`([a-z-]+\.conf)`", guide)} == {*files.drop_ins()}
    assert f"sudo {PROGRAM} service install\n" in guide
    assert str(CONFIGURATION) in guide


def test_what_the_guide_says_of_threats_is_shown_by_tests_that_exist(files: Shipped) -> None:
    """Nobody is assured of anything by a test that was renamed."""
    guide = (files.folder / "README.md").read_text()
    rows = [line.split(" | ") for line in guide.splitlines() if line.startswith("| ")]
    shown = [row[-1] for row in rows if len(row) == 4 and "tests/" in row[-1]]
    named = {name for cell in shown for name in re.findall(r"`(tests/[^`]+)`", cell)}

    assert len(shown) > 8
    assert {name for name in named if not (ROOT / name).is_file()} == set()
