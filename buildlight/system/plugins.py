"""Loads classes of installed packages: drivers, kinds of feeds."""

import logging
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel

from buildlight.errors import ConfigError

log = logging.getLogger(__name__)


def installed(group: str) -> tuple[str, ...]:
    """Return every name of the entry-point *group*."""
    return tuple(sorted(entry_points(group=group).names))


def built_in(group: str) -> tuple[str, ...]:
    """Return every name of the entry-point *group* that this package offers itself."""
    return tuple(
        sorted(
            each.name for each in entry_points(group=group) if each.value.startswith(f"{group}.")
        )
    )


def load_plugin(group: str, name: str, *, what: str, options: type[BaseModel]) -> Any:
    """Return the class called *name* of *group*; ``None`` if there is none.

    Raises :class:`ConfigError`, which calls it *what*, if it does not import, if its ``Options``
    do not derive from *options*, or if several packages offer it. A package never replaces a
    built-in class.
    """
    offers = {each.value: each for each in entry_points(group=group, name=name)}
    if not offers:
        return None
    ours = {value: each for value, each in offers.items() if value.startswith(f"{group}.")}
    if len(offers) > 1:
        sentence = f"{what} {name!r} is offered by {' and '.join(map(_giver, offers.values()))}"
        if not ours:
            raise ConfigError(f"{sentence}; uninstall all but one")
        log.warning("%s; the built-in one is used", sentence)
    plugin = _loaded(next(iter((ours or offers).values())), f"{what} {name!r}")
    its_options = getattr(plugin, "Options", None)
    if not isinstance(its_options, type) or not issubclass(its_options, options):
        raise ConfigError(
            f"{what} {name!r} is not usable: its Options do not derive from {options.__name__}; "
            f"its author finds out more with the check in {group}.conformance"
        )
    return plugin


def _giver(offer: EntryPoint) -> str:
    return f"{offer.dist.name} {offer.dist.version}" if offer.dist else offer.value


def _loaded(offer: EntryPoint, called: str) -> object:
    try:
        return offer.load()
    except Exception as exc:  # a plug-in may be anybody's, and its errors of any type
        reason = str(exc) or type(exc).__name__
        raise ConfigError(f"{called} is installed but does not import: {reason}") from exc
