"""When to poll a feed next, and how long news keeps. Pure: functions of seconds."""

DEADLINE = 20.0
"""Seconds that one poll may take in all."""
CEILING = 5
"""Back-off never exceeds this many intervals."""
LONGEST_REST = 3_600.0
"""Most seconds for which a server's ``Retry-After`` is obeyed."""
JITTER = 0.1
"""Share of a wait by which it may be shortened, so that many lamps do not poll in step."""
CLOSEST = 5.0
"""Seconds between two polls below which no wait is shortened."""


def wait(
    *,
    interval: float,
    building_interval: float,
    building: bool,
    failures: int,
    tolerated: int,
    chance: float,
    place: float = 1.0,
    rest: float | None = None,
) -> float:
    """Return the seconds from the start of one poll to the start of the next.

    *failures* polls in a row have failed; up to *tolerated* of them change nothing, because the
    next poll may work; then the wait doubles, up to :data:`CEILING` intervals.
    *chance* (0 to 1) is the dice for the jitter. Jitter only shortens a wait, so that the ages
    promised in the manual hold, and brings no two polls
    closer together than :data:`CLOSEST`. *place* (0 to 1) is where between that and the whole wait
    the next poll falls: it spreads feeds that were all polled at once, at the start. *rest* is how
    many seconds the server asks to be left alone; it is obeyed up to :data:`LONGEST_REST`.

    tests/benchmarks/reaction.py compares these two intervals with a fixed one that makes as many
    requests, and with cleverer schedules, which are not better.
    """
    calm = min(interval, building_interval) if building else interval
    if failures >= tolerated:
        calm = interval * min(2 ** min(failures - tolerated, CEILING), CEILING)
    least = min(calm, CLOSEST)
    placed = least + place * (calm - least)
    shortened = max(placed * (1 - JITTER * chance), least)
    return max(shortened, min(rest or 0.0, LONGEST_REST))


def max_age(interval: float, *, deadline: float = DEADLINE) -> float:
    """Return the seconds after which a good answer is too old to be believed.

    Three polls may fail, and the last of them may take its whole *deadline*.
    """
    return 3 * interval + deadline
