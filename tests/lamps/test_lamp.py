"""One lamp: what its light shows when, and what becomes of it when the light goes away."""

import math
import threading
from collections.abc import Callable
from itertools import pairwise
from typing import Any, ClassVar

import pytest

from buildlight.drivers import Driver, DriverOptions
from buildlight.errors import LightUnavailable
from buildlight.lamps.lamp import Lamp, LampStatus
from buildlight.lamps.thread import LampThread, patience_of
from buildlight.lamps.timing import OPENING, RETRIES
from buildlight.patterns.known import Known
from buildlight.patterns.language import parse_pattern
from buildlight.patterns.pattern import DARK, OFF, Channel, Frame, Pattern, limit_duration
from buildlight.report.shown import Light

RED, GREEN = Frame.of({Channel.RED: 1}), Frame.of({Channel.GREEN: 1})
PATIENCE = 10.0


class Recorder:
    """A light that writes down what it is told, and fails as it is told."""

    Options: ClassVar[type[DriverOptions]] = DriverOptions
    refresh: ClassVar[float | None] = None

    def __init__(self) -> None:
        self.shown: list[Frame] = []
        self.closed = 0
        self.fault: Exception | None = None

    def show(self, frame: Frame) -> None:
        """Write *frame* down, or fail."""
        if self.fault is not None:
            raise self.fault
        self.shown.append(frame)

    def close(self) -> None:
        """Count."""
        self.closed += 1


class Forgetful(Recorder):
    """A light that has to be told again every ten seconds."""

    refresh: ClassVar[float | None] = 10.0


class Rhythmical(Recorder):
    """A light with a rhythm of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.played: list[Pattern] = []

    def plays(self, pattern: Pattern) -> bool:
        """Blink; nothing else."""
        return pattern.text == "red blink"

    def play(self, pattern: Pattern) -> None:
        """Write *pattern* down."""
        self.played.append(pattern)


def opening(*lights: Driver | LightUnavailable) -> Callable[[], Driver]:
    """Return a function that opens each of *lights* in turn, or fails."""
    left = list(lights)

    def open_light() -> Driver:
        light = left.pop(0)
        if isinstance(light, LightUnavailable):
            raise light
        return light

    return open_light


def test_a_steady_pattern_is_shown_once() -> None:
    """A lamp that does not move costs nothing."""
    light = Recorder()
    lamp = Lamp(opening(light))

    waits = [lamp.step(parse_pattern("red"), now=now) for now in (0.0, 5.0, 500.0)]

    assert light.shown == [RED]
    assert waits == [None, None, None]


def test_a_blinking_pattern_is_shown_at_its_edges() -> None:
    """Half a second on, half a second off, and no step in between."""
    light = Recorder()
    lamp = Lamp(opening(light))
    now, shown = 100.0, []

    for _ in range(4):
        wait = lamp.step(parse_pattern("red blink"), now=now)
        assert wait is not None
        shown.append((now, light.shown[-1]))
        now += wait

    assert shown == [(100.0, RED), (100.5, DARK), (101.0, RED), (101.5, DARK)]


def test_a_new_pattern_begins_at_its_beginning() -> None:
    """A pattern that comes in the dark half of another starts lit."""
    light = Recorder()
    lamp = Lamp(opening(light))
    lamp.step(parse_pattern("red blink"), now=0.0)
    lamp.step(parse_pattern("red blink"), now=0.5)

    lamp.step(parse_pattern("green blink"), now=0.7)

    assert light.shown == [RED, DARK, GREEN]


def test_a_light_that_may_forget_is_told_again() -> None:
    """A tower that lost its power for a moment heals by itself."""
    light = Forgetful()
    lamp = Lamp(opening(light))

    waits = [lamp.step(parse_pattern("red"), now=now) for now in (0.0, 4.0, 10.0, 20.0)]

    assert light.shown == [RED, RED, RED]
    assert waits == [10.0, 6.0, 10.0, 10.0]


def test_a_light_with_a_rhythm_of_its_own_is_given_the_pattern() -> None:
    """It is told once, and left to blink."""
    light = Rhythmical()
    lamp = Lamp(opening(light))
    pattern = parse_pattern("red blink")

    waits = [lamp.step(pattern, now=now) for now in (0.0, 0.5, 1.0)]

    assert light.played == [pattern]
    assert light.shown == []
    assert waits == [None, None, None]


def test_a_light_is_shown_frames_of_a_rhythm_that_it_does_not_know() -> None:
    """A tower that blinks at one rate of its own is led through all others by hand."""
    light = Rhythmical()
    lamp = Lamp(opening(light))

    waits = [lamp.step(parse_pattern("red double-blink"), now=now) for now in (0.0, 0.2)]

    assert light.played == []
    assert light.shown == [RED, DARK]
    assert waits == [0.2, 0.2]


def played(pattern: str, once: str, *, seconds: float) -> list[tuple[float, Frame]]:
    """Return what a light is shown that plays *pattern*, and *once* from half a second on."""
    light = Recorder()
    lamp, beneath = Lamp(opening(light)), parse_pattern(pattern)
    lamp.step(beneath, now=0.0)
    shown, now = [(0.0, light.shown[-1])], 0.5
    wait = lamp.step(beneath, now=now, once=limit_duration(parse_pattern(once)))
    while now < seconds:
        shown.append((round(now, 3), light.shown[-1]))
        # A crumb of a second would not get anywhere.
        now += max(seconds if wait is None else wait, 0.001)
        wait = lamp.step(beneath, now=now)
    return shown


def test_what_is_played_over_a_flashing_pattern_stills_it() -> None:
    """Two and a half flashes of one colour and as many of another would be five in a second."""
    shown = played("amber quick-blink", "red quick-blink 2s, buzzer 1s", seconds=4.0)

    onsets = []
    for (_, before), (at, after) in pairwise(shown):
        if after.lit - before.lit - {Channel.BUZZER}:
            onsets.append(at)
    during = [frame for at, frame in shown if 0.5 <= at < 2.5]
    assert all(frame[Channel.AMBER] == 1 for frame in during)
    assert {frame[Channel.RED] for frame in during} == {0.0, 1.0}
    assert max(sum(first <= at < first + 1 for at in onsets) for first in onsets) <= 3
    assert any(frame == DARK for at, frame in shown if at > 2.5)


def test_a_sound_stills_nothing() -> None:
    """A buzzer is no flash, and neither is a steady light."""
    for once in ("buzzer blink 2s", "green 2s"):
        shown = played("amber blink", once, seconds=2.4)

        assert {frame[Channel.AMBER] for at, frame in shown if at >= 0.5} == {0.0, 1.0}


def test_a_light_that_does_not_open_is_waited_for_with_growing_patience() -> None:
    """A light that is plugged in later is found, without being asked all the time."""
    absent = LightUnavailable("not there")
    light = Recorder()
    lamp = Lamp(opening(*[absent] * 6, light))
    now, waits = 0.0, []

    for _ in range(6):
        wait = lamp.step(parse_pattern("red"), now=now)
        assert wait is not None
        assert lamp.light is Light.WAITING
        assert lamp.trouble is absent
        waits.append(wait)
        now += wait
    lamp.step(parse_pattern("red"), now=now)

    assert waits == [*RETRIES, RETRIES[-1], RETRIES[-1]]
    assert max(waits) < 2
    assert lamp.light is Light.OK
    assert lamp.trouble is None
    assert light.shown == [RED]


def test_no_light_is_opened_before_its_time() -> None:
    """A new pattern is no reason to try a lost light at once."""
    tried: list[None] = []

    def open_light() -> Driver:
        tried.append(None)
        raise LightUnavailable("not there")

    lamp = Lamp(open_light)
    lamp.step(parse_pattern("red"), now=0.0)

    wait = lamp.step(parse_pattern("green"), now=0.1)

    assert len(tried) == 1
    assert wait == pytest.approx(RETRIES[0] - 0.1)


def test_a_light_that_goes_away_is_let_go_of_and_comes_back_up_to_date() -> None:
    """Unplugged while red, plugged in again when all is green: it shows green."""
    first, second = Recorder(), Recorder()
    lamp = Lamp(opening(first, second))
    lamp.step(parse_pattern("red blink"), now=0.0)
    first.fault = LightUnavailable("gone")

    lamp.step(parse_pattern("red blink"), now=0.5)
    lost = lamp.light
    lamp.step(parse_pattern("green"), now=1.0)

    assert lost is Light.LOST
    assert first.closed == 1
    assert second.shown == [GREEN]
    assert lamp.light is Light.OK


def test_a_steady_light_is_shown_again_after_it_was_reopened() -> None:
    """A light that comes back has forgotten everything."""
    first, second = Forgetful(), Recorder()
    lamp = Lamp(opening(first, second))
    lamp.step(parse_pattern("red"), now=0.0)
    first.fault = LightUnavailable("gone")
    lamp.step(parse_pattern("red"), now=10.0)

    lamp.step(parse_pattern("red"), now=11.0)

    assert second.shown == [RED]


def test_a_driver_that_fails_in_a_way_of_its_own_is_a_lost_light() -> None:
    """Somebody's driver with a mistake in it does not freeze the lamp."""
    first, second = Recorder(), Recorder()
    lamp = Lamp(opening(first, second))
    first.fault = ZeroDivisionError()

    lamp.step(parse_pattern("red"), now=0.0)
    trouble = str(lamp.trouble)
    lamp.step(parse_pattern("red"), now=1.0)

    assert trouble == "its driver failed (ZeroDivisionError)"
    assert second.shown == [RED]


def test_a_driver_that_fails_to_close_does_not_stop_the_lamp() -> None:
    """Closing is best effort: the light may be gone."""

    class Stubborn(Recorder):
        def close(self) -> None:
            raise OSError

    lamp = Lamp(opening(Stubborn()))
    lamp.step(parse_pattern("red"), now=0.0)

    lamp.close()

    assert lamp.driver is None


def test_a_thread_plays_what_it_is_told_and_ends_dark() -> None:
    """The light follows the patterns, and is closed by the thread that opened it."""
    light = Recorder()
    threads: list[threading.Thread] = []

    def open_light() -> Driver:
        threads.append(threading.current_thread())
        return light

    thread = LampThread("shelf", Lamp(open_light))
    thread.start(parse_pattern("red"))
    assert thread.wait_played(parse_pattern("red"), PATIENCE)

    thread.play(parse_pattern("green"))
    assert thread.wait_played(parse_pattern("green"), PATIENCE)
    thread.stop()

    assert thread.join(PATIENCE)
    assert light.shown == [RED, GREEN]
    assert light.closed == 1
    assert [each.daemon for each in threads] == [True]


def test_a_cheer_that_waits_is_none_any_more_once_another_pattern_comes() -> None:
    """The light is slow to turn green; until it cheers, the next build has broken."""
    green, red = parse_pattern("green"), parse_pattern("red")
    reached, go_on = threading.Event(), threading.Event()

    class Slow(Recorder):
        def show(self, frame: Frame) -> None:
            super().show(frame)
            if frame == GREEN:
                reached.set()
                assert go_on.wait(PATIENCE)

    light = Slow()
    thread = LampThread("shelf", Lamp(opening(light)))
    thread.start(green)
    assert reached.wait(PATIENCE)
    thread.play_once(parse_pattern("green blink 5s"))
    thread.play(red)
    go_on.set()
    assert thread.wait_played(red, PATIENCE)
    thread.stop()

    assert thread.join(PATIENCE)
    assert light.shown == [GREEN, RED]


def test_a_thread_tells_when_its_light_changes() -> None:
    """Opened, lost, found: each is told once."""
    heard = threading.Semaphore(0)
    first, second = Recorder(), Recorder()
    thread = LampThread("shelf", Lamp(opening(first, second)), on_light=heard.release)
    thread.start(parse_pattern("red"))
    assert heard.acquire(timeout=PATIENCE)
    first.fault = LightUnavailable("gone")

    thread.play(parse_pattern("green"))

    assert heard.acquire(timeout=PATIENCE)
    assert heard.acquire(timeout=PATIENCE)
    assert thread.status().light is Light.OK
    assert second.shown == [GREEN]
    thread.stop()
    assert thread.join(PATIENCE)


def test_a_light_that_blocks_is_seen_and_does_not_hold_anybody() -> None:
    """Neither a new pattern nor the end waits for a driver that does not come back."""
    blocked, released = threading.Event(), threading.Event()

    class Blocking(Recorder):
        def show(self, frame: Frame) -> None:
            blocked.set()
            released.wait(PATIENCE)
            super().show(frame)

    now = [0.0]
    light = Blocking()
    thread = LampThread("shelf", Lamp(opening(light)), clock=lambda: now[0])
    thread.start(parse_pattern("red"))
    assert blocked.wait(PATIENCE)
    now[0] = 7.0

    thread.play(parse_pattern("green"))
    thread.stop()

    assert thread.status().blocked == 7.0
    assert thread.status().called_in == 0.0
    assert not thread.join(0.01)
    released.set()
    assert thread.join(PATIENCE)
    assert thread.status().blocked == 0.0
    assert light.closed == 1


def test_a_light_that_takes_its_time_to_open_is_not_lost_for_that() -> None:
    """A board that starts needs seconds; only its opening is waited for so patiently."""
    opening, opened, showing = threading.Event(), threading.Event(), threading.Event()
    released = threading.Event()

    class Blocking(Recorder):
        def show(self, frame: Frame) -> None:
            showing.set()
            released.wait(PATIENCE)
            super().show(frame)

    def open_light() -> Driver:
        opening.set()
        opened.wait(PATIENCE)
        return Blocking()

    now = [0.0]
    thread = LampThread("shelf", Lamp(open_light), clock=lambda: now[0])
    thread.start(parse_pattern("red"))
    assert opening.wait(PATIENCE)
    blocked = []

    for now[0] in (3.0, OPENING, OPENING + 2.0):
        blocked.append(thread.status().blocked)
    opened.set()
    assert showing.wait(PATIENCE)
    for now[0] in (OPENING + 2.0, OPENING + 4.0):
        blocked.append(thread.status().blocked)
    released.set()
    thread.stop()

    assert thread.join(PATIENCE)
    assert blocked == [0.0, 0.0, 2.0, 0.0, 2.0]


def test_a_thread_that_plays_a_steady_pattern_is_still() -> None:
    """Whoever watches lamps for hanging lights may sleep."""
    thread = LampThread("shelf", Lamp(opening(Recorder())))
    thread.start(parse_pattern("red blink"))
    assert thread.wait_played(parse_pattern("red blink"), PATIENCE)
    moving = thread.status().called_in

    thread.play(OFF)
    assert thread.wait_played(OFF, PATIENCE)

    assert moving < 1.0
    assert thread.status().called_in == math.inf
    thread.stop()
    assert thread.join(PATIENCE)


def test_a_driver_that_goes_on_failing_is_told_when_it_changes(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A mistake in somebody's driver does not fill the log while it is tried again."""

    class Stubborn(Recorder):
        def close(self) -> None:
            raise OSError("stuck")

    light = Stubborn()
    lamp = Lamp(lambda: light)
    faults = [*[ZeroDivisionError("a")] * 5, *[ValueError("b")] * 5, None, ValueError("b")]
    for number, fault in enumerate(faults):
        light.fault = fault
        lamp.step(parse_pattern("red" if number % 2 else "green"), now=10.0 * number)

    assert [record.message for record in caplog.records] == [
        "a driver failed: ZeroDivisionError: a",
        "a driver failed to close its light: OSError: stuck",
        "a driver failed: ValueError: b",
        "a driver failed: ValueError: b",
        "a driver failed to close its light: OSError: stuck",
    ]
    assert not any(record.exc_info for record in caplog.records)


class Witness:
    """A light that says what is known of it."""

    Options: ClassVar[type[DriverOptions]] = DriverOptions
    refresh: ClassVar[float | None] = 0.5
    known: Any = Known.CONFIRMED

    def show(self, frame: Frame) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


def test_a_light_says_what_is_known_of_it() -> None:
    """Read back, or only told; and nothing of a light that is lost."""
    light = Witness()
    lamp = Lamp(lambda: light)
    found: list[Known | None] = []

    for second, said in enumerate((Known.CONFIRMED, Known.TOLD, "yes")):
        light.known = said
        lamp.step(OFF, now=float(second))
        found.append(lamp.known)

    assert found == [Known.CONFIRMED, Known.TOLD, Known.TOLD]


def test_a_light_of_the_version_before_is_told() -> None:
    """Its driver has never heard of it."""

    class Older:
        Options: ClassVar[type[DriverOptions]] = DriverOptions
        refresh: ClassVar[float | None] = None

        def show(self, frame: Frame) -> None:
            """Do nothing."""

        def close(self) -> None:
            """Do nothing."""

    lamp = Lamp(Older)
    lamp.step(OFF, now=0.0)

    assert (lamp.light, lamp.known) == (Light.OK, Known.TOLD)


def test_a_light_that_hangs_is_not_known() -> None:
    """Whatever it said before."""
    hung = LampStatus(Light.OK, blocked=9.0, known=Known.CONFIRMED)

    assert hung.seen == (Light.LOST, None)
    assert LampStatus(Light.OK, known=Known.CONFIRMED).seen == (Light.OK, Known.CONFIRMED)
    assert LampStatus(None).seen is None


def test_a_patient_light_may_take_its_time() -> None:
    """One in the network may answer after seconds; a second belongs to every light."""

    class Slow(Witness):
        patience = 6.5

    assert patience_of(Slow()) == 5.5
    assert patience_of(Witness()) == 0.0
