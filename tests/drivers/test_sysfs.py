"""LEDs of the kernel: what is written to which file, and what happens when it is refused."""

import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError

from buildlight.drivers import sysfs
from buildlight.drivers.sysfs import SysfsLight, SysfsOptions
from buildlight.errors import LightUnavailable
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import DARK, Channel, Frame
from support.lights import Kernel, as_nobody

RED = Frame.of({Channel.RED: 1})
LEDS = {"red": "build-red", "green": "build-green"}


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    """Two LEDs that are on or off."""
    kernel = Kernel(tmp_path, monkeypatch)
    kernel.add("build-red", "build-green")
    return kernel


def options(**leds: str) -> SysfsOptions:
    """Return the options for *leds*, red and green unless the test says otherwise."""
    return SysfsOptions.model_validate({"leds": leds or LEDS})


def refusal(**leds: str) -> str:
    """Return why a light on *leds* does not open."""
    with pytest.raises(LightUnavailable) as caught:
        SysfsLight(options(**leds))
    return str(caught.value)


# What is written.


def test_triggers_are_taken_off_before_anything_shines(kernel: Kernel) -> None:
    """A trigger that is left would overrule the brightness."""
    kernel.set_trigger("build-red", "heartbeat")
    light = SysfsLight(options())

    light.show(RED)

    assert kernel.news() == [
        "build-red/trigger none",
        "build-red/brightness 1",
        "build-green/trigger none",
        "build-green/brightness 0",
    ]
    assert kernel.state("build-red") == (1, "none")


def test_opening_changes_nothing(kernel: Kernel) -> None:
    """`buildlight check` beside a running daemon leaves its lamp alone."""
    SysfsLight(options()).close()

    assert kernel.news() == []


def test_the_next_frame_needs_no_trigger_taken_off(kernel: Kernel) -> None:
    """The kernel tells udev of every word that is written to a trigger."""
    light = SysfsLight(options())
    light.show(RED)
    kernel.news()

    light.show(DARK)

    assert kernel.news() == ["build-red/brightness 0", "build-green/brightness 0"]


def test_a_frame_that_is_repeated_takes_what_others_did_back(kernel: Kernel) -> None:
    """Another program that put a trigger on the LED is overruled at the next refresh."""
    light = SysfsLight(options())
    light.show(RED)
    kernel.set_trigger("build-red", "heartbeat")

    light.show(RED)

    assert kernel.state("build-red") == (1, "none")


@pytest.mark.parametrize(("level", "written"), [(1.0, 255), (0.5, 128), (0.001, 1), (0.0, 0)])
def test_levels_are_shares_of_the_highest_brightness(
    kernel: Kernel, level: float, written: int
) -> None:
    """Half is half of 255; the faintest light is a light."""
    kernel.add("strip", most=255)
    light = SysfsLight(options(red="strip"))

    light.show(Frame.of({Channel.RED: level}))

    assert kernel.state("strip") == (written, "none")


def test_close_leaves_every_led_dark_and_without_trigger(kernel: Kernel) -> None:
    """A blinking LED is dark after the daemon, too; the second close does nothing."""
    light = SysfsLight(options())
    assert light.plays(parse_pattern("red blink"))
    light.play(parse_pattern("red blink"))

    light.close()
    kernel.news()
    light.close()

    assert kernel.news() == []
    assert [kernel.state(name) for name in LEDS.values()] == [(0, "none"), (0, "none")]


# What the kernel blinks.


def test_the_kernel_blinks_what_goes_on_and_off(kernel: Kernel) -> None:
    """Brightness first, which the timer takes for its own, then the delays in milliseconds."""
    light = SysfsLight(options())
    pattern = parse_pattern("red wink, green")
    assert light.plays(pattern)
    kernel.news()

    light.play(pattern)

    assert kernel.news() == [
        "build-red/trigger none",
        "build-red/brightness 1",
        "build-red/trigger timer",
        "build-red/delay_on 200",
        "build-red/delay_off 2800",
        "build-green/trigger none",
        "build-green/brightness 1",
    ]
    assert kernel.state("build-red") == (1, "timer")


@pytest.mark.parametrize(
    "text",
    [
        "red",
        "red double-blink",
        "red pulse",
        "red blink 2s",
        "red blink, green blink",
        "red blink, green 2s",
        "red blink, red 30%",
        "off",
    ],
)
def test_other_rhythms_are_left_to_us(kernel: Kernel, text: str) -> None:
    """The timer knows one on and one off; two timers would drift apart."""
    assert not SysfsLight(options()).plays(parse_pattern(text))
    assert kernel.news() == []


def test_a_blink_that_goes_on_is_not_interrupted(kernel: Kernel) -> None:
    """A refresh looks whether the timer still runs, and writes to nothing that does."""
    light = SysfsLight(options())
    light.play(parse_pattern("red blink"))
    kernel.news()

    light.play(parse_pattern("red blink"))

    assert [each for each in kernel.news() if each.startswith("build-red")] == []


def test_a_blink_that_somebody_stopped_starts_anew(kernel: Kernel) -> None:
    """Another program that switched the LED on for good is overruled at the next refresh."""
    light = SysfsLight(options())
    light.play(parse_pattern("red blink"))
    kernel.set_trigger("build-red", "none")

    light.play(parse_pattern("red blink"))

    assert kernel.state("build-red") == (1, "timer")


def test_a_steady_frame_ends_the_blinking(kernel: Kernel) -> None:
    """From `red blink` to `red`: the timer goes first."""
    light = SysfsLight(options())
    light.play(parse_pattern("red blink"))

    light.show(RED)

    assert kernel.state("build-red") == (1, "none")


def test_a_kernel_without_timer_blinks_nothing(kernel: Kernel) -> None:
    """CONFIG_LEDS_TRIGGER_TIMER may be missing: the rhythm is kept by hand."""
    kernel.add("plain", triggers=("none", "heartbeat"))

    assert not SysfsLight(options(red="plain")).plays(parse_pattern("red blink"))


def test_delays_that_stay_roots_are_left_to_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """The files come with the trigger; without a udev rule for them we blink by hand."""
    with as_nobody() as folder:
        kernel = Kernel(folder, monkeypatch)
        kernel.add("build-red")
        kernel.delay_mode = 0o444
        light = SysfsLight(options(red="build-red"))

        plays = light.plays(parse_pattern("red blink"))
        light.show(RED)

        assert not plays
        assert kernel.state("build-red") == (1, "none")


# What is refused.


def test_an_led_that_is_not_there_is_told_with_those_that_are(kernel: Kernel) -> None:
    """A slip in a name is answered with the names there are."""
    assert refusal(red="build-rde") == "no LED build-rde; there are: build-green, build-red"


def test_a_machine_without_leds_is_told_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a Raspberry Pi an LED is one line in config.txt."""
    monkeypatch.setattr(sysfs, "LEDS", tmp_path / "leds")

    assert "dtoverlay=gpio-led,gpio=17,label=red" in refusal(red="red")


def test_a_missing_permission_is_told_with_the_udev_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """The LED's files are root's unless a rule gives them to a group."""
    with as_nobody() as folder:
        Kernel(folder, monkeypatch).add("build-red")
        (folder / "build-red/brightness").chmod(0o444)

        sentence = refusal(red="build-red")

    assert sentence.startswith(f"no permission for {folder}/build-red/brightness; ")
    assert sysfs.UDEV_RULE in sentence


def test_an_led_that_goes_away_is_told(kernel: Kernel) -> None:
    """A USB light with LEDs of the kernel was unplugged; closing it is safe."""
    light = SysfsLight(options())
    light.show(RED)
    shutil.rmtree(kernel.folder / "build-red")

    with pytest.raises(LightUnavailable, match="the LED build-red is gone"):
        light.show(DARK)

    light.close()
    assert kernel.state("build-green") == (0, "none")


def test_a_file_that_is_none_is_told(kernel: Kernel) -> None:
    """Whatever else the system says is passed on."""
    (kernel.folder / "build-red/brightness").unlink()
    (kernel.folder / "build-red/brightness").mkdir()

    assert refusal().endswith("/build-red/brightness cannot be written: Is a directory")


@pytest.mark.parametrize(
    ("leds", "mistake"),
    [
        ({"red": "../../etc"}, "without a slash"),
        ({"red": ".."}, "is not an LED"),
        ({"red": ""}, "is not an LED"),
        ({"red": 17}, "is not an LED"),
        ({"red": "a\0"}, "is not an LED"),
        ({}, "names no LED"),
        ({"red": "a", "green": "a"}, "gives one LED to both red and green"),
        ({"rde": "a"}, "red"),
    ],
)
def test_names_that_lead_elsewhere_are_mistakes(leds: object, mistake: str) -> None:
    """A name is one folder in /sys/class/leds, and nobody's else."""
    with pytest.raises(ValidationError, match=mistake):
        SysfsOptions.model_validate({"leds": leds})


def test_lamps_know_what_they_have(kernel: Kernel) -> None:
    """Channels, claims and wiring follow from the names."""
    made = options()

    assert made.channels == {Channel.RED, Channel.GREEN}
    assert made.claims == {"the LED build-red", "the LED build-green"}
    assert SysfsLight(made).wiring[Channel.RED] == "LED build-red"


def test_lights_dim_where_every_led_does(kernel: Kernel) -> None:
    """A pulse on one LED that cannot be dimmed would be a steady light."""
    kernel.add("strip", most=255)

    assert options(red="strip").dims
    assert not options(red="strip", green="build-green").dims
    assert not options(red="absent").dims
