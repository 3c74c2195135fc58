"""Faults of feeds, each with what a lamp was showing before: what it shows then is no lie.

A fault is played by real servers against the whole daemon. In every cell: the signal, the
sentence, what must not notice, and that the first good answer after it is enough.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from buildlight.patterns.pattern import Channel
from buildlight.projects.feed_state import Freshness
from faults.feed_faults import FAULTS, TRUNCATED, UNTOLD, Fault
from faults.stage import TOKEN, TRUTHS, Stage
from support.figures import note

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for all cells, on a machine without a proxy."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NO_PROXY", "*")
        patch.setenv("no_proxy", "*")
        patch.setenv("GPIOZERO_PIN_FACTORY", "mock")
        yield tmp_path_factory.mktemp("stage")


class Stages:
    """The stage that is in use: one daemon lives through many faults, until a test fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.stage: Stage | None = None

    def __enter__(self) -> Stage:
        if self.stage is None:
            self.stage = Stage(self._folder)
            self.stage.start()
        return self.stage

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self.close()

    def close(self) -> None:
        """End the daemon."""
        stage, self.stage = self.stage, None
        if stage is not None:
            stage.__exit__(None, None, None)


@pytest.fixture(scope="module")
def stages(folder: Path) -> Iterator[Stages]:
    """A daemon that is started when it is needed."""
    made = Stages(folder)
    yield made
    made.close()


def shows(stage: Stage, fault: Fault, column: str) -> bool:
    """Return whether the feed of *fault* is known to fail, with its sentence."""
    feed = stage.feed(fault.feed)
    told = fault.told(column)
    if not told:
        return feed.error is None and feed.projects == 0
    pattern = ".+".join(re.escape(part) for part in told.split(UNTOLD))
    return feed.state is not Freshness.FRESH and re.fullmatch(pattern, feed.error or "") is not None


def expected(fault: Fault, column: str) -> str:
    """Return the signal of a lamp during *fault*."""
    if fault.harmless:
        return "broken" if column == "was broken" else "passing"
    return "broken-stale" if column == "was broken" else "stale"


def play(stage: Stage, fault: Fault, column: str) -> None:
    """Begin *fault*, see what it does and what it must not do, end it, see that it is over."""
    signal = expected(fault, column)
    before = {name: max(len(light.frames) - 1, 0) for name, light in stage.lights.items()}

    fault.begin(stage)
    if column == "at start":
        stage.start()

    if fault.harmless:
        see_no_harm(stage, signal)
    else:
        stage.until(lambda: stage.report and shows(stage, fault, column), fault.told(column))
        stage.until_signals(signal, fault.feed, "all")
        see_no_lie(stage, fault, before, was_green=column == "was passing")
        see_others_untouched(stage, before)

    see_recovery(stage, fault)
    note("cells", f"{fault.name} | {column} | {signal} | {fault.told(column)}")


def see_no_harm(stage: Stage, signal: str) -> None:
    """What is unusual and no fault is read as it is meant."""
    polls = len(stage.servers["plain"].requests)
    stage.until(lambda: len(stage.servers["plain"].requests) > polls + 1, "polls")
    stage.until_signals(signal, "plain", "all")
    assert stage.feed("plain").error is None


def see_no_lie(stage: Stage, fault: Fault, before: dict[str, int], *, was_green: bool) -> None:
    """No lamp of the feed shows green: no more, or not at any time since the fault began."""
    for name in (fault.feed, "all"):
        light = stage.lights[name]
        if was_green:
            stage.until_dark_of(light, Channel.GREEN)
            before[name] = len(light.frames) - 1
    asked = len(stage.servers["other"].requests)
    stage.until(lambda: len(stage.servers["other"].requests) > asked + 1, "more polls")
    for name in (fault.feed, "all"):
        assert Channel.GREEN not in stage.lights[name].lit_since(before.get(name, 0))
    assert not any(TOKEN in str(request) for request in stage.stranger.requests)
    assert TOKEN not in (stage.feed(fault.feed).error or "")


def see_others_untouched(stage: Stage, before: dict[str, int]) -> None:
    """The feed that does not fail is polled on, and its lamp never changed."""
    truth = "broken" if stage.truth == TRUTHS["broken"] else "passing"
    stage.until_signals(truth, "other")
    if before:
        colour = Channel.RED if truth == "broken" else Channel.GREEN
        assert stage.lights["other"].lit_since(before["other"]) == {colour}


def see_recovery(stage: Stage, fault: Fault) -> None:
    """One good answer after the fault is enough: no other is given until all is well."""
    truth = "broken" if stage.truth == TRUTHS["broken"] else "passing"
    stage.recover(fault.feed, times=1)
    stage.until(lambda: stage.feed(fault.feed).error is None, "the end of the fault")
    stage.until_signals(truth, *stage.servers, "all")
    stage.servers[fault.feed].go_on()


def settle(stage: Stage, truth: str) -> None:
    """Have every server say *truth*, and every light show it."""
    stage.tell(TRUTHS[truth])
    stage.until_signals(truth, *stage.servers, "all")
    colour = Channel.RED if truth == "broken" else Channel.GREEN
    stage.until(lambda: all(each.lit == {colour} for each in stage.lights.values()), "the lights")


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_at_start_is_no_green(
    folder: Path, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon that never saw an answer says that nobody knows, and why."""
    monkeypatch.setattr("buildlight.feeds.http.client.LONGEST", fault.deadline)
    with Stage(folder) as stage:
        play(stage, fault, "at start")


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_leaves_no_old_green_and_no_red_forgotten(
    stages: Stages, truth: str, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Green gives way, red stays under a mark, and what else is watched goes on as it was."""
    with stages as stage:
        settle(stage, truth)
        monkeypatch.setattr("buildlight.feeds.http.client.LONGEST", fault.deadline)

        play(stage, fault, f"was {truth}")


@pytest.mark.parametrize("truth", TRUTHS)
@pytest.mark.parametrize("fault", TRUNCATED, ids=lambda fault: fault.name)
def test_a_feed_that_is_cut_anywhere_is_no_feed(stages: Stages, truth: str, fault: Fault) -> None:
    """After every byte of a small feed: green gives way, and red stays red."""
    with stages as stage:
        settle(stage, truth)

        play(stage, fault, f"was {truth}")
