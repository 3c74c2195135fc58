"""All lamps of a configuration, and how they change places: real threads, and wires to watch."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from buildlight.config.settings import check_settings
from buildlight.drivers import DriverOptions
from buildlight.errors import LightBusy, LightUnavailable
from buildlight.lamps import group
from buildlight.lamps.group import LampGroup, threaded
from buildlight.lamps.settings import LampSettings
from buildlight.patterns.pattern import Frame
from buildlight.report.shown import Light
from support.examples import NOON
from support.servers import until

PATIENCE = 5.0
"""Seconds that a light may take to let go; a busy machine is slow."""


class Wires:
    """Pins that only one light at a time can hold, and what was done to each, in order."""

    def __init__(self) -> None:
        self.held: set[str] = set()
        self.done: list[str] = []
        self.stuck: set[str] = set()
        self.free = threading.Event()
        self._lock = threading.Lock()

    def open(self, options: Any) -> "Wired":
        """Open the light on the pins of *options*; busy if another one has one of them."""
        with self._lock:
            if options.claims & self.held:
                raise LightBusy("in use already")
            self.held |= options.claims
            self.done.append(f"open {name_of(options)}")
        return Wired(self, options)


def name_of(options: DriverOptions) -> str:
    """Return the numbers of the pins."""
    return " ".join(sorted(each.removeprefix("GPIO") for each in options.claims))


class Wired:
    """A light on some wires."""

    Options: ClassVar[type[DriverOptions]] = DriverOptions
    refresh: ClassVar[float | None] = None

    def __init__(self, wires: Wires, options: DriverOptions) -> None:
        self._wires, self._options = wires, options

    def show(self, frame: Frame) -> None:
        """Write down what is lit; hang, if this one is stuck."""
        name = name_of(self._options)
        lit = "+".join(sorted(each.value for each in frame.lit)) or "dark"
        self._wires.done.append(f"{lit} {name}")
        if name in self._wires.stuck:
            assert self._wires.free.wait(30.0)

    def close(self) -> None:
        """Go dark and let go."""
        self._wires.done.append(f"close {name_of(self._options)}")
        self._wires.held -= self._options.claims


class Bench:
    """LampGroup, and the wires under them."""

    def __init__(self, *tables: dict[str, Any]) -> None:
        self.wires = Wires()
        self._open = self.wires.open  # One object: a bound method is another at each look.
        self.lamps = LampGroup(self.settings(*tables), make_player=threaded)

    def settings(self, *tables: dict[str, Any]) -> tuple[LampSettings, ...]:
        """Return the lamps of *tables*, on these wires."""
        document = {
            "feeds": [{"name": "web", "url": "http://web.example/cc.xml"}],
            "lamps": [{"driver": "gpio", "patterns": STEADY, **each} for each in tables],
        }
        return tuple(_wired(lamp, self._open) for lamp in check_settings(document).lamps)

    def lights(self) -> tuple[Light, ...]:
        """Return how the light of each lamp is reported."""
        return tuple(row.light for row in self.lamps.rows())

    async def shown(self) -> None:
        """Wait until every light was tried."""
        await until(lambda: self.lamps.tried)

    async def exchange(self, *tables: dict[str, Any], patience: float = PATIENCE) -> list[str]:
        """Go on with the lamps of *tables*; returns what was done to the wires for it."""
        before = len(self.wires.done)
        await self.lamps.exchange(self.settings(*tables), patience=patience)
        self.lamps.start(NOON)
        await self.shown()
        return self.wires.done[before:]


def _wired(lamp: LampSettings, opener: Callable[[Any], Wired]) -> LampSettings:
    return replace(lamp, light=opener)


STEADY = {"stale": "red"}
A, B, C = ({"name": name, "pins": {"red": pin}} for name, pin in (("a", 1), ("b", 2), ("c", 3)))


def lamps_of(
    *tables: dict[str, Any],
) -> Callable[[Callable[[Bench], Awaitable[None]]], Bench]:
    """Return what lets a story happen to the lamps of *tables*, on a loop of its own."""

    def tell(story: Callable[[Bench], Awaitable[None]]) -> Bench:
        async def told() -> Bench:
            bench = Bench(*tables)
            bench.lamps.start(NOON)
            try:
                await bench.shown()
                await story(bench)
            finally:
                bench.wires.free.set()
                bench.lamps.darken(PATIENCE)
                bench.lamps.close(PATIENCE)
            return bench

        return asyncio.run(told())

    return tell


def test_a_lamp_that_gets_no_thread_at_a_reload_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The lamps that were there go dark, and no traceback is printed."""

    def none_left(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    @lamps_of(A)
    async def bench(bench: Bench) -> None:
        with monkeypatch.context() as full:
            full.setattr(threading.Thread, "start", none_left)
            with pytest.raises(LightUnavailable, match="cannot start another thread"):
                await bench.exchange(A, B)

    assert bench.wires.done == ["open 1", "red 1", "close 1"]


def test_a_light_that_stays_is_left_alone() -> None:
    """Not closed, not opened, not even told anew."""

    async def story(bench: Bench) -> None:
        assert await bench.exchange(A, B) == []

    bench = lamps_of(A, B)(story)

    assert not bench.wires.held


def test_what_a_lamp_watches_and_is_called_may_change() -> None:
    """Only the light decides whether it is the same."""

    async def story(bench: Bench) -> None:
        done = await bench.exchange({**A, "name": "shelf", "exclude": ["nightly"]})
        assert done == []
        (row,) = bench.lamps.rows()
        assert (row.name, row.selection.exclude) == ("shelf", ("nightly",))

    lamps_of(A)(story)


def test_another_pattern_is_shown_on_the_same_light() -> None:
    """No darkness between two colours, either."""

    async def story(bench: Bench) -> None:
        pins = {"pins": {"red": 1, "amber": 2, "green": 3}}
        before = len(bench.wires.done)
        await bench.lamps.exchange(
            bench.settings({"name": "a", **pins, "patterns": {"stale": "amber"}}), patience=PATIENCE
        )
        bench.lamps.start(NOON)
        await until(lambda: "amber 1 2 3" in bench.wires.done)
        assert bench.wires.done[before:] == ["amber 1 2 3"]

    lamps_of({"name": "a", "pins": {"red": 1, "amber": 2, "green": 3}})(story)


def test_lamps_may_change_places() -> None:
    """The order of the tables means nothing to a light."""

    async def story(bench: Bench) -> None:
        assert await bench.exchange(C, A, B) == []
        assert [row.name for row in bench.lamps.rows()] == ["c", "a", "b"]

    lamps_of(A, B, C)(story)


def test_a_lamp_that_goes_is_dark_and_one_that_comes_is_lit() -> None:
    """Of three, one goes and one comes; two know nothing of it."""
    new = {"name": "d", "pins": {"red": 4}}

    async def story(bench: Bench) -> None:
        assert await bench.exchange(A, new, C) == ["close 2", "open 4", "red 4"]

    lamps_of(A, B, C)(story)


def test_two_lamps_exchange_their_pins() -> None:
    """Every light is let go of before the first is opened, or the second would be busy."""
    before = ({"name": "a", "pins": {"red": 1, "green": 2}}, {"name": "b", "pins": {"red": 3}})
    after = ({"name": "a", "pins": {"red": 3, "green": 2}}, {"name": "b", "pins": {"red": 1}})

    async def story(bench: Bench) -> None:
        done = await bench.exchange(*after)
        assert sorted(done[:2]) == ["close 1 2", "close 3"]
        assert sorted(done[2:]) == ["open 1", "open 2 3", "red 1", "red 2 3"]
        assert bench.lights() == (Light.OK, Light.OK)

    lamps_of(*before)(story)


def test_two_lamps_exchange_their_names() -> None:
    """The same two lights, the other way round: neither is dark for a moment."""

    async def story(bench: Bench) -> None:
        assert await bench.exchange({**B, "name": "a"}, {**A, "name": "b"}) == []
        assert [row.name for row in bench.lamps.rows()] == ["a", "b"]

    lamps_of(A, B)(story)


def test_a_light_that_does_not_let_go_is_told_and_holds_nobody_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It hangs: after the patience the others go on without it; one warning says it may be lit."""

    async def told() -> None:
        bench = Bench(A, B)
        bench.wires.stuck.add("2")
        bench.lamps.start(NOON)
        await until(lambda: {"red 1", "red 2"} <= {*bench.wires.done})
        before = len(bench.wires.done)
        stuck = await bench.lamps.exchange(bench.settings(A, C), patience=0.05)
        assert [lamp.name for lamp in stuck] == ["b"]
        bench.lamps.start(NOON)
        await until(lambda: "red 3" in bench.wires.done)
        assert bench.wires.done[before:] == ["open 3", "red 3"]
        bench.wires.free.set()
        await until(lambda: "close 2" in bench.wires.done)
        bench.lamps.darken(PATIENCE)
        bench.lamps.close(PATIENCE)

    asyncio.run(told())

    assert [each.getMessage() for each in caplog.records] == [
        "b: the light did not respond; its last state may still be shown"
    ]


def test_lamps_that_were_never_begun_come_and_go() -> None:
    """Two reloads within a moment: what was in between was not lit, and is not waited for."""

    async def story(bench: Bench) -> None:
        before = len(bench.wires.done)
        await bench.lamps.exchange(bench.settings(A, B), patience=PATIENCE)
        assert bench.lights() == (Light.OK, Light.WAITING)
        assert not bench.lamps.tried
        await bench.lamps.exchange(bench.settings(A, C), patience=0.0)
        assert bench.wires.done[before:] == []
        assert await bench.exchange(A, C) == ["open 3", "red 3"]

    lamps_of(A)(story)


def test_a_lamp_that_was_never_begun_is_not_joined() -> None:
    """The end comes before the first report after a reload."""

    async def story(bench: Bench) -> None:
        await bench.lamps.exchange(bench.settings(A, B), patience=PATIENCE)

    bench = lamps_of(A)(story)

    assert bench.wires.done == ["open 1", "red 1", "close 1"]


def test_all_lamps_may_go() -> None:
    """Every light of the old configuration is dark, whatever the new one has."""

    async def story(bench: Bench) -> None:
        done = await bench.exchange({"name": "d", "pins": {"red": 4}})
        assert sorted(done[:3]) == ["close 1", "close 2", "close 3"]
        assert done[3:] == ["open 4", "red 4"]

    lamps_of(A, B, C)(story)


def test_a_light_that_hangs_counts_as_tried_and_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """The start of the others is not held by it, and the watchdog can ask for its name."""
    monkeypatch.setattr(group, "HUNG", 0.5)

    async def told() -> None:
        bench = Bench(A, B)
        bench.wires.stuck.add("2")
        bench.lamps.start(NOON)
        await until(lambda: bench.lights() == (Light.OK, Light.LOST))
        assert bench.lamps.tried
        assert bench.lamps.hung() == ("b",)
        bench.wires.free.set()
        await until(lambda: bench.lights() == (Light.OK, Light.OK))
        assert bench.lamps.hung() == ()
        bench.lamps.darken(PATIENCE)
        bench.lamps.close(PATIENCE)

    asyncio.run(told())
