"""The rig's machines, as scenarios speak of them. How they are made stands in the rig's README."""

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

PATIENCE = 60.0
"""Seconds to wait for anything: the guests are emulated, and slow."""
BOOTING = 240.0
"""Seconds that a machine may take to end and to start again."""
STARTING = 150.0
"""Seconds that a first boot may take; 36 are usual."""
BUILDING = 900.0
"""Seconds that a machine may take to be built."""

WORK = "/tmp/lamps"
PROGRAM = "/opt/buildlight/bin/buildlight"
RECORDER = Path(__file__).with_name("recorder.py")

PINNED = "PIP_CONSTRAINT"
"""Where CI keeps the versions of our wheels; the rig's own pip runs where there is no such file."""

Done = subprocess.CompletedProcess[str]


def until(
    condition: Callable[[], object], told: Callable[[], object], *, seconds: float = PATIENCE
) -> float:
    """Wait for *condition*, and return for how many seconds; *told* explains a failure."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() < start + seconds, told()
        time.sleep(0.1)
    return time.monotonic() - start


def call(*command: str | Path, seconds: float = PATIENCE, **environment: str) -> Done:
    """Run a program of this machine; one that fails is a failure, with what it said."""
    done = subprocess.run(
        command,
        check=False,
        capture_output=True,
        text=True,
        timeout=seconds,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done


def wheels(project: Path, folder: Path, *, python: str, platform: str) -> None:
    """Put the wheel of *project* and of all that it needs on another machine into *folder*."""
    pip = (sys.executable, "-m", "pip", "-q", "--disable-pip-version-check")
    call(*pip, "wheel", "--no-deps", "-w", folder, project, seconds=BUILDING)
    other = ("--only-binary=:all:", "--python-version", python, "--platform", platform)
    built = next(folder.glob("buildlight-*.whl"))
    call(*pip, "download", *other, "-d", folder, built, seconds=BUILDING)


class Run(NamedTuple):
    """A stretch of time in which a line kept its *level*."""

    level: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Recording:
    """What a program said, and how the levels of *lines* changed: each with its moment."""

    lines: tuple[int, ...]
    said: tuple[tuple[float, str], ...]
    changes: tuple[tuple[float, tuple[int, ...]], ...]
    status: int

    def moment(self, start: str) -> tuple[float, float]:
        """Return when the line of text was said that begins with *start*, and when the next."""
        times = [moment for moment, text in self.said if text.startswith(start)]
        assert len(times) == 1, (start, self.said)
        after = [moment for moment, _ in self.said if moment > times[0]]
        return times[0], min(after)

    def runs(self, line: int, begin: float, end: float) -> list[Run]:
        """Return what *line* did between two moments; its first run and its last are cut off."""
        column = self.lines.index(line)
        before = [levels[column] for moment, levels in self.changes if moment <= begin]
        edges = [(begin, before[-1])]
        for moment, levels in self.changes:
            if begin < moment < end and levels[column] != edges[-1][1]:
                edges.append((moment, levels[column]))
        ends = [*(moment for moment, _ in edges[1:]), end]
        return [Run(level, stop - start) for (start, level), stop in zip(edges, ends, strict=True)]


def default_suite() -> str:
    """Return the Debian suite that a machine has unless a scenario says another."""
    return os.environ.get("RIG_SUITE", "trixie")


@dataclass(frozen=True, slots=True)
class Vm:
    """The running VM. *folder* is where its sockets are, *suite* the Debian that it runs."""

    rig: Path
    folder: Path
    suite: str = field(default_factory=default_suite)

    def _here(self) -> dict[str, str]:
        return {"RIG_RUN": str(self.folder), "RIG_SUITE": self.suite}

    def _rig(self, script: str, *arguments: str, seconds: float = PATIENCE) -> Done:
        file = self.rig / script
        return call("bash", file, *arguments, seconds=seconds, **self._here())

    def start(self, log: Path) -> None:
        """Boot it, building it first where it was never built."""
        # Its output goes into a file: ssh's master would keep a pipe open.
        built = "[ -e $0/image/root.img ] && [ -e $0/image/kernel-version ]"
        image = rig_folder() / self.suite
        # Now and then a first boot stands still at its console; another one does not.
        boot = (
            f"for n in 1 2 3; do timeout {STARTING:.0f} bash $1/run-vm.sh && exit; "
            "bash $1/run-vm.sh stop; done; exit 1"
        )
        script = f"({built} || bash $1/build-vm.sh) && {{ {boot}; }}"
        with log.open("w") as file:
            status = subprocess.run(
                ["env", "-u", PINNED, "bash", "-c", script, image, self.rig],
                check=False,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=BUILDING,
                env={**os.environ, **self._here()},
            ).returncode
        assert status == 0, log.read_text()

    def reboot(self) -> None:
        """Have the guest start anew, as it does by itself; its disk stays as it is."""
        # The rig's machine would end instead.
        self._rig("vm", "qmp", "set-action", '{"reboot": "reset"}')
        before = self.sh(
            "cat /proc/sys/kernel/random/boot_id; (systemctl reboot &) >/dev/null 2>&1"
        )
        self._rig("vm", "ssh", "-O", "exit")

        def is_up() -> bool:
            # Nothing is read from it: this connection's master keeps a pipe open.
            other = f"! grep -q {before.stdout.strip()} /proc/sys/kernel/random/boot_id"
            command = ("timeout", "20", "bash", str(self.rig / "vm"), "sh", other)
            nowhere = subprocess.DEVNULL
            return not subprocess.run(
                command,
                check=False,
                stdin=nowhere,
                stdout=nowhere,
                stderr=nowhere,
                env={**os.environ, **self._here()},
            ).returncode

        until(is_up, lambda: self._rig("vm", "log").stdout, seconds=BOOTING)

    def stop(self) -> None:
        """Power off."""
        self._rig("run-vm.sh", "stop")

    def python(self) -> str:
        """Return the version of the guest's Python, as pip writes it."""
        version = "import sys; print('{}.{}'.format(*sys.version_info))"
        return self.sh(f'python3 -c "{version}"').stdout.strip()

    def install(self, project: Path, folder: Path) -> None:
        """Install the wheel of *project*, beside the system's lgpio as the README says."""
        wheels(project, folder, python=self.python(), platform="manylinux2014_x86_64")
        self.push(folder, RECORDER, to="/opt/rig")
        # pip stays outside: putting it into the environment takes the guest half a minute.
        self.sh(
            "python3 -m venv --without-pip --system-site-packages /opt/buildlight && "
            "python3 -m pip --python /opt/buildlight/bin/python install -q --no-index --no-compile"
            f" --find-links /opt/rig/{folder.name} --ignore-installed buildlight && "
            f"mkdir -m 1777 {WORK}"
        )

    def push(self, *files: Path, to: str) -> None:
        """Copy files and folders into a folder of the guest."""
        self._rig("vm", "push", *map(str, files), to)

    def sh(self, script: str, *, status: int = 0, said: str = "") -> Done:
        """Run a shell line in the guest, with *said* as its input; it has to end with *status*."""
        done = subprocess.run(
            ["bash", self.rig / "vm", "sh", script],
            check=False,
            capture_output=True,
            text=True,
            input=said,
            timeout=3 * PATIENCE,
            env={**os.environ, **self._here()},
        )
        assert done.returncode == status, f"{script}\n{done.stdout}\n{done.stderr}"
        return done

    def logged(self, unit: str) -> str:
        """Return what a service wrote, and what systemd says of it, since the machine started."""
        return self.sh(f"journalctl --boot --unit={unit} --output=cat --no-pager").stdout

    def levels(self, *lines: int) -> dict[int, int]:
        """Return the level of each line, seen from outside."""
        told = self._rig("gpio-levels", *map(str, lines)).stdout.split()
        return {int(line): int(level) for line, level in zip(told[::2], told[1::2], strict=True)}

    def record(self, lines: tuple[int, ...], *command: str) -> Recording:
        """Run a program in the guest and record what it says, and the levels of *lines*."""
        wanted = ",".join(map(str, lines))
        told = self.sh(f"cd {WORK} && python3 /opt/rig/recorder.py {wanted} {' '.join(command)}")
        found = json.loads(told.stdout)
        return Recording(
            lines,
            tuple((moment, text) for moment, text in found["said"]),
            tuple((moment, tuple(levels)) for moment, levels in found["changes"]),
            found["status"],
        )

    def plug(self) -> str:
        """Plug the USB light in and return its name under /dev/serial/by-id."""
        return "/dev/serial/by-id/" + self._rig("usb", "plug").stdout.split()[0]

    def unplug(self) -> None:
        """Pull the USB light out."""
        self._rig("usb", "unplug")

    def told(self) -> bytes:
        """Return what was sent to the USB light since the last :meth:`forget`."""
        return (self.folder / "usb.bin").read_bytes()

    def forget(self) -> None:
        """Forget what was sent to the USB light."""
        self._rig("usb", "clear")

    @contextmanager
    def reaching(self, port: int) -> Iterator[None]:
        """Lead the guest's *port* to the same port here."""
        self.reach(port)
        try:
            yield
        finally:
            self._rig("vm", "ssh", "-O", "cancel", *_way(port))

    def reach(self, port: int) -> None:
        """Begin with what :meth:`reaching` is for, or begin anew after a reboot."""
        self._rig("vm", "ssh", "-O", "forward", *_way(port))

    def write(self, name: str, text: str) -> str:
        """Write a file for all users of the guest and return its path."""
        self.sh(f"cat >{WORK}/{name}", said=text)
        return f"{WORK}/{name}"


def _way(port: int) -> tuple[str, str]:
    return ("-R", f"{port}:127.0.0.1:{port}")


@dataclass(slots=True)
class Daemon:
    """A ``buildlight run`` in the guest, kept by its systemd as *unit*."""

    vm: Vm
    unit: str
    configuration: str
    pid: int = field(init=False)
    log: str = field(init=False)

    def __post_init__(self) -> None:
        """Start it."""
        file = self.vm.write(f"{self.unit}.toml", self.configuration)
        folder = f"{WORK}/{self.unit}"
        self.log = f"{folder}/log"
        # What remains after the exit is the exit status.
        properties = (
            f"-p RemainAfterExit=yes -p WorkingDirectory={folder} -E XDG_STATE_HOME={folder} "
            f"-p StandardOutput=append:{self.log} -p StandardError=append:{self.log}"
        )
        self.vm.sh(
            f"rm -rf {folder} && mkdir {folder} && "
            f"systemd-run -q --unit={self.unit} {properties} {PROGRAM} run --config {file}"
        )
        self.pid = int(self._show("MainPID"))

    def _show(self, key: str) -> str:
        return self.vm.sh(f"systemctl show -P {key} {self.unit}").stdout.strip()

    def said(self) -> str:
        """Return everything that it wrote."""
        return self.vm.sh(f"cat {self.log}").stdout

    def says(self, text: str, *, times: int = 1) -> None:
        """Wait until it has said *text* so many *times*."""
        found = f'[ "$(grep -cF {shlex.quote(text)} {self.log})" -ge {times} ]'
        # The guest waits by itself: a login for each look would keep it busy.
        looks = f"for look in $(seq {PATIENCE * 5:.0f}); do {found} && exit; sleep 0.2; done"
        self.vm.sh(f"{looks}; cat {self.log}; exit 1")

    def kill(self, number: int) -> None:
        """Send it the signal *number*."""
        self.vm.sh(f"kill -{number} {self.pid}")

    def status(self) -> int:
        """Wait for its end, and return its exit status."""
        until(lambda: self._show("MainPID") == "0", self.said)
        return int(self._show("ExecMainStatus"))

    def alive(self) -> bool:
        """Return whether it still runs, as the process that it was."""
        return self._show("MainPID") == str(self.pid)

    def holds(self) -> tuple[list[str], int]:
        """Return what its file descriptors lead to, and how many threads it has.

        Sockets are left out: whether one is open depends on the moment.
        """
        told = self.vm.sh(f"readlink /proc/{self.pid}/fd/*; ls /proc/{self.pid}/task | wc -l")
        *targets, threads = told.stdout.split("\n")[:-1]
        kinds = (each.partition(":[")[0] for each in targets)
        return sorted(each for each in kinds if each != "socket"), int(threads)

    def remove(self) -> None:
        """End it, whatever it does, and what systemd knows of it."""
        # Either may find nothing to do.
        self.vm.sh(
            f"systemctl kill -s KILL {self.unit}; systemctl stop {self.unit}; "
            f"systemctl reset-failed {self.unit}; true"
        )


def rig_folder() -> Path:
    """Return where the rig keeps what it builds, between one use and the next."""
    default = Path(os.environ.get("TMPDIR") or "/tmp", "buildlight-rig")
    return Path(os.environ.get("RIG_DIR") or default)


class Pi:
    """The emulated Raspberry Pi 3: its registers are read from outside. Without systemd.

    *home* is where its image is put together: the rig's, and buildlight's wheels unpacked.
    """

    FOLDER = "/opt/buildlight"

    def __init__(self, rig: Path, home: Path) -> None:
        self._rig = rig
        self._home = home
        self._options: Mapping[str, str] = {}
        self.kernel = ""
        """The kernel options with which it was started."""

    def prepare(self, project: Path) -> None:
        """Make the image, building the rig's first where it was never built."""
        built = rig_folder() / "pi/image"
        if not (built / "pi3.dtb").exists():
            call("env", "-u", PINNED, "bash", self._rig / "build-pi.sh", seconds=BUILDING)
        folder = self._home / "wheels"
        wheels(project, folder, python="3.13", platform="manylinux2014_aarch64")
        root = self._home / "root"
        site = root / self.FOLDER.lstrip("/")
        site.mkdir(parents=True)
        for wheel in folder.glob("*.whl"):
            # These the image has, as Raspberry Pi OS does.
            if not wheel.name.startswith(("gpiozero", "colorzero", "pyserial", "setuptools")):
                call(sys.executable, "-m", "zipfile", "-e", wheel, site)
        image = self._home / "pi/image"
        image.mkdir(parents=True)
        for name in ("vmlinuz", "pi3.dtb"):
            (image / name).symlink_to(built / name)
        # The kernel unpacks one archive after the other.
        script = '(cat "$0" && cd "$1" && find . | cpio -o -H newc --quiet) >"$2"'
        call("bash", "-c", script, built / "initrd", root, image / "initrd")

    def _pi(self, *arguments: str) -> str:
        command = (sys.executable, str(self._rig / "pi"), *arguments)
        return call(*command, seconds=3 * PATIENCE, **self._options).stdout

    def start(self, kernel: str) -> None:
        """Boot it with the options *kernel*."""
        self._options = {
            "RIG_DIR": str(self._home),
            "RIG_PI_RUN": str(self._home / "run"),
            "RIG_PI_APPEND": kernel,
        }
        self._pi("start")
        self.kernel = kernel

    def stop(self) -> None:
        """Power off."""
        self._pi("stop")

    def sh(self, script: str) -> str:
        """Run a shell line; it has to end well."""
        return self._pi("run", script)

    def put(self, file: Path, folder: str) -> None:
        """Copy a file in."""
        self._pi("put", str(file), folder)

    def pin(self, number: int) -> str:
        """Return the function and the level of a pin, as the chip's registers have them."""
        return self._pi("pins", str(number)).strip().removeprefix(f"{number} ")
