"""The Debian package on a booted machine: two commands to a lamp that follows a feed.

apt gets what the package needs through a forwarded port, from a folder of this machine. The tests
build on each other, in the order of this file.
"""

import os
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from package.debian import Package, Root
from support.servers import BROKEN_FEED, Answer, FeedServer
from vm.machine import Vm, call, until
from vm.test_service import ALL_LOW, NOBODY, ONLY_GREEN, SUITES, Service

BUILT = os.environ.get("BUILDLIGHT_BUILT", "")
TOKEN = "t0ken-that-nobody-must-see"
INSTALLING = 900.0
"""Seconds that apt may take: the emulated machine compiles the bytecode of 20 packages."""

pytestmark = pytest.mark.skipif(
    not BUILT, reason="BUILDLIGHT_BUILT names no folder that debian/build has filled"
)


class Quiet(SimpleHTTPRequestHandler):
    """A web server of files that writes no log."""

    def log_message(self, *_: object) -> None:
        """Write nothing."""


@pytest.fixture(scope="module", params=SUITES)
def suite(request: pytest.FixtureRequest) -> str:
    """The Debian of the machine."""
    return str(request.param)


@pytest.fixture(scope="module")
def archive(suite: str, pytestconfig: pytest.Config) -> Iterator[Path]:
    """Make a folder with our package and what it needs, which apt can read."""
    with tempfile.TemporaryDirectory(prefix="bl-debs-") as name:
        folder = Path(name)
        kept = Path(
            os.environ.get("BUILDLIGHT_ROOTS") or f"{tempfile.gettempdir()}/buildlight-roots"
        )
        base, root = kept / suite, folder / "root"
        kept.mkdir(exist_ok=True)
        script = pytestconfig.rootpath / "debian/root"
        call(script, "make", suite, base, "systemd", "udev", "procps", seconds=900)
        call("cp", "-a", "--reflink=auto", base, root)
        debs = root / "built"
        debs.mkdir()
        kind = {"trixie": "_all", "bookworm": "~bundled_amd64"}[suite]
        ours = Package(Root(root), Path(shutil.copy(next(Path(BUILT).glob(f"*{kind}.deb")), debs)))
        ours.as_version("0.0.1")
        ours.root.run("apt-get", "update", "-qq")
        fetch = ("-o", "Dir::Cache::archives=/built", "install", "-y", "--download-only")
        ours.root.run("apt-get", *fetch, ours.name)
        with (debs / "Packages").open("w") as packages:
            subprocess.run(
                ["dpkg-scanpackages", "--multiversion", "."], cwd=debs, check=True, stdout=packages
            )
        yield debs


@pytest.fixture(scope="module")
def machine(suite: str, rig: Path, archive: Path) -> Iterator[Vm]:
    """Start a machine whose apt reads *archive*, and with what Raspberry Pi OS has for pins."""
    with tempfile.TemporaryDirectory(prefix="bl-") as name:
        vm = Vm(rig, Path(name, "vm"), suite)
        vm.folder.mkdir()
        handler = partial(Quiet, directory=archive)
        with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            try:
                vm.start(Path(name, "vm.log"))
                port = server.server_port
                vm.reach(port)
                vm.sh(
                    "rm -f /etc/apt/sources.list.d/*; "
                    f"echo 'deb [trusted=yes] http://127.0.0.1:{port} ./' >/etc/apt/sources.list; "
                    "apt-get update -qq; printf '#!/bin/sh\\nexec \"$@\"\\n' >/usr/local/bin/sudo; "
                    "chmod +x /usr/local/bin/sudo"
                )
                vm.push(*archive.glob("buildlight_*.deb"), to="/root")
                yield vm
            finally:
                vm.stop()
                server.shutdown()


@pytest.fixture(scope="module")
def feed(machine: Vm) -> Iterator[FeedServer]:
    """A CI server that the machine can reach."""
    with FeedServer() as server, machine.reaching(server.port):
        yield server


@pytest.fixture
def service(machine: Vm, feed: FeedServer) -> Service:
    """The service as the test before has left it, while all is well."""
    feed.answer = Answer()
    return Service(machine, feed)


def install(service: Service, version: str) -> None:
    """Install our package in a version that looks like that."""
    command = (
        "apt-get install -y -q --no-install-recommends --allow-downgrades "
        f"./$(ls | grep '^buildlight_{version}')"
    )
    service.vm.sh(
        f"cd /root; rm -f ended; export DEBIAN_FRONTEND=noninteractive; "
        f"({command}; echo $? >ended) >apt.log 2>&1 </dev/null &"
    )
    until(
        lambda: service.vm.sh("cat /root/ended 2>/dev/null; true").stdout,
        lambda: service.vm.sh("cat /root/apt.log").stdout,
        seconds=INSTALLING,
    )
    assert service.vm.sh("cat /root/apt.log; grep -qx 0 /root/ended").stdout


def files(service: Service) -> set[str]:
    """Return the files of the machine in which a package could leave something."""
    places = "/etc /opt /home /root /srv /usr /var/lib"
    others = r"-path /var/lib/apt -o -path /var/lib/dpkg -o -name __pycache__ -o -name '*-'"
    return {*service.vm.sh(f"find {places} \\( {others} \\) -prune -o -print").stdout.split("\n")}


def test_two_commands_lead_to_a_lamp_that_follows_a_feed(service: Service) -> None:
    """Installed, nothing has failed and nothing runs; `init` leads to the lit lamp."""
    install(service, "0.[1-9]")

    assert service.show("ActiveState") == "inactive"
    assert service.show("ConditionResult") == "no"
    assert service.show("UnitFileState") == "enabled"
    assert service.vm.sh("systemctl --failed --no-legend").stdout == ""

    service.vm.sh(
        f"sudo buildlight init --yes --feed {service.server.url()} --driver gpio "
        "--pins red=17,amber=27,green=22 --no-test --service"
    )
    service.is_lit(ONLY_GREEN)

    service.server.answer = Answer(body=BROKEN_FEED)
    service.is_lit(ALL_LOW | {17: 1})


def test_anybody_may_ask_why(service: Service) -> None:
    """The package's program finds the package's service."""
    why = service.vm.sh(f"cd / && {NOBODY} buildlight explain").stdout
    stands = service.vm.sh("buildlight service status").stdout

    assert "(driver gpio) shows: " in why
    assert "unit: /usr/lib/systemd/system/buildlight.service, of the Debian package" in stands
    assert "now: active (running)" in stands


def test_a_reload_and_service_install_keep_it_running(service: Service) -> None:
    """`service install` writes no second unit."""
    pid = service.show("MainPID")
    service.vm.sh("sudo systemctl reload buildlight")
    assert service.show("MainPID") == pid

    service.vm.sh("sudo buildlight service install")

    service.follows_on(pid)
    service.vm.sh("test -e /etc/systemd/system/buildlight.service", status=1)


def test_an_upgrade_restarts_it(service: Service) -> None:
    """Another daemon runs, on the same configuration; first down, then up again."""
    before = service.vm.sh("cat /etc/buildlight/buildlight.toml").stdout
    for version in ("0.0.1", "0.[1-9]"):
        pid = service.show("MainPID")
        install(service, version)
        service.follows_on(pid)

    assert service.vm.sh("cat /etc/buildlight/buildlight.toml").stdout == before
    service.is_lit(ONLY_GREEN)


def test_removed_it_is_dark_and_leaves_what_is_yours(service: Service) -> None:
    """The lamp goes out; configuration, tokens and verdicts stay for the next installation."""
    service.vm.sh(f"echo {TOKEN} >/etc/buildlight/secrets/x")

    service.vm.sh("sudo apt-get remove -y -q buildlight")

    until(lambda: service.vm.levels(*ALL_LOW) == ALL_LOW, service.log)
    kept = "/etc/buildlight/buildlight.toml /etc/buildlight/secrets/x"
    service.vm.sh(f"ls {kept} /var/lib/private/buildlight/verdicts.json")
    install(service, "0.[1-9]")
    service.is_lit(ONLY_GREEN)


def test_purged_it_leaves_nothing(service: Service) -> None:
    """Every file that came with it, or with its work, is gone. Only the groups stay."""
    with_it = files(service)

    service.vm.sh("sudo apt-get purge -y -q buildlight")

    until(lambda: service.vm.levels(*ALL_LOW) == ALL_LOW, service.log)
    left = sorted(name for name in files(service) if "buildlight" in name)
    assert [name for name in left if not name.startswith("/root/buildlight_")] == []
    assert any(name.startswith("/etc/buildlight") for name in with_it)
    assert service.show("LoadState") == "not-found"
    assert service.vm.sh("systemctl --failed --no-legend").stdout == ""
