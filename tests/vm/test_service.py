"""The service on a real systemd, installed and led by the commands of its guide.

The scenarios of a machine build on each other, in the order of this file: the first light is
plugged in after the service has started, and the last one takes the service away.
"""

import base64
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.servers import BROKEN_FEED, Answer, FeedServer
from vm.guide import command, commands
from vm.machine import Vm, call, until, wheels
from vm.test_lines import AMBER, GREEN, RED
from vm.test_usb_light import DARK
from vm.test_usb_light import GREEN as TOWER_GREEN
from vm.test_usb_light import RED as TOWER_RED

# TEST_SUITES=trixie,bookworm follows the guide on both, in ten minutes more.
SUITES = tuple(os.environ.get("TEST_SUITES", "trixie").split(","))
on_one = pytest.mark.parametrize("machine", SUITES[:1], indirect=True)
"""For what is the same in both, or takes long."""

WHEELS = "/opt/rig/wheels"
CONFIGURATION = "/etc/buildlight/buildlight.toml"
PORT = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_BL0001-if00-port0"
TOKEN = "t0ken-that-nobody-must-see"
NOBODY = "setpriv --reuid=65534 --regid=65534 --clear-groups"

LED = "/sys/class/leds/input0::capslock"
LED_LAMP = (
    f'[[lamps]]\nname = "led"\ndriver = "sysfs"\nleds = {{ green = "{LED.rpartition("/")[2]}" }}\n'
)

ALL_LOW = {RED: 0, AMBER: 0, GREEN: 0}
ONLY_GREEN = {RED: 0, AMBER: 0, GREEN: 1}


@dataclass(frozen=True, slots=True)
class Service:
    """The service in the guest *vm*, and the CI server that it asks."""

    vm: Vm
    server: FeedServer

    def follow(self, *lines: str, said: str = "") -> str:
        """Do what the guide says, where the wheels are; returns what was shown."""
        shown = [self.vm.sh(f"cd {WHEELS} && {line}", said=said).stdout for line in lines]
        return "".join(shown)

    def configure(self, *, pins: str = "{ red = 17, amber = 27, green = 22 }") -> None:
        """Write a configuration with LEDs, and a tower that may not be plugged in."""
        text = (
            f'interval = 1\nbuilding_interval = 1\n[[feeds]]\nname = "web"\n'
            f'url = "{self.server.url()}"\n'
            'auth = { kind = "basic", user = "lamp", secret = "jenkins" }\n'
            f'[[lamps]]\nname = "shelf"\ndriver = "gpio"\npins = {pins}\n'
            f'[[lamps]]\nname = "tower"\ndriver = "serial"\nprotocol = "adafruit-tower"\n'
            f'port = "{PORT}"\n'
        )
        self.vm.sh(f"cat >{CONFIGURATION}", said=text)

    def show(self, key: str) -> str:
        """Return what systemd knows of the service."""
        return self.vm.sh(f"systemctl show -P {key} buildlight").stdout.strip()

    def log(self) -> str:
        """Return what is in the journal."""
        return self.vm.logged("buildlight")

    def forget(self) -> None:
        """Empty the journal, and forget what the tower was told."""
        self.vm.sh("journalctl -q --rotate && journalctl -q --vacuum-time=1s")
        self.vm.forget()

    def is_lit(self, levels: dict[int, int]) -> None:
        """Wait until the lines have these *levels*."""
        until(lambda: self.vm.levels(*levels) == levels, self.log)

    def tells(self, frame: bytes) -> None:
        """Wait until the last word to the tower is *frame*."""
        until(lambda: self.vm.told().endswith(frame), self.log)

    def follows_on(self, pid: str) -> None:
        """Wait until another daemon than *pid* runs and is ready."""

        def another() -> bool:
            return self.show("ActiveState") == "active" and self.show("MainPID") != pid

        until(another, self.log)


@pytest.fixture(scope="module", params=SUITES)
def machine(request: pytest.FixtureRequest, rig: Path, pytestconfig: pytest.Config) -> Iterator[Vm]:
    """Start a machine of its own, with the wheels in it and nothing installed."""
    with tempfile.TemporaryDirectory(prefix="bl-") as name:
        home = Path(name)
        vm = Vm(rig, home / "vm", request.param)
        vm.folder.mkdir()
        try:
            vm.start(home / "vm.log")
            python = vm.python()
            folder = home / "wheels"
            wheels(pytestconfig.rootpath, folder, python=python, platform="manylinux2014_x86_64")
            vm.push(folder, to="/opt/rig")
            # Who logs in is root already, and pip has no network.
            vm.sh(
                "printf '#!/bin/sh\\nexec \"$@\"\\n' >/usr/local/bin/sudo && "
                "chmod +x /usr/local/bin/sudo && "
                "printf '[global]\\nno-index = true\\nfind-links = "
                f"{WHEELS}\\n[install]\\nno-compile = true\\n' >/etc/pip.conf"
            )
            yield vm
        finally:
            vm.stop()


@pytest.fixture(scope="module")
def feed(machine: Vm) -> Iterator[FeedServer]:
    """A CI server that the machine can reach."""
    with FeedServer() as server, machine.reaching(server.port):
        yield server


@pytest.fixture
def service(machine: Vm, feed: FeedServer) -> Service:
    """The service as the scenario before has left it, while all is well."""
    service = Service(machine, feed)
    service.forget()
    feed.answer = Answer()  # Not before: what it brings about must not be forgotten.
    return service


def test_the_guide_installs_a_service_that_wants_to_be_configured(service: Service) -> None:
    """It is there and enabled; started all the same, it fails with 78 and is not tried again."""
    shown = service.follow(*commands("Install"))

    assert f"write your feeds and lamps into {CONFIGURATION}" in shown
    assert service.show("UnitFileState") == "enabled"
    assert service.show("ActiveState") == "inactive"
    service.vm.sh("systemctl start buildlight", status=1)
    assert service.show("ExecMainStatus") == "78"
    assert (service.show("ActiveState"), service.show("NRestarts")) == ("failed", "0")
    assert "feeds: none found; add a [[feeds]] table" in service.log()


def test_a_token_and_a_configuration_make_it_run(service: Service) -> None:
    """The token goes from root's file to the server, and the lamp's sentence is in the status."""
    store, check, start = commands("Configure")
    service.follow(store, said=f"{TOKEN}\n")
    service.configure()
    # The tower is missing still, which is what it is for.
    assert "shelf" in service.vm.sh(check, status=1).stdout

    service.follow(start)

    service.is_lit(ONLY_GREEN)
    basic = base64.b64encode(f"lamp:{TOKEN}".encode()).decode()
    assert service.server.requests[-1].headers["authorization"] == f"Basic {basic}"
    every_day = commands("Every day")
    status = service.follow(every_day[0])
    assert "Active: active (running)" in status
    assert "shelf: " in status
    assert service.show("StatusText") in status
    stands = service.follow(command("service status"))
    assert "now: active (running)" in stands
    assert "of version" in stands


@on_one
def test_anybody_may_ask_why(service: Service) -> None:
    """`buildlight explain` finds the daemon and its status without being root."""
    why = service.vm.sh(f"cd / && {NOBODY} {command('explain')}").stdout

    assert "shelf (driver gpio) shows: green" in why


@on_one
def test_the_token_appears_nowhere(service: Service) -> None:
    """Neither in the journal nor in a file, nor in what systemd and the kernel tell of it."""
    pid = service.show("MainPID")
    places = (
        f"/proc/{pid}/environ /proc/{pid}/cmdline /run/buildlight /var/lib/private/buildlight "
        "/etc/systemd /etc/buildlight/buildlight.toml"
    )
    told = "journalctl -o export; systemctl show buildlight; systemctl cat buildlight"
    service.vm.sh(f"journalctl --sync; ({told}) >/tmp/told; grep -q ExecStart /tmp/told")

    service.vm.sh(f"grep -rlaF {TOKEN} {places} /tmp/told", status=1)

    service.vm.sh(f"{NOBODY} ls /etc/buildlight/secrets", status=2)
    service.vm.sh(f"{NOBODY} ls /run/credentials/buildlight.service", status=2)


@on_one
def test_it_listens_on_nothing_and_runs_as_nobody(service: Service) -> None:
    """It has no port, no capability, and no user that would be there without it."""
    pid = service.show("MainPID")

    listening = service.vm.sh("ss -Hlntup").stdout

    assert f"pid={pid}," not in listening
    told = service.vm.sh(f"cat /proc/{pid}/status; grep -c buildlight /etc/passwd; true").stdout
    assert "CapEff:\t0000000000000000" in told
    assert "CapBnd:\t0000000000000000" in told
    assert told.endswith("\n0\n")


def test_a_light_that_is_first_plugged_in_after_the_start_is_used(service: Service) -> None:
    """The device filter knows its driver though no such light was there since the boot."""
    assert service.vm.sh("ls /dev/ttyUSB0", status=2)

    service.vm.plug()

    service.tells(TOWER_GREEN)
    assert service.show("NRestarts") == "0"


@on_one
def test_the_rules_name_a_light_and_keep_others_away_from_it(service: Service) -> None:
    """The simulated light has another USB id than a CH340: the rules are tried with that."""
    service.vm.sh("udevadm verify /etc/udev/rules.d/95-buildlight.rules")
    service.vm.sh(
        "mkdir -p /run/udev/rules.d && sed 's/1a86/0403/g; s/7523/6001/g' "
        "/etc/udev/rules.d/95-buildlight.rules >/run/udev/rules.d/96-other.rules && "
        "udevadm control --reload && udevadm trigger --settle /dev/ttyUSB0"
    )

    known = service.vm.sh("udevadm info --query=property /dev/ttyUSB0").stdout

    service.vm.sh("rm /run/udev/rules.d/96-other.rules; udevadm control --reload")
    assert "ID_MM_DEVICE_IGNORE=1" in known
    assert "/dev/buildlight/ch340-pci-0000_00" in known


@on_one
def test_after_kill_nine_the_light_is_dark_and_the_daemon_comes_back(service: Service) -> None:
    """Nobody can tell the tower but `buildlight off`, which systemd calls.

    Not `systemctl kill -s KILL`: that kills what is called afterwards, too.
    """
    pid = service.show("MainPID")

    service.vm.sh(f"kill -9 {pid}")

    until(lambda: DARK in service.vm.told(), service.log)
    service.follows_on(pid)
    service.tells(TOWER_GREEN)
    assert service.show("NRestarts") == "1"


def test_a_daemon_that_hangs_is_ended_and_the_light_is_dark(service: Service) -> None:
    """The watchdog notices, `off` darkens, and the next daemon lights the lamp again."""
    pid = service.show("MainPID")

    service.vm.sh(f"kill -STOP {pid}")

    until(lambda: DARK in service.vm.told(), service.log)
    assert "Watchdog timeout" in service.log()
    service.follows_on(pid)
    service.tells(TOWER_GREEN)


def test_a_reload_takes_a_good_configuration_and_refuses_a_bad_one(service: Service) -> None:
    """The same daemon goes on either way, and says why it does."""
    service.is_lit(ONLY_GREEN)
    pid = service.show("MainPID")
    service.configure(pins="{ red = 22, amber = 27, green = 17 }")

    service.follow(command("systemctl reload"))

    service.is_lit({RED: 1, AMBER: 0, GREEN: 0})  # It is the green one's pin now.
    service.vm.sh(f"echo nonsense = 1 >>{CONFIGURATION}")
    service.follow(command("systemctl reload"))
    until(lambda: "nonsense" in service.log(), service.log)
    service.server.answer = Answer(BROKEN_FEED)
    service.tells(TOWER_RED)
    assert service.show("MainPID") == pid
    assert service.show("ActiveState") == "active"


@on_one
def test_killed_under_a_configuration_with_a_mistake_it_leaves_the_light_dark(
    service: Service,
) -> None:
    """What was lit is darkened as it was lit, and nobody lights it before the mistake is mended."""
    assert "nonsense" in service.vm.sh(f"cat {CONFIGURATION}").stdout
    service.tells(TOWER_GREEN)
    service.vm.forget()

    service.vm.sh(f"kill -9 {service.show('MainPID')}")

    until(lambda: service.show("ExecMainStatus") == "78", service.log)
    until(lambda: service.show("ActiveState") == "failed", service.log)
    assert service.vm.told().endswith(DARK), service.log()
    assert service.vm.levels(*ALL_LOW) == ALL_LOW
    service.vm.sh(f"sed -i /nonsense/d {CONFIGURATION} && systemctl start buildlight")
    service.tells(TOWER_GREEN)
    service.vm.sh(f"echo nonsense = 1 >>{CONFIGURATION}")


def test_stopped_it_leaves_everything_dark_and_nothing_in_memory(service: Service) -> None:
    """No light, no process, no run folder."""
    service.tells(TOWER_GREEN)

    service.vm.sh("systemctl stop buildlight")

    assert service.vm.levels(*ALL_LOW) == ALL_LOW
    assert service.vm.told().endswith(DARK)
    assert service.show("Result") == "success"
    service.vm.sh("ls -d /run/buildlight /run/credentials/buildlight.service", status=2)


@on_one
def test_a_configuration_with_a_mistake_stops_it_for_good(service: Service) -> None:
    """Started with it, it fails with 78 at once, and nobody tries it again."""
    service.vm.sh("systemctl start buildlight", status=1)

    assert service.show("ExecMainStatus") == "78"
    assert (service.show("ActiveState"), service.show("NRestarts")) == ("failed", "0")
    assert "nonsense" in service.log()
    assert service.vm.levels(*ALL_LOW) == ALL_LOW


def test_drop_ins_give_it_a_kernel_led_and_an_encrypted_token(service: Service) -> None:
    """Without the one /sys is read-only; the token of the other comes before that of the folder."""
    service.configure()
    service.follow(command("restart buildlight"))
    service.vm.sh(f"cat >>{CONFIGURATION}", said=LED_LAMP)
    service.follow(command("systemctl reload"))
    until(lambda: "led: its light is" in service.log(), service.log)
    assert "Read-only file system" in service.log()
    assert service.vm.sh(f"cat {LED}/brightness").stdout == "0\n"

    service.follow(command("systemd-creds"), said="sealed")
    place, reload, restart = commands("What differs on your machine")[:3]
    service.follow(place, place.replace("sysfs-leds", "encrypted-token"), reload, restart)

    until(lambda: service.vm.sh(f"cat {LED}/brightness").stdout == "1\n", service.log)
    basic = base64.b64encode(b"lamp:sealed").decode()
    assert service.server.requests[-1].headers["authorization"] == f"Basic {basic}"


@on_one
def test_an_upgrade_and_the_way_back_are_one_command_each(
    service: Service, pytestconfig: pytest.Config, tmp_path: Path
) -> None:
    """Each ends with the service running in the version that was wanted."""
    new = newer_wheel(pytestconfig.rootpath, tmp_path)
    service.vm.push(new, to=WHEELS)
    old = service.vm.sh(f"cd {WHEELS} && ls buildlight-*.whl | grep -v {NEWER}").stdout.strip()
    up, back = commands("Upgrade, and go back")

    service.follow(up.replace("buildlight-NEW.whl", new.name))

    assert f"buildlight {NEWER}" in service.follow(command("service status"))
    service.follow(back.replace("buildlight-OLD.whl", old))
    stands = service.follow(command("service status"))
    assert NEWER not in stands
    assert "now: active (running)" in stands


@on_one
def test_it_is_there_again_after_a_reboot(service: Service) -> None:
    """Nobody logs in, and the lamp follows its feed."""
    service.configure()

    service.vm.reboot()

    service.vm.reach(service.server.port)
    service.is_lit(ONLY_GREEN)
    assert service.show("ActiveState") == "active"


def test_uninstalled_it_leaves_its_configuration_and_nothing_else(service: Service) -> None:
    """The lamps are dark, and no file of it is found but the program's and yours."""
    service.follow(command("service uninstall"))

    assert service.vm.levels(*ALL_LOW) == ALL_LOW
    places = "/etc /home /root /run /srv /tmp /usr/lib/systemd /usr/lib/udev /usr/local /var"
    mine = "-path /etc/buildlight -prune"
    left = service.vm.sh(f"find {places} {mine} -o -iname '*buildlight*' -print").stdout
    assert left.split() == []
    assert service.vm.sh("ls /etc/buildlight").stdout.split() == [
        "buildlight.toml", "jenkins.cred", "secrets",
    ]  # fmt: skip
    service.vm.sh("systemctl cat buildlight", status=1)
    assert service.show("LoadState") == "not-found"


NEWER = "99.0"


def newer_wheel(project: Path, folder: Path) -> Path:
    """Return the wheel of *project* as if it were version 99."""
    copy = folder / "copy"
    copy.mkdir()
    for name in ("buildlight", "systemd"):
        shutil.copytree(project / name, copy / name)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(project / name, copy)
    (copy / "buildlight/__init__.py").write_text(f'__version__ = "{NEWER}"\n')
    call(sys.executable, "-m", "pip", "-q", "wheel", "--no-deps", "-w", folder, copy)
    return next(folder.glob("*.whl"))
