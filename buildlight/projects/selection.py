"""Which projects count, by their names. Pure."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True, slots=True)
class Selection:
    """Which names count: patterns as in :func:`select`."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()

    def of(self, names: Iterable[str]) -> frozenset[str]:
        """Return those of *names* that count."""
        return select(names, include=self.include, exclude=self.exclude)


def select(
    names: Iterable[str], *, include: Collection[str] = (), exclude: Collection[str] = ()
) -> frozenset[str]:
    """Return those of *names* that count: all, unless *include* names some, less *exclude*.

    Patterns are globs that match a whole name, or regular expressions behind ``re:`` that match
    anywhere in its first :data:`LOOKED_AT` letters. Both tell upper from lower case. A pattern that
    is a name means that name, whatever a glob would make of its brackets.
    """
    return frozenset(
        name
        for name in frozenset(names)
        if (not include or _matches(name, include)) and not _matches(name, exclude)
    )


def required(include: Iterable[str]) -> frozenset[str]:
    """Return the patterns of *include* that are plain names: their project has to exist."""
    return frozenset(
        pattern for pattern in include if not pattern.startswith("re:") and not _GLOB & {*pattern}
    )


def exact(include: Iterable[str]) -> frozenset[str]:
    """Return the patterns of *include* that may be a name themselves, in brackets for instance.

    Such a name has to exist once it was seen.
    """
    return frozenset(pattern for pattern in include if not pattern.startswith("re:"))


_GLOB = frozenset("*?[")

LOOKED_AT = 500
"""Letters of a name at which a regular expression looks. Most that hold ``.*`` take time with the
square of a name's length, which a server may make 100,000; a glob does not."""


def idle(include: Sequence[str], names: Collection[str]) -> tuple[int, ...]:
    """Return which patterns of *include*, counted from 1, match none of *names*.

    Plain names are not told: they are :func:`required`, and missed elsewhere.
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
