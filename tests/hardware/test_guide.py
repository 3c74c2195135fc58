"""The guide to building a lamp: what it tells people to write, to run and to solder holds."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path

import pytest

from buildlight.config.settings import load_settings
from buildlight.errors import ConfigError
from hardware.guide import CHAPTERS, HARDWARE, blocks, chapter, drawings_of, rows, section, texts
from hardware.pico_port import Pico

FEED = '[[feeds]]\nurl = "https://ci.example/cc.xml"\n\n'
BLOCKS = [
    pytest.param(block, id=f"{name}-{number}")
    for name in CHAPTERS
    for number, block in enumerate(blocks(chapter(name), "toml"), 1)
]
RUNS = [name for name in CHAPTERS if blocks(chapter(name), "console")]
LAMPS = [name for name in CHAPTERS if name != "README.md"]

SUM = re.compile(r"\(?(\d\.\d+) V((?: - \d\.\d V)*)\)? / (\d+) (k?)Ω = (\d+\.\d+) mA")
PIN_LIMIT, TOTAL_LIMIT = 4.0, 30.0
"""Milliamperes out of one pin of a Pi, and out of all."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home with an empty folder for the configuration."""
    (tmp_path / "buildlight").mkdir()
    return tmp_path


@pytest.mark.parametrize("block", BLOCKS)
def test_each_configuration_block_is_good(
    block: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a builder copies below the feeds is loaded without a complaint."""
    for name in ("busylight_core", "buildlight.drivers.hid.busylight"):
        monkeypatch.delitem(sys.modules, name, raising=False)  # Another test's stand-in.
    file = home / "buildlight.toml"
    file.write_text(FEED + block, encoding="utf-8")
    if 'driver = "busylight"' in block and find_spec("busylight_core") is None:
        with pytest.raises(ConfigError) as refused:
            load_settings(file)
        assert "install it with pip install 'buildlight[busylight]'" in str(refused.value)
        return

    settings = load_settings(file)

    assert len(settings.lamps) == block.count("[[lamps]]")


def test_each_lamp_has_a_configuration_block() -> None:
    """No chapter leaves its reader without one."""
    assert [name for name in LAMPS if not blocks(chapter(name), "toml")] == []


@pytest.mark.parametrize("name", RUNS)
def test_each_run_says_what_the_guide_shows(name: str, home: Path) -> None:
    """`buildlight test` with the last block before the run prints those lines, and no other."""
    (run,) = blocks(chapter(name), "console")
    before = chapter(name).partition("```console")[0]
    block = blocks(before, "toml")[-1]
    typed, _, shown = run.removeprefix("$ ").partition("\n")
    port = next((each for each in PORTS if each in block + typed), "")

    with PORTS[port](home) if port else nullcontext(port) as real:
        file = home / "buildlight" / "buildlight.toml"
        file.write_text(FEED + block.replace(port or " ", real or " "), encoding="utf-8")
        printed = _run(typed.replace(port or " ", real or " "), home)

    assert printed.replace(real or " ", port or " ") == shown


@contextmanager
def _tower(_home: Path) -> Iterator[str]:
    """Plug in a light that takes everything and says nothing."""
    light, held = os.openpty()
    yield os.ttyname(held)
    os.close(light)
    os.close(held)


@contextmanager
def _own_light(home: Path) -> Iterator[str]:
    """Plug in a light with our own firmware."""
    with closing(Pico(home)) as light:
        yield light.name


PORTS = {"/dev/ttyUSB0": _tower, "/dev/ttyACM0": _own_light}
"""What the guide calls a port, and what is plugged in there."""


def _run(typed: str, home: Path) -> str:
    """Return what the command that was *typed* prints."""
    words = shlex.split(typed)
    program = words.index("buildlight")
    given = dict(each.split("=", 1) for each in words[:program])
    done = subprocess.run(
        [
            Path(sys.executable).with_name("buildlight"),
            *words[program + 1 :],
            *("--pause", "0.001"),
        ],
        env={"PATH": os.environ["PATH"], "XDG_CONFIG_HOME": str(home), **given},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def sums(text: str) -> list[tuple[float, float]]:
    """Return the stated and the true result of each sum in *text*, in milliamperes."""
    found = []
    for volts, less, ohms, kilo, stated in SUM.findall(text):
        left = float(volts) - sum(float(each) for each in re.findall(r"\d\.\d", less))
        found.append((float(stated), left / (float(ohms) * (1000 if kilo else 1)) * 1000))
    return found


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_sum_comes_out(name: str) -> None:
    """A current that the guide states is what its voltages and its resistor give."""
    text = chapter(name)

    found = sums(text)

    assert len(found) == text.count("Ω = ")
    for stated, true in found:
        assert stated == pytest.approx(true, abs=0.051)


@pytest.mark.parametrize("name", LAMPS)
def test_no_pin_gives_more_than_it_may(name: str) -> None:
    """Every sum of a table that starts from 3.3 V is one pin's: 4 mA at most, 30 mA for four."""
    cells = [cell for row in rows(chapter(name)) for cell in row if "3.3 V" in cell]

    currents = [stated for cell in cells for stated, _ in sums(cell)]

    assert all(each <= PIN_LIMIT for each in currents)
    assert sum(sorted(currents)[-4:]) <= TOTAL_LIMIT


@pytest.mark.parametrize(
    ("name", "start", "total"),
    [
        ("three-leds.md", "3.3", "All four together: 11.0 mA, of 30"),
        ("rgb-led.md", "3.3", "7.8 mA of 30 from the pins"),
        ("rgb-led.md", "5.0", "All three together: 29.1 mA from 5 V"),
    ],
)
def test_each_total_comes_out(name: str, start: str, total: str) -> None:
    """What a chapter says of all channels together is the sum of its table."""
    cells = [cell for row in rows(section(name, "The sum")) for cell in row]
    each = [stated for cell in cells if f"({start} V" in cell for stated, _ in sums(cell)]

    assert f"{sum(each):.1f} mA" in total
    assert total in " ".join(chapter(name).split())


@pytest.mark.parametrize("name", LAMPS)
def test_each_part_of_a_drawing_is_in_the_list(name: str) -> None:
    """Who has bought the parts of a chapter has what its drawings name, with that value."""
    bought = [" | ".join(row) for row in rows(chapter(name))]
    labels = [label for drawing in drawings_of(name) for label in texts(drawing)]
    parts = {
        part
        for label in labels
        for part in re.findall(r"\b([RQDUF]\d) ?[:,]? *(\d+ k?Ω|BC337|1N4148|ULN\w+|500 mA)", label)
    }

    missing = [
        (part, value)
        for part, value in parts
        if not any(re.search(rf"\b{part}\b", row) and value in row for row in bought)
    ]

    assert parts or name == "boards.md"
    assert missing == []


@pytest.mark.parametrize("name", CHAPTERS)
def test_each_link_leads_somewhere(name: str) -> None:
    """No picture is broken, no chapter is missing, no heading has another name."""
    for target in re.findall(r"\]\(([^)]+)\)", chapter(name)):
        if target.startswith("https://"):
            continue
        path, _, heading = target.partition("#")
        assert (HARDWARE / path).exists(), target
        assert not heading or heading in headings(path), target


def headings(name: str) -> list[str]:
    """Return the headings of a chapter, as links to them are written."""
    return [
        re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in chapter(name).splitlines()
        if line.startswith("#")
    ]


def test_each_chapter_is_offered_on_the_first_page() -> None:
    """Whoever chooses a lamp sees all of them, and the README leads to the guide."""
    first = chapter("README.md")

    assert [name for name in LAMPS if f"]({name})" not in first] == []
    assert "(hardware/README.md)" in (HARDWARE.parent / "README.md").read_text(encoding="utf-8")
