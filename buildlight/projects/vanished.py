"""Projects that an answer does not hold, and how long they are kept. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from buildlight.projects.matching import Key
from buildlight.projects.verdict import ProjectState, Verdict, forgotten

if TYPE_CHECKING:
    from buildlight.projects.feed_state import FeedState, Reading, Rules


def missing_of(
    feed_state: "FeedState", read: Mapping[Key, ProjectState], reading: "Reading", rules: "Rules"
) -> dict[Key, ProjectState]:
    """Return the projects that are missing from the answer and are still kept.

    After a restart or a long silence of the feed, a broken project counts as missing from now on,
    and a green one is forgotten at once.
    """
    answered = feed_state.answered
    blind = answered is None or reading.at >= answered + rules.max_age
    kept = {}
    for key, known in feed_state.projects.items():
        if key in read or known.project.stand_in:  # This doubt has ended.
            continue
        red = known.verdict is Verdict.BROKEN
        since = known.missing_since
        if since is None:
            since = reading.at if blind and red else answered
        grace = rules.forget_missing if red else rules.max_age
        if since is not None and since + grace > reading.at:
            confirmed = since if answered is None else answered
            if known.unconfirmed_since is not None:
                confirmed = known.unconfirmed_since
            kept[key] = _gone(known, since, confirmed, reading, rules)
    return _latest(kept)


def _gone(
    known: ProjectState, since: float, confirmed: float, reading: "Reading", rules: "Rules"
) -> ProjectState:
    old = reading.at - confirmed >= rules.expiry
    known = replace(
        known,
        missing_since=since,
        unconfirmed_since=confirmed,
        definite=False,
        doubted=known.doubted and not old,
    )
    return forgotten(known) if old else known


def _latest(missing: dict[Key, ProjectState]) -> dict[Key, ProjectState]:
    """Return the projects that were seen last; without a limit new names could fill the memory."""
    if len(missing) <= MOST_MISSING:
        return missing
    latest = sorted(missing, key=lambda key: missing[key].missing_since or 0.0, reverse=True)
    return {key: missing[key] for key in latest[:MOST_MISSING]}


MOST_MISSING = 50_000
"""Most missing projects that are kept: as many as one answer may contain."""
