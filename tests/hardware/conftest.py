"""What the tests of the firmware need: the boards, and what builds them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from hardware.lead import CHANNELS, Board, Kind

HERE = Path(__file__).parent
FIRMWARE = HERE.parents[1] / "hardware" / "firmware"
CPU = 16_000_000
LONGEST = 240
"""Seconds for one test, where two cores have much else to do."""

# What proves that a Debian package is there.
NEEDED = {
    "gcc-avr": ("avr-gcc",),
    "binutils-avr": ("avr-objcopy",),
    "avr-libc": ("/usr/lib/avr/include/avr/io.h",),
    "libsimavr-dev": ("/usr/include/simavr/sim_avr.h",),
    "libelf-dev": ("/usr/include/libelf.h",),
    "gcc": ("gcc",),
    "make": ("make",),
}
COMPILE = ("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-I/usr/include/simavr")
MICROPYTHON = "@micropython/micropython-webassembly-pyscript"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test the time that a simulated chip takes on a busy machine: it is slow."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(LONGEST))
            if isinstance(item, pytest.Function) and "build" in item.fixturenames:
                item.add_marker(pytest.mark.slow)


def cannot(why: str) -> NoReturn:
    """Skip a test that lacks something; in CI, where all of it has to be there, fail."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(why)


def _is_there(proof: str) -> bool:
    return Path(proof).exists() if proof.startswith("/") else shutil.which(proof) is not None


def _need_firmware() -> None:
    if not FIRMWARE.is_dir():
        cannot("needs the folder hardware/ of the source, which is not beside these tests")


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the AVR's firmware with its own Makefile, and the chip that runs it."""
    _need_firmware()
    missing = [name for name, proofs in NEEDED.items() if not all(map(_is_there, proofs))]
    if missing:
        cannot(f"a simulated AVR needs Debian packages: apt-get install {' '.join(missing)}")
    folder = tmp_path_factory.mktemp("avr")
    commands: tuple[list[str | Path], ...] = (
        ["make", "-C", FIRMWARE / "avr", f"BUILD={folder}"],
        [*COMPILE, "-o", folder / "chip", HERE / "chip.c", "-lsimavr", "-lelf", "-lutil"],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    return folder


def avr_pins() -> dict[str, str]:
    """Return which channel hangs on which pin of an Arduino, as ``pins.h`` says."""
    text = (FIRMWARE / "avr" / "pins.h").read_text()
    found = re.findall(r"^#define ([A-Z]+)_PIN +(\d+)$", text, re.MULTILINE)
    return {number: name.lower() for name, number in found}


def avr(build: Path, *arguments: str) -> Kind:
    """Return how the chip is run."""
    command = [str(build / "chip"), str(build / "buildlight.elf"), *arguments]
    return Kind("avr", command, CPU, avr_pins(), 1)


def _pico(name: str, command: list[str]) -> Kind:
    return Kind(name, command, 1000, {channel: channel for channel in CHANNELS}, 100)


def pico() -> Kind:
    """Return how the Pico's protocol class is run under this Python."""
    _need_firmware()
    lead = [sys.executable, str(HERE / "pico_on_a_lead.py"), str(FIRMWARE / "pico")]
    return _pico("pico under CPython", lead)


def pico_under_micropython() -> Kind:
    """Return how the Pico's protocol class is run under MicroPython, whichever is there."""
    _need_firmware()
    light, lead = str(FIRMWARE / "pico" / "light.py"), str(HERE / "pico_on_a_lead.py")
    if program := shutil.which("micropython"):
        return _pico("pico under MicroPython", [program, lead, str(FIRMWARE / "pico")])
    module = Path(os.environ.get("MICROPYTHON_NPM", ""), "node_modules", MICROPYTHON)
    node = shutil.which("node")
    if node is None or not module.is_dir():
        cannot(
            f"needs MicroPython: a program micropython, or nodejs and `npm install {MICROPYTHON}` "
            "in the folder that MICROPYTHON_NPM names"
        )
    script = str(HERE / "pico_on_a_lead.mjs")
    return _pico(
        "pico under MicroPython", [node, script, str(module / "micropython.mjs"), light, lead]
    )


BOARDS = (pytest.param("avr", marks=pytest.mark.slow), "pico", "pico-micropython")


@pytest.fixture(scope="session", params=BOARDS)
def running(request: pytest.FixtureRequest) -> Iterator[Board]:
    """Start each board in turn."""
    if request.param == "avr":
        kind = avr(request.getfixturevalue("build"))
    else:
        kind = pico() if request.param == "pico" else pico_under_micropython()
    with Board(kind) as board:
        yield board


@pytest.fixture
def board(running: Board) -> Board:
    """Start the board anew."""
    running.restart()
    return running


@pytest.fixture
def chip(build: Path) -> Iterator[Board]:
    """Start the AVR alone."""
    with Board(avr(build)) as board:
        yield board
