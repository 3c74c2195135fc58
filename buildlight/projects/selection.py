"""Which projects count, by their names. Pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Selection:
    """Which names count: patterns for :func:`select`."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def of(self, names: Iterable[str]) -> frozenset[str]:
        """Return those of *names* that count."""
        return select(names, include=self.include, exclude=self.exclude)


def select(
    names: Iterable[str], *, include: Collection[str] = (), exclude: Collection[str] = ()
) -> frozenset[str]:
    """Return the *names* that count: those in *include* (all if it is empty), without *exclude*.

    Patterns are globs that match a whole name, or regular expressions after ``re:`` that match
    anywhere in its first :data:`LOOKED_AT` characters. Both distinguish upper and lower case. A
    pattern that equals a name means that name, even if it contains brackets.
    """
    return frozenset(
        name
        for name in frozenset(names)
        if (not include or _matches(name, include)) and not _matches(name, exclude)
    )


def required(include: Iterable[str]) -> frozenset[str]:
    """Return the patterns of *include* that are plain names; their projects have to exist."""
    return frozenset(
        pattern for pattern in include if not pattern.startswith("re:") and not _GLOB & {*pattern}
    )


def exact(include: Iterable[str]) -> frozenset[str]:
    """Return the patterns of *include* that may also be plain names, such as a name with brackets.

    Such a name has to exist once it was seen.
    """
    return frozenset(pattern for pattern in include if not pattern.startswith("re:"))


_GLOB = frozenset("*?[")

LOOKED_AT = 500
"""Characters of a name that a regular expression searches. With ``.*`` most take quadratic time,
and a name may have 100,000 characters; globs are fast."""


def idle(include: Sequence[str], names: Collection[str]) -> tuple[int, ...]:
    """Return the positions, counted from 1, of patterns in *include* that match none of *names*.

    Plain names are left out: they are :func:`required`, and reported elsewhere.
    """
    plain = required(include)
    return tuple(
        number
        for number, pattern in enumerate(include, start=1)
        if pattern not in plain and not any(_matches(name, (pattern,)) for name in names)
    )


def _matches(name: str, patterns: Iterable[str]) -> bool:
    for pattern in patterns:
        if pattern.startswith("re:"):
            if re.search(pattern.removeprefix("re:"), name[:LOOKED_AT]):
                return True
        elif name == pattern or fnmatchcase(name, pattern):
            return True
    return False
