"""HID lights through busylight-core, which a module of the same shape stands in for.

The shape is that of busylight-core 2.5.0: ``Light.available_hardware``, lights that are opened
by calling their class, ``on``, ``off``, ``cancel_tasks`` and ``release``, a keepalive on a timer.
"""

import dataclasses
import importlib
import inspect
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from types import ModuleType, SimpleNamespace
from typing import Any, ClassVar

import pytest
from pydantic import ValidationError

from buildlight.errors import LightUnavailable
from buildlight.patterns.pattern import DARK, Channel, Frame

RED = Frame.of({Channel.RED: 1})
AMBER = Frame.of({Channel.AMBER: 0.5})


class Connection(Enum):
    """How a light is connected, as the library names it."""

    HID = 1
    SERIAL = 2


@dataclass
class Hardware:
    """A device that the library found."""

    device_id: tuple[int, int] = (0x27B8, 0x01ED)
    serial_number: str | None = None
    path: bytes = b"/dev/hidraw0"
    device_type: Connection = Connection.HID
    opens: bool = True
    there: bool = True


@dataclass
class Bench:
    """What is plugged in, and what the lights were told."""

    hardware: list[tuple[type["FakeLight"], Hardware]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    quiet: list[str] = field(default_factory=list)


class FakeLight:
    """A light of the library."""

    bench: ClassVar[Bench]
    supported_device_ids: ClassVar = {(0x27B8, 0x01ED): "Blink(1)"}

    def __init__(self, hardware: Hardware, *, reset: bool, exclusive: bool) -> None:
        assert exclusive
        assert not reset
        if not hardware.opens:
            raise OSError("open failed")
        self.hardware = hardware
        self.bench.told.append("open")

    def on(self, color: tuple[int, int, int], led: int = 0, *, interrupt: bool = True) -> None:
        """Write a colour."""
        assert led == 0
        assert not interrupt
        self._write(f"on {color}")

    def off(self) -> None:
        """Write black."""
        self._write("off")

    def cancel_tasks(self) -> None:
        """Stop whatever runs by itself."""
        self.bench.told.append("cancel")

    def release(self) -> None:
        """Let the device go."""
        self.bench.told.append("release")

    def _write(self, what: str) -> None:
        if not self.hardware.there:
            raise RuntimeError(what)
        self.bench.told.append(what)


class Kuando(FakeLight):
    """A light that goes dark unless a timer talks to it."""

    supported_device_ids: ClassVar = {(0x27BB, 0x3BCD): "Busylight Omega"}

    def __init__(self, hardware: Hardware, **how: bool) -> None:
        super().__init__(hardware, **how)
        self.timers: list[threading.Timer] = []

    def on(self, color: tuple[int, int, int], led: int = 0, *, interrupt: bool = True) -> None:
        """Write a colour, and keep it alive."""
        super().on(color, led, interrupt=interrupt)
        if not self.timers:
            self.timers.append(threading.Timer(10, self._keep_alive))
            self.timers[0].start()

    def _keep_alive(self) -> None:
        self._write("keepalive")

    def cancel_tasks(self) -> None:
        """Stop the keepalive."""
        super().cancel_tasks()
        for timer in self.timers:
            timer.cancel()
            timer.join()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Put the stand-in where the library would be; nothing is plugged in."""
    bench = Bench()

    def available_hardware() -> dict[type[FakeLight], list[Hardware]]:
        found: dict[type[FakeLight], list[Hardware]] = {}
        for kind, hardware in bench.hardware:
            if hardware.there:
                found.setdefault(kind, []).append(hardware)
        return found

    library: Any = ModuleType("busylight_core")
    library.Light = SimpleNamespace(available_hardware=available_hardware)
    library.logger = SimpleNamespace(disable=bench.quiet.append)
    FakeLight.bench = bench
    monkeypatch.setitem(sys.modules, "busylight_core", library)
    return bench


@pytest.fixture
def driver(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The driver's module, imported over the stand-in."""
    monkeypatch.delitem(sys.modules, "buildlight.drivers.hid.busylight", raising=False)
    yield importlib.import_module("buildlight.drivers.hid.busylight")
    # Whoever imports it next gets it anew, with the library that is really there.
    del sys.modules["buildlight.drivers.hid.busylight"]


Plug = Callable[..., Hardware]


@pytest.fixture
def plug(bench: Bench) -> Plug:
    """Plug lights in."""

    def plug_in(kind: type[FakeLight] = FakeLight, **about: Any) -> Hardware:
        hardware = Hardware(**about)
        bench.hardware.append((kind, hardware))
        return hardware

    return plug_in


def opened(driver: Any, **keys: object) -> Any:
    """Open a light."""
    return driver.BusylightLight(driver.BusylightOptions.model_validate(keys))


def refusal(driver: Any, **keys: object) -> str:
    """Return why a light does not open."""
    with pytest.raises(LightUnavailable) as caught:
        opened(driver, **keys)
    return str(caught.value)


# What a light is told.


def test_a_frame_is_one_colour(driver: Any, plug: Plug, bench: Bench) -> None:
    """Amber has a third of the green; the keepalive is not interrupted for it."""
    plug()
    light = opened(driver)

    light.show(RED)
    light.show(AMBER)
    light.show(DARK)

    assert bench.told == ["open", "on (255, 0, 0)", "on (128, 45, 0)", "on (0, 0, 0)"]


def test_opening_changes_nothing(driver: Any, plug: Plug, bench: Bench) -> None:
    """`buildlight check` beside a running daemon does not darken its light."""
    plug()

    opened(driver).close()

    assert bench.told == ["open", "cancel", "cancel", "release"]


def test_close_goes_dark_and_is_safe_to_call_twice(driver: Any, plug: Plug, bench: Bench) -> None:
    """Keepalives end before the light goes dark, or they would light it up again."""
    plug()
    light = opened(driver)
    light.show(RED)
    bench.told.clear()

    light.close()
    light.close()

    assert bench.told == ["cancel", "off", "cancel", "release"]
    with pytest.raises(LightUnavailable, match=r"Blink\(1\) is closed"):
        light.show(RED)


def test_the_keepalive_of_a_kuando_ends_with_it(driver: Any, plug: Plug) -> None:
    """No thread is left, and one keepalive serves however many frames."""
    before = threading.active_count()
    plug(Kuando, device_id=(0x27BB, 0x3BCD))
    light = opened(driver)
    for frame in (RED, AMBER, RED):
        light.show(frame)
    assert threading.active_count() == before + 1

    light.close()

    assert threading.active_count() == before


def test_a_light_that_is_unplugged_is_told_and_found_again(
    driver: Any, plug: Plug, bench: Bench
) -> None:
    """Whatever the library raises; the lamp opens the light anew, wherever it is plugged in."""
    hardware = plug(serial_number="A1")
    light = opened(driver)
    light.show(RED)
    hardware.there = False

    with pytest.raises(LightUnavailable, match=r"Blink\(1\) A1 is gone; is it plugged in\?"):
        light.show(DARK)
    light.close()
    plug(serial_number="A1", path=b"/dev/hidraw7")
    opened(driver).show(RED)

    assert bench.told[-2:] == ["open", "on (255, 0, 0)"]


def test_a_steady_light_is_written_to_often_enough(driver: Any) -> None:
    """A Kuando goes dark after 15 s; and nothing but a write tells that a light is gone."""
    assert 0 < driver.BusylightLight.refresh < 15


# Which light.


def test_no_light_is_told(driver: Any) -> None:
    """The daemon waits for it."""
    assert refusal(driver) == "no HID light is plugged in; there are: none"
    assert driver.BusylightOptions().wait_for_light


def test_serial_lights_are_left_alone(driver: Any, plug: Plug) -> None:
    """The library would open any CP210x port to see what is there."""
    plug(device_type=Connection.SERIAL)

    assert refusal(driver) == "no HID light is plugged in; there are: none"


def test_of_several_lights_none_is_guessed(driver: Any, plug: Plug) -> None:
    """They are named, so that one can be chosen."""
    plug(serial_number="A1")
    plug(serial_number="B2")

    assert refusal(driver) == (
        "several HID lights are plugged in; set light to one of: Blink(1) A1, Blink(1) B2"
    )
    assert refusal(driver, light="blink(1)").startswith("several lights are 'blink(1)'")
    assert "no HID light 'C3' is plugged in" in refusal(driver, light="C3")


@pytest.mark.parametrize("light", ["B2", "b2", "Blink(1) B2"])
def test_a_light_is_chosen_by_its_serial_number(driver: Any, plug: Plug, light: str) -> None:
    """As `light` names it, in whatever case."""
    plug(serial_number="A1")
    plug(serial_number="B2")

    assert opened(driver, light=light).wiring[Channel.RED] == "Blink(1) B2"


def test_a_light_is_chosen_by_its_model(driver: Any, plug: Plug) -> None:
    """Where there is one of each."""
    plug(serial_number="A1")
    plug(Kuando, device_id=(0x27BB, 0x3BCD))

    assert opened(driver, light="Busylight Omega").wiring[Channel.RED] == "Busylight Omega"


def test_the_interfaces_of_one_light_are_one_light(driver: Any, plug: Plug, bench: Bench) -> None:
    """Hidapi lists a light once for each of its uses; the first is opened."""
    plug(serial_number="A1")
    plug(serial_number="A1", path=b"/dev/hidraw1", opens=False)

    opened(driver)

    assert bench.told == ["open"]


def test_a_light_that_does_not_open_is_told_with_its_device(driver: Any, plug: Plug) -> None:
    """Hidapi gives no reason; the usual ones are named."""
    plug(opens=False)

    sentence = refusal(driver)

    assert sentence.startswith("Blink(1) is plugged in and does not open; ")
    assert "no permission for /dev/hidraw0" in sentence


def test_a_system_that_lets_nobody_look_is_told(
    driver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the HID library raises is a sentence."""

    def fail() -> None:
        raise OSError("hid_enumerate failed")

    monkeypatch.setattr(driver.busylight_core.Light, "available_hardware", fail)

    assert refusal(driver) == "cannot search for HID lights: hid_enumerate failed"


# What is configured and imported.


def test_two_lamps_cannot_have_the_same_light(driver: Any) -> None:
    """Each names its own."""
    made = driver.BusylightOptions

    assert made().claims == made().claims
    assert made(light="A1").claims == made(light="a1").claims != made(light="B2").claims
    with pytest.raises(ValidationError):
        made(light="")


def test_the_library_is_kept_quiet(driver: Any, bench: Bench) -> None:
    """Loguru would write every device to standard error."""
    assert bench.quiet == ["busylight_core"]


def test_without_the_extra_the_driver_says_what_to_install() -> None:
    """A lamp that is configured for it ends the start with one sentence."""
    program = (
        "import sys\n"
        "sys.modules['busylight_core'] = None\n"
        "from buildlight.drivers import load_driver\n"
        "from buildlight.errors import ConfigError\n"
        "try:\n"
        "    load_driver('busylight')\n"
        "except ConfigError as exc:\n"
        "    print(exc)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=50, check=True
    )

    assert done.stdout == (
        "driver 'busylight' is installed but does not import: no module 'busylight_core'; "
        "install it with pip install 'buildlight[busylight]'\n"
    )


# The library itself, where it is installed.


def kinds(light: Any) -> Iterator[Any]:
    """Yield every kind of light that derives from *light*."""
    for kind in light.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_the_stand_in_has_the_shape_of_the_library() -> None:
    """Whatever the driver calls, each of the library's lights has, under the same names."""
    library = pytest.importorskip("busylight_core", reason="the extra is not installed")
    hardware = pytest.importorskip("busylight_core.hardware")

    every = [*kinds(library.Light)]

    assert len(every) > 25
    for name in ("__init__", "on", "off", "cancel_tasks", "release"):
        wanted = [*inspect.signature(getattr(FakeLight, name)).parameters][1:]
        for kind in every:
            has = inspect.signature(getattr(kind, name)).parameters
            assert {*wanted} <= {*has}, (kind, name)
    assert hardware.ConnectionType.HID.name == "HID"
    fields = {field.name for field in dataclasses.fields(hardware.Hardware)}
    assert {"serial_number", "path", "device_type"} <= fields
    assert hasattr(hardware.Hardware, "device_id")


def test_the_driver_works_on_the_library_where_no_light_is() -> None:
    """It looks, finds none, says so, and the library says nothing."""
    pytest.importorskip("busylight_core", reason="the extra is not installed")
    program = (
        "from buildlight.drivers.hid.busylight import BusylightLight, BusylightOptions\n"
        "from buildlight.errors import LightUnavailable\n"
        "try: BusylightLight(BusylightOptions(light='no such'))\n"
        "except LightUnavailable as exc: print(exc)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=50
    )

    assert done.stdout.startswith("no HID light 'no such' is plugged in; there are: ")
    assert done.stderr == ""
