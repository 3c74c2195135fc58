"""The package from its first day to its last, in a small trixie and a small bookworm.

The tests of a suite build on each other, in the order of this file.
"""

import re

import pytest

from buildlight import __version__
from package.debian import PROJECT, SUITES, Package, Root
from support.servers import FeedServer

CONFIGURATION = "/etc/buildlight/buildlight.toml"
TOKEN = "/etc/buildlight/secrets/jenkins"
on_trixie = pytest.mark.parametrize("suite", SUITES[:1], indirect=True)
MOST_BYTES, MOST_FETCHED = 350_000, 15_000_000  # 300,000 were enough before MQTT and the wall.
UNITS = {"k": 1e3, "M": 1e6}
"""Those that apt writes."""
DEMO = ["lamp: amber double-blink", "lamp: green", "lamp: green pulse", "lamp: red"]


@pytest.fixture(scope="module")
def before(root: Root, deb: Package) -> set[str]:
    """Return the files of a machine that has what the package needs, and not the package."""
    told = root.run("apt-get", "satisfy", "-y", "--no-install-recommends", deb.field("Depends"))
    found = re.search(r"Need to get ([\d.,]+) ([kM])B", told)
    assert found
    assert float(found[1].replace(",", "")) * UNITS[found[2]] < MOST_FETCHED
    return root.files()


def test_it_is_small(suite: str, deb: Package) -> None:
    """The plain one is; the other brings its libraries, for two Pythons."""
    limit = MOST_BYTES if suite == "trixie" else 20 * MOST_BYTES

    assert deb.file.stat().st_size < limit


def test_it_is_installed_and_asks_nothing(root: Root, deb: Package, before: set[str]) -> None:
    """No conffile, so no upgrade will ask; the unit and the rules are what systemd takes."""
    assert not root.has("usr/bin/buildlight")

    deb.install()

    assert root.run("dpkg-query", "-W", "-f", "${Conffiles}", "buildlight") == ""
    assert root.run("buildlight", "--version") == f"buildlight {__version__}\n"
    assert root.run("systemd-analyze", "verify", "buildlight.service") == ""
    assert root.run("stat", "-c", "%a %U", "/etc/buildlight/secrets") == "700 root\n"
    assert root.has("etc/systemd/system/multi-user.target.wants/buildlight.service")
    assert root.run("getent", "group", "gpio")


@on_trixie
def test_rules_are_udevs(root: Root) -> None:
    """Udev reads them without a complaint."""
    told = root.run("udevadm", "verify", "/usr/lib/udev/rules.d/95-buildlight.rules")

    assert "Success: 1" in told


def test_the_demo_plays(root: Root) -> None:
    """Everything that the daemon needs is there."""
    shown = root.run("buildlight", "demo", "--seconds", "6").splitlines()

    assert [line for line in shown if line.startswith("lamp: ")][:4] == DEMO


def test_a_daemon_follows_a_feed_and_shows_its_page(root: Root) -> None:
    """A real process, a real feed, a real page."""
    with FeedServer() as server:
        text = f'[[feeds]]\nurl = "{server.url()}"\n[[lamps]]\ndriver = "console"\n'
        root.write(CONFIGURATION, f"{text}[page]\nport = 18080\n")
        script = (
            "mkdir -p /run/lamp; STATE_DIRECTORY=/run/lamp RUNTIME_DIRECTORY=/run/lamp "
            "buildlight run & pid=$!; "
            "python3 -c 'import time, urllib.request as u\n"
            "for n in range(100):\n"
            " time.sleep(0.2)\n"
            ' try: print(u.urlopen("http://127.0.0.1:18080/healthz").status); break\n'
            " except OSError: pass'; "
            "kill $pid; wait $pid"
        )

        assert "\n200\n" in f"\n{root.run('sh', '-c', script)}"
        assert root.run("buildlight", "check")


def test_click_stays_away(root: Root) -> None:
    """Debian's httpx depends on it, and would import its own command line."""
    script = (
        "import sys; sys.path.insert(0, '/usr/lib/buildlight')\n"
        "from buildlight.feeds.http import client\n"
        "print([name for name in ('click', 'httpx._main') if name in sys.modules])"
    )

    assert root.run("python3", "-c", script) == "[]\n"


def test_service_commands_know_the_package(root: Root) -> None:
    """They write no second unit, and name apt's command."""
    plan = root.run("buildlight", "service", "install", "--dry-run")
    refusal = root.run("buildlight", "service", "uninstall", status=1)

    assert plan == (
        "would run systemctl reenable buildlight.service\n"
        "would run systemctl restart buildlight.service\n"
    )
    assert "sudo apt remove buildlight" in refusal


def test_an_upgrade_keeps_what_is_yours(root: Root, deb: Package) -> None:
    """Back to a version before, as one does by hand, then up again; then to the plain package."""
    root.write(CONFIGURATION, "# mine\n", 0o640)
    root.write(TOKEN, "t0ken\n", 0o600)
    old = deb.as_version("0.0.1")

    root.run("apt-get", "install", "-y", "--allow-downgrades", old.name)
    assert root.run("dpkg-query", "-W", "-f", "${Version}", "buildlight") == "0.0.1"
    deb.install()

    assert root.run("dpkg-query", "-W", "-f", "${Version}", "buildlight") == deb.field("Version")
    assert root.run("cat", CONFIGURATION, TOKEN) == "# mine\nt0ken\n"
    assert root.run("stat", "-c", "%a", CONFIGURATION, TOKEN) == "640\n600\n"


@on_trixie
def test_the_bundle_makes_way_for_the_plain_package(root: Root, deb: Package) -> None:
    """A bookworm that becomes a trixie goes on with Debian's libraries."""
    bundle = Package(root, next((root.folder / "built").glob("*~bundled_amd64.deb")))
    root.run("apt-get", "install", "-y", "--allow-downgrades", bundle.name)
    assert root.run("buildlight", "--version")

    told = root.run("apt-get", "install", "-y", deb.name)

    assert "Setting up buildlight" in told
    assert not root.has("usr/lib/buildlight")
    assert root.run("buildlight", "--version")


def test_removed_it_leaves_what_is_yours(root: Root) -> None:
    """Configuration, tokens and verdicts; the program is gone."""
    root.write("/var/lib/private/buildlight/verdicts.json", "{}")
    (root.folder / "var/lib/buildlight").symlink_to("private/buildlight")

    root.run("apt-get", "remove", "-y", "buildlight")

    assert not root.has("usr/bin/buildlight")
    assert root.run("cat", CONFIGURATION, TOKEN) == "# mine\nt0ken\n"
    assert root.has("var/lib/private/buildlight/verdicts.json")


def test_purged_it_leaves_nothing(root: Root, before: set[str]) -> None:
    """Every file and folder is as before the installation. Only the groups stay."""
    root.write("/etc/systemd/system/buildlight.service.d/override.conf", "[Service]\n")

    root.run("apt-get", "purge", "-y", "buildlight")

    after = root.files()
    assert (after - before, before - after) == (set(), set())


@on_trixie
@pytest.mark.parametrize("architecture", ["arm64", "armhf"])
def test_other_machines_have_what_it_needs(root: Root, architecture: str) -> None:
    """Apt finds every dependency for a Raspberry Pi; nothing is run."""
    options = (
        *("-o", f"APT::Architecture={architecture}", "-o", f"APT::Architectures={architecture}"),
        *("-o", "Dir::State::lists=/tmp/lists", "-o", "Dir::State::status=/dev/null"),
        *("-o", "Dir::Etc::sourcelist=/built/main.list", "-o", "Dir::Etc::sourceparts=/dev/null"),
    )
    sources = (root.folder / "etc/apt/sources.list").read_text("utf-8")
    root.write("/built/main.list", sources.partition("\n")[0] + "\n")
    name = f"/built/buildlight_{__version__}_all.deb"
    root.run("mkdir", "-p", "/tmp/lists/partial")
    root.run("apt-get", *options, "update", "-qq")

    told = root.run("apt-get", *options, "--simulate", "install", "-y", name)

    assert f"Inst buildlight ({__version__}" in told
    assert "Inst python3-pydantic-core (2.27.2-3+b1 Debian:13" in told or "pydantic-core" in told


def test_a_unit_in_etc_is_named(root: Root, deb: Package) -> None:
    """An installation of one's own would hide the package's unit; it is not deleted unasked."""
    root.write("/etc/systemd/system/buildlight.service", "[Service]\nExecStart=/opt/x\n")

    told = deb.install()

    assert "/etc/systemd/system/buildlight.service hides the file of this package" in told
    assert root.has("etc/systemd/system/buildlight.service")


@on_trixie
def test_cloud_init_takes_our_user_data(root: Root) -> None:
    """Its own schema judges the file for Raspberry Pi Imager."""
    root.run("apt-get", "install", "-y", "--no-install-recommends", "cloud-init")
    root.write("/built/user-data", (PROJECT / "docs/user-data.yaml").read_text("utf-8"))

    told = root.run("cloud-init", "schema", "--config-file", "/built/user-data")

    assert "Valid schema" in told
