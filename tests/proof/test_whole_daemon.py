"""The whole daemon through random worlds: after every step every lamp is compared with the oracle.

``--hypothesis-profile=long`` walks a hundred times as far. `random_walk.py` is the same without
hypothesis, for a million steps of one seed. What either finds belongs at the end, as a story; so
far neither has found a lie.
"""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from proof.oracle import Said, Told, expected
from proof.random_walk import live
from proof.walk import (
    ACTIVITIES,
    FAULTS,
    FEEDS,
    LABELS,
    LAMPS,
    LEAPS,
    NAMES,
    TIMES,
    WAITS,
    WORDS,
    Walk,
)
from support.figures import note

feeds = st.sampled_from(FEEDS)
lamps = st.sampled_from([*LAMPS])
projects = st.builds(
    Said,
    name=st.sampled_from(NAMES),
    activity=st.sampled_from(ACTIVITIES),
    word=st.sampled_from(WORDS),
    label=st.sampled_from(LABELS),
    time=st.sampled_from(TIMES),
    doubt=st.sampled_from((False, False, False, True)),
)
documents = st.lists(projects, max_size=3, unique_by=lambda said: said.who)


class Worlds(RuleBasedStateMachine):
    """Servers, builds, outages, reloads, restarts, leaps of the clock, and lights that fail."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.walk = Walk(Path(self._folder.name))

    @rule(feed=feeds, said=documents)
    def say(self, feed: str, said: list[Said]) -> None:
        """A server has other projects."""
        self.walk.say(feed, *said)

    @rule(feed=feeds, said=projects)
    def say_one(self, feed: str, said: Said) -> None:
        """A build begins, ends, or is told of in an odd way."""
        self.walk.say_one(feed, said)

    @rule(feed=feeds, fault=st.sampled_from(range(len(FAULTS))))
    def fail(self, feed: str, fault: int) -> None:
        """A server fails."""
        self.walk.fail(feed, fault)

    @rule(feed=feeds)
    def recover(self, feed: str) -> None:
        """A server is well again."""
        self.walk.recover(feed)

    @rule(seconds=st.sampled_from(WAITS))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.walk.wait(seconds)

    @rule(seconds=st.sampled_from(LEAPS))
    def leap(self, seconds: float) -> None:
        """The clock on the wall is set."""
        self.walk.leap(seconds)

    @rule(lamp=lamps, names=st.lists(st.sampled_from(NAMES), unique=True).map(tuple))
    def exclude(self, lamp: str, names: tuple[str, ...]) -> None:
        """Somebody edits the configuration and reloads."""
        self.walk.exclude(lamp, names)

    @rule(restart=st.booleans())
    def leave_out(self, *, restart: bool) -> None:
        """The configuration leaves a feed out, or has it again."""
        self.walk.leave_out(restart=restart)

    @rule(feed=feeds, name=st.sampled_from(NAMES), word=st.sampled_from(("Unknown", "Success")))
    def stand_in(self, feed: str, name: str, word: str) -> None:
        """A proxy answers in a server's place."""
        self.walk.stand_in(feed, Said(f"{name} (main branch)", word=word, label="0"))

    @rule(feed=feeds, number=st.integers(0, 2))
    def vanish(self, feed: str, number: int) -> None:
        """A project is gone."""
        self.walk.vanish(feed, number)

    @rule()
    def restart(self) -> None:
        """The daemon is stopped and started."""
        self.walk.restart()

    @rule()
    def kill(self) -> None:
        """The daemon is killed and started."""
        self.walk.kill()

    @rule()
    def fill(self) -> None:
        """The disk is full."""
        self.walk.fill()

    @rule()
    def empty(self) -> None:
        """The disk has room again."""
        self.walk.empty()

    @rule(lamp=lamps, oddly=st.booleans())
    def unplug(self, lamp: str, *, oddly: bool) -> None:
        """A light goes, or its driver fails as no driver should."""
        self.walk.unplug(lamp, oddly=oddly)

    @rule(lamp=lamps)
    def plug(self, lamp: str) -> None:
        """A light comes back."""
        self.walk.plug(lamp)

    @invariant()
    def every_lamp_shows_what_the_oracle_says(self) -> None:
        """The promise."""
        self.walk.compare()

    def teardown(self) -> None:
        """End this world."""
        note("steps", str(self.walk.steps))
        self.walk.close()
        self._folder.cleanup()


if settings.get_current_profile_name() in {"quick", "thorough"}:  # the others walk for minutes
    Worlds.TestCase.settings = settings(max_examples=20, stateful_step_count=30, deadline=None)
TestWorlds = pytest.mark.timeout(0)(Worlds.TestCase)


@pytest.mark.parametrize("seed", ["a", "b", "c"])
def test_a_walk_from_a_seed_shows_nothing_that_it_must_not(seed: str) -> None:
    """What `random_walk.py` does a million times."""
    assert live(seed, 50) == 50


# The oracle itself: it was written by hand, and has to know the rules by heart.

PASSING = Said("shop")
BROKEN = Said("shop", word="Failure")


def heard(*answers: list[Said] | None) -> Told:
    """Return a feed that has given these *answers*, a second apart."""
    told = Told()
    for second, answer in enumerate(answers):
        told.hear(answer, float(second))
    return told


@pytest.mark.parametrize(
    ("answers", "signal"),
    [
        ([], "stale"),
        ([None], "stale"),
        ([[]], "stale"),
        ([[PASSING]], "passing"),
        ([[BROKEN]], "broken"),
        ([[PASSING], None, None], "passing"),
        ([[PASSING], None, None, None], "stale"),
        ([[BROKEN], None, None, None], "broken-stale"),
        ([[PASSING], [Said("shop", "Building", "Unknown")]], "passing-building"),
        ([[BROKEN], [Said("shop", "Building", "Success")]], "broken-building"),
        ([[BROKEN], [PASSING]], "passing"),
        ([[Said("shop", "Sleeping", "odd")]], "none"),
        ([[Said("shop", "Building", "")]], "none-building"),
        ([[PASSING, Said("till", word="Failure")]], "broken"),
    ],
)
def test_the_oracle_knows_the_rules(answers: list[list[Said] | None], signal: str) -> None:
    """A stopped oracle would agree with everything; this one has been asked."""
    assert expected([heard(*answers)], (), now=5.0) == signal
