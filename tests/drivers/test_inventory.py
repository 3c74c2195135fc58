"""What `buildlight devices` finds, and how it is told."""

import json
import struct
from pathlib import Path

import pytest
from serial.tools import list_ports

from buildlight import __version__
from buildlight.cli import devices, main
from buildlight.cli.devices import render
from buildlight.drivers import installed
from buildlight.drivers.inventory import (
    Devices,
    FoundChip,
    FoundDriver,
    FoundLed,
    FoundPort,
    Port,
    active_trigger,
    chip_info,
    found_port,
    look,
    recognised,
    to_json,
)
from support.lights import as_nobody

NOTHING = Devices(drivers=(), chips=(), ports=(), leds=())


def open_files() -> int:
    """Return how many files this process has open."""
    return len([*Path("/proc/self/fd").iterdir()])


def looked(root: Path, *ports: Port) -> Devices:
    """Return what is found under *root*, with *ports*."""
    return look(root, ports=lambda: ports)


# Drivers.


def test_every_installed_driver_is_listed_with_its_version(tmp_path: Path) -> None:
    """Name, distribution and version of each."""
    drivers = looked(tmp_path).drivers

    assert [each.name for each in drivers] == [*installed()]
    assert {(each.distribution, each.version) for each in drivers} == {("buildlight", __version__)}
    assert next(each for each in drivers if each.name == "wled").trouble is None


def test_a_driver_that_does_not_import_is_listed_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody's driver without its library, or with a mistake, hides no other."""
    folder = tmp_path / "lamp_needy-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: lamp-needy\nVersion: 1.0\n")
    entry = "[buildlight.drivers]\nneedy = needy_light:Light\nrude = rude_light:Light\n"
    (folder / "entry_points.txt").write_text(entry)
    (tmp_path / "needy_light.py").write_text("import library_that_is_missing\n")
    (tmp_path / "rude_light.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(tmp_path)

    found = looked(tmp_path)

    by_name = {each.name: each for each in found.drivers}
    assert by_name["needy"] == FoundDriver(
        "needy", "lamp-needy", "1.0", "No module named 'library_that_is_missing'"
    )
    assert by_name["rude"].trouble == "division by zero"
    assert "needy      lamp-needy 1.0: does not import: No module named" in render(found)


# GPIO chips.


def test_the_answer_of_a_chip_is_its_label_and_its_lines() -> None:
    """The kernel says struct gpiochip_info: name, label and number of lines (linux/gpio.h)."""
    answer = struct.pack("=32s32sI", b"gpiochip0", b"pinctrl-rp1", 54)

    assert chip_info(answer) == ("pinctrl-rp1", 54)


def test_a_chip_that_does_not_answer_is_listed_with_the_reason(tmp_path: Path) -> None:
    """What is no chip says so; another name of a chip is told as one."""
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/gpiochip0").touch()
    (tmp_path / "dev/gpiochip10").touch()
    (tmp_path / "dev/gpiochip4").symlink_to("gpiochip0")

    chips = looked(tmp_path).chips

    reason = "does not say what it is: Inappropriate ioctl for device"
    assert [(Path(each.device).name, each.trouble) for each in chips] == [
        ("gpiochip0", reason),
        ("gpiochip4", f"another name of {tmp_path}/dev/gpiochip0"),
        ("gpiochip10", reason),
    ]


def test_a_chip_without_permission_is_told_with_the_group() -> None:
    """The first hurdle on every Raspberry Pi."""
    with as_nobody() as folder:
        (folder / "dev").mkdir()
        (folder / "dev/gpiochip0").touch(mode=0o000)

        (chip,) = looked(folder).chips

    assert chip.trouble == "no permission; add the user to group gpio"


# Serial ports.


@pytest.mark.parametrize(
    ("port", "light"),
    [
        (Port("/dev/ttyUSB0", 0x1A86, 0x7523), "a CH340 chip: Adafruit's tower light"),
        (Port("/dev/ttyACM0", 0x2047, 0x03DF), "CompuLab fit-statUSB"),
        (Port("/dev/ttyACM0", 0x303A, 0x81DF), "Busy Tag"),
        (Port("/dev/ttyUSB0", 0x10C4, 0xEA60, product="MuteSync Button"), "MuteSync"),
        (Port("/dev/ttyUSB0", 0x10C4, 0xEA60, product="CP2102"), "a CP210x chip: any board"),
    ],
)
def test_lights_are_recognised_by_their_usb_numbers(port: Port, light: str) -> None:
    """A chip that is on many boards is told as one, and not as a light."""
    assert (recognised(port) or "").startswith(light)


@pytest.mark.parametrize("port", [Port("/dev/ttyS0"), Port("/dev/ttyACM0", 0xDEAD, 0xBEEF)])
def test_what_is_not_known_is_not_guessed(port: Port) -> None:
    """A port of the board itself, and somebody's device."""
    assert recognised(port) is None


def test_a_port_is_told_by_the_name_that_it_keeps(tmp_path: Path) -> None:
    """by-id where there is a serial number; else, as for every CH340, the socket it is in."""
    device = tmp_path / "dev/ttyUSB0"
    for kind in ("by-id", "by-path"):
        folder = tmp_path / "dev/serial" / kind
        folder.mkdir(parents=True)
        (folder / f"the-{kind}").symlink_to(device)
    numbered = Port(str(device), 0x0403, 0x6001, serial_number="A1")
    plain = Port(str(device), 0x1A86, 0x7523)

    stable = [looked(tmp_path, port).ports[0].stable for port in (numbered, plain)]

    assert stable == [
        f"{tmp_path}/dev/serial/by-id/the-by-id",
        f"{tmp_path}/dev/serial/by-path/the-by-path",
    ]
    assert f'port = "{stable[1]}"' in render(looked(tmp_path, plain))


def test_a_port_without_a_lasting_name_is_told_by_its_own() -> None:
    """A port of the board itself."""
    port = found_port(Port("/dev/ttyAMA0"), {})

    assert port == FoundPort("/dev/ttyAMA0")
    assert "/dev/ttyAMA0: unknown device" in render(
        Devices(drivers=(), chips=(), ports=(port,), leds=())
    )


def test_what_a_device_calls_itself_does_not_reach_the_terminal_raw() -> None:
    """A USB device may be called anything, escape sequences too."""
    port = found_port(Port("/dev/ttyUSB0", 1, 2, product="\x1b]0;gone\x07lamp"), {})

    assert "\x1b" not in render(Devices(drivers=(), chips=(), ports=(port,), leds=()))


# LEDs.


def test_leds_are_listed_with_what_the_kernel_does_with_them(tmp_path: Path) -> None:
    """Whether they dim, and which trigger switches them."""
    for name, most, trigger in (("build-red", "1", "[none] timer"), ("ACT", "255", "none [mmc0]")):
        led = tmp_path / "sys/class/leds" / name
        led.mkdir(parents=True)
        (led / "max_brightness").write_text(f"{most}\n")
        (led / "trigger").write_text(f"{trigger}\n")
    (tmp_path / "sys/class/leds/odd").mkdir()

    found = looked(tmp_path)

    assert found.leds == (
        FoundLed("ACT", 255, "mmc0"),
        FoundLed("odd"),
        FoundLed("build-red", 1, "none"),
    )
    assert "ACT: dims in 255 steps; the kernel shows mmc0 on it now" in render(found)
    assert "build-red: on or off\n" in render(found) + "\n"


def test_the_active_trigger_stands_in_brackets() -> None:
    """As the kernel writes it; a file without brackets has none."""
    assert active_trigger("none [timer] heartbeat\n") == "timer"
    assert active_trigger("") is None


# How it is told.


def test_a_machine_with_nothing_is_told_what_to_do(tmp_path: Path) -> None:
    """Each empty section has its next step."""
    text = render(NOTHING)

    assert looked(tmp_path).chips == ()
    assert looked(tmp_path).leds == ()
    assert [line for line in text.splitlines() if line.startswith("  none")] == [
        "  none",
        f"  {devices.NO_CHIPS}",
        f"  {devices.NO_PORTS}",
        f"  {devices.NO_LEDS}",
    ]


def test_a_chip_is_told_in_a_line() -> None:
    """Its label says what it is."""
    chip = FoundChip("/dev/gpiochip0", label="pinctrl-rp1", lines=54)

    text = render(Devices(drivers=(), chips=(chip,), ports=(), leds=()))

    assert "  /dev/gpiochip0: pinctrl-rp1, 54 lines" in text


def test_json_has_all_of_it() -> None:
    """For programs: the same facts under their names."""
    port = found_port(Port("/dev/ttyUSB0", 0x1A86, 0x7523), {})

    document = to_json(Devices(drivers=(), chips=(), ports=(port,), leds=(FoundLed("x"),)))

    assert json.loads(json.dumps(document)) == {
        "version": 1,
        "drivers": [],
        "chips": [],
        "ports": [
            {
                "device": "/dev/ttyUSB0",
                "stable": None,
                "usb": "1a86:7523",
                "product": None,
                "light": port.light,
            }
        ],
        "leds": [{"name": "x", "max_brightness": None, "trigger": None}],
    }


def test_a_light_that_is_pulled_out_at_that_moment_ends_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What else there is, is listed all the same."""

    def vanishing() -> list[object]:
        raise TypeError  # As list_ports does for a device that goes while it reads.

    monkeypatch.setattr(list_ports, "comports", vanishing)

    status = main(["devices"])

    assert status == 0
    assert "LEDs of the kernel" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], ["--json"]])
def test_the_command_lists_this_machine(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    """Whatever is plugged in here, the command ends well and leaves no file open."""
    main(["devices"])  # Imports what drivers import.
    capsys.readouterr()
    before = open_files()

    status = main(["devices", *arguments])

    text = capsys.readouterr().out
    assert status == 0
    assert open_files() == before
    if arguments:
        assert json.loads(text)["version"] == 1
    else:
        assert text.startswith("Drivers (driver = …)\n")
