"""Lights with one command for each set of channels: the table of their states. Pure."""

from collections.abc import Iterable, Mapping
from typing import TypeVar

from buildlight.patterns.pattern import Channel

Lit = frozenset[Channel]
"""The channels that are lit together; none of them is ``off``."""
OFF = "off"
JOINT = "+"

CommandT = TypeVar("CommandT")


def lit_of(state: str) -> Lit:
    """Return the channels of *state*, which is ``red+amber`` or ``off``.

    Raises :class:`ValueError` with what is wrong.
    """
    if state == OFF:
        return frozenset()
    names = [name.strip() for name in state.split(JOINT)]
    known = [each.value for each in Channel]
    if not {*names} <= {*known}:
        raise ValueError(
            f"is not a state; write it as red, as red+amber or as off; channels are: "
            f"{', '.join(known)}"
        )
    if len({*names}) < len(names):
        raise ValueError("names a channel twice")
    return frozenset(map(Channel, names))


def spell(lit: Iterable[Channel]) -> str:
    """Return how the state of the channels *lit* is written."""
    wanted = {*lit}
    return JOINT.join(each.value for each in Channel if each in wanted) or OFF


def check_states(states: Mapping[str, CommandT]) -> Mapping[str, CommandT]:
    """Return *states*; raises :class:`ValueError` if they are not those of a light."""
    given: set[Lit] = set()
    for state in states:
        lit = lit_of(state)
        if lit in given:
            raise ValueError(f"has two commands for {spell(lit)}")
        given.add(lit)
    if frozenset() not in given:
        raise ValueError("has no command for off, which the light gets when buildlight stops")
    if len(given) == 1:
        raise ValueError('has no state but off; add red = "…"')
    return states


def by_lit(states: Mapping[str, CommandT]) -> Mapping[Lit, CommandT]:
    """Return the commands of checked *states* by the channels that they light."""
    return {lit_of(state): command for state, command in states.items()}
