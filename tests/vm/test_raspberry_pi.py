"""What a Raspberry Pi's own chip does with our pins after us, by its registers.

The emulated Pi runs the built wheel: the real daemon, with a feed from a server beside it.
"""

from collections.abc import Iterator

import pytest

from support.servers import FEED
from vm.machine import Pi, until

GREEN = 22
KEEPS = "pinctrl_bcm2835.persist_gpio_outputs=y"
"""The kernel's option with which a pin stays as it is when its program has gone."""

PROGRAM = "import sys; from buildlight.cli import main; sys.exit(main())"

START = f"""
cd /tmp
rm -f log
ip link set lo up
httpd -p 8000 -h /root 2>/dev/null
export PYTHONPATH={Pi.FOLDER} XDG_STATE_HOME=/tmp/state
echo '{PROGRAM}' >/tmp/buildlight
cat >/tmp/lamp.toml <<TOML
[[feeds]]
url = "http://127.0.0.1:8000/cc.xml"
[[lamps]]
driver = "gpio"
pins = {{ red = 17, amber = 27, green = {GREEN} }}
TOML
setsid python3 /tmp/buildlight run --config /tmp/lamp.toml >/tmp/log 2>&1 </dev/null &
echo $! >/tmp/pid
n=0
until grep -qs 'lamp: passing' /tmp/log; do
    n=$((n + 1)); [ $n -gt 400 ] && cat /tmp/log && exit 1
    usleep 200000
done
"""
"""Starts the daemon and waits until it knows that the lamp is green."""

GONE = """
n=0
while [ -d "/proc/$(cat /tmp/pid)" ] && [ $n -lt 100 ]; do
    n=$((n + 1)); usleep 100000
done
"""


@pytest.fixture(scope="module", params=["", KEEPS], ids=["lets-go", "keeps"])
def pi(
    image: Pi, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Pi]:
    """Boot the Pi with a kernel that lets go of pins, and with one that keeps them."""
    feed = tmp_path_factory.mktemp("pi") / "cc.xml"
    feed.write_bytes(FEED)
    image.start(request.param)
    try:
        image.put(feed, "/root")
        yield image
    finally:
        image.stop()


def start(pi: Pi) -> None:
    """Start the daemon, and see the LED lit."""
    pi.sh(START)
    until(lambda: pi.pin(GREEN) == "out 1", lambda: pi.sh("cat /tmp/log"))


def test_a_stopped_daemon_leaves_the_pin_dark(pi: Pi) -> None:
    """After SIGTERM the pin of a Pi is an input at a low level, whatever its kernel does."""
    start(pi)

    pi.sh(f"kill $(cat /tmp/pid); {GONE}")

    assert pi.pin(GREEN) == "in 0"
    assert "Traceback" not in pi.sh("cat /tmp/log")


def test_a_killed_daemon_leaves_the_pin_to_the_kernel(pi: Pi) -> None:
    """After kill -9 Debian's kernel stops driving the pin; one that keeps pins leaves it lit.

    An input's level shows nothing here: QEMU has no pull, and keeps the level that was driven.
    """
    start(pi)

    pi.sh(f"kill -9 $(cat /tmp/pid); {GONE}")

    left = pi.pin(GREEN)
    assert left == "out 1" if pi.kernel == KEEPS else left.startswith("in ")
