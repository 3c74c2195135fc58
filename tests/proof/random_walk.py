"""A long random walk: ``python tests/proof/random_walk.py --steps 1000000 --seed 1``.

Every step is drawn from the seed, so that a lie that is found can be seen again.
"""

import argparse
import logging
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from proof.oracle import Said
from proof.walk import (
    ACTIVITIES,
    ADDRESSES,
    FAULTS,
    FEEDS,
    LABELS,
    LAMPS,
    LEAPS,
    NAMES,
    NFD,
    TIMES,
    TWIN,
    TWINS,
    WAITS,
    WORDS,
    Walk,
)

LIFE = 500
"""Steps of one world; then comes the next, which knows nothing."""


def said(dice: random.Random, feed: str, *, twins: bool) -> Said:
    """Return what the server *feed* may say of a project."""
    twin = dice.choice(TWINS) if twins and feed == "api" and dice.random() < TWINNED else ""
    return Said(
        name=TWIN if twin else dice.choice((*NAMES, NFD)),
        twin=twin,
        activity=dice.choice(ACTIVITIES),
        word=dice.choice(WORDS),
        label=dice.choice(LABELS),
        time=dice.choice(TIMES),
        doubt=not twin and dice.random() < DOUBTFUL,
    )


DOUBTFUL = 0.05
"""How many rows stand for a feed in doubt of another buildlight."""
TWINNED = 0.4
"""How many of the projects of a feed with twins are one of them."""


def a_feed(dice: random.Random, feed: str, *, twins: bool) -> list[Said]:
    """Return what the server *feed* may say of all of its projects."""
    told = (said(dice, feed, twins=twins) for _ in range(dice.randrange(4)))
    found = {each.who: each for each in told}
    return [*found.values()]


def some_names(dice: random.Random) -> tuple[str, ...]:
    """Return projects that a lamp may leave out."""
    return tuple(name for name in NAMES if dice.random() < 1 / 3)


def say_one(walk: Walk, dice: random.Random, feed: str) -> None:
    """Have one project be different."""
    walk.say_one(feed, said(dice, feed, twins=walk.twins))


def say_all(walk: Walk, dice: random.Random, feed: str) -> None:
    """Have a server answer with other projects."""
    walk.say(feed, *a_feed(dice, feed, twins=walk.twins))


def stand_in(walk: Walk, dice: random.Random, feed: str) -> None:
    """Have a proxy answer in a server's place, as one does that cannot read it."""
    name = f"{dice.choice(NAMES)} (main branch)"
    word = dice.choice(("Unknown", "Unknown", "Success"))
    walk.stand_in(feed, Said(name, word=word, label="0"))


# How often each happens, of a hundred steps.
STEPS: tuple[tuple[int, Callable[[Walk, random.Random], None]], ...] = (
    (28, lambda walk, dice: walk.wait(dice.choice(WAITS))),
    (2, lambda walk, _: walk.fill()),
    (2, lambda walk, _: walk.empty()),
    (20, lambda walk, dice: say_one(walk, dice, dice.choice(FEEDS))),
    (8, lambda walk, dice: say_all(walk, dice, dice.choice(FEEDS))),
    (9, lambda walk, dice: walk.fail(dice.choice(FEEDS), dice.randrange(len(FAULTS)))),
    (9, lambda walk, dice: walk.recover(dice.choice(FEEDS))),
    (3, lambda walk, dice: walk.exclude(dice.choice([*LAMPS]), some_names(dice))),
    (2, lambda walk, dice: walk.leave_out(restart=dice.random() < 1 / 2)),
    (2, lambda walk, dice: stand_in(walk, dice, dice.choice(FEEDS))),
    (2, lambda walk, dice: walk.vanish(dice.choice(FEEDS), dice.randrange(9))),
    (3, lambda walk, _: walk.restart()),
    (2, lambda walk, _: walk.kill()),
    (2, lambda walk, dice: walk.leap(dice.choice(LEAPS))),
    (3, lambda walk, dice: walk.unplug(dice.choice([*LAMPS]), oddly=dice.random() < 1 / 2)),
    (3, lambda walk, dice: walk.plug(dice.choice([*LAMPS]))),
)


def take(walk: Walk, dice: random.Random) -> None:
    """Take one random step, and compare."""
    weights, steps = zip(*STEPS, strict=True)
    dice.choices(steps, weights)[0](walk, dice)
    walk.compare()


def live(seed: str, steps: int) -> int:
    """Live one life of *steps* steps, drawn from *seed*; return how many were compared."""
    dice = random.Random(seed)
    random.seed(seed)  # The program throws dice of its own for when it polls.
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(Path(folder), address=dice.choice((None, *ADDRESSES)))
        try:
            for _ in range(steps):
                take(walk, dice)
        except AssertionError as exc:
            raise AssertionError(
                f"a life of seed {seed!r}, after {walk.steps} steps: {exc}"
            ) from exc
        finally:
            walk.close()
    return walk.steps


def main() -> None:
    """Walk, and say how far."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--steps", type=int, default=1_000_000)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--begin", type=int, default=0, help="steps that were taken before")
    chosen = options.parse_args()
    logging.disable()  # Every fault is told, and there are many.
    begun, taken = time.monotonic(), chosen.begin - chosen.begin % LIFE
    while taken < chosen.steps:
        taken += live(f"{chosen.seed}-{taken}", min(LIFE, chosen.steps - taken))
        if taken % 10_000 == 0:
            print(f"{taken} steps, {time.monotonic() - begun:.0f} s", flush=True)
    print(f"{taken} steps of seed {chosen.seed}: no lamp showed what it must not")


if __name__ == "__main__":
    main()
